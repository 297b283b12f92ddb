"""The sessions of browsers with this launch, in memory alone, and the codes that open one each."""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable

OPERATOR = ""
"""Who started the server; users have names."""

USER = "docent.user"
"""The key in a request's scope under which the name of the user stands who sends it; the operator's have none."""

_TOKEN_BYTES = 32
_CODE_LIVES_S = 600.0  # a browser may take its time to start
_MOST_SESSIONS = 100  # of the operator
_MOST_OF_A_USER = 20
_USERS_IDLE_S = 12 * 3600.0


def new_token() -> str:
    return secrets.token_urlsafe(_TOKEN_BYTES)


def same(one: str, other: str) -> bool:
    """Compares secrets in a time that tells nothing."""
    return secrets.compare_digest(one.encode(), other.encode())


class Sessions:
    """Thread-safe. A user's session ends after half a day without a request, the operator's with the launch."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._codes: dict[str, float] = {}  # code -> time after which it is void
        self._sessions: dict[bytes, tuple[str, float]] = {}  # hash of a session -> user, time of the last request
        self._lock = threading.Lock()

    def new_code(self) -> str:
        code = new_token()
        with self._lock:
            self._codes[code] = self._clock() + _CODE_LIVES_S
        return code

    def redeem(self, code: str) -> bool:
        """Uses a code up; false where it is not one, was used or is too old."""
        with self._lock:
            found = next((known for known in self._codes if same(known, code)), None)
            return found is not None and self._clock() <= self._codes.pop(found)

    def begin(self, user: str = OPERATOR) -> str:
        """Returns a new session; the oldest of very many ends."""
        session = new_token()
        with self._lock:
            self._sessions[_hash(session)] = (user, self._clock())
            most = _MOST_OF_A_USER if user else _MOST_SESSIONS
            for old in [one for one, (whose, _) in self._sessions.items() if whose == user][:-most]:
                del self._sessions[old]
        return session

    def user_of(self, session: str) -> str | None:
        """Whose session it is; None where it is none, or has ended."""
        key, now = _hash(session), self._clock()
        with self._lock:
            user, seen_at = self._sessions.get(key, (None, 0.0))
            if user and now - seen_at > _USERS_IDLE_S:
                del self._sessions[key]
                return None
            if user is not None:
                self._sessions[key] = (user, now)
            return user

    def end(self, session: str) -> None:
        """Ends a session, where it is one."""
        with self._lock:
            self._sessions.pop(_hash(session), None)


def _hash(session: str) -> bytes:
    """Sessions are looked up by it: how long that takes tells nothing of those that are known."""
    return hashlib.sha256(session.encode("utf-8", "replace")).digest()
