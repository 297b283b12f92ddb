"""Writes the reference pages cli.md and http-api.md from what the command line and the HTTP API know of themselves,
window.md from the names of the window's tests, and the table of models in guide.md from what the engine reads.

python docs/generate.py
"""

import ast
import inspect
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

DOCS = Path(__file__).parent
_GENERATED = "<!-- Written by docs/generate.py; a test keeps this page up to date. -->"
_FAMILIES_BEGIN = "<!-- The table is written by docs/generate.py; a test keeps it up to date. -->"
_FAMILIES_END = "<!-- End of the table. -->"
Schema = Mapping[str, Any]


def main() -> None:
    for name, page in pages().items():
        (DOCS / name).write_text(page, encoding="utf-8")


def pages() -> dict[str, str]:
    """The text of every generated page by its file name."""
    return {"cli.md": cli_page(), "http-api.md": http_page(), "guide.md": guide_page(), "window.md": window_page()}


# -- the command line ------------------------------------------------------------------------------------------------


def cli_page() -> str:
    import typer

    import ui.main  # noqa: F401 - adds `docent serve`
    from app.cli.main import app

    command = typer.main.get_command(app)
    lines = [
        "# The command line",
        "",
        _GENERATED,
        "",
        "Results go to stdout, everything else to stderr. With `--json` a command prints one JSON document, or one a",
        "line. The replies of ask, search, sync, status, remove and conversations are those of the",
        "[HTTP API](http-api.md).",
        "",
        "| Exit code | Meaning |",
        "|---|---|",
        "| 0 | Done. |",
        "| 1 | Something that you can mend, in one line with what to do; or a defect, with the place of the log. |",
        "| 2 | Wrong use of the command line. |",
        "| 130 | Interrupted. |",
        "",
        *_command("docent", command),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _command(name: str, command: Any) -> Iterator[str]:
    """The section of a command, and those of its subcommands."""
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    options = [param for param in command.params if param.param_type_name == "option"]
    usage = " ".join([name, *(_argument(param) for param in arguments), *(["[OPTIONS]"] if options else [])])
    if getattr(command, "commands", None):
        usage += " COMMAND"
    yield from (f"## {name}", "", f"    {usage}", "", *inspect.cleandoc(command.help or "").splitlines(), "")
    described = [(_argument(param), param.help) for param in arguments if getattr(param, "help", None)]
    described += [(_option(param), f"{param.help or ''}{_default(param)}") for param in options]
    if described:
        yield from ("| | |", "|---|---|", *(f"| `{_cell(left)}` | {_cell(right)} |" for left, right in described), "")
    for child_name, child in getattr(command, "commands", {}).items():
        yield from _command(f"{name} {child_name}", child)


def _argument(param: Any) -> str:
    metavar = cast("str", param.metavar or param.name.upper())
    return metavar if param.required or metavar.startswith("[") else f"[{metavar}]"


def _option(param: Any) -> str:
    names = ", ".join([*param.opts, *param.secondary_opts])
    return names if param.is_flag else f"{names} {param.metavar or param.type.name.upper()}"


def _default(param: Any) -> str:
    shown = not param.is_flag and isinstance(param.default, str | int | float)
    return f" Default: `{param.default}`." if shown else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


# -- the window ------------------------------------------------------------------------------------------------------


def window_page() -> str:
    """What the window does, sentence by sentence, as its tests are called."""
    lines = [
        "# What the window does",
        "",
        _GENERATED,
        "",
        "Each sentence is the name of a test that drives the page in a browser, or the programs around it.",
    ]
    tests_of_ui = DOCS.parent / "tests" / "ui"
    for file in sorted(tests_of_ui.rglob("test_*.py")):
        module = ast.parse(file.read_text(encoding="utf-8"))
        tests = [one.name for one in module.body if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")]
        about = (ast.get_docstring(module) or "").split("\n\n")[0]
        name = file.relative_to(tests_of_ui).as_posix()
        lines += ["", f"## [{name}](../tests/ui/{name})", "", " ".join(about.split()), ""]
        lines += [f"- {_sentence(name)}" for name in tests]
    return "\n".join(lines) + "\n"


def _sentence(test: str) -> str:
    words = test.removeprefix("test_").replace("_", " ")
    return words[0].upper() + words[1:]


# -- the HTTP API ----------------------------------------------------------------------------------------------------


def http_page() -> str:
    from app.api.http import create_api
    from app.settings.schema import Settings

    class Nobody:
        """Stands for the Assistant: describing the routes calls none of its methods."""

        settings = Settings()

    api = create_api(cast("Any", Nobody())).openapi()
    lines = [
        "# The HTTP API",
        "",
        _GENERATED,
        "",
        "`docent serve` answers on 127.0.0.1 alone and prints the port and the token of this launch. Every request",
        "carries the token as `Authorization: Bearer TOKEN`. Programs read the same description at",
        "`GET /api/openapi.json`.",
        "",
    ]
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            lines += _operation(method.upper(), path, operation)
    lines += ["## Types", ""]
    schemas = api["components"]["schemas"]
    for name in sorted(schemas):
        lines += _schema(name, schemas[name])
    return "\n".join(lines).rstrip() + "\n"


def _operation(method: str, path: str, operation: Schema) -> Iterator[str]:
    yield from (f"## {method} {path}", "", *_markdown(operation.get("description", "")), "")
    rows = [
        (parameter["name"], _type(parameter["schema"]), _default_of(parameter["schema"], parameter["required"]))
        for parameter in operation.get("parameters", ())
    ]
    if rows:
        yield from _table(("Parameter", "Type", "Default"), rows)
    body = operation.get("requestBody")
    if body is not None:
        yield from (f"Body: {_type(body['content']['application/json']['schema'])}", "")
    for status, response in operation["responses"].items():
        for media_type, content in response.get("content", {}).items():
            meaning = "Failure" if status == "default" else f"{status}, `{media_type}`"
            said = response["description"].replace("``", "`").removeprefix("Successful Response")  # FastAPI's default
            yield f"- {meaning}: {_type(content['schema'])}. {said}".rstrip()
    yield ""


def _schema(name: str, schema: Schema) -> Iterator[str]:
    yield from (f"### {name}", "")
    if "description" in schema:
        yield from (*_markdown(schema["description"]), "")
    required = schema.get("required", ())
    rows = [
        (field, _type(inner), _default_of(inner, field in required))
        for field, inner in schema.get("properties", {}).items()
    ]
    if rows:
        yield from _table(("Field", "Type", "Default"), rows)


def _table(head: tuple[str, ...], rows: list[tuple[str, str, str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    yield from (f"| `{name}` | {_cell(kind)} | {default} |" for name, kind, default in rows)
    yield ""


def _markdown(docstring: str) -> list[str]:
    return docstring.replace("``", "`").splitlines()


def _default_of(schema: Schema, required: bool) -> str:
    return "" if required or "default" not in schema else f"`{json.dumps(schema['default'])}`"


def _type(schema: Schema) -> str:
    """A type as a person reads it; one with a name of its own is a link."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema or "oneOf" in schema:
        return " or ".join(_type(inner) for inner in schema.get("anyOf") or schema["oneOf"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    if "enum" in schema:
        return " or ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    return str(schema.get("type", "any"))


# -- the table of models ---------------------------------------------------------------------------------------------


def guide_page() -> str:
    """The guide as it is, with the table between its marks written anew."""
    before, begin, rest = (DOCS / "guide.md").read_text(encoding="utf-8").partition(_FAMILIES_BEGIN)
    _, end, after = rest.partition(_FAMILIES_END)
    return before + begin + "\n" + "\n".join(_families()) + "\n" + end + after


def _families() -> Iterator[str]:
    from engines.model.families import FAMILIES

    yield "| Models | `architectures` in config.json | `general.architecture` in GGUF | Runs on |"
    yield "|---|---|---|---|"
    for known in FAMILIES.values():
        places = "processors, NVIDIA cards" if known.cards else "processors"
        within = f", `{known.within}` (its text)" if known.within else ""
        yield f"| {known.title} | `{known.architecture}`{within} | `{known.gguf}` | {places} |"


if __name__ == "__main__":
    main()
