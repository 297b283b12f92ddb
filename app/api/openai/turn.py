"""What a turn of a chat asks of the language model: the tokens to continue, and how its reply is taken apart."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.api.openai.errors import ApiError, unknown_model
from app.api.openai.requests import ChatBody, CompletionBody
from app.settings.paths import builtin_model
from engines.messages.reply_parts import ReplyParser
from engines.messages.tools import ToolFormat
from engines.serving.sampling_params import SamplingParams

if TYPE_CHECKING:
    from app.assistant import Assistant
    from app.models.setup import LocalModel

Prompts = list[tuple[list[int], SamplingParams]]


@dataclass(frozen=True, slots=True)
class Turn:
    """One prompt with its parameters. ``thinks``: the reply begins with a thought."""

    prompts: Prompts
    form: ToolFormat | None
    thinks: bool

    def parser(self) -> ReplyParser:
        return ReplyParser(self.form, thinking=self.thinks)


def chat_turn(model: "LocalModel", body: ChatBody, usual_thought: int) -> Turn:
    """``usual_thought`` tokens may be thought where the request says nothing. Raises RequestError."""
    thought_tokens = body.thought_tokens(usual_thought) if model.chat.thinks else 0
    tools = body.tool_use().tools
    messages = [message.plain() for message in body.messages]
    tokens = model.chat_tokens(messages, tools, thinking=thought_tokens > 0)
    params = body.constrained(body.params(model.room(tokens)), model.chat, thought_tokens)
    return Turn([(tokens, params)], model.chat.form if tools else None, thought_tokens > 0)


def plain_prompts(model: "LocalModel", body: CompletionBody) -> Prompts:
    """The prompts of a plain completion. Raises RequestError."""
    found = [model.text_tokens(part) if isinstance(part, str) else part for part in body.prompts()]
    return [(tokens, body.params(model.room(tokens))) for tokens in found]


def configured_name(assistant: "Assistant") -> str | None:
    """The language model's name, without loading it."""
    chosen = assistant.settings.model
    if chosen.is_builtin:
        return builtin_model().name if builtin_model().is_dir() else None
    return None if chosen.name is None else Path(chosen.name).name


def language_model(assistant: "Assistant", name: str) -> "LocalModel":
    """Returns the language model, loaded on first use. Raises ApiError for another name."""
    configured = configured_name(assistant)
    if configured is None:
        message = "No language model is set up. See `docent model --help`."
        raise ApiError(404, message, "invalid_request_error", "model_not_found")
    if name != configured:
        raise unknown_model(name, configured)
    model = assistant.language_model()
    assert model is not None, "one is set up"
    return model
