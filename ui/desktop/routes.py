"""The routes of Docent's own window: a second start asks for it, and its page tells where it stands."""

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from app.api.json_replies import router
from app.api.shape import Shape
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

    api.include_router(routes)
