"""Reads the settings from files, the environment and the command line; later sources win.

    defaults < config.yaml that ships with Docent < config.yaml in the data folder (or --config FILE)
             < DOCENT_<SECTION>__<KEY> < --set section.key=value and --data-dir

``LoadedSettings`` records where every value came from. Any mistake raises ConfigError with the key, the place it stands
in and, for an unknown key, the nearest valid one. A setting that was renamed is still read under its old name.
"""

import difflib
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from app.errors import ConfigError, UsageError
from app.locations import at_home
from app.settings.paths import DataFolder, default_data_dir, resource
from app.settings.schema import Settings, flatten, sections, valid_keys
from files import is_ours

ENV_PREFIX = "DOCENT_"
DATA_DIR_ENV = "DOCENT_DATA_DIR"
YAML_FAILURES = (yaml.YAMLError, ValueError, TypeError, AttributeError, RecursionError)
"""What ``yaml.safe_load`` raises: it lets through what ``int`` and ``date`` say of a value like 2026-99-99."""

# Taken as they are, not as YAML.
_TEXT_KEYS = frozenset({"data_dir", "embedder.folder", "retrieval.store", "model.name", "model.hub"})

# They name code that is loaded and run, so only the person's own settings file may set them.
_OWN_FILE_KEYS = frozenset({"retrieval.store", "retrieval.store_args"})

# Old dotted key -> new dotted key. A row is kept for one version after the renaming.
RENAMED: Mapping[str, str] = {"retrieval.depth": "retrieval.top_k", "answer.found_at": "answer.min_confidence"}

