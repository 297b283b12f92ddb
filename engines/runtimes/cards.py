"""Finds the NVIDIA card of this computer and says which ones a runtime needs, and which models run on none."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from docent import install_extra
from engines.errors import RuntimeUnavailable

if TYPE_CHECKING:
    from engines.model.config import ModelConfig

_INSTALL = f"Install it with: {install_extra('tensorrt')}"
_FALL_BACK = "Docent uses the processor instead."


@dataclass(frozen=True, slots=True)
class Card:
    """``capability`` is NVIDIA's compute capability: (8, 9) for an RTX 40."""

    name: str
    capability: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Needed:
    """Compute capabilities that a runtime supports, and the same in words."""

    supports: Callable[[tuple[int, int]], bool]
    words: str


RTX = Needed(
    lambda capability: capability in ((8, 0), (8, 6), (8, 9)) or capability[0] == 12,
    "a card of compute capability 8.0, 8.6, 8.9 or 12.x (GeForce RTX 30, 40 and 50, RTX A and Ada series, A100)",
)
DATA_CENTRE = Needed(
    lambda capability: capability >= (8, 0), "a card of compute capability 8.0 or higher (A100, H100 and later)"
)


def supports(library: str) -> Needed:
    """What engines of a TensorRT library run on."""
    return RTX if library == "tensorrt_rtx" else DATA_CENTRE


def check_model(config: "ModelConfig", *, mixtures: bool = False) -> None:
    """Raises RuntimeUnavailable for a model with parts that no runtime for cards computes; ``mixtures``: beside one
    that takes mixtures of experts."""
    if parts := config.for_processors_alone(mixtures=mixtures):
        where = "is not computed here" if config.experts is not None else "runs on processors alone"
        raise RuntimeUnavailable(
            f"This model ({config.family}) {where}: it has {', '.join(parts)}.", 'Set model.runtime to "auto".'
        )


def driver_missing() -> str | None:
    """A sentence where no NVIDIA driver is installed, else None: whether asking for a card is worth loading torch."""
    if shutil.which("nvidia-smi") is not None or Path("/proc/driver/nvidia").exists():
        return None
    return "No NVIDIA driver was found."


def find_card() -> Card | None:
    """The first card that torch sees, or None. Raises RuntimeUnavailable without torch."""
    if find_spec("torch") is None:
        raise RuntimeUnavailable("Running on an NVIDIA card needs torch.", _INSTALL)
    import torch

    if not torch.cuda.is_available():
        return None
    return Card(torch.cuda.get_device_name(), torch.cuda.get_device_capability())


def require_card(needed: Needed, runtime: str, find: Callable[[], Card | None] = find_card) -> Card:
    """The card. Raises RuntimeUnavailable that says what is needed where there is none or another one."""
    card = find()
    if card is None:
        raise RuntimeUnavailable(
            f"{runtime} needs {needed.words}; no NVIDIA card with a working driver was found.", _FALL_BACK
        )
    if not needed.supports(card.capability):
        major, minor = card.capability
        raise RuntimeUnavailable(
            f"{runtime} needs {needed.words}; {card.name} has compute capability {major}.{minor}.", _FALL_BACK
        )
    return card
