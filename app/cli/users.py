"""``docent user``: who may use the window and the API of this Docent, each with chats of their own."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.output import write_json, write_note, write_table, write_text
from app.cli.session import session_of
from app.cli.settings_file import write_setting

if TYPE_CHECKING:
    from app.settings.users import User

_KEY = "server.users"
_NEXT_START = "It counts from the next start of `docent serve`."
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits, - and _.")]

users = typer.Typer(rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    app.add_typer(users, name="user")


@users.callback(invoke_without_command=True)
def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """List who may use this Docent over the network (`docent serve --host`)."""
    if context.invoked_subcommand is not None:
        return
    known = session_of(context).settings.server.users
    if as_json:
        write_json({"users": [{"name": user.name, "admin": user.admin} for user in known]})
    elif known:
        write_table(["Name", "May"], [[user.name, "change everything" if user.admin else "ask"] for user in known])
    else:
        write_text("No users yet. Add one with `docent user add NAME`.")


@users.command()
def add(
    context: typer.Context,
    name: NameArgument,
    admin: Annotated[bool, typer.Option("--admin", help="Let them change library, models and settings too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Add a user, and print the key with which they sign in: it is shown this once.

    For a user who is there a new key is made, and the old one is void.
    """
    from app.settings.users import new_key

    session = session_of(context)
    key, kept = new_key(name)
    others = [user for user in session.settings.server.users if user.name != name]
    write_setting(session, _KEY, [*map(_plain, others), {"name": name, "key": kept, "admin": admin}])
    if as_json:
        write_json({"name": name, "key": key, "admin": admin})
        return
    write_text(key)
    write_note(f"This is the key of {name}; it is not shown again. {_NEXT_START}")


@users.command()
def remove(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Let a user sign in no more. Their chats stay in the data folder."""
    from app.errors import UsageError

    session = session_of(context)
    known = session.settings.server.users
    left = [user for user in known if user.name != name]
    if len(left) == len(known):
        raise UsageError(f"There is no user {name}.", "`docent user` lists those that exist.")
    write_setting(session, _KEY, [_plain(user) for user in left])
    chats = session.settings.folder.of_user(name).root
    if as_json:
        write_json({"name": name, "removed": True, "chats": str(chats)})
        return
    write_text(f"{name} is no user any more. {_NEXT_START} Their chats stay in {chats}.")


def _plain(user: "User") -> dict[str, Any]:
    return {"name": user.name, "key": user.key.get_secret_value(), "admin": user.admin}
