"""Reads the bundles of ``documents/``: documents as people keep them, with questions and statements about each.

A bundle holds several documents. Each begins with ``=== name.md`` (or ``.txt``, ``.csv``, ``.html``, ``.eml``), goes on
with the text of the file up to a line ``%%%``, and then with items:

    Q: How much is the deposit?            a question
    A: 1,840 euros                         its answer in the document's words, or "none"
    IN: The tenant pays 1,840 euros.       the line that holds it
    WHY: only the tenant's is given        why nothing answers it; for readers of the bundle
    S+: The deposit is 1,840 euros.        a statement that the line at IN bears out
    S-: The deposit is due in May.         one that it does not
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DOCUMENTS = Path(__file__).parent / "documents"
LANGUAGES = Path(__file__).parent / "languages"
"""Bundles in other languages, and of questions in one language about documents in another (en-de-1.txt: German
questions about English documents). The reader for other languages learnt from them."""
TYPED = Path(__file__).parent / "typed.tsv"
"""Held-out questions as somebody in a hurry types them: the document, the question, what is typed. Nothing learns from
them."""
NONE = "none"
_NAME = re.compile(r"=== (\S+)$")
_ITEM = re.compile(r"(Q|A|IN|WHY|S\+|S-): ?(.*)$")


@dataclass(frozen=True, slots=True)
class Item:
    """``kind`` is Q, S+ or S-; ``answer`` is None for a question that nothing answers, and for statements."""

    kind: str
    text: str
    answer: str | None
    line: str


@dataclass(frozen=True, slots=True)
class EverydayDocument:
    name: str
    text: str
    items: tuple[Item, ...]


class BundleError(ValueError):
    """A bundle is not of the form that it must have; says where."""


def read_bundles(folder: Path = DOCUMENTS) -> list[EverydayDocument]:
    """All documents of a folder's bundles, in the order of the files' names.

    Raises:
        BundleError: A line is none of the form, an answer does not stand in its document, or a name occurs twice.
    """
    found = [document for path in sorted(folder.glob("*.txt")) for document in _documents(path)]
    names = [document.name for document in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise BundleError(f"{folder}: two documents are called {', '.join(sorted(twice))}; rename one")
    return found


def read_typed(path: Path = TYPED) -> dict[tuple[str, str], str]:
    """What is typed by the document and the question."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    return {(document, question): typed for document, question, typed in rows}


def _documents(path: Path) -> Iterator[EverydayDocument]:
    for part in re.split(r"^(?==== \S+$)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        head, _, rest = part.partition("\n")
        name = _NAME.match(head)
        text, separator, items = rest.partition("\n%%%\n")
        if name is None or not separator:
            raise BundleError(f"{path}: {head[:60]!r} begins no document with a text, a line %%% and items")
        text = text.strip() + "\n"
        yield EverydayDocument(name[1], text, tuple(_items(f"{path}, {name[1]}", text, items)))


def _items(place: str, text: str, written: str) -> Iterator[Item]:
    blocks: list[dict[str, str]] = []
    for line in filter(str.strip, written.split("\n")):
        found = _ITEM.match(line)
        if found is None:
            raise BundleError(f"{place}: {line[:60]!r} is no Q, A, IN, WHY, S+ or S-")
        key, value = found[1], found[2].strip()
        if key in ("Q", "S+", "S-"):
            blocks.append({"kind": key, "text": value})
        elif not blocks:
            raise BundleError(f"{place}: {line[:60]!r} stands before the first question")
        else:
            blocks[-1][key] = value
    for block in blocks:
        yield _checked(place, text, block)


def _checked(place: str, text: str, block: dict[str, str]) -> Item:
    kind, said, line = block["kind"], block["text"], block.get("IN", "")
    answer = block.get("A") if kind == "Q" else None
    if kind == "Q" and answer is None:
        raise BundleError(f"{place}: {said[:60]!r} has no answer; write A: none where nothing answers it")
    if answer == NONE:
        return Item(kind, said, None, "")
    if not line or line not in text:
        raise BundleError(f"{place}: the line of {said[:60]!r} does not stand in the document")
    if answer is not None and answer not in text:
        raise BundleError(f"{place}: the answer to {said[:60]!r} does not stand in the document")
    return Item(kind, said, answer, line)
