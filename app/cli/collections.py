"""``docent collections``: list them, add documents and folders to one, take them out, rename or delete it."""

from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.output import write_json, write_table, write_text
from app.cli.session import session_of
from rag.errors import UnknownCollection

if TYPE_CHECKING:
    from app.assistant import Assistant
    from rag.types import Collection

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME")]
LocationsArgument = Annotated[
    list[str], typer.Argument(metavar="LOCATION...", help="Documents and folders of the library.")
]

collections = typer.Typer(rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    app.add_typer(collections, name="collections")


@collections.callback(invoke_without_command=True)
def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """List collections: named sets of documents and folders that a question can be restricted to."""
    if context.invoked_subcommand is not None:
        return
    with session_of(context).open() as assistant:
        known = [(one, len(assistant.documents_in(one.id))) for one in assistant.collections()]
    if as_json:
        from app.api.shapes.library import Collection, CollectionList

        write_json(CollectionList(collections=[Collection.of(*one) for one in known]).plain())
    elif known:
        write_table(["Name", "Documents"], [[one.name, str(documents)] for one, documents in known])
    else:
        write_text("No collections yet. Make one with `docent collections add NAME LOCATION`.")


@collections.command()
def add(context: typer.Context, name: NameArgument, locations: LocationsArgument, as_json: JsonOption = False) -> None:
    """Add documents and folders to a collection; it is made where there is none of this name."""
    with session_of(context).open() as assistant:
        try:
            changed = assistant.change_collection(assistant.collection_named(name).id, add=locations)
        except UnknownCollection:
            changed = assistant.make_collection(name, locations)
        _tell(assistant, changed, as_json=as_json)


@collections.command()
def take(context: typer.Context, name: NameArgument, locations: LocationsArgument, as_json: JsonOption = False) -> None:
    """Take documents and folders out of a collection; they stay in the library."""
    with session_of(context).open() as assistant:
        changed = assistant.change_collection(assistant.collection_named(name).id, remove=locations)
        _tell(assistant, changed, as_json=as_json)


@collections.command()
def rename(
    context: typer.Context,
    name: NameArgument,
    new_name: Annotated[str, typer.Argument(metavar="NEW_NAME")],
    as_json: JsonOption = False,
) -> None:
    """Give a collection another name."""
    with session_of(context).open() as assistant:
        changed = assistant.change_collection(assistant.collection_named(name).id, name=new_name)
        _tell(assistant, changed, as_json=as_json)


@collections.command()
def delete(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Delete a collection; its documents stay."""
    with session_of(context).open() as assistant:
        found = assistant.collection_named(name)
        assistant.delete_collection(found.id)
    if as_json:
        from app.api.shapes.conversation import Deleted

        write_json(Deleted(id=str(found.id)).plain())


def _tell(assistant: "Assistant", changed: "Collection", *, as_json: bool) -> None:
    documents = len(assistant.documents_in(changed.id))
    if as_json:
        from app.api.shapes.library import Collection

        write_json(Collection.of(changed, documents).plain())
    else:
        write_text(f"{changed.name}: {documents:,} document{'' if documents == 1 else 's'}.")
