"""Quantises a full-precision checkpoint, layer by layer: to INT4 in AutoAWQ's GEMM layout or GPTQ's, or to 8 bits.

Only one layer and the calibration activations are in memory at a time. Each finished layer is a shard on disk, and the
activations that enter the next one lie beside it, so that an interrupted run goes on where it stopped. Scales are
folded into the preceding norm or projection: the result needs no extra arithmetic.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from engines.base import StepBatch
from engines.errors import RequestError, UnsupportedModel
from engines.model.attention import PagedAttention
from engines.model.checkpoint import MODULES, PROJECTIONS, Checkpoint, Norm, Projection
from engines.model.formats import awq as awq_format
from engines.model.formats import eight_bit as eight_bit_format
from engines.model.formats import gptq as gptq_format
from engines.model.layer import DecoderLayer
from engines.model.rope import rotate
from engines.model.tensor_files import tensor_names
from engines.model.weights import DenseLinear, Float, QuantizedLinear, StoredRows
from engines.page_size import PAGE_TOKENS
from engines.quantize.awq import round_to_nearest, search_clipping, search_input_scale
from engines.quantize.eight_bit import EightBit, call_fp8, round_eight_bit, settings_of, smoothing_scale
from engines.quantize.gptq import hessian, round_gptq
from files import replacing

# Projections that share an input, and what the inverse of their scale is folded into.
_SHARED: tuple[tuple[Projection, ...], ...] = (("q", "k", "v"), ("o",), ("gate", "up"), ("down",))
_SEARCH_TOKENS = 512  # rows of the activations that the searches look at
_ONE_FILE_BYTES = 1 << 30  # a model of more is left in a file for each layer
_GPTQ_INPUTS = 8192  # with more, GPTQ takes minutes for each projection: there it is left out


Scheme = Literal["awq", "gptq", "fp8", "int8-smooth"]
SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
_Rounded = QuantizedLinear | EightBit


@dataclass(frozen=True, slots=True)
class QuantizeOptions:
    """Scheme "awq": ``awq`` off means rounding to nearest: no calibration is used. ``gptq`` rounds the scaled and
    clipped weights by GPTQ instead of each to the nearest; without it this is AWQ as published. Scheme "gptq" is GPTQ
    alone, "fp8" and "int8-smooth" have a scale for each output and no groups. ``embedding_bits`` 8 stores the embedding
    in INT8 with a scale for each token, which Docent alone reads."""

    group: int = 128
    symmetric: bool = False
    awq: bool = True
    clip: bool = True
    gptq: bool = True
    scheme: Scheme = "awq"
    embedding_bits: Literal[8, 16] = 16


def quantize(
    source: Path,
    target: Path,
    calibration: Sequence[Sequence[int]],
    options: QuantizeOptions | None = None,
    on_layer: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Writes the model to ``target``. ``calibration`` holds token sequences, a few dozen of some hundred tokens;
    ``on_layer(done, total)`` reports progress. Raises CheckpointError, UnsupportedModel or RequestError."""
    options = options or QuantizeOptions()
    calibration = [sequence for sequence in calibration if len(sequence)]
    checkpoint = Checkpoint(source)
    _check(checkpoint, options, calibration)
    work = target / ".partial"
    work.mkdir(parents=True, exist_ok=True)
    _check_same_run(work / "run.json", {"source": str(source), **asdict(options), "tokens": sum(map(len, calibration))})
    batch = _calibration_batch(calibration)
    total = checkpoint.config.num_layers
    done = _finished_layers(work, total)
    x = _entering(work, done, checkpoint, batch)
    rng = np.random.default_rng(0)
    rows = np.sort(rng.choice(len(x), min(_SEARCH_TOKENS, len(x)), replace=False))
    for number in range(done, total):
        layer = DecoderLayer.load(checkpoint, number)
        layer.recording = True
        x = _forward(layer, number, x, batch)
        if options.scheme in ("fp8", "int8-smooth"):
            quantized, norms = _round_layer(layer, options.scheme == "int8-smooth")
        else:
            quantized, norms = _quantize_layer(layer, rows, options)
        _save_state(work, number, _tensors(checkpoint, number, layer, quantized, norms, options), x)
        on_layer(number + 1, total)
    _finish(checkpoint, work, target, options)


