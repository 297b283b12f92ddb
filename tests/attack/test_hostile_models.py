"""Model folders that were made to do harm: each is refused by an error that says what is wrong, before room is made for
what it claims and before anything endless is read.

DOCENT_MUTANTS sets the number of damaged folders (2,000 for a full run) and DOCENT_SEED the seed.
"""

import json
import os
import random
import struct
from pathlib import Path
from typing import Any

import pytest

from app.models.store import check
from docent import DocentError
from engines.errors import CheckpointError, RequestError
from engines.model.checkpoint import Checkpoint
from engines.model.tensor_files import TensorFiles
from engines.model.tokenizer import ModelTokenizer
from tests.app.models.tiny_model import write_tiny_model

HUGE = 10**15
ODD: tuple[Any, ...] = (HUGE, -1, 0, 0.5, float("nan"), float("inf"), "7", "", None, True, [], [HUGE], {}, {"a": [1]})
COUNT = int(os.environ.get("DOCENT_MUTANTS", "150"))
SEED = int(os.environ.get("DOCENT_SEED", "1"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "model")


def opened(folder: Path) -> None:
    """As `docent model import` looks at it."""
    checkpoint = Checkpoint(folder)
    ModelTokenizer.from_folder(folder, checkpoint.config.eos_ids)
    check(folder)


def test_settings_of_any_kind_are_read_or_refused(folder: Path) -> None:
    path = folder / "config.json"
    whole = json.loads(path.read_text())
    keys = [
        *whole,
        "rope_scaling",
        "rope_parameters",
        "quantization_config",
        "sliding_window",
        "layer_types",
        "head_dim",
    ]
    for key in keys:
        for value in ODD:
            path.write_text(json.dumps(whole | {key: value}))
            try:
                opened(folder)
            except DocentError as error:
                assert "\n" not in str(error) and len(str(error)) < 600, (key, value)


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "generation_config.json", "tokenizer.json"])
@pytest.mark.parametrize(
    "content", ["", "[]", "7", '{"a":', "[" * 200_000, '{"a":' * 200_000, '"\\ud800"', "\x00" * 40]
)
def test_files_that_are_not_what_they_should_be(folder: Path, name: str, content: str) -> None:
    (folder / name).write_text(content)
    with pytest.raises(CheckpointError) as caught:
        opened(folder)
    assert name in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no devices and pipes with names there")
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "tokenizer.json", "model.safetensors"])
@pytest.mark.parametrize("kind", ["endless", "pipe", "folder", "sparse"])
def test_what_never_ends_is_not_read(folder: Path, name: str, kind: str) -> None:
    path = folder / name
    path.unlink(missing_ok=True)
    if kind == "endless":
        path.symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        with path.open("wb") as file:
            file.truncate(1 << 40)
    with pytest.raises(CheckpointError, match=name.replace(".", r"\.")):
        opened(folder)


def header(entries: object, length: int | None = None) -> bytes:
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 8,
        header({}, length=1 << 42),
        header(b"[" * 200_000),
        header([1, 2]),
        header({"a": {"dtype": "F32", "shape": [HUGE, HUGE], "data_offsets": [0, 4 * HUGE * HUGE]}}),
        header({"a": {"dtype": "F32", "shape": [1 << 62, 4], "data_offsets": [0, 0]}}),  # its bytes overflow 64 bits
        header({"a": {"dtype": "F32", "shape": [-1, -1], "data_offsets": [0, 4]}}) + bytes(4),
        header({"a": {"dtype": "F32", "shape": [1] * 100_000, "data_offsets": [0, 4]}}) + bytes(4),
        header({"a": {"dtype": "F32", "shape": "11", "data_offsets": [0, 4]}}),
        header({"a": {"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]}}) + bytes(4),
        header({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}) + bytes(7),
    ],
    ids=range(12),
)
def test_headers_of_weights(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        TensorFiles(tmp_path)


def test_a_file_of_weights_that_was_cut_off_names_the_tensor(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"it ends within [\w.]+") as caught:
        opened(folder)
    assert "\n" not in str(caught.value)


def test_damaged_folders(folder: Path) -> None:
    chance = random.Random(SEED)
    files: dict[Path, bytes] = {path: path.read_bytes() for path in folder.iterdir()}
    for _ in range(COUNT):
        path = chance.choice(list(files))
        damaged = bytearray(files[path])
        for _ in range(chance.choice((1, 1, 3))):
            at = chance.randrange(min(len(damaged), 20_000))
            damaged[at : at + chance.choice((0, 1))] = bytes([chance.randrange(256)])
        path.write_bytes(damaged)
        try:
            opened(folder)
        except DocentError as error:
            assert "\n" not in str(error)
        path.write_bytes(files[path])


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages[0].content.foo.bar }}",
        "{{ 1 / 0 }}",
        "{{ messages + 1 }}",
        "{% for a in range(10 ** 12) %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ messages.__init__.__globals__ }}",
        "{{ strftime_now([]) }}",
        "{{ [1] | tojson(indent={}) }}",
        "{{ [1] | tojson(indent=10 ** 9) }}",
        "{{ 'x' * 10 ** 9 }}",
        "{{ ['x'] * 10 ** 9 }}",
        "{{ 10 ** 99999 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '%1000000000d' | format(1) }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ 'x'.ljust(10 ** 9) }}",
        "{{ 'x' | center(10 ** 9) }}",
        "{{ ('x' * 10 ** 6) | replace('x', 'y' * 10 ** 6) }}",
        "{{ ('x' * 10 ** 6).join(range(10 ** 5) | list) }}",
        "{{ range(10 ** 5) | map('string') | join('x' * 10 ** 6) }}",
        "{% set n = namespace(x='x') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
        "{% set n = namespace(x='x') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}",
        "{% for a in range(9999) %}{% for b in range(9999) %}{{ 'x' * 9999 }}{% endfor %}{% endfor %}",
    ],
)
def test_a_template_that_fails_refuses_the_conversation(folder: Path, template: str) -> None:
    (folder / "chat_template.jinja").write_text(template)
    tokenizer = ModelTokenizer.from_folder(folder)
    with pytest.raises(RequestError):
        tokenizer.render_chat([{"role": "user", "content": "hello"}])


@pytest.mark.parametrize(
    "template",
    [
        "{% set r = range(10 ** 5) %}{% for a in r %}{% for b in r %}{% endfor %}{% endfor %}",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
    ],
)
def test_a_template_that_computes_for_long_is_stopped(folder: Path, template: str) -> None:
    (folder / "chat_template.jinja").write_text(template)
    tokenizer = ModelTokenizer.from_folder(folder)
    with pytest.raises(RequestError, match="computes for more than 4 s"):
        tokenizer.render_chat([{"role": "user", "content": "hello"}])
