"""A reader made of a decoder's layers (training.reader.decoder), in a tiny setting."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from training.data.store import Shape, mask_words, pack  # noqa: E402
from training.nano.model import Nano, NanoConfig, save_nano  # noqa: E402
from training.reader.cut import lower_part  # noqa: E402
from training.reader.decoder import TwoWayDecoder  # noqa: E402
from training.reader.encoder import Reader, load_reader, save_reader  # noqa: E402
from training.reader.export import PaddedReader, write_graph  # noqa: E402

CONFIG = NanoConfig(64, 32, 3, 4, 2, 64, 128)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(3)
    save_nano(Nano(CONFIG), tmp_path / "nano")
    return tmp_path / "nano"


def states(reader: Reader, *rows: list[int]) -> Any:
    ids = torch.tensor([token for row in rows for token in row])
    cu = torch.tensor([0, *np.cumsum([len(row) for row in rows])], dtype=torch.int32)
    positions = torch.cat([torch.arange(len(row)) for row in rows])
    with torch.no_grad():
        return reader.states(ids, torch.zeros_like(ids), positions, cu, 16)[0]


def test_a_token_sees_what_stands_behind_it_and_no_other_sequence(folder: Path) -> None:
    reader = load_reader(folder).eval()
    assert isinstance(reader.encoder, TwoWayDecoder)
    one, other = states(reader, [5, 6, 7, 8]), states(reader, [5, 6, 7, 9])
    assert not torch.allclose(one[0], other[0], atol=1e-4)
    packed = states(reader, [11, 12, 13], [5, 6, 7, 8])
    torch.testing.assert_close(packed[3:], one, atol=1e-5, rtol=1e-4)


def test_layers_are_chosen_and_the_reader_comes_back_from_its_file(folder: Path, tmp_path: Path) -> None:
    reader = load_reader(folder, layers=[0, 2], exit_layer=1).eval()
    assert reader.encoder.config.num_hidden_layers == 2 and reader.early is not None
    save_reader(reader.state_dict(), reader.encoder.config, tmp_path / "r.safetensors")
    again = load_reader(tmp_path / "r.safetensors").eval()
    torch.testing.assert_close(states(again, [5, 6, 7]), states(reader, [5, 6, 7]), atol=2e-2, rtol=2e-2)
    small = lower_part(again)
    assert isinstance(small.encoder, TwoWayDecoder) and len(small.encoder.layers) == 1


def test_matrices_are_rounded_while_it_learns_and_gradients_pass(folder: Path) -> None:
    reader = load_reader(folder).eval()
    assert isinstance(reader.encoder, TwoWayDecoder)
    exact = states(reader, [5, 6, 7])
    reader.encoder.rounds(True)
    rounded = states(reader, [5, 6, 7])
    assert not torch.equal(exact, rounded)
    torch.testing.assert_close(rounded, exact, atol=0.5, rtol=0.5)
    ids = torch.tensor([5, 6, 7])
    out = reader(ids, torch.zeros_like(ids), torch.arange(3), torch.tensor([0, 3], dtype=torch.int32), 16)
    out[0][1].sum().backward()
    gradient = dict(reader.named_parameters())["encoder.layers.0.q_proj.weight"].grad
    assert gradient is not None and float(gradient.abs().sum()) > 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning", "ignore:Constant folding")
def test_the_graph_says_what_the_reader_says(folder: Path, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    reader = load_reader(folder).eval()
    padded = PaddedReader(reader).eval()
    axes = {"relevance": {0: "batch"}, "band": {0: "batch", 1: "length"}, "support": {0: "batch"}}
    write_graph(padded, axes, tmp_path / "reader.onnx", words=60)
    ids, types = torch.tensor([[1, 9, 8, 2, 30, 31, 2], [1, 9, 2, 40, 2, 0, 0]]), torch.zeros(2, 7, dtype=torch.long)
    mask = (ids > 0).long()
    names = ("input_ids", "attention_mask", "token_type_ids")
    feeds = {name: given.numpy() for name, given in zip(names, (ids, mask, types), strict=True)}
    relevance, band, _ = onnxruntime.InferenceSession(str(tmp_path / "reader.onnx")).run(None, feeds)
    for row, length in enumerate((7, 5)):
        one, cu = ids[row, :length], torch.tensor([0, length], dtype=torch.int32)
        with torch.no_grad():
            out = reader(one, types[row, :length], torch.arange(length), cu, 16)[0]
        np.testing.assert_allclose(relevance[row], out[2][0].numpy(), atol=1e-4)
        np.testing.assert_allclose(band[row, : length - 1, :1], out[1][:-1, :1].numpy(), atol=1e-4)


def test_hidden_words_carry_the_mark_that_is_given() -> None:
    ids = np.arange(20, 50)
    batch = pack([(ids, 5, 4, None, 1.0, 0)], Shape(64, 4, 32))
    hidden = mask_words(batch, 0.9, np.random.default_rng(0), mark=7, words_between=(8, 20))
    places = hidden["where"][hidden["words"] >= 0]
    assert (batch.ids[places] == 7).any()
    assert set(batch.ids[places].tolist()) <= {7, *range(8, 20), *ids.tolist()}
