"""Writes a model repository from which Triton's vLLM backend serves a language model.

    DIR/NAME/config.pbtxt     backend and instances (ModelConfig of Triton's model_config.proto)
    DIR/NAME/1/model.json     arguments of vLLM's AsyncEngineArgs; the weights stay where they are

The names of both files and what is in them: github.com/triton-inference-server/vllm_backend, README.md.
"""

import json
from pathlib import Path

from app.errors import ModelError
from app.models.store import ModelStore, describe
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


def export_triton(
    store: ModelStore, name: str, target: Path, *, seen_as: str | None, context: int, gpus: int = 1
) -> Path:
    """Writes the repository of one model into ``target``; others that lie there stay. Returns the model's folder in it.

    ``seen_as`` is where the server finds the weights, None for where they lie here. ``context`` bounds prompt and
    answer in tokens. Raises ModelError where vLLM could not read the model, or the folder cannot be written.
    """
    folder = store.folder(name)
    found = describe(folder, folder.name)
    if found.problem:
        raise ModelError(f"{name} cannot be used: {found.problem}", "Export a model that `docent model info` can read.")
    missing = [part for part in _PARTS if not (folder / part).is_file()]
    if missing or not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"{name} is not in the form that vLLM reads (a folder with {', '.join(_PARTS)} and *.safetensors).",
            "Export the model that it was made from.",
        )
    made = target / folder.name
    arguments = {
        "model": seen_as or str(folder.resolve()),
        "max_model_len": min(context, found.context) or context,
        "tensor_parallel_size": gpus,
    }
    try:
        replace_text(made / "config.pbtxt", _CONFIG)
        replace_text(made / "1" / "model.json", json.dumps(arguments, indent=1) + "\n")
        for written in (target, made, made / "1"):
            written.chmod(written.stat().st_mode | 0o055)  # the server is another user, perhaps in a container
        for file in (made / "config.pbtxt", made / "1" / "model.json"):
            file.chmod(0o644)
    except OSError as error:
        raise ModelError(f"{made} cannot be written ({cause_of(error)}).", "Name another folder.") from error
    return made
