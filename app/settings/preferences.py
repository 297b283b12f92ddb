"""The settings as a person sees and changes them while Docent runs.

change(key, value) -> checked -> written into the person's file -> all layers read again -> taken over where that
                      can be done at once (app.settings.changes), else at the next start
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import ConfigError
from app.settings import own_file
from app.settings.changes import RESTART, without_restart
from app.settings.schema import Settings, flatten, sections
from app.settings.sources import LoadedSettings, checked_value, nearest_key

LOCKED = {
    "data_dir": "It would move the folder that this very file lies in; use --data-dir or DOCENT_DATA_DIR.",
    "library.url": "It may hold a password, so it is changed in the settings file alone.",
    "server.users": "It holds what opens this Docent to others: `docent user add` and `docent user remove` change it.",
    "server.host": "It opens this Docent to other computers, so it is changed in the settings file alone.",
    "server.plain_http": "It lets others read along, so it is changed in the settings file alone.",
    "server.tls_certificate": "It names a file of the server, so it is changed in the settings file alone.",
    "server.tls_key": "It names a file of the server, so it is changed in the settings file alone.",
    "retrieval.store": "It names a program part to run, so it is changed in the settings file alone.",
    "retrieval.store_args": "It belongs to a program part to run, so it is changed in the settings file alone.",
}
"""Settings that no page and no program changes, with the reason."""


@dataclass(frozen=True, slots=True)
class Preference:
    """One setting. ``value`` is in force; ``stored`` is what the layers say now, and differs from it only where a
    restart is needed. ``origin`` is the layer that ``stored`` comes from; ``accepts`` a JSON schema of the values.
    ``locked`` says why the setting cannot be changed here, "" where it can.
    """

    key: str
    value: Any
    stored: Any
    default: Any
    origin: str
    description: str
    accepts: dict[str, Any]
    restart: bool
    locked: str


class Preferences:
    """``load`` reads all layers; ``take_over`` is told the settings that a running Docent is to work with."""

    def __init__(
        self, loaded: LoadedSettings, load: Callable[[], LoadedSettings], take_over: Callable[[Settings], None]
    ) -> None:
        self._stored = loaded
        self._load = load
        self._take_over = take_over
        self._in_force = loaded.settings
        self._lock = threading.Lock()

    @property
    def file(self) -> Path:
        """The person's settings file, which may not be there yet."""
        return self._stored.config_file or self._in_force.folder.config

    def all(self) -> list[Preference]:
        return [self._preference(key) for key in flatten(self._in_force)]

    def check(self, key: str, value: Any) -> None:
        """Raises ConfigError unless ``value`` could be written for ``key``."""
        self._check_key(key)
        checked_value(self._stored.settings, key, value)

    def _check_key(self, key: str) -> None:
        if key not in flatten(self._in_force):
            raise ConfigError(f'There is no setting "{key}".', f'Did you mean "{nearest_key(key)}"?')
        if key in LOCKED:
            raise ConfigError(f"{key} is not changed here.", LOCKED[key])

    def change(self, key: str, value: Any) -> Preference:
        """Writes a value into the person's file. Raises ConfigError for a wrong one; the file stays as it was then."""
        self.check(key, value)
        with self._lock:
            own_file.set_value(self.file, key, value)
            self._read_again()
        return self._preference(key)

    def reset(self, key: str) -> Preference:
        """Takes a setting out of the person's file."""
        self._check_key(key)
        self.check(key, flatten(Settings())[key])
        with self._lock:
            own_file.forget(self.file, key)
            self._read_again()
        return self._preference(key)

    def _read_again(self) -> None:
        self._stored = self._load()
        self._in_force = without_restart(self._in_force, self._stored.settings)
        self._take_over(self._in_force)

    def _preference(self, key: str) -> Preference:
        value, stored = flatten(self._in_force)[key], flatten(self._stored.settings)[key]
        section, _, leaf = key.rpartition(".")
        model = sections()[section] if section else Settings
        accepts = dict(model.model_json_schema()["properties"][leaf])
        description = accepts.pop("description", "")
        for needless in ("title", "default"):
            accepts.pop(needless, None)
        return Preference(
            key=key,
            value=value,
            stored=stored,
            default=flatten(Settings(data_dir=self._in_force.data_dir))[key],
            origin=self._stored.origins.get(key, "default"),
            description=description,
            accepts=accepts,
            restart=key in RESTART,
            locked=LOCKED.get(key, ""),
        )
