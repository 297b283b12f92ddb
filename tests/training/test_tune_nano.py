"""Tuning docent-nano in a tiny setting: packing, attention within a lesson, rounded weights; needs torch."""

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the training recipes need torch")

from engines.quantize.awq import round_to_nearest  # noqa: E402
from training.nano import tune as tune_nano  # noqa: E402
from training.nano.model import Nano, load_nano, rounded_int4, save_nano  # noqa: E402
from training.nano.tune_data import Lessons  # noqa: E402

from .test_toy_training import TINY  # noqa: E402


def lessons(count: int) -> Lessons:
    rows = [np.arange(5 + n % 3) + n % 20 for n in range(count)]
    ends = np.cumsum([len(r) for r in rows])
    return Lessons(np.concatenate(rows).astype(np.uint16), ends, np.full(count, 3, np.int32), np.zeros(count, np.int8))


def test_a_pack_learns_replies_and_nothing_else() -> None:
    some = lessons(5)
    (pack,) = list(tune_nano.packs(some, [0, 1, 2, 3, 4], 64, 16))
    assert pack.lessons == 5 and pack.cu[-1] == 64 and len(pack.ids) == 64
    assert pack.targets.tolist() == [int(t) for i in range(5) for t in some[i][0][3:]]
    for at, target in zip(pack.learnt.tolist(), pack.targets.tolist(), strict=True):
        assert pack.ids[at] == target - 1  # rows count upwards


def test_packed_lessons_are_computed_as_if_alone() -> None:
    torch.manual_seed(0)
    model = Nano(TINY)
    a, b = torch.randint(0, 64, (5,)), torch.randint(0, 64, (7,))
    positions, cu = torch.cat([torch.arange(5), torch.arange(7)]), torch.tensor([0, 5, 12], dtype=torch.int32)
    both = model.packed_hidden(torch.cat([a, b]), positions, cu, 16)
    torch.testing.assert_close(both[:5], model.hidden(a[None])[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(both[5:], model.hidden(b[None])[0], atol=1e-5, rtol=1e-4)


def test_rounding_is_the_quantizers() -> None:
    weight = torch.randn(16, 256)
    expected = round_to_nearest(weight.numpy(), 128, False).dense()
    np.testing.assert_array_equal(rounded_int4(weight).numpy(), expected)


def test_unlikely_lessons_teach_nothing() -> None:
    (pack,) = list(tune_nano.packs(lessons(4), [0, 1, 2, 3], 64, 16))
    losses = torch.ones(len(pack.targets))
    losses[pack.owners == 2] = 9.0
    tuner = tune_nano.Tuner(Nano(TINY), 64)
    assert tuner.trusted(losses, pack, 0.75).item() == pytest.approx(1.0)
    assert tuner.trusted(losses, pack, 1.0).item() == pytest.approx(losses.mean().item())


@pytest.mark.parametrize("int4", [False, True])
def test_tuning_runs(int4: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    save_nano(Nano(TINY), tmp_path / "base")
    lessons(40).save(tmp_path / "l.npz")
    given = ["x", "--lessons", str(tmp_path / "l.npz"), "--continue-from", str(tmp_path / "base")]
    given += ["--out", str(tmp_path / "out"), "--minutes", "1", "--epochs", "3", "--tokens", "64", "--sequences", "16"]
    monkeypatch.setattr("sys.argv", [*given, "--warmup", "2", "--longest", "64", *(["--int4"] if int4 else [])])
    tune_nano.main()
    before, after = (load_nano(tmp_path / n).layers[0].up_proj.weight for n in ("base", "out"))
    assert not torch.equal(before, after)
    assert json.loads((tmp_path / "out/docent.json").read_text()) == {"prompt": "docent-nano/1"}
