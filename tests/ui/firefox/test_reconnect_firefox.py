"""An open tab of headless Firefox and the end of Docent: it comes back by itself, and keeps others out."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.ui.firefox.driver import Firefox, FirefoxPage

pytestmark = pytest.mark.firefox
HAS_KEY = """() => new Promise((resolve) => {
  const asked = indexedDB.open("docent", 1);
  asked.onsuccess = () => {
    const wanted = asked.result.transaction("keys").objectStore("keys").count();
    wanted.onsuccess = () => { asked.result.close(); resolve(wanted.result > 0); };
  };
})"""
"""Whether the page can prove after a restart that it was let in before. ``enrol`` opens the database before it asks."""


@pytest.fixture
def restart(page: FirefoxPage, served: Any, serve: Callable[..., Any], firefox: Firefox) -> Callable[[], Any]:
    """Ends the server and starts another one at the same address, which knows no session."""
    page.wait("() => performance.getEntriesByType('resource').some((one) => one.name.endsWith('/api/browsers'))")
    page.wait(HAS_KEY)

    def again() -> Any:
        served.stop()
        return serve(served.assistant, port=int(served.address.rpartition(":")[2]))

    return again


def new_folder(page: FirefoxPage, name: str) -> None:
    page.click("#new-folder")
    page.focuses("#folder-name")
    page.type(name)
    page.press("Enter")
    page.sees(".folder-head", name)


def test_an_open_tab_goes_on_after_a_restart_without_a_person(
    page: FirefoxPage, restart: Callable[[], Any], gate: Any
) -> None:
    gate.open()
    anew = restart()
    new_folder(page, "Made in the open tab")
    anew.assistant.conversation_folders.make("Made elsewhere")
    page.click("#question")
    page.type("When did the mill stop?")
    page.press("Enter")
    page.sees(".exchange:not(.running)", "The mill stopped in 1912.")  # the news come again
    page.sees(".folder-head", "Made elsewhere")


def test_a_page_is_reloaded_after_a_restart_and_a_stranger_kept_out(
    page: FirefoxPage, restart: Callable[[], Any], firefox: Firefox
) -> None:
    new_folder(page, "Made before")
    anew = restart()
    page.reload()
    page.sees(".folder-head", "Made before")
    with firefox.visit() as stranger:  # has no key
        other = stranger.page()
        other.open(anew.address)
        other.sees("#said", "Open it with the link")


def test_a_page_says_that_docent_does_not_answer(page: FirefoxPage, served: Any) -> None:
    served.stop()
    page.click("#question")
    page.type("When did the mill stop?")
    page.press("Enter")
    page.sees(".notice.bad", "Docent does not answer.")
    page.has("#question", "When did the mill stop?")  # it is not lost
    page.sees(".lost", "start it again, and this page goes on by itself")
