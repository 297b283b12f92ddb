"""``docent ask`` and ``docent search``: one question, or a file of them, against the library."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.library import sync_folders
from app.cli.output import one_line, place, write_json, write_note, write_table, write_text
from app.cli.session import session_of
from app.errors import ConversationError, UsageError
from app.events import Answered, Searched
from docent import DocentError
from rag.errors import SourceError
from rag.types import Filter, TextDelta

if TYPE_CHECKING:
    from app.assistant import Assistant

_QUOTE_LENGTH = 200  # characters of a quote shown on a terminal
LATEST = "last"
_LINE = 'Write {"id": "1", "question": "..."}.'

FolderOption = Annotated[
    list[str] | None, typer.Option("--folder", metavar="FOLDER", help="Sync this folder and use it alone; repeatable.")
]
CollectionOption = Annotated[
    list[str] | None, typer.Option("--collection", metavar="NAME", help="Use this collection alone; repeatable.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    app.command("ask")(ask)
    app.command("search")(search)


def ask(
    context: typer.Context,
    question: Annotated[str | None, typer.Argument(metavar="QUESTION")] = None,
    folder: FolderOption = None,
    collection: CollectionOption = None,
    conversation: Annotated[
        str | None, typer.Option(metavar="ID", help='Go on with this conversation; "last" is the newest.')
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help='Answer {"id", "question"} lines of a file, or of stdin with "-".'),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Answer a question, with citations."""
    if (question is None) == (from_ is None):
        raise UsageError("Give either a QUESTION or --from FILE.", "See `docent ask --help`.")
    if from_ is not None and conversation is not None:
        raise UsageError("--conversation goes with one QUESTION.", "Leave it out with --from.")
    if question is not None and not question.strip():
        raise UsageError("The question is empty.", "Put it in quotes after `docent ask`.")
    with session_of(context).open() as assistant:
        scope = _scope(assistant, folder, collection)
        if from_ is not None:
            _ask_many(assistant, from_, scope)
        elif question is not None:
            _ask_one(assistant, question, _conversation_id(assistant, conversation), scope, as_json)


def search(
    context: typer.Context,
    question: Annotated[str, typer.Argument(metavar="QUESTION")],
    k: Annotated[int, typer.Option("-k", "--k", min=1, max=1000, metavar="N", help="How many passages.")] = 10,
    folder: FolderOption = None,
    collection: CollectionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the passages that match a question."""
    if not question.strip():
        raise UsageError("The question is empty.", "Put it in quotes after `docent search`.")
    with session_of(context).open() as assistant:
        scope = _scope(assistant, folder, collection)
        hits, timings = assistant.search_timed(question, k, scope)
        _hint_if_empty(assistant)
    if as_json:
        from app.api.shapes.answer import SearchReply

        write_json(SearchReply.of(question, hits, timings).plain())
        return
    rows = [
        [
            f"{hit.score:.3f}",
            place(hit.document.path, hit.chunk.page, hit.chunk.start_s, hit.chunk.page_label),
            one_line(hit.chunk.text)[:_QUOTE_LENGTH],
        ]
        for hit in hits
    ]
    write_table(["Score", "Source", "Text"], rows)


def _scope(assistant: "Assistant", folders: list[str] | None, collections: list[str] | None) -> Filter:
    """Syncs the folders given with --folder and restricts the question to them, and to the collections."""
    if folders:
        sync_folders(assistant, folders)
    ids = [assistant.collection_named(name).id for name in collections or ()]
    return assistant.restricted(folders or (), collections=ids)


def _conversation_id(assistant: "Assistant", wanted: str | None) -> str | None:
    if wanted != LATEST:
        return wanted
    known = assistant.conversations()
    if not known:
        raise ConversationError("There is no conversation yet.", "Ask without --conversation to start one.")
    return known[0].id


def _hint_if_empty(assistant: "Assistant") -> None:
    if assistant.is_empty():
        write_note("docent: The library holds no documents yet. Add some with `docent sync FOLDER`.")


def _ask_one(assistant: "Assistant", question: str, conversation_id: str | None, scope: Filter, as_json: bool) -> None:
    done: Answered | None = None
    for event in assistant.ask(question, conversation_id=conversation_id, filter=scope):
        if isinstance(event, TextDelta):
            if not as_json:
                write_text(event.text, end="")
        elif isinstance(event, Searched):
            write_note(f"docent: Searched for: {event.question}")
        elif isinstance(event, Answered):
            done = event
    assert done is not None, "every question ends in Answered"
    if as_json:
        from app.api.shapes.answer import AnswerReply

        write_json(AnswerReply.of(question, done).plain())
    else:
        write_text("")
        _show_citations(done)
    if done.unrecorded:
        write_note(f"docent: This answer was not recorded. {done.unrecorded}")
    _hint_if_empty(assistant)


def _ask_many(assistant: "Assistant", source: str, scope: Filter) -> None:
    """Writes one answer object a line, in order; a bad line becomes an error object and the others go on."""
    from app.api.shapes.answer import AnswerReply

    failed = False
    for number, line in _numbered_lines(source):
        reply: dict[str, Any] = {"line": number}
        try:
            entry = _entry(line)
            reply = {"id": entry["id"]} if "id" in entry else reply
            reply["question"] = _question_in(entry)
            for event in assistant.ask(reply["question"], filter=scope, remember=False):
                if isinstance(event, Answered):
                    reply.update(AnswerReply.of(reply["question"], event).plain())
        except DocentError as error:
            failed = True
            reply["line"] = number
            reply["error"] = {"message": error.message, "remedy": error.remedy}
        write_json(reply)
    if failed:
        raise typer.Exit(1)


def _numbered_lines(source: str) -> Iterator[tuple[int, bytes]]:
    """Yields the lines that are not blank, with their numbers from 1, read as they come."""
    with ExitStack() as stack:
        if source == "-":
            stream = sys.stdin.buffer
        else:
            try:
                stream = stack.enter_context(Path(source).open("rb"))
            except OSError as error:
                raise SourceError(
                    f"{source} cannot be read ({error.strerror}).", "Give --from a file of JSON lines."
                ) from error
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield number, line


def _entry(line: bytes) -> dict[str, Any]:
    """Parses one line of --from. Raises UsageError."""
    try:
        entry = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UsageError("The line is not valid JSON.", _LINE) from error
    if not isinstance(entry, dict):
        raise UsageError("The line is not a JSON object.", _LINE)
    return entry


def _question_in(entry: dict[str, Any]) -> str:
    question = entry.get("question")
    if not isinstance(question, str) or not question.strip():
        raise UsageError('The line has no "question".', _LINE)
    return question


def _show_citations(done: "Answered") -> None:
    for citation in done.answer.citations:
        where = one_line(place(citation.source, citation.page, citation.start_s, citation.page_label))
        quote = one_line(citation.quote)
        shown = quote if len(quote) <= _QUOTE_LENGTH else f"{quote[:_QUOTE_LENGTH]}…"
        write_text(f"\n[{citation.number}] {where}\n    “{shown}”")
    if done.conversation_id is not None:
        write_note(f'Go on with: docent ask --conversation {done.conversation_id} "..."')
