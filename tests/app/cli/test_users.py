"""``docent user``: who may sign in, and what is kept of their keys."""

import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.settings.sources import load_settings
from app.settings.users import user_of
from tests.app.command import Result, invoke

Docent = Callable[..., Result]


@pytest.fixture
def docent(tmp_path: Path) -> Docent:
    return lambda *arguments, **options: invoke(["--data-dir", str(tmp_path), *arguments], **options)


def known(tmp_path: Path) -> Any:
    return load_settings(data_dir=tmp_path).settings.server.users


def test_a_key_is_printed_once_and_not_kept(docent: Docent, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("# mine\nserver:\n  port: 8000  # odd\n", encoding="utf-8")
    key = docent("user", "add", "anna").out.strip()
    chief = docent("user", "add", "chief", "--admin", "--json").json
    text = (tmp_path / "config.yaml").read_text(encoding="utf-8")
    assert key.partition(".")[2] not in text
    assert text.startswith("# mine\nserver:\n  port: 8000  # odd\n")
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "config.yaml").stat().st_mode) == 0o600
    users = known(tmp_path)
    assert [user_of(users, one).name for one in (key, chief["key"])] == ["anna", "chief"]  # type: ignore[union-attr]
    assert docent("user", "--json").json == {
        "users": [{"name": "anna", "admin": False}, {"name": "chief", "admin": True}]
    }
    for shown in (docent("config").out, docent("config", "--json").out, docent("user").out):
        assert "sha256" not in shown


def test_a_new_key_ends_the_old_one(docent: Docent, tmp_path: Path) -> None:
    old = docent("user", "add", "anna").out.strip()
    new = docent("user", "add", "anna").out.strip()
    users = known(tmp_path)
    assert (user_of(users, old), len(users)) == (None, 1)
    assert user_of(users, new) is not None


def test_who_is_removed_is_known_no_more(docent: Docent, tmp_path: Path) -> None:
    docent("user", "add", "anna")
    docent("user", "add", "ben")
    removed = docent("user", "remove", "anna", "--json").json
    assert removed["chats"] == str(tmp_path / "users" / "anna")
    assert [user.name for user in known(tmp_path)] == ["ben"]
    again = docent("user", "remove", "anna")
    assert (again.code, "There is no user anna" in again.err) == (2, True)


def test_what_cannot_be_written_is_said(docent: Docent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Anna", "../x", "a.b", ""):
        refused = docent("user", "add", name)
        assert (refused.code, refused.out) == (1, "")
        assert "server.users" in refused.err
    monkeypatch.setenv("DOCENT_SERVER__USERS", "[]")
    elsewhere = docent("user", "add", "anna")
    assert (elsewhere.code, "comes from the environment" in elsewhere.err) == (1, True)
    assert not (tmp_path / "config.yaml").exists()
