r"""Reads RTF into paragraphs: what each says, its number, its style, and where it stands (body, cell, note, header).

Text goes through the state of its group: destination, font (whose character set decodes bytes), hidden, raised.
Left out: deleted and hidden text, white text on white, codes of fields, pictures, data of objects.
"""

from dataclasses import replace
from typing import Literal

from rag.parsers.left_out import LeftOut
from rag.parsers.office.field_codes import shown_by_code
from rag.parsers.office.symbol_fonts import is_symbol_font, without_symbols
from rag.parsers.raised import Align, compose
from rag.parsers.rtf import math as rtf_math
from rag.parsers.rtf.notes import RtfNotes
from rag.parsers.rtf.rows import RowLayout
from rag.parsers.rtf.state import Field, Form, Open, RtfContent, RtfParagraph, State
from rag.parsers.rtf.tables import Font, Style, Tables, codec_of, codec_of_charset
from rag.parsers.rtf.tokens import Token, tokens
from rag.parsers.rtf.words import (
    DESTINATIONS,
    KEPT_THOUGH_OPTIONAL,
    PLACES,
    SIGNS,
    SKIPPED,
    Place,
)
from rag.parsers.zip_xml import Element

_ALIGNS: dict[str, Align] = {"super": "super", "sub": "sub", "nosupersub": ""}
_MAX_DEPTH = 5_000


