"""The page's files: libraries as they came, texts in one catalogue, nothing from elsewhere."""

import json
import re
from pathlib import Path
from typing import Any, cast

import pytest

from app.api.http import create_api
from app.settings.schema import Settings, sections, valid_keys
from ui.page import STATIC
from ui.vendor import FOLDER, hashes

OURS = sorted(file for file in STATIC.rglob("*.js") if FOLDER not in file.parents)
WORDS = STATIC / "words"
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
CATALOGUES = {"ENGLISH": ("words_en.js", "pages_en.js"), "GERMAN": ("words_de.js", "pages_de.js")}
TEXTS = {
    *(file for files in CATALOGUES.values() for file in files),
    "settings_de.js",
    "messages_de.js",
    "messages_documents_de.js",
}
CODE = [file for file in OURS if file.name not in TEXTS]
_ENTRY = re.compile(r'^  (?:"([\w.]+)"|(\w+)): "((?:[^"\\]|\\.)*)",$', re.MULTILINE)
_MADE = (
    "chat.",
    "library.",
    "settings.theme.",
    "sample.",
    "place.",
    "app.",
    "keys.",
    "chats.",
    "section.",
    "stored.",
    "models.",
)  # keys that are put together


_ADDRESS = re.compile(r"[\"`](/(?:api|gradio|desktop)/(?:\$\{(?:[^{}]|\{[^{}]*\})*\}|[^\"`?\s$])*)")


class Nobody:
    """Stands for the Assistant: describing the routes calls none of its methods."""

    settings = Settings()


def words_of(name: str) -> dict[str, str]:
    catalogue = "".join((WORDS / file).read_text(encoding="utf-8") for file in CATALOGUES[name])
    return {quoted or bare: text for quoted, bare, text in _ENTRY.findall(catalogue)}


def test_libraries_lie_there_as_they_came() -> None:
    assert json.loads((FOLDER / "vendor.json").read_text(encoding="ascii")) == hashes()


def test_every_language_says_everything() -> None:
    english, german = words_of("ENGLISH"), words_of("GERMAN")
    assert len(english) > 150
    assert english.keys() == german.keys()
    for key, text in english.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", german[key])) or "|" in text, key


def test_every_setting_is_explained_in_german() -> None:
    found = dict(
        re.findall(r'^  "([\w.]+)":\s+"((?:[^"\\]|\\.)+)",$', (WORDS / "settings_de.js").read_text(), re.MULTILINE)
    )
    assert found.keys() == {*valid_keys()}
    english = words_of("ENGLISH")
    assert {f"section.{name}" for name in sections()} <= english.keys()


def test_every_text_that_is_used_is_in_the_catalogue() -> None:
    english = words_of("ENGLISH")
    used = {key for file in OURS for key in re.findall(r'\bt\(\s*"([\w.]+)"', file.read_text(encoding="utf-8"))}
    assert used - english.keys() == set()
    asked = "\n".join(file.read_text(encoding="utf-8") for file in CODE)
    unused = [key for key in english if f'"{key}"' not in asked and not key.startswith(_MADE)]
    assert unused == []


@pytest.mark.parametrize("file", CODE, ids=lambda file: file.name)
def test_no_text_stands_outside_the_catalogue(file: Path) -> None:
    """Words between tags of a template, and names of things for people, come from ``t``."""
    source = _COMMENT.sub("", file.read_text(encoding="utf-8"))
    between = re.findall(r">\s*([A-Z][a-z]+(?: [\w’]+)*[.…]?)\s*<", source)
    assert between == []
    named = re.findall(r'(?:aria-label|title|placeholder|alt)="([^"$]+)"', source)
    assert [name for name in named if name not in ("Docent", "Qwen/Qwen3-0.6B")] == []


@pytest.mark.parametrize("file", OURS, ids=lambda file: file.name)
def test_nothing_is_made_of_strings_or_comes_from_elsewhere(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", source)
    for address in re.findall(r"https?://[\w.-]+", source):
        assert address in ("https://www.youtube.com", "http://127.0.0.1", "https://HOST")
    for imported in re.findall(r'^(?:import|export)\b[^;]*?"([^"]*\.js)";', source, re.MULTILINE):
        assert (file.parent / imported).is_file(), imported


def test_files_stay_short() -> None:
    lengths = {file.name: len(file.read_text(encoding="utf-8").splitlines()) for file in OURS}
    assert [name for name, lines in lengths.items() if lines > 400] == []


def test_the_page_asks_the_http_api_alone() -> None:
    """Every address that the page asks is one that the API describes, so that a program can do what the page does. The
    sessions of browsers, the stream of news and Docent's own window are the page's own."""
    described = create_api(cast("Any", Nobody())).openapi()["paths"]
    known = {re.sub(r"\{[^}]*\}", "*", path) for path in described}
    asked = set()
    for file in CODE:
        for found in _ADDRESS.findall(_COMMENT.sub("", file.read_text(encoding="utf-8"))):
            without_query = re.sub(r"\$\{(?:query|part)\b.*", "", found)
            asked.add(re.sub(r"\$\{(?:[^{}]|\{[^{}]*\})*\}", "*", without_query))
    assert len(asked) > 40
    own = ("/api/session", "/gradio/gradio_api/call/news", "/desktop/")
    assert {path for path in asked - known if not path.startswith(own)} == set()


def test_sizes_and_radii_are_those_of_the_scale() -> None:
    style = "\n".join(file.read_text(encoding="utf-8") for file in sorted((STATIC / "style").glob("*.css")))
    sizes = {*re.findall(r"(?<!-)font-size: ([^;]+);", style)}
    relative = {size for size in sizes if size.startswith(("0.92em", "calc(var(--text-scale-factor)"))}
    assert sizes - relative == {f"var(--{name})" for name in ("small", "body", "read", "head", "big")}
    scale = dict(re.findall(r"--(small|body|read|head|big): ([\d.]+)rem;", style))
    assert [float(scale[name]) * 16 for name in ("small", "body", "read", "head", "big")] == [12, 14, 16, 20, 28]
    assert {*re.findall(r"border-radius: ([^;]+);", style)} <= {"6px", "10px", "14px", "50%"}
    assert len({*re.findall(r"--accent: (#\w+);", style)}) == 2  # light and dark


def test_spaces_are_those_of_the_scale() -> None:
    style = "\n".join(file.read_text(encoding="utf-8") for file in sorted((STATIC / "style").glob("*.css")))
    spaces = re.findall(r"(?<![\w-])(?:padding|margin|gap|row-gap|column-gap)(?:-[a-z-]+)?: ([^;}]+)", style)
    assert len(spaces) > 100
    lengths = {length.lstrip("-") for space in spaces for length in re.findall(r"-?[\d.]+(?:px|r?em)", space)}
    assert {length for length in lengths if length.endswith("px")} == {"4px", "8px", "12px", "16px", "24px"}
    assert {length for length in lengths if length.endswith("em")} == {"1em", "1.25rem"}  # lists within a text
