"""``docent config``, ``doctor`` and ``repair``: what is set, whether everything works, and mending what does not."""

import sys
from typing import Annotated

import typer

from app.cli.output import one_line, write_json, write_table, write_text
from app.cli.session import session_of, start_logging

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)
    app.command("repair")(repair)
    app.command("config")(config)


def config(
    context: typer.Context,
    defaults: Annotated[
        bool, typer.Option("--defaults", help="Print the default config.yaml with a comment for every setting.")
    ] = False,
    show_key: Annotated[
        bool, typer.Option("--show-key", help="Print the key of programs (server.api_key), which is made if need be.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the settings and where each comes from."""
    from app.settings.schema import default_yaml, flatten

    if show_key:
        from app.api_key import api_key

        folder = session_of(context).settings.folder
        folder.create()
        key = api_key(folder.api_key)
        if as_json:
            write_json({"key": key})
        else:
            write_text(key)
        return

    if defaults and not as_json:
        sys.stdout.write(default_yaml())
        return
    loaded = session_of(context).loaded
    values = flatten(loaded.settings)
    own_file = loaded.config_file or loaded.settings.folder.config
    if as_json:
        write_json(
            {
                "settings": {key: {"value": value, "source": loaded.origins[key]} for key, value in values.items()},
                "config_file": str(own_file),
                "config_file_exists": loaded.config_file is not None,
            }
        )
        return
    rows = [[key, "" if value is None else str(value), loaded.origins[key]] for key, value in values.items()]
    write_table(["Setting", "Value", "From"], rows)
    write_text(f"\nYour settings file: {own_file}{'' if loaded.config_file else ' (not there yet)'}")


def doctor(context: typer.Context, as_json: JsonOption = False) -> None:
    """Check that everything works, and say what to do."""
    from app.doctor import examine

    session = session_of(context)
    start_logging(session.settings.folder.log, to_terminal=session.debug)
    checks = examine(session.settings)
    failed = any(check.status == "fail" for check in checks)
    if as_json:
        rows = [{"name": c.name, "status": c.status, "detail": c.detail, "remedy": c.remedy} for c in checks]
        write_json({"ok": not failed, "checks": rows})
    else:
        for check in checks:
            write_text(f"{check.status:4}  {one_line(f'{check.name}: {check.detail} {check.remedy}')}")
    if failed:
        raise typer.Exit(1)


def repair(context: typer.Context, as_json: JsonOption = False) -> None:
    """Mend a damaged library and conversations, and read again what was lost.

    What can't be mended is set aside, never deleted. Your own files are only read.
    """
    from app.cli.library import cancelled_by_interrupt, progress_bar
    from app.repair import repair as mend

    session = session_of(context)
    start_logging(session.settings.folder.log, to_terminal=session.debug)
    found: list[str] = []
    mend(session.settings, found.append)
    with session.open() as assistant:
        with cancelled_by_interrupt() as cancel, progress_bar() as on_event:
            report = assistant.sync(None, on_event, cancel)
        counts = assistant.status().counts
    read_again = len(report.documents)
    if as_json:
        write_json({"damaged": found, "read_again": read_again, "counts": counts})
        return
    for sentence in found:
        write_text(one_line(sentence))
    write_text(f"{len(found)} damages found, {read_again} documents read again; {counts['ok']} documents in all.")
