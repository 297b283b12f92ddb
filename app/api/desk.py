"""The routes by which pages work together: running answers, the sync in the background, files that are handed over."""

import uuid
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from app.api.gate import Gate
from app.api.json_replies import router
from app.api.shapes.library import FolderReply, Handed, Removed
from app.api.shapes.news import Run, RunList, Syncing
from app.errors import UsageError
from app.events import Scope
from app.locations import at_home
from app.pages.desk import Desk
from app.pages.inbox import receiving, safe_name
from app.pages.runs import Run as StartedRun
from rag.parsers.registry import KNOWN_SUFFIXES

_MOST_FILES = 1000  # of a folder that are listed
_SLOW = 4  # requests at once that may wait for a disk, a network, a sync or a model


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RunBody(_Body):
    """A question. Null for ``conversation`` starts one. ``folders``, ``documents`` and ``collections`` (ids)
    restrict it; what is searched fits each kind that is given. ``after`` is the exchange that it follows in place of
    what stands there (0: it is asked in place of the first), which begins a branch; null appends. ``model`` is the name
    of an installed model that answers, null for the one that is set up. A conversation that is started keeps what
    restricts it and its model as its choice (``PATCH /api/conversations/{conversation_id}`` changes it)."""

    question: str = Field(min_length=1, max_length=10_000)
    conversation: str | None = None
    folders: list[str] = Field(default=[], max_length=1000)
    documents: list[int] = Field(default=[], max_length=100_000, fail_fast=True)
    collections: list[int] = Field(default=[], max_length=1000)
    after: int | None = Field(default=None, ge=0)
    model: str | None = Field(default=None, min_length=1, max_length=4_096)


class SourceBody(_Body):
    location: str = Field(min_length=1, max_length=4_096)


class ReadBody(_Body):
    """``locations`` are folders, files or URLs; null means every known source. With ``anew`` every document there is
    read, changed or not."""

    locations: list[str] | None = Field(default=None, max_length=1000)
    anew: bool = False


def desk_routes(desk: Desk) -> APIRouter:
    routes = router()
    slow = Gate(_SLOW)
    _run_routes(routes, desk)

    @routes.get("/syncing")
    def syncing() -> Syncing:
        """Returns how far the sync in the background is, or how the last one ended."""
        return Syncing.of(desk.syncing.progress)

    @routes.post("/syncing")
    def start(body: ReadBody) -> Syncing:
        """Reads new and changed documents in the background."""
        desk.syncing.start(body.locations, anew=body.anew)
        return Syncing.of(desk.syncing.progress)

    @routes.delete("/syncing")
    def cancel() -> Syncing:
        """Ends the sync in the background soon, or dismisses the outcome of the last one."""
        if desk.syncing.progress.running or desk.syncing.progress.paused:
            desk.syncing.cancel()
        else:
            desk.syncing.dismiss()
        return Syncing.of(desk.syncing.progress)

    @routes.post("/syncing/pause")
    def pause() -> Syncing:
        """Ends the sync in the background soon, and keeps in mind what is left."""
        desk.syncing.pause()
        return Syncing.of(desk.syncing.progress)

    @routes.post("/syncing/continue")
    def go_on() -> Syncing:
        """Reads what a pause has left."""
        desk.syncing.go_on()
        return Syncing.of(desk.syncing.progress)

    @routes.post("/sources")
    async def add(body: SourceBody) -> Handed:
        """Adds a folder, file, YouTube address or web page, and begins to read it in the background.

        A web page is fetched first, once, from public addresses alone, and kept in the inbox."""
        return Handed(location=await slow.run(partial(desk.add, body.location)))

    @routes.post("/samples")
    async def samples() -> Handed:
        """Adds the sample documents that come with Docent."""
        return Handed(location=await slow.run(partial(desk.add, str(desk.samples))))

    @routes.delete("/sources")
    async def remove(location: str) -> Removed:
        """Takes a source, or one document of it, out of the library. The files stay where they are, but for copies that
        Docent made itself."""
        return Removed(location=location, removed=await slow.run(partial(desk.remove, location)))

    @routes.put("/uploads/{name:path}")
    async def upload(name: str, request: Request) -> Handed:
        """Takes a file: the body is its content. It is copied into the data folder and read in the background."""
        part = desk.uploads / uuid.uuid4().hex / safe_name(name)
        with receiving(part, desk.assistant.settings.library.max_file_mb) as write:
            async for data in request.stream():
                await run_in_threadpool(write, data)
            kept = await run_in_threadpool(desk.add_files, [part])
        return Handed(location=str(kept[0]))

    @routes.get("/folders")
    async def folders(path: Annotated[str, Query(max_length=4_096)] = "") -> FolderReply:
        """Lists the folders and files in a folder of this computer; the person's own folder where none is named."""
        return await slow.run(lambda: _folder(at_home(path) if path else Path.home()))

    return routes


def _run_routes(routes: APIRouter, desk: Desk) -> None:
    starting = Gate(_SLOW)

    @routes.get("/runs")
    def runs() -> RunList:
        """Lists the answers being written, and those that failed."""
        return RunList.of(desk.runs.all())

    @routes.post("/runs")
    async def ask(body: RunBody) -> Run:
        """Begins to answer a question in the background; the feed tells how it goes on."""
        return Run.of(await starting.run(partial(_begun, desk, body)))

    @routes.post("/runs/{run_id}/stop")
    def stop(run_id: int) -> RunList:
        """Ends an answer soon; the text and the citations so far are kept."""
        desk.runs.stop(run_id)
        return RunList.of(desk.runs.all())

    @routes.delete("/runs/{run_id}")
    def dismiss(run_id: int) -> RunList:
        """Forgets an answer that failed."""
        desk.runs.dismiss(run_id)
        return RunList.of(desk.runs.all())


def _begun(desk: Desk, body: RunBody) -> StartedRun:
    scope = desk.assistant.restricted(body.folders, body.documents, body.collections)
    chosen = Scope(tuple(body.folders), tuple(body.documents), tuple(body.collections))
    return desk.runs.start(body.question.strip(), body.conversation, scope, body.after, body.model, chosen)


def _folder(path: Path) -> FolderReply:
    try:
        here = path.resolve(strict=True)
        inside = sorted(here.iterdir(), key=lambda entry: entry.name.casefold())
        shown = [entry for entry in inside if not entry.name.startswith(".")]
        folders = [entry.name for entry in shown if entry.is_dir()]
        files = [entry.name for entry in shown if entry.suffix.lower() in KNOWN_SUFFIXES and entry.is_file()]
    except (OSError, ValueError) as error:
        raise UsageError(f"The folder {path} cannot be opened.", "Choose another one.") from error
    parent = None if here.parent == here else str(here.parent)
    return FolderReply(
        path=str(here),
        parent=parent,
        folders=folders,
        files=len(shown) - len(folders),
        readable=files[:_MOST_FILES],
    )
