"""Measures the card for ``docent model bench`` and writes the figures down."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engines.errors import RuntimeUnavailable
from engines.runtimes.registry import RUNTIMES


def measure_card(shape: str, builds: Path, folder: Path | None = None, gpus: int = 1) -> dict[str, Any]:
    """The record of this card, or of several that share the model; in ``folder`` it is added to the card's file of the
    day. Raises KeyError for an unknown shape, RuntimeUnavailable where there is no card."""
    reason = RUNTIMES["cuda"].unavailable()
    if reason is not None:
        raise RuntimeUnavailable(reason, "Run this on a computer with an NVIDIA card.")
    from engines.runtimes.cuda.bench import config_of, measure_shape
    from engines.runtimes.cuda.card.driver import find_cards
    from engines.runtimes.cuda.load_bench import measure_load

    measured = list(measure_shape(shape, builds / "cuda-kernels", gpus=gpus))
    day = datetime.now(UTC).date().isoformat()
    record: dict[str, Any] = {
        "device": find_cards()[0][0],
        "date": day,
        "copy_gb_s": round(measured[0][0], 1),
        "rows": [asdict(row) for _, row in measured],
        "loads": [asdict(measure_load(shape, config_of(shape), builds))] if gpus == 1 else [],
    }
    if folder is not None:
        _add(folder / f"{record['device'].lower().replace(' ', '-')}-{day}.json", record)
    return record


def _add(path: Path, record: dict[str, Any]) -> None:
    """What the file holds of other shapes and numbers of cards is kept."""
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        measured = {_subject(row) for row in record["rows"]}
        record = record | {
            part: [row for row in kept.get(part, ()) if _subject(row) not in measured] + record[part]
            for part in ("rows", "loads")
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _subject(row: dict[str, Any]) -> tuple[str, int]:
    return row["shape"], row.get("gpus", 1)
