"""Numbers the footnotes and endnotes of a Word document in the order of their marks, and knows its comments.

A mark shows the number that Word prints, not the identifier in the file; a note without a mark in the text is not shown
by Word and left out here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from rag.parsers.number_forms import written_number
from rag.parsers.office.ooxml import Package
from rag.parsers.whole_number import whole_number
from rag.parsers.zip_xml import Element

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
W14 = "{http://schemas.microsoft.com/office/word/2010/wordml}"
W15 = "{http://schemas.microsoft.com/office/word/2012/wordml}"
NoteKind = Literal["footnote", "endnote"]
_KINDS: tuple[tuple[NoteKind, str], ...] = (("footnote", "decimal"), ("endnote", "lowerRoman"))
TextOf = Callable[[Element], str]
"""Reads the paragraphs of a note or comment."""


@dataclass(frozen=True, slots=True)
class Note:
    """One note at the end of the text; ``mark`` is "" where the writer made a mark of their own."""

    mark: str
    text: str


@dataclass(frozen=True, slots=True)
class Comment:
    """``is_reply``: it answers the comment before it; ``done``: somebody marked it as settled."""

    author: str
    text: str
    is_reply: bool = False
    done: bool = False

    @property
    def written(self) -> str:
        """The comment as it stands in the text."""
        what = "Reply" if self.is_reply else "Comment"
        by = f" by {self.author}" if self.author else ""
        return f"{what}{by}{' (resolved)' if self.done else ''}: {self.text}"


class Notes:
    """The notes of a document. ``mark`` is called in the order of the text."""

    def __init__(self, package: Package, main: str) -> None:
        self._parts: dict[NoteKind, dict[str, Element]] = {}
        self._forms: dict[NoteKind, tuple[str, int]] = {}
        self._marks: dict[NoteKind, dict[str, str]] = {"footnote": {}, "endnote": {}}
        self._numbered: dict[NoteKind, int] = {"footnote": 0, "endnote": 0}
        settings = _part(package, main, "settings")
        for kind, form in _KINDS:
            root = _part(package, main, f"{kind}s")
            self._parts[kind] = {note.get(f"{W}id", ""): note for note in _shown(root, kind)}
            properties = settings.find(f"{W}{kind}Pr") if settings is not None else None
            self._forms[kind] = _numbering(properties, form)

    def section(self, section: Element) -> None:
        """Takes the form of numbers that a section (``w:sectPr``) asks for."""
        for kind, _ in _KINDS:
            properties = section.find(f"{W}{kind}Pr")
            if properties is not None:
                self._forms[kind] = _numbering(properties, self._forms[kind][0])

    def mark(self, kind: NoteKind, identifier: str, own: bool) -> str:
        """Returns the number of a note; "" where the writer's ``own`` mark stands in the text or there is no note."""
        marks = self._marks[kind]
        if identifier not in self._parts[kind]:
            return ""
        if identifier not in marks:
            form, start = self._forms[kind]
            marks[identifier] = "" if own else written_number(start + self._numbered[kind], form)
            self._numbered[kind] += not own
        return marks[identifier]

    def shown(self, text_of: TextOf) -> list[Note]:
        """Returns the notes whose marks were met, footnotes first."""
        return [
            Note(mark, text_of(self._parts[kind][identifier]))
            for kind, _ in _KINDS
            for identifier, mark in list(self._marks[kind].items())
        ]


class Comments:
    """The comments of a document by identifier."""

    def __init__(self, package: Package, main: str, text_of: TextOf) -> None:
        root = _part(package, main, "comments")
        states = _states(_part(package, main, "commentsExtended"))
        self._comments: dict[str, Comment] = {}
        for comment in root.iter(f"{W}comment") if root is not None else ():
            text = text_of(comment)
            paragraphs = [state for p in comment.iter(f"{W}p") if (state := states.get(p.get(f"{W14}paraId", "")))]
            reply, done = paragraphs[-1] if paragraphs else (False, False)
            if text:
                author = str(comment.get(f"{W}author", "")).strip()
                self._comments[comment.get(f"{W}id", "")] = Comment(author, text, reply, done)

    def take(self, identifiers: tuple[str, ...]) -> list[Comment]:
        """Returns these comments, each once."""
        found = (self._comments.pop(identifier, None) for identifier in identifiers)
        return [comment for comment in found if comment is not None]


def _part(package: Package, main: str, name: str) -> Element | None:
    related = package.related(main, name)
    return package.optional(related or f"{main.rpartition('/')[0]}/{name}.xml".lstrip("/"))


def _shown(root: Element | None, kind: NoteKind) -> list[Element]:
    notes = root.iter(f"{W}{kind}") if root is not None else ()
    separators = ("separator", "continuationSeparator", "continuationNotice")
    return [note for note in notes if note.get(f"{W}type") not in separators]


def _numbering(properties: Element | None, form: str) -> tuple[str, int]:
    if properties is None:
        return form, 1
    asked, start = properties.find(f"{W}numFmt"), properties.find(f"{W}numStart")
    number = str(start.get(f"{W}val", "1")) if start is not None else "1"
    return (str(asked.get(f"{W}val", form)) if asked is not None else form), whole_number(number, 1)


def _states(extended: Element | None) -> dict[str, tuple[bool, bool]]:
    """Maps the paragraph of a comment to whether it is a reply and whether it is settled."""
    states: dict[str, tuple[bool, bool]] = {}
    for one in extended.iter(f"{W15}commentEx") if extended is not None else ():
        done = one.get(f"{W15}done", "0") in ("1", "true")
        states[one.get(f"{W15}paraId", "")] = one.get(f"{W15}paraIdParent") is not None, done
    return states
