"""What an answer shows of itself, in headless Chromium: Markdown, doubts, quotes, passages, what else to try."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import expect

from app.events import Looked, Work
from rag.text.markers import AnswerPart
from rag.types import Answer, Citation
from tests.ui.chats.mill import TEXT
from tests.ui.steps import ask

pytestmark = pytest.mark.browser


def a_citation(start: int, end: int, **changes: Any) -> Citation:
    quoted = Citation(1, 1, "/papers/mill.txt", "mill.txt", None, None, TEXT[start:end], start, end, 0.5)
    return replace(quoted, **changes)


def test_many_sources_are_folded_and_a_number_in_the_text_still_finds_its_card(told: Any) -> None:
    citations = tuple(a_citation(at, at + 20, number=at + 1) for at in range(20))
    parts = tuple(AnswerPart(f"Line {at}.", (at + 1,)) for at in range(20))
    page = told(Answer(parts, True, citations, "extractive")).page
    cards = page.locator(".exchange .cards .card")
    expect(cards).to_have_count(6)
    more = page.get_by_role("button", name="Show all 20 sources")
    expect(more).to_have_attribute("aria-expanded", "false")
    page.get_by_role("button", name="Source 10:").first.click()
    expect(cards).to_have_count(10)
    expect(cards.last).to_have_attribute("aria-pressed", "true")
    more.focus()
    page.keyboard.press("Enter")
    expect(cards).to_have_count(20)
    page.get_by_role("button", name="Show fewer sources").click()
    expect(cards).to_have_count(10)  # the one that is open stays


def test_markdown_of_a_model_has_code_tables_and_formulas_and_nothing_that_loads(
    window: Any, fake: Any, gate: Any
) -> None:
    fake.put("/papers/garden.txt", "The garden was planted in 1987.")
    fake.answerer = "large-model"
    fake.said = (
        "The **garden** in code:\n\n```python\ndef planted():\n    return 1987\n```\n\n"
        "| Year | Trees |\n|---|---|\n| 1987 | 12 |\n\nIts area is \\(\\pi r^2\\). "
        "[Look](https://remote.example/) ![x](https://remote.example/x.png) <b>no</b>"
    )
    gate.open()
    ask(window.page, "When was the garden planted?")
    answer = window.page.locator(".exchange:not(.running) .answer-text")
    expect(answer.locator("strong")).to_have_text("garden")
    expect(answer.locator("pre .hljs-keyword").first).to_have_text("def")
    expect(answer.locator("th")).to_have_text(["Year", "Trees"])
    expect(answer.locator("math")).to_have_count(1)
    expect(answer).to_contain_text("<b>no</b>")
    assert answer.locator("a, img, b").count() == 0
    window.assert_quiet(window.served.address)


def test_code_is_copied_and_holds_no_formula_and_dollars_are_money_or_tex(window: Any, fake: Any, gate: Any) -> None:
    page = window.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    fake.put("/papers/garden.txt", "The garden was planted in 1987.")
    fake.answerer = "large-model"
    fake.said = (
        "It cost $5 and $10, area $\\pi r^2$.\n\n```sh\nsed 's/\\(a\\)/$$x$$/' # $HOME_a=$b\n```\n\nUse `\\(x\\)` too."
    )
    gate.open()
    ask(page, "When was the garden planted?")
    answer = page.locator(".exchange:not(.running) .answer-text")
    expect(answer.locator("math")).to_have_count(1)
    expect(answer).to_contain_text("It cost $5 and $10, area")
    expect(answer.locator("p code")).to_have_text("\\(x\\)")
    answer.get_by_role("button", name="Copy the code").click()
    expect(page.locator(".notice").last).to_have_text("Copied.")
    expect(answer.locator("pre")).to_have_text("sed 's/\\(a\\)/$$x$$/' # $HOME_a=$b\n")
    assert page.evaluate("navigator.clipboard.readText()") == "sed 's/\\(a\\)/$$x$$/' # $HOME_a=$b\n"
    window.assert_quiet(window.served.address)


def test_an_item_of_a_list_that_answers_alone_is_read_as_a_sentence(told: Callable[..., Any]) -> None:
    quote = a_citation(0, 25, quote="- The mill stopped in 1912")
    said = Answer((AnswerPart("- The mill stopped in 1912", (1,)),), True, (quote,), "extractive")
    page = told(said).page
    expect(page.locator(".answer-text p")).to_have_text(re.compile("^The mill stopped"))


def test_each_quote_has_a_number_of_its_own_and_all_are_gone_through(told: Callable[..., Any]) -> None:
    quotes = (a_citation(0, 25), a_citation(26, 53), a_citation(54, 79))
    page = told(Answer((AnswerPart(TEXT, (1, 1, 1)),), True, quotes, "extractive")).page
    expect(page.locator(".chip")).to_have_text(["1", "2", "3"])
    expect(page.locator(".card .number")).to_have_text(["1", "2", "3"])
    page.locator(".chip").nth(1).click()
    quoted = page.locator(".source mark.quote")
    expect(quoted).to_have_text("The wheel was sold in 1920.")
    expect(page.locator(".turner")).to_contain_text("Citation 2 of 3")
    page.get_by_role("button", name="Next", exact=True).click()
    expect(quoted).to_have_text("The pond is a garden now.")
    expect(page.get_by_role("button", name="Next", exact=True)).to_be_disabled()
    page.keyboard.press("Alt+ArrowUp")
    page.keyboard.press("Alt+ArrowUp")
    expect(quoted).to_have_text("The mill stopped in 1912.")
    expect(page.locator(".card[aria-pressed=true] .number")).to_have_text("1")


TORN = """() => [...document.querySelectorAll(".answer-text .chip, .answer-text .doubt")].filter((mark) => {
  const word = document.createRange();
  const text = mark.previousSibling;
  word.setStart(text, Math.max(0, text.length - 1));
  word.setEnd(text, text.length);
  const { top, bottom } = word.getBoundingClientRect();
  const box = mark.getBoundingClientRect();
  return box.top > bottom || box.bottom < top;
}).length"""


def test_no_mark_is_torn_from_the_word_before_it(told: Callable[..., Any]) -> None:
    quotes = tuple(a_citation(at, 25 + at, number=at + 1) for at in range(12))
    said = (AnswerPart(f" The wheel number {at} was sold in {1900 + at}.", (at + 1,)) for at in range(12))
    page = told(Answer((*said, AnswerPart(" It was haunted.", (), supported=False)), True, quotes, "extractive")).page
    expect(page.locator(".chip")).to_have_count(12)
    for width in range(720, 1000, 20):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function("width => innerWidth === width", arg=width)
        assert page.evaluate(TORN) == 0, width


def test_places_are_called_what_they_are(told: Callable[..., Any]) -> None:
    places = (
        a_citation(0, 25, source="/papers/sales.xlsx", page=2),
        a_citation(0, 25, source="/papers/talk.pptx", page=3),
        a_citation(0, 25, source="/papers/book.pdf", page=4, page_label="ii"),
        a_citation(0, 25, source="/papers/plain.pdf", page=5),
        a_citation(0, 25, source="/papers/talk.vtt", start_s=65.0),
    )
    page = told(Answer((AnswerPart("The mill stopped.", (1,)),), True, places, "extractive")).page
    expect(page.locator(".card-place")).to_have_text(
        ["sheet 2", "slide 3", "page ii (sheet 4)", "page 5", "at 1:05"]
    )  # fmt: skip


def test_documents_of_the_same_title_are_told_apart(told: Callable[..., Any]) -> None:
    filings = (
        a_citation(0, 25, title="Apple Inc.", source="/filings/2023/report.pdf", document_id=2),
        a_citation(0, 25, title="Apple Inc.", source="/filings/2024/report.pdf", document_id=3),
        a_citation(0, 25, title="Apple Inc.", source="/filings/2024/notes.pdf", document_id=4),
        a_citation(26, 53),
    )
    page = told(Answer((AnswerPart("The mill stopped.", (1,)),), True, filings, "extractive")).page
    cards = page.locator(".exchange .card")
    expect(cards.locator(".card-file")).to_have_text(["2023/report.pdf", "2024/report.pdf", "notes.pdf"])
    expect(cards.last.locator(".card-file")).to_have_count(0)


def test_an_answer_says_who_wrote_it_and_how_sure_that_is(told: Callable[..., Any]) -> None:
    answer = Answer(
        (AnswerPart("The mill stopped in 1912.", (1,)),), True, (a_citation(0, 25),), "large-model", confidence=0.83
    )
    made = told(answer, work=Work({"total": 1250.0}, ())).page.locator(".made")
    expect(made).to_have_text("1.3 s · large-model · sure 83 %")


def test_a_sentence_that_nothing_bears_out_is_marked_with_the_reason(told: Callable[..., Any]) -> None:
    parts = (AnswerPart("The mill stopped in 1912.", (1,)), AnswerPart(" It was haunted.", (), supported=False))
    page = told(Answer(parts, True, (a_citation(0, 25),), "large-model")).page
    doubt = page.locator(".doubt")
    expect(doubt).to_have_count(1)
    expect(doubt).to_have_attribute("title", "No passage that was found says this.")
    doubt.focus()  # by keyboard, too
    expect(doubt).to_be_focused()


def test_what_was_stopped_keeps_its_words_and_sources(told: Callable[..., Any]) -> None:
    answer = Answer((AnswerPart("The mill stopped", (1,)),), True, (a_citation(0, 25),), "extractive")
    page = told(answer, stopped=True).page
    expect(page.locator(".exchange .note")).to_have_text("Stopped here.")
    page.locator(".card").click()
    expect(page.locator(".source mark.quote")).to_have_text("The mill stopped in 1912.")


def test_where_nothing_was_found_the_nearest_passages_and_advice_stand(told: Callable[..., Any]) -> None:
    looked = tuple(
        Looked(1, "mill.txt", at, at + 20, None, None, None, score) for at, score in ((0, 0.4), (26, 0.3), (54, 0.2))
    )
    nothing = Answer((AnswerPart("Your documents do not say."),), False, (), "extractive")
    page = told(nothing, work=Work({"total": 250.0}, (*looked, looked[0]))).page
    expect(page.locator(".nearest")).to_contain_text("Try the words the document would use")
    expect(page.locator(".nearest .card-quote")).to_have_text([TEXT[:20], TEXT[26:46], TEXT[54:74]])
    expect(page.locator(".made")).to_contain_text("0.3 s")
    page.get_by_role("button", name="4 passages read").click()
    expect(page.locator(".tools + .cards .card-place").first).to_have_text("score 0.40")
    heads = "one => one.querySelector('.card-head').offsetTop - one.offsetTop"
    assert len({card.evaluate(heads) for card in page.locator(".nearest .card").all()}) == 1
    page.locator(".nearest .card").nth(1).click()
    expect(page.locator(".source mark.quote")).to_have_text(TEXT[26:46])
    page.set_viewport_size({"width": 1440, "height": 480})
    page.reload()
    expect(page.locator(".made")).to_be_in_viewport(ratio=1)  # the end of what is taller than the window


def test_passages_of_markdown_are_read_without_its_signs(
    serve: Callable[[Any], Any], fake: Any, open_page: Any
) -> None:
    pieces = (
        "# Opening hours #\n\n- **May** to *June*: [daily](https://x.example/(a))\n- [ ] `July`: closed\n",
        "| Day | Boat |\n|-----|:----:|\n| Monday | 2 * 3 * 4 and snake_case_name |\n",
        "> Mind the\n> steps.\n\n```sh\nring #3\n```\n1. Wait\\!\n",
    )
    text = "".join(pieces)
    fake.put("/papers/guide.md", text)
    fake.put("/papers/notes.txt", "# 3 of these\n\n* and **those**")
    ends = [sum(map(len, pieces[: at + 1])) for at in range(3)]
    looked = tuple(
        Looked(1, "guide.md", start, end, None, None, None, 0.4) for start, end in zip([0, *ends], ends, strict=False)
    )
    plain = Looked(2, "notes.txt", 0, 29, None, None, None, 0.1)
    nothing = Answer((AnswerPart("Your documents do not say."),), False, (), "extractive")
    work = Work({"total": 250.0}, (*looked, plain))
    chat = fake.store.add(None, "When does it open?", nothing, work=work)
    served = serve(fake)
    page = open_page(served.link).page
    page.goto(f"{served.address}/chat/{chat}")
    page.get_by_role("button", name="4 passages read").click()
    expect(page.locator(".tools + .cards .card-quote")).to_have_text(
        [
            "Opening hours · • May to June: daily • July: closed",
            "Day | Boat · Monday | 2 * 3 * 4 and snake_case_name",
            "Mind the steps. · ring #3 · 1. Wait!",
            "# 3 of these · * and **those**",
        ]
    )


def test_a_quote_that_is_only_near_is_shown_as_such_and_once(told: Callable[..., Any]) -> None:
    looked = tuple(Looked(1, "mill.txt", at, at + 25, None, None, None, 0.4) for at in (0, 26))
    parts = (AnswerPart("I found no clear answer. The nearest passage says: "), AnswerPart("The mill stopped", (1,)))
    page = told(Answer(parts, False, (a_citation(0, 25),), "extractive"), work=Work({"total": 250.0}, looked)).page
    expect(page.locator(".exchange.not-found .answer-text")).to_contain_text(
        "The nearest passage says: The mill stopped"
    )
    expect(page.locator(".pill")).to_have_count(0)
    expect(page.locator(".exchange > .cards .card")).to_have_count(1)
    expect(page.locator(".nearest .card-quote")).to_have_text([TEXT[26:51]])


def test_an_answer_is_copied_as_markdown_with_rows_as_a_table(told: Callable[..., Any]) -> None:
    row = Citation(1, 1, "/papers/mill_1.csv", "mill_1.csv", None, None, "Year: 1912 | Wheels: 2", 0, 22, 0.5)
    parts = (AnswerPart("Year: 1912; Wheels: *2*", (1,)),)
    page = told(Answer(parts, True, (row,), "operators")).page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy", exact=True).click()
    page.get_by_role("menuitem", name="Copy as Markdown").click()
    expect(page.locator(".notice").last).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == (
        "## What became of the mill?\n\n"
        "| Year | Wheels |  |\n| --- | --- | --- |\n| 1912 | \\*2\\* | [1] |\n\n"
        "1. **mill\\_1.csv** (/papers/mill\\_1.csv)\n   > Year: 1912 \\| Wheels: 2\n"
    )


def test_a_long_question_is_folded(filled: Any, gate: Any) -> None:
    page = filled.page
    gate.open()
    ask(page, "Tell me about the garden " * 300)
    expect(page.locator(".exchange:not(.running)")).to_have_count(1)
    is_folded = "() => document.querySelector('.question').offsetHeight < 400"
    page.wait_for_function(is_folded)
    page.get_by_role("button", name="Show the whole question").click()
    page.wait_for_function("() => document.querySelector('.question').offsetHeight > 1500")
    page.get_by_role("button", name="Show less").click()
    page.wait_for_function(is_folded)


def test_a_source_that_has_left_the_library_says_so_with_the_quote(told: Callable[..., Any]) -> None:
    gone = a_citation(0, 25, document_id=15)
    page = told(Answer((AnswerPart(gone.quote, (1,)),), True, (gone,), "extractive")).page
    page.locator(".card").click()
    expect(page.locator(".source [role=alert]")).to_contain_text("This document is no longer in the library.")
    expect(page.locator(".source blockquote")).to_have_text(gone.quote)


def test_a_question_of_a_chat_that_is_deleted_meanwhile_comes_back_with_it(filled: Any, gate: Any) -> None:
    page = filled.page
    ask(page, "When was the garden planted?")
    gate.let(2)
    expect(page.locator(".running .answer-text")).to_have_text("The garden")
    page.locator(".chat-row").hover()
    page.get_by_role("button", name="Actions for When was the garden planted?").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.locator(".hello")).to_be_visible()
    with page.expect_response("**/restore"):
        page.get_by_role("button", name="Undo").click()
    gate.open()
    expect(page.locator(".exchange:not(.running) .answer-text")).to_contain_text("The garden")
    expect(page.locator(".question")).to_have_text("When was the garden planted?")


def test_the_end_of_a_chat_stays_in_view_while_its_nearest_passages_come(told: Callable[..., Any]) -> None:
    looked = tuple(Looked(1, "mill.txt", at, len(TEXT), None, None, None, 0.4) for at in range(3))
    parts = (AnswerPart("I could not find this in your documents."),)
    watched = told(Answer(parts, False, (), "extractive"), work=Work({"total": 250.0}, looked))
    page = watched.page
    page.set_viewport_size({"width": 480, "height": 500})
    held: list[Any] = []
    page.route("**/text?*", lambda route: held.append(route))
    page.reload()
    expect(page.locator(".exchange .tools")).to_be_in_viewport()
    while len(held) < 3:
        page.wait_for_timeout(20)
    for route in held:
        route.continue_()
    expect(page.locator(".nearest .card-quote")).to_have_count(3)
    expect(page.locator(".exchange .tools")).to_be_in_viewport()


def test_further_searches_are_shown_and_thoughts_folded(window: Any, gate: Any) -> None:
    page, assistant = window.page, window.served.assistant
    assistant.put("/papers/garden.txt", "The garden was planted in 1987.")
    assistant.searches, assistant.thought = ("garden plan", "planting year"), "The plan says it. I quote it."
    ask(page, "When was the garden planted?")
    gate.let(1)
    expect(page.locator(".searched")).to_have_text(["Searched for “garden plan”"])
    gate.let(3)
    expect(page.locator(".doing")).to_contain_text("Thinking…")
    expect(page.locator(".thought p")).to_be_hidden()
    page.locator(".thought summary").click()
    expect(page.locator(".thought p")).to_contain_text("The plan")
    gate.open()
    answered = page.locator(".exchange:not(.running)")
    expect(answered.locator(".answer-text")).to_contain_text("planted in 1987")
    expect(answered.locator(".searched")).to_have_count(2)
    expect(answered.locator(".thought p")).to_be_hidden()
    answered.locator(".thought summary").click()
    expect(answered.locator(".thought p")).to_have_text("The plan says it. I quote it.")
    expect(answered.locator(".answer-text")).not_to_contain_text("I quote it")
    page.reload()
    expect(page.locator(".thought summary")).to_have_text("Thoughts (not checked)")
    window.assert_quiet(window.served.address)
