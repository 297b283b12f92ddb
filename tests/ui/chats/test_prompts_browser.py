"""Prompts: questions and instructions that a person keeps under a name and inserts by "/", in headless Chromium."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.ui.steps import ask, go

pytestmark = pytest.mark.browser
SHORT = {"name": "Short answer", "text": "Answer in one sentence."}
SUMMARY = {"name": "Summary", "text": "Summarise the document\nin five points."}
LATER = {"name": "Later, in short", "text": "What follows from that?"}


def keep(window: Any, *prompts: dict[str, str]) -> None:
    for prompt in prompts:
        window.served.desk.prompts.make(**prompt)
    window.page.reload()
    window.page.wait_for_selector("main")
    expect(window.page.locator("#sync")).to_be_visible()


def texts(window: Any) -> list[str]:
    return [one.text for one in window.served.desk.prompts.all()]


def options(page: Page) -> Any:
    return page.locator("#prompt-menu [role=option]")


def test_a_question_is_kept_and_inserted_by_a_slash(filled: Any, gate: Any, screenshots: Path) -> None:
    page = filled.page
    gate.open()
    ask(page, "When was the garden planted?")
    expect(page.locator(".chip")).to_be_visible()
    page.locator(".exchange").get_by_role("button", name="Save as prompt").click()
    dialog = page.get_by_role("dialog", name="Save as prompt")
    expect(dialog.get_by_label("Name")).to_have_value("When was the garden planted?")
    dialog.get_by_label("Name").fill("Planted")
    page.keyboard.press("Enter")
    expect(page.locator(".notice").last).to_contain_text("The prompt “Planted” is saved.")
    page.fill("#question", "Who waters\ntomatoes?")
    page.locator(".composer").get_by_role("button", name="Prompts").click()
    page.get_by_role("menuitem", name="Save as prompt").click()
    expect(dialog.get_by_label("Name")).to_have_value("Who waters")
    expect(dialog.get_by_label("Text")).to_have_value("Who waters\ntomatoes?")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog).to_have_count(0)
    expect(page.locator("#question")).to_have_value("Who waters\ntomatoes?")
    page.fill("#question", "/")
    expect(options(page)).to_have_count(3)  # and the way to manage them
    page.screenshot(caret="initial", path=screenshots / "prompts-light.png")
    options(page).filter(has_text="Planted").click()
    expect(page.locator("#question")).to_have_value("When was the garden planted?")
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".exchange")).to_have_count(2)
    filled.assert_quiet(filled.served.address)


def test_the_list_narrows_as_one_types_and_is_used_by_keyboard(window: Any) -> None:
    keep(window, SHORT, SUMMARY, LATER)
    page = window.page
    page.focus("#question")
    page.keyboard.type("/")
    expect(options(page)).to_have_count(4)
    expect(page.locator(".composer [role=status]")).to_contain_text("4 prompts")
    page.keyboard.type("short")
    expect(options(page)).to_have_count(2)
    expect(options(page).first).to_contain_text("Short answer")  # its name begins so
    page.keyboard.press("ArrowDown")
    expect(page.locator("#question")).to_have_attribute("aria-activedescendant", "prompt-1")
    expect(options(page).nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    expect(options(page).first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator("#question")).to_have_value(LATER["text"])
    expect(options(page)).to_have_count(0)
    page.fill("#question", "")
    page.keyboard.type("/sum")
    page.keyboard.press("Escape")
    expect(options(page)).to_have_count(0)
    expect(page.locator("#question")).to_have_value("/sum")
    page.keyboard.type("m")
    expect(options(page)).to_have_count(1)
    page.keyboard.press("Tab")
    expect(page.locator("#question")).to_have_value(SUMMARY["text"])


def test_a_question_may_begin_with_a_slash(window: Any, fake: Any) -> None:
    keep(window, SHORT)
    page = window.page
    ask(page, "/etc/hosts is what?")
    expect(page.locator(".question")).to_have_text("/etc/hosts is what?")
    page.fill("#question", "and /short")
    expect(options(page)).to_have_count(0)


def test_the_palette_inserts_and_keeps_prompts(window: Any) -> None:
    keep(window, SUMMARY)
    page = window.page
    page.fill("#question", "About tomatoes: ")
    page.keyboard.press("Control+k")
    page.keyboard.type("summary")
    expect(page.locator("#palette-list [role=option]")).to_have_text("SummaryInsert the prompt")
    page.keyboard.press("Enter")
    expect(page.locator("#question")).to_have_value(f"About tomatoes: {SUMMARY['text']}")
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.press("Control+k")
    page.keyboard.type("save as prompt")
    page.keyboard.press("Enter")
    expect(page.locator("#prompt-text")).to_have_value(f"About tomatoes: {SUMMARY['text']}")
    page.keyboard.press("Escape")
    go(page, "Library")
    page.keyboard.press("Control+k")
    page.keyboard.type("insert summary")
    page.keyboard.press("Enter")
    expect(page.locator("#question")).to_have_value(f"About tomatoes: {SUMMARY['text']}{SUMMARY['text']}")


def test_prompts_are_renamed_changed_and_deleted_with_a_way_back(
    window: Any, open_page: Callable[..., Any], screenshots: Path
) -> None:
    keep(window, SHORT, SUMMARY)
    page = window.page
    page.fill("#question", "/")
    expect(options(page)).to_have_count(3)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    rows = page.locator(".prompt-row")
    expect(rows).to_have_count(2)
    page.screenshot(caret="initial", path=screenshots / "prompt-list-light.png")
    rows.first.get_by_role("button").first.focus()
    page.keyboard.press("F2")
    dialog = page.get_by_role("dialog", name="Edit the prompt")
    dialog.get_by_label("Name").fill("summary")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("There is a prompt “summary” already.Take another name.")
    dialog.get_by_label("Name").fill("Brief")
    dialog.get_by_label("Text").fill("Be brief.")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(rows.first).to_contain_text("BriefBe brief.")
    rows.first.get_by_role("button").first.focus()
    page.keyboard.press("ArrowDown")
    expect(rows.nth(1).get_by_role("button").first).to_be_focused()
    page.keyboard.press("Delete")
    expect(rows).to_have_count(1)
    expect(rows.first.get_by_role("button").first).to_be_focused()
    assert texts(window) == ["Be brief."]
    another = open_page(window.served.link).page
    page.keyboard.press("Alt+z")
    expect(rows).to_have_count(2)
    another.fill("#question", "/summ")  # the other page has heard of it
    expect(options(another)).to_have_count(1)
    rows.nth(1).get_by_role("button", name="Actions for the prompt Summary").click()
    page.get_by_role("menuitem", name="Insert the prompt").click()
    expect(page.locator("#question")).to_have_value(SUMMARY["text"])


def test_hostile_names_and_texts_are_text(window: Any) -> None:
    keep(window, {"name": "<img src=x onerror=alert(1)> \u202eevil", "text": "<script>alert(2)</script> {{7*7}}"})
    page = window.page
    page.fill("#question", "/")
    expect(options(page).first).to_contain_text("<img src=x onerror=alert(1)> ⟨U+202E⟩evil")
    page.keyboard.press("Enter")
    expect(page.locator("#question")).to_have_value("<script>alert(2)</script> {{7*7}}")
    go(page, "Settings")
    page.get_by_role("link", name="Prompts").click()
    expect(page.locator(".prompt-row")).to_contain_text("<script>alert(2)</script>")
    window.assert_quiet(window.served.address)


def test_privacy_lists_exports_and_wipes_them(window: Any, tmp_path: Path) -> None:
    keep(window, SHORT)
    page = window.page
    go(page, "Settings")
    page.get_by_role("link", name="Privacy").click()
    expect(page.locator(".stored tr", has_text="prompts.json")).to_contain_text("Prompts")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export everything").click()
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert json.loads(archive.read("prompts.json"))[0]["name"] == "Short answer"
    page.click("#wipe")
    dialog = page.get_by_role("dialog", name="Wipe for good")
    dialog.get_by_label("Prompts").check()
    dialog.get_by_label("I want this deleted for good").check()
    dialog.get_by_role("button", name="Wipe", exact=True).click()
    expect(page.locator(".notice", has_text="It is gone")).to_be_visible()
    assert texts(window) == []
    page.get_by_role("link", name="Prompts").click()
    expect(page.locator("main")).to_contain_text("None yet.")


def test_prompts_are_spoken_of_in_german(window: Any) -> None:
    keep(window, SHORT)
    page = window.page
    page.evaluate("() => localStorage.setItem('docent.language', '\"de\"')")
    page.reload()
    page.locator(".composer").get_by_role("button", name="Vorlagen").click()
    page.get_by_role("menuitem", name="Vorlage einfügen").click()
    expect(page.locator("#question")).to_have_value("/")
    expect(options(page)).to_have_text(["Short answerAnswer in one sentence.", "Vorlagen verwalten…"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.click("#new-prompt")
    page.get_by_label("Name").fill("short answer")
    page.get_by_label("Text").fill("Kurz.")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Speichern", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Es gibt schon eine Vorlage „short answer“.")
