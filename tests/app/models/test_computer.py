"""What this computer has."""

from pathlib import Path

import psutil

from app.models.computer import Card, read_cards, this_computer


def test_this_computer_is_described(tmp_path: Path) -> None:
    found = this_computer(tmp_path / "models" / "not there yet")
    assert found.memory == psutil.virtual_memory().total
    assert found.processor and found.runtime
    assert found.free_disk > 0
    assert 0.5 < found.largest * 0.5625 / max([found.memory, *(card.memory for card in found.cards)]) * 2 <= 1.0


def test_what_the_driver_prints_is_read() -> None:
    table = "NVIDIA GeForce RTX 4090, 24564, 560.35.03\nNVIDIA A, B, 81559, 560.35.03\nFailed to initialize\n\n"
    assert read_cards(table) == (
        Card("NVIDIA GeForce RTX 4090", 24564 * 2**20, "560.35.03"),
        Card("NVIDIA A, B", 81559 * 2**20, "560.35.03"),
    )
