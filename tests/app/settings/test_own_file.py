"""Changing the person's settings file: comments, order and layout stay."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as some

from app.errors import ConfigError
from app.settings.own_file import forget, set_value

COMMENTED = """\
# mine
model:
  # the big one
  name: "builtin"  # or another
  context:    2048

  # threads: 3
retrieval:
  depth: 5 # old
  # tail
library:
  exclude:
    - drafts/
    - "*.log"   # they grow
  # more to come
answer:
  # nothing yet
# end
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(COMMENTED, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("key", "value", "before", "after"),
    [
        ("model.name", "large", '"builtin"', '"large"'),
        ("model.context", 512, "   2048", "   512"),
        ("model.threads", 2, "2048\n", "2048\n  threads: 2\n"),
        ("answer.min_confidence", None, "answer:\n", "answer:\n  min_confidence: null\n"),
        ("retrieval.top_k", 7, "  depth: 5 # old\n  # tail\n", "  # tail\n"),
        ("server.port", 0, "# end\n", "# end\nserver:\n  port: 0\n"),
    ],
)
def test_a_value_changes_and_nothing_else(config: Path, key: str, value: object, before: str, after: str) -> None:
    set_value(config, key, value, renamed={"retrieval.depth": "retrieval.top_k"})
    text = config.read_text(encoding="utf-8")
    if key == "retrieval.top_k":  # the line under its old name goes
        assert "depth" not in text
        assert yaml.safe_load(text)["retrieval"] == {"top_k": 7}
        assert all(line in text for line in COMMENTED.splitlines() if "depth" not in line)
    else:
        assert text == COMMENTED.replace(before, after)


def test_a_list_is_replaced_as_a_whole(config: Path) -> None:
    set_value(config, "library.exclude", ["ä b", "c: d"])
    text = config.read_text(encoding="utf-8")
    assert yaml.safe_load(text)["library"]["exclude"] == ["ä b", "c: d"]
    assert "# more to come" in text


def test_a_key_is_taken_out_with_its_line_alone(config: Path) -> None:
    forget(config, "model.name")
    assert config.read_text(encoding="utf-8") == COMMENTED.replace('  name: "builtin"  # or another\n', "")
    forget(config, "server.port")  # is not there


def test_a_new_file_says_what_it_is(tmp_path: Path) -> None:
    set_value(tmp_path / "config.yaml", "library.workers", 2)
    text = (tmp_path / "config.yaml").read_text(encoding="utf-8")
    assert text.startswith("# Your settings.")
    assert yaml.safe_load(text) == {"library": {"workers": 2}}


@pytest.mark.parametrize("content", ["- a\n- list\n", "model: [\n", "\t- x: y"])
def test_a_file_that_is_not_understood_is_left_alone(config: Path, content: str) -> None:
    config.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError):
        set_value(config, "model.name", "x")
    assert config.read_text(encoding="utf-8") == content


def test_settings_in_braces_are_changed_and_not_taken_out(config: Path) -> None:
    config.write_text("model: {name: builtin} # short\n", encoding="utf-8")
    set_value(config, "model.name", "x")
    set_value(config, "model.threads", 3)
    assert yaml.safe_load(config.read_text(encoding="utf-8")) == {"model": {"name": "x", "threads": 3}}
    with pytest.raises(ConfigError, match="between braces"):
        forget(config, "model.name")


_TEXTS = some.text(max_size=20)


@settings(deadline=None, max_examples=50)
@given(name=_TEXTS, patterns=some.lists(_TEXTS, max_size=4), port=some.integers(0, 65535))
def test_any_values_come_back_and_the_comments_stay(
    tmp_path_factory: pytest.TempPathFactory, name: str, patterns: list[str], port: int
) -> None:
    path = tmp_path_factory.mktemp("settings") / "config.yaml"
    path.write_text(COMMENTED, encoding="utf-8")
    changes: list[tuple[str, object]] = [("model.name", name), ("library.exclude", patterns), ("server.port", port)]
    for key, value in changes * 2:
        set_value(path, key, value)
    tree = yaml.safe_load(path.read_bytes())
    assert (tree["model"]["name"], tree["library"]["exclude"], tree["server"]["port"]) == (name, patterns, port)
    assert tree["model"]["context"] == 2048
    text = path.read_text(encoding="utf-8")
    for comment in ("# mine", "# the big one", "# or another", "# threads: 3", "# tail", "# nothing yet", "# end"):
        assert comment in text


def test_windows_line_ends_stay(config: Path) -> None:
    config.write_bytes(COMMENTED.replace("\n", "\r\n").encode())
    set_value(config, "model.name", "x")
    assert config.read_bytes() == COMMENTED.replace('"builtin"', '"x"').replace("\n", "\r\n").encode()
