"""A server with users over a real library: what each of them sends and gets."""

from starlette.testclient import TestClient

from app.api.gate import Gates
from app.api.http import create_api
from app.api.security import LocalOnly, new_token
from app.assistant import Assistant
from app.pages.desk import Desk
from app.settings.schema import ServerSettings
from app.settings.users import User, new_key
from ui.page import Page
from ui.rooms import Rooms

PORT = 7860


def users(*names: str, admins: tuple[str, ...] = ()) -> tuple[dict[str, str], tuple[User, ...]]:
    """Users with their keys by name."""
    keys, known = {}, []
    for name in (*names, *admins):
        key, kept = new_key(name)
        keys[name] = key
        known.append(User.model_validate({"name": name, "key": kept, "admin": name in admins}))
    return keys, tuple(known)


class Team:
    """The server; ``client`` is what one of them uses."""

    def __init__(self, assistant: Assistant, *names: str, admins: tuple[str, ...] = (), port: int = PORT) -> None:
        self.keys, known = users(*names, admins=admins)
        server = ServerSettings(users=known)
        assistant.take_over(assistant.settings.model_copy(update={"server": server}))
        self.assistant = assistant
        self.desk = Desk(assistant, assistant.settings.data_dir / "inbox", assistant.settings.folder.uploads)
        self.token = new_token()
        gates = Gates()
        self.rooms = Rooms(self.desk, lambda desk: create_api(desk.assistant, desk, gates), has_page=True)
        page = Page(create_api(assistant, self.desk, gates), self.desk)
        self.app = LocalOnly(
            self.rooms.around(page), port=port, token=self.token, browsers=self.desk.browsers, users=known
        )

    def client(self, name: str | None = None) -> TestClient:
        """What ``name`` sends, "" for who started the server; nobody's without one."""
        key = {None: None, "": self.token}.get(name, self.keys.get(name or ""))
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        return TestClient(self.app, base_url=f"http://127.0.0.1:{PORT}", headers=headers, raise_server_exceptions=False)
