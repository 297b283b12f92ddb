"""What Docent keeps of a person, where, and how large it is, and the end of it.

Everything lies in the data folder, but for the key that seals compiled kernels.
"""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from app.feed import ConversationsChanged, DocumentsChanged, PromptsChanged
from app.settings.paths import DataFolder

if TYPE_CHECKING:
    from app.pages.desk import Desk

Kind: TypeAlias = Literal[
    "library", "conversations", "prompts", "copies", "transcripts", "logs", "settings", "window", "models", "builds"
]
Wiped: TypeAlias = Literal["library", "conversations", "prompts", "transcripts", "logs"]
WIPED: tuple[Wiped, ...] = get_args(Wiped)
_RUNS_END_S = 5


@dataclass(frozen=True, slots=True)
class Stored:
    """One kind of what is kept: where it lies, its size in bytes and its number of files."""

    kind: Kind
    path: Path
    size: int
    files: int


def stored(folder: DataFolder, inbox: Path, settings_file: Path) -> list[Stored]:
    """Lists everything that Docent keeps on this computer."""
    places: dict[Kind, tuple[Path, ...]] = {
        "library": (*_database(folder.library), folder.vectors, folder.external_store),
        "conversations": (*_database(folder.conversations), folder.users),
        "prompts": (folder.prompts,),
        "copies": (inbox, folder.uploads),
        "transcripts": (folder.transcripts,),
        "logs": (folder.log.parent,),
        "settings": (settings_file, folder.api_key),
        "window": (folder.window, folder.window_place),
        "models": (folder.models,),
        "builds": (folder.builds,),
    }
    found = []
    for kind, paths in places.items():
        files = [file for path in paths for file in files_in(path)]
        found.append(Stored(kind, paths[0], sum(file.stat().st_size for file in files), len(files)))
    return found


def wipe(desk: "Desk", kinds: Sequence[Wiped]) -> None:
    """Deletes kinds of what is kept, for good. Answers and syncs under way end first."""
    folder = desk.assistant.settings.folder
    if "conversations" in kinds:
        desk.runs.stop_all()
        desk.runs.join(_RUNS_END_S)
        desk.assistant.wipe_conversations()
        desk.feed.publish(ConversationsChanged())
    if "prompts" in kinds:
        desk.prompts.wipe()
        desk.feed.publish(PromptsChanged())
    if "library" in kinds:
        desk.syncing.cancel()
        desk.assistant.wipe_library()
        _empty([desk.inbox, desk.uploads])
        desk.feed.publish(DocumentsChanged())
    if "transcripts" in kinds:
        _empty([folder.transcripts])
    if "logs" in kinds:
        for log in files_in(folder.log.parent):
            log.write_bytes(b"")  # it is open


def _database(path: Path) -> tuple[Path, ...]:
    return (path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm")))


def files_in(path: Path) -> Iterator[Path]:
    """The file, or the files below the folder; links are not followed."""
    if path.is_symlink():
        return
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from (file for file in sorted(path.rglob("*")) if file.is_file() and not file.is_symlink())


def _empty(folders: Iterable[Path]) -> None:
    for folder in folders:
        for inside in folder.iterdir() if folder.is_dir() else ():
            if inside.is_dir() and not inside.is_symlink():
                shutil.rmtree(inside)
            else:
                inside.unlink()
