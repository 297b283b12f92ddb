"""Products with weights in the blocks of GGUF, against float64 with what the format's own library makes of them."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.errors import RuntimeUnavailable
from engines.model.block_types import BLOCK_TYPES, BlockType
from engines.model.checkpoint import Checkpoint
from engines.model.gguf.file import GgufFile
from engines.model.gguf.folder import write_folder
from engines.model.weights import Float
from engines.runtimes.native.kernel_loader import check_packing, load_kernels
from engines.runtimes.native.kernels.instructions import Instructions, best, usable
from engines.runtimes.native.kernels.layout import ROWS, TILE
from engines.runtimes.native.kernels.library import Library
from engines.runtimes.native.kernels.linker import Linked
from engines.runtimes.native.packed_blocks import decoded_tiles, pack_rows, zero_of
from engines.runtimes.native.packed_weights import INDEX_FILE, WEIGHTS_FILE, pack
from engines.runtimes.native.runtime import NativeRuntime
from engines.runtimes.onnx.runtime import OnnxRuntime
from engines.runtimes.reference.runtime import ReferenceRuntime
from tests.engines.fakes import flat_batch
from tests.engines.gguf_files import RANDOM, ROUNDED, gguf, random_blocks, write_model
from tests.engines.models import random_model
from tests.engines.runtimes.steps import some_tokens

pytest.importorskip("llvmlite", reason="there is no llvmlite for this platform")
INT8_ACTIVATIONS = 0.05  # root mean square, of the logits' standard deviation
_USABLE = [
    pytest.param(known, id=known.name, marks=pytest.mark.slow if at else ()) for at, known in enumerate(usable())
]

_native = pytest.mark.skipif(not usable(), reason="Docent's own kernels need Linux and an x86 processor with AVX2")


@pytest.fixture(params=_USABLE or [pytest.param(None, id="none")])
def instructions(request: pytest.FixtureRequest) -> Instructions:
    if request.param is None:
        pytest.skip("Docent's own kernels need Linux and an x86 processor with AVX2")
    chosen: Instructions = request.param
    return chosen


def product(
    kernels: Library, kind: str, raw: NDArray[np.uint8], x: NDArray[np.int8], x_scale: Float, bias: Float
) -> Float:
    """``raw`` are the rows of a tensor, ``x`` int8 [rows, inputs] with scales [rows, groups]."""
    block_type = kind_called(kind)
    packed, group = pack_rows(load_kernels(best(), None, "packing"), block_type, raw), block_type.group
    names = ("weights", "factors", "levels", "minimum_factors", "minimum_levels")
    places = {name: packed[name].ctypes.data if name in packed else 0 for name in names}
    (rows, inputs), outputs = x.shape, len(raw)
    totals = x.reshape(rows, -1, group).sum(-1, dtype=np.float32) * x_scale
    y = np.empty((rows, outputs), np.float32)
    operation = kernels.words(
        f"blocks{block_type.bits}",
        rows_at=ROWS,
        y=y.ctypes.data,
        y_stride=outputs,
        x=x.ctypes.data,
        x_stride=inputs,
        x_scales=x_scale.ctypes.data,
        x_totals=totals.ctypes.data,
        groups=inputs // group,
        group=group,
        factor_groups=block_type.elements // group,
        zero=zero_of(block_type),
        bias=bias.ctypes.data,
        tiles=outputs // TILE,
        **places,
    )
    kernels.do(operation, rows)
    return y


@pytest.mark.parametrize("kind", [*ROUNDED, *RANDOM])
def test_products_of_blocks_are_exact(kind: str, instructions: Instructions) -> None:
    """But for the order in which the groups' sums are added up; the activations are bytes already. A row is the same
    whatever is beside it."""
    kernels = load_kernels(instructions, None, "blocks")
    inputs, outputs = 512, 2 * TILE
    group = kind_called(kind).group
    raw = random_blocks(kind, outputs, inputs)
    weight = gguf.dequantize(raw, gguf.GGMLQuantizationType[kind]).astype(np.float64)
    rng = np.random.default_rng(1)
    bias = rng.standard_normal(outputs).astype(np.float32)
    x = rng.integers(-127, 128, (19, inputs)).astype(np.int8)
    x[0], x[4] = 127, -127
    x_scale = rng.random((len(x), inputs // group)).astype(np.float32)
    values = (x.reshape(len(x), -1, group) * x_scale[:, :, None].astype(np.float64)).reshape(x.shape)
    expected = values @ weight.T + bias
    alone = np.concatenate([product(kernels, kind, raw, x[i : i + 1], x_scale[i : i + 1], bias) for i in range(len(x))])
    assert np.abs(alone - expected).max() < 2e-6 * np.abs(expected).max()
    for rows in (2, 3, 4, 5, 8, 19):
        assert np.array_equal(product(kernels, kind, raw, x[:rows], x_scale[:rows], bias), alone[:rows])


@_native
@pytest.mark.parametrize("kind", [*ROUNDED, *RANDOM])
def test_rows_are_packed_as_they_are_decoded(kind: str) -> None:
    """Any bytes, and a last tile that is not full, whose missing rows are worth nothing."""
    kernels, known = load_kernels(best(), None, "packing"), kind_called(kind)
    raw = random_blocks(kind, 2 * TILE + 8, 768)
    packed, expected = pack_rows(kernels, known, raw), decoded_tiles(known, raw)
    assert set(packed) == set(expected)
    for name, tiles in expected.items():
        assert packed[name].dtype == tiles.dtype and packed[name].shape == tiles.shape
        assert np.array_equal(packed[name][:2], tiles[:2])
        assert "factors" not in name or np.array_equal(packed[name], tiles), "missing rows have factors of zero"


@_native
def test_packing_that_comes_out_wrong_is_noticed() -> None:
    from engines.runtimes.native.kernels.compiler import compiled

    linked = compiled(best(), "packing")
    swapped = linked.functions | {"pack_IQ4_NL": linked.functions["pack_Q4_0"]}
    with pytest.raises(RuntimeUnavailable, match="IQ4_NL"):
        check_packing(Library(Linked(linked.code, swapped)))


@_native
def test_parts_that_threads_pack_stand_in_order(tmp_path: Path) -> None:
    """An output layer of several parts, whose last tile is not full."""
    model = random_model("llama", hidden_size=256, intermediate_size=512, vocab_size=40_010)
    write_model(model, tmp_path / "file.gguf", "Q4_1", "Q8_0")
    file, packed = GgufFile(tmp_path / "file.gguf"), tmp_path / "packed"
    packed.mkdir()
    hashed: list[str] = []
    pack(model_folder(tmp_path), packed, wrote=lambda path, digest: hashed.append(digest))
    expected = decoded_tiles(kind_called("Q8_0"), file.tensor("output.weight").data)
    content = (packed / WEIGHTS_FILE).read_bytes()
    assert hashed == [sha256(content).hexdigest()]
    index = json.loads((packed / INDEX_FILE).read_text(encoding="utf-8"))
    for name in ("weights", "factors"):
        start, dtype = index["tensors"][f"head.{name}"]
        full = expected[name][: 40_010 // TILE]
        assert np.array_equal(np.frombuffer(content, dtype, full.size, start), full.reshape(-1))


@_native
@pytest.mark.parametrize(("table", "kept"), [("F16", "float16"), ("F32", "float32")])
def test_an_output_layer_in_full_precision_is_not_rounded(table: str, kept: str, tmp_path: Path) -> None:
    """Beside projections in blocks, as Gemma's files have it."""
    model = random_model("llama", hidden_size=256, intermediate_size=512)
    write_model(model, tmp_path / "file.gguf", "Q4_0", table)
    checkpoint, packed = model_folder(tmp_path), tmp_path / "packed"
    packed.mkdir()
    assert pack(checkpoint, packed) == ()
    start, dtype = json.loads((packed / INDEX_FILE).read_text(encoding="utf-8"))["tensors"]["head.weights"]
    assert dtype == kept
    head = GgufFile(tmp_path / "file.gguf").tensor("output.weight")
    rows, inputs = head.shape
    stored = np.frombuffer((packed / WEIGHTS_FILE).read_bytes(), dtype, rows // TILE * TILE * inputs, start)
    expected = np.ascontiguousarray(head.data).view(kept).reshape(rows, inputs)[: rows // TILE * TILE]
    assert np.array_equal(stored.reshape(-1, inputs, TILE).swapaxes(1, 2).reshape(-1, inputs), expected)
    NativeRuntime(checkpoint, 3).step(flat_batch(some_tokens(40)))


@pytest.mark.parametrize("kind", [*ROUNDED, *RANDOM])
def test_a_model_in_blocks_computes_like_its_dequantised_weights(kind: str, tmp_path: Path) -> None:
    """On both runtimes for processors, which round activations to 8 bits."""
    model = random_model("llama", hidden_size=256, intermediate_size=512)
    write_model(model, tmp_path / "file.gguf", kind, kind)
    computes_like_its_weights(tmp_path, some_tokens(40))


def test_layers_stored_in_different_types_compute_like_their_weights(tmp_path: Path) -> None:
    """As in files of Q4_K_M, where V and down projections of some layers alone have 6 bits. As many rows as a step
    has."""
    model = random_model("llama", hidden_size=256, intermediate_size=512)
    parts = ("self_attn.v_proj", "mlp.down_proj")
    finer = {f"model.layers.{model.config.num_hidden_layers - 1}.{part}.weight": "Q6_K" for part in parts}
    write_model(model, tmp_path / "file.gguf", "Q4_K", "Q6_K", finer)
    computes_like_its_weights(tmp_path, some_tokens(256))


def computes_like_its_weights(tmp_path: Path, tokens: list[int]) -> None:
    """``file.gguf``, with both runtimes for processors against the reference."""
    pages = -(-len(tokens) // 16)
    checkpoint = model_folder(tmp_path)
    expected = ReferenceRuntime(checkpoint, pages).step(flat_batch(tokens))
    runtimes = [OnnxRuntime(checkpoint, pages), *([NativeRuntime(checkpoint, pages)] if usable() else [])]
    for runtime in runtimes:
        difference = runtime.step(flat_batch(tokens)) - expected
        assert np.sqrt((difference**2).mean()) < INT8_ACTIVATIONS * expected.std(), runtime.name


def model_folder(tmp_path: Path) -> Checkpoint:
    """Of ``file.gguf``."""
    folder = tmp_path / "model"
    folder.mkdir()
    write_folder(GgufFile(tmp_path / "file.gguf"), folder)
    (folder / "model.gguf").symlink_to(tmp_path / "file.gguf")
    return Checkpoint(folder)


def kind_called(name: str) -> BlockType:
    return next(known for known in BLOCK_TYPES.values() if known.name == name)
