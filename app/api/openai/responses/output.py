"""Makes a response of the parts of a model's reply, and the events that tell how it grows."""

import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from app.api.openai.reply import new_call_id, usage
from app.api.openai.responses.replies import (
    CachedTokens,
    Incomplete,
    OutputCall,
    OutputItem,
    OutputMessage,
    OutputText,
    OutputThought,
    Response,
    ResponseEvent,
    ResponseProblem,
    ResponseUsage,
    Status,
    ThoughtText,
)
from app.api.openai.responses.requests import ResponseBody
from engines.messages.reply_parts import Arguments, Call, Part, Text, Thought
from engines.serving.generation import Finished


class Output:
    """Feed it the parts in order: each call yields the events that follow. ``response`` is what there is so far."""

    def __init__(self, body: ResponseBody, model: str) -> None:
        told = body.model_dump(
            by_alias=True,
            include={"instructions", "max_output_tokens", "metadata", "parallel_tool_calls", "reasoning", "temperature"}
            | {"text", "tool_choice", "tools", "top_p"},
        )
        self.response = Response(id=_identity("resp"), created_at=int(time.time()), model=model, **told)
        self._items: list[OutputItem] = []
        self._number = 0

    def begin(self) -> Iterator[ResponseEvent]:
        yield self._whole("response.created")
        yield self._whole("response.in_progress")

    def push(self, parts: Sequence[Part]) -> Iterator[ResponseEvent]:
        for part in parts:
            if isinstance(part, Call):
                yield from self._open(OutputCall(id=_identity("fc"), call_id=new_call_id(), name=part.name))
            elif isinstance(part, Arguments):
                call = self._items[-1]
                assert isinstance(call, OutputCall), "arguments follow their call"
                call.arguments += part.text
                yield self._event("response.function_call_arguments.delta", delta=part.text, **self._place())
            else:
                yield from self._written(part)

    def finish(self, end: Finished) -> Iterator[ResponseEvent]:
        complete = end.reason != "length"
        yield from self._close("completed" if complete else "incomplete")
        used = usage([end], 1)
        self.response.usage = ResponseUsage(
            input_tokens=used.prompt_tokens,
            input_tokens_details=CachedTokens(cached_tokens=used.prompt_tokens_details.cached_tokens),
            output_tokens=used.completion_tokens,
            total_tokens=used.total_tokens,
        )
        self.response.status = "completed" if complete else "incomplete"
        self.response.incomplete_details = None if complete else Incomplete()
        yield self._whole(f"response.{self.response.status}")

    def fail(self, message: str) -> Iterator[ResponseEvent]:
        self.response.status = "failed"
        self.response.error = ResponseProblem(code="server_error", message=message)
        yield self._whole("response.failed")

    def _written(self, part: Text | Thought) -> Iterator[ResponseEvent]:
        thinks = isinstance(part, Thought)
        kind = "reasoning_text" if thinks else "output_text"
        if not self._items or not isinstance(self._items[-1], OutputThought if thinks else OutputMessage):
            item = OutputThought(id=_identity("rs")) if thinks else OutputMessage(id=_identity("msg"))
            yield from self._open(item)
            content = ThoughtText() if thinks else OutputText()
            yield self._event("response.content_part.added", part=content, content_index=0, **self._place())
            item.content.append(content)  # type: ignore[arg-type]  # each its own kind
        last = self._items[-1]
        assert not isinstance(last, OutputCall), "text was just begun"
        last.content[0].text += part.text
        more: dict[str, Any] = {} if thinks else {"logprobs": []}
        yield self._event(f"response.{kind}.delta", delta=part.text, content_index=0, **more, **self._place())

    def _open(self, item: OutputItem) -> Iterator[ResponseEvent]:
        yield from self._close("completed")
        self._items.append(item)
        self.response.output = self._items
        yield self._event("response.output_item.added", item=item, output_index=len(self._items) - 1)

    def _close(self, status: Status) -> Iterator[ResponseEvent]:
        """The last item, if there is one."""
        if not self._items:
            return
        item = self._items[-1]
        item.status = status
        if isinstance(item, OutputCall):
            done = {"name": item.name, "arguments": item.arguments}
            yield self._event("response.function_call_arguments.done", **done, **self._place())
        else:
            content = item.content[0]
            more: dict[str, Any] = {"logprobs": []} if isinstance(content, OutputText) else {}
            place = {"content_index": 0, **self._place()}
            yield self._event(f"response.{content.type}.done", text=content.text, **more, **place)
            yield self._event("response.content_part.done", part=content, **place)
        yield self._event("response.output_item.done", item=item, output_index=len(self._items) - 1)

    def _place(self) -> dict[str, Any]:
        return {"item_id": self._items[-1].id, "output_index": len(self._items) - 1}

    def _whole(self, kind: str) -> ResponseEvent:
        return self._event(kind, response=self.response)

    def _event(self, kind: str, **fields: Any) -> ResponseEvent:
        self._number += 1
        return ResponseEvent(type=kind, sequence_number=self._number - 1, **fields)


def _identity(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex}"
