"""Opens the language model that the settings name: folder -> checkpoint -> runtime -> engine -> LocalModel.

``make_runtime`` is the one place that decides which runtime computes.
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

from app.errors import ConfigError, ModelError
from app.models.sleeping_engine import SleepingEngine
from app.models.store import ModelStore
from app.settings.paths import builtin_model
from app.settings.schema import AUTO, ModelSettings, Settings
from docent import cause_of
from engines.base import Runtime
from engines.errors import EngineError, RequestError, RuntimeUnavailable
from engines.messages.tools import Tool
from engines.model.chat import ChatEncoder
from engines.model.checkpoint import Checkpoint
from engines.model.tokenizer import Message, ModelTokenizer
from engines.page_size import PAGE_TOKENS
from engines.runtimes.entry import OpenOptions, RuntimeEntry
from engines.runtimes.registry import RUNTIMES, automatic
from engines.runtimes.selfcheck import choose, verified
from engines.serving.engine import Engine
from engines.serving.generation import Generation
from engines.serving.sampling_params import SamplingParams
from engines.serving.sequence import BACKGROUND
from engines.serving.structured_output import StructuredOutput

_log = logging.getLogger(__name__)
_LEAST_CONTEXT = 256  # tokens; with less no question with a passage has room
_CONTEXTS = 2  # that the cache holds if its size is left open: one that goes on while another is kept
_MEMORY_SHARE = 4
_USUAL_CHARS = 8  # of a token, at most; a longer prompt is counted piece by piece before it is tokenised


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A language model ready to answer. Thread-safe; close it to free its memory."""

    name: str
    engine: Engine | SleepingEngine
    tokenizer: ModelTokenizer
    chat: ChatEncoder
    prompt_style: str | None = None  # what its docent.json says: the prompts it was tuned for

    @property
    def context(self) -> int:
        """Tokens of prompt and answer together."""
        return self.engine.max_context

    def chat_tokens(
        self, messages: Sequence[Message], tools: Sequence[Tool] = (), *, thinking: bool = False
    ) -> list[int]:
        """Raises RequestError for what no context could hold, before it is tokenised as a whole."""
        calls = [json.dumps(message["tool_calls"]) for message in messages if message.get("tool_calls")]
        schemas = [json.dumps(tool.plain()) for tool in tools]
        self._check_length([*(message["content"] for message in messages), *calls, *schemas])
        return self.chat.encode(messages, tools, thinking=thinking)

    def text_tokens(self, text: str) -> list[int]:
        """Raises RequestError for what no context could hold, before it is tokenised as a whole."""
        self._check_length([text])
        return self.tokenizer.encode(text)

    def _check_length(self, texts: Sequence[str]) -> None:
        if sum(map(len, texts)) <= _USUAL_CHARS * self.context:
            return
        left = self.context
        for text in texts:
            left -= self.tokenizer.count_up_to(text, left)
            if left < 0:
                raise RequestError(
                    f"The prompt does not fit into the model's context of {self.context} tokens.",
                    "Shorten it or raise model.context.",
                )

    def submit(self, prompt: Sequence[int], params: SamplingParams, priority: int = BACKGROUND) -> Generation:
        """Raises RequestError or EngineBusy."""
        return self.engine.submit(prompt, params, priority=priority)

    def room(self, prompt: Sequence[int]) -> int:
        """Tokens that an answer to ``prompt`` can have. Raises RequestError where there are none."""
        left = self.context - len(prompt)
        if left < 1:
            raise RequestError(
                f"The prompt of {len(prompt)} tokens fills the model's context of {self.context}.",
                "Shorten it or raise model.context.",
            )
        return left

    def unload(self) -> bool:
        """Gives the model's memory back until the next request, unless it is answering; returns whether it did."""
        return isinstance(self.engine, SleepingEngine) and self.engine.unload()

    def wake(self) -> None:
        """Loads the model where its memory was given back."""
        if isinstance(self.engine, SleepingEngine):
            self.engine.wake()

    @property
    def loaded(self) -> bool:
        return not isinstance(self.engine, SleepingEngine) or self.engine.loaded

    def retire(self) -> None:
        """Ends this model once nothing is being answered any more: another one takes its place."""
        if isinstance(self.engine, SleepingEngine):
            self.engine.retire()
        else:
            self.close()

    def close(self) -> None:
        self.engine.close()
        if isinstance(self.engine, SleepingEngine):
            return
        close = getattr(self.engine.runtime, "close", None)  # some have threads or a card's memory to give back
        if close is not None:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_model(settings: Settings) -> LocalModel:
    """Loads the model that ``model.name`` names. Raises ModelError, ConfigError or CheckpointError."""
    chosen = settings.model
    if chosen.name is None:
        raise ModelError("No language model is set up.", "`docent model pull OWNER/NAME`, then set model.name.")
    folder = ModelStore(settings.folder.models, builtin_model()).folder(chosen.name)
    checkpoint = Checkpoint(folder)
    tokenizer = ModelTokenizer.from_folder(folder, checkpoint.config.eos_ids)

    def open_runtime() -> Runtime:
        runtime = make_runtime(checkpoint, chosen, settings.folder.builds)
        _log.info("model %s on runtime %s, %d pages", folder.name, runtime.name, runtime.num_pages)
        return runtime

    engine = SleepingEngine(
        open_runtime, lambda runtime: _engine(runtime, tokenizer), idle_s=60 * chosen.unload_after_min
    )
    return LocalModel(folder.name, engine, tokenizer, ChatEncoder(tokenizer), _prompt_style(folder))


