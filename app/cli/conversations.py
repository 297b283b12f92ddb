"""``docent conversations``: list them, show, rename or delete one."""

from datetime import datetime
from typing import Annotated

import typer

from app.cli.output import one_line, write_json, write_table, write_text
from app.cli.session import session_of

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID")]

conversations = typer.Typer(rich_markup_mode=None)


def register(app: typer.Typer) -> None:
    app.add_typer(conversations, name="conversations")


@conversations.callback(invoke_without_command=True)
def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """List conversations; show, rename or delete one."""
    if context.invoked_subcommand is not None:
        return
    with session_of(context).open() as assistant:
        known, folders = assistant.conversations(), assistant.conversation_folders.all()
    if as_json:
        from app.api.shapes.conversation import ConversationList

        write_json(ConversationList.of(known, folders).plain())
    elif known:
        write_table(
            ["Id", "Title", "Questions", "Last"],
            [[c.id, c.title, str(c.turns), f"{datetime.fromtimestamp(c.updated_at):%Y-%m-%d %H:%M}"] for c in known],
        )
    else:
        write_text("No conversations yet. Start one with `docent ask QUESTION`.")


@conversations.command()
def show(context: typer.Context, conversation_id: IdArgument, as_json: JsonOption = False) -> None:
    """Print the questions and answers of a conversation."""
    with session_of(context).open() as assistant:
        exchanges = assistant.conversation(conversation_id)
    if as_json:
        from app.api.shapes.answer import Conversation

        write_json(Conversation.of(conversation_id, exchanges).plain())
        return
    for exchange in exchanges:
        write_text(f"> {one_line(exchange.question)}\n{exchange.answer.text}\n")


@conversations.command()
def rename(
    context: typer.Context,
    conversation_id: IdArgument,
    title: Annotated[str, typer.Argument(metavar="TITLE")],
    as_json: JsonOption = False,
) -> None:
    """Give a conversation another title."""
    with session_of(context).open() as assistant:
        assistant.rename_conversation(conversation_id, title)
    if as_json:
        from app.api.shapes.conversation import ConversationChanged

        write_json(ConversationChanged(id=conversation_id, title=title).plain())


@conversations.command()
def delete(context: typer.Context, conversation_id: IdArgument, as_json: JsonOption = False) -> None:
    """Delete a conversation for good."""
    with session_of(context).open() as assistant:
        assistant.delete_conversation(conversation_id)
    if as_json:
        from app.api.shapes.conversation import Deleted

        write_json(Deleted(id=conversation_id).plain())
