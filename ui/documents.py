"""Controls the left pane: adds and removes sources and restricts the question to some of them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from app.errors import UsageError
from docent import DocentError
from rag.types import Filter
from ui import documents_view
from ui import uploads as inbox
from ui.render import notice
from ui.state import Desk, ListView


def render(desk: Desk, view: ListView) -> str:
    """Shows the list of documents, or why there is none."""
    samples = desk.samples if desk.samples.is_dir() else None
    try:
        status, known = desk.assistant.status(), desk.assistant.documents()
    except DocentError as error:
        return notice(error.message, error.remedy)
    return documents_view.documents_list(status.sources, known, view, desk.inbox, samples)


def scope(desk: Desk, view: ListView) -> str:
    """Shows what the question is restricted to."""
    return documents_view.scope_line(view.scope, desk.assistant.documents() if view.scope else ())


def count(desk: Desk) -> int:
    """Counts the documents in the library; 0 when it cannot be read."""
    try:
        return len(desk.assistant.documents())
    except DocentError:
        return 0


def add(desk: Desk, typed: str) -> None:
    """Starts to read the folder, file or URL that was typed; a path may be quoted or begin with ~."""
    location = typed.strip().strip("\"'").strip()
    if not location:
        return
    if "://" not in location:
        path = Path(location).expanduser()
        if not path.exists():
            raise UsageError(
                f"There is no folder or file {location}.", "Check the path, or drop the files here instead."
            )
        location = str(path.absolute())
    desk.syncing.start([location])


def add_files(desk: Desk, files: Sequence[str]) -> None:
    """Keeps copies of uploaded files and starts to read them."""
    if files:
        inbox.keep([Path(file) for file in files], desk.inbox, desk.uploads)
        desk.syncing.start([str(desk.inbox)])


def pressed(desk: Desk, view: ListView, data: dict[str, str]) -> ListView:
    """Returns the list after a button in it was pressed."""
    act, location = data.get("act", ""), data.get("location", "")
    if act == "scope":
        return replace(view, scope=_toggled(view.scope, data))
    if act == "everything":
        return replace(view, scope=Filter())
    if act == "remove":
        remove(desk, location)
        return replace(view, scope=Filter())
    if act == "samples" and desk.samples.is_dir():
        desk.syncing.start([str(desk.samples)])
    elif act == "again":
        desk.syncing.start([location], anew=True)
    elif act == "cancel":
        desk.syncing.cancel()
    elif act == "dismiss":
        desk.syncing.dismiss()
    return view


def remove(desk: Desk, location: str) -> None:
    """Removes a source. Files in the inbox are Docent's own copies and are deleted."""
    known = {source.location for source in desk.assistant.status().sources}
    if location in known:
        desk.assistant.remove(location)
        if location == str(desk.inbox):
            for copy in desk.inbox.iterdir():
                inbox.discard(copy, desk.inbox)
    elif Path(location).parent == desk.inbox:
        inbox.discard(Path(location), desk.inbox)
        desk.syncing.start([str(desk.inbox)])
    desk.syncing.touch()


def _toggled(scope: Filter, data: dict[str, str]) -> Filter:
    """Adds a folder or document to the scope, or takes it out.

    A Filter with both asks for documents that are named and lie in a folder; people who tick boxes mean either. So
    ticking a folder lets go of the documents, and the other way round.
    """
    if "folder" in data:
        folders = set(scope.folders) ^ {data["folder"]}
        return Filter(folders=tuple(sorted(folders)))
    if data.get("document", "").isdecimal():
        return Filter(document_ids=scope.document_ids ^ {int(data["document"])})
    return scope
