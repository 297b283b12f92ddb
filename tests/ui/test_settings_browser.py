"""The page of settings: config.yaml changed from the window, patterns tried before they hold, and privacy."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.ui.steps import ask, go

pytestmark = pytest.mark.browser
_COMMENTED = "# mine, and so it stays\nlibrary:\n  # big ones are rare here\n  max_file_mb: 50  # enough\n"


@pytest.fixture
def config(fake: Any) -> Path:
    path: Path = fake.settings.folder.config
    path.write_text(_COMMENTED, encoding="utf-8")
    return path


def _row(page: Any, key: str) -> Any:
    return page.locator(".setting", has=page.locator("label code", has_text=key))


def test_a_setting_is_found_checked_as_one_types_and_saved_with_the_comments_left(
    config: Path, window: Any, screenshots: Path
) -> None:
    page = window.page
    go(page, "Settings")
    page.fill("#settings-search", "longest answer max_tokens")
    expect(page.locator(".setting")).to_have_count(1)
    page.fill("#setting-model-max_tokens", "3")
    expect(_row(page, "model.max_tokens").get_by_role("alert")).to_contain_text("greater than or equal to 16")
    expect(page.locator("#setting-model-max_tokens")).to_have_attribute("aria-invalid", "true")
    page.screenshot(caret="initial", path=screenshots / "settings-light.png")
    page.fill("#setting-model-max_tokens", "300")
    page.keyboard.press("Enter")
    expect(page.locator(".notice")).to_contain_text("model.max_tokens is saved")
    assert config.read_text(encoding="utf-8") == _COMMENTED + "model:\n  max_tokens: 300\n"
    assert window.served.assistant.settings.model.max_tokens == 300
    page.get_by_role("button", name="Set model.max_tokens back").click()
    expect(_row(page, "model.max_tokens")).to_contain_text("default")
    expect(page.locator(".notice")).to_have_count(2)
    assert "max_tokens" not in config.read_text(encoding="utf-8")


def test_the_layer_that_a_value_comes_from_is_named(config: Path, window: Any) -> None:
    page = window.page
    go(page, "Settings")
    expect(_row(page, "model.max_tokens")).to_contain_text("default")
    page.fill("#setting-model-max_tokens", "300")
    page.keyboard.press("Enter")
    expect(_row(page, "model.max_tokens")).to_contain_text(config.name)
    expect(_row(page, "model.temperature")).to_contain_text("default")


def test_what_needs_a_restart_says_so(config: Path, window: Any) -> None:
    page = window.page
    go(page, "Settings")
    expect(_row(page, "server.port")).to_contain_text("Needs a restart")
    page.fill("#setting-server-port", "7999")
    page.keyboard.press("Enter")
    expect(_row(page, "server.port")).to_contain_text("after a restart")
    expect(page.locator(".banner")).to_contain_text("1 change")
    page.reload()
    expect(page.locator("#setting-server-port")).to_have_value("7999")
    expect(page.locator("#setting-retrieval-store")).to_be_disabled()


def test_patterns_show_what_they_leave_out_before_they_hold(config: Path, filled: Any, folder: Path) -> None:
    page = filled.page
    go(page, "Settings")
    page.fill("#settings-search", "exclude")
    page.locator("#setting-library-exclude").focus()
    expect(page.locator(".patterns")).to_contain_text("0 would leave")
    page.fill("#setting-library-exclude", "*.md\n*.nothing")
    expect(page.locator(".patterns")).to_contain_text("observatory.md")
    expect(page.locator(".patterns")).to_contain_text("matches nothing")
    expect(page.locator(".patterns")).to_contain_text("1 would leave")
    page.locator("#settings-search").focus()
    expect(page.locator(".notice", has_text="The patterns are saved")).to_be_visible()
    assert filled.served.assistant.settings.library.exclude == ("*.md", "*.nothing")


def test_privacy_says_what_is_kept_exports_it_and_wipes_after_asking(
    filled: Any, gate: Any, fake: Any, tmp_path: Path, screenshots: Path
) -> None:
    page = filled.page
    gate.open()
    ask(page, "When was the garden planted?")
    expect(page.locator(".chip")).to_be_visible()
    go(page, "Settings")
    page.get_by_role("link", name="Privacy").click()
    chats = page.locator(".stored tr", has_text="Questions, answers")
    expect(chats.locator("code")).to_have_text("conversations.db")  # the folder of all is said once
    page.screenshot(caret="initial", path=screenshots / "privacy-light.png")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export everything").click()
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        names = archive.namelist()
        document = next(name for name in names if name.endswith(".json") and name.startswith("conversations/"))
        assert json.loads(archive.read(document))["exchanges"][0]["question"] == "When was the garden planted?"
        assert "documents.json" in names
        assert b"[1] garden.txt" in archive.read(document.replace(".json", ".md"))
    page.click("#wipe")
    dialog = page.get_by_role("dialog", name="Wipe for good")
    button = dialog.get_by_role("button", name="Wipe", exact=True)
    dialog.get_by_label("Chats").check()
    expect(button).to_be_disabled()
    dialog.get_by_label("I want this deleted for good").check()
    button.click()
    expect(page.locator(".notice", has_text="It is gone")).to_be_visible()
    go(page, "Chats")
    expect(page.locator(".chat-row")).to_have_count(0)
    assert fake.conversations() == []
    assert b"garden planted" not in (fake.folder / "conversations.db").read_bytes()
