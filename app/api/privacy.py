"""The routes of privacy: what is stored, all of it in one archive, and wiping it."""

import json
import zipfile
from functools import partial
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from app import privacy
from app.api.archive import ARCHIVE, add_conversations, archive_reply
from app.api.collections import collections_of
from app.api.gate import Gate
from app.api.json_replies import router
from app.api.shapes.base import Shape
from app.api.shapes.library import DocumentList, Status
from app.pages.desk import Desk

_SLOW = 2  # requests at once that may wait for a sync or read everything


class Stored(Shape):
    """One kind of what is kept on this computer: the file or folder, its size in bytes, its number of files."""

    kind: privacy.Kind
    path: str
    size: int
    files: int


class StoredList(Shape):
    """Everything that is kept. ``wiped`` are the kinds that can be wiped; models and settings are removed one by
    one. ``data_dir`` is the folder that all of it lies in. ``browsers`` can come back after a restart without the
    link."""

    stored: list[Stored]
    wiped: list[privacy.Wiped]
    data_dir: str
    browsers: int


class Enrolled(Shape):
    """The number of a browser, and the key (base64) with which it proves after a restart that it is the same one."""

    browser: str
    key: str


class WipeBody(BaseModel):
    """What to wipe. ``confirm`` is the word "wipe", so that nothing is wiped by a slip."""

    model_config = ConfigDict(extra="forbid")

    kinds: list[privacy.Wiped] = Field(min_length=1, max_length=10)
    confirm: Literal["wipe"]


def privacy_routes(desk: Desk) -> APIRouter:
    routes = router()
    slow = Gate(_SLOW)

    def listed() -> StoredList:
        settings = desk.assistant.settings
        found = privacy.stored(settings.folder, desk.inbox, desk.preferences.file)
        kept = [Stored(kind=one.kind, path=str(one.path), size=one.size, files=one.files) for one in found]
        return StoredList(
            stored=kept,
            wiped=list(privacy.WIPED),
            data_dir=str(settings.data_dir),
            browsers=desk.browsers.count(),
        )

    @routes.get("/data")
    def stored() -> StoredList:
        """Lists what is kept on this computer, where and how large it is."""
        return listed()

    @routes.get("/data/export", response_class=Response, responses=ARCHIVE)
    async def export() -> Response:
        """Returns an archive of all conversations, lists of documents and collections, prompts, copies and settings."""
        return await archive_reply(desk, slow, "docent", partial(_fill, desk))

    @routes.post("/data/wipe")
    async def wipe(body: WipeBody) -> StoredList:
        """Deletes kinds of what is kept, for good. A person's own files stay where they are."""
        await slow.run(partial(privacy.wipe, desk, body.kinds))
        return await slow.run(listed)

    @routes.post("/browsers")
    def enrol() -> Enrolled:
        """Lets the browser that asks come back after a restart: it proves with the key that it is the same one
        (``POST /api/session/challenge`` and ``POST /api/session``, see app/pages/browsers.py)."""
        browser, key = desk.browsers.enrol()
        return Enrolled(browser=browser, key=key)

    @routes.delete("/browsers")
    def forget() -> StoredList:
        """After a restart every browser needs the link again."""
        desk.browsers.forget_all()
        return listed()

    return routes


def _fill(desk: Desk, archive: zipfile.ZipFile) -> None:
    assistant = desk.assistant
    add_conversations(assistant, archive)
    archive.writestr("documents.json", json.dumps(DocumentList.of(assistant.documents()).plain(), indent=1))
    archive.writestr("collections.json", json.dumps(collections_of(assistant).plain(), indent=1))
    archive.writestr("status.json", json.dumps(Status.of(assistant.status()).plain(), indent=1))
    for file in privacy.files_in(desk.inbox):
        archive.write(file, f"copies/{file.relative_to(desk.inbox)}")
    for file, name in ((desk.prompts.file, "prompts.json"), (desk.preferences.file, "config.yaml")):
        if file.is_file():
            archive.write(file, name)
