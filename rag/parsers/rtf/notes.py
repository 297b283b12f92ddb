r"""Numbers the footnotes and endnotes of an RTF document: ``\chftn`` is the mark in the text, ``\footnote`` the note.

A note turns out to be an endnote (``\ftnalt``) only behind its mark.
"""

from rag.parsers.number_forms import written_number
from rag.parsers.rtf.state import Open
from rag.parsers.rtf.words import NOTE_FORMS

_KINDS = ("aftn", "ftn")


class RtfNotes:
    """The counters of one document."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(_KINDS, 0)
        self._forms = dict.fromkeys(_KINDS, "decimal")
        self._mark: tuple[Open, int] | None = None
        self._awaited = False

    def declare(self, word: str) -> bool:
        """Takes a word that says how notes are numbered; returns whether it was one."""
        for kind in _KINDS:
            if word.startswith(kind) and word[len(kind) :] in NOTE_FORMS:
                self._forms[kind] = NOTE_FORMS[word[len(kind) :]]
                return True
        return False

    def mark(self, paragraph: Open) -> None:
        """Writes the mark of the note that follows into the text, as a footnote's."""
        number = written_number(self._counts["ftn"] + 1, self._forms["ftn"])
        paragraph.pieces.append(("", f"[{number}]"))
        self._mark = paragraph, len(paragraph.pieces) - 1
        self._awaited = True

    def begin(self) -> str:
        """Returns the mark of the note that begins; "" where no mark stands before it."""
        if not self._awaited:
            return ""
        self._awaited = False
        return self._next("ftn")

    def make_endnote(self, note: Open) -> None:
        """Makes the note that has begun an endnote, and its mark in the text that of one."""
        if self._mark is None or not note.note:
            return
        self._counts["ftn"] -= 1
        note.note = self._next("aftn")
        paragraph, index = self._mark
        paragraph.pieces[index] = "", f"[{note.note}]"

    def _next(self, kind: str) -> str:
        self._counts[kind] += 1
        return written_number(self._counts[kind], self._forms[kind])
