"""Models beside the one that is set up, which single conversations have chosen.

Each is opened when it is first asked, and gives its memory back when another one is: two large models rarely have room
together.
"""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from app.settings.schema import Settings

if TYPE_CHECKING:
    from app.models.setup import LocalModel

OF_A_MODEL = ("model", "answerer", "repeated_search")
"""The parts that a model has for itself; the others are shared."""


class ModelParts(Protocol):
    """The part of ``app.wiring.Parts`` that is used here."""

    settings: Settings

    @property
    def loaded_model(self) -> "LocalModel | None": ...


_Parts = TypeVar("_Parts", bound=ModelParts)


class OtherModels(Generic[_Parts]):
    """The models by name, each with the parts with which it answers. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts: dict[str, _Parts] = {}

    def parts(self, name: str, make: Callable[[str], _Parts]) -> _Parts:
        """The parts of a model, made on its first question. ModelError where it is not installed (any more)."""
        from app.models.store import ModelStore
        from app.settings.paths import builtin_model

        with self._lock:
            found = self._parts.get(name) or make(name)
            if not found.settings.model.is_builtin:
                ModelStore(found.settings.folder.models, builtin_model()).folder(name)
            self._parts[name] = found
            return found

    def rest(self, usual: _Parts, asked: _Parts) -> None:
        """Lets all models but the one that is asked give their memory back, unless they answer; docent-nano needs
        little. Nobody waits for that: a model that is being loaded cannot be told at once."""
        with self._lock:
            others = [one for one in (usual, *self._parts.values()) if one is not asked]
        models = [one.loaded_model for one in others if not one.settings.model.is_builtin]
        for model in models:
            if model is not None and model.loaded:
                threading.Thread(target=model.unload, name="docent-unload", daemon=True).start()

    def opened(self, usual: _Parts) -> "list[LocalModel]":
        """The models that have been opened, that of ``usual`` first, whether their memory is held now or not."""
        with self._lock:
            parts = [usual, *self._parts.values()]
        return [model for one in parts if (model := one.loaded_model) is not None]

    def forget(self) -> "list[LocalModel]":
        """The models that are open; whoever takes them closes them."""
        with self._lock:
            parts, self._parts = list(self._parts.values()), {}
        return [model for one in parts if (model := one.loaded_model) is not None]
