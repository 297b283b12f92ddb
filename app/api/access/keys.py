"""The secrets by which programs say whose request they send: ``Authorization: Bearer``, over HTTP and over gRPC."""

from collections.abc import Iterable
from dataclasses import dataclass

from app.api.access.sessions import OPERATOR, same
from app.settings.users import User, user_of


@dataclass(frozen=True, slots=True)
class Keys:
    """``token`` is that of this launch, ``programs`` a key that stays the same; each of ``users`` has a key."""

    token: str
    programs: str | None = None
    users: tuple[User, ...] = ()

    def owner(self, authorizations: Iterable[str]) -> str | None:
        """Whose request it is that carries these values of ``authorization``: a user's name, OPERATOR, or None where no
        key in them is known."""
        bearers = _bearers(authorizations)
        for known in (self.token, self.programs):
            if known is not None and any(same(given, known) for given in bearers):
                return OPERATOR
        users = (user_of(self.users, given) for given in bearers)
        return next((user.name for user in users if user is not None), None)


def _bearers(authorizations: Iterable[str]) -> list[str]:
    """What stands behind "Bearer"."""
    parts = [value.partition(" ") for value in authorizations]
    return [given.strip() for scheme, _, given in parts if scheme.lower() == "bearer"]
