"""Lists every file of every source with its size and time, and the places that could not be looked at.

It costs one stat a file and reads none. A folder is entered once however many links lead to it; real folders and files
come before links to them. A link that leads out of the folders is followed only where that is wanted, and into the
system's own folders (/proc, /sys, /dev) never.
"""

import os
import stat
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from docent import cause_of
from rag.errors import SourceError
from rag.ingest.children.file_times import times_of
from rag.ingest.sources.ignore import IGNORE_FILE, Exclusion, IgnoreRules, Patterns
from rag.ingest.sources.placeholders import NOT_DOWNLOADED, is_in_cloud, name_in_cloud
from rag.types import Source

_JUNK_FOLDERS = frozenset(
    {"__pycache__", "__macosx", "node_modules", "$recycle.bin", "system volume information", "lost+found"}
)
_DEVICES = "/dev"
_SYSTEM_FOLDERS = ("/proc", "/sys", _DEVICES)  # no documents, and reading some of it never ends
_LEADS_OUT = (
    "The link leads out of the folder and was not followed. Add the place that it leads to, or set "
    "library.follow_links to true."
)
_LEADS_INTO_THE_SYSTEM = "The link leads into the system's own folders and was not followed."
_JUNK_FILES = frozenset({"thumbs.db", "desktop.ini", "icon\r"})
_JUNK_ENDINGS = (".part", ".crdownload", ".tmp", ".swp", "~")
_WINDOWS_HIDDEN = getattr(stat, "FILE_ATTRIBUTE_HIDDEN", 2) | getattr(stat, "FILE_ATTRIBUTE_SYSTEM", 4)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file. ``path`` is absolute, as it was reached (links are not resolved)."""

    path: str
    source_id: int
    size: int
    mtime_ns: int
    ctime_ns: int = 0  # of the last change of content, name or rights; on Windows that of creation


@dataclass(frozen=True, slots=True)
class Trouble:
    """A place that could not be looked at. Nothing is known about what lies at or below it."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Excluded:
    """A file or folder that a pattern leaves out."""

    path: str
    is_folder: bool
    why: Exclusion


class Reach:
    """The places that links may lead to: those of ``sources``, or ``anywhere`` but the system's own.

    A source that lies in /dev itself (/dev/shm is a place of files like others) is no part of the system."""

    def __init__(self, sources: Sequence[Source] = (), *, anywhere: bool = False) -> None:
        self._anywhere = anywhere
        self._within = [os.path.realpath(source.location) for source in sources]
        self._within_devices = [place for place in self._within if _lies_in(place, (_DEVICES,))]

    def reason_against(self, real: str) -> str | None:
        """Why a path without links in it is not to be read, if it is not."""
        if _lies_in(real, _SYSTEM_FOLDERS) and not _lies_in(real, self._within_devices):
            return _LEADS_INTO_THE_SYSTEM
        return None if self._anywhere or _lies_in(real, self._within) else _LEADS_OUT


@dataclass(slots=True)
class Scan:
    """``files`` by path; ``unreachable`` are sources that are not there at all (an unplugged drive), ``excluded`` what
    patterns leave out. ``not_followed`` are links that were left out on purpose, so that what was read through them
    before is gone. ``reach`` tells where files may lie."""

    files: dict[str, FoundFile] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)
    unreachable: list[Source] = field(default_factory=list)
    excluded: list[Excluded] = field(default_factory=list)
    not_followed: list[Trouble] = field(default_factory=list)
    reach: Reach = field(default_factory=lambda: Reach(anywhere=True))


def scan(
    sources: Sequence[Source],
    patterns: Patterns = Patterns(),  # noqa: B008 - immutable
    *,
    follow_links: bool = False,
) -> Scan:
    """Scans the sources. A file that several sources hold is listed once, with the innermost of them.

    Raises SourceError where a pattern cannot be understood.
    """
    reach = Reach([source for source in sources if source.kind != "youtube"], anywhere=follow_links)
    walk = _Walk(patterns, reach)
    # The innermost folder first, so that it owns its files; a folder that holds it then does not enter it again.
    for source in sorted(sources, key=lambda source: -len(source.location)):
        if source.kind != "youtube":
            walk.visit(source)
    walk.follow_links()
    return walk.result


