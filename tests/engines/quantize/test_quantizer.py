"""The quantizer: what it writes is read back as the same model, better than rounding, and survives an interruption."""

import json
from pathlib import Path

import numpy as np
import pytest

from engines.errors import RequestError, UnsupportedModel
from engines.model import fp8
from engines.model.checkpoint import Checkpoint
from engines.quantize.awq import round_to_nearest, search_clipping, search_input_scale
from engines.quantize.eight_bit import round_eight_bit, smoothing_scale
from engines.quantize.quantizer import SCHEMES, QuantizeOptions, quantize
from engines.runtimes.reference.runtime import ReferenceRuntime
from tests.engines.fakes import flat_batch
from tests.engines.models import torch, write_model

pytestmark = pytest.mark.slow  # models are written and built


def calibration(count: int = 3, length: int = 32) -> list[list[int]]:
    return np.random.default_rng(9).integers(3, 320, (count, length)).tolist()


def error(folder: Path, original: np.ndarray, tokens: list[int]) -> float:
    logits = ReferenceRuntime(Checkpoint(folder), num_pages=8).step(flat_batch(tokens))
    return float(np.square(logits - original).mean())


def write_with_outliers(family: str, folder: Path) -> None:
    """A few channels of every norm are large, as in trained models: that is what AWQ is for."""
    model = write_model(family, folder)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "layernorm" in name:
                parameter[::16] += 6
    model.save_pretrained(folder)


@pytest.mark.slow
@pytest.mark.parametrize("family", ["llama", "llama-bias", "qwen2", "qwen3", "gemma2", "mistral"])
@pytest.mark.parametrize("symmetric", [False, True])
def test_awq_beats_rounding(family: str, symmetric: bool, tmp_path: Path) -> None:
    source, tokens = tmp_path / "full", np.random.default_rng(4).integers(3, 320, 100).tolist()
    write_with_outliers(family, source)
    original = ReferenceRuntime(Checkpoint(source), num_pages=8).step(flat_batch(tokens))
    errors = {}
    for awq in (True, False):
        target = tmp_path / f"awq-{awq}"
        quantize(source, target, calibration(12, 48), QuantizeOptions(group=32, symmetric=symmetric, awq=awq))
        errors[awq] = error(target, original, tokens)
    assert 0 < errors[True] < errors[False]


@pytest.mark.slow
def test_an_interrupted_run_continues_and_gives_the_same(tmp_path: Path) -> None:
    write_model("llama", tmp_path / "full")
    options = QuantizeOptions(group=32)
    quantize(tmp_path / "full", tmp_path / "once", calibration(), options)

    class PlugPulledError(Exception):
        pass

    def pull(done: int, total: int) -> None:
        if done == 2:
            raise PlugPulledError

    with pytest.raises(PlugPulledError):
        quantize(tmp_path / "full", tmp_path / "twice", calibration(), options, pull)
    layers: list[int] = []
    quantize(tmp_path / "full", tmp_path / "twice", calibration(), options, lambda done, _: layers.append(done))
    assert layers == [3], "finished layers were computed again"
    once, twice = Checkpoint(tmp_path / "once").files, Checkpoint(tmp_path / "twice").files
    assert set(once) == set(twice)
    assert all(np.array_equal(once[name], twice[name]) for name in once)
    assert not (tmp_path / "twice" / ".partial").exists()