class RtfReader:
    """Reads one document; ``read`` is called once."""

    def __init__(self, left_out: LeftOut) -> None:
        self._left_out = left_out
        self._content = RtfContent()
        self._tables = Tables()
        self._state = State()
        self._stack: list[tuple[State, Open]] = []
        self._open = Open()
        self._behind: list[RtfParagraph] = []
        self._raw = bytearray()
        self._high = 0
        self._skip = 0
        self._optional = False
        self._form = Form()
        self._formula: Element | None = None
        self._row = RowLayout()
        self._commenter = ""
        self._declared = ""
        self._declaring: tuple[str, int] = ("", 0)
        self._channels = [0, 0, 0]
        self._notes = RtfNotes()

    def read(self, source: bytes) -> RtfContent:
        for token in tokens(source):
            self._take(token)
        self._flush()
        self._end("par")
        self._content.body += self._behind
        return self._content

    def _take(self, token: Token) -> None:
        word = token.word
        if word == "{":
            self._flush()
            self._skip, self._optional = 0, False
            if len(self._stack) < _MAX_DEPTH:
                self._stack.append((self._state, self._open))
                self._state = replace(self._state)
        elif word == "}":
            self._flush()
            self._skip, self._optional = 0, False
            self._close()
        elif not word:
            self._bytes(token)
        elif self._state.destination != "skip":
            if self._skip:
                self._skip -= 1
                return
            self._flush()
            self._control(word, token.number)

    # -- text ----------------------------------------------------------------------------------------------------------

    def _bytes(self, token: Token) -> None:
        data = token.data
        if self._skip:
            dropped = min(self._skip, len(data))
            self._skip -= dropped
            data = data[dropped:]
        if data and self._state.destination not in ("skip", "unicode"):
            self._raw += data

    def _flush(self) -> None:
        if self._raw:
            data, self._raw = bytes(self._raw), bytearray()
            font = self._font()
            self._text(data.decode(self._tables.codec(font), "replace"))

    def _font(self) -> int:
        return self._tables.default_font if self._state.font is None else self._state.font

    def _unicode(self, number: int) -> None:
        unit = number & 0xFFFF if number < 0 else number
        if 0xD800 <= unit < 0xDC00:
            self._high = unit
        elif 0xDC00 <= unit < 0xE000:
            if self._high:
                self._text(chr(0x10000 + ((self._high - 0xD800) << 10) + unit - 0xDC00))
            self._high = 0
        elif unit < 0x110000:
            self._text(chr(unit))
        self._skip = self._state.after_unicode

    def _text(self, text: str) -> None:
        state = self._state
        match state.destination:
            case "text":
                state.field.said = state.field.said or bool(state.field.code and text.strip())
                self._shown(text)
            case "title":
                self._content.title += text
            case "author":
                self._content.author += text
            case "number":
                known = self._tables.fonts.get(self._font())
                self._open.number += without_symbols(text, known.name if known else "")
            case "commenter":
                self._commenter += text
            case "code":
                state.field.code += text
            case "entry":
                self._form.entries[-1] += text
            case "math" if state.math is not None:
                rtf_math.add_text(state.math, text)
            case "fonts" | "styles":
                self._declare(text)
            case "colors":
                for _ in range(text.count(";")):
                    color = tuple(self._channels)
                    self._tables.colors.append((color[0], color[1], color[2]))
                    self._channels = [0, 0, 0]

    def _shown(self, text: str) -> None:
        state = self._state
        if state.deleted or (state.place != "comment" and self._is_hidden()):
            self._content.hidden = self._content.hidden or not state.deleted
            return
        known = self._tables.fonts.get(self._font())
        if (known and is_symbol_font(known.name)) or "\uf000" <= max(text, default="") <= "\uf0ff":
            text = without_symbols(text, known.name if known else "")
        self._open.in_contents = self._open.in_contents or state.in_contents
        self._open.pieces.append((state.align, text))

    def _is_hidden(self) -> bool:
        state = self._state
        if state.hidden is not None:
            return state.hidden
        styles = (("cs", state.character_style), ("s", self._open.style))
        if any(self._tables.styles[key].hidden for key in styles if key in self._tables.styles):
            return True
        return self._tables.is_white(state.color) and not state.grounded and not self._open.in_table

    # -- control words -------------------------------------------------------------------------------------------------

    def _control(self, word: str, number: int | None) -> None:
        optional, self._optional = self._optional, False
        state = self._state
        if word == "*":
            self._optional = True
        elif word in SKIPPED or (optional and word not in KEPT_THOUGH_OPTIONAL and state.destination != "styles"):
            if word == "pict":
                self._left_out.add("picture")
            state.destination = "skip"
        elif word == "ud":
            state.destination = state.outer
        elif word in DESTINATIONS:
            self._enter(word)
        elif word in PLACES:
            self._begin(PLACES[word])
        elif state.destination in ("fonts", "styles", "colors"):
            self._declare_word(word, number)
        elif state.math is not None and word.startswith("m"):
            state.math = rtf_math.inner(state.math, word)
        elif state.destination == "form":
            self._form.take(word, number)
        elif word == "u" and number is not None:
            self._unicode(number)
        elif word == "uc":
            state.after_unicode = max(0, number or 0)
        elif word in SIGNS or word in ("{", "}"):
            self._text(SIGNS.get(word, word))
        elif not self._character(word, number) and state.destination == "text":
            self._paragraph_word(word, number)

    def _enter(self, word: str) -> None:
        state = self._state
        destination = DESTINATIONS[word]
        if destination == "unicode":
            state.outer = state.destination
        elif destination == "entry":
            self._form.entries.append("")
        elif destination == "math":
            state.math = self._formula = rtf_math.new_formula()
        elif destination == "form":
            self._form = Form()
        elif destination == "number":
            self._open.number = ""
        elif destination == "commenter":
            self._commenter = ""
        state.destination = destination

    def _begin(self, place: Place) -> None:
        self._open = Open()
        if place == "note":
            self._open.note = self._notes.begin()
        elif place == "comment":
            self._open.author = self._commenter.strip()
        self._state.place = place
        self._state.destination = "text"
        self._state.align = ""
        self._state.hidden = None

    def _character(self, word: str, number: int | None) -> bool:
        """Takes a word that changes how characters look; returns whether it was one."""
        state = self._state
        on = number != 0
        match word:
            case "plain":
                state.font, state.hidden, state.deleted, state.align = None, None, False, ""
                state.color, state.grounded, state.character_style = 0, False, 0
            case "f":
                state.font = number
            case "v":
                state.hidden = on
            case "deleted":
                state.deleted = on
            case "super" | "sub" | "nosupersub":
                state.align = _ALIGNS[word] if on else ""
            case "cf":
                state.color = number or 0
            case "highlight" | "cb" | "chcbpat":
                state.grounded = bool(number)
            case "cs":
                state.character_style = number or 0
            case _:
                return False
        return True

    def _paragraph_word(self, word: str, number: int | None) -> None:
        opened = self._open
        match word:
            case "par" | "sect" | "page" | "column":
                self._end("par")
            case "cell":
                self._end("cell")
            case "row":
                self._end("row")
            case "pard":
                opened.style, opened.outline, opened.level, opened.in_table = 0, None, 0, False
            case "s":
                opened.style = number or 0
            case "outlinelevel":
                opened.outline = number
            case "ilvl":
                opened.level = number or 0
            case "intbl":
                opened.in_table = number != 0
            case "chftn":
                if self._state.place != "note":
                    self._notes.mark(opened)
            case "ftnalt":
                self._notes.make_endnote(opened)
            case "field":
                self._state.field = Field()
            case "fldrslt":
                self._state.in_contents = self._state.in_contents or self._state.field.code.lstrip().startswith("TOC")
                if self._state.field.said:
                    self._state.destination = "skip"
            case "object":
                self._left_out.add("embedded object")
            case _:
                self._document_word(word, number)

    def _document_word(self, word: str, number: int | None) -> None:
        if not self._notes.declare(word):
            self._tables.declare(word, number)
            self._row.take(word, number)

    # -- the head ------------------------------------------------------------------------------------------------------

    def _declare_word(self, word: str, number: int | None) -> None:
        kind, index = self._declaring
        match word:
            case "f" if self._state.destination == "fonts":
                self._declaring = "f", number or 0
                self._tables.fonts.setdefault(number or 0, Font())
                self._declared = ""
            case "fcharset" if kind == "f":
                self._tables.fonts[index].page = codec_of_charset(number or 0)
            case "cpg" if kind == "f" and number:
                self._tables.fonts[index].page = codec_of(number) or self._tables.fonts[index].page
            case "s" | "cs" if self._state.destination == "styles":
                self._declaring = word, number or 0
                self._tables.styles.setdefault(self._declaring, Style())
            case "v" if kind in ("s", "cs"):
                self._tables.styles[kind, index].hidden = number != 0
            case "outlinelevel" if kind == "s":
                self._tables.styles[kind, index].outline = number
            case "red" | "green" | "blue":
                self._channels[("red", "green", "blue").index(word)] = number or 0
            case "u" if number is not None:
                self._unicode(number)

    def _declare(self, text: str) -> None:
        """Takes a part of a name; a semicolon ends it."""
        name, end, _ = text.partition(";")
        self._declared += name
        if not end:
            return
        kind, index = self._declaring
        if kind == "f":
            self._tables.fonts[index].name = self._declared.strip()
        elif self._state.destination == "styles":
            # A style without a number is the first one, "Normal".
            self._tables.styles.setdefault((kind or "s", index), Style()).name = self._declared.strip()
        self._declared, self._declaring = "", ("", 0)

    # -- ends ----------------------------------------------------------------------------------------------------------

    def _close(self) -> None:
        if not self._stack:
            return
        closed = self._state
        self._state, around = self._stack.pop()
        if closed.destination == "form" and self._state.destination != "form" and (value := self._form.value):
            closed.field.said = True
            self._open.pieces.append(("", value))
        if closed.field is not self._state.field and not (closed.field.said or closed.deleted or self._is_hidden()):
            self._open.pieces.append(("", shown_by_code(closed.field.code)))
        ended = closed.math is not None and self._state.math is None
        if ended and self._formula is not None and not (closed.deleted or self._is_hidden()):
            self._open.pieces.append(("", rtf_math.written(self._formula)))
        if around is not self._open:
            self._end("par", closed.place)
            self._open = around

    def _end(self, ends: Literal["par", "cell", "row"], place: Place | None = None) -> None:
        opened = self._open
        place = place or self._state.place
        text = compose(opened.pieces).strip()
        if place == "note" and text and opened.note:
            text, opened.note = f"[{opened.note}] {text}", ""
        style = self._tables.styles.get(("s", opened.style), Style())
        outline = style.outline if opened.outline is None else opened.outline
        paragraph = RtfParagraph(
            text,
            place,
            ends,
            " ".join(opened.number.split()),
            style.name,
            outline,
            opened.level,
            opened.in_table or ends != "par",
            opened.in_contents,
            opened.author,
            self._row.shape if ends == "row" else None,
        )
        opened.pieces, opened.number, opened.in_contents = [], "", False
        self._sort(paragraph)

    def _sort(self, paragraph: RtfParagraph) -> None:
        if paragraph.place == "body":
            self._content.body.append(paragraph)
            if not (paragraph.in_table and self._behind):
                self._content.body += self._behind
                self._behind = []
        elif paragraph.place == "note":
            self._content.notes.append(paragraph)
        elif paragraph.place in ("comment", "box"):
            self._behind.append(paragraph)
        else:
            (self._content.headers if paragraph.place == "header" else self._content.footers).append(paragraph)
