"""Model repositories for Triton's TensorRT-LLM backend, read back by the messages of Triton's own client."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.app.command import Result, invoke
from tests.app.models.tiny_model import write_tiny_model

pytest.importorskip("grpc", reason="grpcio is not installed")
config_pb2 = pytest.importorskip("tritonclient.grpc.model_config_pb2", reason="tritonclient is not installed")
from google.protobuf import text_format  # noqa: E402 - after the line that may skip

# What Triton's frontend for OpenAI's API sends (python/openai/openai_frontend/engine/utils/triton.py of its server).
SENT = {"text_input", "stream", "max_tokens", "stop_words", "top_p", "frequency_penalty", "presence_penalty", "seed"}
SENT |= {"temperature"}


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny")


def export(tmp_path: Path, *arguments: str) -> Result:
    command = ["--data-dir", str(tmp_path / "data"), "model", "export", "--triton", str(tmp_path / "repository")]
    return invoke([*command, *arguments])


def read(tmp_path: Path) -> dict[str, Any]:
    """The configurations by model."""
    files = (tmp_path / "repository").glob("*/config.pbtxt")
    found = [text_format.Parse(file.read_text(encoding="utf-8"), config_pb2.ModelConfig()) for file in files]
    assert all((tmp_path / "repository" / model.name / "1").is_dir() for model in found)
    return {model.name: model for model in found}


def test_an_ensemble_goes_from_text_to_text(tiny: Path, tmp_path: Path) -> None:
    engine = 'C:\\engines\\"tiny"'
    done = export(
        tmp_path, str(tiny), "--backend", "tensorrt-llm", "--engine", engine, "--seen-as", "/m/tiny", "--json"
    )
    assert done.json == {"model": str(tiny), "exported": str(tmp_path / "repository" / "tiny")}
    models = read(tmp_path)
    assert set(models) == {"tiny", "preprocessing", "tensorrt_llm", "postprocessing"}
    for name in ("preprocessing", "postprocessing"):
        assert models[name].backend == "python"
        assert models[name].parameters["tokenizer_dir"].string_value == "/m/tiny"
    compiled = models["tensorrt_llm"]
    assert compiled.backend == "tensorrtllm"
    assert compiled.parameters["gpt_model_path"].string_value == engine
    assert compiled.model_transaction_policy.decoupled, "streams need it"
    ensemble = models["tiny"]
    assert ensemble.platform == "ensemble"
    assert {one.name for one in ensemble.input} >= SENT
    assert [one.name for one in ensemble.output] == ["text_output"]
    assert {model.max_batch_size for model in models.values()} == {64}
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "repository" / "tiny" / "config.pbtxt").stat().st_mode) == 0o644


def test_the_steps_of_the_ensemble_fit_together(tiny: Path, tmp_path: Path) -> None:
    """Each tensor that goes from one model to the next is one that both have, of one type."""
    export(tmp_path, str(tiny), "--backend", "tensorrt-llm", "--engine", "/engines/tiny")
    models = read(tmp_path)
    ensemble = models["tiny"]
    known = {one.name: (one.data_type, one.optional) for one in ensemble.input}
    used = set[str]()
    for step in ensemble.ensemble_scheduling.step:
        inputs = {one.name: one for one in models[step.model_name].input}
        outputs = {one.name: one for one in models[step.model_name].output}
        for theirs, ours in step.input_map.items():
            type_, optional = known[ours]
            assert inputs[theirs].data_type == type_, theirs
            assert inputs[theirs].optional or not optional, f"{theirs} may be missing"
            used.add(ours)
        assert {name for name, one in inputs.items() if not one.optional} <= set(step.input_map)
        for theirs, ours in step.output_map.items():
            known[ours] = (outputs[theirs].data_type, False)
    assert set(known) == used | {"text_output"}, "nothing is asked for in vain"
    assert known["text_output"][0] == ensemble.output[0].data_type


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--backend", "tensorrt-llm"), "--engine"),
        (("--engine", "/engines/tiny"), "--engine"),
        (("--backend", "onnx", "--engine", "/engines/tiny"), "vllm or tensorrt-llm"),
    ],
)
def test_what_does_not_go_together_is_said(tiny: Path, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = export(tmp_path, str(tiny), *arguments)
    assert (done.code, words in done.err) == (2, True), done.err
    assert not (tmp_path / "repository").exists()