_LONGEST_KEY = 80  # characters that are compared with the names of settings
_ADDRESS = "should be an address like http://127.0.0.1:11434/v1"
_FORMS = {"model.endpoint": _ADDRESS}  # in place of a pattern
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 2, 120, 120


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The effective settings.

    ``origins`` maps each dotted key to "default", a file or a named place. ``notes`` are messages for the person, one
    for each old name that was used.
    """

    settings: Settings
    origins: Mapping[str, str]
    config_file: Path | None
    notes: tuple[str, ...] = ()


class _Layer:
    """The values from one source, by the current names of the settings.

    ``origins`` says where exactly a value stands, for the keys whose place differs from ``origin``.
    """

    def __init__(self, origin: str, renamed: Mapping[str, str]) -> None:
        self.origin = origin
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self.notes: list[str] = []
        self._renamed = renamed
        self._names: dict[str, str] = {}  # key -> the name it was given by

    def origin_of(self, key: str) -> str:
        return self.origins.get(key, self.origin)

    def key_of(self, name: str, place: str) -> str:
        """Returns the key that ``name`` means. Raises ConfigError for an unknown one and for one set by both names."""
        key = self._renamed.get(name, name)
        if key not in valid_keys():
            raise ConfigError(
                f'Unknown setting "{name[:_LONGEST_KEY]}" in {place}.', f'Did you mean "{nearest_key(name)}"?'
            )
        if name != self._names.setdefault(key, name):
            old = name if name in self._renamed else self._names[key]
            raise ConfigError(f'"{old}" in {place} is the old name of "{key}", which is set too.', f'Remove "{old}".')
        if name in self._renamed:
            self.notes.append(f'The setting "{name}" in {place} is now called "{key}". Please rename it there.')
        return key


def load_settings(
    *,
    data_dir: Path | None = None,
    config_file: Path | None = None,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    renamed: Mapping[str, str] = RENAMED,
) -> LoadedSettings:
    """Reads and merges all sources.

    ``data_dir`` and ``overrides`` come from the command line; ``environ`` is the process' environment.
    """
    shipped = _file_layer(resource("config.yaml"), renamed)
    environment = _environment_layer(environ or {}, renamed)
    command_line = _command_line_layer(overrides, data_dir, renamed)
    for layer in (environment, command_line):
        for key in sorted(_OWN_FILE_KEYS & layer.values.keys()):
            raise ConfigError(
                f"{key} cannot be set by the {layer.origin}, since it names a program part to run.",
                "Write it into your own settings file (`docent config` says where that is).",
            )
    layers = [shipped, environment, command_line]
    if config_file is not None:
        if not config_file.is_file():
            raise ConfigError(f"The settings file {config_file} does not exist.", "Give --config a file that does.")
        file: Path | None = config_file
        layers.insert(1, _file_layer(config_file, renamed))
    else:
        file = _data_dir_of(layers).config
        if file.is_file():
            layer = _file_layer(file, renamed)
            if "data_dir" in layer.values:
                raise ConfigError(
                    f"data_dir in {file} would move the folder that this very file lies in.",
                    "Remove it there; use --data-dir or DOCENT_DATA_DIR.",
                )
            layers.insert(1, layer)
        else:
            file = None
    settings, origins = _merge(layers)
    if file is not None and settings.retrieval.store is not None and not is_ours(file):
        raise ConfigError(
            f"retrieval.store in {file} names a program part to run, and others may write to that file.",
            f"Make the file yours alone: `chmod go-w {file}`.",
        )
    return LoadedSettings(settings, origins, file, tuple(note for layer in layers for note in layer.notes))


def _data_dir_of(layers: Sequence[_Layer]) -> DataFolder:
    for layer in reversed(layers):
        value = layer.values.get("data_dir")
        if value is not None:
            return DataFolder(at_home(str(value)).absolute())
    return DataFolder(default_data_dir())


def _file_layer(path: Path, renamed: Mapping[str, str]) -> _Layer:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"The settings file {path} cannot be read.", "Check its permissions.") from error
    except YAML_FAILURES as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where is not None else ""
        raise ConfigError(f"The settings file {path} is not valid YAML{line}.", "Correct it or delete it.") from error
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ConfigError(f"The settings file {path} must hold `section:` blocks.", "See `docent config --defaults`.")
    layer = _Layer(str(path), renamed)
    blocks = {*sections(), *(name.partition(".")[0] for name in renamed)}
    for name, content in data.items():
        if not isinstance(name, str):
            raise ConfigError(f"{name!r} in {path} is not the name of a setting.", "See `docent config --defaults`.")
        if name not in blocks:
            layer.values[layer.key_of(str(name), str(path))] = content
        elif content is None:  # a section whose every line is commented out
            continue
        elif not isinstance(content, dict):
            raise ConfigError(f"{name} in {path} must be a block of settings.", f"Indent its keys under `{name}:`.")
        else:
            layer.values.update({layer.key_of(f"{name}.{key}", str(path)): value for key, value in content.items()})
    return layer


def _environment_layer(environ: Mapping[str, str], renamed: Mapping[str, str]) -> _Layer:
    layer = _Layer("environment", renamed)
    for name, raw in sorted(environ.items()):
        if name == DATA_DIR_ENV and raw:
            key = "data_dir"
        elif name.startswith(ENV_PREFIX) and "__" in name:
            dotted = name.removeprefix(ENV_PREFIX).lower().replace("__", ".", 1)
            key = layer.key_of(dotted, f"the environment ({name})")
        else:
            continue
        layer.values[key] = _parse(key, raw)
        layer.origins[key] = f"environment {name}"
    return layer


def _command_line_layer(overrides: Sequence[str], data_dir: Path | None, renamed: Mapping[str, str]) -> _Layer:
    layer = _Layer("command line", renamed)
    for item in overrides:
        name, equals, raw = item.partition("=")
        if not equals:
            raise UsageError(f"--set {item} has no value.", "Write --set section.key=value.")
        key = layer.key_of(name.strip(), "--set")
        layer.values[key] = _parse(key, raw)
    if data_dir is not None:
        layer.values["data_dir"] = data_dir
    return layer


def _parse(key: str, raw: str) -> Any:
    """Parses a value from the environment or the command line as YAML, so that lists and null work."""
    if key in _TEXT_KEYS:
        return None if raw in ("", "null") else raw
    try:
        return yaml.safe_load(raw)
    except YAML_FAILURES:
        return raw


def nearest_key(key: str) -> str:
    """Finds the valid key or section most like a mistyped one; a right key in the wrong section counts first."""
    key = key[:_LONGEST_KEY]
    valid = valid_keys()
    same_leaf = [name for name in valid if name.rpartition(".")[2] == key.rpartition(".")[2]]
    candidates = same_leaf or valid
    by_likeness = difflib.get_close_matches(key, candidates, n=1, cutoff=0.0)
    if not same_leaf and "." not in key:  # perhaps a section mistyped, or left out before a mistyped key
        sections = difflib.get_close_matches(
            key, {name.partition(".")[0] for name in valid if "." in name}, n=1, cutoff=0.8
        )
        if sections:
            return sections[0]
        leaves = {name.rpartition(".")[2]: name for name in valid}
        close = difflib.get_close_matches(key, leaves, n=1, cutoff=0.6)
        if close:
            return leaves[close[0]]
    return by_likeness[0]


def checked_value(settings: Settings, key: str, value: Any) -> Settings:
    """Returns the settings with ``value`` for ``key``. Raises ConfigError where it is wrong, alone or with the rest."""
    tree = settings.model_dump()
    section, _, leaf = key.rpartition(".")
    (tree[section] if section else tree)[leaf] = value
    return _validate(tree, {key: "here"})


def _merge(layers: Sequence[_Layer]) -> tuple[Settings, dict[str, str]]:
    defaults = flatten(Settings())
    origins = dict.fromkeys(defaults, "default")
    tree: dict[str, Any] = {}
    for index, layer in enumerate(layers):
        for key, value in layer.values.items():
            section, _, leaf = key.rpartition(".")
            (tree.setdefault(section, {}) if section else tree)[leaf] = value
            origins[key] = layer.origin_of(key)
        if index == 0:  # the shipped file repeats the defaults; what equals them is no change
            shipped = flatten(_validate(tree, origins))
            origins = {key: "default" if shipped[key] == defaults[key] else origins[key] for key in origins}
    return _validate(tree, origins), origins


def _validate(tree: dict[str, Any], origins: Mapping[str, str]) -> Settings:
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"][:2])
        key = key if key in origins else str(first["loc"][0])
        message = _FORMS.get(key) or first["msg"].removeprefix("Value error, ").lower()
        raise ConfigError(
            f"Setting {key} ({origins.get(key, 'settings')}) is wrong: {message}, not {_SHORT.repr(first['input'])}.",
            "`docent config --defaults` lists every setting with its meaning.",
        ) from error
