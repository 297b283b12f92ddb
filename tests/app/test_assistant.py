"""The Assistant: what it remembers, how it stops, and that it follows changes on disk."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from app.assistant import Assistant
from app.errors import UnknownDocument, UsageError
from app.events import Answered, Retrieved
from app.settings.schema import Settings
from rag.answer.citations import citation_for
from rag.answer.refusal import NEAREST
from rag.errors import RagError, SourceError
from rag.protocols import Answerer
from rag.text.markers import AnswerPart
from rag.types import Answer, AnswerEvent, Filter, Passage, Query, TextDelta, Turn
from tests.app.fakes import LightParts


class Parrot:
    """An answerer that notes what it was asked and answers word by word."""

    name = "parrot"

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[Turn, ...]]] = []

    def answer(self, query: Query, passages: Sequence[Passage]) -> Iterator[AnswerEvent]:
        self.asked.append((query.text, query.history))
        for word in ("one ", "two ", "three"):
            yield TextDelta((AnswerPart(word),))
        yield Answer((AnswerPart("one two three"),), True, (), self.name)


class ParrotParts(LightParts):
    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.parrot = Parrot()

    def make_answerer(self) -> Answerer:
        return self.parrot


@pytest.fixture
def parrot(tmp_path: Path) -> Iterator[tuple[Assistant, Parrot]]:
    settings = Settings(data_dir=tmp_path / "data")
    parts = ParrotParts(settings)
    with Assistant(settings, parts) as assistant:
        yield assistant, parts.parrot


def test_events_come_in_order_and_the_exchange_is_kept(parrot: tuple[Assistant, Parrot], folder: Path) -> None:
    assistant, _ = parrot
    assistant.sync([str(folder)])
    first, *deltas, last = list(assistant.ask("How high is the tower?"))
    assert isinstance(first, Retrieved)
    assert first.passages
    assert [delta.text for delta in deltas if isinstance(delta, TextDelta)] == ["one ", "two ", "three"]
    assert isinstance(last, Answered)
    assert not last.stopped
    assert {"rewrite", "embed", "dense", "keyword", "fuse", "answer", "total"} <= set(last.timings_ms)
    assert sum(last.timings_ms.values()) <= 2 * last.timings_ms["total"] + 1e-6
    assert last.conversation_id is not None
    exchange = assistant.conversation(last.conversation_id)[0]
    assert (exchange.question, exchange.answer) == ("How high is the tower?", last.answer)


def test_a_follow_up_is_completed_and_sees_the_last_turns(parrot: tuple[Assistant, Parrot]) -> None:
    assistant, answerer = parrot
    *_, done = assistant.ask("When was the Eiffel Tower opened?")
    assert isinstance(done, Answered)
    searched, *_ = assistant.ask("How high is it?", conversation_id=done.conversation_id)
    assert isinstance(searched, Retrieved)
    assert "Eiffel Tower" in searched.question
    list(assistant.ask("And where?", conversation_id=done.conversation_id))
    earlier = ["When was the Eiffel Tower opened?", "How high is it?"]
    assert [turn.question for turn in answerer.asked[-1][1]] == earlier
    assert answerer.asked[0][1] == ()


def test_history_is_limited(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path / "data", "answer": {"history_turns": 1}})
    parts = ParrotParts(settings)
    with Assistant(settings, parts) as assistant:
        conversation = None
        for question in ("First thing?", "Second thing?", "Third thing?"):
            *_, done = assistant.ask(question, conversation_id=conversation)
            assert isinstance(done, Answered)
            conversation = done.conversation_id
    assert [turn.question for turn in parts.parrot.asked[-1][1]] == ["Second thing?"]


def test_stopping_keeps_the_text_so_far(parrot: tuple[Assistant, Parrot]) -> None:
    assistant, _ = parrot
    stop = threading.Event()
    events = []
    for event in assistant.ask("Go on?", stop=stop):
        events.append(event)
        if isinstance(event, TextDelta) and event.text == "two ":
            stop.set()
    last = events[-1]
    assert isinstance(last, Answered)
    assert last.stopped
    assert last.answer.text == "one two "
    assert last.conversation_id is not None
    assert assistant.conversation(last.conversation_id)[0].answer.text == "one two "


class NearestParts(LightParts):
    """Its answerer shows the nearest passage, with its citation, in two pieces."""

    name = "nearest"

    def make_answerer(self) -> Answerer:
        return self

    def answer(self, query: Query, passages: Sequence[Passage]) -> Iterator[AnswerEvent]:
        cited = citation_for(passages[0], 0, 9, None, 0.5, 1)
        yield TextDelta((AnswerPart(f"{NEAREST} "),))
        yield TextDelta((AnswerPart("The tower", (1,)),), (cited,))
        yield Answer((AnswerPart(f"{NEAREST} "), AnswerPart("The tower", (1,))), False, (cited,), self.name)


def test_a_nearest_passage_that_is_stopped_is_no_answer(tmp_path: Path, folder: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    stop = threading.Event()
    with Assistant(settings, NearestParts(settings)) as assistant:
        assistant.sync([str(folder)])
        for event in assistant.ask("How high is the tower?", stop=stop):
            if isinstance(event, TextDelta) and event.citations:
                stop.set()
    assert isinstance(event, Answered)
    assert event.stopped and not event.answer.found and event.answer.citations


def test_nothing_is_kept_when_asked_not_to(parrot: tuple[Assistant, Parrot]) -> None:
    assistant, _ = parrot
    *_, done = assistant.ask("Secret?", remember=False)
    assert isinstance(done, Answered)
    assert done.conversation_id is None
    assert assistant.conversations() == []


def test_an_empty_question_is_refused(assistant: Assistant) -> None:
    with pytest.raises(UsageError):
        list(assistant.ask("  "))
    with pytest.raises(UsageError):
        assistant.search("")


def test_a_question_may_hold_what_utf8_cannot(assistant: Assistant, folder: Path) -> None:
    assistant.sync([str(folder)])
    assert assistant.search("krill \udce9")
    *_, done = assistant.ask("What eats krill \udce9?")
    assert isinstance(done, Answered)


def test_filters_by_folder_and_by_document(assistant: Assistant, folder: Path) -> None:
    assistant.sync([str(folder)])
    inside = assistant.search("tea whale tower", filter=assistant.scope([str(folder / "sub")]))
    assert {Path(hit.document.path).name for hit in inside} == {"tea.html"}
    whales = next(document for document in assistant.documents() if document.path.endswith("whales.txt"))
    only = assistant.search("tea whale tower", filter=Filter(document_ids=frozenset({whales.id})))
    assert {hit.document.id for hit in only} == {whales.id}


def test_one_wrong_location_adds_none(assistant: Assistant, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        assistant.sync([str(folder), str(tmp_path / "nowhere")])
    assert assistant.status().sources == ()


def test_a_cancelled_sync_says_so_and_the_next_one_goes_on(assistant: Assistant, folder: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    assert assistant.sync([str(folder)], cancel=cancel).cancelled
    assert not assistant.sync(None).cancelled
    assert assistant.status().counts["ok"] == 3


def test_a_sync_that_waits_for_another_can_be_cancelled(assistant: Assistant, folder: Path) -> None:
    begun, let, cancel = threading.Event(), threading.Event(), threading.Event()

    def hold(event: object) -> None:
        begun.set()
        let.wait()

    first = threading.Thread(target=assistant.sync, args=([str(folder)], hold))
    first.start()
    begun.wait()
    cancel.set()
    assert assistant.sync(None, cancel=cancel).cancelled
    assert first.is_alive()
    let.set()
    first.join()


def test_removing_a_document_and_a_source(assistant: Assistant, folder: Path) -> None:
    assistant.sync([str(folder)])
    assert assistant.remove(str(folder / "whales.txt")) == 1
    assert len(assistant.documents()) == 3
    assert assistant.remove(str(folder)) == 3
    assert assistant.is_empty()
    with pytest.raises(SourceError):
        assistant.remove(str(folder))


def test_a_document_view_and_what_does_not_exist(assistant: Assistant, folder: Path) -> None:
    assistant.sync([str(folder)])
    towers = next(document for document in assistant.documents() if document.path.endswith("towers.md"))
    view = assistant.document_view(towers.id)
    assert view.text == (folder / "towers.md").read_text(encoding="utf-8")
    assert view.pages is None
    with pytest.raises(UnknownDocument):
        assistant.document_view(10_000)
    with pytest.raises(UnknownDocument):
        assistant.page_png(towers.id, 1)


def test_two_threads_may_sync_at_once(assistant: Assistant, folder: Path) -> None:
    failures: list[BaseException] = []

    def sync() -> None:
        try:
            assistant.sync([str(folder)])
        except BaseException as error:  # noqa: BLE001 - carried to the main thread
            failures.append(error)

    threads = [threading.Thread(target=sync) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert assistant.status().counts["ok"] == 3


def test_watching_follows_folders_also_those_added_later(assistant: Assistant, folder: Path, tmp_path: Path) -> None:
    later = tmp_path / "later"
    later.mkdir()
    assistant.sync([str(folder)])
    seen: dict[str, threading.Event] = {"new.txt": threading.Event(), "other.txt": threading.Event()}

    def on_event(event: object) -> None:
        name = Path(getattr(event, "path", "")).name
        if name in seen:
            seen[name].set()

    with assistant.watch(on_event):
        (folder / "new.txt").write_text("Zebras have stripes.", encoding="utf-8")
        assert seen["new.txt"].wait(60)
        assistant.sync([str(later)])
        (later / "other.txt").write_text("Yaks live in Tibet.", encoding="utf-8")
        assert seen["other.txt"].wait(60)
    assert assistant.status().counts["ok"] == 5


def test_watching_follows_a_setting(assistant: Assistant, folder: Path) -> None:
    assistant.sync([str(folder)])
    seen: dict[str, threading.Event] = {name: threading.Event() for name in ("new.txt", "other.txt")}

    def on_event(event: object) -> None:
        name = Path(getattr(event, "path", "")).name
        if name in seen:
            seen[name].set()

    def choose(wanted: bool) -> None:
        server = assistant.settings.server.model_copy(update={"watch": wanted})
        assistant.take_over(assistant.settings.model_copy(update={"server": server}))

    choose(wanted=False)
    with assistant.watch(on_event, lambda: assistant.settings.server.watch):
        (folder / "new.txt").write_text("Zebras have stripes.", encoding="utf-8")
        assert not seen["new.txt"].wait(2.5)  # a change rests for a second before it is read
        choose(wanted=True)
        (folder / "other.txt").write_text("Yaks live in Tibet.", encoding="utf-8")
        assert seen["other.txt"].wait(60)


def test_another_vector_store_is_a_line_of_settings(tmp_path: Path, folder: Path) -> None:
    store = "llama_index.core.vector_stores.simple:SimpleVectorStore"
    settings = Settings.model_validate({"data_dir": tmp_path / "data", "retrieval": {"store": store}})
    with Assistant(settings, LightParts(settings)) as assistant:
        assistant.sync([str(folder)])
        hit = assistant.search("blue whale krill")[0]
    assert hit.document.path.endswith("whales.txt")
    assert hit.dense_rank is not None
    assert not settings.folder.vectors.exists()


def test_a_vector_store_that_does_not_exist_is_named(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path / "data", "retrieval": {"store": "no_such_package:Store"}})
    with Assistant(settings, LightParts(settings)) as assistant, pytest.raises(RagError, match="no_such_package"):
        assistant.search("anything")
