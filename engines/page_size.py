"""The page size and the number formats of the KV cache and the output layer, which the page table, the settings and
every runtime share."""

from typing import Literal

PAGE_TOKENS = 16  # tokens whose K and V lie in one page of the pool; the native kernels' vectors hold as many lanes
KvCache = Literal["fp16", "fp8", "int8"]  # how the numbers of K and V are kept
LmHead = Literal["stored", "int8"]  # the output layer's weights: as stored, or a full-precision one's rounded to 8 bits
