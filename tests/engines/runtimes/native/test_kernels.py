"""Docent's own kernels one by one, against float64, for every set of instructions that this processor has."""

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.errors import RuntimeUnavailable
from engines.runtimes.native.kernel_loader import check_products, load_kernels
from engines.runtimes.native.kernels.instructions import KNOWN, Instructions, best, usable
from engines.runtimes.native.kernels.layout import FIELDS, ROWS, TILE
from engines.runtimes.native.kernels.library import Library
from engines.runtimes.native.kernels.linker import Linked, link

binding = pytest.importorskip("llvmlite.binding", reason="there is no llvmlite for this platform")
Array = NDArray[np.generic]
Do = Callable[..., None]


# The best instructions of this processor; its others are slow to compile for and differ in few places.
_USABLE = [
    pytest.param(known, id=known.name, marks=pytest.mark.slow if at else ()) for at, known in enumerate(usable())
]


@pytest.fixture(params=_USABLE or [pytest.param(None, id="none")])
def instructions(request: pytest.FixtureRequest) -> Instructions:
    if request.param is None:
        pytest.skip("Docent's own kernels need Linux and an x86 processor with AVX2")
    chosen: Instructions = request.param
    return chosen


@pytest.fixture
def do(instructions: Instructions) -> Do:
    """Runs one operation over ``rows`` rows; arrays are given by their addresses."""
    kernels = load_kernels(instructions)

    def run(kernel: str, rows: int, **fields: Array | float | int) -> None:
        given = {name: v.ctypes.data if isinstance(v, np.ndarray) else v for name, v in fields.items()}
        kernels.do(kernels.words(kernel, rows_at=ROWS, **given), rows)

    return run


