"""K and V in 8 bits, against a list of all numbers that the format has."""

import numpy as np
import pytest

from engines.model.kv_rounding import rounded
from engines.page_size import KvCache
from engines.runtimes.cuda.kv_format import KvFormat
from tests.engines.runtimes.cuda.pages import encoded

KINDS: tuple[KvCache, ...] = ("fp8", "int8")


@pytest.mark.parametrize("kind", KINDS)
def test_each_head_is_rounded_by_its_own_scale(kind: KvCache) -> None:
    random = np.random.default_rng(0)
    values = random.standard_normal((200, 3, 64)) * np.exp(2 * random.standard_normal((200, 3, 1)))
    values[5, 1] = 0
    _, _, expected = encoded(KvFormat(kind, 64), values.reshape(-1, 64))
    found = rounded(values.astype(np.float32), kind)
    off = np.abs(found - expected.reshape(values.shape)) / np.abs(values).max(axis=-1, keepdims=True).clip(1e-9)
    assert (off > 1e-5).mean() < 1e-4, "but for ties that float32 turns"
    error = np.linalg.norm(found - values) / np.linalg.norm(values)
    assert 0.002 < error < (0.04 if kind == "fp8" else 0.01)
    assert (found[5, 1] == 0).all()


def test_float16_stays_as_it_is() -> None:
    values = np.random.default_rng(1).standard_normal((4, 2, 8)).astype(np.float32)
    assert rounded(values, "fp16") is values
