"""Answers that run in the background: progress, stopping, failing, and pages that follow them."""

from typing import Any

from app.errors import UsageError
from app.events import Answered
from rag.text.markers import AnswerPart, written
from rag.types import Answer, Filter
from tests.ui.fakes import FakeAssistant
from ui import chat_view
from ui.answering import Answering, AnswerRun, Progress

PATIENCE_S = 20.0


def wait_for(run: AnswerRun, true: Any) -> Progress:
    seen, progress = run.snapshot()
    while not true(progress):
        before = seen
        seen, progress = run.snapshot(seen, PATIENCE_S)
        assert seen != before, f"nothing happened after {progress}"
    return progress


def finished(run: AnswerRun) -> Progress:
    return wait_for(run, lambda progress: progress.done)


def garden(gate: Any = None) -> FakeAssistant:
    assistant = FakeAssistant(gate)
    assistant.put("/papers/garden.txt", "The garden was planted in 1987.")
    return assistant


def test_an_answer_grows_and_ends() -> None:
    progress = finished(Answering(garden()).start("When was the garden planted?", None, Filter()))
    assert written(progress.parts) == "The garden was planted in 1987. [1]"
    assert progress.answer is not None and progress.answer.citations[0].number == 1
    assert progress.conversation_id == "c1"
    assert progress.searched is None


def test_a_completed_question_is_remembered() -> None:
    answering = Answering(garden())
    finished(answering.start("When was the garden planted?", None, Filter()))
    progress = finished(answering.start("and where was the garden planted?", "c1", Filter()))
    assert progress.searched == "and where was the garden planted? (in the garden)"


def test_an_answer_goes_on_while_nobody_looks_and_any_number_may_follow(gate: Any) -> None:
    answering = Answering(garden(gate))
    run = answering.start("When was the garden planted?", None, Filter())
    gate.let(2)
    first = wait_for(run, lambda progress: written(progress.parts) == "The garden")
    assert answering.current is run and not first.done
    gate.open()
    assert written(finished(run).parts) == written(finished(run).parts) == "The garden was planted in 1987. [1]"
    assert answering.current is None


def test_stop_keeps_what_was_said(gate: Any) -> None:
    answering = Answering(garden(gate))
    run = answering.start("When was the garden planted?", None, Filter())
    gate.let(2)
    wait_for(run, lambda progress: written(progress.parts) == "The garden")
    answering.stop()
    gate.open()
    progress = finished(run)
    assert progress.stopped and written(progress.parts) == "The garden"


def test_a_new_question_ends_the_one_before(gate: Any) -> None:
    answering = Answering(garden(gate))
    first = answering.start("When was the garden planted?", None, Filter())
    gate.let(1)
    wait_for(first, lambda progress: written(progress.parts) == "The")
    first.stop()  # start() waits for it, so the gate is opened before
    gate.open()
    second = answering.start("Who planted the garden?", None, Filter())
    assert first.snapshot()[1].done
    assert written(finished(second).parts).startswith("The garden")


def test_errors_arrive_with_their_remedy() -> None:
    assistant = garden()
    assistant.error = UsageError("No model.", "Get one.")
    progress = finished(Answering(assistant).start("When?", None, Filter()))
    assert (progress.message, progress.remedy, progress.answer) == ("No model.", "Get one.", None)


def test_a_defect_is_named_as_ours_and_logged(caplog: Any) -> None:
    assistant = garden()
    assistant.error = RuntimeError("secret path /home/me")
    progress = finished(Answering(assistant).start("When?", None, Filter()))
    assert "inside Docent" in progress.message
    assert "secret" not in progress.message + progress.remedy
    assert "secret path" in caplog.text


def test_an_answer_that_could_not_be_recorded_says_so() -> None:
    answer = Answer((AnswerPart("Krill."),), False, (), "extractive")
    progress = Progress("What?", "abc").after(Answered(answer, {}, None, unrecorded="The disk is full. Make room."))
    assert (progress.answer, progress.conversation_id) == (answer, None)
    assert "was not recorded" in chat_view.live(progress) and "Make room." in chat_view.live(progress)
