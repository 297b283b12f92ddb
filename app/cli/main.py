"""Defines the ``docent`` command: the common options, the order of the commands, and how errors are reported.

Result on stdout, everything else on stderr. Exit code 0: done; 1: something a person can mend (or a defect, with the
place of the log); 2: wrong use of the command line; 130: interrupted. Heavy modules are imported by the commands that
need them, so that ``docent --help`` answers at once.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn, cast

import typer
from typer.core import TyperGroup

from app.cli import ask as cli_ask
from app.cli import collections as cli_collections
from app.cli import conversations as cli_conversations
from app.cli import copying as cli_copying
from app.cli import library as cli_library
from app.cli import mcp as cli_mcp
from app.cli import model as cli_model
from app.cli import system as cli_system
from app.cli import users as cli_users
from app.cli.output import one_line, silence_stdout, tolerate_odd_characters, write_json, write_note
from app.cli.session import Session
from app.errors import UsageError, disk_error
from docent import DocentError, __version__

_OPTIONS_WITH_VALUE = ("--data-dir", "--config", "--set")
_FLAGS = ("--debug",)
_ALONE = "open"  # the command that `docent` without one runs
# What parsing raises is the base of the only such class that typer exports.
_ParseError = cast("type[Exception]", typer.BadParameter.__base__)


class DocentGroup(TyperGroup):
    """The command group: takes the common options anywhere on the line, and turns failures into exit codes."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> NoReturn:
        tolerate_odd_characters()
        common, others = _parted(sys.argv[1:] if args is None else args)
        if not others and _ALONE in self.commands:  # the window is a part of this program
            others = [_ALONE]
        line = common + others
        extra["standalone_mode"] = False
        session = Session(debug="--debug" in line or os.environ.get("DOCENT_DEBUG", "") not in ("", "0"))
        try:
            code = super().main(line, *rest, obj=session, **extra)
            sys.stdout.flush()
        except Exception as error:  # noqa: BLE001 - the outermost edge of the command line
            code = _report(error, session, as_json="--json" in line)
        except KeyboardInterrupt:
            code = 130
        sys.exit(code if isinstance(code, int) else 0)


def common_options_first(args: Sequence[str]) -> list[str]:
    """Moves --data-dir, --config, --set and --debug before the command, where the group reads them."""
    common, others = _parted(args)
    return common + others


def _parted(args: Sequence[str]) -> tuple[list[str], list[str]]:
    """The common options, and everything else."""
    common: list[str] = []
    others: list[str] = []
    rest = list(args)
    while rest:
        word = rest.pop(0)
        if word == "--":
            others += [word, *rest]
            break
        if word in _OPTIONS_WITH_VALUE and rest:
            common += [word, rest.pop(0)]
        elif word in _FLAGS or word.startswith(tuple(f"{name}=" for name in _OPTIONS_WITH_VALUE)):
            common.append(word)
        else:
            others.append(word)
    return common, others


def _report(error: Exception, session: Session, *, as_json: bool) -> int:
    """Reports the error in one line and returns the exit code."""
    if isinstance(error, typer.Abort):
        return 130
    if isinstance(error, BrokenPipeError):
        silence_stdout()
        return 1
    error = disk_error(error) or error
    if session.debug and not isinstance(error, _ParseError):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, _ParseError):
        message, remedy = _parse_message(error)
        code = 2
    elif isinstance(error, DocentError):
        message, remedy = error.message, error.remedy
        code = 2 if isinstance(error, UsageError) else 1
    else:
        log = session.log_defect(error)
        message = "Docent failed unexpectedly; this is a defect of Docent."
        remedy = f"The details are in {log}." if log else "Set DOCENT_DEBUG=1 to see the details."
        code = 1
    write_note(f"docent: {message} {remedy}")
    if as_json:
        write_json({"error": {"message": one_line(message), "remedy": one_line(remedy)}})
    return code


def _parse_message(error: Any) -> tuple[str, str]:
    path = error.ctx.command_path if error.ctx is not None else "docent"
    return error.format_message().rstrip(".") + ".", f"See `{path} --help`."


def _version(value: bool) -> None:
    if value:
        sys.stdout.write(f"docent {__version__}\n")
        raise typer.Exit


app = typer.Typer(
    cls=DocentGroup,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(invoke_without_command=True)
def docent(
    context: typer.Context,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the library here instead of in the user data folder.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Read settings from this file instead of the data folder's.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one setting, as in server.port=8000.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Log to the terminal and show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Ask your own documents, on your own computer, and get answers with citations.

    Without a command the window opens. The options below may stand anywhere on the line.
    """
    session: Session = context.obj
    session.data_dir, session.config_file, session.overrides = data_dir, config, tuple(set_ or ())
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


cli_library.register(app)
cli_ask.register(app)
cli_collections.register(app)
cli_copying.register(app)
cli_conversations.register(app)
cli_model.register(app)
cli_mcp.register(app)
cli_users.register(app)
cli_system.register(app)
