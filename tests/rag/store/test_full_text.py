"""Full-text search on small libraries: what is found, what is found first, and that no question is syntax."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag.store import keyword_search
from rag.store.library import Library
from rag.store.protocols import FileState, LibraryStore
from rag.types import Chunk, Filter, ParsedDocument
from tests.rag.conftest import OpenLibrary

Search = Callable[[str], list[str]]

TEXTS = [
    "The company filed its Form 10-Q in May.",
    "Ten questions and answers about cats, dogs and quails.",
    "Order AB-1234 was shipped; order AB-9999 was not.",
    "The growth rate was 3.5 percent, up from 2.9 percent.",
    "北京的人口超过两千万。上海也很大。",
    "東京は日本の首都です。",
    "서울은 대한민국의 수도이다.",
    "The caf\u00e9 serves na\u00efve cr\u00e8me br\u00fbl\u00e9e.",
    "To be or not to be, that is the question.",
    "World War II ended in 1945. The wars of the roses ended earlier.",
    "Use snake_case names such as max_file_size.",
]


def in_file(path: Path) -> Library:
    return Library.open(path / "library.db")


def build(
    path: Path, texts: list[str], context: str = "", open_library: OpenLibrary = in_file, of_a_document: int = 1
) -> Any:
    """A library of these passages, ``of_a_document`` a document."""
    library = open_library(path)
    writer = library.writer()
    with writer.transaction():
        source = writer.add_source("folder", "/data")
        for number in range(0, len(texts), of_a_document):
            some = texts[number : number + of_a_document]
            writer.put_document(
                FileState(source.id, f"/data/{number}", 1, 0, str(number)),
                ParsedDocument("\n".join(some), (), "title", "text/plain"),
                [Chunk(0, ordinal, 0, len(text), text) for ordinal, text in enumerate(some)],
                [context] * len(some),
                np.zeros((len(some), 4), dtype=np.float16),
            )
    return library


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, open_library: OpenLibrary) -> Iterator[LibraryStore]:
    with build(tmp_path_factory.mktemp("full_text"), TEXTS, open_library=open_library) as opened:
        yield opened


@pytest.fixture
def search(library: LibraryStore) -> Search:
    def run(question: str) -> list[str]:
        hits = library.full_text_search(question, 10)
        assert [score for _, score in hits] == sorted((score for _, score in hits), reverse=True)
        found = library.chunks([id_ for id_, _ in hits])
        return [chunk.text for chunk, _ in found.values()]

    return run


@pytest.mark.parametrize(
    ("question", "best"),
    [
        ("What does the 10-Q say?", 0),
        ("10-q", 0),
        ("Was AB-1234 shipped?", 2),
        ("ab-1234", 2),
        ("a rate of 3.5", 3),
        ("北京人口", 4),
        ("上海", 4),
        ("日本の首都はどこですか", 5),
        ("수도", 6),
        ("creme brulee", 7),
        ("CAFÉ", 7),
        ("the company's filing", 0),
        ("When did World War II end?", 9),
        ("max_file_size", 10),
        ("shipping orders", 2),
    ],
)
def test_the_right_chunk_comes_first(search: Search, question: str, best: int) -> None:
    assert search(question)[:1] == [TEXTS[best]]


def test_a_lone_character_without_spaces_is_found(search: Search) -> None:
    assert search("京")[:1] == [TEXTS[5]] or search("京")[:1] == [TEXTS[4]]
    assert TEXTS[4] in search("北")


def test_stop_words_count_only_when_there_is_nothing_else(search: Search) -> None:
    assert search("to be or not to be") == [TEXTS[8]] or search("to be or not to be")[0] == TEXTS[8]
    assert search("is the quail to be or not to be") == [TEXTS[1]]


@pytest.mark.parametrize("question", ["", "   ", "?!", "\0", "😀", '"', "zzz", "\ud83d", "()", "*", "^", "-", "NEAR"])
def test_a_question_with_nothing_to_find(search: Search, question: str) -> None:
    assert search(question) == []


@pytest.mark.parametrize(
    "question",
    [
        'cats" OR "company',
        "cats AND (dogs",
        "text : cats",
        "context:cats",
        "cats*",
        "^cats",
        "cats\0dogs",
        "{cats dogs} : quails",
        "NEAR(cats dogs, 2)",
        "cats NOT dogs",
        "-cats +dogs",
        "cats 😀 \ud83d",
        "'; DROP TABLE chunks; -- cats",
    ],
)
def test_syntax_is_text(search: Search, question: str) -> None:
    assert TEXTS[1] in search(question)


@given(st.text(max_size=80))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_question_fails(library: LibraryStore, question: str) -> None:
    assert len(library.full_text_search(question, 3)) <= 3


def test_a_very_long_question_is_answered(library: LibraryStore) -> None:
    assert library.full_text_search("quails " + " ".join(f"word{i}" for i in range(20_000)), 3)


def test_headings_are_searched_too(tmp_path: Path, open_library: OpenLibrary) -> None:
    with build(tmp_path, ["It rose by a tenth."], "Annual report > Dividend", open_library) as library:
        assert len(library.full_text_search("dividend", 3)) == 1


def test_a_filter_admits_only_its_documents(library: LibraryStore) -> None:
    hits = library.full_text_search("ended question order", 10)
    assert len(hits) > 1
    document = library.chunks([hits[-1][0]])[hits[-1][0]][1]
    assert [
        id_ for id_, _ in library.full_text_search("ended question order", 10, Filter(frozenset({document.id})))
    ] == [hits[-1][0]]


def test_frequent_words_decide_between_equals(tmp_path: Path, open_library: OpenLibrary) -> None:
    """More chunks than may be scored: the rare word chooses, and the frequent ones still break the tie."""
    texts = [f"ship harbour number{i}" for i in range(keyword_search.MAX_SCORED + 100)]
    texts += ["sextant and other things"] * 60 + ["sextant ship harbour"]
    with build(tmp_path, texts, open_library=open_library, of_a_document=500) as library:
        ((best, _), *others) = library.full_text_search("Which ship in the harbour had a sextant?", 10)
        assert library.chunks([best])[best][0].text == "sextant ship harbour"
        assert len(others) == 9
        few = library.full_text_search("ship number7 harbour", 10)
        assert len(few) == 10
        assert library.chunks([few[0][0]])[few[0][0]][0].text == "ship harbour number7"


def test_no_more_than_k(library: LibraryStore) -> None:
    assert len(library.full_text_search("ended question order percent", 2)) == 2
    assert library.full_text_search("ended", 0) == []


def test_of_words_that_all_stand_in_thousands_those_count_that_stand_together(
    tmp_path: Path, open_library: OpenLibrary
) -> None:
    """More chunks than are scored hold each of them; the rarest alone would choose others."""
    each = keyword_search.MOST_SCORED // 6 + 50
    texts = ["ship harbour"] * each + ["ship sextant"] * each + ["harbour sextant"] * (each - 1)
    texts[each // 2] = "a ship in the harbour and its sextant, described at length"
    with build(tmp_path, texts, open_library=open_library, of_a_document=500) as library:
        hits = library.full_text_search("ship harbour sextant", 10)
        assert len(hits) == 10
        assert library.chunks([hits[0][0]])[hits[0][0]][0].text == texts[each // 2]
        few = library.full_text_search("unheard-of ship", 10)
        assert len(few) == 10


@pytest.mark.slow
def test_chunks_with_a_frequent_word_are_estimated_in_a_large_library(tmp_path: Path) -> None:
    texts = [("sextant" if number % 3 else "harbour") + (" lone" if number == 7 else "") for number in range(60_000)]
    with build(tmp_path, texts, of_a_document=1000) as library, library.words() as index:
        sextant, harbour, lone = (keyword_search.Phrase(False, word) for word in ("sextant", "harbour", "lone"))
        frequent, fewer, once = index.counts([sextant, harbour, lone])
        assert frequent == pytest.approx(40_000, rel=0.05)
        assert fewer == pytest.approx(20_000, rel=0.05)
        assert once == 1
        some = index.holding([], [sextant], 160)
        assert len(some) == 160
        assert min(some) < 5_000 and max(some) > 55_000
        assert index.holding([harbour, lone], [sextant], 160) == [8]


@pytest.mark.slow
def test_frequent_phrases_are_estimated_and_rare_ones_counted_in_a_large_library(
    tmp_path: Path, open_library: OpenLibrary
) -> None:
    """Both words of the phrases stand in tens of thousands of chunks, side by side in half of them or in three."""
    texts = [("harbour light" if number % 2 else "light of the harbour") for number in range(60_000)]
    for number in (9, 30_001, 59_999):
        texts[number] = "the light harbour and a sextant"
    with build(tmp_path, texts, open_library=open_library, of_a_document=1000) as library, library.words() as index:
        frequent, rare = index.counts(
            [keyword_search.Phrase(False, text) for text in ("harbour light", "light harbour")]
        )
        assert frequent > keyword_search.MAX_SCORED
        assert rare == 3
        found = library.full_text_search("light-harbour", 5)
        assert {library.chunks([id_])[id_][0].text for id_, _ in found[:3]} == {texts[9]}
