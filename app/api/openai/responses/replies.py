"""The shapes of the replies and events of ``/v1/responses``."""

from typing import Any, Literal

from pydantic import BaseModel, Field

Status = Literal["in_progress", "completed", "incomplete", "failed"]


def _is_none(value: object) -> bool:
    return value is None


class OutputText(BaseModel):
    type: Literal["output_text"] = "output_text"
    text: str = ""
    annotations: list[Any] = []
    logprobs: list[Any] = []


class ThoughtText(BaseModel):
    type: Literal["reasoning_text"] = "reasoning_text"
    text: str = ""


class OutputMessage(BaseModel):
    """What the model says."""

    id: str
    type: Literal["message"] = "message"
    role: Literal["assistant"] = "assistant"
    status: Status = "in_progress"
    content: list[OutputText] = []


class OutputCall(BaseModel):
    """A call of a function; ``arguments`` is JSON."""

    id: str
    type: Literal["function_call"] = "function_call"
    status: Status = "in_progress"
    call_id: str
    name: str
    arguments: str = ""


class OutputThought(BaseModel):
    """What the model thought before it answered."""

    id: str
    type: Literal["reasoning"] = "reasoning"
    status: Status = "in_progress"
    summary: list[Any] = []
    content: list[ThoughtText] = []


OutputItem = OutputMessage | OutputCall | OutputThought


class ResponseProblem(BaseModel):
    code: str
    message: str


class Incomplete(BaseModel):
    reason: Literal["max_output_tokens"] = "max_output_tokens"


class CachedTokens(BaseModel):
    cached_tokens: int
    cache_write_tokens: int = 0


class ThoughtTokens(BaseModel):
    """Thoughts are not counted apart: ``output_tokens`` holds them."""

    reasoning_tokens: int = 0


class ResponseUsage(BaseModel):
    input_tokens: int
    input_tokens_details: CachedTokens
    output_tokens: int
    output_tokens_details: ThoughtTokens = ThoughtTokens()
    total_tokens: int


class Response(BaseModel):
    """A whole reply. It is not stored, and cannot be asked for later."""

    id: str
    object: Literal["response"] = "response"
    created_at: int
    status: Status = "in_progress"
    error: ResponseProblem | None = None
    incomplete_details: Incomplete | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    metadata: dict[str, str]
    model: str
    output: list[OutputItem] = []
    parallel_tool_calls: bool
    previous_response_id: None = None
    reasoning: dict[str, Any]
    store: Literal[False] = False
    temperature: float
    text: dict[str, Any]
    tool_choice: Any
    tools: list[dict[str, Any]]
    top_p: float
    truncation: Literal["disabled"] = "disabled"
    usage: ResponseUsage | None = None


class ResponseEvent(BaseModel):
    """An event of a stream; ``type`` says which of the other fields it has."""

    type: str
    sequence_number: int
    response: Response | None = Field(default=None, exclude_if=_is_none)
    output_index: int | None = Field(default=None, exclude_if=_is_none)
    content_index: int | None = Field(default=None, exclude_if=_is_none)
    item_id: str | None = Field(default=None, exclude_if=_is_none)
    item: OutputItem | None = Field(default=None, exclude_if=_is_none)
    part: OutputText | ThoughtText | None = Field(default=None, exclude_if=_is_none)
    delta: str | None = Field(default=None, exclude_if=_is_none)
    text: str | None = Field(default=None, exclude_if=_is_none)
    name: str | None = Field(default=None, exclude_if=_is_none)
    arguments: str | None = Field(default=None, exclude_if=_is_none)
    logprobs: list[Any] | None = Field(default=None, exclude_if=_is_none)
