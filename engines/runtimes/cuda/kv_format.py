"""How K and V are kept in the pool: in float16, or in 8 bits with a scale in float16 for each token and head.

FP8 is E4M3 of the value over its scale, INT8 an integer from -127 to 127. The kernels' side is ``kernels/kv.cuh``.
"""

from dataclasses import dataclass

from engines.model.config import ModelConfig
from engines.page_size import PAGE_TOKENS, KvCache
from engines.runtimes.cuda.packing import padded

_NUMBERS: dict[KvCache, int] = {"fp16": 0, "fp8": 1, "int8": 2}  # as the kernels call them
_SCALE_BYTES = 2


@dataclass(frozen=True, slots=True)
class KvFormat:
    """``head_padded``: features of a head, padded to a multiple of 32."""

    kind: KvCache
    head_padded: int

    @classmethod
    def of(cls, config: ModelConfig, kind: KvCache) -> "KvFormat":
        return cls(kind, padded(config.head_dim, 32))

    @property
    def settings(self) -> dict[str, int]:
        """The kernels' macros."""
        return {"HEAD": self.head_padded, "KV": _NUMBERS[self.kind]}

    @property
    def has_scales(self) -> bool:
        return self.kind != "fp16"

    @property
    def block_bytes(self) -> int:
        """K or V of a page and head."""
        return PAGE_TOKENS * ((self.head_padded + _SCALE_BYTES) if self.has_scales else 2 * self.head_padded)

    def page_bytes(self, config: ModelConfig) -> int:
        """K and V of a page of one layer."""
        return 2 * config.num_kv_heads * self.block_bytes
