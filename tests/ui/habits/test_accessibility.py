"""Every place of the page under axe (WCAG 2.2 AA): nothing serious or moderate, light and dark, English and German."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser


@pytest.fixture
def axe() -> Any:
    return pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()


def findings(axe: Any, page: Any) -> list[Any]:
    """What is serious or moderate: rule, weight, the first element."""
    found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [(one["id"], one["impact"], one["nodes"][0]["target"]) for one in found if one["impact"] != "minor"]


@pytest.mark.parametrize("width", [1440, 480])
def test_axe_finds_nothing_in_german(
    serve: Callable[[Any], Any],
    fake: Any,
    gate: Any,
    open_page: Callable[..., Any],
    axe: Any,
    tmp_path: Path,
    width: int,
) -> None:
    fake.put(str(tmp_path / "garden.txt"), "The garden was planted in 1987 by Ada Quill.")
    fake.put(str(tmp_path / "broken.docx"), "", status="failed", error="The file is damaged.")
    gate.open()
    served = serve(fake)
    served.desk.prompts.make("Summary", "Summarise the document.")
    page = open_page(served.link, width=width, locale="de", bypass_csp=True).page
    expect(page.locator("html")).to_have_attribute("lang", "de")
    page.fill("#question", "When was the garden planted?")
    page.keyboard.press("Enter")
    page.locator(".chip").click()
    expect(page.locator(".source mark").first).to_be_visible()
    assert findings(axe, page) == []
    drawn = {
        "library": ".row-line .why",
        "models": ".model",
        "settings": ".setting",
        "settings/prompts": ".prompt-row",
        "settings/privacy": ".stored",
    }
    for place, shown in drawn.items():
        page.goto(f"{served.address}/{place}")
        expect(page.locator(shown).first).to_be_visible()
        assert findings(axe, page) == [], place


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(
    serve: Callable[[Any], Any],
    fake: Any,
    gate: Any,
    open_page: Callable[..., Any],
    axe: Any,
    tmp_path: Path,
    scheme: str,
) -> None:
    fake.put(str(tmp_path / "garden.txt"), "The garden was planted in 1987 by Ada Quill.")
    fake.put(str(tmp_path / "broken.docx"), "", status="failed", error="The file is damaged.")
    gate.open()
    served = serve(fake)
    served.desk.prompts.make("Summary", "Summarise the document.")
    page = open_page(served.link, scheme=scheme, bypass_csp=True).page  # axe comes as a script of its own

    def check(place: str) -> None:
        assert findings(axe, page) == [], place

    expect(page.locator("#sync")).to_contain_text("1 ready")
    check("an empty chat")
    page.fill("#question", "When was the garden planted?")
    page.keyboard.press("Enter")
    page.locator(".chip").click()
    expect(page.locator(".source mark").first).to_be_visible()
    check("an answer with its source")
    page.get_by_role("button", name="Again").click()
    expect(page.locator(".versions")).to_have_text("2 / 2")
    check("an answer with versions")
    for place in ("Library", "Models", "Settings"):
        page.get_by_role("link", name=place, exact=True).click()
        expect(page.get_by_role("heading", name=place, level=1)).to_be_visible()
        expect(page.locator(".row-line, .model, .setting").first).to_be_visible()
        check(place)
    page.get_by_role("link", name="Library", exact=True).click()
    page.get_by_role("checkbox", name="Choose garden.txt").check()
    check("chosen rows")
    page.locator(".picked").get_by_role("button", name="Add to a collection").click()
    expect(page.locator("#collection-name")).to_be_focused()
    check("a new collection")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Settings", exact=True).click()
    page.locator("#setting-library-exclude").focus()
    expect(page.locator(".patterns")).to_be_visible()
    check("patterns that are tried")
    page.get_by_role("link", name="Prompts").click()
    expect(page.locator(".prompt-row")).to_have_count(1)
    check("prompts")
    page.click("#new-prompt")
    expect(page.locator("#prompt-name")).to_be_visible()
    check("a new prompt")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Privacy").click()
    expect(page.locator(".stored")).to_be_visible()
    check("Privacy")
    page.click("#wipe")
    expect(page.locator("#sure")).to_be_visible()
    check("wiping")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette")).to_be_visible()
    check("the palette")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("dl.keys")).to_be_visible()
    check("the keys")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Chats", exact=True).click()
    page.fill("#question", "/")
    expect(page.locator("#prompt-menu")).to_be_visible()
    check("prompts that are offered")
    page.fill("#question", "")
    page.get_by_role("button", name="Actions for this chat").click()
    expect(page.get_by_role("menu")).to_be_visible()
    check("an open menu")
    page.keyboard.press("Escape")
    page.locator(".composer").get_by_role("button", name="Add").click()
    expect(page.locator(".folders .path")).to_be_visible()
    check("adding")
    page.keyboard.press("Escape")
    page.locator(".scope").click()
    page.get_by_role("menuitem", name="What to ask").click()
    expect(page.locator("dialog")).to_be_visible()
    check("what is asked")
