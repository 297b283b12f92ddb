"""The base of OpenAI's requests: what is not known here is ignored, what cannot be done is refused by name.

An option that would change the answer and that is not here is refused, unless its value asks for nothing.
"""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator

# Options that change the answer and are not here, each with the values besides nothing, [], {}, "" and false that ask
# for nothing.
_UNSUPPORTED: dict[str, tuple[object, ...]] = {
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
    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_ignored(cls, data: Any) -> Any:
        """Drops what is null or not known here; what is not supported stays, and is refused."""
        if not isinstance(data, dict):
            return data
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return {
            key: value
            for key, value in data.items()
            if value is not None and (key in known or (key in _UNSUPPORTED and _asks(key, value)))
        }


def _asks(option: str, value: object) -> bool:
    """Tells whether a value of an option that is not supported asks for anything."""
    return bool(value) and value not in _UNSUPPORTED[option]


def as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _limit(value: Any) -> Any:
    """Makes -1, which other servers take for "no limit", just that."""
    return None if value == -1 else value


TokenLimit = Annotated[int | None, BeforeValidator(_limit)]
