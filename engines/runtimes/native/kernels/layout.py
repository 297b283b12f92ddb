"""Defines the interface between the kernels and their callers: sizes, the words of an operation and of a step.

A program is a list of operations that all threads go through together: each operation's items are shared out, and the
next begins when all are done. An operation is ``WORDS`` words of 64 bits: the address of its kernel, then the kernel's
fields in their order. Words hold addresses, integers or, in their first half, a float32. What changes from step to step
stands in the step's words; an operation's ``rows_at`` says which of them counts its rows.

Rows of activations are float32 and begin ``stride`` elements apart. A ``width`` is padded to full tiles: what lies
between the last feature and that is zero, and stays so. Addresses may be 0 where it says "or none".
"""

from engines.page_size import PAGE_TOKENS

LANES = 16  # of a vector
TILE = 2 * LANES  # outputs of a product that are computed together
assert PAGE_TOKENS == LANES, "a page of K holds one token for each lane"
QUERY_BLOCKS = (1, 2, 4, 8)  # queries that attention takes together
LARGEST_STATE = 4096  # floats that attention collects at a time: queries of a block * heads of a range * head_padded
LARGEST_HEAD = LARGEST_STATE // max(QUERY_BLOCKS)  # features

WORDS = 24
_LINE = 8  # words of a cache line, which no two threads should write to at once
ARRIVED, ROUND, NEXT = 0, _LINE, 2 * _LINE  # places among the words by which threads agree
SYNC_WORDS = 3 * _LINE

STEP = (
    "rows",  # tokens
    "logit_rows",  # of them, those whose logits are asked for
    "chosen",  # int64 [logit_rows], which
    "positions",  # int64 [rows]
    "slots",  # int64 [rows]
    "page_table",  # int64 [sequences, table_stride]
    "table_stride",
    "blocks",  # int64 [num_blocks, 3] of attention: sequence, first query, number of queries
    "num_blocks",
    "head_range",  # key heads that a thread attends to at a time
    "pairs",  # of a row and an expert that it passes; the operation ``dispatch`` counts them
)
ROWS, LOGIT_ROWS, PAIRS = (STEP.index(name) for name in ("rows", "logit_rows", "pairs"))

