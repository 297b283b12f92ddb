"""Keeps the language models of this computer in folders below ``models`` in the data folder, and describes each.

A model is a Hugging Face folder (config.json, safetensors, tokenizer.json), or one made of a GGUF file. It is described
through engines.Checkpoint, so that whatever is listed as usable can be run; its weights are not loaded.
"""

import difflib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import ModelError
from app.locations import at_home
from app.settings.paths import BUILTIN
from docent import DocentError

if TYPE_CHECKING:
    from engines.model.checkpoint import Checkpoint

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_COPIED = (".safetensors", ".json", ".jinja", ".model", ".txt", ".gguf")
_WEIGHTS = ("*.safetensors", "*.gguf")
_GGUF = ".gguf"
_HEAD_CHARS = 4_000
_LICENSE_CHARS = 80
ORIGIN = "docent-origin.json"  # where a pulled or quantised model came from


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model. ``problem`` says why it cannot be used; then the fields about its inside are empty."""

    name: str
    folder: Path
    size_bytes: int
    linked: bool = False
    origin: str = ""
    family: str = ""
    format: str = ""  # dense, awq, gptq ...
    parameters: int = 0
    context: int = 0
    chat_template: bool = False
    problem: str = ""
    license: str = ""  # as the hub or the folder names it


class ModelStore:
    """The models below ``root``, which is made when the first one arrives, and the one that ships with Docent."""

    def __init__(self, root: Path, builtin: Path | None = None) -> None:
        self.root = root
        self._builtin = builtin if builtin is not None and builtin.is_dir() else None

    def names(self) -> list[str]:
        if not self.root.is_dir():
            return []
        return sorted(path.name for path in self.root.iterdir() if path.is_dir() and _NAME.fullmatch(path.name))

    def all(self) -> list[ModelInfo]:
        """The shipped one first."""
        shipped = [] if self._builtin is None else [describe(self._builtin, BUILTIN)]
        return shipped + [describe(self.root / name, name) for name in self.names()]

    def info(self, name: str) -> ModelInfo:
        """A model by its name or by the path of its folder. Raises ModelError."""
        folder = self.folder(name)
        return describe(folder, name if folder.parent == self.root or name == BUILTIN else folder.name)

    def folder(self, name: str) -> Path:
        """Where a model lies. Names come first; anything else must be an existing folder. Raises ModelError."""
        if name == BUILTIN:
            if self._builtin is None:
                raise ModelError("docent-nano is not installed.", "Install Docent from its complete source.")
            return self._builtin
        if _NAME.fullmatch(name) and (self.root / name).is_dir():
            return self.root / name
        path = at_home(name)
        if os.path.isdir(path):  # noqa: PTH112 - that of Path fails for a name that is too long
            return path.absolute()
        near = difflib.get_close_matches(name, self.names(), n=1)
        remedy = f'Did you mean "{near[0]}"?' if near else "`docent model list` shows those that there are."
        raise ModelError(f'There is no model "{name}".', remedy)

    def target(self, name: str) -> Path:
        """The folder for a new model. Raises ModelError where the name is taken or cannot be a folder's."""
        if not _NAME.fullmatch(name):
            raise ModelError(f'"{name}" cannot be a model\'s name.', "Use letters, digits, dots, dashes; give --name.")
        folder = self.root / name
        if folder.exists() or folder.is_symlink() or name == BUILTIN:
            raise ModelError(f'There is a model "{name}" already.', "Remove it first, or give another --name.")
        self.root.mkdir(parents=True, exist_ok=True)
        return folder

    def add(self, source: Path, name: str | None = None, *, link: bool = False) -> ModelInfo:
        """Takes a folder or a GGUF file over: copied, or only linked to. Raises DocentError where it holds no usable
        model."""
        source = at_home(source).absolute()
        if source.is_file():
            return self._add_gguf(source, name or gguf_name(source), link=link)
        check(source)
        target = self.target(name or source.name)
        if link:
            target.symlink_to(source, target_is_directory=True)
            return describe(target, target.name)
        with self._unfinished(target) as unfinished:
            _copy(source, unfinished)
        return describe(target, target.name)

    def _add_gguf(self, source: Path, name: str, *, link: bool) -> ModelInfo:
        """A folder with settings and tokenizer, and the file in it, or all parts of a split one."""
        from engines.model.gguf.file import GgufFile, parts_of
        from engines.model.gguf.folder import write_folder

        file, target = GgufFile(source), self.target(name)
        parts = parts_of(source)
        with self._unfinished(target) as unfinished:
            if not link:
                _demand_room(parts, self.root)
            unfinished.mkdir()
            write_folder(file, unfinished)
            for part in parts:
                place = unfinished / (part.name if part.suffix.lower() == _GGUF else f"{part.name}{_GGUF}")
                if link:
                    place.symlink_to(part)
                else:
                    shutil.copy2(part, place)
            check(unfinished)
            note_origin(unfinished, str(source), license=license_in(file.metadata))
        return describe(target, target.name)

    @contextmanager
    def _unfinished(self, target: Path) -> Iterator[Path]:
        """A folder to fill, which becomes ``target`` where nothing goes wrong."""
        unfinished = self.root / f".{target.name}.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            yield unfinished
            unfinished.rename(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)

    def remove(self, name: str) -> Path:
        """Deletes a model of the store, or the link to it. Returns where it lay. Raises ModelError."""
        folder = self.folder(name)
        if folder.parent != self.root:
            raise ModelError(f"{folder} is not one of Docent's own models.", "Delete the folder yourself.")
        if folder.is_symlink():
            folder.unlink()
        else:
            shutil.rmtree(folder)
        return folder