class _Walk:
    def __init__(self, patterns: Patterns, reach: Reach) -> None:
        self.result = Scan(reach=reach)
        self._patterns = patterns
        self._seen: set[tuple[int, int] | str] = set()  # folders entered and files listed
        self._links: deque[tuple[str, Source, IgnoreRules]] = deque()

    def visit(self, source: Source) -> None:
        try:
            status = Path(source.location).stat()
        except OSError:
            self.result.unreachable.append(source)
            return
        if stat.S_ISDIR(status.st_mode):
            self._folder(source.location, source, IgnoreRules.of_source(source.location, self._patterns))
        elif source.location not in self.result.files:
            self._file(source.location, status, source)

    def follow_links(self) -> None:
        while self._links:
            path, source, rules = self._links.popleft()
            try:
                status = Path(path).stat()
            except OSError as error:  # dangling, or a loop of links: not a document, and said so
                self.result.troubles.append(Trouble(path, f"The link leads nowhere ({cause_of(error)})."))
                continue
            if (reason := self.result.reach.reason_against(os.path.realpath(path))) is not None:
                if self._admits(rules, path, is_folder=stat.S_ISDIR(status.st_mode)):
                    self.result.not_followed.append(Trouble(path, reason))
            elif stat.S_ISDIR(status.st_mode):
                if self._admits(rules, path, is_folder=True):
                    self._folder(path, source, rules)
            elif _identity(status, path) not in self._seen and self._admits(rules, path):
                self._file(path, status, source)

    def _folder(self, top: str, source: Source, rules: IgnoreRules) -> None:
        folders = [(top, rules)]
        while folders:
            folder, rules = folders.pop()
            try:
                identity = _identity(Path(folder).stat(), folder)
                if identity in self._seen:
                    continue
                self._seen.add(identity)
                with os.scandir(folder) as entries:
                    listed = sorted(entries, key=lambda entry: entry.name)
            except OSError as error:
                self.result.troubles.append(Trouble(folder, f"The folder could not be opened ({cause_of(error)})."))
                continue
            if folder != top and any(entry.name == "pyvenv.cfg" for entry in listed):
                continue  # a Python environment: thousands of files, none of them a person's
            if any(entry.name == IGNORE_FILE for entry in listed):
                rules = self._rules_below(folder, rules)
            folders += reversed([(inner, rules) for inner in self._entries(listed, source, rules)])

    def _rules_below(self, folder: str, rules: IgnoreRules) -> IgnoreRules:
        try:
            return rules.below(folder)
        except OSError as error:
            reason = f"It could not be read ({cause_of(error)}), so nothing was left out for it."
        except SourceError as error:
            reason = str(error)
        self.result.troubles.append(Trouble(str(Path(folder, IGNORE_FILE)), reason))
        return rules

    def _entries(self, entries: Sequence[os.DirEntry[str]], source: Source, rules: IgnoreRules) -> Iterator[str]:
        """Lists the files of a folder; yields its subfolders."""
        for entry in entries:
            try:
                if entry.is_symlink():
                    if not _is_junk(entry.name):
                        self._links.append((entry.path, source, rules))
                elif entry.is_dir(follow_symlinks=False):
                    if _is_junk_folder(entry) or entry.path in _SYSTEM_FOLDERS:
                        continue
                    if self._admits(rules, entry.path, is_folder=True):
                        yield entry.path
                elif (name := name_in_cloud(entry.name)) is not None:
                    self._placeholder(str(Path(entry.path).with_name(name)), rules)
                elif not _is_junk(entry.name) and self._admits(rules, entry.path):
                    status = entry.stat(follow_symlinks=False)
                    if is_in_cloud(status):
                        self._placeholder(entry.path, rules)
                    elif not _is_hidden(status):
                        self._file(entry.path, status, source)
            except OSError as error:
                self.result.troubles.append(Trouble(entry.path, f"It could not be looked at ({cause_of(error)})."))

    def _admits(self, rules: IgnoreRules, path: str, *, is_folder: bool = False) -> bool:
        why = rules.exclusion(path, is_folder=is_folder)
        if why is not None:
            self.result.excluded.append(Excluded(path, is_folder, why))
        return why is None

    def _placeholder(self, path: str, rules: IgnoreRules) -> None:
        if not _is_junk(Path(path).name) and self._admits(rules, path):
            self.result.troubles.append(Trouble(path, NOT_DOWNLOADED))

    def _file(self, path: str, status: os.stat_result, source: Source) -> None:
        if not stat.S_ISREG(status.st_mode):
            return  # a pipe, a socket or a device holds no document, and reading one may never end
        if path not in self.result.files:
            self._seen.add(_identity(status, path))
            self.result.files[path] = FoundFile(path, source.id, status.st_size, *times_of(status))


def _lies_in(path: str, folders: Sequence[str]) -> bool:
    return any(path == folder or path.startswith(folder.rstrip(os.sep) + os.sep) for folder in folders)


def _identity(status: os.stat_result, path: str) -> tuple[int, int] | str:
    """Returns a key that is the same for two paths to one place.

    Windows leaves the inode out of a directory listing.
    """
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)


def _is_junk(name: str) -> bool:
    lower = name.lower()
    return name.startswith((".", "~$")) or lower in _JUNK_FILES or lower.endswith(_JUNK_ENDINGS)


def _is_junk_folder(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or entry.name.lower() in _JUNK_FOLDERS:
        return True
    return os.name == "nt" and _is_hidden(entry.stat(follow_symlinks=False))


def _is_hidden(status: os.stat_result) -> bool:
    return bool(getattr(status, "st_file_attributes", 0) & _WINDOWS_HIDDEN)
