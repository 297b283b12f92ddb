"""Turns text into token ids and back, and conversations into prompts, by the files of a model folder.

``tokenizer.json`` is read by the tokenizers library.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as _Tokenizer

from engines.errors import CheckpointError
from engines.messages.marks import MARKS
from engines.model.chat_template import ChatTemplate
from engines.model.json_file import checked_file, read_object, read_text

_FIRST_CHARS = 4  # for each token
_CUT_TOKENS = 64
# {"role": "system" | "user" | "assistant" | "tool", "content": ...}; "tool_calls" and "tool_call_id" as
# in OpenAI's API, but with arguments as objects.
Message = Mapping[str, Any]


class ModelTokenizer:
    """Load with ``ModelTokenizer.from_folder``. Thread-safe."""

    def __init__(
        self, tokenizer: _Tokenizer, eos_ids: frozenset[int], bos: str, eos: str, chat_template: str | None
    ) -> None:
        self._tokenizer = _showing_marks(tokenizer)
        self.eos_ids = eos_ids
        self._bos, self._eos = bos, eos
        self.chat_template = chat_template
        self._template = ChatTemplate(chat_template) if chat_template else None

    @classmethod
    def from_folder(cls, folder: Path, eos_ids: Sequence[int] = ()) -> "ModelTokenizer":
        """``eos_ids`` come from config.json; generation_config.json may name more. Raises CheckpointError."""
        path = folder / "tokenizer.json"
        if not path.exists():
            raise CheckpointError(f"{path} is missing.", "Get a model with a fast tokenizer (tokenizer.json).")
        try:
            tokenizer = _Tokenizer.from_file(str(checked_file(path)))
        except CheckpointError:
            raise
        except Exception as error:  # the library raises nothing narrower
            raise CheckpointError(f"{path} cannot be read: {error}.", "Download it again.") from error
        tokenizer.no_truncation()
        tokenizer.no_padding()
        settings = _read_json(folder / "tokenizer_config.json")
        more = _read_json(folder / "generation_config.json").get("eos_token_id") or []
        ids = {*eos_ids, *(more if isinstance(more, list) else [more])}
        bos, eos = (_token_text(settings.get(f"{name}_token")) for name in ("bos", "eos"))
        if eos and (number := tokenizer.token_to_id(eos)) is not None:
            ids.add(number)
        return cls(tokenizer, frozenset(ids), bos, eos, _template_text(folder, settings))

    @property
    def has_chat_template(self) -> bool:
        return self._template is not None

    def template_reads(self, name: str) -> bool:
        """Whether the chat template makes anything of a value of this name."""
        return self._template is not None and name in self._template.reads

    def encode(self, text: str) -> list[int]:
        """Token ids with the special tokens that the model expects at the beginning."""
        return self._ids(text, with_special=True)

    def count_up_to(self, text: str, most: int) -> int:
        """Counts the tokens of a text, or of its beginning once there are more than ``most`` in it: the work and the
        memory are in proportion to ``most``, however long the text is."""
        size = _FIRST_CHARS * max(most, 64)
        while True:
            tokens = len(self._ids(text[:size]))
            # What is cut in two at the end of a beginning may make a few tokens more.
            if size >= len(text) or tokens > most + _CUT_TOKENS:
                return tokens
            size *= 2

    def encode_prompt(self, text: str) -> list[int]:
        """Token ids of a rendered conversation, which holds its special tokens as text already."""
        return self._ids(text)

    def _ids(self, text: str, *, with_special: bool = False) -> list[int]:
        """One text as a batch: the library's ``encode`` keeps all other threads from running meanwhile."""
        return list(self._tokenizer.encode_batch([text], add_special_tokens=with_special)[0].ids)

    def decode(self, tokens: Sequence[int]) -> str:
        """Text without special tokens."""
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=True))

    def token_text(self, token: int) -> str:
        """One token by itself, special ones by their names. A part of a character is U+FFFD."""
        return str(self._tokenizer.decode([token], skip_special_tokens=False))

    def render_chat(
        self, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = (), *, thinking: bool = False
    ) -> str:
        """The prompt that asks the model for the next message; a plain transcript where there is no chat template.
        Whether the template makes anything of ``tools`` and ``thinking`` is its own affair.

        Raises RequestError when the template refuses the conversation."""
        if self._template is None:
            lines = [f"{message['role'].capitalize()}: {message['content']}" for message in messages]
            return "\n".join([self._bos + lines[0], *lines[1:], "Assistant:"] if lines else ["Assistant:"])
        return self._template.render(
            messages,
            tools,
            add_generation_prompt=True,
            enable_thinking=thinking,
            bos_token=self._bos,
            eos_token=self._eos,
        )

    @property
    def added_tokens(self) -> dict[str, int]:
        """What a text may spell as one token, special or not."""
        return {token.content: number for number, token in self._tokenizer.get_added_tokens_decoder().items()}

    def to_json(self) -> str:
        """The tokenizer as tokenizer.json, for libraries that build their own from it."""
        return str(self._tokenizer.to_str())


def _showing_marks(tokenizer: _Tokenizer) -> _Tokenizer:
    """The same tokenizer, but the marks of thoughts and calls are in the text that it decodes."""
    added = tokenizer.get_added_tokens_decoder().values()
    if not any(token.special and token.content in MARKS for token in added):
        return tokenizer
    content = json.loads(tokenizer.to_str())
    for token in content["added_tokens"]:
        token["special"] = token["special"] and token["content"] not in MARKS
    return _Tokenizer.from_str(json.dumps(content))


def _template_text(folder: Path, settings: Mapping[str, Any]) -> str | None:
    beside = folder / "chat_template.jinja"
    if beside.exists():
        return read_text(beside)
    template = settings.get("chat_template")
    if isinstance(template, list):  # several named ones
        entries = [entry for entry in template if isinstance(entry, dict)]
        named = {str(entry.get("name")): entry.get("template") for entry in entries}
        template = named.get("default") or next(iter(named.values()), None)
    return template if isinstance(template, str) else None


def _token_text(token: object) -> str:
    if isinstance(token, Mapping):
        return str(token.get("content", ""))
    return str(token or "")


def _read_json(path: Path) -> dict[str, Any]:
    return read_object(path) if path.exists() else {}