def describe(folder: Path, name: str) -> ModelInfo:
    """What a folder holds; what is wrong with it becomes ``problem``."""
    size = sum(path.stat().st_size for kind in _WEIGHTS for path in folder.glob(kind) if path.exists())
    from engines.model.gguf.tensors import GgufTensors

    origin, license = _noted(folder, "origin"), _noted(folder, "license") or stated_license(folder)
    try:
        checkpoint, chat = _opened(folder)
    except DocentError as error:
        return ModelInfo(name, folder, size, folder.is_symlink(), origin, problem=str(error), license=license)
    config = checkpoint.config
    if not license and isinstance(checkpoint.files, GgufTensors):
        license = license_in(checkpoint.files.metadata)
    return ModelInfo(
        name=name,
        folder=folder,
        size_bytes=size,
        linked=folder.is_symlink(),
        origin=origin,
        family=config.family,
        format=_format(checkpoint),
        parameters=_parameters(checkpoint),
        context=config.max_context,
        chat_template=chat,
        license=license,
    )


def check(folder: Path) -> None:
    """Raises DocentError unless the folder holds a model that can be run: all files, and every kind of tensor with its
    right shape in the first and the last layer."""
    if not folder.is_dir():
        remedy = "Name a GGUF file, or a folder with config.json and *.safetensors."
        if folder.exists():
            raise ModelError(f"{folder} is no folder.", remedy)
        raise ModelError(f"There is no folder or file {folder}.", remedy)
    if not any(any(folder.glob(kind)) for kind in _WEIGHTS) and any(map(is_pickle, folder.iterdir())):
        raise ModelError(
            f"{folder} holds its weights as pickle files alone, and those can run programs.",
            "Get the model in the safetensors format.",
        )
    from engines.model.checkpoint import NORMS

    checkpoint, _ = _opened(folder)
    for layer in {0, checkpoint.config.num_layers - 1}:
        for _ in checkpoint.linears(layer):
            pass
        for norm in NORMS:
            checkpoint.norm(layer, norm)
    checkpoint.final_norm()


