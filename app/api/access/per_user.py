"""Gives each user an application of their own, so that no route can reach the chats of another one.

request -> app.api.security says whose it is (``USER`` in the scope) -> that user's application, within what a user
           may do; without a user, the application of who started the server
"""

from collections.abc import Callable, Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.access.permissions import Permitted
from app.api.access.sessions import OPERATOR, USER
from app.settings.users import User


class PerUser:
    """An ASGI application. ``make`` makes that of a user, on the first request."""

    def __init__(self, operators: ASGIApp, users: Iterable[User], make: Callable[[User], ASGIApp]) -> None:
        self._operators = operators
        self._users = {user.name: user for user in users}
        self._make = make
        self._made: dict[str, ASGIApp] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope.get(USER, OPERATOR)
        await (self._of(name) if name else self._operators)(scope, receive, send)

    def _of(self, name: str) -> ASGIApp:
        if name not in self._made:
            user = self._users[name]
            self._made[name] = Permitted(self._make(user), is_admin=user.admin)
        return self._made[name]
