"""Tells which numbered part of a document says something: "which clause adds a late fee?" -> "2.2 A late fee ...".

The numbers are those that the document shows in front of its headings and paragraphs. Every sentence belongs to the
number above it; the one that says most of the question, in words or in meaning, is quoted with its number.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rag.answer.asked.superlatives import superlative_in
from rag.answer.operators.tables.grid import Texts
from rag.answer.operators.whole_document import whole_documents
from rag.answer.operators.worked import Source, Statement, Worked
from rag.answer.rows import units_of
from rag.protocols import Embedder
from rag.text.words import content_stems, match, prefixes_of, stems
from rag.types import Passage, Query

_PARTS = (
    "clause|section|paragraph|article|chapter|rule|regulation|step|point|item|part|annex|appendix|schedule|stage|phase"
)
_ASKS = re.compile(
    rf"^\W*(?:(?:in|under|by|at|on|during) )?(?:which|what) (?:sub-?)?(?P<part>{_PARTS})\b(?! numbers?\b)"
    r"(?: numbers?| no\.?)?(?: of)?\b(?P<rest>.+)$",
    re.IGNORECASE,
)
_NUMBER = r"\d{1,3}(?:\.\d{1,3}){0,4}"
_LABEL = re.compile(
    rf"(?P<word>(?:{_PARTS}|§{{1,2}})\s*(?:{_NUMBER}|[ivxlc]{{1,6}}|[a-z])\b[.):]*)"
    rf"|(?P<number>{_NUMBER})(?P<close>[.):]*)(?=\s)"
    r"|(?P<letter>\((?:[ivxlc]{1,6}|[a-z]|\d{1,2})\)|(?:[ivxlc]{1,6}|[a-z])[.)])(?=\s)",
    re.IGNORECASE,
)
_LETTERED = 10  # the depth of "(a)", below every number
_LONGEST_HEADING = 80  # characters of a line that a bare number may head
_LEAST_PARTS = 3
_COVERED = 0.6  # share of the question that a part and what it stands under must say
_AKIN = 0.5  # ... or how like the question it must be (cosine)
_CLEAR = 0.05  # by how much better than any other part
_HEADING, _CONTEXT = 0.9, 0.4  # what a word counts that stands in the numbered line, or above it, alone
_NAME = 0.05  # ... and in what names the document, which tells documents apart
_NAMED_WITHIN = 100  # characters at the beginning of a document that name it
_EMBEDDED = 32  # sentences compared with the question
_READ = 200_000  # characters of a document that is looked through
_DOCUMENTS = 3


@dataclass(frozen=True, slots=True)
class _Line:
    """``text[start:end]`` begins with a number; ``above`` is the line that it belongs to, if any."""

    start: int
    end: int
    depth: int
    above: "_Line | None"


@dataclass(frozen=True, slots=True)
class _Sentence:
    whole: Passage
    start: int
    end: int
    line: _Line

    @property
    def text(self) -> str:
        return self.whole.text[self.start : self.end]


def name_part(query: Query, passages: Sequence[Passage], texts: Texts, embedder: Embedder) -> Worked | None:
    """The part with its number; None for other questions, and where no part clearly says what is asked."""
    asked = _ASKS.match(query.text)
    wanted = frozenset(content_stems(asked["rest"])) - frozenset(stems(asked["part"])) if asked else frozenset()
    if asked is None or not wanted or superlative_in(query.text) is not None:
        return None
    under: list[_Sentence] = []
    for whole in whole_documents(passages, texts, _DOCUMENTS, _READ):
        sentences = _sentences(whole, asked["part"])
        if len({sentence.line.start for sentence in sentences}) >= _LEAST_PARTS:
            under += sentences
    scored = [(_said(query, wanted, sentence), sentence) for sentence in under]
    scored = sorted(scored, key=lambda each: -each[0])[:_EMBEDDED]
    if not scored:
        return None
    vectors = embedder.embed_passages([_with_number(sentence) for _, sentence in scored])
    akin = vectors @ embedder.embed_query(asked["rest"].strip())
    ranked = sorted(
        (
            (said + float(like), said, float(like), sentence)
            for (said, sentence), like in zip(scored, akin, strict=True)
        ),
        key=lambda each: -each[0],
    )
    score, said, like, best = ranked[0]
    rival = next((other[0] for other in ranked if other[3].line is not best.line), 0.0)
    if (said < _COVERED and like < _AKIN) or score - rival < _CLEAR:
        return None
    below = (other for other in under if other.line is best.line and other.start > best.start)
    is_heading = best.start == best.line.start and best.text[-1:] not in ".!?;:,"
    return Worked((_stated(next(below, best) if is_heading else best),), max(said, like))


def _sentences(whole: Passage, part: str) -> list[_Sentence]:
    """The sentences that stand under a number. Of a document that writes "Chapter 3" where chapters are asked for, only
    those lines count."""
    named = re.compile(rf"{part}\s", re.IGNORECASE)
    found = list(_numbered(whole, None))
    lines = {sentence.line.start for sentence in found}
    if sum(named.match(whole.text, start) is not None for start in lines) >= _LEAST_PARTS:
        return list(_numbered(whole, named))
    return found


def _numbered(whole: Passage, named: re.Pattern[str] | None) -> Iterator[_Sentence]:
    line: _Line | None = None
    for unit in units_of(whole, len(whole.text)):
        if unit.is_table_row:
            continue
        depth = _depth(whole.text, unit.start, unit.end)
        if depth is not None and (named is None or named.match(whole.text, unit.start)):
            while line is not None and line.depth >= depth:
                line = line.above
            line = _Line(unit.start, unit.end, depth, line)
        if line is not None:
            yield _Sentence(whole, unit.start, unit.end, line)


def _depth(text: str, start: int, end: int) -> int | None:
    """How deep the number stands that a line begins with; None where it begins with none."""
    if text[:start].rpartition("\n")[2].strip():
        return None
    label = _LABEL.match(text, start, end)
    if label is None:
        return None
    if label["letter"]:
        return _LETTERED
    if label["word"]:
        return 0 if not any(map(str.isdigit, label["word"])) else label["word"].rstrip(".):").count(".")
    heads = end - start <= _LONGEST_HEADING and text[end - 1] not in ".!?;,"
    return label["number"].count(".") if label["close"] or "." in label["number"] or heads else None


def _said(query: Query, wanted: frozenset[str], sentence: _Sentence) -> float:
    """The share of what is asked that the sentence says, and, for less, what it stands under. What names the document
    tells no part of it from another: it counts as said, but nothing else."""
    document = sentence.whole.document
    names = f"{document.title} {document.path.rpartition('/')[2]} {sentence.whole.text[:_NAMED_WITHIN]}"
    named = _held(wanted, names.replace(".", " ").replace("_", " "))
    own = _held(wanted - named, sentence.text)
    above: frozenset[str] = frozenset()
    line: _Line | None = sentence.line
    while line is not None:
        above |= _held(wanted - named - own, _text(sentence, line))
        line = line.above
    weights = {term: query.rarity.get(term, 1.0) for term in wanted}
    asked = sum(weights[term] for term in wanted - named)
    if not asked:
        return 0.0
    heading = _held(wanted - named - own, _text(sentence, sentence.line))
    held = sum(
        weights[term] * (1.0 if term in own else _HEADING if term in heading else _CONTEXT) for term in own | above
    )
    return (held + _NAME * sum(weights[term] for term in named)) / asked


def _held(wanted: frozenset[str], text: str) -> frozenset[str]:
    there = frozenset(stems(text))
    prefixes = prefixes_of(there)
    return frozenset(term for term in wanted if match(term, there, prefixes) > 0)


def _text(sentence: _Sentence, line: _Line) -> str:
    return sentence.whole.text[line.start : line.end]


def _with_number(sentence: _Sentence) -> str:
    line = sentence.line
    shown = sentence.text if line.start == sentence.start else f"{_text(sentence, line)} {sentence.text}"
    return " ".join(shown.split())


def _stated(sentence: _Sentence) -> Statement:
    """The sentence behind its number, and behind the number above where its own is a letter."""
    line: _Line | None = sentence.line
    spans = [] if sentence.line.start == sentence.start else [(sentence.start, sentence.end)]
    while line is not None:
        spans.insert(0, (line.start, line.end))
        line = line.above if line.depth == _LETTERED else None
    text = " ".join(" ".join(sentence.whole.text[start:end].split()) for start, end in spans)
    return Statement(text, tuple(Source(sentence.whole, start, end) for start, end in spans))
