"""What a conversation asks, as the conversations file keeps it: JSON whose every value is checked when it is read."""

import json
from dataclasses import asdict
from typing import Any

from app.events import Scope


def scope_to_json(scope: Scope) -> str | None:
    """None for everything. ASCII escapes, because a path may hold lone surrogates, which SQLite refuses."""
    return None if scope == Scope() else json.dumps(asdict(scope))


def scope_of(stored: object) -> Scope:
    """Everything where the entry is damaged: the page shows what is asked before it is asked."""
    if not isinstance(stored, str):
        return Scope()
    try:
        kept = json.loads(stored)
        return Scope(_all(kept["folders"], str), _all(kept["documents"], int), _all(kept["collections"], int))
    except (ValueError, TypeError, KeyError, RecursionError):
        return Scope()


def _all(values: Any, kind: type) -> tuple[Any, ...]:
    """Raises TypeError where one is of another kind."""
    if not isinstance(values, list) or not all(type(value) is kind for value in values):
        raise TypeError(values)
    return tuple(values)
