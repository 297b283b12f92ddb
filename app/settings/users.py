"""The people who may use a server beside the one who started it: their names, and how a key tells who asks.

A key is ``NAME.SECRET`` with 256 random bits, so a salted SHA-256 of it is enough: there is nothing to guess that a
slow hash would protect, and programs send the key with every request.
"""

import re
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

NAME = r"^[a-z0-9][a-z0-9_-]{0,31}$"  # it names a folder, and stands before the dot of a key
_KEPT = re.compile(r"sha256:([0-9a-f]{32}):([0-9a-f]{64})")
_SECRET_BYTES = 32
_SALT_BYTES = 16


class User(BaseModel):
    """One of them. ``key`` is what is kept of the key: ``sha256:SALT:HASH`` in hexadecimal digits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=NAME)
    key: SecretStr
    admin: bool = False

    @field_validator("key")
    @classmethod
    def _is_hash(cls, value: SecretStr) -> SecretStr:
        if not _KEPT.fullmatch(value.get_secret_value()):
            raise ValueError("input should be what `docent user add` writes")
        return value


def new_key(name: str) -> tuple[str, str]:
    """Returns a new key for a user, and what is kept of it."""
    import secrets

    key, salt = f"{name}.{secrets.token_urlsafe(_SECRET_BYTES)}", secrets.token_hex(_SALT_BYTES)
    return key, f"sha256:{salt}:{_hash(salt, key)}"


def user_of(users: Iterable[User], key: str) -> User | None:
    """The user whose key this is."""
    import secrets

    name = key.partition(".")[0]
    for user in users:
        kept = _KEPT.fullmatch(user.key.get_secret_value())
        if user.name == name and kept is not None and secrets.compare_digest(_hash(kept[1], key), kept[2]):
            return user
    return None


def _hash(salt: str, key: str) -> str:
    import hashlib

    return hashlib.sha256(bytes.fromhex(salt) + key.encode("utf-8", "replace")).hexdigest()
