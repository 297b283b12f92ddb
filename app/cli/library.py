"""``docent sync``, ``status`` and ``remove``: what the library holds."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.output import one_line, write_json, write_note, write_table, write_text
from app.cli.session import session_of

if TYPE_CHECKING:
    from app.assistant import Assistant
    from rag.ingest.events import SyncEvent, SyncReport
    from rag.ingest.preview import Preview
    from rag.types import Document

INTERRUPTED = 130
_SHOWN = 5  # paths that a pattern leaves out


def register(app: typer.Typer) -> None:
    app.command("sync")(sync)
    app.command("status")(status)
    app.command("remove")(remove)


def sync(
    context: typer.Context,
    locations: Annotated[
        list[str] | None, typer.Argument(metavar="[FOLDER|URL]...", help="Folders, files or YouTube URLs to add.")
    ] = None,
    anew: Annotated[
        bool, typer.Option("--anew", help="Read every document there anew, whether it has changed or not.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would be read, and what each pattern leaves out.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on following the folders until Ctrl-C.")] = False,
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Parse and embed on the Ray cluster whose head is at HOST:PORT."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Read new and changed documents.

    Without a FOLDER, those of every known source.
    """
    with session_of(context).open() as assistant:
        if dry_run:
            _show_preview(assistant.preview(locations or None), as_json=as_json)
            return
        with cancelled_by_interrupt() as cancel, progress_bar() as on_event:
            report = assistant.sync(locations or None, on_event, cancel, anew=anew, cluster=ray)
        documents = assistant.documents(locations or None)
        if as_json:
            from app.api.shapes import library as library_shapes

            write_json(library_shapes.SyncReport.of(report, documents).plain())
        else:
            _show_report(report, documents)
        if report.cancelled:
            raise typer.Exit(INTERRUPTED)
        if watch:
            _follow(assistant, as_json)


def status(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Show what the library holds.

    The sources, how many documents have each status, and which could not be read.
    """
    with session_of(context).open() as assistant:
        now = assistant.status()
    if as_json:
        from app.api.shapes.library import Status

        write_json(Status.of(now).plain())
        return
    if not now.sources:
        write_text("No sources yet. Add one with `docent sync FOLDER`.")
        return
    write_table(["Source", "Kind"], [[source.location, source.kind] for source in now.sources])
    write_text(f"\n{_summary(now.counts)}, {now.size_bytes / 1e6:.1f} MB in {now.library_path}")
    _show_problems(now.problems)


def remove(
    context: typer.Context,
    location: Annotated[str, typer.Argument(metavar="SOURCE|DOCUMENT", help="A source or one of its documents.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Take a source or a document out of the library.

    The files themselves stay where they are.
    """
    with session_of(context).open() as assistant:
        removed = assistant.remove(location)
    if as_json:
        from app.api.shapes.library import Removed

        write_json(Removed(location=location, removed=removed).plain())
    else:
        write_text(f"Removed {_count(removed, 'document')} from the library.")


def sync_folders(assistant: "Assistant", folders: list[str]) -> None:
    """Brings the folders of --folder up to date before a question; Ctrl-C ends the command."""
    with cancelled_by_interrupt() as cancel, progress_bar() as on_event:
        report = assistant.sync(folders, on_event, cancel)
    if report.cancelled:
        raise KeyboardInterrupt


@contextmanager
def cancelled_by_interrupt() -> Iterator[threading.Event]:
    """Gives an event that Ctrl-C sets; a second Ctrl-C interrupts at once."""
    cancel = threading.Event()

    def first_time(*_: object) -> None:
        cancel.set()
        signal.signal(signal.SIGINT, before)

    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield cancel
        return
    before = signal.signal(signal.SIGINT, first_time)
    try:
        yield cancel
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def progress_bar() -> Iterator[Callable[["SyncEvent"], None]]:
    """Shows a sync on stderr while it runs; shows nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda event: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Name(TextColumn):
        def render(self, task: Any) -> Text:
            return Text(one_line(task.description)[-48:])  # the end of a path tells more than its beginning

    columns = (Name(""), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking for documents", total=None)

        def show(event: "SyncEvent") -> None:
            name = Path(event.path).name if event.path else {"embedding": "embedding"}.get(event.kind, "")
            if event.kind != "reading":  # the bar counts documents
                bar.update(task, description=name, completed=event.done, total=event.total)

        yield show


def _show_preview(preview: "Preview", *, as_json: bool) -> None:
    if as_json:
        from app.api.shapes.library import SyncPreview

        write_json(SyncPreview.of(preview).plain())
        return
    rows = [
        [one.pattern or "(not in library.include)", one.place, _count(one.files, "file"), _shortened(one.paths)]
        for one in preview.left_out
    ]
    if rows:
        write_table(["Pattern", "From", "Leaves out", "Which"], rows)
    write_text(
        f"A sync would find {_count(len(preview.files), 'file')}, read {len(preview.to_read):,} of them "
        f"and take {_count(len(preview.gone), 'document')} out of the library."
    )


def _shortened(paths: Sequence[str]) -> str:
    more = f", … and {len(paths) - _SHOWN:,} more" if len(paths) > _SHOWN else ""
    return ", ".join(paths[:_SHOWN]) + more


def _show_report(report: "SyncReport", documents: "list[Document]") -> None:
    _show_problems(tuple(document for document in documents if document.status != "ok"))
    for source in report.unreachable:
        write_note(f"docent: {source.location} is not there now; what was read from it is kept.")
    for trouble in report.troubles:
        write_note(f"docent: {trouble.path}: {trouble.reason}")
    from app.api.shapes.library import counts_of

    verb = "Stopped" if report.cancelled else "Done"
    write_text(f"{verb} in {report.seconds:.1f} s: {_summary(counts_of(documents))}.")


def _show_problems(problems: "tuple[Document, ...]") -> None:
    if problems:
        rows = [[document.status, document.path, document.error or ""] for document in problems]
        write_table(["Status", "Document", "Reason"], rows)


def _summary(counts: dict[str, int]) -> str:
    parts = [_count(counts.get("ok", 0), "document")]
    parts += [f"{counts[name]} {name}" for name in ("failed", "skipped") if counts.get(name)]
    return ", ".join([*parts, _count(counts.get("chunks", 0), "passage")])


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _follow(assistant: "Assistant", as_json: bool) -> None:
    """Reports every document that changes, a line each, until Ctrl-C."""
    from app.api.shapes.library import SyncStep

    def report(event: "SyncEvent") -> None:
        if event.kind != "document":
            return
        if as_json:
            write_json(SyncStep.of(event).plain())
        else:
            write_text(one_line(f"{event.status}: {event.path} {event.error or ''}"))

    write_note("FolderWatch the folders; Ctrl-C ends it.")
    with assistant.watch(report):
        while True:  # the main thread only waits for Ctrl-C; a bare wait() cannot be interrupted on Windows
            threading.Event().wait(1.0)
