"""Decides which files and folders a scan leaves out: the settings' patterns and ``.docentignore`` files.

A pattern means what it means in a ``.gitignore`` (pathspec reads it), except that capitals make no difference. A
``.docentignore`` speaks of its own folder and what lies below; what stands deeper, and later, decides.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pathspec import GitIgnoreSpec

from rag.errors import SourceError

IGNORE_FILE = ".docentignore"


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
    spec: GitIgnoreSpec

    def decision(self, path: str, *, is_folder: bool) -> bool | None:
        """Tells whether a path is left out; None where no pattern speaks of it."""
        relative = os.path.relpath(path, self.folder).replace(os.sep, "/").lower()
        return self.spec.check_file(relative + "/" * is_folder).include


class IgnoreRules:
    """The rules that hold in one folder."""

    def __init__(self, include: _Rule | None = None, rules: tuple[_Rule, ...] = ()) -> None:
        """Use ``of_source`` and ``below``."""
        self._include = include
        self._rules = rules

    @classmethod
    def of_source(cls, folder: str, patterns: Patterns) -> "IgnoreRules":
        """Returns the rules of the settings for a source. Raises SourceError where a pattern cannot be understood."""
        include = _Rule(folder, _spec(patterns.include, "library.include")) if patterns.include else None
        exclude = (_Rule(folder, _spec(patterns.exclude, "library.exclude")),) if patterns.exclude else ()
        return cls(include, exclude)

    def below(self, folder: str) -> "IgnoreRules":
        """Returns the rules in a folder that holds a ``.docentignore``. Raises OSError or SourceError."""
        path = Path(folder, IGNORE_FILE)
        lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
        return IgnoreRules(self._include, (*self._rules, _Rule(folder, _spec(lines, str(path)))))

    def admit_file(self, path: str) -> bool:
        if self._include is not None and not self._include.decision(path, is_folder=False):
            return False
        return not self._excluded(path, is_folder=False)

    def admit_folder(self, path: str) -> bool:
        return not self._excluded(path, is_folder=True)

    def _excluded(self, path: str, *, is_folder: bool) -> bool:
        for rule in reversed(self._rules):
            decision = rule.decision(path, is_folder=is_folder)
            if decision is not None:
                return decision
        return False


def _spec(lines: Sequence[str], place: str) -> GitIgnoreSpec:
    try:
        return GitIgnoreSpec.from_lines(line.lower() for line in lines)
    except ValueError as error:
        raise SourceError(
            f"A pattern of {place} cannot be understood ({error}).", "Write it as in a .gitignore, such as drafts/."
        ) from error
