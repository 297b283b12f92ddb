"""The routes that describe this Docent: its settings, its models, and the computer it runs on."""

import os
import platform
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter

from app.api.json_replies import router
from app.api.shape import Shape
from app.desk import Desk
from app.settings.schema import Settings, flatten, sections


class Setting(Shape):
    """One setting. ``origin`` is "default", a file, or "environment" or "command line"; ``value`` is any JSON value."""

    key: str
    value: Any
    default: Any
    origin: str
    description: str


class SettingList(Shape):
    """All settings as they are in force; ``file`` is the person's own settings file, which may not be there yet."""

    settings: list[Setting]
    file: str


class Model(Shape):
    """A language model on this computer. ``problem`` says why it cannot be used; ``size`` is in bytes, ``context`` in
    tokens."""

    name: str
    size: int
    family: str
    format: str
    parameters: int
    context: int
    problem: str


class Models(Shape):
    """``answering`` is the name of the model that words answers, or of the server that does; null where none does.
    ``formatted``: it writes Markdown. ``memory`` is in bytes, null where the system does not say."""

    answering: str | None
    formatted: bool
    installed: list[Model]
    embedder: str | None
    processor: str
    cores: int
    memory: int | None


def about_routes(desk: Desk) -> APIRouter:
    routes = router()

    @routes.get("/settings")
    def settings() -> SettingList:
        """Lists all settings with their meaning and where each value comes from."""
        chosen = desk.assistant.settings
        defaults = flatten(Settings(data_dir=chosen.data_dir))
        meanings = {"data_dir": Settings.model_fields["data_dir"].description or ""}
        for name, model in sections().items():
            meanings |= {f"{name}.{key}": info.description or "" for key, info in model.model_fields.items()}
        listed = [
            Setting(
                key=key,
                value=value,
                default=defaults[key],
                origin=desk.origins.get(key, "default"),
                description=meanings[key],
            )
            for key, value in flatten(chosen).items()
        ]
        return SettingList(settings=listed, file=str(chosen.folder.config))

    @routes.get("/models")
    def models() -> Models:
        """Lists the language models of this computer, and says what it has."""
        from app.models.store import ModelStore
        from app.settings.paths import builtin_model

        chosen = desk.assistant.settings
        store = ModelStore(chosen.folder.models, builtin_model())
        known = [
            Model(
                name=info.name,
                size=info.size_bytes,
                family=info.family,
                format=info.format,
                parameters=info.parameters,
                context=info.context,
                problem=info.problem,
            )
            for info in store.all()
        ]
        elsewhere = chosen.model.endpoint
        name = urlsplit(elsewhere).netloc if elsewhere else chosen.model.name
        return Models(
            answering=name,
            formatted=bool(elsewhere) or (name is not None and not chosen.model.is_builtin),
            installed=known,
            embedder=desk.assistant.status().embedder,
            processor=platform.processor() or platform.machine(),
            cores=os.cpu_count() or 1,
            memory=_memory(),
        )

    return routes


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return None
