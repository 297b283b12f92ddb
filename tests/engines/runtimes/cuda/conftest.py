"""The card, and a folder of compiled kernels, for tests of single kernels."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.runtimes.cuda.card.driver import Device


@pytest.fixture
def device() -> Iterator[Device]:
    device = Device()
    yield device
    device.close()


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernels")
