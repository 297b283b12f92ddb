"""Settings changed while Docent runs: checked, written, taken over at once or after a restart."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from app.errors import ConfigError
from app.settings.preferences import Preference, Preferences
from app.settings.schema import Settings
from app.settings.sources import load_settings


@pytest.fixture
def taken() -> list[Settings]:
    """What a running Docent was told."""
    return []


@pytest.fixture
def make(tmp_path: Path, taken: list[Settings]) -> Callable[..., Preferences]:
    def made(**environ: str) -> Preferences:
        load = partial(load_settings, data_dir=tmp_path, environ=environ)
        return Preferences(load(), load, taken.append)

    return made


def _one(preferences: Preferences, key: str) -> Preference:
    return next(one for one in preferences.all() if one.key == key)


def test_a_change_is_in_force_at_once_and_after_a_restart(
    make: Callable[..., Preferences], taken: list[Settings], tmp_path: Path
) -> None:
    preferences = make()
    now = preferences.change("model.temperature", 0.5)
    assert (now.value, now.stored, now.origin) == (0.5, 0.5, str(tmp_path / "config.yaml"))
    assert taken[-1].model.temperature == 0.5
    assert _one(make(), "model.temperature").value == 0.5
    assert preferences.reset("model.temperature").value == 0.0
    assert taken[-1].model.temperature == 0.0


def test_what_needs_a_restart_waits_for_it(make: Callable[..., Preferences], taken: list[Settings]) -> None:
    now = make().change("server.port", 8000)
    assert (now.value, now.stored, now.restart) == (7860, 8000, True)
    assert taken[-1].server.port == 7860
    assert _one(make(), "server.port").value == 8000


def test_the_environment_outranks_the_file_and_says_so(make: Callable[..., Preferences]) -> None:
    now = make(DOCENT_MODEL__THREADS="3").change("model.threads", 2)
    assert (now.value, now.origin) == (3, "environment DOCENT_MODEL__THREADS")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("model.max_tokens", 3, "greater than or equal to 16"),
        ("model.runtime", "magic", "one of auto"),
        ("library.follow_links", "perhaps", "boolean"),
        ("model.nmae", "x", "no setting"),
        ("retrieval.store", "os:system", "not changed here"),
        ("data_dir", "/tmp", "not changed here"),
    ],
)
def test_a_wrong_value_is_refused_and_nothing_written(
    make: Callable[..., Preferences], tmp_path: Path, key: str, value: object, said: str
) -> None:
    preferences = make()
    with pytest.raises(ConfigError, match=said):
        preferences.change(key, value)
    assert not (tmp_path / "config.yaml").exists()


def test_every_setting_has_a_schema_and_an_explanation(make: Callable[..., Preferences]) -> None:
    for one in make().all():
        assert one.description
        assert {"type", "anyOf"} & one.accepts.keys(), one.key
    assert "auto" in _one(make(), "model.runtime").accepts["enum"]
