"""The routes of settings: list, check, change, and go back to what they are without the person's file."""

from functools import partial
from typing import Any, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from app.api.gate import Gate
from app.api.json_replies import router
from app.api.shapes.base import Problem, Shape
from app.errors import ConfigError
from app.pages.desk import Desk
from app.settings.preferences import Preference

_CHANGING = 2  # requests at once; they may wait for a model that is being loaded


class Setting(Shape):
    """One setting. ``value`` is in force, ``stored`` from the next start on; they differ where ``restart`` is needed.
    ``origin`` says where ``stored`` comes from: "default", a file, "environment NAME" or "command line". ``accepts`` is
    a JSON schema of the values; ``locked`` says why the setting cannot be changed here, empty where it can."""

    key: str
    value: Any
    stored: Any
    default: Any
    origin: str
    description: str
    accepts: dict[str, Any]
    restart: bool
    locked: str

    @classmethod
    def of(cls, preference: Preference) -> Self:
        return cls.model_validate(preference)


class SettingList(Shape):
    """All settings; ``file`` is the person's own settings file, which may not be there yet."""

    settings: list[Setting]
    file: str


class Checked(Shape):
    """``problem`` says what is wrong with a value, null where nothing is."""

    problem: Problem | None


class ValueBody(BaseModel):
    """``value`` is any JSON value."""

    model_config = ConfigDict(extra="forbid")

    value: Any


def settings_routes(desk: Desk) -> APIRouter:
    routes = router("/settings")
    preferences = desk.preferences
    changing = Gate(_CHANGING)

    @routes.get("")
    def settings() -> SettingList:
        """Lists all settings with their meaning and where each value comes from."""
        return SettingList(settings=[Setting.of(one) for one in preferences.all()], file=str(preferences.file))

    @routes.post("/{key}/check")
    def check(key: str, body: ValueBody) -> Checked:
        """Tells whether a setting could have a value. Nothing is changed."""
        try:
            preferences.check(key, body.value)
        except ConfigError as error:
            return Checked(problem=Problem(message=error.message, remedy=error.remedy))
        return Checked(problem=None)

    @routes.put("/{key}")
    async def change(key: str, body: ValueBody) -> Setting:
        """Writes a setting into the person's settings file, and takes it over at once where that can be done."""
        return Setting.of(await changing.run(partial(preferences.change, key, body.value)))

    @routes.delete("/{key}")
    async def reset(key: str) -> Setting:
        """Takes a setting out of the person's settings file."""
        return Setting.of(await changing.run(partial(preferences.reset, key)))

    return routes
