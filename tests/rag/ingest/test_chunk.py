"""Chunking on documents written here; tokens are words unless a test says otherwise."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.ingest.chunks.cheapest_cuts import runs
from rag.ingest.chunks.chunk import chunk_document
from rag.parsers.builder import DocumentBuilder
from rag.parsers.tables.table import Table
from rag.text.context import context_of, document_label
from rag.text.table_spans import TableRow, TableSpans
from rag.types import Block, BlockKind, Chunk, ParsedDocument


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def letters(texts: Sequence[str]) -> list[int]:
    return [len(re.sub(r"\s", "", text)) for text in texts]


def document(*blocks: tuple[BlockKind, str, int], **times: float) -> ParsedDocument:
    """Blocks (kind, text, level) joined by empty lines."""
    spans: list[Block] = []
    text = ""
    for kind, content, level in blocks:
        text += "\n\n" if text else ""
        spans.append(Block(len(text), len(text) + len(content), kind, level, **times))  # type: ignore[arg-type]
        text += content
    return ParsedDocument(text, tuple(spans), "Title", "text/plain")


def prose(sentences: int, words_each: int = 10) -> str:
    return " ".join("Word" + " word" * (words_each - 2) + f" w{n}." for n in range(sentences))


def check(parsed: ParsedDocument, chunks: Sequence[Chunk]) -> None:
    """What holds of every division."""
    position = 0
    for ordinal, chunk in enumerate(chunks):
        assert chunk.ordinal == ordinal
        assert chunk.text == parsed.text[chunk.start : chunk.end] == chunk.text.strip() != ""
        assert not parsed.text[position : chunk.start].strip()
        position = chunk.end
    assert not parsed.text[position:].strip()


def test_an_empty_document_has_no_chunks() -> None:
    assert chunk_document(ParsedDocument(" \n", (), "t", "text/plain"), words) == []


def test_a_short_document_is_one_chunk() -> None:
    parsed = document(("paragraph", "Hello there.", 0))
    [chunk] = chunk_document(parsed, words)
    assert (chunk.text, chunk.start, chunk.end, chunk.document_id, chunk.id) == ("Hello there.", 0, 12, 0, 0)


def test_a_long_paragraph_is_cut_evenly_at_sentence_ends() -> None:
    parsed = document(("paragraph", prose(50), 0))
    chunks = chunk_document(parsed, words)
    check(parsed, chunks)
    assert all(chunk.text.endswith(".") for chunk in chunks)
    assert all(120 <= len(chunk.text.split()) <= 264 for chunk in chunks)


def test_abbreviations_do_not_end_a_sentence() -> None:
    sentence = "The pump was checked by Dr. Adams, e.g. in 1987, with 3.5 bar of pressure on the line."
    parsed = document(("paragraph", " ".join([sentence] * 60), 0))
    chunks = chunk_document(parsed, words)
    assert len(chunks) > 1
    assert all(chunk.text.startswith("The pump") and chunk.text.endswith("line.") for chunk in chunks)


def test_chinese_sentences_end_without_spaces() -> None:
    parsed = document(("paragraph", "这是一个关于灯塔的句子，它有二十多个字。" * 60, 0))
    chunks = chunk_document(parsed, letters)
    check(parsed, chunks)
    assert len(chunks) > 3
    assert all(chunk.text.endswith("。") for chunk in chunks)


def test_headings_begin_chunks_and_name_what_stands_below() -> None:
    parsed = document(
        ("heading", "Pumps", 1),
        ("paragraph", prose(15), 0),
        ("heading", "Service", 2),
        ("paragraph", prose(30), 0),
        ("heading", "Valves", 1),
        ("paragraph", prose(15), 0),
    )
    chunks = chunk_document(parsed, words)
    check(parsed, chunks)
    starts = [chunk.text.splitlines()[0] for chunk in chunks]
    assert {"Pumps", "Service", "Valves"} <= set(starts)
    assert [chunk.heading_path for chunk in chunks] == [
        ("Pumps",),
        ("Pumps", "Service"),
        ("Pumps", "Service"),
        ("Valves",),
    ]


def test_a_heading_is_never_parted_from_its_first_words() -> None:
    parsed = document(*[("heading", "A", 1), ("heading", "B", 2), ("paragraph", prose(40), 0)] * 3)  # type: ignore[list-item]
    chunks = chunk_document(parsed, words)
    assert all(len(chunk.text.split()) > 50 for chunk in chunks)
    assert sum(chunk.text.startswith("A\n\nB\n\nWord") for chunk in chunks) == 3


def test_small_sections_share_a_chunk_and_its_path_is_what_they_have_in_common() -> None:
    parsed = document(
        ("heading", "Glossary", 1),
        *[block for n in range(6) for block in (("heading", f"Term {n}", 2), ("paragraph", prose(2), 0))],  # type: ignore[misc]
    )
    chunks = chunk_document(parsed, words)
    check(parsed, chunks)
    assert len(chunks) == 1
    assert chunks[0].heading_path == ("Glossary",)


def test_a_label_heads_what_follows_without_being_text() -> None:
    blocks = (Block(0, 0, "heading", 1, label="Sheet 2"), Block(0, 5))
    [chunk] = chunk_document(ParsedDocument("Total", blocks, "t", "x"), words)
    assert (chunk.text, chunk.heading_path) == ("Total", ("Sheet 2",))


def test_a_table_is_cut_between_rows_and_keeps_its_header_in_the_context() -> None:
    rows = ["Part | Price | Maker", *(f"Part {n} | {n} | Maker of part {n}" for n in range(60))]
    parsed = document(("table", "\n".join(rows), 0))
    chunks = chunk_document(parsed, words)
    check(parsed, chunks)
    assert len(chunks) > 2
    assert "\n".join(chunk.text for chunk in chunks) == "\n".join(rows)
    assert chunks[0].heading_path == ()
    assert all(chunk.heading_path == ("Part | Price | Maker",) for chunk in chunks[1:])


def table_document(table: Table) -> ParsedDocument:
    builder = DocumentBuilder(media_type="x/y")
    builder.paragraph("Before.")
    builder.table(table)
    return builder.build()


def test_every_chunk_of_a_table_names_its_columns() -> None:
    rows = [["Part", "2030", "2031"], *([f"Part {n}", str(n), str(n + 1)] for n in range(120))]
    plain = table_document(Table.of_rows(rows))
    chunks = chunk_document(plain, words)
    check(plain, chunks)
    assert len(chunks) > 2
    assert all(chunk.heading_path == ("Part | 2030 | 2031",) for chunk in chunks[1:])
    records = table_document(Table.of_rows(rows, records=True))
    chunks = chunk_document(records, words)
    check(records, chunks)
    assert all(line.startswith("Part: Part ") for chunk in chunks[1:] for line in chunk.text.splitlines())


@pytest.mark.parametrize("records", [False, True])
def test_a_wide_row_is_cut_between_cells_and_keeps_its_name(records: bool) -> None:
    names = ["Boat", *(f"Check number {n}" for n in range(90))]
    rows = [names, *([boat, *(f"seen by {boat} on day {n}" for n in range(90))] for boat in ("Tern", "Skua"))]
    parsed = table_document(Table.of_rows(rows, records=records))
    chunks = chunk_document(parsed, words, 100)
    check(parsed, chunks)
    for chunk in chunks:
        boats = {boat for boat in ("Tern", "Skua") if boat in chunk.text}
        assert len(boats) <= 1
        if boats and not records:
            above = " ".join(chunk.heading_path)
            days = re.findall(r"on day (\d+)", chunk.text)
            assert boats.pop() in above + chunk.text.split("seen")[0]
            assert f"Check number {days[0]} |" in above


def test_a_gigantic_word_is_cut_and_nothing_is_lost() -> None:
    parsed = document(("paragraph", "before " + "x" * 20_000 + " after", 0))
    chunks = chunk_document(parsed, words)
    check(parsed, chunks)
    assert all(len(chunk.text) <= 2600 for chunk in chunks)


def test_a_long_sentence_is_cut_between_words() -> None:
    parsed = document(("paragraph", " ".join(f"word{n}" for n in range(1000)), 0))
    chunks = chunk_document(parsed, words)
    check(parsed, chunks)
    assert [word for chunk in chunks for word in chunk.text.split()] == parsed.text.split()


@pytest.mark.parametrize("kind", ["contents", "hidden"])
def test_contents_and_hidden_text_stand_in_no_chunk(kind: BlockKind) -> None:
    parsed = document(("paragraph", "Before it.", 0), (kind, "Not for answers.", 0), ("paragraph", "Behind it.", 0))
    assert [chunk.text for chunk in chunk_document(parsed, words)] == ["Before it.", "Behind it."]


def test_times_span_the_cues_of_a_chunk() -> None:
    cues = [f"cue number {n} says this" for n in range(100)]
    starts = [sum(len(cue) + 1 for cue in cues[:n]) for n in range(100)]
    blocks = tuple(
        Block(start, start + len(cue), start_s=n * 2.0, end_s=n * 2.0 + 1.5)
        for n, (start, cue) in enumerate(zip(starts, cues, strict=True))
    )
    parsed = ParsedDocument("\n".join(cues), blocks, "Talk", "text/vtt")
    chunks = chunk_document(parsed, words)
    check(parsed, chunks)
    for chunk in chunks:
        numbers = [int(n) for n in re.findall(r"number (\d+)", chunk.text)]
        assert (chunk.start_s, chunk.end_s) == (numbers[0] * 2.0, numbers[-1] * 2.0 + 1.5)


def test_page_is_that_of_the_first_character() -> None:
    first, second = prose(12), prose(4)
    blocks = (Block(0, len(first), page=1), Block(len(first) + 1, len(first) + 1 + len(second), page=2))
    [chunk] = chunk_document(ParsedDocument(f"{first} {second}", blocks, "t", "x"), words)
    assert chunk.page == 1


def test_text_outside_blocks_is_kept() -> None:
    parsed = ParsedDocument("lost start MIDDLE lost end", (Block(11, 17),), "t", "x")
    check(parsed, chunk_document(parsed, words))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["heading", "paragraph", "list", "table", "code", "margin"]),
            st.text(st.sampled_from("ab. \n。!|x\t"), max_size=300),
            st.integers(0, 4),
        ),
        max_size=12,
    ),
    st.integers(8, 40),
)
def test_any_document_is_covered_in_order(blocks: list[tuple[BlockKind, str, int]], target: int) -> None:
    parsed = document(*blocks)
    chunks = chunk_document(parsed, words, target)
    check(parsed, chunks)
    assert all(len(chunk.text.split()) <= 1.2 * target + 1 for chunk in chunks)


@pytest.mark.parametrize("kind", ["paragraph", "list", "table", "code"])
def test_work_grows_with_the_length_not_its_square(kind: BlockKind) -> None:
    """Counted in texts handed to the tokenizer, which every step of the work is proportional to."""
    counted: list[int] = []

    def count(texts: Sequence[str]) -> list[int]:
        counted.append(sum(map(len, texts)))
        return words(texts)

    parsed = document((kind, "\n".join(f"line {n} of it." for n in range(20_000)), 0))
    check(parsed, chunk_document(parsed, count))
    assert sum(counted) <= 2 * len(parsed.text)


def test_what_is_tokenised_at_a_time_is_bounded() -> None:
    largest = 0

    def count(texts: Sequence[str]) -> list[int]:
        nonlocal largest
        largest = max(largest, sum(map(len, texts)))
        return words(texts)

    one_line = ";".join(f"var a{n} = {n}" for n in range(30_000))
    for text in (one_line, "x" * 1_000_000, "a " * 150_000, "a\n" * 100_000, " " * 1_000_000 + "a"):
        for kind in ("code", "paragraph", "table"):
            parsed = document((kind, text, 0))
            check(parsed, chunk_document(parsed, count))
    assert largest <= 200_000


@pytest.mark.parametrize("records", [True, False])
def test_a_wide_row_is_looked_at_once_for_each_of_its_cells(records: bool) -> None:
    """With a search through the row for each of its parts this would run into the suite's limit of five minutes."""
    cells = 300_000
    places = tuple(number for n in range(cells) for number in (8 * n, 7, n % 4096))
    row = TableRow(0, 8 * cells - 1, places)
    table = TableSpans(tuple(f"Column {n}" for n in range(4096)), 2000, (row,), records)
    parsed = ParsedDocument(("abc def " * cells).rstrip(), (Block(0, row.end, "table", table=table),), "t", "x")
    check(parsed, chunk_document(parsed, words))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from([0.0, 0.1, 2.0]), st.sampled_from([0.0, 0.5, 4.0]))))
