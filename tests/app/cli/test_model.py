"""``docent model`` as people and programs use it, on a tiny model."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.models.build import build_model
from app.models.quantize import quantize_model, sample_text
from app.models.setup import open_model
from app.models.store import ModelStore
from app.settings.schema import ModelSettings, Settings
from engines.files.locks import exclusive
from engines.model.checkpoint import Checkpoint
from engines.quantize.quantizer import QuantizeOptions
from engines.runtimes.native.kernels.instructions import usable
from engines.serving.sampling_params import SamplingParams
from tests.app.command import Result, Run, invoke
from tests.app.models.hub import REPO, Hub
from tests.app.models.tiny_model import write_tiny_model
from tests.engines.gguf_files import write_model
from tests.engines.models import random_model


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny")


@pytest.fixture
def docent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("DOCENT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.delenv("DOCENT_DEBUG", raising=False)
    return lambda *arguments, stdin=None: invoke(arguments, stdin)


def fails(result: Result, *words: str) -> None:
    assert result.code == 1
    assert all(word in result.err for word in words), result.err
    assert result.err.count("\n") == 1


def own(docent: Run, *options: str) -> list[dict[str, Any]]:
    """The models that are listed beside the one that ships with Docent."""
    listed = docent(*options, "model", "list", "--json").json["models"]
    return [row for row in listed if row["name"] != "builtin"]


def test_import_list_info_remove(docent: Run, tiny: Path, tmp_path: Path) -> None:
    assert own(docent) == []
    added = docent("model", "import", str(tiny), "--name", "mine", "--json").json
    assert added["format"] == "dense"
    assert added["chat_template"] is True
    assert [(row["name"], row["used"]) for row in own(docent)] == [("mine", False)]
    assert [row["used"] for row in own(docent, "--set", "model.name=mine")] == [True]
    assert "mine" in docent("model", "list").out
    info = docent("model", "info", "mine", "--json").json
    assert info["family"] == "llama"
    assert info["parameters"] == added["parameters"] > 0
    assert "llama" in docent("model", "info", str(tiny)).out
    docent("model", "remove", "mine")
    assert own(docent) == []
    assert (tiny / "config.json").exists()


@pytest.mark.parametrize("link", [False, True])
def test_a_gguf_file_becomes_a_model(docent: Run, tmp_path: Path, link: bool) -> None:
    path = tmp_path / "Tiny Model-Q8_0.gguf"
    write_model(random_model("llama"), path, "Q8_0")
    added = docent("model", "import", str(path), *(["--link"] if link else []), "--json").json
    assert (added["name"], added["format"], added["family"]) == ("Tiny-Model-Q8_0", "gguf Q8_0", "llama")
    assert own(docent)[0]["size_bytes"] == path.stat().st_size
    if link:
        path.rename(tmp_path / "elsewhere.gguf")
        assert "is gone" in docent("model", "list").out
    else:
        path.unlink()
        assert docent("model", "build", "Tiny-Model-Q8_0").code == 0
    docent("model", "remove", "Tiny-Model-Q8_0")
    assert own(docent) == []


def test_a_damaged_gguf_file_leaves_nothing_behind(docent: Run, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    write_model(random_model("llama"), path)
    path.write_bytes(path.read_bytes()[:-1000])
    fails(docent("model", "import", str(path)), "ends within the tensor")
    assert list((tmp_path / "data" / "models").glob("*")) == []


def test_a_link_is_removed_without_its_target(docent: Run, tiny: Path) -> None:
    assert docent("model", "import", str(tiny), "--link", "--json").json["linked"] is True
    assert docent("model", "remove", "tiny").code == 0
    assert (tiny / "model.safetensors").exists()


def test_what_cannot_be_imported_says_why(docent: Run, tiny: Path, tmp_path: Path) -> None:
    fails(docent("model", "import", str(tmp_path / "nowhere")), "nowhere")
    fails(docent("model", "info", "tinny"), "tinny")
    fails(docent("model", "remove", str(tiny)), "yourself")
    fails(docent("model", "import", str(tiny), "--name", "../up"), "name")
    docent("model", "import", str(tiny))
    fails(docent("model", "import", str(tiny)), "already")
    fails(docent("model", "info", "tinx"), 'mean "tiny"')
    broken = tmp_path / "broken"
    shutil.copytree(tiny, broken)
    (broken / "model.safetensors").write_bytes((tiny / "model.safetensors").read_bytes()[:-100])
    fails(docent("model", "import", str(broken)), "model.safetensors")
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "pytorch_model.bin").write_bytes(b"x")
    fails(docent("model", "import", str(pickled)), "pickle")
    wrong = tmp_path / "wrong"
    shutil.copytree(tiny, wrong)
    config = json.loads((wrong / "config.json").read_text("utf-8"))
    (wrong / "config.json").write_text(json.dumps({**config, "intermediate_size": 96}), "utf-8")
    fails(docent("model", "import", str(wrong)), "gate_proj", "shape")
    assert [row["name"] for row in own(docent)] == ["tiny"]


def test_a_damaged_model_is_listed_with_its_problem(docent: Run, tiny: Path, tmp_path: Path) -> None:
    docent("model", "import", str(tiny))
    (tmp_path / "data" / "models" / "tiny" / "tokenizer.json").unlink()
    assert "tokenizer.json" in own(docent)[0]["problem"]


def test_pull(docent: Run, tiny: Path) -> None:
    hub = Hub({path.name: path.read_bytes() for path in tiny.iterdir()})
    try:
        pulled = docent("--set", f"model.hub={hub.url}", "model", "pull", REPO, "--json").json
        assert pulled["origin"].startswith(REPO)
        fails(docent("--set", f"model.hub={hub.url}", "model", "pull", "a/b"), "a/b")
    finally:
        hub.close()


def test_ask_with_the_imported_model(docent: Run, tiny: Path, kernels: Path, tmp_path: Path) -> None:
    shutil.copytree(kernels, tmp_path / "data" / "builds")
    docent("model", "import", str(tiny))
    (tmp_path / "text.txt").write_text("The blue whale eats four tonnes of krill a day.", encoding="utf-8")
    docent("sync", str(tmp_path / "text.txt"))
    options = ["--set", "model.name=tiny", "--set", "model.cache_mb=4", "--set", "model.max_tokens=16"]
    reply = docent(*options, "ask", "How much krill does the whale eat?", "--json").json
    # No passage supports what a model of random weights writes, so the quote is the answer; its build shows it ran.
    assert "four tonnes" in reply["answer"]
    assert any(path.is_dir() for path in (tmp_path / "data" / "builds").iterdir())
    assert docent("ask", "How much krill does the whale eat?", "--json").json["answerer"] == "extractive"
    fails(docent("--set", "model.name=nothere", "ask", "Why?"), "nothere")


@pytest.mark.slow
def test_quantize_with_the_sample_documents(docent: Run, tiny: Path, tmp_path: Path) -> None:
    docent("model", "import", str(tiny))
    made = docent("model", "quantize", "tiny", "small", "--group", "32", "--json").json
    assert made["format"] == "awq"
    assert made["origin"] == "quantised from tiny"
    assert made["size_bytes"] < docent("model", "info", "tiny", "--json").json["size_bytes"]
    settings = Settings(data_dir=tmp_path / "data", model=ModelSettings(name="small", cache_mb=4))
    with open_model(settings) as model:
        assert model.submit(model.tokenizer.encode("The whale"), SamplingParams(max_tokens=4)).text() is not None
    fails(docent("model", "quantize", "tiny", "small"), "already")
    fails(docent("model", "quantize", "small", "again", "--group", "32"), "quantised already")
    fails(docent("model", "quantize", "tiny", "odd", "--group", "48"), "group")
    unknown = docent("model", "quantize", "tiny", "odd", "--scheme", "fp4")
    assert unknown.code == 2 and "int8-smooth" in unknown.err
    made = docent("model", "quantize", "tiny", "eight", "--scheme", "int8-smooth", "--json").json
    assert made["format"] == "int8"
    fails(docent("model", "quantize", "tiny", "odd", "--calibration", str(tmp_path / "no.txt")), "no.txt")
    assert {path.name for path in (tmp_path / "data" / "models").iterdir()} == {"tiny", "small", "eight"}


@pytest.mark.slow
def test_an_interrupted_quantisation_goes_on(tiny: Path, tmp_path: Path) -> None:
    class Interrupted(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done == 1:
            raise Interrupted

    store, options = ModelStore(tmp_path / "models"), QuantizeOptions(32)
    store.root.mkdir()
    text = tmp_path / "calibration.txt"
    text.write_text("The blue whale eats about four tonnes of krill a day.\n" * 40, encoding="utf-8")
    with pytest.raises(Interrupted):
        quantize_model(store, str(tiny), "part", options, text, on_layer=stop)
    assert store.names() == []
    seen: list[int] = []
    whole = quantize_model(store, str(tiny), "whole", options, text)
    part = quantize_model(store, str(tiny), "part", options, text, on_layer=lambda done, total: seen.append(done))
    assert seen == [2]
    one, other = Checkpoint(whole), Checkpoint(part)
    assert np.array_equal(one.linear(0, "down").dense(), other.linear(0, "down").dense())
    assert np.array_equal(one.linear(1, "q").dense(), other.linear(1, "q").dense())


def test_the_sample_text_is_long_enough() -> None:
    assert len(sample_text()) > 15_000


def test_build_is_kept_for_the_first_use(docent: Run, tiny: Path, kernels: Path, tmp_path: Path) -> None:
    shutil.copytree(kernels, tmp_path / "data" / "builds")
    docent("model", "import", str(tiny))
    built = docent("model", "build", "tiny", "--json").json
    assert built["runtime"] == ("native" if usable() else "onnx")
    before = sorted((tmp_path / "data" / "builds").rglob("*"))
    with open_model(Settings(data_dir=tmp_path / "data", model=ModelSettings(name="tiny", cache_mb=4))):
        assert sorted((tmp_path / "data" / "builds").rglob("*")) == before
    assert docent("model", "build", "tiny", "--runtime", "onnx", "--json").json["runtime"] == "onnx"
    assert list((tmp_path / "data" / "builds").glob("onnx-*"))
    assert docent("model", "build", "tiny", "--runtime", "abacus").code == 2


@pytest.mark.parametrize("runtime", ["native", "onnx"])
def test_progress_of_a_build_counts_subgraphs(tiny: Path, kernels: Path, tmp_path: Path, runtime: str) -> None:
    if runtime == "native" and not usable():
        pytest.skip("Docent's own kernels need Linux and an x86 processor with AVX2")
    seen: list[tuple[int, int]] = []
    store = ModelStore(tmp_path / "models")
    shutil.copytree(kernels, tmp_path / "builds")
    build_model(store, str(tiny), runtime, tmp_path / "builds", lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)], "a model of two layers has three subgraphs"


@pytest.mark.slow
def test_build_for_tensorrt(docent: Run, tiny: Path, tmp_path: Path) -> None:
    """With the real library, which builds without a card: once, again after a version, again after damage."""
    pytest.importorskip("tensorrt_rtx", reason="building engines needs TensorRT for RTX: pip install tensorrt-rtx")
    docent("model", "import", str(tiny))
    builds = tmp_path / "data" / "builds"
    built = docent("model", "build", "tiny", "--runtime", "tensorrt", "--json")
    assert built.json["runtime"] == "tensorrt", built
    (folder,) = (path for path in builds.iterdir() if path.is_dir())
    assert len(list(folder.glob("*.engine"))) == 3, "a model of two layers has three subgraphs"
    stamps = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert "ready for tensorrt" in docent("model", "build", "tiny", "--runtime", "tensorrt").out
    assert stamps == {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    engine = folder / "subgraph-001.engine"
    engine.write_bytes(engine.read_bytes()[:-1])
    damaged = docent("model", "info", "tiny", "--verify", "--json")
    assert damaged.code == 1
    assert list(damaged.json["damaged"]) == [f"{folder.name}/subgraph-001.engine"]
    assert docent("model", "build", "tiny", "--runtime", "tensorrt").code == 0
    assert docent("model", "info", "tiny", "--verify", "--json").json["damaged"] == {}
    docent("model", "remove", "tiny")
    assert not [path for path in builds.iterdir() if path.is_dir()]


def test_building_without_tensorrt_says_what_to_install(
    docent: Run, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engines.runtimes.tensorrt.build.LIBRARIES", ("a_library_that_is_not_installed",))
    fails(docent("model", "build", str(tiny), "--runtime", "tensorrt"), "not installed", "docent-chat[tensorrt]")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("nvidia-smi") is not None, reason="there may be a card that TensorRT runs on")
def test_tensorrt_without_a_card_names_the_cards_it_needs(docent: Run, tiny: Path, tmp_path: Path) -> None:
    """Asked for by name it fails before anything is built; "auto" uses the processor."""
    pytest.importorskip("tensorrt_rtx", reason="needs TensorRT for RTX: pip install tensorrt-rtx")
    pytest.importorskip("torch", reason="looking for a card needs torch")
    (tmp_path / "text.txt").write_text("The blue whale eats four tonnes of krill a day.", encoding="utf-8")
    docent("sync", str(tmp_path / "text.txt"))
    options = ["--set", f"model.name={tiny}", "--set", "model.cache_mb=4", "--set", "model.max_tokens=16"]
    asked = docent(*options, "--set", "model.runtime=tensorrt", "ask", "How much krill does the whale eat?")
    fails(asked, "compute capability 8.0, 8.6, 8.9 or 12.x", "no NVIDIA card")
    assert not (tmp_path / "data" / "builds").exists()
    assert "four tonnes" in docent(*options, "ask", "How much krill does the whale eat?", "--json").json["answer"]


@pytest.mark.parametrize("runtime", ["onnx", "tensorrt"])
def test_a_model_that_is_being_built_is_not_built_twice(docent: Run, tiny: Path, tmp_path: Path, runtime: str) -> None:
    docent("model", "import", str(tiny))
    with exclusive(tmp_path / "data" / "builds" / f".tiny-{runtime}.lock", "testing"):
        fails(docent("model", "build", "tiny", "--runtime", runtime), f"Another Docent is preparing tiny for {runtime}")


def test_a_model_that_is_being_fetched_is_not_fetched_twice(docent: Run, tiny: Path, tmp_path: Path) -> None:
    hub = Hub({path.name: path.read_bytes() for path in tiny.iterdir()})
    pull = ("--set", f"model.hub={hub.url}", "model", "pull", REPO, "--name", "mine")
    try:
        with exclusive(tmp_path / "data" / "models" / ".mine.lock", "testing"):
            fails(docent(*pull), "Another Docent is downloading mine")
        assert docent(*pull).code == 0
    finally:
        hub.close()
    assert [path.name for path in (tmp_path / "data" / "models").iterdir()] == ["mine"]


def test_verifying_compares_with_what_was_downloaded(docent: Run, tiny: Path, tmp_path: Path) -> None:
    hub = Hub({path.name: path.read_bytes() for path in tiny.iterdir()})
    try:
        docent("--set", f"model.hub={hub.url}", "model", "pull", REPO, "--name", "mine")
    finally:
        hub.close()
    assert docent("model", "info", "mine", "--verify").code == 0
    weights = tmp_path / "data" / "models" / "mine" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    result = docent("model", "info", "mine", "--verify", "--json")
    assert result.code == 1
    assert "not what was downloaded" in result.json["damaged"]["model.safetensors"]
    assert "Pull or import it again" in result.err


@pytest.mark.slow
def test_doctor_looks_at_the_model(docent: Run, tiny: Path) -> None:
    def row(*options: str) -> tuple[str, str]:
        checks = docent(*options, "doctor", "--json").json["checks"]
        return next((check["status"], check["detail"]) for check in checks if check["name"] == "language model")

    assert row()[0] == "ok"
    status, detail = row("--set", f"model.name={tiny}")
    assert status == "ok"
    assert "llama" in detail
    assert row("--set", "model.name=gone")[0] == "fail"


def test_bench_without_a_card_says_so(docent: Run) -> None:
    if shutil.which("nvidia-smi") is not None:
        pytest.skip("there is a card")
    fails(docent("model", "bench"), "No NVIDIA driver was found", "NVIDIA card")
