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

from app.models.store import first_line, gguf_name, license_in, stated_license
from docent import DocentError

_MODEL_LAYER = "application/vnd.ollama.image.model"
_LICENCE_LAYER = "application/vnd.ollama.image.license"
_GGUF = "*.gguf"
_LATER_PARTS = "-of-"
_FIRST_PART = "-00001-of-"
_PROJECTOR = "mmproj"


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


@dataclass(frozen=True, slots=True)
class _Candidate:
    """Something that looks like a model; ``licence`` is a file that may hold its licence."""

    name: str
    place: str
    path: Path
    licence: Path | None = None


def find_models(home: Path | None = None, environment: Mapping[str, str] | None = None) -> list[FoundModel]:
    """All that are found, by name; two of one name get numbers."""
    home, environment = home or Path.home(), os.environ if environment is None else environment
    found: list[FoundModel] = []
    names: set[str] = set()
    for one in sorted(_candidates(home, environment), key=lambda one: (one.name.lower(), str(one.path))):
        unique = next(free for free in _numbered(one.name) if free not in names)
        names.add(unique)
        found.append(_described(unique, one))
    return found


def _candidates(home: Path, environment: Mapping[str, str]) -> Iterator[_Candidate]:
    yield from _hugging_face(_hub_cache(home, environment))
    for root in _ollama_roots(home, environment):
        yield from _ollama(root)
    for place, root in _folders(home, environment):
        yield from _gguf_files(place, root)


def _gguf_files(place: str, root: Path) -> Iterator[_Candidate]:
    """The first parts of split models, and no parts that see or hear for another model."""
    for path in sorted(root.rglob(_GGUF)):
        is_later = _LATER_PARTS in path.name and _FIRST_PART not in path.name
        if not is_later and not path.name.lower().startswith(_PROJECTOR):
            yield _Candidate(gguf_name(path), place, path)


def _hub_cache(home: Path, environment: Mapping[str, str]) -> Path:
    if cache := environment.get("HF_HUB_CACHE"):
        return Path(cache)
    return Path(environment.get("HF_HOME") or home / ".cache" / "huggingface") / "hub"


def _hugging_face(cache: Path) -> Iterator[_Candidate]:
    for repository in sorted(cache.glob("models--*")):
        snapshot = _newest(repository)
        if snapshot is None:
            continue
        if (snapshot / "config.json").exists() and any(snapshot.glob("*.safetensors")):
            name = repository.name.removeprefix("models--").replace("--", "-")
            yield _Candidate(name, "Hugging Face", snapshot)
        yield from _gguf_files("Hugging Face", snapshot)


def _newest(repository: Path) -> Path | None:
    """The snapshot that the main branch names, or else the one that came last."""
    snapshots = {path.name: path for path in repository.glob("snapshots/*") if path.is_dir()}
    try:
        named = snapshots.get((repository / "refs" / "main").read_text(encoding="ascii").strip())
    except (OSError, UnicodeDecodeError):
        named = None
    return named or max(snapshots.values(), key=lambda path: (path.stat().st_mtime, path.name), default=None)


def _ollama_roots(home: Path, environment: Mapping[str, str]) -> list[Path]:
    if root := environment.get("OLLAMA_MODELS"):
        return [Path(root)]
    return [home / ".ollama" / "models", Path("/usr/share/ollama/.ollama/models")]


def _ollama(root: Path) -> Iterator[_Candidate]:
    """A manifest a model and tag, whose layers name files by their hashes."""
    manifests = root / "manifests"
    for manifest in sorted(path for path in manifests.rglob("*") if path.is_file()):
        try:
            layers = json.loads(manifest.read_text(encoding="utf-8"))["layers"]
            blobs = {layer["mediaType"]: _blob(root, str(layer["digest"])) for layer in reversed(layers)}
        except (OSError, ValueError, KeyError, TypeError):
            continue
        model = blobs.get(_MODEL_LAYER)
        if model is not None:  # else an adapter, or something else than a model
            yield _Candidate(f"{manifest.parent.name}-{manifest.name}", "Ollama", model, blobs.get(_LICENCE_LAYER))


def _blob(root: Path, digest: str) -> Path | None:
    path = root / "blobs" / digest.replace(":", "-")
    return path if path.parent == root / "blobs" and path.is_file() else None


def _folders(home: Path, environment: Mapping[str, str]) -> list[tuple[str, Path]]:
    if sys.platform == "darwin":
        data, cache = home / "Library" / "Application Support", home / "Library" / "Caches"
    elif sys.platform == "win32":
        data = cache = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
    else:
        data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
        cache = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    return [
        ("LM Studio", home / ".lmstudio" / "models"),
        ("LM Studio", home / ".cache" / "lm-studio" / "models"),
        ("GPT4All", data / "nomic.ai" / "GPT4All"),
        ("llama.cpp", Path(environment.get("LLAMA_CACHE") or cache / "llama.cpp")),
    ]


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1


def _described(name: str, one: _Candidate) -> FoundModel:
    from app.models.computer import holds

    try:
        size, details = _inside(one.path)
    except OSError as error:
        return FoundModel(name, one.place, one.path, 0, problem=f"It cannot be read: {error.strerror}.")
    except DocentError as error:
        return FoundModel(name, one.place, one.path, 0, problem=str(error).replace(str(one.path), one.path.name))
    if not details["licence"] and one.licence is not None:
        details["licence"] = first_line(one.licence)
    return FoundModel(name, one.place, one.path, size, **details, fits=holds(size))


def _inside(path: Path) -> tuple[int, dict[str, Any]]:
    from engines.model.checkpoint import Checkpoint
    from engines.model.config import ModelConfig
    from engines.model.gguf.file import GgufFile, parts_of
    from engines.model.gguf.settings import read_settings
    from engines.model.gguf.tensors import GgufTensors

    kind: str
    if path.is_dir():
        checkpoint = Checkpoint(path)
        size = sum(file.stat().st_size for file in path.glob("*.safetensors"))
        config, kind, licence = checkpoint.config, checkpoint.quantization.format, stated_license(path)
    else:
        file = GgufFile(path, vocabulary=False)
        size = sum(part.stat().st_size for part in parts_of(path))
        config, kind = ModelConfig.from_dict(read_settings(file)), f"gguf {GgufTensors(file).main_type}"
        licence = license_in(file.metadata)
    return size, {"family": config.family, "format": kind, "context": config.max_context, "licence": licence}
