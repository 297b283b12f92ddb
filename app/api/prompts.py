"""The routes of prompts: questions and instructions that are kept under a name."""

from collections.abc import Iterable
from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from app.api.json_replies import router
from app.api.shapes.base import Shape
from app.feed import PromptsChanged
from app.pages.desk import Desk
from app.pages.prompts import Prompt as Kept

_Text = Annotated[str, Field(max_length=100_000)]  # what is kept is shorter, and says so itself


class Prompt(Shape):
    """A question or instruction with its name."""

    id: str
    name: str
    text: str


class PromptList(Shape):
    """The prompts, ordered by name."""

    prompts: list[Prompt]

    @classmethod
    def of(cls, known: Iterable[Kept]) -> Self:
        return cls(prompts=[Prompt.model_validate(one) for one in known])


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PromptBody(_Body):
    """``name`` has at most 80 characters and is free, ``text`` at most 10,000."""

    name: _Text
    text: _Text


class PromptChange(_Body):
    """What to change of a prompt; what is left out stays."""

    name: _Text | None = None
    text: _Text | None = None


def prompt_routes(desk: Desk) -> APIRouter:
    routes = router("/prompts")

    @routes.get("")
    def known() -> PromptList:
        """Lists the prompts, ordered by name."""
        return PromptList.of(desk.prompts.all())

    @routes.post("")
    def make(body: PromptBody) -> Prompt:
        """Keeps a question or instruction under a name. At most 200 are kept."""
        made = desk.prompts.make(body.name, body.text)
        desk.feed.publish(PromptsChanged())
        return Prompt.model_validate(made)

    @routes.patch("/{prompt_id}")
    def change(prompt_id: str, body: PromptChange) -> Prompt:
        """Gives a prompt another name or text."""
        changed = desk.prompts.change(prompt_id, name=body.name, text=body.text)
        desk.feed.publish(PromptsChanged())
        return Prompt.model_validate(changed)

    @routes.delete("/{prompt_id}")
    def delete(prompt_id: str) -> PromptList:
        """Deletes a prompt. Returns those that are left."""
        left = desk.prompts.delete(prompt_id)
        desk.feed.publish(PromptsChanged())
        return PromptList.of(left)

    return routes
