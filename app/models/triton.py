"""Writes a model repository from which Triton serves a language model, by its vLLM or its TensorRT-LLM backend.

    DIR/NAME/config.pbtxt     backend and instances (ModelConfig of Triton's model_config.proto)
    DIR/NAME/1/model.json     for vLLM: arguments of its AsyncEngineArgs; the weights stay where they are

The names of both files and what is in them: github.com/triton-inference-server/vllm_backend, README.md. What the
TensorRT-LLM backend needs is written by ``triton_ensemble``.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from app.errors import ModelError
from app.models.store import ModelStore, describe
from app.models.triton_ensemble import models
from docent import cause_of
from files import replace_text

_CONFIG = """backend: "vllm"
instance_group [
  {
    count: 1
    kind: KIND_MODEL
  }
]
"""  # vLLM batches requests and chooses cards itself, so one instance that is bound to none
_PARTS = ("config.json", "tokenizer.json")


def export_vllm(
    store: ModelStore, name: str, target: Path, *, seen_as: str | None, context: int, gpus: int = 1
) -> Path:
    """Writes the repository of one model into ``target``; others that lie there stay. Returns the model's folder in it.

    ``seen_as`` is where the server finds the weights, None for where they lie here. ``context`` bounds prompt and
    answer in tokens. Raises ModelError where vLLM could not read the model, or the folder cannot be written.
    """
    folder, longest = _readable(store, name)
    arguments = {
        "model": seen_as or str(folder.resolve()),
        "max_model_len": min(context, longest) or context,
        "tensor_parallel_size": gpus,
    }
    made = target / folder.name
    _write(target, {made / "config.pbtxt": _CONFIG, made / "1" / "model.json": json.dumps(arguments, indent=1) + "\n"})
    return made


def export_tensorrt_llm(store: ModelStore, name: str, target: Path, *, seen_as: str | None, engine: str) -> Path:
    """Writes the repository of one model, which has ``target`` to itself. Returns the folder of the ensemble in it.

    ``engine`` is where the server finds what trtllm-build made of the model, ``seen_as`` where it finds the model's own
    folder with the tokenizer, None for where that lies here. Raises ModelError.
    """
    folder, _ = _readable(store, name)
    made = models(folder.name, seen_as or str(folder.resolve()), engine)
    _write(target, {target / model.name / "config.pbtxt": model.text() for model in made})
    return target / folder.name


def _readable(store: ModelStore, name: str) -> tuple[Path, int]:
    """The folder of a model that other engines read as well, and its longest context. Raises ModelError."""
    folder = store.folder(name)
    found = describe(folder, folder.name)
    if found.problem:
        raise ModelError(f"{name} cannot be used: {found.problem}", "Export a model that `docent model info` can read.")
    missing = [part for part in _PARTS if not (folder / part).is_file()]
    if missing or not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"{name} is not in the form that Triton's backends read (a folder with {', '.join(_PARTS)} and "
            "*.safetensors).",
            "Export the model that it was made from.",
        )
    return folder, found.context


def _write(target: Path, files: Mapping[Path, str]) -> None:
    """Writes files for another user's server, perhaps in a container, and the folder of each model's version 1."""
    try:
        for file, text in files.items():
            replace_text(file, text)
            file.chmod(0o644)
            model = file.parent.parent if file.parent.name == "1" else file.parent
            (model / "1").mkdir(exist_ok=True)
            for folder in (target, model, model / "1"):
                folder.chmod(folder.stat().st_mode | 0o055)
    except OSError as error:
        raise ModelError(f"{target} cannot be written ({cause_of(error)}).", "Name another folder.") from error
