"""The reference pages and the guide's table of models say what the code says."""

import pytest

from docs import generate


@pytest.mark.parametrize("name", ["cli.md", "http-api.md", "guide.md", "window.md"])
def test_a_generated_page_is_up_to_date(name: str) -> None:
    written = (generate.DOCS / name).read_text(encoding="utf-8")
    assert written == generate.pages()[name], "run `python docs/generate.py`"
