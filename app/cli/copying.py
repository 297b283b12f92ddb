"""``docent library copy``: a library, its conversations and prompts to another place."""

from dataclasses import asdict
from typing import Annotated

import typer

from app.cli.library import progress_bar
from app.cli.output import write_json, write_text

library = typer.Typer(rich_markup_mode=None, no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(library, name="library")


@library.callback()
def group() -> None:
    """Do something with the library as a whole."""


@library.command()
def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="A data folder, or postgresql://USER@HOST/DATABASE.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="The same; empty, or a copy that was cut off.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Copy a library with its conversations to another place.

    Between a data folder and a PostgreSQL server, either way, or between two of a kind; prompts between data folders.
    The copy is compared with what it was made from; one that was cut off is gone on with.
    """
    from app.copying import copy_all
    from rag.ingest.events import SyncEvent

    with progress_bar() as show:
        done = copy_all(source, target, lambda number, total: show(SyncEvent("document", done=number, total=total)))
    if as_json:
        write_json(asdict(done))
        return
    write_text(
        f"Copied {done.documents:,} documents, {done.conversations:,} conversations and {done.prompts:,} prompts; "
        f"{done.documents_there:,}, {done.conversations_there:,} and {done.prompts_there:,} were there. "
        "Both libraries hold the same."
    )