def _check(checkpoint: Checkpoint, options: QuantizeOptions, calibration: Sequence[Sequence[int]]) -> None:
    config = checkpoint.config
    if checkpoint.quantization.format != "dense":
        raise UnsupportedModel("The model is quantised already.", "Start from the full-precision one.")
    if config.family == "phi3":
        raise UnsupportedModel("Phi-3's fused projections cannot be quantised here.", "Use a quantised Phi-3.")
    if config.experts is not None:
        raise UnsupportedModel(
            "Mixtures of experts cannot be quantised here.", "Use a quantised one, such as a GGUF file in Q4_K_M."
        )
    if not config.pre_norms:
        raise UnsupportedModel(
            "OLMo 2 has no norms in front of its projections to take scales; it cannot be quantised here.",
            "Use a quantised one.",
        )
    if options.scheme in ("fp8", "int8-smooth"):
        _check_calibration(calibration)
        return
    sizes = {size for name in ("q", "o", "gate", "down") for size in config.linear_shape(name)} | {config.kv_size}
    if any(size % 8 for size in sizes) or any(config.linear_shape(n)[1] % options.group for n in ("q", "o", "down")):
        raise RequestError(
            f"A group of {options.group} does not divide the model's sizes {sorted(sizes)}.", "Use --group 64 or 32."
        )
    _check_calibration(calibration)


def _check_calibration(calibration: Sequence[Sequence[int]]) -> None:
    if not calibration:
        raise RequestError("The calibration text is empty.", "Give a text file of some pages.")


def _check_same_run(path: Path, run: dict[str, object]) -> None:
    text = json.dumps(run, sort_keys=True)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise RequestError(
            f"{path.parent} holds an interrupted run with other options.", "Repeat those, or delete the folder."
        )
    path.write_text(text, encoding="utf-8")


def _finished_layers(work: Path, total: int) -> int:
    """How many layers can be skipped: those whose shard exists and behind which the activations were saved."""
    try:
        with np.load(work / "activations.npz") as saved:
            done = int(saved["layer"])
    except (OSError, ValueError, KeyError):
        return 0
    complete = all(_shard(work, number).exists() for number in range(done))
    return done if complete and done <= total else 0


def _entering(work: Path, done: int, checkpoint: Checkpoint, batch: StepBatch) -> Float:
    if done:
        with np.load(work / "activations.npz") as saved:
            return np.asarray(saved["x"], dtype=np.float32)
    if batch.tokens.max() >= checkpoint.config.vocab_size:
        raise RequestError("The calibration text was encoded with another tokenizer.", "Use the model's own.")
    scale = np.float32(checkpoint.config.embedding_scale)
    return np.asarray(checkpoint.embedding()[batch.tokens] * scale, dtype=np.float32)


def _forward(layer: DecoderLayer, number: int, x: Float, batch: StepBatch) -> Float:
    """The layer over all calibration sequences at once; attention stays within each."""
    sliding = layer.config.sliding_layers[number]
    rope = layer.config.rope_of(number)
    single = replace(layer.config, num_layers=1, sliding_layers=(sliding,), rope=rope, second_rope=None)
    longest = int(batch.context_lengths.max())
    attention = PagedAttention(single, int(batch.page_table.max()) + 1, longest)
    cos, sin = attention.rotation(0, batch.positions)
    return layer(x, lambda q, k, v: attention(0, rotate(q, cos, sin), rotate(k, cos, sin), v, batch))


