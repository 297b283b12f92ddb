"""The nouns of retrieval, as frozen dataclasses, in the order in which data passes through them.

    file -> ParsedDocument (text + blocks) -> Chunk
    question -> Query -> Hit (a chunk and what was read in it) -> Passage -> Answer (parts + citations)

Every character position in this package counts Unicode code points in ``ParsedDocument.text``, the canonical
text of a document, half open: ``text[start:end]``.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

from rag.text.markers import AnswerPart, written
from rag.text.table_spans import TableSpans

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BlockKind = Literal["heading", "paragraph", "list", "table", "code", "note", "caption", "margin", "contents", "hidden"]
QueryKind = Literal["overview", "person", "date", "number", "place", "reason", "definition", "list", "any"]
DocumentStatus = Literal["ok", "failed", "skipped"]
CountTokens = Callable[[Sequence[str]], list[int]]
"""Tokens of each text, without special tokens."""


@dataclass(frozen=True, slots=True)
class CounterSpec:
    """Says how another process makes a ``CountTokens``: it calls ``load(argument)`` of the module."""

    module: str
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """One structural unit of a document: a span of its canonical text.

    ``level`` is the depth of a heading (1 is outermost). ``page`` counts from 1 (page, slide or sheet); ``page_label``
    is the number printed on it ("iv"), where that is another one.
    ``start_s`` and ``end_s`` are seconds in a recording. ``label`` names a heading that does not stand in the
    text itself (an XML element path, a sheet's name); then the span may be empty. ``margin`` blocks are running
    headers and footers. ``contents`` (a table of contents) and ``hidden`` (what a reader of the document does not see)
    are neither retrieved nor quoted. ``table`` says where rows and cells of a table stand, as far as they are known.
    """

    start: int
    end: int
    kind: BlockKind = "paragraph"
    level: int = 0
    page: int | None = None
    start_s: float | None = None
    end_s: float | None = None
    label: str | None = None
    page_label: str | None = None
    table: TableSpans | None = None


class Place(NamedTuple):
    """Where a character of a document stands in its file: the page (from 1), the second of a recording, and the number
    printed on the page where that is another one."""

    page: int | None = None
    start_s: float | None = None
    page_label: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What a parser makes of one file: canonical text and the blocks that cover it, in reading order."""

    text: str
    blocks: tuple[Block, ...]
    title: str
    media_type: str
    warnings: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A retrievable piece of a document. ``id`` is 0 until the library has stored it; ids are never used again.

    ``heading_path`` holds the headings above it, outermost first. ``text == document_text[start:end]``.
    """

    document_id: int
    ordinal: int
    start: int
    end: int
    text: str
    heading_path: tuple[str, ...] = ()
    page: int | None = None
    start_s: float | None = None
    end_s: float | None = None
    id: int = 0
    page_label: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A folder, single file or URL that a person added."""

    id: int
    kind: Literal["folder", "file", "youtube"]
    location: str
    added_at: float


@dataclass(frozen=True, slots=True)
class Collection:
    """A set of documents that a person has named. ``locations`` are the paths and URLs of documents, folders and
    playlists; what lies below a folder is in it. ``owner`` is the user who alone sees it, "" where all do."""

    id: int
    name: str
    locations: tuple[str, ...]
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """One row of the library. ``path`` is an absolute path or a URL, ``size`` is in bytes, ``error`` says why.

    ``ctime_ns`` is the time of the file's last status change, 0 where it is not known. ``page_count`` is that of pages,
    slides or sheets; None for what has none.
    """

    id: int
    source_id: int
    path: str
    title: str
    media_type: str
    status: DocumentStatus
    error: str | None
    chunks: int
    size: int
    mtime_ns: int
    content_hash: str
    read_at: float
    ctime_ns: int = 0
    page_count: int | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Restricts a search. Empty means everything; both given means both must hold.

    ``folders`` are absolute paths or URLs: a document matches when it is that file or lies below that folder.
    """

    document_ids: frozenset[int] = frozenset()
    folders: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.document_ids or self.folders)


@dataclass(frozen=True, slots=True)
class Turn:
    """One earlier exchange of the conversation. ``found`` are the words of the answer that answer, as far as known."""

    question: str
    answer: str
    found: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """A question, analysed once (``rag.query.query.make_query``).

    ``original`` is what the person typed; ``text`` stands alone, completed from ``history``. ``rarity`` maps the stem
    of each meaningful word to its weight, ``terms`` to the weight it has as evidence, which is less for words that an
    earlier question held. ``pairs`` are neighbours among these stems, in order. ``names`` are the stems of names,
    numbers and identifiers; ``words`` are all words, folded. ``kind`` is what the answer must look
    like. ``total`` is the weight of all terms together.
    """

    original: str
    text: str
    history: tuple[Turn, ...]
    rarity: Mapping[str, float]
    terms: Mapping[str, float]
    pairs: tuple[tuple[str, str], ...]
    names: Set[str]
    words: Set[str]
    kind: QueryKind
    is_english: bool
    total: float


@dataclass(frozen=True, slots=True)
class Span:
    """Characters of a document: ``text == document_text[start:end]``."""

    document_id: int
    start: int
    end: int
    text: str

    def contains(self, other: "Span") -> bool:
        return self.document_id == other.document_id and self.start <= other.start < other.end <= self.end


@dataclass(frozen=True, slots=True)
class PairScores:
    """What a reader's model says of the tokens of a question and a passage: log odds that the passage is relevant and
    that it supports what stands in the question's place (None: the model judges no statements), and scores of spans:
    ``band`` [length, width], from token t to t + d; ``band[0, 0]`` is that of no answer."""

    relevance: float
    support: float | None
    band: "NDArray[np.float32]"


@dataclass(frozen=True, slots=True)
class Reading:
    """What the reader makes of one stretch of a document for a question. ``span`` is the likeliest answer in it.

    ``probability``: the stretch answers the question. ``confidence``: the same for an answer that was chosen among all
    stretches of a library. ``rank_score`` and ``answer_score`` order stretches and answers of one question.
    """

    span: Span
    rank_score: float
    answer_score: float
    probability: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Hit:
    """One retrieved chunk with its final ``score`` (higher is better) and the rank (from 1) each leg gave it.

    ``reading`` is what the reranker read in it; None where it was not read.
    """

    chunk: Chunk
    document: Document
    score: float
    dense_rank: int | None = None
    keyword_rank: int | None = None
    reading: Reading | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """Neighbouring hits merged into one stretch of a document; ``number`` is its rank.

    ``tables`` are those that stand in it, wholly or in part, in positions of the document.
    """

    number: int
    document: Document
    start: int
    end: int
    text: str
    score: float
    heading_path: tuple[str, ...] = ()
    page: int | None = None
    start_s: float | None = None
    hits: tuple[Hit, ...] = ()
    page_label: str | None = None
    tables: tuple[TableSpans, ...] = ()

    def span(self, start: int, end: int) -> Span:
        """``text[start:end]`` as characters of the document."""
        return Span(self.document.id, self.start + start, self.start + end, self.text[start:end])


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a statement stands. ``quote == document_text[start:end]``; ``number`` is the ``[n]`` in the answer, which
    counts the passages by first mention."""

    number: int
    document_id: int
    source: str
    title: str
    page: int | None
    start_s: float | None
    quote: str
    start: int
    end: int
    score: float
    page_label: str | None = None

    @property
    def span(self) -> Span:
        """The quote."""
        return Span(self.document_id, self.start, self.end, self.quote)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer as it is written, and the citations that became known with it."""

    parts: tuple[AnswerPart, ...] = ()
    citations: tuple[Citation, ...] = ()

    @property
    def text(self) -> str:
        """The piece as plain text with its marks."""
        return written(self.parts)


@dataclass(frozen=True, slots=True)
class ThoughtDelta:
    """A piece of what a model thinks before it answers."""

    text: str


@dataclass(frozen=True, slots=True)
class Writing:
    """What a language model wrote for an answer: how many tokens, and how many a second after the first."""

    tokens: int
    tok_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    """The finished answer. ``found`` is false when the documents do not hold it, as far as can be told: then there are
    no citations but those of the nearest passage, where the text quotes one as such.

    ``span`` is what the reader read out, and lies within a citation's quote; None without a reader, or where it does
    not. ``confidence`` is the probability that the documents hold the answer; None where nothing measured it, as
    ``writing`` is where no language model wrote to its end.
    """

    parts: tuple[AnswerPart, ...]
    found: bool
    citations: tuple[Citation, ...]
    answerer: str
    span: Span | None = None
    confidence: float | None = None
    writing: Writing | None = None

    @property
    def text(self) -> str:
        """The answer as plain text with its marks: ``[n]`` for a citation, ``[?]`` for an unsupported sentence."""
        return written(self.parts)


AnswerEvent = TextDelta | ThoughtDelta | Answer
