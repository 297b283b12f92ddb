"""The page of models: downloads from a local hub, imports, the choice of a model without a restart, speed."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from app.feed import ModelsChanged
from app.models.computer import cards
from app.settings.preferences import Preferences
from tests.app.models.hub import LARGE, REPO, Hub
from tests.app.models.tiny_model import write_tiny_model
from tests.engines.gguf_files import write_model
from tests.engines.models import random_model
from tests.ui.desktop.fakes import a_program
from tests.ui.steps import go

pytestmark = pytest.mark.browser


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny")


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The driver of a card, as Docent asks it."""
    a_program(tmp_path / "bin" / "nvidia-smi", "echo 'NVIDIA H100 80GB HBM3, 81559, 550.54.15'")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    cards.cache_clear()
    yield
    cards.cache_clear()


@pytest.fixture
def hub(tiny: Path) -> Iterator[Hub]:
    served = Hub({path.name: path.read_bytes() for path in tiny.iterdir()})
    yield served
    served.close()


@pytest.fixture
def models(serve: Callable[[Any], Any], fake: Any, open_page: Callable[..., Any], hub: Hub) -> Any:
    """The page of models over a Docent whose hub is the local one."""
    served = serve(fake)
    preferences: Preferences = served.desk.preferences
    preferences.change("model.hub", hub.url)
    watched = open_page(served.link)
    watched.served = served
    go(watched.page, "Models")
    return watched


def computer(**changes: Any) -> Callable[[Any], None]:
    """Lets the page see another computer than this one."""

    def answer(route: Any) -> None:
        reply = route.fetch()
        about = reply.json()
        route.fulfill(response=reply, json=about | {"computer": about["computer"] | changes})

    return answer


def _model(page: Any, name: str) -> Any:
    return page.locator(".model", has_text=name)


def test_the_computer_and_the_shipped_model_are_described(models: Any, screenshots: Path) -> None:
    page = models.page
    expect(page.locator(".facts")).to_contain_text("billion weights in INT4")
    expect(page.locator(".model-now")).to_contain_text("docent-nano")
    expect(page.locator(".model").first).to_contain_text("licence apache-2.0")
    page.screenshot(caret="initial", path=screenshots / "models-light.png")


@pytest.mark.skipif(os.name != "posix", reason="the driver's program is a shell script here")
def test_a_graphics_card_and_what_it_runs_are_described(card: None, models: Any) -> None:
    facts = models.page.locator(".facts")
    expect(facts).to_contain_text("NVIDIA H100 80GB HBM3 · 86 GB · driver 550.54.15")
    expect(facts).to_contain_text("Models of up to about 76 billion weights in INT4")


def test_a_download_that_broke_off_goes_on_and_the_model_is_used_without_a_restart(
    models: Any, hub: Hub, fake: Any
) -> None:
    page = models.page
    hub.break_after = [1000, 0, 0]  # the download waits before it tries again
    page.fill("#repository", REPO)
    page.get_by_role("button", name="Download", exact=True).click()
    while not any(path.endswith(LARGE) and wanted for path, wanted, _ in hub.requests):  # the first bytes are there
        page.wait_for_timeout(20)
    page.locator(".task").get_by_role("button", name="Cancel").click()
    expect(page.locator(".task")).to_contain_text("stopped at", timeout=60_000)
    before = len(hub.requests)
    page.get_by_role("button", name="Go on").click()
    expect(_model(page, "tiny-model")).to_contain_text("llama")
    resumed = [wanted for path, wanted, _ in hub.requests[before:] if path.endswith(LARGE)]
    assert resumed[0] is not None and resumed[0].startswith("bytes=")
    expect(page.locator(".task")).to_have_count(0)
    _model(page, "tiny-model").get_by_role("button", name="Use").click()
    expect(page.locator(".model-now")).to_contain_text("tiny-model")
    expect(page.locator(".model-now")).to_contain_text("in memory")
    assert fake.settings.model.name == "tiny-model"
    assert 'name: "tiny-model"' in fake.settings.folder.config.read_text(encoding="utf-8")


