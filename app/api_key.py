"""The key of programs: one that stays the same from launch to launch, kept in a file that its owner alone can read."""

from pathlib import Path

from app.errors import ConfigError
from docent import cause_of
from files import make_private, replace_text


def api_key(path: Path) -> str:
    """Returns the key in ``path``, which is made where there is none. Raises ConfigError where the file cannot be
    read or written, or holds no key."""
    from app.api.security import new_token

    try:
        if not path.exists():
            replace_text(path, f"{new_token()}\n")
        make_private(path)
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The key of programs in {path} cannot be used ({cause_of(error)}).", "Remove the file."
        ) from error
    if len(key) < len(new_token()):
        raise ConfigError(f"{path} holds no key of programs.", "Remove the file; the next start makes a new key.")
    return key
