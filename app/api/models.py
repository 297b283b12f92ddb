"""The routes of models: what this computer has, what is installed, and what is done with it."""

import os
from functools import partial
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app.api.gate import Gate
from app.api.json_replies import router
from app.api.shapes.base import Shape
from app.locations import at_home
from app.models.workshop import TaskKind, TaskState
from app.pages.desk import Desk

if TYPE_CHECKING:
    from app.models.found import FoundModel


_SLOW = 4  # requests at once that may wait for a disk or a model


class Speed(Shape):
    """Measured on this computer: tokens of a prompt read a second, tokens written a second, and when (Unix time in
    seconds)."""

    prompt_tok_s: float
    tok_s: float
    runtime: str
    measured_at: float


class Model(Shape):
    """A language model on this computer. ``problem`` says why it cannot be used; ``size`` is in bytes, ``context`` in
    tokens. ``shipped`` comes with Docent and cannot be removed; ``linked`` lies elsewhere. ``origin`` and ``license``
    are empty where they are not known."""

    name: str
    size: int
    family: str
    format: str
    parameters: int
    context: int
    problem: str
    origin: str
    license: str
    linked: bool
    shipped: bool
    speed: Speed | None


class Card(Shape):
    """An NVIDIA card; ``memory`` is in bytes."""

    name: str
    memory: int
    driver: str


class Computer(Shape):
    """What this computer has, in bytes where it is memory. ``runtime`` is what computes when the choice is left to
    Docent; ``largest`` is how many weights a model in INT4 can have here, half of the memory given to it."""

    processor: str
    cores: int
    memory: int
    free_memory: int
    free_disk: int
    cards: list[Card]
    runtime: str
    largest: int


class ModelTask(Shape):
    """Something that is done with a model. ``done`` and ``total`` count bytes of a download, 0 where they are not
    known. ``message`` and ``remedy`` say why it failed."""

    id: int
    kind: TaskKind
    model: str
    state: TaskState
    done: int
    total: int
    message: str
    remedy: str


class Unfinished(Shape):
    """A download that was broken off and can go on; ``have`` counts the bytes that are there."""

    name: str
    repository: str
    revision: str
    have: int


class Found(Shape):
    """A model of another program (``place``) on this computer, which can be used where it lies. ``fits``: this
    computer's memory holds its weights."""

    name: str
    place: str
    path: str
    size: int
    family: str
    format: str
    license: str
    fits: bool
    problem: str


class Models(Shape):
    """``answering`` is the name of the model that words answers, or of the server that does (``endpoint`` is its
    address then); null where none does. ``formatted``: it writes Markdown. ``state`` says whether it is in memory;
    ``used_memory`` is what all of Docent holds, in bytes."""

    answering: str | None
    formatted: bool
    state: Literal["none", "loaded", "loading", "asleep"]
    used_memory: int
    installed: list[Model]
    embedder: str | None
    computer: Computer
    tasks: list[ModelTask]
    unfinished: list[Unfinished]
    hub: str
    endpoint: str | None


class FoundList(Shape):
    """Models of other programs on this computer; none where ``model.look_elsewhere`` is off."""

    found: list[Found]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DownloadBody(_Body):
    """``repository`` is OWNER/NAME on the hub; ``name`` is what the model is called here."""

    repository: str = Field(min_length=3, max_length=200)
    name: str | None = Field(default=None, max_length=96)
    revision: str = Field(default="main", min_length=1, max_length=100)


class ImportBody(_Body):
    """``folder`` is a path on this computer; with ``link`` the files stay there."""

    folder: str = Field(min_length=1, max_length=4_096)
    name: str | None = Field(default=None, max_length=96)
    link: bool = False


class NameBody(_Body):
    name: str = Field(min_length=1, max_length=4_096)


class UseBody(_Body):
    """``name`` is null for none: answers are quotes then."""

    name: str | None = Field(max_length=4_096)