def _calibration_batch(calibration: Sequence[Sequence[int]]) -> StepBatch:
    """Every sequence whole, in pages of its own."""
    lengths = np.array([len(sequence) for sequence in calibration])
    pages = -(-lengths // PAGE_TOKENS)
    first = np.cumsum([0, *pages[:-1]])
    table = np.full((len(lengths), pages.max()), -1)
    for row, (start, count) in enumerate(zip(first, pages, strict=True)):
        table[row, :count] = np.arange(start, start + count)
    positions = np.concatenate([np.arange(length) for length in lengths])
    return StepBatch(
        tokens=np.concatenate([np.asarray(sequence, dtype=np.int64) for sequence in calibration]),
        positions=positions,
        slots=positions + np.repeat(first * PAGE_TOKENS, lengths),
        sequence_starts=np.cumsum([0, *lengths]),
        context_lengths=lengths,
        page_table=table,
        logits_for=np.zeros(0, np.int64),
    )


def _quantize_layer(
    layer: DecoderLayer, rows: NDArray[np.int64], options: QuantizeOptions
) -> tuple[dict[Projection, _Rounded], dict[Norm, Float]]:
    """Scales, clips and rounds one recorded layer; returns its projections and the norms that took scales in."""
    config, weights = layer.config, dict(layer.weights)
    norms = {name: weight for name, weight in layer.norms.items() if weight is not None}
    inputs = {name: x[rows] for name, x in layer.inputs.items()}
    scales: dict[Projection, Float] = {}
    awq = options.awq and options.scheme == "awq"
    if awq:
        for names in _SHARED:
            if names == ("o",) and config.num_heads != config.num_kv_heads:
                continue  # the values' channels are shared by several heads: there is nothing to fold the scale into
            scale = search_input_scale(inputs[names[0]], [weights[n] for n in names], options.group, options.symmetric)
            for name in names:
                weights[name] = weights[name] * scale
                inputs[name] = inputs[name] / scale
                scales[name] = scale
            _fold(names, scale, weights, layer.biases, norms)
    quantized: dict[Projection, _Rounded] = {}
    for name in PROJECTIONS:
        keep = None
        # Clipping queries and keys hurts: their products pass a softmax (as published).
        if awq and options.clip and name not in ("q", "k"):
            keep = search_clipping(inputs[name], weights[name], options.group, options.symmetric)
        if (awq or options.scheme == "gptq") and options.gptq and weights[name].shape[1] <= _GPTQ_INPUTS:
            seen = hessian(layer.inputs[name], scales.get(name))
            quantized[name] = round_gptq(weights[name], seen, options.group, options.symmetric, keep)
        else:
            quantized[name] = round_to_nearest(weights[name], options.group, options.symmetric, keep)
    return quantized, norms


def _round_layer(layer: DecoderLayer, smooth: bool) -> tuple[dict[Projection, _Rounded], dict[Norm, Float]]:
    """8 bits for each weight; ``smooth`` moves a part of what channels behind norms differ by into the weights."""
    weights = dict(layer.weights)
    norms = {name: weight for name, weight in layer.norms.items() if weight is not None}
    if smooth:
        for names in (_SHARED[0], _SHARED[2]):
            scale = smoothing_scale(layer.inputs[names[0]], [weights[name] for name in names])
            for name in names:
                weights[name] = weights[name] * scale
            _fold(names, scale, weights, layer.biases, norms)
    return {name: round_eight_bit(weights[name], "int8" if smooth else "fp8") for name in PROJECTIONS}, norms


def _fold(
    names: tuple[Projection, ...],
    scale: Float,
    weights: dict[Projection, Float],
    biases: dict[Projection, Float | None],
    norms: dict[Norm, Float],
) -> None:
    """Divides what feeds the projections by the scale, so that the layer computes what it did before."""
    if names[0] == "q":
        norms["input"] = norms["input"] / scale
    elif names[0] == "gate":
        norms["mlp_input"] = norms["mlp_input"] / scale
    else:
        feeding: Projection = "v" if names[0] == "o" else "up"
        weights[feeding] = weights[feeding] / scale[:, None]
        bias = biases[feeding]
        biases[feeding] = None if bias is None else bias / scale


def _tensors(
    checkpoint: Checkpoint,
    number: int,
    layer: DecoderLayer,
    quantized: dict[Projection, _Rounded],
    norms: dict[Norm, Float],
    options: QuantizeOptions,
) -> dict[str, NDArray[np.generic]]:
    prefix = f"model.layers.{number}."
    tensors: dict[str, NDArray[np.generic]] = {}
    for name, linear in quantized.items():
        module = prefix + MODULES[name]
        if isinstance(linear, EightBit):
            tensors |= eight_bit_format.store(module, linear.codes, linear.scale)
        else:
            tensors |= (gptq_format if options.scheme == "gptq" else awq_format).store(module, linear)
        bias = layer.biases[name]
        if bias is not None:
            tensors[f"{module}.bias"] = bias.astype(np.float16)
    offset = np.float32(checkpoint.config.norm_offset)
    for norm, weight in norms.items():
        tensors[checkpoint.norm_tensor(number, norm)] = (weight - offset).astype(np.float16)
    return tensors


def _save_state(work: Path, number: int, tensors: dict[str, NDArray[np.generic]], x: Float) -> None:
    """Shard first, then the activations behind it: whichever of them an interruption leaves, nothing is half."""
    with replacing(_shard(work, number)) as shard:
        save_file(tensors, shard, metadata={"format": "pt"})
    with replacing(work / "activations.npz") as activations:
        np.savez(activations, layer=number + 1, x=x)


def _shard(work: Path, number: int) -> Path:
    return work / f"layer-{number:04d}.safetensors"


def _embedding(checkpoint: Checkpoint, options: QuantizeOptions) -> dict[str, NDArray[np.generic]]:
    table = checkpoint.embedding()
    if options.embedding_bits == 16:
        return {"model.embed_tokens.weight": _half(table)}
    rounded = round_eight_bit(table.whole(), "int8")
    return eight_bit_format.store("model.embed_tokens", rounded.codes, rounded.scale)


def _half(weight: Float | StoredRows) -> NDArray[np.float16]:
    if not isinstance(weight, StoredRows):
        return weight.astype(np.float16)
    half = np.empty(weight.shape, np.float16)
    for rows, values in weight.chunks():
        half[rows] = values
    return half


def _move_shards(shards: Sequence[Path], target: Path) -> None:
    weight_map: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        final = target / f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        shard.replace(final)
        weight_map |= dict.fromkeys(tensor_names(final), final.name)
    index = {"metadata": {}, "weight_map": weight_map}
    (target / "model.safetensors.index.json").write_text(json.dumps(index, indent=1), encoding="utf-8")


def _finish(checkpoint: Checkpoint, work: Path, target: Path, options: QuantizeOptions) -> None:
    """Writes what is not in the layers, the index and the settings, then moves the shards into place."""
    final_norm = checkpoint.files.take("model.norm.weight", (checkpoint.config.hidden_size,))  # as it is stored
    tensors: dict[str, NDArray[np.generic]] = {
        **_embedding(checkpoint, options),
        "model.norm.weight": final_norm.astype(np.float16),
    }
    if not checkpoint.config.tie_embeddings:
        head = checkpoint.lm_head()
        assert isinstance(head, DenseLinear), "only full-precision models are quantised"
        tensors["lm_head.weight"] = _half(head.weight)
    rest = work / "rest.safetensors"
    save_file(tensors, rest, metadata={"format": "pt"})
    shards = [*(_shard(work, number) for number in range(checkpoint.config.num_layers)), rest]
    if sum(shard.stat().st_size for shard in shards) <= _ONE_FILE_BYTES:
        whole = {name: tensor for shard in shards for name, tensor in load_file(shard).items()}
        save_file(whole, target / "model.safetensors", metadata={"format": "pt"})
    else:
        _move_shards(shards, target)
    settings = json.loads((checkpoint.folder / "config.json").read_text(encoding="utf-8"))
    settings["quantization_config"] = _settings(options)
    if options.scheme == "fp8":
        for path in target.glob("*.safetensors"):
            call_fp8(path)
    for file in checkpoint.folder.iterdir():
        if file.suffix in (".json", ".jinja", ".model", ".txt") and "safetensors" not in file.name:
            shutil.copy2(file, target / file.name)
    (target / "config.json").write_text(json.dumps(settings, indent=2), encoding="utf-8")
    shutil.rmtree(work)


def _settings(options: QuantizeOptions) -> dict[str, Any]:
    """What config.json says of the weights."""
    if options.scheme in ("fp8", "int8-smooth"):
        return settings_of("fp8" if options.scheme == "fp8" else "int8")
    settings: dict[str, Any] = {"quant_method": options.scheme, "bits": 4, "group_size": options.group}
    if options.scheme == "gptq":
        return settings | {"sym": options.symmetric, "desc_act": False, "checkpoint_format": "gptq_v2"}
    return settings | {
        "zero_point": not options.symmetric,
        "version": "gemm",
        "modules_to_not_convert": ["lm_head"],
    }
