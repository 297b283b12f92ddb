"""Reads a model folder: its ModelConfig, and its weights by the role they play, whatever their family or format.

Fused projections (Phi-3) are split, names are translated, shapes are checked against the ModelConfig. Weights are
loaded when asked for and not kept.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import numpy as np

from engines.errors import CheckpointError, UnsupportedModel
from engines.model.config import ModelConfig
from engines.model.formats import awq, compressed_tensors, eight_bit, gptq, modelopt
from engines.model.formats.quantization import Quantization, read_quantization
from engines.model.gguf import tensors as gguf
from engines.model.gguf.file import GgufFile
from engines.model.gguf.folder import weights_of
from engines.model.gguf.tensors import GgufTensors
from engines.model.json_file import read_object
from engines.model.tensor_files import TensorFiles
from engines.model.weights import BlockLinear, BlockRows, DenseLinear, Float, Linear, ScaledRows, StoredRows

Projection = Literal["q", "k", "v", "o", "gate", "up", "down"]
Norm = Literal["input", "attention_output", "mlp_input", "mlp_output", "query", "key"]
PROJECTIONS: tuple[Projection, ...] = ("q", "k", "v", "o", "gate", "up", "down")
INNER: tuple[Projection, ...] = ("gate", "up", "down")  # of an MLP or an expert
NORMS: tuple[Norm, ...] = ("input", "attention_output", "mlp_input", "mlp_output", "query", "key")

_Loader = Callable[[TensorFiles, str, Quantization, tuple[int, int], Float | None], Linear]
_LOADERS: dict[str, _Loader] = {
    "awq": awq.load,
    "gptq": gptq.load,
    "compressed-tensors": compressed_tensors.load,
    "modelopt": modelopt.load,
    "fp8": eight_bit.load,
    "int8": eight_bit.load,
}
MODULES: dict[str, str] = {
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}
# Mixtral's files call an expert's projections by numbers, all others as those of an MLP.
_MIXTRAL = {"gate": "w1", "up": "w3", "down": "w2"}
# Which tensor of a layer is which norm, by whether norms stand in front of attention and MLP, and behind them. Where
# there are four the second one has the name that others give to the norm before the MLP.
_NORMS: dict[tuple[bool, bool], dict[str, str]] = {
    (True, False): {"input": "input_layernorm", "mlp_input": "post_attention_layernorm"},
    (True, True): {
        "input": "input_layernorm",
        "attention_output": "post_attention_layernorm",
        "mlp_input": "pre_feedforward_layernorm",
        "mlp_output": "post_feedforward_layernorm",
    },
    (False, True): {"attention_output": "post_attention_layernorm", "mlp_output": "post_feedforward_layernorm"},
}


class Checkpoint:
    """Open with ``Checkpoint(folder)``. Raises CheckpointError that names file and tensor."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = ModelConfig.from_folder(folder)
        self.files: TensorFiles | GgufTensors
        if parts := weights_of(folder):
            self.quantization = Quantization("gguf")
            self.files = GgufTensors(GgufFile(parts[0], vocabulary=False))
        else:
            settings = read_object(folder / "config.json")
            self.quantization = read_quantization(folder, settings)
            self.files = TensorFiles(folder)

    @property
    def _norms(self) -> dict[str, str]:
        return _NORMS[self.config.pre_norms, self.config.post_norms]

    @property
    def has_blocks(self) -> bool:
        """Whether weights may be ``BlockLinear``."""
        return self.quantization.format in ("gguf", "int8")

    def release(self) -> None:
        """Takes weights that were read out of resident memory; those of safetensors never stay there."""
        if isinstance(self.files, GgufTensors):
            self.files.release()

    def linear(self, layer: int, projection: Projection) -> Linear:
        """One projection of one layer."""
        prefix = f"model.layers.{layer}."
        shape = self.config.linear_shape(projection)
        if self.config.family == "phi3" and projection in ("q", "k", "v"):
            return self._part(prefix + "self_attn.qkv_proj", projection, ("q", "k", "v"))
        if self.config.family == "phi3" and projection in ("gate", "up"):
            return self._part(prefix + "mlp.gate_up_proj", projection, ("gate", "up"))
        return self._load(prefix + MODULES[projection], shape)

    def router(self, layer: int) -> Linear:
        """[experts, hidden]: what gives each expert of a layer a logit."""
        assert self.config.experts is not None, "this model has no experts"
        return self._load(self._mixture(layer) + ".gate", (self.config.experts.count, self.config.hidden_size))

    def expert(self, layer: int, number: int, projection: Projection) -> Linear:
        """Gate, up or down of one expert of one layer."""
        mixture, shape = self._mixture(layer), self.config.expert_shape(projection)
        if isinstance(self.files, GgufTensors):
            return self._slice(f"{mixture}.experts.{projection}_proj.weight", number, shape)
        fused = f"{mixture}.experts.{'down_proj' if projection == 'down' else 'gate_up_proj'}"
        if fused in self.files:
            return self._fused_expert(fused, number, projection, shape)
        module = _MIXTRAL[projection] if mixture.endswith("block_sparse_moe") else f"{projection}_proj"
        return self._load(f"{mixture}.experts.{number}.{module}", shape)

    def linears(self, layer: int) -> Iterator[Linear]:
        """All matrices of a layer; of its experts the first and the last one."""
        experts = self.config.experts_of(layer)
        attention: tuple[Projection, ...] = ("q", "k", "v", "o")
        for projection in PROJECTIONS if experts is None else attention:
            yield self.linear(layer, projection)
        if experts is not None:
            yield self.router(layer)
            yield from (self.expert(layer, number, name) for number in {0, experts.count - 1} for name in INNER)

    def norm(self, layer: int, norm: Norm) -> Float | None:
        """A norm's weight with the family's offset added, or None where the family has no such norm."""
        config = self.config
        if norm in ("query", "key"):
            whole = config.q_size if norm == "query" else config.kv_size
            size, present = whole if config.qk_norm_whole else config.head_dim, config.qk_norm
        else:
            size, present = config.hidden_size, norm in self._norms
        return self._vector(self.norm_tensor(layer, norm), size) if present else None

    def norm_tensor(self, layer: int, norm: Norm) -> str:
        """The name of a norm's tensor."""
        module = f"self_attn.{norm[0]}_norm" if norm in ("query", "key") else self._norms[norm]
        return f"model.layers.{layer}.{module}.weight"

    def final_norm(self) -> Float:
        """With the division of the logits in it."""
        return self._vector("model.norm.weight", self.config.hidden_size) / np.float32(self.config.logit_divisor)

    def embedding(self) -> StoredRows:
        """[vocab, hidden], not yet scaled by ``config.embedding_scale``."""
        return self._table("model.embed_tokens.weight")

    def lm_head(self) -> Linear:
        """[vocab, hidden]; the embedding where the two are tied."""
        if self.config.tie_embeddings or not any(name.startswith("lm_head.") for name in self.files):
            if not self.config.tie_embeddings:
                raise CheckpointError(f"{self.folder} has no tensor lm_head.weight.", "Download the model again.")
            table = self.embedding()
            return BlockLinear(table) if isinstance(table, BlockRows) else DenseLinear(table)
        shape = (self.config.vocab_size, self.config.hidden_size)
        if self._stored_dense("lm_head") and "lm_head.bias" not in self.files:
            return DenseLinear(self._table("lm_head.weight"))
        return self._load("lm_head", shape)

    def _table(self, name: str) -> StoredRows:
        """[vocab, hidden], read when it is asked for."""
        shape = (self.config.vocab_size, self.config.hidden_size)
        if isinstance(self.files, GgufTensors) and not self._stored_dense(name.removesuffix(".weight")):
            return self.files.block_rows(name, shape)
        if isinstance(self.files, TensorFiles) and name in self.files and self.files.dtype(name) == "I8":
            scale = eight_bit.scale_of(self.files, name.removesuffix(".weight"), shape)
            return ScaledRows(self.files.mapped(name, shape), scale)
        return StoredRows(self.files.mapped(name, shape))

    def _vector(self, name: str, size: int) -> Float:
        return self.files.take(name, (size,)).astype(np.float32) + np.float32(self.config.norm_offset)

    def _part(self, name: str, projection: Projection, parts: tuple[Projection, ...]) -> Linear:
        sizes = [self.config.linear_shape(part)[0] for part in parts]
        whole = self._load(name, (sum(sizes), self.config.hidden_size))
        start = sum(sizes[: parts.index(projection)])
        return whole.rows(start, start + self.config.linear_shape(projection)[0])

    def _mixture(self, layer: int) -> str:
        """The name of what stands in place of a layer's MLP."""
        prefix = f"model.layers.{layer}."
        other = f"{prefix}block_sparse_moe"
        return other if f"{other}.gate.weight" in self.files else f"{prefix}mlp"

    def _fused_expert(self, name: str, number: int, projection: Projection, shape: tuple[int, int]) -> DenseLinear:
        """Of the layout that transformers computes with: all experts in one tensor, gates and ups one after the
        other."""
        assert self.config.experts is not None and isinstance(self.files, TensorFiles)
        if self.files.dtype(name) not in ("F32", "F16", "BF16"):
            raise UnsupportedModel(
                f"{name} holds all experts of a layer as {self.files.dtype(name)}.",
                "Use a model with a tensor for each expert, or a GGUF file.",
            )
        out, inputs = shape
        whole = (self.config.experts.count, out if projection == "down" else 2 * out, inputs)
        rows = self.files.mapped(name, whole)[number]
        return DenseLinear(StoredRows(rows[out:] if projection == "up" else rows[:out]))

    def _slice(self, name: str, number: int, shape: tuple[int, int]) -> Linear:
        """An expert of a GGUF file, which has all of a layer in one tensor."""
        assert self.config.experts is not None and isinstance(self.files, GgufTensors)
        whole = (self.config.experts.count, *shape)
        if self._stored_dense(name.removesuffix(".weight")):
            return DenseLinear(StoredRows(self.files.mapped(name, whole)[number]))
        rows = self.files.block_rows(name, whole)
        return BlockLinear(BlockRows(rows.kind, rows.data[number * shape[0] : (number + 1) * shape[0]]))

    def _load(self, name: str, shape: tuple[int, int]) -> Linear:
        bias = None
        if f"{name}.bias" in self.files:
            bias = self.files.take(f"{name}.bias", (shape[0],)).astype(np.float32)
        # Layers left out of quantisation (often lm_head) are stored in full precision beside the others.
        if self._stored_dense(name):
            return DenseLinear(self.files.take(f"{name}.weight", shape).astype(np.float32), bias)
        if isinstance(self.files, GgufTensors):
            return gguf.load(self.files, name, shape, bias)
        return _LOADERS[self.quantization.format](self.files, name, self.quantization, shape, bias)

    def _stored_dense(self, name: str) -> bool:
        weight = f"{name}.weight"
        if self.quantization.format == "dense":
            return True
        return weight in self.files and self.files.dtype(weight) in ("F32", "F16", "BF16")
