"""An installed Firefox, and pages in it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ui.firefox.driver import Firefox, FirefoxPage, Visit, running


@pytest.fixture(scope="session")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    binary = shutil.which("firefox-esr") or shutil.which("firefox")
    if binary is None:
        pytest.skip("no Firefox is installed")
    with running(binary, tmp_path_factory.mktemp("firefox") / "profile") as opened:
        yield opened


@pytest.fixture
def visit(firefox: Firefox) -> Iterator[Visit]:
    with firefox.visit() as made:
        yield made


@pytest.fixture
def served(serve: Callable[[Any], Any], fake: Any, tmp_path: Path) -> Any:
    """A library of two documents behind a fake assistant."""
    fake.put(
        str(tmp_path / "papers" / "garden.txt"), "The garden was planted in 1987 by Ada Quill.\nTomatoes like water.\n"
    )
    fake.put(str(tmp_path / "papers" / "mill.txt"), "The mill stopped in 1912.\n")
    return serve(fake)


@pytest.fixture
def page(visit: Visit, served: Any) -> FirefoxPage:
    made = visit.page()
    made.open(served.link)
    made.sees(".scope", "all 2 documents")
    return made
