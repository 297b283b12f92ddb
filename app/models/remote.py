"""Implements rag's text generator with a model on a server that speaks OpenAI's API (vLLM, Ollama, llama-server ...).

Used where ``model.endpoint`` is set, and only then: questions and the passages found for them go to that server.
"""

import ipaddress
import json
import logging
import queue
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from app.errors import ModelError, RequestFailed
from engines.messages.marks import THOUGHT_BEGINS
from rag.answer.generation.prompt import Message
from rag.answer.generation.repeated_search import ToolCall, ToolDescription
from rag.answer.generation.thoughts import Piece
from rag.types import ThoughtDelta

if TYPE_CHECKING:
    from httpx2 import Client, Response

_CONNECT_S, _READ_S = 5.0, 300.0  # a large model may read a long prompt for minutes before its first word
_HEARTBEAT_S = 0.1
_BYTES_A_TOKEN = 3  # at most as a rule, so that a prompt is rather too short
_TOKENS_A_MESSAGE = 8
_THOUGHT_TOKENS = 1024  # before a call
_LONGEST_LINE = 1 << 20  # bytes of one event
_REFUSED = (401, 403)
_TOOLS_REFUSED = (400, 422, 500, 501)  # llama-server without --jinja answers 500 to tools
_NOT_FOUND = 404
_NO_WRITERS = ("embed", "rerank", "whisper")  # in names of models beside which others write
_ENDS_IN_V1 = "Check model.endpoint (it usually ends in /v1) and model.endpoint_model."
_DATA, _DONE = "data:", "[DONE]"

_log = logging.getLogger(__name__)
_Pieces: TypeAlias = "queue.SimpleQueue[dict[str, Any] | ModelError | None]"


