"""Settings, look, prompts and privacy in headless Firefox."""

from pathlib import Path
from typing import Any

import pytest

from tests.ui.firefox.driver import FirefoxPage

pytestmark = pytest.mark.firefox


@pytest.fixture
def settings(page: FirefoxPage) -> FirefoxPage:
    page.click('.rail a[href="/settings"]')
    page.counts("#settings-search", 1)
    page.counts("#setting-model-max_tokens", 1)
    return page


def test_a_setting_is_found_checked_as_one_types_and_saved(settings: FirefoxPage, served: Any, fake: Any) -> None:
    page = settings
    page.click("#settings-search")
    page.type("longest answer max_tokens")
    page.counts(".setting", 1)
    page.write("#setting-model-max_tokens", "3")
    page.sees(".setting [role=alert]", "greater than or equal to 16")
    page.write("#setting-model-max_tokens", "300")
    page.press("Enter")
    page.sees(".notice", "model.max_tokens is saved")
    config: Path = fake.settings.folder.config
    assert config.read_text(encoding="utf-8").endswith("model:\n  max_tokens: 300\n")
    page.assert_quiet(served.address)


def test_language_colours_and_size_are_chosen_and_kept(settings: FirefoxPage) -> None:
    page = settings
    for name, value in (("Colours", "dark"), ("Text size", "130"), ("Language", "de")):
        page.run(
            """(name, value) => {
              const label = [...document.querySelectorAll(".choice")].find((one) => one.textContent.includes(name));
              const field = label.querySelector("select");
              field.value = value;
              field.dispatchEvent(new Event("change", { bubbles: true }));
            }""",
            name,
            value,
        )
    page.sees("h1", "Einstellungen")
    page.reload()
    page.sees("h1", "Einstellungen")
    page.wait("() => document.documentElement.dataset.theme === 'dark'")
    page.wait("() => getComputedStyle(document.documentElement).fontSize !== '16px'")
    page.wait("() => document.documentElement.lang === 'de'")


def test_a_prompt_is_made_and_deleted_with_a_way_back(settings: FirefoxPage, served: Any) -> None:
    page = settings
    page.click('.switch a[href="/settings/prompts"]')
    page.click("#new-prompt")
    page.focuses("#prompt-name")
    page.type("Short")
    page.write("#prompt-text", "Answer in one sentence.")
    page.click("dialog .primary")
    page.sees(".prompt-row", "Answer in one sentence.")
    page.run("() => { document.querySelector('.prompt-stop').focus(); }")
    page.focuses(".prompt-stop")
    page.press("Delete")
    page.counts(".prompt-row", 0)
    page.sees(".notice", "Undo")
    page.press("Alt+z")
    page.sees(".prompt-row", "Short")
    page.assert_quiet(served.address)


def test_privacy_lists_what_is_kept_and_wipes_after_asking(settings: FirefoxPage, served: Any, fake: Any) -> None:
    page = settings
    fake.store.create("About the mill")
    page.click('.switch a[href="/settings/privacy"]')
    page.sees(".stored", "conversations.db")
    page.click("#wipe")
    page.click("dialog .checks label", "Chats")
    page.counts("dialog .danger:disabled", 1)
    page.click("#sure")
    page.click("dialog .danger")
    page.sees(".notice", "It is gone.")
    assert fake.conversations() == []
    page.assert_quiet(served.address)


def test_models_of_this_computer_are_described(page: FirefoxPage, served: Any) -> None:
    page.click('.rail a[href="/models"]')
    page.sees("main", "docent-nano, which comes with Docent")
    page.sees(".facts", "Processor")
    page.press("?")
    page.sees("dl.keys", "New chat")
    page.press("Escape")
    page.counts("dialog", 0)
    page.assert_quiet(served.address)