def normal(*shape: int, seed: int = 0, scale: float = 1.0) -> NDArray[np.float32]:
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 8, 19])
@pytest.mark.parametrize(("bits", "group"), [(4, 16), (4, 128), (8, 32)])
def test_products_of_bytes_are_exact(do: Do, bits: int, group: int, rows: int) -> None:
    """Largest weights meet largest values, where sums of 16 bits would overflow; zero points are any."""
    tiles, inputs = 3, 256
    rng = np.random.default_rng(rows)
    q = rng.integers(0, 2**bits, (tiles * TILE, inputs)).astype(np.uint8)
    q[:40] = 2**bits - 1
    zero = rng.integers(0, 2**bits, (tiles * TILE, inputs // group)).astype(np.uint8)
    scale = rng.random(zero.shape).astype(np.float16)
    x = rng.integers(-127, 128, (rows, inputs)).astype(np.int8)
    x[0], x[-1] = 127, -127
    x_scale = rng.random((rows, inputs // group)).astype(np.float32)
    bias, y = normal(tiles * TILE), np.empty((rows, tiles * TILE), np.float32)
    four = q.reshape(tiles, 2, 16, -1, 4).transpose(0, 3, 1, 2, 4)
    packed = np.ascontiguousarray(four[:, :, 0] | (four[:, :, 1] << 4) if bits == 4 else four)

    def by_tile(values: Array) -> Array:
        return np.ascontiguousarray(values.reshape(tiles, TILE, -1).transpose(0, 2, 1))

    scales, zeros = by_tile(scale), by_tile(zero)
    sums = x.reshape(rows, -1, group).sum(-1, dtype=np.int32)
    do(
        f"matmul{bits}",
        rows,
        y=y,
        y_stride=y.shape[1],
        x=x,
        x_stride=inputs,
        x_scales=x_scale,
        x_sums=sums,
        groups=inputs // group,
        group=group,
        weights=packed,
        scales=scales,
        scales_half=1,
        zeros=zeros,
        bias=bias,
        tiles=tiles,
    )
    weight = (q.reshape(len(q), -1, group) - zero[:, :, None].astype(np.float64)) * scale[:, :, None].astype(np.float64)
    values = x.reshape(rows, -1, group) * x_scale[:, :, None].astype(np.float64)
    expected = values.reshape(rows, -1) @ weight.reshape(len(q), -1).T + bias
    assert np.abs(y - expected).max() < 1e-6 * np.abs(expected).max()


@pytest.mark.parametrize("rows", [1, 2, 4, 9])
@pytest.mark.parametrize("stored", [np.float16, np.float32])
def test_products_of_numbers_in_full_precision(do: Do, stored: type[np.float16 | np.float32], rows: int) -> None:
    """As weights in float32, float16 and bfloat16 are computed: widened, which loses nothing."""
    tiles, inputs = 2, 192
    weight, x = normal(tiles * TILE, inputs).astype(stored), normal(rows, inputs, seed=1)
    packed = np.ascontiguousarray(weight.reshape(tiles, TILE, inputs).transpose(0, 2, 1))
    y = np.empty((rows, tiles * TILE), np.float32)
    unused = dict.fromkeys(("x_scales", "x_sums", "scales", "scales_half", "zeros", "bias"), 0)
    places = {"x": x, "x_stride": inputs, "y": y, "y_stride": y.shape[1], "weights": packed, "tiles": tiles}
    do(f"matmul{8 * weight.itemsize}", rows, **places, **unused, groups=1, group=inputs)
    expected = x.astype(np.float64) @ weight.astype(np.float64).T
    assert np.abs(y - expected).max() < 2e-6 * np.abs(expected).max()


def test_rounding_keeps_the_largest_and_the_zeros(do: Do) -> None:
    x = normal(3, 96)
    x[1, 32:64] = 0
    x[2, :32] = np.float32(1e-38)
    y = np.empty((3, 96), np.int8)
    scales, sums, totals = np.empty((3, 3), np.float32), np.empty((3, 3), np.int32), np.empty((3, 3), np.float32)
    out = {"y": y, "scales": scales, "sums": sums, "totals": totals}
    do("round_rows", 3, x=x, x_stride=96, y_stride=96, groups=3, group=32, **out)
    groups = x.reshape(3, 3, 32).astype(np.float64)
    top = np.abs(groups).max(-1)
    assert np.allclose(scales, top / 127, rtol=1e-6)
    assert (sums == y.reshape(3, 3, 32).sum(-1)).all()
    assert np.array_equal(totals, sums.astype(np.float32) * scales)
    assert (y[1, 32:64] == 0).all() and (y[2, :32] == 0).all()
    back = y.reshape(3, 3, 32) * scales[:, :, None].astype(np.float64)
    assert (np.abs(back - groups) <= top[:, :, None] / 127 * 0.5001 + 1e-37).all()


@pytest.mark.parametrize("gelu", [0, 1])
def test_the_gate_is_right_far_from_zero_too(do: Do, gelu: int) -> None:
    ends = np.array([0, -0.0, 1e-20, -1e-20, 50, -50, 90, -90, 200, -200, 1e30, -1e30], np.float32)
    gate = np.concatenate([ends, np.linspace(-12, 12, 1600 - len(ends), dtype=np.float32)]).reshape(1, -1)
    up = np.full_like(gate, 0.5)
    x = gate.astype(np.float64)
    do("gated", 1, gate=gate, gate_stride=1600, up=up, up_stride=1600, width=1600, gelu=gelu)
    with np.errstate(over="ignore"):
        inner = np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)
        expected = 0.5 * (0.5 * x * (1 + np.tanh(inner)) if gelu else x / (1 + np.exp(-x)))
    assert np.abs(gate - expected).max() <= 2e-7 * np.abs(expected).max()
    near = np.abs(x) < 20
    assert np.abs(gate - expected)[near].max() < 2e-6


def test_a_soft_cap_is_a_scaled_tanh(do: Do) -> None:
    x = np.linspace(-400, 400, 2048, dtype=np.float32).reshape(2, 1024)
    expected = 30 * np.tanh(x.astype(np.float64) / 30)
    do("softcap", 2, x=x, x_stride=1024, width=1024, cap=30.0)
    assert np.abs(x - expected).max() < 1e-5


def test_a_norm_adds_what_changed_first(do: Do) -> None:
    x, change, weight = normal(2, 64), normal(2, 64, seed=1), normal(64, seed=2)
    x[:, 40:], change[:, 40:], weight[40:] = 0, 0, 0
    total = (x + change).astype(np.float64)
    y = np.empty_like(x)
    places = {"x": x, "x_stride": 64, "change": change, "change_stride": 64, "y": y, "y_stride": 64}
    do("norm", 2, **places, weight=weight, width=64, features=40.0, eps=1e-5)
    expected = total / np.sqrt((total**2).sum(-1, keepdims=True) / 40 + 1e-5) * weight
    assert np.abs(y - expected).max() < 2e-6
    assert (x == total.astype(np.float32)).all()


def test_a_sum_takes_the_place_of_its_first_part(do: Do) -> None:
    x, change = normal(2, 2048), normal(2, 2048, seed=1)
    expected = x + change
    do("add", 2, x=x, x_stride=2048, change=change, change_stride=2048, width=2048)
    assert (x == expected).all()


@pytest.mark.parametrize("dim", [4, 16, 40])
def test_heads_are_normalised_by_themselves(do: Do, dim: int) -> None:
    x, weight = normal(3, 4 * dim, scale=3), normal(dim, seed=1)
    heads = x.reshape(3, 4, dim).astype(np.float64)
    do("head_norm", 3, x=x, x_stride=4 * dim, heads=4, head_dim=dim, weight=weight, features=float(dim), eps=1e-6)
    expected = heads / np.sqrt((heads**2).mean(-1, keepdims=True) + 1e-6) * weight
    assert np.abs(x.reshape(3, 4, dim) - expected).max() < 5e-6


def flags(tmp_path: Path, *names: str) -> Path:
    path = tmp_path / "cpuinfo"
    path.write_text(f"processor\t: 0\nmodel name\t: some\nflags\t\t: fpu {' '.join(names)}\n\n", encoding="ascii")
    return path


def test_the_best_instructions_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    older = ("avx2", "fma", "f16c")
    newest = ("avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_vnni")
    assert [i.name for i in usable(flags(tmp_path, *older, *newest))] == ["avx512_vnni", "avx2"]
    assert [i.name for i in usable(flags(tmp_path, *older, "avx_vnni"))] == ["avx_vnni", "avx2"]
    assert usable(flags(tmp_path, "sse4_2", "avx")) == []
    assert usable(tmp_path / "missing") == []


def test_elsewhere_than_on_linux_nothing_is_usable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "win32")
    assert usable(flags(tmp_path, "avx2", "fma", "f16c")) == []
    with pytest.raises(RuntimeUnavailable, match="AVX2"):
        best()


@pytest.mark.slow
@pytest.mark.skipif(not usable(), reason="the kernels' objects are linked for x86 Linux")
def test_compiled_kernels_are_kept_and_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    instructions = best()
    load_kernels.cache_clear()
    load_kernels(instructions, tmp_path)
    (kept,) = tmp_path.iterdir()
    whole = kept.read_bytes()
    for damaged in (whole[:-5], whole[:-5] + b"spoil", b"", b"{}\n"):
        kept.write_bytes(damaged)
        load_kernels.cache_clear()
        load_kernels(instructions, tmp_path)
        assert kept.read_bytes() == whole
    earlier = kept.with_name(f"kernels-{instructions.name}-" + "0" * 24)
    kept.rename(earlier)
    load_kernels.cache_clear()
    load_kernels(instructions, tmp_path)
    assert list(tmp_path.iterdir()) == [kept], "what an earlier version left goes"


@pytest.mark.slow
@pytest.mark.skipif(not usable(), reason="the kernels' objects are linked for x86 Linux")
def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    assert set(load_kernels(best(), tmp_path / "file").addresses) == set(FIELDS)


@pytest.mark.slow
@pytest.mark.skipif(not usable(), reason="the kernels' objects are linked for x86 Linux")
@pytest.mark.parametrize("known", [known for known in KNOWN if known.processor], ids=lambda known: known.name)
def test_kernels_are_compiled_for_other_processors_too(known: Instructions) -> None:
    """Whether this one could run them or not."""
    from engines.runtimes.native.kernels.compiler import compiled

    assert set(compiled(known).functions) == {*FIELDS, "run"}


@pytest.mark.slow
@pytest.mark.skipif(not usable(), reason="the kernels' objects are linked for x86 Linux")
def test_wrong_products_are_noticed_before_kernels_are_kept() -> None:
    from engines.runtimes.native.kernels.compiler import compiled

    linked = compiled(best())
    check_products(Library(linked), best().rows[-1])
    swapped = linked.functions | {"matmul8": linked.functions["matmul4"]}
    with pytest.raises(RuntimeUnavailable, match="8-bit"):
        check_products(Library(Linked(linked.code, swapped)), best().rows[-1])


def an_object(code: str) -> bytes:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    module = binding.parse_assembly(f'target triple = "{binding.get_process_triple()}"\n{code}')
    machine = binding.Target.from_default_triple().create_target_machine(reloc="pic", codemodel="small")
    return bytes(machine.emit_object(module))


@pytest.mark.skipif(not usable(), reason="the kernels' objects are linked for x86 Linux")
def test_what_refers_to_something_outside_is_not_linked() -> None:
    inside = "define internal i64 @one() noinline { ret i64 41 }\ndefine i64 @two() { %1 = call i64 @one() ret i64 %1 }"
    linked = link(an_object(inside))
    assert set(linked.functions) == {"two"}
    with pytest.raises(RuntimeUnavailable, match="outside"):
        link(an_object("declare i64 @time(ptr)\ndefine i64 @two() { %1 = call i64 @time(ptr null) ret i64 %1 }"))
    with pytest.raises(RuntimeUnavailable, match="ELF"):
        link(b"MZ" + bytes(200))


@pytest.mark.skipif(not usable(), reason="the kernels' objects are linked for x86 Linux")
def test_linked_code_runs_where_it_is_loaded() -> None:
    constants = "@table = internal constant [4 x i64] [i64 3, i64 5, i64 7, i64 11]\n"
    body = "%2 = getelementptr i64, ptr @table, i64 %0\n %3 = load i64, ptr %2\n ret i64 %3"
    names = [*FIELDS, "run"]
    functions = "\n".join(f"define i64 @{name}(i64 %0) {{ {body} }}" for name in names)
    loaded = Library(link(an_object(constants + functions)))
    third = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(loaded.addresses["norm"])
    assert [third(i) for i in range(4)] == [3, 5, 7, 11]
