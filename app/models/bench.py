"""Measures the card for ``docent model bench`` and writes the figures down."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engines.errors import RuntimeUnavailable
from engines.runtimes.registry import RUNTIMES


def measure_card(shape: str, builds: Path, folder: Path | None = None) -> dict[str, Any]:
    """The record of this card; in ``folder`` it is added to the card's file of the day. Raises KeyError for an unknown
    shape, RuntimeUnavailable where there is no card."""
    reason = RUNTIMES["cuda"].unavailable()
    if reason is not None:
        raise RuntimeUnavailable(reason, "Run this on a computer with an NVIDIA card.")
    from engines.runtimes.cuda.bench import config_of, measure_shape
    from engines.runtimes.cuda.driver import find_cards
    from engines.runtimes.cuda.load_bench import measure_load

    measured = list(measure_shape(shape, builds / "cuda-kernels"))
    day = datetime.now(UTC).date().isoformat()
    record: dict[str, Any] = {
        "device": find_cards()[0][0],
        "date": day,
        "copy_gb_s": round(measured[0][0], 1),
        "rows": [asdict(row) for _, row in measured],
        "loads": [asdict(measure_load(shape, config_of(shape), builds))],
    }
    if folder is not None:
        _add(folder / f"{record['device'].lower().replace(' ', '-')}-{day}.json", record)
    return record


def _add(path: Path, record: dict[str, Any]) -> None:
    """What the file holds of other shapes is kept."""
    if path.exists():
        measured = {row["shape"] for row in record["rows"]}
        kept = json.loads(path.read_text(encoding="utf-8"))
        record = record | {
            part: [row for row in kept.get(part, ()) if row["shape"] not in measured] + record[part]
            for part in ("rows", "loads")
        }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
