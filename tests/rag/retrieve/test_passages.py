"""Merging of hits into passages over one made-up document per test; tokens are words."""

from collections.abc import Sequence

from rag.retrieve.passages import to_passages
from rag.text.table_spans import TableRow, TableSpans
from rag.types import Chunk, Document, Hit


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


class FakeTexts:
    """Documents of ten chunks of ten words, separated by empty lines."""

    def __init__(self) -> None:
        self.texts: dict[int, str] = {}
        self.stored: dict[int, list[Chunk]] = {}
        self.marked: dict[int, list[TableSpans]] = {}
        for document_id in (1, 2):
            text = ""
            chunks = []
            for ordinal in range(10):
                body = " ".join(f"d{document_id}c{ordinal}w{n}" for n in range(9)) + " end."
                start = len(text)
                text += body + "\n\n"
                path = ("Part", f"Section {ordinal // 5}")
                chunks.append(
                    Chunk(
                        document_id,
                        ordinal,
                        start,
                        start + len(body),
                        body,
                        path,
                        page=ordinal + 1,
                        start_s=ordinal * 5.0,
                    )
                )
            self.texts[document_id], self.stored[document_id] = text, chunks

    def document_text(self, document_id: int) -> str:
        return self.texts[document_id]

    def chunk_range(self, document_id: int, first_ordinal: int, last_ordinal: int) -> list[Chunk]:
        return self.stored[document_id][first_ordinal : last_ordinal + 1]

    def tables(self, document_id: int, start: int, end: int) -> tuple[TableSpans, ...]:
        return tuple(t for t in self.marked.get(document_id, ()) if t.start < end and t.end > start)

    def hits(self, *places: tuple[int, int]) -> list[Hit]:
        return [
            Hit(self.stored[document_id][ordinal], document(document_id), 1 / rank)
            for rank, (document_id, ordinal) in enumerate(places, start=1)
        ]


def document(document_id: int) -> Document:
    return Document(document_id, 1, f"/d{document_id}.txt", "T", "text/plain", "ok", None, 10, 1, 1, "h", 0.0)


def test_no_hits_no_passages() -> None:
    assert to_passages([], FakeTexts(), words, 100) == []


def test_neighbours_merge_whatever_their_rank_and_the_text_is_the_documents() -> None:
    texts = FakeTexts()
    passages = to_passages(texts.hits((1, 4), (2, 0), (1, 3), (1, 5)), texts, words, 40)
    assert [(p.number, p.document.id, p.page, p.start_s) for p in passages] == [(1, 1, 4, 15.0), (2, 2, 1, 0.0)]
    for passage in passages:
        assert passage.text == texts.texts[passage.document.id][passage.start : passage.end]
    assert passages[0].text.startswith("d1c3w0")
    assert passages[0].text.endswith("d1c5w8 end.")
    assert passages[0].score == 1.0
    assert passages[0].heading_path == ("Part",)
    assert passages[1].heading_path == ("Part", "Section 0")


def test_neighbours_in_two_documents_stay_apart() -> None:
    texts = FakeTexts()
    assert len(to_passages(texts.hits((1, 9), (2, 0)), texts, words, 100)) == 2


def test_passages_come_by_score_not_by_place() -> None:
    texts = FakeTexts()
    passages = to_passages(texts.hits((2, 8), (1, 1), (2, 2)), texts, words, 30)
    assert [(p.document.id, p.page) for p in passages] == [(2, 9), (1, 2), (2, 3)]


def test_a_single_missing_chunk_is_bridged_only_while_it_fits() -> None:
    texts = FakeTexts()
    hits = texts.hits((1, 2), (1, 4))
    assert [p.text.split()[0] for p in to_passages(hits, texts, words, 20)] == ["d1c2w0", "d1c4w0"]
    [bridged] = to_passages(hits, texts, words, 30)
    assert bridged.text == texts.texts[1][bridged.start : bridged.end]
    assert "d1c3w0" in bridged.text


def test_the_budget_holds_and_the_best_come_first() -> None:
    texts = FakeTexts()
    hits = texts.hits((1, 0), (1, 5), (2, 0), (2, 5), (1, 9))
    passages = to_passages(hits, texts, words, 35)
    assert sum(len(passage.text.split()) for passage in passages) <= 35
    assert [(p.document.id, p.page) for p in passages] == [(1, 1), (1, 6), (2, 1)]


def test_a_budget_below_the_first_hit_cuts_it() -> None:
    texts = FakeTexts()
    [passage] = to_passages(texts.hits((1, 0), (2, 0)), texts, words, 4)
    assert 1 <= len(passage.text.split()) <= 4
    assert passage.text == texts.texts[1][passage.start : passage.end]


def test_a_passage_brings_its_tables_along() -> None:
    texts = FakeTexts()
    (first, second), (third, _) = texts.stored[1][:2], texts.stored[1][5:7]
    inside = TableSpans(("A",), 1, (TableRow(second.start, second.end, (0, 3, 0)),))
    outside = TableSpans(("B",), 1, (TableRow(third.start, third.end, (0, 3, 0)),))
    texts.marked[1] = [inside, outside]
    (passage,) = to_passages(texts.hits((1, 0), (1, 1)), texts, words, 20)
    assert (passage.start, passage.end) == (first.start, second.end)
    assert passage.tables == (inside,)
