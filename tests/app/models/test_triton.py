"""Model repositories for Triton: what is written, beside what, and which models it is refused for."""

import json
import re
import stat
import sys
from pathlib import Path

import pytest

from tests.app.command import Result, invoke
from tests.app.models.tiny_model import write_tiny_model


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny")


def export(tmp_path: Path, model: str | Path, *arguments: str) -> Result:
    common = ["--data-dir", str(tmp_path / "data"), "--set", "model.context=2000", "--set", "model.gpus=2"]
    return invoke([*common, "model", "export", str(model), "--triton", str(tmp_path / "repository"), *arguments])


def test_a_repository_names_the_weights_where_they_lie(tiny: Path, tmp_path: Path) -> None:
    done = export(tmp_path, tiny, "--json")
    made = tmp_path / "repository" / "tiny"
    assert done.json == {"model": str(tiny), "exported": str(made)}
    arguments = json.loads((made / "1" / "model.json").read_text())
    assert arguments == {"model": str(tiny), "max_model_len": 1024, "tensor_parallel_size": 2}, "1024: the model's own"
    config = (made / "config.pbtxt").read_text()
    assert re.sub(r"\s+", " ", config).strip() == (
        'backend: "vllm" instance_group [ { count: 1 kind: KIND_MODEL } ]'
    )  # the minimum that the README of Triton's vLLM backend asks for
    assert {path.name for path in tmp_path.rglob("*.safetensors")} == {"model.safetensors"}, "nothing was copied"
    if sys.platform != "win32":
        assert stat.S_IMODE((made / "config.pbtxt").stat().st_mode) == 0o644, "another user's server reads it"


def test_again_it_changes_its_own_model_alone(tiny: Path, tmp_path: Path) -> None:
    other = tmp_path / "repository" / "other" / "config.pbtxt"
    other.parent.mkdir(parents=True)
    other.write_text("mine")
    export(tmp_path, tiny)
    done = export(tmp_path, tiny, "--seen-as", "/weights/tiny")
    assert done.code == 0, done.err
    model = json.loads((tmp_path / "repository" / "tiny" / "1" / "model.json").read_text())["model"]
    assert (model, other.read_text()) == ("/weights/tiny", "mine")


def test_what_vllm_could_not_read_is_refused(tiny: Path, tmp_path: Path) -> None:
    (tiny / "tokenizer.json").unlink()
    for model, reason in ((tiny, "cannot be used|not in the form"), ("none", 'There is no model "none"')):
        done = export(tmp_path, model)
        assert done.code == 1
        assert re.search(reason, done.err), done.err
    assert not (tmp_path / "repository").exists()


def test_a_folder_that_cannot_be_written_is_said(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "repository").write_text("a file")
    done = export(tmp_path, tiny)
    assert (done.code, "cannot be written" in done.err) == (1, True)