def test_other_options_do_not_continue_an_interrupted_run(tmp_path: Path) -> None:
    write_model("llama", tmp_path / "full")

    def pull(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quantize(tmp_path / "full", tmp_path / "out", calibration(), QuantizeOptions(group=32), pull)
    with pytest.raises(RequestError, match="interrupted run"):
        quantize(tmp_path / "full", tmp_path / "out", calibration(), QuantizeOptions(group=32, symmetric=True))


@pytest.mark.parametrize("family", ["phi3", "olmo2", "mixtral"])
def test_families_that_cannot_be_quantised_are_refused_by_name(family: str, tmp_path: Path) -> None:
    write_model(family, tmp_path / "full")
    with pytest.raises(UnsupportedModel, match="cannot be quantised here"):
        quantize(tmp_path / "full", tmp_path / "out", calibration())


def test_the_settings_say_what_was_done(tmp_path: Path) -> None:
    write_model("llama", tmp_path / "full")
    quantize(tmp_path / "full", tmp_path / "out", calibration(), QuantizeOptions(group=32))
    settings = json.loads((tmp_path / "out" / "config.json").read_text())["quantization_config"]
    assert settings["quant_method"] == "awq"
    assert (settings["bits"], settings["group_size"], settings["version"]) == (4, 32, "gemm")
    with pytest.raises(Exception, match="quantised already"):
        quantize(tmp_path / "out", tmp_path / "again", calibration())


def test_a_group_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    write_model("llama", tmp_path / "full")
    with pytest.raises(RequestError, match="group of 128"):
        quantize(tmp_path / "full", tmp_path / "out", calibration())


@pytest.mark.parametrize("symmetric", [False, True])
def test_rounding_is_within_half_a_step(symmetric: bool) -> None:
    weight = np.random.default_rng(0).standard_normal((24, 64)).astype(np.float32)
    linear = round_to_nearest(weight, 32, symmetric)
    step = np.repeat(linear.scale, 32, axis=1)
    # A float16 scale, a rounded zero point and the clamp at 15 may each move a value a little further.
    assert (np.abs(linear.dense() - weight) <= step * 1.02).all()
    assert linear.symmetric == symmetric


def test_searches_never_do_worse_than_doing_nothing() -> None:
    rng = np.random.default_rng(1)
    x = (rng.standard_normal((200, 64)) * np.exp(rng.standard_normal(64))).astype(np.float32)
    weight = rng.standard_normal((32, 64)).astype(np.float32)

    def loss(effective: np.ndarray) -> float:
        return float(np.square(x @ (effective - weight).T).sum())

    plain = loss(round_to_nearest(weight, 32, False).dense())
    scale = search_input_scale(x, [weight], 32, False)
    assert loss(round_to_nearest(weight * scale, 32, False).dense() / scale) < plain
    clipped = loss(round_to_nearest(weight, 32, False, search_clipping(x, weight, 32, False)).dense())
    assert clipped < plain * 1.02  # clipping minimises each group's own error, the sum may cancel differently


@pytest.mark.slow
def test_a_large_model_stays_in_a_file_for_each_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model("llama", tmp_path / "full")
    quantize(tmp_path / "full", tmp_path / "one", calibration(), QuantizeOptions(group=32))
    monkeypatch.setattr("engines.quantize.quantizer._ONE_FILE_BYTES", 0)
    quantize(tmp_path / "full", tmp_path / "many", calibration(), QuantizeOptions(group=32))
    one, many = Checkpoint(tmp_path / "one"), Checkpoint(tmp_path / "many")
    assert (tmp_path / "one/model.safetensors").exists() and not (tmp_path / "many/model.safetensors").exists()
    np.testing.assert_array_equal(one.linear(1, "up").dense(), many.linear(1, "up").dense())
    np.testing.assert_array_equal(one.final_norm(), many.final_norm())


@pytest.mark.parametrize("family", ["llama-bias", "qwen3", "gemma2", "granite"])
def test_every_scheme_is_read_back_and_better_than_rounding(family: str, tmp_path: Path) -> None:
    source, tokens = tmp_path / "full", np.random.default_rng(4).integers(3, 320, 100).tolist()
    write_with_outliers(family, source)
    original = ReferenceRuntime(Checkpoint(source), num_pages=8).step(flat_batch(tokens))
    quantize(source, tmp_path / "rounded", calibration(12, 48), QuantizeOptions(group=32, awq=False))
    errors = {"rounded": error(tmp_path / "rounded", original, tokens)}
    for scheme in SCHEMES:
        quantize(source, tmp_path / scheme, calibration(12, 48), QuantizeOptions(group=32, scheme=scheme))
        errors[scheme] = error(tmp_path / scheme, original, tokens)
        assert not (tmp_path / scheme / ".partial").exists()
    assert 0 < errors["int8-smooth"] < errors["fp8"] < errors["awq"] < errors["rounded"]
    assert 0 < errors["gptq"] < errors["rounded"]
    formats = [Checkpoint(tmp_path / scheme).quantization.format for scheme in SCHEMES]
    assert formats == ["awq", "gptq", "fp8", "int8"]


@pytest.mark.parametrize("family", ["gemma2", "granite"])
def test_what_is_not_rounded_is_read_back_as_it_was(family: str, tmp_path: Path) -> None:
    """With what a family adds to its norms or divides its logits by applied once."""
    write_model(family, tmp_path / "full")
    quantize(tmp_path / "full", tmp_path / "out", calibration(), QuantizeOptions(group=32, awq=False))
    full, out = Checkpoint(tmp_path / "full"), Checkpoint(tmp_path / "out")
    np.testing.assert_allclose(out.final_norm(), full.final_norm(), atol=1e-3)
    np.testing.assert_allclose(out.embedding().whole(), full.embedding().whole(), atol=1e-3)
    tokens = np.random.default_rng(4).integers(3, 320, 60).tolist()
    logits = ReferenceRuntime(full, num_pages=8).step(flat_batch(tokens))
    assert error(tmp_path / "out", logits, tokens) < 0.1 * logits.var()


def test_8_bit_weights_are_the_nearest_ones() -> None:
    """Against torch's own types."""
    weight = np.random.default_rng(0).standard_normal((40, 64)).astype(np.float32)
    weight[3] *= 1e-4
    for kind in ("fp8", "int8"):
        rounded = round_eight_bit(weight, kind)  # type: ignore[arg-type]
        scaled = torch.from_numpy(weight / rounded.scale)
        if kind == "fp8":
            expected = scaled.to(torch.float8_e4m3fn).view(torch.uint8).numpy()
            assert np.array_equal(rounded.codes, expected)
            assert np.array_equal(fp8.decode(expected), scaled.to(torch.float8_e4m3fn).float().numpy())
        else:
            assert np.array_equal(rounded.codes, scaled.round().clamp(-127, 127).numpy())
            assert np.array_equal(rounded.scale, rounded.scale.astype(np.float16))


def test_smoothing_evens_the_channels_out() -> None:
    random = np.random.default_rng(1)
    x = random.standard_normal((200, 32)).astype(np.float32) * np.where(np.arange(32) % 8, 1, 50).astype(np.float32)
    weights = [random.standard_normal((16, 32)).astype(np.float32) for _ in range(2)]
    scale = smoothing_scale(x, weights)

    def spread(values: np.ndarray) -> float:
        most = np.abs(values).max(axis=0)
        return float(most.max() / most.min())

    assert spread(x / scale) < 0.3 * spread(x)
    for weight in weights:
        assert np.allclose((x / scale) @ (weight * scale).T, x @ weight.T, rtol=1e-3, atol=1e-3)


def test_an_embedding_in_eight_bits_is_read_back(tmp_path: Path) -> None:
    write_model("gemma2", tmp_path / "full")  # its output layer is the embedding
    tokens = np.random.default_rng(4).integers(3, 320, 60).tolist()
    for bits in (8, 16):
        options = QuantizeOptions(group=32, awq=False, embedding_bits=bits)
        quantize(tmp_path / "full", tmp_path / f"out-{bits}", calibration(), options)
    before, after = (Checkpoint(tmp_path / f"out-{bits}") for bits in (16, 8))
    assert after.files.dtype("model.embed_tokens.weight") == "I8"
    whole, read = before.embedding().whole(), after.embedding().whole()
    assert (np.abs(whole - read) <= 0.6 * np.abs(whole).max(1, keepdims=True) / 127).all()
    np.testing.assert_array_equal(after.embedding()[np.array([5, 7])], read[[5, 7]])
    expected = ReferenceRuntime(before, num_pages=8).step(flat_batch(tokens))
    found = ReferenceRuntime(after, num_pages=8).step(flat_batch(tokens))
    assert np.sqrt(np.square(found - expected).mean()) < 0.03 * expected.std()
