"""Tools for tests and benchmarks of calls: schemas from a seed, whose strings and lists have limits."""

import random
from typing import Any

from engines.messages.tools import Tool

_WORDS = ("city", "date", "amount", "name", "tags", "mode", "count", "unit", "path", "flag", "ratio", "items", "note")


def random_tools(count: int, seed: int) -> list[Tool]:
    chance = random.Random(seed)
    return [Tool(f"tool_{number}", f"Does {number}.", _object(chance, 2), strict=True) for number in range(count)]


def _object(chance: random.Random, depth: int) -> dict[str, Any]:
    names = chance.sample(_WORDS, chance.randint(1, 5))
    required = [name for name in names if chance.random() < 0.7]
    properties = {name: _value(chance, depth) for name in names}
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _value(chance: random.Random, depth: int) -> dict[str, Any]:
    simple: list[dict[str, Any]] = [
        {"type": "string", "maxLength": chance.randint(1, 12)},
        {"type": "integer", "minimum": chance.randint(-50, 0), "maximum": chance.randint(1, 500)},
        {"type": "number", "minimum": 0, "maximum": 10},
        {"type": "boolean"},
        {"enum": chance.sample(["low", "middle", "high", 7, None], 3)},
        {"type": ["string", "null"], "maxLength": 6},
        {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{1,4}$"},
        {"anyOf": [{"type": "boolean"}, {"type": "integer", "minimum": 0, "maximum": 9}]},
    ]
    if depth and chance.random() < 0.35:
        if chance.random() < 0.5:
            return _object(chance, depth - 1)
        return {"type": "array", "items": _value(chance, depth - 1), "minItems": 0, "maxItems": chance.randint(1, 3)}
    return chance.choice(simple)
