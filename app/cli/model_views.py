"""How the commands show models: a row of a table, an object in JSON."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from app.settings.paths import BUILTIN

if TYPE_CHECKING:
    from app.models.found import FoundModel
    from app.models.store import ModelInfo

_TOO_LARGE = "too large for this computer's memory"


def found_json(found: "FoundModel") -> dict[str, Any]:
    return {**asdict(found), "path": str(found.path)}


def found_row(found: "FoundModel") -> list[str]:
    note = found.problem or ("" if found.fits else _TOO_LARGE)
    kind = f"{found.family}, {found.format}" if found.family else ""
    context = f"{found.context:,}" if found.context else ""
    return [found.name, found.place, kind, f"{found.size_bytes / 1e9:.2f} GB", context, found.licence, note]


def model_json(model: "ModelInfo") -> dict[str, Any]:
    return {
        "name": model.name,
        "folder": str(model.folder),
        "linked": model.linked,
        "origin": model.origin,
        "family": model.family,
        "format": model.format,
        "parameters": model.parameters,
        "size_bytes": model.size_bytes,
        "context": model.context,
        "license": model.license,
        "fits": _fits(model),
        "chat_template": model.chat_template,
        "problem": model.problem,
    }


def model_row(model: "ModelInfo") -> list[str]:
    size = f"{model.size_bytes / 1e9:.2f} GB"
    if model.problem:
        return ["", "", size, "", "", model.problem]
    notes = [] if model.chat_template else ["no chat template"]
    if model.name == BUILTIN:
        notes.append(f"{model.folder.name}, comes with Docent")
    if not _fits(model):
        notes.append(_TOO_LARGE)
    kind, weights = f"{model.family}, {model.format}", f"{model.parameters / 1e9:.2f} billion"
    return [kind, weights, size, f"{model.context:,}", model.license, "; ".join(notes)]


def _fits(model: "ModelInfo") -> bool:
    from app.models.computer import holds

    return holds(model.size_bytes)
