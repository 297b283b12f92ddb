"""Copies library, conversations and prompts between data folders and PostgreSQL servers: ``docent library copy``."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from app.conversations.copies import copy_conversations
from app.conversations.store import Conversations
from app.errors import UsageError
from app.pages.prompts import Prompts
from app.settings.paths import DataFolder
from app.settings.schema import SERVER_SCHEMES


@dataclass(frozen=True, slots=True)
class Everything:
    """What was copied, and what was there before."""

    documents: int
    documents_there: int
    conversations: int
    conversations_there: int
    prompts: int = 0
    prompts_there: int = 0


def copy_all(source: str, target: str, on_document: Callable[[int, int], None]) -> Everything:
    """Copies from one place to another; each is the path of a data folder or postgresql://... Prompts are copied
    between data folders: a server holds none. Raises UsageError, TooLarge, LibraryError and
    ConversationError; what was copied until then stays, and the next try goes on from there."""
    from rag.store.copying import copy_library
    from rag.store.opening import open_library

    if source == target:
        raise UsageError("A library is not copied onto itself.", "Name another place to copy to.")
    if not _is_url(source) and not DataFolder(Path(source)).library.is_file():
        raise UsageError(f"There is no library in {source}.", "Name a data folder, or postgresql://...")
    (from_file, from_url), (to_file, to_url) = map(_place, (source, target))
    with closing(open_library(from_file, from_url)) as one, closing(open_library(to_file, to_url)) as other:
        copied = copy_library(one, other, on_document)
    with closing(_conversations(source)) as chats, closing(_conversations(target)) as others:
        taken, there = copy_conversations(chats, others)
    if _is_url(source) or _is_url(target):
        return Everything(copied.copied, copied.there, taken, there)
    one_prompts, other_prompts = (Prompts(DataFolder(Path(place)).prompts) for place in (source, target))
    return Everything(copied.copied, copied.there, taken, there, *other_prompts.take(one_prompts.all()))


def _is_url(place: str) -> bool:
    return place.startswith(SERVER_SCHEMES)


def _place(place: str) -> tuple[Path, str | None]:
    return (Path(), place) if _is_url(place) else (DataFolder(Path(place)).library, None)


def _conversations(place: str) -> Conversations:
    if _is_url(place):
        from app.conversations.server import ServerConversations

        return ServerConversations(place)
    return Conversations(DataFolder(Path(place)).conversations)