def open_answering_model(settings: Settings) -> LocalModel | None:
    """``open_model``; None, and a word in the log, where a full or read-only disk has no room for what is built from
    the model that is shipped: answers are quotes meanwhile."""
    try:
        return open_model(settings)
    except EngineError as error:
        if settings.model.is_builtin and isinstance(error.__cause__, OSError):
            _log.warning("answers are quotes: %s", error)
            return None
        raise


def local_model(name: str, runtime: Runtime, tokenizer: ModelTokenizer) -> LocalModel:
    return LocalModel(name, _engine(runtime, tokenizer), tokenizer, ChatEncoder(tokenizer))


def _engine(runtime: Runtime, tokenizer: ModelTokenizer) -> Engine:
    return Engine(runtime, tokenizer, structured_output=StructuredOutput(tokenizer, runtime.vocab_size))


def _prompt_style(folder: Path) -> str | None:
    try:
        return str(json.loads((folder / "docent.json").read_text(encoding="utf-8"))["prompt"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{folder / 'docent.json'} cannot be read ({cause_of(error)}).", "Mend or remove it."
        ) from error


def make_runtime(checkpoint: Checkpoint, chosen: ModelSettings, builds: Path) -> Runtime:
    """Opens the runtime that ``model.runtime`` names; ``builds`` keeps what it makes of a checkpoint.

    "auto" is the first CPU runtime that can be used here, or a GPU runtime that agrees with it and is faster. Raises
    RuntimeUnavailable where the runtime that was asked for by name cannot be used here."""

    def opener(entry: RuntimeEntry) -> Callable[[], Runtime]:
        kv_cache = chosen.kv_cache if chosen.kv_cache in entry.kv_caches else "fp16"
        kv_bytes = entry.kv_bytes if kv_cache == "fp16" else 1 + 2 / checkpoint.config.head_dim  # with the scales
        pages, context = _sizes(checkpoint, chosen, kv_bytes)
        layers = None if chosen.gpu_layers == AUTO else int(chosen.gpu_layers)
        options = OpenOptions(
            pages, context, chosen.threads or None, builds, layers, chosen.gpus, kv_cache, chosen.lm_head
        )
        return lambda: entry.open(checkpoint, options)

    def on_cpu() -> Runtime:
        *others, last = automatic("cpu")
        for entry in others:
            try:
                return opener(entry)()
            except RuntimeUnavailable as error:
                _log.info("%s", error)
        return opener(last)()

    if chosen.runtime == AUTO:
        cards = automatic("gpu")
        return choose(on_cpu(), [(entry.name, opener(entry)) for entry in cards]).runtime if cards else on_cpu()
    entry = RUNTIMES[chosen.runtime]
    if chosen.kv_cache not in entry.kv_caches:
        raise ConfigError(
            f"The runtime {entry.name} does not keep keys and values as {chosen.kv_cache}.",
            'Set model.kv_cache to fp16, or model.runtime to "cuda" on a computer with an NVIDIA card.',
        )
    return opener(entry)() if entry.device == "cpu" else verified(opener(entry), on_cpu)


def _sizes(checkpoint: Checkpoint, chosen: ModelSettings, kv_bytes: float) -> tuple[int, int]:
    """Pages of the cache, and the longest context they and the model allow. A number of K or V takes ``kv_bytes``."""
    config = checkpoint.config
    page_bytes = int(PAGE_TOKENS * 2 * config.num_layers * config.kv_size * kv_bytes)
    if chosen.cache_mb:
        pages = chosen.cache_mb * 1_000_000 // page_bytes
    else:
        wanted = _CONTEXTS * -(-min(chosen.context, config.max_context) // PAGE_TOKENS)
        pages = min(wanted, psutil.virtual_memory().total // _MEMORY_SHARE // page_bytes)
    context = min(chosen.context, config.max_context, pages * PAGE_TOKENS)
    if context < _LEAST_CONTEXT:
        need = -(-_LEAST_CONTEXT // PAGE_TOKENS) * page_bytes / 1e6
        raise ConfigError(
            f"The cache (model.cache_mb {chosen.cache_mb}) holds {pages * PAGE_TOKENS} tokens of this model.",
            f"Give it at least {need:.0f}, or choose a model with a context of {_LEAST_CONTEXT} tokens or more.",
        )
    return pages, context
