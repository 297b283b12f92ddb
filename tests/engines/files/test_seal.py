"""The key that seals builds, and kernels that somebody else has put in their place."""

import hashlib
import json
from pathlib import Path

import pytest

from engines.files import seal
from engines.runtimes.native.kernels.library import read_kernels, write_kernels
from engines.runtimes.native.kernels.linker import Linked


@pytest.fixture(autouse=True)
def own_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return seal.key_path()


def test_the_key_is_its_owners_alone_and_stays(own_key: Path) -> None:
    made = seal.seal(b"data")
    assert own_key.stat().st_mode & 0o777 == 0o600 and own_key.parent.stat().st_mode & 0o777 == 0o700
    seal._key.cache_clear()
    assert seal.is_sealed(b"data", made) and not seal.is_sealed(b"date", made) and not seal.is_sealed(b"data", None)


def test_a_key_that_others_could_read_is_replaced(own_key: Path) -> None:
    made = seal.seal(b"data")
    own_key.chmod(0o644)
    seal._key.cache_clear()
    assert not seal.is_sealed(b"data", made)


def test_kernels_that_others_could_have_written_are_not_used(tmp_path: Path) -> None:
    path, linked = tmp_path / "kernels-x-1", Linked(b"code", {"run": 0})
    write_kernels(path, linked)
    assert read_kernels(path) == linked
    path.chmod(0o666)
    assert read_kernels(path) is None
    path.chmod(0o600)
    head = {"sha256": hashlib.sha256(b"evil").hexdigest(), "functions": {"run": 0}}
    path.write_bytes(json.dumps(head).encode() + b"\nevil")
    assert read_kernels(path) is None
    write_kernels(path, linked)
    path.write_bytes(path.read_bytes().replace(b'"run": 0', b'"run": 2'))
    assert read_kernels(path) is None
    write_kernels(path, linked)
    assert read_kernels(path.rename(path.with_name("kernels-x-2"))) is None
