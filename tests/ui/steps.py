"""What a person does in the window."""

from playwright.sync_api import Page


def ask(page: Page, question: str) -> None:
    page.fill("#question", question)
    page.keyboard.press("Enter")


def add(page: Page, location: str) -> None:
    page.locator(".composer").get_by_role("button", name="Add").click()
    page.fill("#location", location)
    page.keyboard.press("Enter")


def go(page: Page, place: str) -> None:
    page.get_by_role("link", name=place, exact=True).click()
