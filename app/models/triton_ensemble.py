"""Writes a model repository from which Triton's TensorRT-LLM backend serves a compiled engine.

    DIR/NAME/                 the ensemble that clients ask: text to text, by the three that follow
    DIR/preprocessing/        text to tokens (Triton's Python backend)
    DIR/tensorrt_llm/         tokens to tokens: the engine
    DIR/postprocessing/       tokens to text (Triton's Python backend)

Each has a config.pbtxt (ModelConfig of Triton's model_config.proto) and a folder 1 for its version. Names, types and
shapes of the tensors are those of triton_backend/all_models/inflight_batcher_llm in github.com/NVIDIA/TensorRT-LLM,
where the two Python models (``model.py``) are as well: they are copied from the release that the server runs. What is
optional and of no use for texts (images, LoRA, prompt tables) is left out.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

_BATCH = 64  # requests that Triton hands over together; the engine batches on its own
_STRING, _INT, _FLOAT, _BOOL, _LONG = "TYPE_STRING", "TYPE_INT32", "TYPE_FP32", "TYPE_BOOL", "TYPE_UINT64"
PARTS = ("preprocessing", "tensorrt_llm", "postprocessing")


@dataclass(frozen=True, slots=True)
class Tensor:
    """Without the batch's dimension. ``scalar``: the backend takes it as one number for each request; ``ragged``: its
    length differs between requests that are handed over together."""

    name: str
    type: str
    dims: tuple[int, ...] = (1,)
    optional: bool = False
    scalar: bool = False
    ragged: bool = False

    def text(self) -> str:
        more = ", optional: true" * self.optional + ", reshape: { shape: [ ] }" * self.scalar
        more += ", allow_ragged_batch: true" * self.ragged
        return f'{{ name: "{self.name}", data_type: {self.type}, dims: {list(self.dims)}{more} }}'


@dataclass(frozen=True, slots=True)
class Model:
    """One model of the repository. ``settings`` are lines of its own."""

    name: str
    kind: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    parameters: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[str, ...] = ()

    def text(self) -> str:
        """The config.pbtxt."""
        lines = [f"name: {_quoted(self.name)}", self.kind, f"max_batch_size: {_BATCH}", *self.settings]
        lines += _listed("input", (tensor.text() for tensor in self.inputs))
        lines += _listed("output", (tensor.text() for tensor in self.outputs))
        for key, value in self.parameters.items():
            lines.append(f"parameters {{ key: {_quoted(key)} value {{ string_value: {_quoted(value)} }} }}")
        return "\n".join(lines) + "\n"


_CPU = "instance_group [ { count: 1, kind: KIND_CPU } ]"
_SAMPLING = {
    "top_k": ("runtime_top_k", _INT),
    "top_p": ("runtime_top_p", _FLOAT),
    "temperature": ("temperature", _FLOAT),
    "repetition_penalty": ("repetition_penalty", _FLOAT),
    "presence_penalty": ("presence_penalty", _FLOAT),
    "frequency_penalty": ("frequency_penalty", _FLOAT),
    "min_tokens": ("min_tokens", _INT),
    "seed": ("seed", _LONG),
    "stream": ("streaming", _BOOL),
}
"""Of the ensemble's inputs, what the engine calls them."""


