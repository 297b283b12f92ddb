"""What tests of several packages share."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.runtimes.native.kernel_loader import load_kernels
from engines.runtimes.native.kernels.instructions import usable
from tests.rag.postgres_server import PostgresServer, running_server


@pytest.fixture(scope="session", autouse=True)
def settings_of_nobody() -> Iterator[None]:
    """Keys and settings of the person who runs the tests are neither read nor made."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "XDG_CONFIG_HOME", folder)
        yield


@pytest.fixture(scope="session")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of builds that holds Docent's own kernels, compiled once; empty where this processor runs none."""
    folder = tmp_path_factory.mktemp("kernels")
    if usable():
        load_kernels(usable()[0], folder)
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server with pgvector; the test is skipped, with the reason, where none is installed."""
    with running_server() as server:
        yield server
