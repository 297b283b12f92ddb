"""Seals what is read back as machine code, or trusted like it: an HMAC with a key that lies outside of the data folder.

Whoever can write to the data folder, a synced or shared one perhaps, can thus not make Docent run code of theirs: what
has no seal, or a wrong one, is made again. The key is a file of its owner's alone; where it cannot be kept, each
process has one of its own and builds everything anew.
"""

import hashlib
import hmac
import logging
import os
import secrets
from functools import cache
from pathlib import Path

import platformdirs

from files import is_ours

_log = logging.getLogger(__name__)
_KEY_BYTES = 32


def seal(data: bytes) -> str:
    return hmac.new(_key(key_path()), data, hashlib.sha256).hexdigest()


def is_sealed(data: bytes, by: object) -> bool:
    return isinstance(by, str) and hmac.compare_digest(seal(data), by)


def key_path() -> Path:
    return Path(platformdirs.user_config_dir("docent", appauthor=False)) / "builds.key"


@cache
def _key(path: Path) -> bytes:
    for _ in range(2):
        try:
            if is_ours(path) and not path.stat().st_mode & 0o077 * (os.name == "posix"):
                found = path.read_bytes()
                if len(found) == _KEY_BYTES:
                    return found
            path.unlink()  # whoever wrote it may know it
        except OSError:
            pass
        key = secrets.token_bytes(_KEY_BYTES)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:  # another process was faster
            continue
        except OSError as error:
            _log.warning("the key for builds cannot be kept in %s (%s); they are made anew", path, error)
            return key
        with os.fdopen(handle, "wb") as file:
            file.write(key)
        return key
    return secrets.token_bytes(_KEY_BYTES)
