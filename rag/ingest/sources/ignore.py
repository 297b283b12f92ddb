"""Decides which files and folders a scan leaves out: the settings' patterns and ``.docentignore`` files.

A pattern means what it means in a ``.gitignore`` (pathspec reads it), except that capitals make no difference. A
``.docentignore`` speaks of its own folder and what lies below; what stands deeper, and later, decides.
"""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from rag.errors import SourceError

IGNORE_FILE = ".docentignore"
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Patterns:
    """``include``: if any, a file must match one. ``exclude``: files and folders left out. Patterns as in
    ``.gitignore``, seen from the folder that was added."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Rule:
    """Patterns and the folder that they are seen from."""

    folder: str
    place: str
    lines: tuple[str, ...]
    spec: GitIgnoreSpec

    @classmethod
    def of(cls, folder: str, place: str, lines: Sequence[str]) -> "_Rule":
        """Raises SourceError where a pattern cannot be understood."""
        return cls(folder, place, tuple(lines), _spec(lines, place))

    def decision(self, path: str, *, is_folder: bool) -> tuple[bool, str] | None:
        """Returns whether a path is matched and the pattern that decides; None where no pattern speaks of it."""
        relative = os.path.relpath(path, self.folder).replace(os.sep, "/").lower()
        checked = self.spec.check_file(relative + "/" * is_folder)
        if checked.include is None or checked.index is None:
            return None
        return checked.include, self.lines[checked.index]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Why a file or folder is left out: the pattern, and the setting or ``.docentignore`` that holds it. The pattern is
    empty for a file that none of ``library.include`` matches."""

    pattern: str
    place: str


class IgnoreRules:
    """The rules that hold in one folder."""

    def __init__(self, include: _Rule | None = None, rules: tuple[_Rule, ...] = ()) -> None:
        """Use ``of_source`` and ``below``."""
        self._include = include
        self._rules = rules

    @classmethod
    def of_source(cls, folder: str, patterns: Patterns) -> "IgnoreRules":
        """Returns the rules of the settings for a source. Raises SourceError where a pattern cannot be understood."""
        include = _Rule.of(folder, "library.include", patterns.include) if patterns.include else None
        exclude = (_Rule.of(folder, "library.exclude", patterns.exclude),) if patterns.exclude else ()
        return cls(include, exclude)

    def below(self, folder: str) -> "IgnoreRules":
        """Returns the rules in a folder that holds a ``.docentignore``. Raises OSError or SourceError."""
        path = Path(folder, IGNORE_FILE)
        lines = _content(path).decode("utf-8-sig", "replace").splitlines()
        return IgnoreRules(self._include, (*self._rules, _Rule.of(folder, str(path), lines)))

    def exclusion(self, path: str, *, is_folder: bool) -> Exclusion | None:
        """Returns why a path is left out, None where it is not."""
        if self._include is not None and not is_folder:
            wanted = self._include.decision(path, is_folder=False)
            if wanted is None or not wanted[0]:
                return Exclusion("", self._include.place)
        for rule in reversed(self._rules):
            decision = rule.decision(path, is_folder=is_folder)
            if decision is not None:
                return Exclusion(decision[1], rule.place) if decision[0] else None
        return None


def _content(path: Path) -> bytes:
    """The bytes of a file of patterns. Raises SourceError for what never ends: pipes, devices, very large files."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise SourceError("It is no regular file, so nothing was left out for it.")
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise SourceError("It is larger than 1 MB, so nothing was left out for it.")
    return content


def _spec(lines: Sequence[str], place: str) -> GitIgnoreSpec:
    # "drafts/**" is what lies in the folder and not the folder itself, from which other patterns may take files back.
    within = (f"{line}/*" if line.endswith("/**") else line for line in map(str.lower, lines))
    try:
        return GitIgnoreSpec.from_lines(within)
    except ValueError as error:
        raise SourceError(
            f"A pattern of {place} cannot be understood ({error}).", "Write it as in a .gitignore, such as drafts/."
        ) from error