def models(name: str, tokenizer: str, engine: str) -> list[Model]:
    """The models of the repository. ``tokenizer`` and ``engine`` are folders as the server sees them."""
    python = 'backend: "python"'
    before = Model(
        "preprocessing",
        python,
        (
            Tensor("QUERY", _STRING),
            Tensor("DECODER_QUERY", _STRING, optional=True),
            Tensor("REQUEST_OUTPUT_LEN", _INT),
            Tensor("BAD_WORDS_DICT", _STRING, (-1,), optional=True),
            Tensor("STOP_WORDS_DICT", _STRING, (-1,), optional=True),
            Tensor("EMBEDDING_BIAS_WORDS", _STRING, (-1,), optional=True),
            Tensor("EMBEDDING_BIAS_WEIGHTS", _FLOAT, (-1,), optional=True),
            Tensor("END_ID", _INT, optional=True),
            Tensor("PAD_ID", _INT, optional=True),
            Tensor("PROMPT_TABLE_EXTRA_ID", _LONG, optional=True),
        ),
        (
            Tensor("INPUT_ID", _INT, (-1,)),
            Tensor("REQUEST_INPUT_LEN", _INT),
            Tensor("DECODER_INPUT_ID", _INT, (-1,)),
            Tensor("REQUEST_DECODER_INPUT_LEN", _INT),
            Tensor("BAD_WORDS_IDS", _INT, (2, -1)),
            Tensor("STOP_WORDS_IDS", _INT, (2, -1)),
            Tensor("EMBEDDING_BIAS", _FLOAT, (-1,)),
            Tensor("REQUEST_OUTPUT_LEN", _INT, (-1,)),
            Tensor("OUT_END_ID", _INT),
            Tensor("OUT_PAD_ID", _INT),
            Tensor("OUT_PROMPT_TABLE_EXTRA_IDS", _LONG, (-1,)),
            Tensor("PIXEL_VALUES", "TYPE_FP16", (-1, -1, -1, -1)),
            Tensor("IMAGE_SIZES", "TYPE_INT64", (-1, 2)),
        ),
        # Chats come with the special tokens of their template.
        {"tokenizer_dir": tokenizer, "add_special_tokens": "false", "multimodal_model_path": ""},
        (_CPU,),
    )
    compiled = Model(
        "tensorrt_llm",
        'backend: "tensorrtllm"',
        (
            Tensor("input_ids", _INT, (-1,), ragged=True),
            Tensor("input_lengths", _INT, scalar=True),
            Tensor("request_output_len", _INT, scalar=True),
            Tensor("end_id", _INT, optional=True, scalar=True),
            Tensor("pad_id", _INT, optional=True, scalar=True),
            Tensor("stop_words_list", _INT, (2, -1), optional=True, ragged=True),
            Tensor("bad_words_list", _INT, (2, -1), optional=True, ragged=True),
            *(Tensor(theirs, type_, optional=True, scalar=True) for theirs, type_ in _SAMPLING.values()),
        ),
        (Tensor("output_ids", _INT, (-1, -1)), Tensor("sequence_length", _INT, (-1,))),
        {
            "gpt_model_type": "inflight_fused_batching",
            "gpt_model_path": engine,
            "max_beam_width": "1",
            "exclude_input_in_output": "true",
            "enable_kv_cache_reuse": "true",
            "FORCE_CPU_ONLY_INPUT_TENSORS": "no",
        },
        (_CPU, "dynamic_batching { }", "model_transaction_policy { decoupled: true }"),  # the last is for streams
    )
    after = Model(
        "postprocessing",
        python,
        (Tensor("TOKENS_BATCH", _INT, (-1, -1)), Tensor("SEQUENCE_LENGTH", _INT, (-1,))),
        (Tensor("OUTPUT", _STRING, (-1,)),),
        {"tokenizer_dir": tokenizer, "skip_special_tokens": "true"},
        (_CPU,),
    )
    return [_ensemble(name), before, compiled, after]


def _ensemble(name: str) -> Model:
    asked = {"QUERY": "text_input", "REQUEST_OUTPUT_LEN": "max_tokens", "BAD_WORDS_DICT": "bad_words"}
    asked |= {"STOP_WORDS_DICT": "stop_words", "END_ID": "end_id", "PAD_ID": "pad_id"}
    tokens = {"INPUT_ID": "input_ids", "REQUEST_INPUT_LEN": "input_lengths", "REQUEST_OUTPUT_LEN": "request_output_len"}
    tokens |= {"OUT_END_ID": "end_id", "OUT_PAD_ID": "pad_id"}
    tokens |= {"STOP_WORDS_IDS": "stop_words_list", "BAD_WORDS_IDS": "bad_words_list"}
    written = {"output_ids": "TOKENS_BATCH", "sequence_length": "SEQUENCE_LENGTH"}
    steps = (
        _step(PARTS[0], asked, {key: f"_{key}" for key in tokens}),
        _step(
            PARTS[1],
            {theirs: f"_{key}" for key, theirs in tokens.items()} | {one[0]: key for key, one in _SAMPLING.items()},
            {key: f"_{theirs}" for key, theirs in written.items()},
        ),
        _step(PARTS[2], {theirs: f"_{theirs}" for theirs in written.values()}, {"OUTPUT": "text_output"}),
    )
    return Model(
        name,
        'platform: "ensemble"',
        (
            Tensor("text_input", _STRING),
            Tensor("max_tokens", _INT),
            Tensor("bad_words", _STRING, (-1,), optional=True),
            Tensor("stop_words", _STRING, (-1,), optional=True),
            Tensor("end_id", _INT, optional=True),
            Tensor("pad_id", _INT, optional=True),
            *(Tensor(ours, type_, optional=True) for ours, (_, type_) in _SAMPLING.items()),
        ),
        (Tensor("text_output", _STRING, (-1,)),),
        settings=("ensemble_scheduling {", *_listed("step", steps), "}"),
    )


def _step(model: str, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> str:
    maps = [f'input_map {{ key: "{key}" value: "{value}" }}' for key, value in inputs.items()]
    maps += [f'output_map {{ key: "{key}" value: "{value}" }}' for key, value in outputs.items()]
    return "\n    ".join([f'{{ model_name: "{model}", model_version: -1', *maps]) + " }"


def _listed(name: str, entries: Iterable[str]) -> Iterator[str]:
    yield f"{name} ["
    yield ",\n".join(f"  {entry}" for entry in entries)
    yield "]"


def _quoted(text: str) -> str:
    """A string of protobuf's text format."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
