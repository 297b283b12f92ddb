"""Colours and languages of the window: those of the system, and those that were chosen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from app.errors import UsageError
from tests.ui.steps import ask, go

pytestmark = pytest.mark.browser


IS_DARK = "() => parseInt(getComputedStyle(document.body).backgroundColor.split('(')[1]) < 60"
IS_LIGHT = "() => parseInt(getComputedStyle(document.body).backgroundColor.split('(')[1]) > 200"


@pytest.mark.only_chromium("Firefox has no command for what the system prefers")
def test_dark_follows_the_system(
    serve: Callable[[Any], Any], fake: Any, open_page: Callable[..., Any], screenshots: Path
) -> None:
    page = open_page(serve(fake).link, scheme="dark").page
    page.wait_for_function(IS_DARK)
    page.screenshot(caret="initial", path=screenshots / "empty-dark.png")
    go(page, "Settings")
    page.get_by_label("Colours").select_option("light")
    page.wait_for_function(IS_LIGHT)
    page.reload()
    expect(page.get_by_label("Colours")).to_have_value("light")
    page.wait_for_function(IS_LIGHT)


def test_light_and_dark_are_chosen_and_kept(window: Any) -> None:
    page = window.page
    go(page, "Settings")
    for colours, is_so in (("dark", IS_DARK), ("light", IS_LIGHT), ("dark", IS_DARK)):
        page.get_by_label("Colours").select_option(colours)
        page.wait_for_function(is_so)
    page.reload()
    expect(page.get_by_label("Colours")).to_have_value("dark")
    page.wait_for_function(IS_DARK)


@pytest.mark.only_chromium("Firefox has no command that shows a page as it is printed")
def test_a_chat_is_printed_whole_and_alone(filled: Any, gate: Any) -> None:
    page = filled.page
    gate.open()
    questions = ("When was the garden planted?", "When do visitors come?", "When does the observatory open?") * 3
    for number, question in enumerate(questions, start=1):
        ask(page, question)
        expect(page.locator(".exchange:not(.running)")).to_have_count(number)
    expect(page.locator(".exchange .card")).to_have_count(9)
    page.emulate_media(media="print")
    for beside in (".rail", ".list", ".composer", ".tools"):
        expect(page.locator(beside).first).to_be_hidden()
    page.wait_for_function("(box => box.scrollHeight === box.clientHeight)(document.querySelector('.flow'))")
    page.wait_for_function("document.documentElement.scrollHeight > 900")


def test_the_page_speaks_german(serve: Callable[[Any], Any], fake: Any, open_page: Callable[..., Any]) -> None:
    page = open_page(serve(fake).link).page
    go(page, "Settings")
    page.get_by_role("combobox", name="Language", exact=True).select_option("de")
    expect(page.get_by_role("heading", name="Einstellungen", level=1)).to_be_visible()
    go(page, "Gespräche")
    expect(page.get_by_role("button", name="Fragen", exact=True)).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "de")


def test_what_went_wrong_is_said_in_german(
    serve: Callable[[Any], Any], fake: Any, open_page: Callable[..., Any], tmp_path: Path
) -> None:
    error = "The PDF holds no text: scanned pages, pictures only. Open it in a viewer and save it again."
    fake.put(str(tmp_path / "scan.pdf"), "", status="failed", error=error)
    fake.error = UsageError("The question is empty.", "Type one.")
    page = open_page(serve(fake).link, locale="de").page
    page.locator(".composer").get_by_role("button", name="Hinzufügen").click()
    page.fill("#location", "/nowhere: 1. a")
    page.keyboard.press("Enter")
    expect(page.locator(".notice.bad")).to_contain_text("Es gibt keinen Ordner und keine Datei /nowhere: 1. a.")
    expect(page.locator(".notice.bad .remedy")).to_contain_text("Prüfen Sie den Pfad")
    page.keyboard.press("Escape")
    ask(page, "Wann?")
    expect(page.locator(".running [role=alert]")).to_contain_text("Die Frage ist leer.")
    go(page, "Bibliothek")
    expect(page.locator(".row-line .why")).to_have_text(
        "Das PDF enthält keinen Text: eingescannte Seiten, nur Bilder. "
        "Öffnen Sie es in einem Betrachter und speichern Sie es neu."
    )