def model_routes(desk: Desk) -> APIRouter:
    routes = router("/models")
    slow = Gate(_SLOW)
    workshop = desk.workshop

    @routes.get("")
    def models() -> Models:
        """Lists the language models of this computer, what is done with them, and what the computer has."""
        return _models(desk)

    @routes.post("/downloads")
    def download(body: DownloadBody) -> ModelTask:
        """Fetches a model from the hub in the background; what an earlier try has fetched is kept."""
        return ModelTask.model_validate(workshop.download(body.repository.strip(), body.name, body.revision))

    @routes.delete("/downloads/{name}")
    def discard(name: str) -> Models:
        """Deletes what is there of a download that was broken off."""
        workshop.discard(name)
        return _models(desk)

    @routes.post("/imports")
    def take(body: ImportBody) -> ModelTask:
        """Takes a model from a folder of this computer, in the background."""
        folder = at_home(body.folder.strip())
        return ModelTask.model_validate(workshop.take(folder, body.name, link=body.link))

    @routes.get("/found")
    async def found() -> FoundList:
        """Lists the models that other programs have on this computer."""
        return FoundList(found=[_found(one) for one in await slow.run(workshop.elsewhere)])

    @routes.post("/found")
    def take_found(body: NameBody) -> ModelTask:
        """Takes a model of another program, where it lies."""
        return ModelTask.model_validate(workshop.take_found(body.name))

    @routes.post("/use")
    async def use(body: UseBody) -> Models:
        """Lets another model answer from now on, without a restart; the choice is written into the settings file."""
        await slow.run(partial(workshop.use, body.name))
        return await slow.run(partial(_models, desk))

    @routes.post("/load")
    def load() -> ModelTask:
        """Loads the model that is set up, in the background."""
        return ModelTask.model_validate(workshop.load())

    @routes.post("/measure")
    def measure(body: NameBody) -> ModelTask:
        """Measures how fast a model answers on this computer, in the background."""
        return ModelTask.model_validate(workshop.measure(body.name))

    @routes.delete("/installed/{name}")
    def remove(name: str) -> Models:
        """Deletes a model, or the link to it."""
        workshop.remove(name)
        return _models(desk)

    @routes.delete("/tasks/{task_id}")
    def cancel(task_id: int) -> Models:
        """Cancels a download, or forgets a task that has failed."""
        workshop.cancel(task_id)
        return _models(desk)

    return routes


def _models(desk: Desk) -> Models:
    from app.models.computer import this_computer
    from app.models.speed import Speeds

    settings = desk.assistant.settings
    speeds = Speeds(settings.folder.speeds).all()
    installed = [
        Model(
            name=info.name,
            size=info.size_bytes,
            family=info.family,
            format=info.format,
            parameters=info.parameters,
            context=info.context,
            problem=info.problem,
            origin=info.origin,
            license=info.license,
            linked=info.linked,
            shipped=info.folder.parent != settings.folder.models,
            speed=Speed.model_validate(speeds[info.name]) if info.name in speeds else None,
        )
        for info in desk.workshop.store.all()
    ]
    tasks = desk.workshop.tasks()
    name, endpoint = settings.model.name, settings.model.endpoint
    is_loading = any(task.kind == "load" and task.state == "running" for task in tasks)
    import psutil

    return Models(
        answering=urlsplit(endpoint).netloc if endpoint else name,
        formatted=bool(endpoint) or (name is not None and not settings.model.is_builtin),
        state=_state(desk, None if endpoint else name, is_loading),
        used_memory=psutil.Process(os.getpid()).memory_info().rss,
        installed=installed,
        embedder=desk.assistant.status().embedder,
        computer=Computer.model_validate(this_computer(settings.folder.models)),
        tasks=[ModelTask.model_validate(task) for task in tasks],
        unfinished=[Unfinished.model_validate(one) for one in desk.workshop.unfinished()],
        hub=settings.model.hub,
        endpoint=endpoint,
    )


def _found(one: "FoundModel") -> Found:
    return Found(
        name=one.name,
        place=one.place,
        path=str(one.path),
        size=one.size_bytes,
        family=one.family,
        format=one.format,
        license=one.licence,
        fits=one.fits,
        problem=one.problem,
    )


def _state(desk: Desk, name: str | None, is_loading: bool) -> Literal["none", "loaded", "loading", "asleep"]:
    if name is None:
        return "none"
    if desk.assistant.model_loaded():
        return "loaded"
    return "loading" if is_loading else "asleep"
