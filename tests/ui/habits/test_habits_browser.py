"""What people who use a keyboard, large text, high contrast or a screen reader rely on, in headless Chromium."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.ui.steps import ask, go

pytestmark = pytest.mark.browser

SMALL_TARGETS = """() => {
  const least = 27.5;  // 28 pixels, but for rounding
  const found = [];
  for (const one of document.querySelectorAll("button, input, select, textarea, summary, a[href]")) {
    const box = one.getBoundingClientRect();
    const isThere = box.width && box.height && one.checkVisibility() && !one.closest(".hidden, .skip");
    if (!isThere || (one.tagName === "A" && one.closest("p"))) continue;  // a link in a line of text
    const label = one.matches("input") ? one.closest("label")?.getBoundingClientRect() : null;
    const after = getComputedStyle(one, "::after");
    const more = after.content !== "none" && after.position === "absolute" ? -parseFloat(after.top) * 2 : 0;
    const height = Math.max(label?.height ?? 0, box.height + more);
    const width = Math.max(label?.width ?? 0, box.width + more);
    const isWords = one.matches(".link-button");
    if (height < least || (width < least && !isWords)) found.push(`${one.className || one.id} ${width} x ${height}`);
  }
  return [...new Set(found)];
}"""
DRAWN = {
    "/": ".exchange .card",
    "/library": ".row-line .cell.name",
    "/models": ".model",
    "/settings": ".setting",
    "/settings/prompts": "#new-prompt",
    "/settings/privacy": ".stored",
}
"""What stands on each page when all of it is drawn."""
CUT_OFF = """() => [...document.querySelectorAll(
    "main .bar button, main .bar h1, .composer button, .composer textarea, .rail a, .toolbar input")]
  .filter((one) => one.checkVisibility())
  .filter((one) => {
    const box = one.getBoundingClientRect();
    return box.left < -1 || box.right > 721 || box.bottom > 451;
  })
  .map((one) => one.outerHTML.slice(0, 80))"""


@pytest.fixture
def answered(filled: Any, gate: Any) -> Any:
    """A chat with an answer."""
    gate.open()
    ask(filled.page, "When was the garden planted?")
    expect(filled.page.locator(".exchange .card")).to_have_count(1)
    return filled


def test_every_target_is_at_least_28_pixels_large(answered: Any) -> None:
    page = answered.page
    page.locator(".chip").click()
    expect(page.locator(".source mark").first).to_be_visible()
    found = {"a chat with its source": page.evaluate(SMALL_TARGETS)}
    for place in ("Library", "Models", "Settings"):
        go(page, place)
        expect(page.get_by_role("heading", name=place, level=1)).to_be_visible()
        expect(page.locator(DRAWN[f"/{place.lower()}"]).first).to_be_visible()
        found[place] = page.evaluate(SMALL_TARGETS)
    answered.served.desk.prompts.make("Summary", "Summarise the document.")
    page.get_by_role("link", name="Prompts").click()
    expect(page.locator(".prompt-row")).to_have_count(1)
    found["Prompts"] = page.evaluate(SMALL_TARGETS)
    page.get_by_role("link", name="Privacy").click()
    expect(page.locator(".stored")).to_be_visible()
    found["Privacy"] = page.evaluate(SMALL_TARGETS)
    page.keyboard.press("Control+k")
    expect(page.locator("#palette-list [role=option]").first).to_be_visible()
    found["the palette"] = page.evaluate(SMALL_TARGETS)
    assert {place: small for place, small in found.items() if small} == {}


def test_the_list_of_chats_is_one_stop_and_walked_through_by_arrows(filled: Any, fake: Any, gate: Any) -> None:
    page = filled.page
    for number in range(40):
        fake.store.create(f"chat {number:02}")
    page.reload()
    rows = page.locator(".chat-row")
    expect(rows.first).to_have_attribute("aria-setsize", "40")
    stops = page.locator(".list-body").evaluate(
        "box => [...box.querySelectorAll('a, button')].filter((one) => one.tabIndex >= 0).length"
    )
    assert stops == 2  # a row and its menu
    page.locator("#chat-search").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab") if page.locator(".list-body:focus").count() else None
    expect(rows.first.locator(".chat-link")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(rows.nth(2).locator(".chat-link")).to_be_focused()
    page.keyboard.press("Tab")
    expect(rows.nth(2).get_by_role("button")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/chat/"))


def test_a_chat_is_listed_from_the_first_letter_of_its_question(filled: Any, gate: Any) -> None:
    page = filled.page
    expect(page.locator("#draft")).to_have_count(0)
    page.locator("#question").press_sequentially("W")
    expect(page.locator("#draft")).to_contain_text("W")
    page.locator("#question").press_sequentially("hen was the garden planted?")
    page.reload()
    expect(page.locator("#draft")).to_contain_text("When was the garden planted?draft")
    go(page, "Library")
    go(page, "Chats")
    page.locator("#draft").click()
    expect(page.locator("#question")).to_have_value("When was the garden planted?")
    gate.open()
    page.locator("#question").press("Enter")
    expect(page.locator("#draft")).to_have_count(0)
    expect(page.locator(".chat-row")).to_have_count(1)


def test_the_first_stop_leads_past_the_lists_and_dialogs_give_the_focus_back(answered: Any) -> None:
    page = answered.page
    first = "document.querySelector('a, button, input, textarea, [tabindex]').className"
    assert page.evaluate(first) == "skip"
    page.locator(".skip").focus()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#question")).to_be_focused()
    add = page.locator(".composer").get_by_role("button", name="Add")
    add.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#location")).to_be_focused()
    page.keyboard.press("Escape")
    expect(add).to_be_focused()


def test_what_it_is_doing_is_told_to_screen_readers_and_the_words_that_come_are_not(filled: Any, gate: Any) -> None:
    page = filled.page
    filled.served.assistant.looking = gate
    ask(page, "When was the garden planted?")
    expect(page.locator(".doing[role=status]")).to_contain_text("Searching your documents")
    gate.let(1)
    expect(page.locator(".doing[role=status]")).to_contain_text("Reading 1 passage")
    gate.let(2)
    expect(page.locator(".doing[role=status]")).to_contain_text("Writing")
    expect(page.locator(".exchange.running")).to_have_attribute("aria-busy", "true")
    expect(page.locator(".flow")).to_have_attribute("aria-live", "off")
    gate.open()
    expect(page.locator(".running")).to_have_count(0)


@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize("place", ["/", "/library", "/models", "/settings", "/settings/prompts", "/settings/privacy"])
def test_at_200_percent_nothing_is_cut_off(
    answered: Any, open_page: Callable[..., Any], place: str, locale: str
) -> None:
    """A window of 1,440 pixels at 200 % has 720 by 450 of CSS."""
    link = answered.page.url if place == "/" else answered.served.address + place
    cookies = answered.page.context
    page = open_page(link, width=720, height=450, device_scale_factor=2, cookies=cookies, locale=locale).page
    expect(page.locator(DRAWN[place]).first).to_be_visible()
    assert page.locator("main h1").evaluate("title => title.scrollWidth - title.clientWidth") <= 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    assert page.evaluate(CUT_OFF) == []


@pytest.mark.parametrize("width", [1440, 1024])
def test_chat_and_source_stand_beside_each_other(answered: Any, open_page: Callable[..., Any], width: int) -> None:
    page = open_page(answered.page.url, width=width, cookies=answered.page.context).page
    page.locator(".chip").click()
    expect(page.locator(".source mark").first).to_be_visible()
    for part in (".source", ".exchange .card"):
        page.locator(part).first.element_handle().wait_for_element_state("stable")
    pane = page.locator(".source").bounding_box()
    for part in (".exchange .card", "#send", ".composer-box", ".bar-title"):
        box = page.locator(part).first.bounding_box()
        assert box["x"] + box["width"] <= pane["x"] + 1, part
    send, around = page.locator("#send").bounding_box(), page.locator(".composer-box").bounding_box()
    assert send["x"] + send["width"] <= around["x"] + around["width"]
    if width == 1024:  # the list gives way, and is a press away
        expect(page.locator(".chat-row")).to_be_hidden()
        page.get_by_role("button", name="Chats").click()
        expect(page.locator(".chat-row")).to_be_visible()


@pytest.mark.parametrize("width", [1440, 1024, 800])
def test_columns_of_the_library_stand_below_their_heads(
    answered: Any, open_page: Callable[..., Any], width: int
) -> None:
    page = open_page(f"{answered.served.address}/library", width=width, cookies=answered.page.context).page
    row = page.locator(".row-line", has_text="garden.txt")
    expect(page.locator("#sync").first).to_contain_text("2 ready")
    row.element_handle().wait_for_element_state("stable")
    for column in ("name", "title", "status", "act"):
        head = page.locator(f".row-head .{column}").bounding_box()
        cell = row.locator(f".{column}").bounding_box()
        assert abs(cell["x"] - head["x"]) < 2, column
        assert abs(cell["width"] - head["width"]) < 2, column
    assert (
        len({round(cell.bounding_box()["y"]) for cell in row.get_by_role("gridcell").all() if cell.is_visible()}) <= 3
    )


def test_a_window_of_480_pixels_shows_names_reasons_and_the_whole_source(
    answered: Any, open_page: Callable[..., Any]
) -> None:
    page = open_page(f"{answered.served.address}/library", width=480, height=800, cookies=answered.page.context).page
    ready, failed = (page.locator(".row-line", has_text=name) for name in ("observatory.md", "broken.docx"))
    expect(ready).to_be_visible()
    assert ready.locator(".name").evaluate("cell => cell.scrollWidth <= cell.clientWidth")  # none of it is cut off
    expect(failed.locator(".why")).to_be_visible()
    page.goto(answered.page.url)
    page.locator(".chip").click()
    expect(page.locator(".source mark").first).to_be_visible()
    pane = page.locator(".source").bounding_box()
    assert (round(pane["x"]), round(pane["width"])) == (56, 424)
    page.locator(".source").get_by_role("button", name="Close").click()
    for one in page.locator(".composer .asks b").all():
        assert one.evaluate("name => name.clientWidth") >= 40, one.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 480


@pytest.mark.only_chromium("Firefox has no command for what the system prefers")
def test_motion_and_contrast_follow_the_system(filled: Any, gate: Any) -> None:
    page = filled.page
    ask(page, "When was the garden planted?")
    motion = "getComputedStyle(document.querySelector('.pulse')).animationName"
    expect(page.locator(".pulse")).to_be_visible()
    assert page.evaluate(motion) == "none"
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(motion) == "pulse"
    line = "getComputedStyle(document.documentElement).getPropertyValue('--line')"
    before = page.evaluate(line)
    page.emulate_media(contrast="more")
    assert page.evaluate(line) != before
    gate.open()


@pytest.mark.only_chromium("Firefox has no command that forces colours")
def test_what_is_chosen_is_seen_where_the_system_forces_its_colours(answered: Any) -> None:
    page = answered.page
    page.emulate_media(forced_colors="active")
    page.locator(".chip").click()
    expect(page.locator(".source mark").first).to_be_visible()
    colour = "one => getComputedStyle(one).backgroundColor"
    on, off = page.locator(".place.on"), page.get_by_role("link", name="Library", exact=True)
    assert on.evaluate(colour) != off.evaluate(colour)
    outline = "one => getComputedStyle(one).outlineStyle"
    assert [page.locator(one).first.evaluate(outline) for one in (".chat-row.on", ".card.on")] == ["solid", "solid"]
    go(page, "Library")
    all_, problems = (page.get_by_role("button", name=name, exact=True) for name in ("All", "Problems"))
    expect(all_).to_have_attribute("aria-pressed", "true")
    assert all_.evaluate(colour) != problems.evaluate(colour)
    page.get_by_role("checkbox", name="Choose garden.txt").check()
    assert page.locator('.row-line[aria-selected="true"]').evaluate(outline) == "solid"


def test_the_list_of_chats_holds_large_text_in_german(filled: Any, fake: Any, open_page: Callable[..., Any]) -> None:
    fake.store.create("When was the garden planted?")
    page = open_page(filled.served.link, width=900, locale="de").page
    page.evaluate("() => localStorage.setItem('docent.size', '150')")
    page.reload()
    page.get_by_role("button", name="Aktionen für When was").click()
    expect(page.get_by_role("menuitem").first).to_be_focused()
    edges = page.locator(".list").bounding_box()
    for part in ("#new-chat", "#new-folder", ".list .menu", ".chat-row"):
        box = page.locator(part).first.bounding_box()
        assert box["x"] >= edges["x"], part
        assert box["x"] + box["width"] <= edges["x"] + edges["width"], part


def test_text_is_as_large_as_one_likes(filled: Any) -> None:
    page = filled.page
    go(page, "Settings")
    page.get_by_label("Text size").select_option("150")
    expect(page.locator("body")).to_have_css("font-size", "21px")
    page.reload()
    expect(page.locator("body")).to_have_css("font-size", "21px")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1440
