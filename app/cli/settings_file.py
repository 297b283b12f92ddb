"""Writes a setting into the person's settings file for a command that changes it."""

from pathlib import Path
from typing import Any

from app.cli.session import Session


def write_setting(session: Session, key: str, value: Any) -> Path:
    """Returns the file. Raises ConfigError for a wrong value, or where another place would win over the file."""
    from app.settings.own_file import set_value
    from app.settings.sources import checked_value

    check_is_from_file(session, key)
    loaded = session.loaded
    checked_value(loaded.settings, key, value)
    session.settings.folder.create()
    file = loaded.config_file or session.settings.folder.config
    set_value(file, key, value)
    return file


def check_is_from_file(session: Session, key: str) -> None:
    """Raises ConfigError where the environment or the command line says what ``key`` is."""
    from app.errors import ConfigError

    origin = session.loaded.origins[key]
    if origin.startswith(("environment", "command line")):
        raise ConfigError(f"{key} comes from the {origin}.", "Change it there.")
