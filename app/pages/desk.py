"""The state that all pages of one process share: answers at work, syncs, the feed that tells of them, and the inbox."""

import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from app.errors import UsageError
from app.feed import ConversationsChanged, DocumentsChanged, Feed, SettingsChanged
from app.locations import at_home
from app.models.workshop import Workshop
from app.pages import inbox
from app.pages.browsers import Browsers
from app.pages.prompts import Prompts
from app.pages.runs import Runs
from app.pages.suggestions import Suggestions
from app.pages.syncing import Syncing
from app.settings.paths import resource
from app.settings.preferences import Preferences
from app.settings.schema import Settings
from app.settings.sources import LoadedSettings, load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.assistant import Assistant
    from app.pages.web_page import WebPage
    from app.settings.users import User


@dataclass
class Desk:
    """``inbox`` is the folder for files that pages hand over, ``uploads`` the one where they arrive, ``samples`` holds
    the documents that ship with Docent. ``loaded`` are the settings with where they come from, and ``load`` reads them
    again; those of the data folder where they are not given. ``fetch`` gets a page of the web. The desk of a user has a
    ``host``, that of who started the server, and the name of that ``user``: chats, prompts, runs and news are the
    user's own, all else is the host's.
    """

    assistant: "Assistant"
    inbox: Path
    uploads: Path
    loaded: LoadedSettings | None = None
    load: Callable[[], LoadedSettings] | None = None
    fetch: Callable[[str], "WebPage"] = field(default=lambda url: _fetch(url))
    samples: Path = field(default_factory=lambda: resource("samples"))
    feed: Feed = field(default_factory=Feed)
    host: "Desk | None" = None
    user: str = ""
    runs: Runs = field(init=False)
    suggestions: Suggestions = field(init=False)
    prompts: Prompts = field(init=False)
    syncing: Syncing = field(init=False)
    preferences: Preferences = field(init=False)
    workshop: Workshop = field(init=False)
    browsers: Browsers = field(init=False)

    def __post_init__(self) -> None:
        settings, host = self.assistant.settings, self.host
        self.runs = Runs(self.assistant, self.feed, self._title, host.runs.room if host else None)
        self.suggestions = Suggestions(self.assistant, self.runs.is_busy)
        folder = settings.folder.of_user(self.user) if self.user else settings.folder
        self.prompts = Prompts(folder.prompts)
        self.browsers = Browsers(settings.folder.browsers)
        if host is not None:
            self.syncing, self.preferences, self.workshop = host.syncing, host.preferences, host.workshop
            return
        self.syncing = Syncing(self.assistant, self.feed)
        loaded = self.loaded or LoadedSettings(settings, {}, None)
        load = self.load or partial(load_settings, data_dir=settings.data_dir)
        self.preferences = Preferences(loaded, load, self._take_over)
        self.workshop = Workshop(self.assistant, self.feed, partial(self.preferences.change, "model.name"))

    def of_user(self, user: "User") -> "Desk":
        """The desk of a user of this server."""
        assistant = self.assistant.of_user(user)
        feed = Feed(self.feed.shared)
        return Desk(assistant, self.inbox, self.uploads, fetch=self.fetch, feed=feed, host=self, user=user.name)

    def _take_over(self, settings: Settings) -> None:
        self.assistant.take_over(settings)
        self.feed.publish(SettingsChanged())

    def _title(self, conversation: str) -> None:
        """Has the model name a conversation after its first answer."""
        if self.assistant.title_by_model(conversation):
            self.feed.publish(ConversationsChanged())

    def add(self, typed: str) -> str:
        """Starts to read the folder, file or URL that was typed; a path may be quoted or begin with ~. A web page is
        fetched first, once, into the inbox. Returns the location. UsageError where there is none."""
        location = typed.strip().strip("\"'").strip()
        if not location:
            raise UsageError("Nothing was named.", "Type the path of a folder or file, or an address.")
        if _is_web_page(location):
            return str(self._add_page(location))
        if "://" not in location:
            path = at_home(location)
            if not os.path.exists(path):  # noqa: PTH110 - that of Path fails for a name that is too long
                raise UsageError(f"There is no folder or file {location}.", "Check the path, or drop the files.")
            location = str(path.absolute())
        self.syncing.start([location])
        return location

    def _add_page(self, url: str) -> Path:
        page = self.fetch(url)
        part = self.uploads / uuid.uuid4().hex / inbox.safe_name(page.name)
        with inbox.receiving(part, self.assistant.settings.library.max_file_mb) as write:
            write(page.content)
            return self.add_files([part])[0]

    def add_files(self, files: "Sequence[Path]") -> list[Path]:
        """Keeps copies of files in the inbox and starts to read them. Returns where they lie."""
        kept = inbox.keep(files, self.inbox)
        if kept:
            self.syncing.start([str(self.inbox)])
        return kept

    def remove(self, location: str) -> int:
        """Removes a source or a document of it. Files in the inbox are Docent's own copies and are deleted."""
        if Path(location).parent == self.inbox:
            inbox.discard(Path(location), self.inbox)
        removed = self.assistant.remove(location)
        if location == str(self.inbox) and self.inbox.is_dir():
            for copy in self.inbox.iterdir():
                inbox.discard(copy, self.inbox)
        self.feed.publish(DocumentsChanged())
        return removed

    def stop(self) -> None:
        """Lets answers and syncs end soon; with a host answers alone."""
        if self.host is None:
            self.syncing.cancel()
        self.runs.stop_all()

    def end(self, within_s: float) -> None:
        """Ends answers and a sync, and waits for them that long."""
        self.stop()
        until = time.monotonic() + within_s
        self.runs.join(within_s)
        if self.host is not None:
            return
        self.syncing.join(max(0.0, until - time.monotonic()))


def _is_web_page(url: str) -> bool:
    """Whether a page is to be fetched; of YouTube's, transcripts are read instead."""
    try:
        host = (urlsplit(url).hostname or "").lower()
    except ValueError:  # brackets that hold no address
        host = ""
    is_video = host in ("youtu.be", "youtube.com") or host.endswith(".youtube.com")
    return url.lower().startswith(("http://", "https://")) and not is_video


def _fetch(url: str) -> "WebPage":
    from app.pages.web_page import fetch  # loads a client for HTTP

    return fetch(url)
