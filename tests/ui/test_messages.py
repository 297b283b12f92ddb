"""What the server says went wrong stands in the German catalogue, sentence by sentence."""

import ast
import json
import re
from collections.abc import Iterator

import app.errors
import engines.errors
import rag.errors
from docent import DocentError
from ui.page import STATIC

ROOT = STATIC.parents[1]
# These speak to programs and to the terminal, or stand in the log.
_ELSEWHERE = (
    *(
        "app/cli/",
        "app/copying.py",
        "app/mcp_tools.py",
        "app/repair.py",
        "app/process/running.py",
        "app/models/triton.py",
        "app/api/openai",
        "app/api/kserve",
    ),
    *(
        "rag/adapters/",
        "rag/ingest/cluster/",
        "rag/models/",
        "rag/store/copying.py",
        "rag/store/faiss_index.py",
    ),
)
_ENTRY = re.compile(r"^  (\".+?(?<!\\)\"): (\".+\"),$", re.MULTILINE)


def template(node: ast.expr) -> str | None:
    """The text of a message with {0}, {1} for what differs; None for what is put together elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    numbers = iter(range(10))
    return "".join(str(one.value) if isinstance(one, ast.Constant) else f"{{{next(numbers)}}}" for one in node.values)


def is_of_docent(call: ast.Call) -> bool:
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    modules = (app.errors, rag.errors, engines.errors)
    kind = next((getattr(module, name) for module in modules if name and hasattr(module, name)), None)
    return isinstance(kind, type) and issubclass(kind, DocentError)


def constants() -> dict[str, ast.Constant]:
    """Texts that have a name of their own in a module, such as a message that several raise."""
    files = [file for package in ("app", "rag") for file in (ROOT / package).rglob("*.py")]
    return {
        target.id: node.value
        for file in files
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, str) and not target.id.startswith("_")
    }


def messages() -> Iterator[str]:
    named = constants()
    for package in ("app", "rag"):
        for file in sorted((ROOT / package).rglob("*.py")):
            if file.relative_to(ROOT).as_posix().startswith(_ELSEWHERE):
                continue
            for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(call, ast.Call) and is_of_docent(call):
                    said = [named.get(one.id, one) if isinstance(one, ast.Name) else one for one in call.args[:2]]
                    found = [template(argument) for argument in said]
                    if found and found[0] and re.search(r"[a-z] ", found[0]):
                        yield from (one for one in found if one)


def catalogue() -> dict[str, str]:
    files = (STATIC / "words").glob("messages_*de.js")
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    return {json.loads(english): json.loads(german) for english, german in _ENTRY.findall(text)}


def test_every_message_is_said_in_german() -> None:
    missing = sorted({*messages()} - catalogue().keys())
    assert missing == []


def test_what_differs_stands_in_both() -> None:
    assert len(catalogue()) > 300
    for english, german in catalogue().items():
        places = [sorted({*re.findall(r"\{\d\}", text)}) for text in (english, german)]
        assert places[0] == places[1], english


def test_nothing_is_translated_that_is_not_said() -> None:
    sources = [
        file.read_text(encoding="utf-8") for package in ("app", "rag") for file in (ROOT / package).rglob("*.py")
    ]
    said = {*messages()} | {
        constant.value
        for source in sources
        for constant in ast.walk(ast.parse(source))
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
    }
    assert sorted(catalogue().keys() - said) == []
