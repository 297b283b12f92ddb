"""The kernels' arguments as C lays them out; each structure is the one of the same name in ``kernels/``."""

import ctypes
from ctypes import c_float, c_int, c_void_p
from typing import Any

STORE, RESIDUAL, GATED, LOGITS, ATTENTION = range(5)
MOST_CARDS = 8  # that share a model


def fields(pointers: str, integers: str, floats: str = "", flags: str = "") -> list[tuple[str, Any]]:
    """A structure's members by kind, in this order; names are apart by a space."""
    kinds = ((pointers, c_void_p), (integers, c_int), (floats, c_float), (flags, c_int))
    return [(name, kind) for names, kind in kinds for name in names.split()]


class ProductArguments(ctypes.Structure):
    _fields_ = fields(
        "weights source squares norm bias order input_scale output_scale target target_squares partial counters"
        " positions slots cosines sines keys values",
        "rows tiles chunks inputs splits parts source_stride target_stride"
        " mode gelu outputs heads kv_heads head head_padded rotary batch_tiles slice",
        "eps cap",
        "packed sums_at",
    ) + fields("next next_norm scales next_scales items sources", "sharing_log items_known")


class AttentionArguments(ctypes.Structure):
    _fields_ = fields(
        "query keys values mixed items page_table partial counters",
        "heads kv_heads head mixed_stride table_stride window splits least_pages tile_rows packed clustered",
        "scale cap",
    )


class HeadsArguments(ctypes.Structure):
    _fields_ = fields(
        "source bias query_norm key_norm positions slots cosines sines query keys values",
        "stride heads kv_heads head rotary",
        "eps",
    )


class PeersArguments(ctypes.Structure):
    _fields_ = (("inboxes", c_void_p * MOST_CARDS), *fields("logits_there", "rank size others unused"))


class StepArguments(ctypes.Structure):
    _fields_ = (
        *fields(
            "products attention weights by_layer number shares after_attention after_mlp mixed gated qkv word_shares",
            "layers count tables_at residual_at room_at in_flight",
        ),
        ("peers", PeersArguments),
    )
