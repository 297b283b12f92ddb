"""Finds the models that other programs have downloaded to this computer, so that they can be used where they lie.

The caches of Hugging Face, Ollama, LM Studio, GPT4All and llama.cpp are looked through; nothing in them is changed.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.models.store import gguf_name
from docent import DocentError

_MEMORY_SHARE = 0.8  # of the computer's, that weights may take
_MODEL_LAYER = "application/vnd.ollama.image.model"
_GGUF = "*.gguf"
_LATER_PARTS = "-of-"
_FIRST_PART = "-00001-of-"


@dataclass(frozen=True, slots=True)
class FoundModel:
    """``path`` is a GGUF file or a folder of Hugging Face's. ``fits``: this computer's memory holds the weights.
    ``problem`` says why it cannot be used; then the fields about its inside are empty."""

    name: str
    place: str
    path: Path
    size_bytes: int
    family: str = ""
    format: str = ""
    context: int = 0
    licence: str = ""
    fits: bool = True
    problem: str = ""


def find_models(home: Path | None = None, environment: Mapping[str, str] | None = None) -> list[FoundModel]:
    """All that are found, by name; two of one name get numbers."""
    import psutil

    home, environment = home or Path.home(), os.environ if environment is None else environment
    memory = psutil.virtual_memory().total
    found: list[FoundModel] = []
    names: set[str] = set()
    for name, place, path in sorted(_candidates(home, environment), key=lambda one: (one[0].lower(), str(one[2]))):
        unique = next(free for free in _numbered(name) if free not in names)
        names.add(unique)
        found.append(_described(unique, place, path, memory))
    return found


def _candidates(home: Path, environment: Mapping[str, str]) -> Iterator[tuple[str, str, Path]]:
    """Name, place and path of everything that looks like a model."""
    yield from _hugging_face(_hub_cache(home, environment))
    for root in _ollama_roots(home, environment):
        yield from _ollama(root)
    for place, root in _folders(home, environment):
        for path in sorted(root.rglob(_GGUF)):
            if _LATER_PARTS not in path.name or _FIRST_PART in path.name:
                yield gguf_name(path), place, path


def _hub_cache(home: Path, environment: Mapping[str, str]) -> Path:
    if cache := environment.get("HF_HUB_CACHE"):
        return Path(cache)
    return Path(environment.get("HF_HOME") or home / ".cache" / "huggingface") / "hub"


def _hugging_face(cache: Path) -> Iterator[tuple[str, str, Path]]:
    for repository in sorted(cache.glob("models--*")):
        name = repository.name.removeprefix("models--").replace("--", "-")
        for snapshot in sorted(repository.glob("snapshots/*"))[-1:]:
            if (snapshot / "config.json").exists() and any(snapshot.glob("*.safetensors")):
                yield name, "Hugging Face", snapshot
            for path in sorted(snapshot.glob(_GGUF)):
                if _LATER_PARTS not in path.name or _FIRST_PART in path.name:
                    yield gguf_name(path), "Hugging Face", path


def _ollama_roots(home: Path, environment: Mapping[str, str]) -> list[Path]:
    if root := environment.get("OLLAMA_MODELS"):
        return [Path(root)]
    return [home / ".ollama" / "models", Path("/usr/share/ollama/.ollama/models")]


def _ollama(root: Path) -> Iterator[tuple[str, str, Path]]:
    """A manifest a model and tag, whose layers name files by their hashes."""
    manifests = root / "manifests"
    for manifest in sorted(path for path in manifests.rglob("*") if path.is_file()):
        try:
            layers = json.loads(manifest.read_text(encoding="utf-8"))["layers"]
            digest = next(str(layer["digest"]) for layer in layers if layer["mediaType"] == _MODEL_LAYER)
        except (OSError, ValueError, KeyError, TypeError, StopIteration):
            continue  # an adapter, or something else than a model
        blob = root / "blobs" / digest.replace(":", "-")
        if blob.parent == root / "blobs" and blob.is_file():
            yield f"{manifest.parent.name}-{manifest.name}", "Ollama", blob


def _folders(home: Path, environment: Mapping[str, str]) -> list[tuple[str, Path]]:
    if sys.platform == "darwin":
        data = home / "Library" / "Application Support"
    elif sys.platform == "win32":
        data = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    return [
        ("LM Studio", home / ".lmstudio" / "models"),
        ("LM Studio", home / ".cache" / "lm-studio" / "models"),
        ("GPT4All", data / "nomic.ai" / "GPT4All"),
        ("llama.cpp", home / ".cache" / "llama.cpp"),
    ]


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _described(name: str, place: str, path: Path, memory: int) -> FoundModel:
    try:
        size, details = _inside(path)
    except OSError as error:
        return FoundModel(name, place, path, 0, problem=f"It cannot be read: {error.strerror}.")
    except DocentError as error:
        return FoundModel(name, place, path, 0, problem=str(error))
    return FoundModel(name, place, path, size, **details, fits=size <= _MEMORY_SHARE * memory)


def _inside(path: Path) -> tuple[int, dict[str, Any]]:
    from engines.model.checkpoint import Checkpoint
    from engines.model.config import ModelConfig
    from engines.model.gguf.file import GgufFile, parts_of
    from engines.model.gguf.settings import read_settings
    from engines.model.gguf.tensors import GgufTensors

    if path.is_dir():
        checkpoint = Checkpoint(path)
        size = sum(file.stat().st_size for file in path.glob("*.safetensors"))
        config, kind = checkpoint.config, checkpoint.quantization.format
        return size, {"family": config.family, "format": kind, "context": config.max_context}
    file = GgufFile(path)
    config = ModelConfig.from_dict(read_settings(file))
    licence = file.metadata.get("general.license")
    return sum(part.stat().st_size for part in parts_of(path)), {
        "family": config.family,
        "format": f"gguf {GgufTensors(file).main_type}",
        "context": config.max_context,
        "licence": licence if isinstance(licence, str) else "",
    }