_MATMUL = (
    "rows_at",
    "y",
    "y_stride",
    "x",  # int8 [rows, inputs], or float32 for weights of 16 and 32 bits
    "x_stride",
    "x_scales",  # float32 [rows, groups]
    "x_sums",  # int32 [rows, groups]
    "groups",
    "group",  # inputs in one
    "weights",
    "scales",  # [tiles, groups, TILE], float32 or float16
    "scales_half",  # 1 for float16
    "zeros",  # uint8 [tiles, groups, TILE]
    "bias",  # float32 [tiles * TILE], or none
    "tiles",
)
# A product of each expert with its rows, which are those of the pairs' in a stretch.
_EXPERTS = (
    "operations",  # int64 [experts, WORDS]: each expert's product, whose rows are not counted by ``rows_at``
    "active",  # int64: how many experts have rows, then of each its number, first row and number of rows
    "tiles",  # of one expert
)
FIELDS: dict[str, tuple[str, ...]] = {
    "matmul4": _MATMUL,
    "matmul8": _MATMUL,
    "matmul16": _MATMUL,
    "matmul32": _MATMUL,
    "matmul4_experts": _EXPERTS,
    "matmul8_experts": _EXPERTS,
    "matmul16_experts": _EXPERTS,
    "matmul32_experts": _EXPERTS,
    "norm": (
        "rows_at",
        "x",
        "x_stride",
        "change",  # or none
        "change_stride",
        "y",
        "y_stride",
        "weight",
        "width",
        "features",  # a float
        "eps",
    ),
    "add": ("rows_at", "x", "x_stride", "change", "change_stride", "width"),
    "head_norm": ("rows_at", "x", "x_stride", "heads", "head_dim", "weight", "features", "eps"),
    "round_rows": ("rows_at", "x", "x_stride", "y", "y_stride", "scales", "sums", "totals", "groups", "group"),
    "gated": ("rows_at", "gate", "gate_stride", "up", "up_stride", "width", "gelu"),
    "softcap": ("rows_at", "x", "x_stride", "width", "cap"),
    "choose": ("rows_at", "x", "x_stride", "y", "y_stride", "width"),
    "route": (
        "rows_at",
        "x",  # logits, which are changed
        "x_stride",
        "experts",
        "chosen",  # experts of a row
        "normalised",  # 1 where their weights add up to 1
        "choices",  # int64 [rows, chosen]
        "weights",  # float32 [rows, chosen]
    ),
    "dispatch": (
        "rows_at",
        "experts",
        "chosen",
        "choices",
        "starts",  # int64 [experts], room to count in
        "active",
        "places",  # int64 [rows, chosen]: which pair each choice became
        "sources",  # int64 [pairs]: of which row
    ),
    "gather": ("rows_at", "x", "x_stride", "y", "y_stride", "width", "sources"),
    "combine": ("rows_at", "x", "x_stride", "y", "y_stride", "width", "chosen", "places", "weights"),
    "prepare": ("rows_at", "x", "x_stride", "y", "y_stride", "inputs", "scale", "order"),
    "rotate": (
        "rows_at",
        "q",
        "q_stride",
        "k",
        "k_stride",
        "v",
        "v_stride",
        "heads",
        "kv_heads",
        "head_dim",
        "head_padded",  # to full vectors
        "half",  # of the features that are rotated
        "cos",  # float32 [positions, half]
        "sin",
        "keys",  # float16 [pages, kv_heads, head_dim, PAGE_TOKENS]
        "values",  # float16 [pages, kv_heads, PAGE_TOKENS, head_padded]
    ),
    "attend": (
        "q",
        "q_stride",
        "y",
        "y_stride",
        "keys",
        "values",
        "kv_heads",
        "repeat",  # query heads of a key head
        "head_dim",
        "head_padded",
        "window",  # tokens, 0 for all
        "scale",
        "softcap",  # 0.0 for none
    ),
}
BLOCK_GROUPS = (16, 32)  # inputs that share a scale
_BLOCKS = (
    "rows_at",
    "y",
    "y_stride",
    "x",  # int8 [rows, inputs]
    "x_stride",
    "x_scales",  # float32 [rows, groups]
    "x_totals",  # float32 [rows, groups]: what a group's bytes are worth together
    "groups",
    "group",  # inputs in one, of BLOCK_GROUPS
    "weights",
    "factors",  # float16 [tiles, groups / factor_groups, TILE]
    "levels",  # int8 [tiles, groups, TILE], or none where all are 1
    "minimum_factors",  # as factors, or none
    "minimum_levels",
    "factor_groups",  # that share a factor
    "zero",
    "bias",  # float32 [tiles * TILE], or none
    "tiles",
)
# Compiled only where a model needs them: its weights are in the blocks of GGUF.
_BLOCK_KERNELS = ("blocks4", "blocks6", "blocks8")
BLOCK_FIELDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_BLOCK_KERNELS, _BLOCKS),
    **{f"{name}_experts": _EXPERTS for name in _BLOCK_KERNELS},
}
# Compiled only where weights in such blocks are packed.
PACKED_TYPES = (
    "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS",
)  # fmt: skip
_PACKING = (
    "rows",  # uint8 [tiles * TILE, row_bytes], as in the file
    "row_bytes",
    "blocks",  # of a row
    "weights",  # the tiles that are written; then as the fields of a product
    "factors",
    "levels",
    "minimum_factors",
    "minimum_levels",
    "tiles",
)
PACKING_FIELDS: dict[str, tuple[str, ...]] = {f"pack_{name}": _PACKING for name in PACKED_TYPES}
ALL_FIELDS = FIELDS | BLOCK_FIELDS | PACKING_FIELDS
assert all(len(fields) < WORDS for fields in ALL_FIELDS.values())
