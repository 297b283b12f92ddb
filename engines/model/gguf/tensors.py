"""Gives a GGUF file's tensors the names that Hugging Face has for them, so that a Checkpoint reads both alike.

llama.cpp orders the rows of some models' query and key projections so that the two halves of a rotated pair are
neighbours; they are put back here. Whole rows move, so nothing is rounded.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from engines.errors import CheckpointError
from engines.model.gguf.file import GgufFile, StoredTensor
from engines.model.weights import BlockLinear, BlockRows, Float

_WHOLE = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
_LAYER = re.compile(r"model\.layers\.(\d+)\.(.+)")
_MODULES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.qkv_proj": "attn_qkv",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.gate_up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "mlp.gate": "ffn_gate_inp",
    "mlp.experts.gate_proj": "ffn_gate_exps",
    "mlp.experts.up_proj": "ffn_up_exps",
    "mlp.experts.down_proj": "ffn_down_exps",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}
_NORMS_BEHIND = {  # Gemma, OLMo 2
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}
_PAIRED = ("llama", "smollm3", "granite")  # architectures whose rotated pairs lie side by side


class GgufTensors(Mapping[str, NDArray[np.generic]]):
    """``tensors[name]`` is a tensor as numbers, bfloat16 widened to float32 and blocks decoded."""

    def __init__(self, file: GgufFile) -> None:
        self._file = file
        self.metadata = file.metadata
        self._architecture = str(file.metadata.get("general.architecture", ""))
        norms_behind = "blk.0.post_ffw_norm.weight" in file.tensors
        self._modules = _MODULES | (_NORMS_BEHIND if norms_behind else {})
        outer = {inner: name for name, inner in _WHOLE.items()}
        self._names: dict[str, str] = {}
        for inner in file.tensors:
            module, _, kind = inner.rpartition(".")
            if module in outer:
                self._names[f"{outer[module]}.{kind}"] = inner
            elif found := re.fullmatch(r"blk\.(\d+)\.(.+)", module):
                for name, stored in self._modules.items():
                    if stored == found[2]:
                        self._names[f"model.layers.{found[1]}.{name}.{kind}"] = inner

    def __getitem__(self, name: str) -> NDArray[np.generic]:
        stored = self._stored(name)
        data = self._rows_in_order(name, stored.data)
        if stored.type.decode is not None:
            return stored.type.decode(np.ascontiguousarray(data)).dense().reshape(stored.shape)
        numbers = _numbers(stored, data)
        return _widened(numbers) if stored.type.name == "BF16" else numbers

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    @property
    def main_type(self) -> str:
        """The type that most weights of the layers have."""
        sizes: Counter[str] = Counter()
        for name, stored in self._file.tensors.items():
            if name.startswith("blk."):
                sizes[stored.type.name] += math.prod(stored.shape)
        return sizes.most_common(1)[0][0] if sizes else ""

    def release(self) -> None:
        """As the file's."""
        self._file.release()

    def take(self, name: str, shape: tuple[int, ...]) -> NDArray[np.generic]:
        """The tensor, with its shape checked. Raises CheckpointError that names tensor, file and both shapes."""
        self._checked(name, shape)
        return self[name]

    def mapped(self, name: str, shape: tuple[int, ...]) -> NDArray[np.generic]:
        """Plain numbers as they lie in the file, bfloat16 in uint16."""
        stored = self._checked(name, shape)
        return _numbers(stored, stored.data)

    def block_rows(self, name: str, shape: tuple[int, ...]) -> BlockRows:
        stored = self._checked(name, shape)
        return BlockRows(stored.type, self._rows_in_order(name, stored.data))

    def shape(self, name: str) -> tuple[int, ...]:
        return self._stored(name).shape

    def dtype(self, name: str) -> str:
        """As the format spells it, such as F16 or Q4_K."""
        return self._stored(name).type.name

    def _stored(self, name: str) -> StoredTensor:
        return self._file.tensor(self._names.get(name, name))

    def _checked(self, name: str, shape: tuple[int, ...]) -> StoredTensor:
        stored = self._stored(name)
        if stored.shape != shape:
            raise CheckpointError(
                f"{stored.name} in {self._file.path} has the shape {list(stored.shape)}, not {list(shape)}.",
                "The file's settings and its weights do not belong together; download it again.",
            )
        return stored

    def _rows_in_order(self, name: str, data: NDArray[np.uint8]) -> NDArray[np.uint8]:
        found = _LAYER.match(name)
        if found is None or self._architecture not in _PAIRED:
            return data
        heads = {"self_attn.q_proj": "head_count", "self_attn.k_proj": "head_count_kv"}.get(found[2].rpartition(".")[0])
        if heads is None:
            return data
        metadata, prefix = self._file.metadata, f"{self._architecture}.attention."
        count = metadata.get(prefix + heads, metadata.get(prefix + "head_count"))
        return _unpermuted(data, _integer(count), bias=found[2].endswith(".bias"))


def load(tensors: GgufTensors, name: str, shape: tuple[int, int], bias: Float | None) -> BlockLinear:
    """A projection in blocks. Raises CheckpointError."""
    return BlockLinear(tensors.block_rows(f"{name}.weight", shape), bias)


def _unpermuted(data: NDArray[np.uint8], heads: int, *, bias: bool) -> NDArray[np.uint8]:
    """Rows [heads * head_dim, bytes] from pairs side by side to halves; a bias is one row of float32."""
    rows = data.reshape(-1, 4) if bias else data
    paired = rows.reshape(heads, -1, 2, rows.shape[1])
    return np.ascontiguousarray(paired.swapaxes(1, 2)).reshape(data.shape)


def _numbers(stored: StoredTensor, data: NDArray[np.uint8]) -> NDArray[np.generic]:
    return np.ascontiguousarray(data).view(stored.type.numpy).reshape(stored.shape)


def _widened(bfloat16: NDArray[np.generic]) -> Float:
    return (bfloat16.astype(np.uint32) << 16).view(np.float32)


def _integer(value: object) -> int:
    if isinstance(value, list) and value and len(set(value)) == 1:
        value = value[0]
    if not isinstance(value, int) or value < 1:
        raise CheckpointError(f"The number of heads is {value}.", "Download the model again.")
    return value
