"""The routes of Docent's own window: a second start asks for it, and its page tells where it stands and
asks for the desktop's dialogs."""

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from app.api.json_replies import router
from app.api.shapes.base import Shape
from ui.desktop.dialogs import Wanted
from ui.desktop.own_window import OwnWindow
from ui.desktop.place import Place, keep_place


class WindowReply(Shape):
    """``shown``: the window is open and in front. Else ``code`` opens a session in a browser, once."""

    shown: bool
    code: str | None


class PlaceBody(BaseModel):
    """Where a window stands, in pixels of the desktop."""

    model_config = ConfigDict(extra="forbid")

    x: int
    y: int
    width: int
    height: int


class ChooseBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    wanted: Wanted


class Chosen(Shape):
    """The paths that a person has chosen; null where no dialog can be shown."""

    paths: list[str] | None


def add_window_routes(api: FastAPI, window: OwnWindow, launch_code: Callable[[], str], place_file: Path) -> None:
    routes = router()

    @routes.post("/desktop/window", include_in_schema=False)
    def show() -> WindowReply:
        """Brings the window forward or opens one, for a second start."""
        shown = window.show()
        return WindowReply(shown=shown, code=None if shown else launch_code())

    @routes.post("/desktop/place", include_in_schema=False)
    def place(body: PlaceBody) -> PlaceBody:
        keep_place(place_file, Place(body.width, body.height, body.x, body.y))
        return body

    @routes.post("/desktop/choose", include_in_schema=False)
    def choose(body: ChooseBody) -> Chosen:
        """Asks for a folder or files in the desktop's own dialog, before Docent's own window."""
        return Chosen(paths=window.choose(body.wanted))

    api.include_router(routes)