def test_settling_early_finds_the_same_division(drawn: list[tuple[int, float, float]]) -> None:
    units = [Priced(*values) for values in drawn] * 200
    found = list(runs(units, 40))
    assert [unit for run in found for unit in run] == units
    assert sum(map(cost, found)) == pytest.approx(cheapest(units), rel=1e-9)


@dataclass(frozen=True)
class Priced:
    tokens: int
    seam: float
    join: float


def cost(run: Sequence[Priced]) -> float:
    tokens = sum(unit.tokens for unit in run)
    return run[0].seam + sum(unit.join for unit in run[1:]) + ((tokens - 40) / 40) ** 2


def cheapest(units: Sequence[Priced]) -> float:
    """The price of the cheapest division, by trying every run that may end at each unit."""
    best = [0.0]
    for stop in range(1, len(units) + 1):
        prices = []
        for start in range(stop - 1, max(-1, stop - 60), -1):
            run = units[start:stop]
            if start < stop - 1 and sum(unit.tokens for unit in run) > 48:
                break
            prices.append(best[start] + cost(run))
        best.append(min(prices))
    return best[-1]


def test_context_names_title_and_headings_once() -> None:
    assert context_of("Manual", ("Pumps", "Service")) == "Manual > Pumps > Service"
    assert context_of("Manual", ("Manual", "Service")) == "Manual > Service"
    assert context_of("", ()) == ""
    assert context_of("  A\n title ", ()) == "A title"


