"""Counts what a parser does not read and says it in one sentence: "2 charts and 1 picture were not read."."""

from collections import Counter


class LeftOut:
    """What one file holds and its parser leaves out, by name in the singular ("picture")."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, name: str, count: int = 1) -> None:
        self._counts[name] += count

    def warning(self) -> str:
        """Returns the sentence, "" where nothing was left out."""
        parts = [f"{count:,} {_plural(name) if count > 1 else name}" for name, count in self._counts.items() if count]
        if not parts:
            return ""
        listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
        total = sum(self._counts.values())
        return f"{listed} {'was' if total == 1 else 'were'} not read."


def _plural(name: str) -> str:
    """Puts the noun into the plural; what stands in brackets behind it stays."""
    noun, bracket, rest = name.partition(" (")
    return f"{noun[:-1]}ies{bracket}{rest}" if noun.endswith("ry") else f"{noun}s{bracket}{rest}"
