"""Names the places of Docent's files: the person's data folder, and the resources that come with the program."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from files import make_private

BUILTIN: Literal["builtin"] = "builtin"  # what settings call the models that ship with Docent
_HERE = Path(__file__).resolve().parents[1]


def default_data_dir() -> Path:
    """Returns the platform's folder for a person's application data; it is not created."""
    import platformdirs

    return Path(platformdirs.user_data_dir("docent", appauthor=False))


def resource(name: str) -> Path:
    """Returns a file or folder that ships with Docent (``config.yaml``, ``samples``).

    An installed wheel carries them inside ``app/``; a checkout has them at the repository root.
    """
    installed = _HERE / name
    return installed if installed.exists() else _HERE.parent / name


def builtin_reader() -> Path:
    """Returns the folder of the reader that ships with Docent; it may be missing."""
    return _HERE.parent / "rag" / "models" / "weights" / "docent-reader"


def builtin_foreign_reader() -> Path:
    """Returns the folder of the reader for other languages than English; it may be missing."""
    return _HERE.parent / "rag" / "models" / "weights" / "docent-reader-multilingual"


def builtin_model() -> Path:
    """Returns the folder of the language model that ships with Docent; it may be missing."""
    return _HERE / "shipped" / "docent-nano"


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The names of the files in one data folder."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.yaml"

    @property
    def library(self) -> Path:
        return self.root / "library.db"

    @property
    def vectors(self) -> Path:
        return self.root / "vectors.faiss"

    @property
    def external_store(self) -> Path:
        """The record of what was pushed into another vector store."""
        return self.root / "external-store.json"

    @property
    def conversations(self) -> Path:
        return self.root / "conversations.db"

    @property
    def prompts(self) -> Path:
        """Questions and instructions that were kept under a name."""
        return self.root / "prompts.json"

    @property
    def transcripts(self) -> Path:
        """Cache of fetched YouTube transcripts."""
        return self.root / "transcripts"

    @property
    def models(self) -> Path:
        """Language models."""
        return self.root / "models"

    @property
    def api_key(self) -> Path:
        """The key of programs that stays the same."""
        return self.root / "api.key"

    @property
    def browsers(self) -> Path:
        """The keys of browsers that may come back after a restart."""
        return self.root / "browsers.json"

    @property
    def running(self) -> Path:
        """Where a running Docent tells later starts of itself."""
        return self.root / "running.json"

    @property
    def window(self) -> Path:
        """What the browser that shows Docent's own window keeps for it."""
        return self.root / "window"

    @property
    def window_place(self) -> Path:
        """Where that window stood."""
        return self.root / "window.json"

    @property
    def speeds(self) -> Path:
        """What was measured of the language models on this computer."""
        return self.root / "speeds.json"

    @property
    def builds(self) -> Path:
        """Returns the folder of files that were built from the language models for a runtime."""
        return self.root / "builds"

    @property
    def uploads(self) -> Path:
        """Where the window keeps what is being uploaded, before it is taken into the inbox."""
        return self.root / "uploads"

    @property
    def users(self) -> Path:
        """What belongs to single users of the server."""
        return self.root / "users"

    def of_user(self, name: str) -> "DataFolder":
        """Where a user of the server has conversations of their own."""
        return DataFolder(self.users / name)

    @property
    def log(self) -> Path:
        return self.root / "logs" / "docent.log"

    def create(self) -> None:
        """Makes the folder, and lets its owner alone read it and what lies in it, also where it was there. Raises
        ConfigError when it cannot be made."""
        from app.errors import ConfigError

        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigError(
                f"The data folder {self.root} cannot be made ({error.strerror}).",
                "Name another one with --data-dir or DOCENT_DATA_DIR.",
            ) from error
        make_private(self.root)
        with suppress(OSError):
            for inside in [*self.root.iterdir(), *self.log.parent.glob("*")]:
                if not inside.is_symlink():
                    make_private(inside)