def test_context_stays_short_and_keeps_title_and_nearest_heading() -> None:
    context = context_of("Manual", ["x" * 300, "y" * 300, "Near"])
    assert len(context) < 200
    assert context.startswith("Manual > ")
    assert context.endswith("Near")


def test_a_document_is_called_by_its_file_and_its_title() -> None:
    assert document_label("/reports/2022 Q3 AAPL.pdf", "Apple Inc.") == "2022 Q3 AAPL: Apple Inc."
    assert document_label("/notes/walking_boots.txt", "walking_boots") == "walking boots"
    assert document_label("/notes/boots.txt", "How to choose boots") == "How to choose boots"
    assert document_label("/notes/boots.txt", "") == "boots"
    assert document_label("https://www.youtube.com/watch?v=abc", "A talk") == "A talk"


@pytest.mark.parametrize("before", range(180, 230, 3))
def test_a_term_of_a_manual_stays_with_what_is_said_of_it(before: int) -> None:
    blocks: list[tuple[BlockKind, str, int]] = [("paragraph", prose(1, before), 0)]
    for term in ("--fold", "-k, --keep-wool", "KNIT_COLOUR", "--gauge=NUMBER"):
        blocks += [("paragraph", term, 0), ("paragraph", prose(4), 0)]
    parsed = document(*blocks)
    chunks = chunk_document(parsed, words)
    check(parsed, chunks)
    assert len(chunks) > 1
    assert not [chunk.text for chunk in chunks if chunk.text.endswith(("--fold", "wool", "COLOUR", "NUMBER"))]