def gguf_name(path: Path) -> str:
    """What to call the model in a GGUF file."""
    name = re.sub(r"-\d{5}-of-\d{5}$", "", path.name.removesuffix(path.suffix) if path.suffix else path.name)
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:96] or "model"


def stated_license(folder: Path) -> str:
    """What the head of README.md calls the licence, else the first line of a LICENSE; "" where there is neither."""
    try:
        readme = (folder / "README.md").read_text(encoding="utf-8", errors="replace")[:_HEAD_CHARS]
    except OSError:
        readme = ""
    head = re.match(r"---\n(.*?)\n---", readme, re.DOTALL)
    named = re.search(r"^license: *(\S.*)$", head[1], re.MULTILINE) if head else None
    if named:
        return named[1].strip()
    return next((first_line(path) for path in sorted(folder.glob("LICENSE*"))), "")


def first_line(path: Path) -> str:
    """The first line of a file that is not empty, cut after some words; "" where it cannot be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = file.read(_HEAD_CHARS).splitlines()
    except OSError:
        return ""
    return next((line.strip()[:_LICENSE_CHARS] for line in lines if line.strip()), "")


def license_in(metadata: Mapping[str, object]) -> str:
    """What the metadata of a GGUF file calls its licence."""
    stated = metadata.get("general.license")
    return " ".join(stated.split())[:_LICENSE_CHARS] if isinstance(stated, str) else ""


def note_origin(folder: Path, origin: str, sha256: Mapping[str, str] | None = None, license: str = "") -> None:
    """Writes down where a model came from, in one line for people, what its files were when they came, and the licence
    that was stated there."""
    noted = {"origin": origin, "sha256": dict(sha256 or {}), "license": license}
    (folder / ORIGIN).write_text(json.dumps(noted), encoding="utf-8")


def recorded_hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of the files that were downloaded, by name; empty where nothing is known."""
    try:
        found = json.loads((folder / ORIGIN).read_text(encoding="utf-8"))["sha256"]
        return {str(name): str(digest) for name, digest in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def is_pickle(path: Path) -> bool:
    """Whether a file's name says that it holds weights as pickle."""
    return path.suffix in (".bin", ".pt", ".pth", ".ckpt", ".pkl")


def _opened(folder: Path) -> "tuple[Checkpoint, bool]":
    from engines.model.checkpoint import Checkpoint
    from engines.model.tokenizer import ModelTokenizer

    checkpoint = Checkpoint(folder)
    return checkpoint, ModelTokenizer.from_folder(folder, checkpoint.config.eos_ids).has_chat_template


def _parameters(checkpoint: "Checkpoint") -> int:
    """Weights of projections and embedding; norms and biases are too few to count."""
    config = checkpoint.config
    tables = config.vocab_size * config.hidden_size * (1 if config.tie_embeddings else 2)
    shapes = [shape for layer in range(config.num_layers) for shape in config.layer_shapes(layer)]
    return tables + sum(rows * columns for rows, columns in shapes)


def _format(checkpoint: "Checkpoint") -> str:
    """For GGUF with the type that most of the weights have."""
    from engines.model.gguf.tensors import GgufTensors

    files = checkpoint.files
    return f"gguf {files.main_type}" if isinstance(files, GgufTensors) else checkpoint.quantization.format


def _noted(folder: Path, what: str) -> str:
    try:
        return str(json.loads((folder / ORIGIN).read_text(encoding="utf-8"))[what])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _copy(source: Path, target: Path) -> None:
    files = [path for path in source.iterdir() if path.is_file() and path.name.endswith(_COPIED)]
    _demand_room(files, target.parent)
    target.mkdir()
    for path in files:
        shutil.copy2(path, target / path.name)


def _demand_room(files: Sequence[Path], folder: Path) -> None:
    need, free = sum(path.stat().st_size for path in files), shutil.disk_usage(folder).free
    if need > free:
        raise ModelError(
            f"The model takes {need / 1e9:.1f} GB and {free / 1e9:.1f} GB are free.", "Make room, or use --link."
        )
