"""The most important things that a person does, in headless Firefox: ask, stop, read a source, use the library."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.assistant import Assistant
from app.settings.paths import resource
from app.settings.schema import Settings
from tests.app.fakes import LightParts
from tests.ui.firefox import Firefox, running

pytestmark = pytest.mark.firefox


@pytest.fixture
def firefox(tmp_path: Path) -> Iterator[Firefox]:
    binary = shutil.which("firefox-esr") or shutil.which("firefox")
    if binary is None:
        pytest.skip("no Firefox is installed")
    with running(binary, tmp_path / "profile") as opened:
        yield opened


@pytest.fixture
def page(firefox: Firefox, serve: Callable[[Any], Any], fake: Any, tmp_path: Path) -> Firefox:
    fake.put(str(tmp_path / "garden.txt"), "The garden was planted in 1987 by Ada Quill.\nTomatoes like water.\n")
    fake.put(str(tmp_path / "mill.txt"), "The mill stopped in 1912.\n")
    firefox.open(serve(fake).link)
    firefox.sees(".scope", "all 2 documents")
    return firefox


def ask(page: Firefox, question: str) -> None:
    page.click("#question")
    page.type(question)
    page.press("Enter")


def test_an_answer_streams_stops_and_opens_its_source(page: Firefox, gate: Any, fake: Any) -> None:
    ask(page, "When was the garden planted?")
    gate.let(3)
    page.sees(".running .answer-text", "The garden was")
    page.press("Escape")
    assert fake.stop.wait(60)
    gate.open()
    page.sees(".exchange:not(.running)", "Stopped here.")
    page.click('.tools [aria-label="Again"]')
    page.sees(".versions", "2 / 2")
    page.sees(".answer-text", "by Ada Quill.")
    page.click(".chip")
    page.sees(".source mark", "The garden was planted in 1987 by Ada Quill.")
    page.click('.versions [aria-label="Version before"]')
    page.sees(".exchange", "Stopped here.")
    assert page.complaints == []


def test_addresses_reload_and_go_back(page: Firefox, gate: Any) -> None:
    gate.open()
    ask(page, "When did the mill stop?")
    page.sees(".exchange:not(.running)", "1912")
    page.reload()
    page.sees(".exchange:not(.running)", "1912")
    page.click('.rail a[href="/library"]')
    page.counts(".row-line", 3)
    page.back()
    page.sees(".exchange:not(.running)", "1912")
    assert page.complaints == []


def test_rows_are_chosen_and_dialogs_closed_by_keyboard(page: Firefox) -> None:
    page.click('.rail a[href="/library"]')
    page.counts(".row-line", 3)
    page.run("() => { document.querySelector('.row-line').focus(); }")
    page.press("End")
    page.wait("() => document.activeElement.textContent.includes('mill.txt')")
    page.press("Space")
    page.sees(".picked", "1 chosen")
    page.click("#new-collection")
    page.wait("() => document.activeElement.id === 'collection-name'")
    page.press("Escape")
    page.counts("dialog", 0)
    page.click("#library-filter")
    page.type("garden")
    page.counts(".row-line", 2)
    assert page.complaints == []


@pytest.mark.skipif(not resource("samples").is_dir(), reason="the sample documents are not installed")
def test_a_page_of_a_pdf_is_drawn_with_its_text(firefox: Firefox, serve: Callable[[Any], Any], tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    shutil.copy(resource("samples") / "A short history of Gull Rock Light.pdf", folder)
    settings = Settings.model_validate({"data_dir": tmp_path / "docent", "model": {"name": None}})
    with Assistant(settings, LightParts(settings)) as assistant:
        assistant.sync([str(folder)])
        firefox.open(serve(assistant).link)
        firefox.click('.rail a[href="/library"]')
        firefox.click(".row-line button.link-row")
        firefox.sees(".textLayer", "Gull Rock")
        firefox.wait("() => document.querySelector('.source canvas')?.width > 100")
        assert firefox.complaints == []
