"""The base of OpenAI's requests: what is not known here is ignored, what cannot be done is refused by name.

An option that would change the answer and that is not here is refused, unless its value asks for nothing.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

# Options that change the answer and are not here, each with the values besides nothing, [], {}, "" and false that ask
# for nothing.
_UNSUPPORTED: Mapping[str, tuple[object, ...]] = {
    "functions": (),
    "function_call": ("auto", "none"),
    "modalities": (["text"],),
    "audio": (),
    "web_search_options": (),
    "echo": (),
    "suffix": (),
    "previous_response_id": (),
    "conversation": (),
    "background": (),
    "prompt_template": (),
}


class Body(BaseModel):
    """``unsupported`` are a request's options that are not here, each with the values that ask for nothing."""

    model_config = ConfigDict(extra="forbid")
    unsupported: ClassVar[Mapping[str, tuple[object, ...]]] = _UNSUPPORTED

    @model_validator(mode="before")
    @classmethod
    def _without_ignored(cls, data: Any) -> Any:
        """Drops what is null or not known here; what is not supported stays, and is refused."""
        if not isinstance(data, dict):
            return data
        known = {field.alias or name for name, field in cls.model_fields.items()}
        looked_for = [*known, *(option for option in cls.unsupported if option not in known)]
        given = {key: data[key] for key in looked_for if data.get(key) is not None}
        return {key: value for key, value in given.items() if key in known or _asks(cls.unsupported, key, value)}


def _asks(unsupported: Mapping[str, tuple[object, ...]], option: str, value: object) -> bool:
    """Tells whether an option is one that is not supported, and its value asks for anything."""
    return option in unsupported and bool(value) and value not in unsupported[option]


def as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _limit(value: Any) -> Any:
    """Makes -1, which other servers take for "no limit", just that."""
    return None if value == -1 else value


TokenLimit = Annotated[int | None, BeforeValidator(_limit)]
