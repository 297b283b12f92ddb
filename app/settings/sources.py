"""Where settings come from: files, environment, command line; later ones win.

    defaults < config.yaml that ships with Docent < config.yaml in the data folder (or --config FILE)
             < DOCENT_<SECTION>__<KEY> < --set section.key=value and --data-dir

In: names and texts. Out: ``LoadedSettings``, which knows the origin of every value. Anything wrong raises ConfigError
with the key, the place it stands in and, for an unknown key, the nearest valid one.
"""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from app.errors import ConfigError, UsageError
from app.settings.model import Settings, flatten, sections, valid_keys
from app.settings.paths import DataFolder, default_data_dir, resource

ENV_PREFIX = "DOCENT_"
DATA_DIR_ENV = "DOCENT_DATA_DIR"
# Taken as they are, not as YAML.
_TEXT_KEYS = frozenset({"data_dir", "embedder.folder", "retrieval.store", "model.name", "model.hub"})


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The effective settings. ``origins`` maps each dotted key to "default", a file or a named place."""

    settings: Settings
    origins: Mapping[str, str]
    config_file: Path | None


@dataclass(frozen=True, slots=True)
class _Layer:
    """Values from one place; ``names`` says where exactly each stands, when that differs from key to key."""

    origin: str
    values: Mapping[str, Any]
    names: Mapping[str, str]

    def origin_of(self, key: str) -> str:
        return self.names.get(key, self.origin)


def load_settings(
    *,
    data_dir: Path | None = None,
    config_file: Path | None = None,
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
) -> LoadedSettings:
    """``data_dir`` and ``overrides`` come from the command line; ``environ`` is the process' environment."""
    shipped = _file_layer(resource("config.yaml"))
    environment = _environment_layer(environ or {})
    command_line = _command_line_layer(overrides, data_dir)
    layers = [shipped, environment, command_line]
    if config_file is not None:
        if not config_file.is_file():
            raise ConfigError(f"The settings file {config_file} does not exist.", "Give --config a file that does.")
        file: Path | None = config_file
        layers.insert(1, _file_layer(config_file))
    else:
        file = _data_dir_of(layers).config
        if file.is_file():
            layer = _file_layer(file)
            if "data_dir" in layer.values:
                raise ConfigError(
                    f"data_dir in {file} would move the folder that this very file lies in.",
                    "Remove it there; use --data-dir or DOCENT_DATA_DIR.",
                )
            layers.insert(1, layer)
        else:
            file = None
    settings, origins = _merge(layers)
    return LoadedSettings(settings, origins, file)


def _data_dir_of(layers: Sequence[_Layer]) -> DataFolder:
    for layer in reversed(layers):
        value = layer.values.get("data_dir")
        if value is not None:
            return DataFolder(Path(str(value)).expanduser().absolute())
    return DataFolder(default_data_dir())


def _file_layer(path: Path) -> _Layer:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"The settings file {path} cannot be read.", "Check its permissions.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where is not None else ""
        raise ConfigError(f"The settings file {path} is not valid YAML{line}.", "Correct it or delete it.") from error
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise ConfigError(f"The settings file {path} must hold `section:` blocks.", "See `docent config --defaults`.")
    values: dict[str, Any] = {}
    for name, content in data.items():
        if name not in sections():
            values[_known(str(name), str(path))] = content
        elif content is None:  # a section whose every line is commented out
            continue
        elif not isinstance(content, dict):
            raise ConfigError(f"{name} in {path} must be a block of settings.", f"Indent its keys under `{name}:`.")
        else:
            values.update({_known(f"{name}.{key}", str(path)): value for key, value in content.items()})
    return _Layer(str(path), values, {})


def _environment_layer(environ: Mapping[str, str]) -> _Layer:
    values: dict[str, Any] = {}
    names: dict[str, str] = {}
    for name, raw in sorted(environ.items()):
        if name == DATA_DIR_ENV and raw:
            key = "data_dir"
        elif name.startswith(ENV_PREFIX) and "__" in name:
            key = _known(name.removeprefix(ENV_PREFIX).lower().replace("__", ".", 1), f"the environment ({name})")
        else:
            continue
        values[key] = _parse(key, raw)
        names[key] = f"environment {name}"
    return _Layer("environment", values, names)


def _command_line_layer(overrides: Sequence[str], data_dir: Path | None) -> _Layer:
    values: dict[str, Any] = {}
    for item in overrides:
        name, equals, raw = item.partition("=")
        if not equals:
            raise UsageError(f"--set {item} has no value.", "Write --set section.key=value.")
        key = _known(name.strip(), "--set")
        values[key] = _parse(key, raw)
    if data_dir is not None:
        values["data_dir"] = data_dir
    return _Layer("command line", values, {})


def _parse(key: str, raw: str) -> Any:
    """The value of a text that stands in the environment or on the command line: YAML, so lists and null work."""
    if key in _TEXT_KEYS:
        return None if raw in ("", "null") else raw
    try:
        return yaml.safe_load(raw)
    except yaml.YAMLError:
        return raw


def _known(key: str, place: str) -> str:
    valid = valid_keys()
    if key in valid:
        return key
    nearest = nearest_key(key)
    raise ConfigError(f'Unknown setting "{key}" in {place}.', f'Did you mean "{nearest}"?')


def nearest_key(key: str) -> str:
    """The valid key or section that a mistyped one most resembles; a right key in the wrong section counts first."""
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
        message = first["msg"].removeprefix("Value error, ").lower()
        raise ConfigError(
            f"Setting {key} ({origins.get(key, 'settings')}) is wrong: {message}, not {first['input']!r}.",
            "`docent config --defaults` lists every setting with its meaning.",
        ) from error
