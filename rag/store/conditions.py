"""SQL conditions over the tables of library.db."""

import json
import os
from collections.abc import Sequence

from rag.store import schema
from rag.types import Filter


def document_condition(filter: Filter) -> tuple[str, list[object]]:
    """Returns an SQL condition over ``documents d`` and its parameters."""
    conditions: list[str] = []
    parameters: list[object] = []
    if filter.document_ids:
        conditions.append("d.id IN (SELECT value FROM json_each(?))")
        parameters.append(json_ids(sorted(filter.document_ids)))
    if filter.folders:
        places = []
        for folder in filter.folders:
            below_from, below_to = folder_range(folder)
            places.append(
                "(d.path = ? OR (d.path >= ? AND d.path < ?) "
                "OR d.source_id IN (SELECT id FROM sources WHERE location = ?))"
            )
            parameters += [schema.path_key(folder), below_from, below_to, schema.path_key(folder)]
        conditions.append(_any_of(places))
    return " AND ".join(conditions) or "1", parameters


def _any_of(conditions: list[str]) -> str:
    """One of the conditions holds; in pairs of pairs, since SQLite refuses an expression of a thousand levels."""
    while len(conditions) > 1:
        pairs = [conditions[at : at + 2] for at in range(0, len(conditions), 2)]
        conditions = [f"({' OR '.join(pair)})" if len(pair) == 2 else pair[0] for pair in pairs]
    return conditions[0]


def folder_range(folder: str) -> tuple[bytes, bytes]:
    """Returns two keys; the stored paths below ``folder`` lie from the first up to, not including, the second."""
    separator = "/" if "://" in folder else os.sep
    stem = schema.path_key(folder.rstrip(separator))
    return stem + separator.encode(), stem + bytes([ord(separator) + 1])


def json_ids(ids: Sequence[int]) -> str:
    """Returns ids as a parameter of ``json_each(?)``."""
    return json.dumps([int(id_) for id_ in ids])
