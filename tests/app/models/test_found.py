"""Models of other programs, in folders laid out as these programs do it."""

import json
import shutil
from pathlib import Path

import pytest

from app.models.found import find_models
from tests.app.command import invoke
from tests.app.models.tiny_model import write_tiny_model
from tests.engines.gguf_files import write_model
from tests.engines.models import random_model


@pytest.fixture(scope="module")
def gguf_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    write_model(random_model("qwen2"), path, "Q4_0")
    return path


@pytest.fixture
def home(tmp_path: Path, gguf_file: Path) -> Path:
    home = tmp_path / "home"
    ollama = home / ".ollama" / "models"
    (ollama / "blobs").mkdir(parents=True)
    shutil.copy(gguf_file, ollama / "blobs" / "sha256-abc")
    (ollama / "blobs" / "sha256-def").write_text("\n  Apache License\nVersion 2.0")
    library = ollama / "manifests" / "registry.ollama.ai" / "library"
    for name, kind in (("qwen2.5", "model"), ("some-adapter", "adapter")):
        (library / name).mkdir(parents=True)
        layers = [{"mediaType": f"application/vnd.ollama.image.{kind}", "digest": "sha256:abc"}]
        layers.append({"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:def"})
        (library / name / "0.5b").write_text(json.dumps({"layers": layers}))
    studio = home / ".lmstudio" / "models" / "someone" / "Tiny-GGUF"
    studio.mkdir(parents=True)
    shutil.copy(gguf_file, studio / "Tiny Model.Q4_0.gguf")
    (studio / "broken.gguf").write_bytes(b"GGUF")
    (studio / "mmproj-tiny-f16.gguf").write_bytes(b"GGUF")
    repository = home / ".cache" / "huggingface" / "hub" / "models--owner--tiny"
    snapshot = repository / "snapshots" / "1"
    write_tiny_model(snapshot)
    (snapshot / "README.md").write_text("---\nlicense: mit\n---\nTiny.")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("1\n")
    (repository / "snapshots" / "2").mkdir()
    folded = home / ".cache" / "huggingface" / "hub" / "models--owner--files" / "snapshots" / "3" / "Q4_0"
    folded.mkdir(parents=True)
    shutil.copy(gguf_file, folded / "files.gguf")
    return home


def test_models_are_found_where_programs_keep_them(home: Path) -> None:
    found = {model.name: model for model in find_models(home, {})}
    assert {name: model.place for name, model in found.items()} == {
        "qwen2.5-0.5b": "Ollama",
        "Tiny-Model.Q4_0": "LM Studio",
        "broken": "LM Studio",
        "owner-tiny": "Hugging Face",
        "files": "Hugging Face",
    }
    assert (found["qwen2.5-0.5b"].family, found["qwen2.5-0.5b"].format, found["qwen2.5-0.5b"].fits) == (
        "qwen2",
        "gguf Q4_0",
        True,
    )
    assert found["broken"].problem.startswith("broken.gguf is damaged")
    assert found["owner-tiny"].format == "dense"
    assert found["owner-tiny"].licence == "mit"
    assert found["qwen2.5-0.5b"].licence == "Apache License"


def test_gpt4all_and_llama_cpp_keep_theirs_where_the_system_has_data(
    gguf_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for system, data, cache in (
        ("linux", ".local/share", ".cache"),
        ("darwin", "Library/Application Support", "Library/Caches"),
        ("win32", "AppData/Local", "AppData/Local"),
    ):
        home = tmp_path / system
        for folder in (home / data / "nomic.ai" / "GPT4All", home / cache / "llama.cpp"):
            folder.mkdir(parents=True)
            shutil.copy(gguf_file, folder / f"{folder.name}-model.gguf")
        monkeypatch.setattr("sys.platform", system)
        found = {model.place: (model.name, model.family, model.format) for model in find_models(home, {})}
        assert found == {
            "GPT4All": ("GPT4All-model", "qwen2", "gguf Q4_0"),
            "llama.cpp": ("llama.cpp-model", "qwen2", "gguf Q4_0"),
        }


def test_folders_that_the_environment_names(home: Path) -> None:
    other = {"OLLAMA_MODELS": str(home / "nothing"), "HF_HUB_CACHE": str(home / "nothing")}
    assert {model.place for model in find_models(home, other)} == {"LM Studio"}


def test_one_is_used_where_it_lies(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HOME", "HF_HUB_CACHE", "OLLAMA_MODELS", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", lambda: home)
    base = ["--data-dir", str(tmp_path / "data")]
    listed = invoke([*base, "model", "list", "--json"], None).json
    assert "qwen2.5-0.5b" in {found["name"] for found in listed["elsewhere"]}
    assert "docent model use" in invoke([*base, "model", "list"], None).out
    used = invoke([*base, "model", "use", "qwen2.5-0.5b", "--json"], None).json
    assert used["format"] == "gguf Q4_0" and used["used"]
    assert invoke([*base, "config", "--json"], None).json["settings"]["model.name"]["value"] == "qwen2.5-0.5b"
    assert "builtin answers from now on" in invoke([*base, "model", "use", "builtin"], None).out
    assert invoke([*base, "config", "--json"], None).json["settings"]["model.name"]["value"] == "builtin"
    assert "qwen2.5-0.5b" in invoke([*base, "model", "use", "qwen2.5-0.5b"], None).out
    listed = invoke([*base, "model", "list", "--json"], None).json["models"]
    assert [(model["name"], model["fits"]) for model in listed if model["used"]] == [("qwen2.5-0.5b", True)]
    fixed = invoke([*base, "--set", "model.name=builtin", "model", "use", "qwen2.5-0.5b"], None)
    assert "comes from the command line" in fixed.err
    weights = next((tmp_path / "data" / "models" / "qwen2.5-0.5b").glob("*.gguf"))
    assert weights.is_symlink()
    assert weights.resolve() == home / ".ollama" / "models" / "blobs" / "sha256-abc"
    answer = invoke([*base, "model", "build", "qwen2.5-0.5b"], None)
    assert answer.code == 0, answer.err
    wrong = invoke([*base, "model", "use", "qwen2.5-0.5"], None)
    assert 'Did you mean "qwen2.5-0.5b"?' in wrong.err
    off = invoke([*base, "--set", "model.look_elsewhere=false", "model", "list", "--json"], None).json
    assert off["elsewhere"] == []
