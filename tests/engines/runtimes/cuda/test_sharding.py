"""Shares of a model's layers. Needs no card."""

from pathlib import Path

import numpy as np
import pytest

from engines.errors import RuntimeUnavailable
from engines.model.checkpoint import Checkpoint, Projection
from engines.model.synthetic import Shape, write_checkpoint
from engines.model.weights import DenseLinear, QuantizedLinear
from engines.runtimes.cuda.packed_weights import PackedSource, build
from engines.runtimes.cuda.sharding import Shard, ShardedCheckpoint


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    write_checkpoint(tmp_path / "model", Shape(256, 512, 2, 8, 4, vocabulary=104), group=32)
    return Checkpoint(tmp_path / "model")


@pytest.mark.parametrize("cards", [2, 4])
def test_shares_add_up(cards: int, checkpoint: Checkpoint) -> None:
    random = np.random.default_rng(0)
    shares = [ShardedCheckpoint(checkpoint, Shard(rank, cards)) for rank in range(cards)]
    projections: tuple[Projection, ...] = ("q", "k", "v", "gate", "up", "o", "down")
    for projection in projections:
        whole = checkpoint.linear(1, projection).dense()
        parts = [share.linear(1, projection).dense() for share in shares]
        assert all(
            part.shape == share.config.linear_shape(projection) for part, share in zip(parts, shares, strict=True)
        )
        x = np.array(random.standard_normal((1, whole.shape[1])), np.float32)[0]
        if projection in ("o", "down"):
            pieces = np.split(x, cards)
            assert np.allclose(sum(p @ piece for p, piece in zip(parts, pieces, strict=True)), whole @ x, atol=1e-4)
        else:
            assert np.array_equal(np.concatenate(parts), whole)


def test_every_share_has_a_file_of_its_own(checkpoint: Checkpoint, tmp_path: Path) -> None:
    whole = build(checkpoint, tmp_path / "builds")
    built = [build(checkpoint, tmp_path / "builds", shard=Shard(rank, 2)) for rank in range(2)]
    assert len({one.folder for one in (whole, *built)}) == 3
    assert all(one.folder.is_dir() for one in (whole, *built)), "none takes another's place"
    layers = [PackedSource(one).placed(1 << 40, 1 << 40).layers[0].products["down"] for one in (whole, *built)]
    assert [layer.inputs for layer in layers] == [512, 256, 256]


def test_what_cannot_be_cut_is_refused_in_words(checkpoint: Checkpoint) -> None:
    with pytest.raises(RuntimeUnavailable, match="4 KV heads"):
        ShardedCheckpoint(checkpoint, Shard(0, 8))
    groups = (16, 4)
    linear = QuantizedLinear(
        np.zeros((16, 256), np.uint8), np.ones(groups, np.float32), np.zeros(groups, np.uint8), 64,
        input_order=np.arange(256),
    )  # fmt: skip
    with pytest.raises(RuntimeUnavailable, match="reordered"):
        Shard(0, 2).cut(linear, "o")
    assert Shard(1, 2).cut(DenseLinear(np.eye(4, dtype=np.float32)), "o").dense().tolist() == [
        [0, 0],
        [0, 0],
        [1, 0],
        [0, 1],
    ]
