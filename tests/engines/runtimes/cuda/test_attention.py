"""On an NVIDIA card: attention over pages in float16 and in 8 bits, and what writes them, against float64."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.page_size import PAGE_TOKENS, KvCache
from engines.runtimes.cuda.arguments import AttentionArguments, HeadsArguments
from engines.runtimes.cuda.attention import ring_of, shared_of_many
from engines.runtimes.cuda.card.compiler import HOPPER, compile_kernels
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.entry import ENTRY
from engines.runtimes.cuda.kv_format import KvFormat
from engines.runtimes.cuda.packing import CHUNK, ROWS_OF_BLOCK, chunks_of, padded
from tests.engines.runtimes.cuda.pages import Double, decoded, lay_out, packed_places, value_places

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(ENTRY.unavailable() is not None, reason=f"{ENTRY.unavailable()}"),
]
KINDS: tuple[KvCache, ...] = ("fp16", "fp8", "int8")


class Case:
    """Queries of one sequence from token ``start`` on, and what attention makes of them."""

    def __init__(
        self, kind: KvCache, head: int, heads: int, kv_heads: int, start: int, count: int, window: int, cap: float
    ) -> None:
        random = np.random.default_rng(head + count + start)
        self.form = KvFormat(kind, padded(head, 32))
        self.head, self.heads, self.kv_heads, self.start, self.count = head, heads, kv_heads, start, count
        self.window, self.cap, self.repeat = window, cap, heads // kv_heads
        length = start + count
        pages = -(-length // PAGE_TOKENS)
        self.table = random.permutation(pages + 3)[:pages]
        self.query = (2 * random.standard_normal((count, heads, head))).astype(np.float16)
        # Tokens differ in size, and so do features.
        size = np.exp(random.standard_normal((length, kv_heads, 1))) * np.exp(0.5 * random.standard_normal(head))
        key, value = (random.standard_normal((length, kv_heads, head)) for _ in range(2))
        self.laid = lay_out(self.form, key, value * size, self.table, pages + 3)

    @property
    def expected(self) -> Double:
        """[count, heads * head], in float64."""
        key, value = (part.repeat(self.repeat, 1) for part in (self.laid.key, self.laid.value))
        scores = np.einsum("nhd,lhd->hnl", self.query.astype(float), key) / math.sqrt(self.head)
        if self.cap:
            scores = np.tanh(scores / self.cap) * self.cap
        at, position = np.arange(len(key))[None], np.arange(self.count)[:, None] + self.start
        seen = (at <= position) & ((at > position - self.window) if self.window else True)
        weights = np.where(seen, np.exp(scores - scores.max(-1, keepdims=True, where=seen[None], initial=-1e30)), 0)
        weights /= weights.sum(-1, keepdims=True)
        return np.einsum("hnl,lhd->nhd", weights, value).reshape(self.count, -1)

    def items(self, rows: int) -> NDArray[np.int32]:
        return np.array(
            [
                (0, row, min(rows, self.count - row), self.start + row)
                for row in range(0, self.count, rows)
            ], np.int32,
        )  # fmt: skip

    def arguments(self, device: Device, items: NDArray[np.int32]) -> AttentionArguments:
        query = np.zeros((self.count, self.heads, self.form.head_padded), np.float16)
        query[..., : self.head] = self.query
        return AttentionArguments(
            query=device.array(query), keys=device.array(self.laid.keys), values=device.array(self.laid.values),
            items=device.array(items), page_table=device.array(self.table.astype(np.int32)), heads=self.heads,
            kv_heads=self.kv_heads, head=self.head, mixed_stride=self.stride, table_stride=len(self.table),
            window=self.window, splits=1, least_pages=16, tile_rows=16, scale=1 / math.sqrt(self.head), cap=self.cap,
        )  # fmt: skip

    @property
    def stride(self) -> int:
        return CHUNK * chunks_of(self.heads * self.head)

    def error(self, device: Device, arguments: AttentionArguments, packed: bool) -> float:
        """Of what was computed, relative; ``arguments.mixed`` is where."""
        mixed = np.empty(-(-self.count // ROWS_OF_BLOCK) * ROWS_OF_BLOCK * self.stride, np.float16)
        device.download(arguments.mixed, mixed)
        device.synchronize()
        width = self.heads * self.head
        place = packed_places(self.count, width, self.stride)
        if not packed:
            place = np.arange(self.count)[:, None] * self.stride + np.arange(width)
        expected = self.expected
        return float(np.linalg.norm(mixed[place].astype(float) - expected) / np.linalg.norm(expected))

    def target(self, device: Device) -> int:
        rows = -(-self.count // ROWS_OF_BLOCK) * ROWS_OF_BLOCK
        return device.array(np.full(rows * self.stride, np.nan, np.float16))


FEW = [  # head, heads, KV heads, start, count, window, cap
    (128, 32, 8, 700, 1, 0, 0.0),
    (128, 8, 8, 1023, 5, 0, 0.0),
    (64, 14, 2, 900, 3, 0, 30.0),
    (80, 20, 1, 640, 2, 0, 0.0),
    (256, 8, 4, 611, 4, 100, 50.0),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("head", "heads", "kv_heads", "start", "count", "window", "cap"), FEW)
def test_few_queries_agree_with_float64(
    kind: KvCache, head: int, heads: int, kv_heads: int, start: int, count: int, window: int, cap: float,
    device: Device, kernels: Path,
) -> None:  # fmt: skip
    """By the kernel for short contexts, and by that for long ones, cut and whole, with each number of columns."""
    case = Case(kind, head, heads, kv_heads, start, count, window, cap)
    own_heads = min(16, case.repeat)
    blocks = kv_heads * -(-case.repeat // 16)
    ring = ring_of(case.form, device.shared_bytes, device.shared_bytes_of_block)
    settings = case.form.settings
    short = device.load(compile_kernels("attention", device.capability, settings | {"WARPS": 4}, kernels))
    long_settings = settings | {"WARPS": ring.warps, "STAGES": ring.stages}
    long = device.load(compile_kernels("attention_long", device.capability, long_settings, kernels))
    ways = [(True, 1, 1), *((False, splits, 1) for splits in (1, 3, 64))]  # for short contexts, blocks, of a cluster
    if device.capability >= HOPPER:
        ways += [(is_short, count, count) for is_short in (True, False) for count in (2, 3, 8)]
    for (is_short, splits, cluster), tile_rows, packed in itertools.product(ways, (own_heads, 16), (False, True)):
        items = case.items(max(1, tile_rows // own_heads))
        arguments = case.arguments(device, items)
        arguments.mixed, arguments.packed, arguments.tile_rows = case.target(device), packed, tile_rows
        arguments.splits, arguments.least_pages, arguments.clustered = splits, 4, int(cluster > 1)
        grid = (blocks * cluster, len(items), splits // cluster)
        if is_short:
            shared = 4 * 4 * tile_rows * (case.form.head_padded + 4)
            device.launch(short["attend_few"], grid, 128, shared, arguments, cluster=cluster)
        else:
            size = 4 * blocks * len(items) * splits * tile_rows * (case.form.head_padded + 4)
            arguments.partial = device.array(np.full(size // 4, np.nan, np.float32))
            arguments.counters = device.array(np.zeros(blocks * len(items), np.uint32))
            kernel = long["attend_long_8" if tile_rows <= 8 else "attend_long_16"]
            for _ in range(2):  # what a launch leaves behind does not change the next one
                device.launch(kernel, grid, 32 * ring.warps, ring.shared(case.form), arguments, cluster=cluster)
        assert case.error(device, arguments, packed) < 1e-3, (is_short, splits, cluster, tile_rows, packed)


MANY = [
    (128, 32, 8, 0, 200, 0, 0.0, True),
    (128, 8, 8, 77, 130, 0, 0.0, False),
    (64, 14, 2, 300, 65, 0, 0.0, True),
    (128, 8, 4, 500, 300, 100, 0.0, True),
    (64, 4, 4, 33, 150, 0, 30.0, False),
    (96, 4, 2, 20, 70, 0, 0.0, False),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hopper", [False, True])
@pytest.mark.parametrize(("head", "heads", "kv_heads", "start", "count", "window", "cap", "packed"), MANY)
def test_many_queries_agree_with_float64(
    kind: KvCache, hopper: bool, head: int, heads: int, kv_heads: int, start: int, count: int, window: int, cap: float,
    packed: bool, device: Device, kernels: Path,
) -> None:  # fmt: skip
    if hopper and device.capability != HOPPER:
        pytest.skip("This kernel is for cards of compute capability 9.0.")
    if hopper and head not in (64, 128):
        pytest.skip("This kernel is for heads of 64 and 128 features.")
    case = Case(kind, head, heads, kv_heads, start, count, window, cap)
    items = case.items(128 // case.repeat)
    arguments = case.arguments(device, items)
    arguments.mixed, arguments.packed = case.target(device), packed
    name, shared = ("attention_many", shared_of_many(case.form)) if hopper else ("attention", 0)
    settings = case.form.settings | ({} if hopper else {"WARPS": 4})
    kernel = device.load(compile_kernels(name, device.capability, settings, kernels))["attend_many"]
    device.launch(kernel, (kv_heads, len(items), 1), 256, shared, arguments)
    assert case.error(device, arguments, packed) < 1e-3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("head", "rotary"), [(128, 128), (80, 32), (256, 256)])
@pytest.mark.parametrize("normed", [False, True])
def test_heads_are_rotated_and_kept(
    kind: KvCache, head: int, rotary: int, normed: bool, device: Device, kernels: Path
) -> None:
    random, form = np.random.default_rng(head), KvFormat(kind, padded(head, 32))
    heads, kv_heads, rows, pages = 6, 2, 21, 5
    stride, half, eps = padded((heads + 2 * kv_heads) * head, 16), rotary // 2, 1e-5
    tiles = np.concatenate([np.arange(half).reshape(-1, 8), np.arange(half, rotary).reshape(-1, 8)], axis=1)
    order = np.concatenate([tiles.reshape(-1), np.arange(rotary, head)])  # rotated pairs stand 8 apart
    given = (3 * random.standard_normal((rows, heads + 2 * kv_heads, head))).astype(np.float16)
    given[3, heads:] = 0
    source = np.zeros((rows, stride), np.float16)
    placed = given.copy()
    placed[:, : heads + kv_heads] = given[:, : heads + kv_heads, order]
    source[:, : (heads + 2 * kv_heads) * head] = placed.reshape(rows, -1)
    positions, slots = random.integers(0, 99, rows), random.permutation(pages * PAGE_TOKENS)[:rows]
    slots[7] = -1
    angles = np.arange(99)[:, None] / 100 ** (np.arange(half) / half)
    weight = random.random(head).astype(np.float32) + 0.5
    blocks = device.allocate(2 * pages * kv_heads * form.block_bytes, zero=True)
    query = device.array(np.zeros((rows, heads, form.head_padded), np.float16))
    half_of_pool = pages * kv_heads * form.block_bytes
    arguments = HeadsArguments(
        source=device.array(source), query_norm=device.array(weight) if normed else 0,
        key_norm=device.array(weight) if normed else 0, positions=device.array(positions.astype(np.int32)),
        slots=device.array(slots.astype(np.int32)), cosines=device.array(np.cos(angles).astype(np.float32)),
        sines=device.array(np.sin(angles).astype(np.float32)), query=query, keys=blocks,
        values=blocks + half_of_pool, stride=stride, heads=heads, kv_heads=kv_heads, head=head, rotary=rotary, eps=eps,
    )  # fmt: skip
    kernel = device.load(compile_kernels("heads", device.capability, form.settings, kernels))["rotate"]
    device.launch(kernel, (2, rows, 1), 256, 0, arguments)
    pool = np.empty((2, pages, kv_heads, form.block_bytes), np.uint8)
    turned = np.empty((rows, heads, form.head_padded), np.float16)
    device.download(blocks, pool)
    device.download(query, turned)
    device.synchronize()

    x = given.astype(np.float64)
    if normed:
        to = heads + kv_heads
        x[:, :to] *= weight / np.sqrt((x[:, :to] ** 2).mean(-1, keepdims=True) + eps)
    a, b = x[:, : heads + kv_heads, :half].copy(), x[:, : heads + kv_heads, half:rotary].copy()
    cosine, sine = np.cos(angles)[positions][:, None], np.sin(angles)[positions][:, None]
    x[:, : heads + kv_heads, :half] = a * cosine - b * sine
    x[:, : heads + kv_heads, half:rotary] = b * cosine + a * sine
    assert np.allclose(turned[..., :head], x[:, :heads], rtol=2e-3, atol=2e-3)
    for row, slot in enumerate(slots):
        if slot < 0:
            continue
        page, inside = divmod(int(slot), PAGE_TOKENS)
        for number, at in enumerate((inside * form.head_padded + np.arange(head), value_places(head)[inside])):
            expected = x[row, heads + number * kv_heads : heads + (number + 1) * kv_heads]
            if kind == "fp16":
                found = pool[number, page].view(np.float16)[:, at].astype(float)
                assert np.allclose(found, expected, rtol=2e-3, atol=2e-3)
                continue
            scale = pool[number, page].view(np.float16)[:, PAGE_TOKENS * form.head_padded // 2 + inside]
            found = decoded(form, pool[number, page][:, at], scale)
            most = np.abs(expected).max(axis=-1, keepdims=True)
            step = most / 127 / 2 if kind == "int8" else np.maximum(np.abs(expected) / 16, most / 448 / 1024)
            assert (np.abs(found - expected) <= 1.02 * step + 1e-3).all()
    untouched = np.setdiff1d(np.arange(pages * PAGE_TOKENS), slots)
    if kind != "fp16":
        for page, inside in zip(untouched // PAGE_TOKENS, untouched % PAGE_TOKENS, strict=True):
            scales = pool[:, page].view(np.float16)[..., PAGE_TOKENS * form.head_padded // 2 + inside]
            assert (scales == 0).all(), "tokens that were not given keep what they had"
