"""Tiny models of every family, written once a session for all tests of the runtimes."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.engines.models import TinyModel


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> "Callable[[str], TinyModel]":
    """The tiny model of a family."""
    from tests.engines.models import TinyModel, write_model  # skips where torch or transformers is missing

    @cache
    def model(family: str) -> TinyModel:
        folder = tmp_path_factory.mktemp(family)
        return TinyModel(folder, write_model(family, folder))

    return model


@pytest.fixture(scope="session")
def folders(models: "Callable[[str], TinyModel]") -> Callable[[str], Path]:
    """The folder of the tiny model of a family."""
    return lambda family: models(family).folder