class RemoteGenerator:
    """``url`` is the base of the API, as in "http://127.0.0.1:11434/v1"; ``model`` None is the first one that the
    server lists and that may write. ``context`` counts tokens of prompt and answer, as far as they can be told without
    the model's tokenizer. Raises ModelError with the remedy where the server cannot be used."""

    def __init__(self, url: str, model: str | None, key: str | None, context: int, temperature: float = 0.0) -> None:
        self._url, self._key = url.rstrip("/"), key
        self._temperature = temperature
        self.context = context
        self._model = model or self._first_model()
        self._warned = False  # that it refuses tools

    @property
    def name(self) -> str:
        return f"{self._model} at {urlsplit(self._url).netloc}"

    def listed(self) -> list[str]:
        """The models that the server says it has."""
        from httpx2 import HTTPError

        try:
            with self._client() as client:
                response = client.get("/models")
                self._check(response)
                return [str(model["id"]) for model in response.json()["data"]]
        except HTTPError as error:
            raise self._unreachable(error) from error
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{self._url} lists no model.", _ENDS_IN_V1) from error

    def count_tokens(self, messages: Sequence[Message]) -> int:
        """An estimate from the bytes."""
        return sum(len(message.content.encode()) // _BYTES_A_TOKEN + _TOKENS_A_MESSAGE for message in messages)

    def tokens_within(self, seconds: float) -> int | None:
        """The server is taken to be fast enough."""
        return self.context

    def stream(self, messages: Sequence[Message], max_tokens: int) -> Generator[Piece, None, None]:
        with closing(self._deltas(self._body(messages, max_tokens))) as deltas:
            for delta in deltas:
                told = delta or {}
                thought = told.get("reasoning_content") or told.get("reasoning")  # servers differ in its name
                if isinstance(thought, str) and thought:
                    yield ThoughtDelta(thought)
                yield _content(told)

    def call(
        self, messages: Sequence[Message], tools: Sequence[ToolDescription], max_tokens: int
    ) -> Generator[None, None, ToolCall | None]:
        """A server that knows no tools, or refuses them, makes none, and neither does a model that says something
        instead. One that thinks first has tokens for that beside ``max_tokens``."""
        described = [_described(tool) for tool in tools]
        most = self._call_tokens(messages, described, max_tokens)
        body = self._body(messages, most) | {"tools": described, "tool_choice": "required"}
        name, arguments, said = "", "", ""
        try:
            with closing(self._deltas(body)) as deltas:
                for delta in deltas:
                    told = delta or {}
                    more_name, more_arguments = _call_piece(told)
                    name, arguments, said = name + more_name, arguments + more_arguments, said + _content(told)
                    if len(said) > max_tokens * _BYTES_A_TOKEN and not said.lstrip().startswith(THOUGHT_BEGINS):
                        return None
                    yield
            given = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            return None
        except RequestFailed as error:
            if error.status not in _TOOLS_REFUSED:
                raise
            self._warn(error)
            return None
        return ToolCall(name, given) if name and isinstance(given, dict) else None

    def _call_tokens(self, messages: Sequence[Message], described: Sequence[dict[str, Any]], least: int) -> int:
        """``least`` and as much of a thought as the context has room for."""
        room = self.context - self.count_tokens(messages) - len(json.dumps(described)) // _BYTES_A_TOKEN
        return max(least, min(least + _THOUGHT_TOKENS, room))

    def _warn(self, error: RequestFailed) -> None:
        """Once: where something else than the tools is the reason, the answer's own request fails with it."""
        if not self._warned:
            _log.warning("questions are answered without searching again: %s", error)
        self._warned = True

    def _body(self, messages: Sequence[Message], max_tokens: int) -> dict[str, Any]:
        return {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "max_tokens": max_tokens,
            "temperature": self._temperature,
            "stream": True,
        }

    def _deltas(self, body: dict[str, Any]) -> Generator[dict[str, Any] | None, None, None]:
        """Read on a thread, so that the caller is asked ten times a second (None) whether it wants to go on."""
        pieces: _Pieces = queue.SimpleQueue()
        left = threading.Event()
        reader = threading.Thread(target=self._read, args=(body, pieces, left), name="docent-remote", daemon=True)
        reader.start()
        try:
            while True:
                try:
                    piece = pieces.get(timeout=_HEARTBEAT_S)
                except queue.Empty:
                    yield None
                    continue
                if piece is None:
                    return
                if isinstance(piece, ModelError):
                    raise piece
                yield piece
        finally:
            left.set()

    def _read(self, body: dict[str, Any], pieces: "_Pieces", left: threading.Event) -> None:
        from httpx2 import HTTPError

        try:
            with self._client() as client, client.stream("POST", "/chat/completions", json=body) as response:
                self._check(response)
                for piece in _pieces(response):
                    if left.is_set():
                        return  # which closes the connection, and a server stops writing then
                    pieces.put(piece)
            pieces.put(None)
        except HTTPError as error:
            pieces.put(self._unreachable(error))
        except ModelError as error:
            pieces.put(error)

    def _first_model(self) -> str:
        names = self.listed()
        if not names:
            raise ModelError(f"{self._url} lists no model.", _ENDS_IN_V1)
        return next((name for name in names if not any(kind in name.lower() for kind in _NO_WRITERS)), names[0])

    def _client(self) -> "Client":
        from httpx2 import Client, Timeout

        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        # A redirect could lead a person's passages to another computer, and so could a proxy that the environment names
        # for the web: a server on this computer is asked without it.
        return Client(
            base_url=self._url,
            headers=headers,
            timeout=Timeout(_READ_S, connect=_CONNECT_S),
            follow_redirects=False,
            trust_env=not _is_on_this_computer(self._url),
        )

    def _check(self, response: "Response") -> None:
        if response.is_success:
            return
        response.read()
        if response.status_code in _REFUSED:
            raise ModelError(f"The model server {self._url} refuses the key.", "Set model.endpoint_key.")
        if response.status_code == _NOT_FOUND:
            raise ModelError(
                f"The model server {self._url} answers 404: {_reason(response)}",
                _ENDS_IN_V1,
            )
        raise RequestFailed(
            f"The model server {self._url} answers {response.status_code}: {_reason(response)}",
            "Ask again later.",
            response.status_code,
        )

    def _unreachable(self, error: Exception) -> ModelError:
        from httpx2 import TimeoutException

        slow = isinstance(error, TimeoutException)
        return ModelError(
            f"The model server {self._url} {'does not answer in time' if slow else 'cannot be reached'}: "
            f"{error or type(error).__name__}.",
            "Start it, or set model.endpoint to null.",
        )


def _is_on_this_computer(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _described(tool: ToolDescription) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}
    return {"type": "function", "function": function}


def _content(delta: dict[str, Any]) -> str:
    said = delta.get("content")
    return said if isinstance(said, str) else ""


def _call_piece(delta: dict[str, Any]) -> tuple[str, str]:
    """What a delta adds to name and arguments of the first call; further ones were not asked for. Raises ValueError
    for what OpenAI's API does not have."""
    name, arguments = "", ""
    calls = delta.get("tool_calls") or []
    for call in calls if isinstance(calls, list) else [calls]:
        function = call.get("function") or {} if isinstance(call, dict) else None
        if not isinstance(function, dict):
            raise ValueError("A call is no object.")
        more_name, more_arguments = function.get("name") or "", function.get("arguments") or ""
        if not isinstance(more_name, str) or not isinstance(more_arguments, str):
            raise ValueError("Name and arguments of a call are no text.")
        if (call.get("index") or 0) == 0:
            name, arguments = name + more_name, arguments + more_arguments
    return name, arguments


def _pieces(response: "Response") -> Iterator[dict[str, Any]]:
    """The deltas of a stream of server-sent events. Raises ModelError where the server reports a failure in it."""
    for line in response.iter_lines():
        if len(line) > _LONGEST_LINE or not line.startswith(_DATA):
            continue
        data = line.removeprefix(_DATA).strip()
        if data == _DONE:
            return
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            continue
        if not isinstance(event, dict):
            continue
        if error := event.get("error"):
            message = error.get("message", error) if isinstance(error, dict) else error
            raise ModelError(f"The model server stopped: {message}", "Ask again.")
        choices = event.get("choices")
        for choice in choices if isinstance(choices, list) else []:
            if isinstance(choice, dict) and isinstance(delta := choice.get("delta"), dict):
                yield delta


def _reason(response: "Response") -> str:
    """What the server says, in one line."""
    try:
        error = response.json()["error"]
        text = error["message"] if isinstance(error, dict) else error
    except (ValueError, KeyError, TypeError):
        text = response.text
    return " ".join(str(text).split())[:200] or "no reason given"
