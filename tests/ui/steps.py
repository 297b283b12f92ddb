"""What a person does in the window."""

from typing import Any

from playwright.sync_api import Page

HAS_KEY = """() => new Promise((resolve) => {
  const asked = indexedDB.open("docent", 1);
  asked.onsuccess = () => {
    const wanted = asked.result.transaction("keys").objectStore("keys").count();
    wanted.onsuccess = () => { asked.result.close(); resolve(wanted.result > 0); };
  };
})"""
"""Whether the page can prove after a restart that it was let in before. ``enrol`` opens the database before it asks."""


def ask(page: Page, question: str) -> None:
    page.fill("#question", question)
    page.keyboard.press("Enter")


def add(page: Page, location: str) -> None:
    page.locator(".composer").get_by_role("button", name="Add").click()
    page.fill("#location", location)
    page.keyboard.press("Enter")


def go(page: Page, place: str) -> None:
    page.get_by_role("link", name=place, exact=True).click()


def until_enrolled(watched: Any) -> None:
    """Waits until the page can come back by itself after a restart of the server."""
    while not any(url.endswith("/api/browsers") for url in watched.requests):
        watched.page.wait_for_timeout(50)
    while not watched.page.evaluate(HAS_KEY):  # the reply is kept when it has come
        watched.page.wait_for_timeout(50)
