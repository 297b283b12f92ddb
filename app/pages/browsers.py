"""Browsers that may come back after a restart, and how one proves that it is one of them.

    POST /api/browsers           within a session: a browser gets a number and a key, which it keeps where no script can
                                 read it (a CryptoKey that cannot be exported, in IndexedDB)
    POST /api/session/challenge  {"browser", "nonce"} -> {"nonce", "proof"}: this server proves that it knows the key
    POST /api/session            {"browser", "nonce", "proof"} -> a session

A proof is the HMAC-SHA256 (RFC 2104) of a word for who proves, the page's origin and the other side's nonce. The key
itself never goes over a connection again, so that whoever listens on Docent's port while it is closed learns nothing
that opens it; the origin in the proof keeps another port from passing it on.
"""

import base64
import binascii
import hmac
import json
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from files import replace_text

_KEY_BYTES = 32
_KEPT_S = 90 * 24 * 3600.0  # without a visit
_MOST_BROWSERS = 20
_NONCE_LIVES_S = 60.0
_MOST_NONCES = 100
_CLIENT, _SERVER = "docent-browser", "docent-server"


class Browsers:
    """The keys of browsers, in a file that only its owner can read. Thread-safe."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._nonces: dict[str, float] = {}  # nonce -> time after which it is void

    def count(self) -> int:
        with self._lock:
            return len(self._kept())

    def enrol(self) -> tuple[str, str]:
        """Returns the number and the key (base64) of a new browser. Raises OSError."""
        number, key = secrets.token_urlsafe(9), base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii")
        with self._lock:
            known = self._kept() | {number: {"key": key, "seen_at": self._clock()}}
            newest = sorted(known, key=lambda one: float(known[one]["seen_at"]))[-_MOST_BROWSERS:]
            self._keep({one: known[one] for one in newest})
        return number, key

    def forget_all(self) -> None:
        """Raises OSError."""
        with self._lock:
            self._path.unlink(missing_ok=True)

    def challenge(self, browser: str, origin: str, nonce: str) -> tuple[str, str] | None:
        """Returns a nonce for the browser, and this server's proof over the browser's; None where it is not known."""
        with self._lock:
            key = self._key(browser)
            if key is None:
                return None
            now = self._clock()
            alive = [(one, until) for one, until in self._nonces.items() if until > now]
            ours = secrets.token_urlsafe(24)
            self._nonces = dict([*alive, (ours, now + _NONCE_LIVES_S)][-_MOST_NONCES:])
            return ours, _proof(key, _SERVER, origin, nonce)

    def admits(self, browser: str, origin: str, nonce: str, proof: str) -> bool:
        """Whether the proof is that of a known browser over a nonce of this server, which is used up."""
        with self._lock:
            key, until = self._key(browser), self._nonces.pop(nonce, 0.0)
            if key is None or self._clock() > until:
                return False
            if not hmac.compare_digest(_proof(key, _CLIENT, origin, nonce).encode(), proof.encode("utf-8", "replace")):
                return False
            known = self._kept()
            known[browser]["seen_at"] = self._clock()
            self._keep(known)
            return True

    def _key(self, browser: str) -> bytes | None:
        entry = self._kept().get(browser)
        try:
            return None if entry is None else base64.b64decode(str(entry["key"]), validate=True)
        except (binascii.Error, KeyError):
            return None

    def _kept(self) -> dict[str, dict[str, Any]]:
        """Those that are not too old; a file that cannot be read holds none."""
        oldest = self._clock() - _KEPT_S
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(one): dict(entry) for one, entry in kept.items() if float(entry["seen_at"]) > oldest}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {}

    def _keep(self, browsers: dict[str, dict[str, Any]]) -> None:
        replace_text(self._path, json.dumps(browsers))


def _proof(key: bytes, who: str, origin: str, nonce: str) -> str:
    return hmac.new(key, f"{who}\n{origin}\n{nonce}".encode("utf-8", "replace"), "sha256").hexdigest()
