"""Says what this computer has for language models: processor, memory, disk, NVIDIA cards and their driver."""

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_INT4_BYTES = 0.5625  # of a weight with its share of scales, groups of 64 or 128
_SHARE = 0.5  # of the memory; the rest is for K and V, the library and other programs
_WEIGHTS_SHARE = 0.8  # of the memory, that weights may take
_QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader,nounits")
_ANSWERS_S = 10


@dataclass(frozen=True, slots=True)
class Card:
    """An NVIDIA card; ``memory`` is in bytes."""

    name: str
    memory: int
    driver: str


@dataclass(frozen=True, slots=True)
class Computer:
    """``memory`` and ``free_memory`` are in bytes, ``free_disk`` those where models lie. ``runtime`` is what computes
    when the choice is left to Docent. ``largest`` is how many weights a model in INT4 can have here."""

    processor: str
    cores: int
    memory: int
    free_memory: int
    free_disk: int
    cards: tuple[Card, ...]
    runtime: str
    largest: int


def this_computer(models: Path) -> Computer:
    """Looks at this computer; ``models`` is the folder of models, which may not be there yet."""
    import psutil

    from engines.runtimes.registry import automatic

    memory = psutil.virtual_memory()
    found = cards()
    room = max([memory.total, *(card.memory for card in found)])
    entries = [*(automatic("gpu") if found else ()), *automatic("cpu")]
    return Computer(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory=memory.total,
        free_memory=memory.available,
        free_disk=_free_disk(models),
        cards=found,
        runtime=f"{entries[0].name} ({entries[0].words})",
        largest=int(room * _SHARE / _INT4_BYTES),
    )


def holds(size: int) -> bool:
    """Whether weights of ``size`` bytes have room in this computer's memory."""
    import psutil

    return size <= _WEIGHTS_SHARE * int(psutil.virtual_memory().total)


@cache
def cards() -> tuple[Card, ...]:
    """The NVIDIA cards that the driver reports; it is asked once."""
    if shutil.which(_QUERY[0]) is None:
        return ()
    try:
        answer = subprocess.run(_QUERY, capture_output=True, text=True, timeout=_ANSWERS_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return read_cards(answer.stdout) if answer.returncode == 0 else ()


def read_cards(table: str) -> tuple[Card, ...]:
    """Reads what nvidia-smi prints: a line "NAME, MIB, DRIVER" for each card; other lines say nothing."""
    rows = [[cell.strip() for cell in line.rsplit(",", 2)] for line in table.splitlines()]
    return tuple(
        Card(row[0], int(row[1]) * 2**20, row[2]) for row in rows if len(row) == len(_QUERY) and row[1].isdigit()
    )


@cache
def _processor() -> str:
    """Its name as the system tells it. Linux keeps the name apart from what Python asks for."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _free_disk(folder: Path) -> int:
    there = next((path for path in (folder, *folder.parents) if path.is_dir()), None)
    return 0 if there is None else shutil.disk_usage(there).free
