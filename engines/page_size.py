"""The page size of the KV cache, which the page table and every runtime share."""

PAGE_TOKENS = 16  # tokens whose K and V lie in one page of the pool; the native kernels' vectors hold as many lanes