def test_a_download_says_how_long_it_will_take(window: Any) -> None:
    page = window.page
    task = {"id": 1, "kind": "download", "model": "large", "state": "running", "message": "", "remedy": ""}
    come = [1_000_000_000]

    def answer(route: Any) -> None:
        reply = route.fetch()
        route.fulfill(
            response=reply, json=reply.json() | {"tasks": [task | {"done": come[-1], "total": 4_000_000_000}]}
        )

    page.route("**/api/models", answer)
    begun = datetime.now()
    page.clock.set_fixed_time(begun)
    page.reload()
    go(page, "Models")
    expect(page.locator(".task")).to_have_text("Downloading large 1 GB of 4 GBCancel")
    page.clock.set_fixed_time(begun + timedelta(minutes=1))
    come.append(2_000_000_000)
    window.served.desk.feed.publish(ModelsChanged())
    expect(page.locator(".task")).to_contain_text("2 GB of 4 GB · about 2 min left")


def test_a_download_is_cancelled_and_what_is_there_deleted(models: Any, hub: Hub, fake: Any) -> None:
    page = models.page
    hub.failures = 3  # the download waits a second before it tries again
    page.fill("#repository", REPO)
    page.get_by_role("button", name="Download", exact=True).click()
    page.locator(".task").get_by_role("button", name="Cancel").click()
    expect(page.locator(".task")).to_contain_text("stopped at", timeout=60_000)
    page.get_by_role("button", name="Delete what is there").click()
    expect(page.locator(".task")).to_have_count(0)
    assert list(fake.settings.folder.models.glob("*model*")) == []


def test_a_folder_is_imported_measured_and_removed(models: Any, tiny: Path) -> None:
    page = models.page
    page.fill("#model-folder", str(tiny))
    page.get_by_role("button", name="Import").click()
    expect(_model(page, "tiny")).to_contain_text("lies in its own folder")
    _model(page, "tiny").get_by_role("button", name="Measure speed").click()
    expect(_model(page, "tiny")).to_contain_text("tokens a second here", timeout=60_000)
    _model(page, "tiny").get_by_role("button", name="Actions").click()
    page.get_by_role("menuitem", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(_model(page, "lies in its own folder")).to_have_count(0)
    assert tiny.is_dir()


def test_models_to_begin_with_are_those_that_this_computer_runs(window: Any) -> None:
    page = window.page
    page.route("**/api/models", computer(largest=2_000_000_000))
    page.reload()
    go(page, "Models")
    known = page.get_by_role("group", name="For example")
    expect(known.get_by_role("button")).to_have_count(2)
    known.get_by_role("button", name="Qwen/Qwen2.5-1.5B-Instruct-AWQ").click()
    expect(page.locator("#repository")).to_have_value("Qwen/Qwen2.5-1.5B-Instruct-AWQ")
    expect(page.get_by_role("button", name="Download", exact=True)).to_be_enabled()


def test_a_model_is_put_into_memory_and_its_memory_given_back(models: Any, fake: Any) -> None:
    now = models.page.locator(".model-now")
    now.get_by_role("button", name="Load now").click()
    unload = now.get_by_role("button", name="Give its memory back")
    expect(unload).to_be_visible()
    assert fake.loaded
    unload.click()
    expect(now.get_by_role("button", name="Load now")).to_be_visible()
    assert not fake.loaded


def test_what_is_wrong_is_said_with_the_remedy(models: Any, tmp_path: Path) -> None:
    page = models.page
    page.fill("#model-folder", str(tmp_path / "nothing"))
    page.get_by_role("button", name="Import").click()
    expect(page.locator(".tasks .trouble")).to_contain_text("a folder with config.json")
    page.fill("#repository", "nobody/nothing")
    page.get_by_role("button", name="Download", exact=True).click()
    expect(page.locator(".tasks")).to_contain_text("has no model nobody/nothing")


def test_a_model_of_another_program_is_found_and_used_here(
    models: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tiny_model(tmp_path / "hub" / "models--owner--theirs" / "snapshots" / "1")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    page = models.page
    page.reload()
    theirs = page.locator("section", has_text="Of other programs").locator(".model", has_text="owner-theirs")
    expect(theirs).to_contain_text("Hugging Face")
    theirs.get_by_role("button", name="Use it here").click()
    expect(page.locator("section", has_text="Installed").locator(".model", has_text="owner-theirs")).to_be_visible()
    assert (tmp_path / "hub" / "models--owner--theirs" / "snapshots" / "1").is_dir()


def test_a_gguf_file_is_imported(models: Any, tmp_path: Path) -> None:
    write_model(random_model("qwen2"), tmp_path / "small.gguf", "Q4_0")
    page = models.page
    page.fill("#model-folder", str(tmp_path / "small.gguf"))
    page.get_by_role("button", name="Import").click()
    expect(_model(page, "small")).to_contain_text("Q4_0")
