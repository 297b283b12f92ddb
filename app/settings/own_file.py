"""Changes the person's settings file, and nothing in it but the value that is changed.

PyYAML's parser tells where keys and values stand, and the text is cut there: comments, order and layout stay to the
byte. What comes out is read again before it is written, so that no file is harmed by a layout that was not foreseen.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from app.errors import ConfigError, disk_error
from app.settings.sources import RENAMED, YAML_FAILURES
from files import replace_text

_NEW = "# Your settings. `docent config --defaults` lists all there are, with what they mean.\n"
_INDENT = "  "


def set_value(path: Path, key: str, value: Any, renamed: Mapping[str, str] = RENAMED) -> None:
    """Writes ``key`` (dotted) with its value; an old name of it goes. The file is made where there is none.

    Raises ConfigError where the file cannot be read or written.
    """
    text = _text(path) if path.exists() else _NEW
    for old in _old_names(key, renamed):
        text = _without(text, old, path)
    changed = _with(text, key, value)
    _write(path, changed, key, value)


def forget(path: Path, key: str, renamed: Mapping[str, str] = RENAMED) -> None:
    """Takes ``key`` out of the file, by whichever name. Raises ConfigError as ``set_value`` does."""
    if not path.exists():
        return
    text = _text(path)
    for name in (*_old_names(key, renamed), key):
        text = _without(text, name, path)
    _write(path, text, key, None)


def _old_names(key: str, renamed: Mapping[str, str]) -> list[str]:
    return [old for old, new in renamed.items() if new == key]


def _with(text: str, key: str, value: Any) -> str:
    """The text with the value in the place of the one before, or on a new line of its section."""
    section, _, leaf = key.rpartition(".")
    written = _written(value)
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    found = _pair(root, section)[1] if section else root
    if found is None:  # no such section
        return _lines(text) + (f"{section}:\n{_INDENT}{leaf}: {written}\n" if section else f"{leaf}: {written}\n")
    old = _pair(found, leaf)[1]
    if old is not None:
        start, end = _extent(text, old)
        return text[:start] + " " * (start == end) + written + text[end:]
    if isinstance(found, yaml.MappingNode) and found.value and not found.flow_style:
        first = found.value[0][0].start_mark
        at = _line_end(text, _extent(text, found)[1])
        return f"{text[:at]}\n{' ' * first.column}{leaf}: {written}{text[at:]}"
    if isinstance(found, yaml.MappingNode):  # in braces
        at = found.start_mark.index + 1
        return f"{text[:at]}{leaf}: {written}{', ' * bool(found.value)}{text[at:]}"
    at = _line_end(text, found.start_mark.index)  # a section of which every line is a comment
    return f"{text[:at]}\n{_INDENT}{leaf}: {written}{text[at:]}"


def _written(value: Any) -> str:
    """A value as YAML in one line: as JSON, which is YAML, but for characters that JSON escapes in another way."""
    plain = json.dumps(value, ensure_ascii=False)
    if plain.isprintable():
        return plain
    return yaml.safe_dump([value], default_flow_style=True, width=math.inf).strip()[1:-1]


def _without(text: str, key: str, path: Path) -> str:
    """The text without the lines of a key; a section that is empty then stays for the comments in it."""
    section, _, leaf = key.rpartition(".")
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    found = _pair(root, section)[1] if section else root
    name, value = _pair(found, leaf)
    if name is None or value is None:
        return text
    assert isinstance(found, yaml.MappingNode)
    if found.flow_style:
        raise ConfigError(f"{key} stands between braces in {path}.", "Remove it there yourself.")
    start = text.rfind("\n", 0, name.start_mark.index) + 1
    end = _line_end(text, _extent(text, value)[1])
    return text[:start] + text[end + 1 :]


def _pair(node: yaml.Node | None, name: str) -> "tuple[yaml.Node | None, yaml.Node | None]":
    """A key of a mapping with its value; two times None where it is not there."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next(((key, value) for key, value in pairs if key.value == name), (None, None))


def _extent(text: str, node: yaml.Node) -> tuple[int, int]:
    """Where a node stands, without the blank lines and comments that follow it."""
    start, end = node.start_mark.index, node.end_mark.index
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        end = max(start, _extent(text, last[1] if isinstance(last, tuple) else last)[1])
    return start, start + len(text[start:end].rstrip())


def _line_end(text: str, at: int) -> int:
    """The end of the line that ``at`` stands in, before its line break."""
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _lines(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def _text(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8-sig")  # line ends as they are
        if not isinstance(yaml.safe_load(text), dict | None):
            raise ConfigError(f"The settings file {path} must hold `section:` blocks.", "Correct it or delete it.")
    except (OSError, *YAML_FAILURES) as error:
        raise ConfigError(f"The settings file {path} cannot be read.", "Correct it or delete it.") from error
    return text


def _write(path: Path, text: str, key: str, value: Any) -> None:
    try:
        section, _, leaf = key.rpartition(".")
        tree = yaml.safe_load(text) or {}
        fits = ((tree.get(section) or {}) if section else tree).get(leaf) == value
    except YAML_FAILURES:
        fits = False
    if not fits:
        raise ConfigError(f"{path} is laid out in a way that is not understood.", f"Change {key} there yourself.")
    try:
        replace_text(path.resolve(), text)
    except OSError as error:
        if (full := disk_error(error)) is not None:
            raise full from error
        raise ConfigError(f"The settings file {path} cannot be written.", "Check its permissions.") from error
