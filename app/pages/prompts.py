"""Prompts: questions and instructions that a person keeps under a name, to ask them again with a few keys."""

import json
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from app.errors import TooLarge, UnknownPrompt, UsageError
from docent import cause_of
from files import replace_text

MOST = 200
LONGEST_NAME = 80  # characters
LONGEST_TEXT = 10_000  # characters, as of a question


@dataclass(frozen=True, slots=True)
class Prompt:
    """``text`` is put into the question field as it is."""

    id: str
    name: str
    text: str


class Prompts:
    """The prompts of one person, in a file that only they can read. Thread-safe. UsageError for a name that is empty or
    taken and for a file that cannot be read, TooLarge for what is beyond a limit, UnknownPrompt for an id that does not
    exist, OSError where the disk refuses."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()

    def all(self) -> list[Prompt]:
        """Ordered by name."""
        with self._lock:
            return self._read()

    def make(self, name: str, text: str) -> Prompt:
        made = Prompt(uuid.uuid4().hex[:12], _tidy(name), _checked(text))

        def added(known: list[Prompt]) -> list[Prompt]:
            if len(known) >= MOST:
                raise TooLarge(f"There are {MOST} prompts already, which is the most.", "Delete one first.")
            _require_free(made.name, known)
            return [*known, made]

        self._change(added)
        return made

    def change(self, prompt: str, *, name: str | None = None, text: str | None = None) -> Prompt:
        """Gives a prompt another name or text; None leaves it."""

        def changed(known: list[Prompt]) -> list[Prompt]:
            before, others = _apart(known, prompt)
            now = replace(
                before,
                name=before.name if name is None else _tidy(name),
                text=before.text if text is None else _checked(text),
            )
            _require_free(now.name, others)
            return [*others, now]

        return _apart(self._change(changed), prompt)[0]

    def delete(self, prompt: str) -> list[Prompt]:
        """Returns those that are left."""
        return self._change(lambda known: _apart(known, prompt)[1])

    def take(self, others: Sequence[Prompt]) -> tuple[int, int]:
        """Adds prompts of another place; those whose id or name is here already stay as they are here. Returns how
        many were added, and how many were here."""
        here = self.all()
        ids, names = {one.id for one in here}, {one.name.casefold() for one in here}
        new = [one for one in others if one.id not in ids and one.name.casefold() not in names]
        if len(here) + len(new) > MOST:
            raise TooLarge(f"Together they would be more than {MOST} prompts.", "Delete some first.")
        if new:
            self._change(lambda known: [*known, *new])
        return len(new), len(others) - len(new)

    def wipe(self) -> None:
        """Deletes all of them for good."""
        with self._lock:
            self.file.unlink(missing_ok=True)

    def _change(self, change: Callable[[list[Prompt]], Sequence[Prompt]]) -> list[Prompt]:
        with self._lock:
            now = _in_order(change(self._read()))
            replace_text(self.file, json.dumps([asdict(one) for one in now], indent=1))
        return now

    def _read(self) -> list[Prompt]:
        try:
            kept = json.loads(self.file.read_text(encoding="utf-8"))
            return _in_order([Prompt(str(one["id"]), str(one["name"]), str(one["text"])) for one in kept])
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, KeyError) as error:
            why = cause_of(error) if isinstance(error, OSError) else "damaged"
            raise UsageError(f"The prompts file {self.file} cannot be read ({why}).", "Mend or remove it.") from error


def _in_order(prompts: Sequence[Prompt]) -> list[Prompt]:
    return sorted(prompts, key=lambda one: one.name.casefold())


def _tidy(name: str) -> str:
    tidy = " ".join(name.split())
    if not tidy:
        raise UsageError("A prompt needs a name.", "Give it one.")
    if len(tidy) > LONGEST_NAME:
        raise TooLarge(f"The name of a prompt has at most {LONGEST_NAME} characters.", "Take a shorter one.")
    return tidy


def _checked(text: str) -> str:
    if not text.strip():
        raise UsageError("A prompt needs a text.", "Type what is to be asked.")
    if len(text) > LONGEST_TEXT:
        raise TooLarge(f"A prompt has at most {LONGEST_TEXT:,} characters.", "Shorten it.")
    return text.strip()


def _require_free(name: str, others: Sequence[Prompt]) -> None:
    if any(one.name.casefold() == name.casefold() for one in others):
        raise UsageError(f"There is a prompt “{name}” already.", "Take another name.")


def _apart(known: Sequence[Prompt], prompt: str) -> tuple[Prompt, list[Prompt]]:
    """The prompt of this id, and all others."""
    found = next((one for one in known if one.id == prompt), None)
    if found is None:
        raise UnknownPrompt(f"There is no prompt {prompt}.", "It may have been deleted since.")
    return found, [one for one in known if one is not found]
