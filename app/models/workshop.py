"""What is done with models while Docent runs, each on a thread of its own: downloads, imports, loading, measuring.

A download that was cancelled or broken off is kept and goes on when it is asked for again; ``unfinished`` lists those.
"""

import itertools
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from app.errors import ModelError, UsageError
from app.feed import Feed, ModelsChanged
from app.models.store import ModelStore, gguf_name
from docent import DocentError
from files import replace_text

if TYPE_CHECKING:
    from app.models.found import FoundModel
    from app.models.pull import PullProgress
    from app.models.setup import LocalModel
    from app.settings.schema import Settings

_log = logging.getLogger(__name__)
TaskKind: TypeAlias = Literal["download", "import", "load", "measure"]
TaskState: TypeAlias = Literal["running", "cancelling", "failed", "done"]


@dataclass(frozen=True, slots=True)
class Task:
    """``done`` and ``total`` count bytes of a download, 0 where they are not known. ``message`` and ``remedy`` say why
    one failed."""

    id: int
    kind: TaskKind
    model: str
    state: TaskState = "running"
    done: int = 0
    total: int = 0
    message: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A download that can go on. ``have`` counts the bytes that are there."""

    name: str
    repository: str
    revision: str
    have: int


class Works(Protocol):
    """The part of ``app.assistant.Assistant`` that is used here."""

    @property
    def settings(self) -> "Settings": ...

    def language_model(self) -> "LocalModel | None": ...

    def warm_up(self) -> None: ...


class _Cancelled(Exception):
    """The person has cancelled a task."""


class Workshop:
    """Tasks with the models of one Docent. ``choose`` makes a model the one that answers, None for none."""

    def __init__(self, assistant: Works, feed: Feed, choose: Callable[[str | None], object]) -> None:
        self._assistant = assistant
        self._feed = feed
        self._choose = choose
        self._ids = itertools.count(1)
        self._tasks: dict[int, Task] = {}
        self._lock = threading.Lock()

    @property
    def store(self) -> ModelStore:
        from app.settings.paths import builtin_model

        return ModelStore(self._assistant.settings.folder.models, builtin_model())

    def tasks(self) -> list[Task]:
        with self._lock:
            return list(self._tasks.values())

    def unfinished(self) -> list[Unfinished]:
        """Downloads that were broken off, and are not going on now."""
        running = {task.model for task in self.tasks() if task.kind == "download" and task.state != "failed"}
        found = []
        for record in sorted(self.store.root.glob(".*.pull.json")):
            name = record.name.removeprefix(".").removesuffix(".pull.json")
            folder = record.with_name(f".{name}.pull")
            try:
                kept = json.loads(record.read_text(encoding="utf-8"))
                repository, revision = str(kept["repository"]), str(kept["revision"])
                have = sum(path.stat().st_size for path in folder.iterdir()) if folder.is_dir() else 0
            except (OSError, ValueError, KeyError, TypeError):
                continue
            if name not in running:
                found.append(Unfinished(name, repository, revision, have))
        return found

    # -- tasks -----------------------------------------------------------------------------------------------------

    def download(self, repository: str, name: str | None, revision: str) -> Task:
        """Fetches a model from the hub, or goes on with it. Raises ModelError where its name is taken."""
        wanted = name or repository.rpartition("/")[2]
        self.store.target(wanted)
        if any(one.model == wanted and one.kind == "download" and one.state != "failed" for one in self.tasks()):
            raise ModelError(f"{wanted} is being downloaded already.", "Wait for it.")
        record = self.store.root / f".{wanted}.pull.json"
        replace_text(record, json.dumps({"repository": repository, "revision": revision}))

        def work(tell: Callable[[int, int], None]) -> None:
            from app.models.pull import ModelHub

            def progress(now: "PullProgress") -> None:
                tell(now.done, now.total)

            hub = ModelHub(self._assistant.settings.model.hub)
            hub.pull(self.store, repository, name=wanted, revision=revision, on_progress=progress)
            record.unlink(missing_ok=True)

        return self._begin("download", wanted, work)

    def discard(self, name: str) -> None:
        """Deletes what is there of a download that was broken off. Raises UsageError where there is none."""
        import shutil

        if name not in [one.name for one in self.unfinished()]:
            raise UsageError(f"No download of {name} was broken off.", "Look at the list again.")
        shutil.rmtree(self.store.root / f".{name}.pull", ignore_errors=True)
        (self.store.root / f".{name}.pull.json").unlink(missing_ok=True)
        self._feed.publish(ModelsChanged())

    def take(self, folder: Path, name: str | None, *, link: bool) -> Task:
        """Imports a model from a folder or a GGUF file of this computer. Raises ModelError where its name is taken."""
        wanted = name or (gguf_name(folder) if folder.suffix == ".gguf" else folder.name)
        self.store.target(wanted)
        return self._begin("import", wanted, lambda tell: self.store.add(folder, wanted, link=link))

    def elsewhere(self) -> "list[FoundModel]":
        """The models that other programs have on this computer."""
        if not self._assistant.settings.model.look_elsewhere:
            return []
        from app.models.found import find_models

        return find_models()

    def take_found(self, name: str) -> Task:
        """Takes a model of another program, where it lies. Raises ModelError where there is none of that name."""
        found = next((one for one in self.elsewhere() if one.name == name), None)
        if found is None:
            raise ModelError(f'No other program has a model "{name}".', "Look at the list again.")
        return self.take(found.path, found.name, link=True)

    def use(self, name: str | None) -> Task | None:
        """Lets a model answer from now on, and loads it. Raises ModelError for one that cannot be used; the one before
        goes on answering then."""
        if name is not None and (problem := self.store.info(name).problem):
            raise ModelError(problem, "Choose another one.")
        self._choose(name)
        return None if name is None else self.load()

    def load(self) -> Task:
        """Loads the model that is set up, so that the next question need not wait for it."""
        name = self._assistant.settings.model.name or ""

        def work(tell: Callable[[int, int], None]) -> None:
            model = self._assistant.language_model()
            if model is not None:
                model.wake()
            self._assistant.warm_up()

        return self._begin("load", name, work)

    def measure(self, name: str) -> Task:
        """Measures how fast a model answers here. One that is not the one that answers is loaded for it alone."""
        self.store.folder(name)
        return self._begin("measure", name, lambda tell: self._measure(name))

    def _measure(self, name: str) -> None:
        from app.models.setup import open_model
        from app.models.speed import Speeds, measure

        settings = self._assistant.settings
        speeds = Speeds(settings.folder.speeds)
        answering = self._assistant.language_model() if settings.model.name == name else None
        if answering is not None:
            speeds.keep(name, measure(answering))
            return
        chosen = settings.model_copy(update={"model": settings.model.model_copy(update={"name": name})})
        with open_model(chosen) as model:
            speeds.keep(name, measure(model))

    def remove(self, name: str) -> None:
        """Deletes a model with what was built from it. Raises ModelError for the one that answers."""
        from app.models.build import forget_builds
        from app.models.speed import Speeds

        settings = self._assistant.settings
        if name == settings.model.name:
            raise ModelError(f"{name} is the model that answers.", "Choose another one first.")
        built_from = self.store.folder(name).resolve()  # a link leads elsewhere
        self.store.remove(name)
        forget_builds(built_from, settings.folder.builds)
        Speeds(settings.folder.speeds).keep(name, None)
        self._feed.publish(ModelsChanged())

    def cancel(self, task_id: int) -> None:
        """Ends a task soon; one that has failed is forgotten."""
        with self._lock:
            task = self._tasks.get(task_id)
            if task is None:
                return
            if task.state == "failed":
                del self._tasks[task_id]
            elif task.kind == "download":
                self._tasks[task_id] = replace(task, state="cancelling")
        self._feed.publish(ModelsChanged())

    # -- threads ---------------------------------------------------------------------------------------------------

    def _begin(self, kind: TaskKind, model: str, work: Callable[[Callable[[int, int], None]], object]) -> Task:
        task = Task(next(self._ids), kind, model)
        self._show(task)
        threading.Thread(target=self._run, args=(task, work), name=f"docent-{kind}", daemon=True).start()
        return task

    def _run(self, task: Task, work: Callable[[Callable[[int, int], None]], object]) -> None:
        def tell(done: int, total: int) -> None:
            now = self._tasks.get(task.id, task)
            if now.state == "cancelling":
                raise _Cancelled
            if total and (done * 200 // total != now.done * 200 // total or total != now.total):  # half a per cent
                self._show(replace(now, done=done, total=total))

        try:
            work(tell)
        except _Cancelled:
            _log.info("%s of %s was cancelled", task.kind, task.model)
        except DocentError as error:
            self._show(replace(task, state="failed", message=error.message, remedy=error.remedy))
            return
        except Exception as error:  # noqa: BLE001 - the thread's edge: a defect must reach the person and the log
            _log.exception("%s of %s failed", task.kind, task.model)
            remedy = "The log in the data folder holds the details."
            self._show(
                replace(task, state="failed", message=f"Something went wrong inside Docent: {error}", remedy=remedy)
            )
            return
        with self._lock:
            self._tasks.pop(task.id, None)
        self._feed.publish(ModelsChanged())

    def _show(self, task: Task) -> None:
        with self._lock:
            self._tasks[task.id] = task
        self._feed.publish(ModelsChanged())
