"""What each user of a server gets: a desk, and the window and the HTTP API over it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from starlette.types import ASGIApp

from app.settings.users import User
from ui.later import Later
from ui.page import Page

if TYPE_CHECKING:
    from app.api.description import DescribedAPI
    from app.pages.desk import Desk


class Rooms:
    """Makes the applications of users over the desk of who started the server. ``has_page``: with the window."""

    def __init__(self, desk: "Desk", api: Callable[["Desk"], "DescribedAPI"], *, has_page: bool) -> None:
        self._desk = desk
        self._api = api
        self._has_page = has_page
        self._desks: list[Desk] = []

    def around(self, operators: ASGIApp) -> ASGIApp:
        """The application of all: ``operators`` for who started the server."""
        users = self._desk.assistant.settings.server.users
        if not users:
            return operators
        from app.api.access.per_user import PerUser

        return PerUser(operators, users, self._made)

    def _made(self, user: User) -> ASGIApp:
        desk = self._desk.of_user(user)
        self._desks.append(desk)
        api = Later(lambda: self._api(desk), f"api-{user.name}")
        return Page(api, desk) if self._has_page else api

    def stop(self) -> None:
        """Lets the answers of users end soon."""
        for desk in self._desks:
            desk.stop()

    def end(self, within_s: float) -> None:
        """Ends the answers of users, and closes their chats."""
        self.stop()
        for desk in self._desks:
            desk.end(within_s)
            desk.assistant.close()
