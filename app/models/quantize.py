"""Quantises a full-precision model of the store to one in 4 or 8 bits beside it.

This module chooses names and the calibration text; engines.quantize.quantizer computes. Without a file of the person's
own, the model is calibrated on the sample documents (prose, tables, letters, transcripts), parsed as for a question.
"""

import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from safetensors import SafetensorError

from app.errors import ModelError
from app.locations import at_home
from app.models.store import ModelStore, check, note_origin
from app.settings.paths import resource
from docent import DocentError
from engines.files.locks import exclusive
from engines.model.checkpoint import Checkpoint
from engines.model.tokenizer import ModelTokenizer
from engines.quantize.quantizer import QuantizeOptions, quantize
from rag.answer.generation.prompt import SYSTEM_TEXT

_SEQUENCE = 512  # tokens
_SEQUENCES = 64  # more costs time and memory and changes little


def quantize_model(
    store: ModelStore,
    model: str,
    out: str,
    options: QuantizeOptions,
    calibration: Path | None = None,
    on_layer: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """``out`` is a new name in the store, or a path. Returns the new folder. Raises DocentError.

    The work lies beside the result until it is complete; repeating the call goes on with it."""
    source = store.folder(model)
    target = at_home(out).absolute() if "/" in out or "\\" in out else store.target(out)
    if target.exists():
        raise ModelError(f"{target} is there already.", "Remove it, or name another.")
    text = _text(calibration) if calibration else sample_text()
    checkpoint = Checkpoint(source)
    tokens = ModelTokenizer.from_folder(source, checkpoint.config.eos_ids).encode(text)
    length = min(_SEQUENCE, checkpoint.config.max_context)
    sequences = [tokens[at : at + length] for at in range(0, len(tokens), length)][:_SEQUENCES]
    del checkpoint
    unfinished = target.with_name(f".{target.name}.quantizing")
    target.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(target.with_name(f".{target.name}.lock"), f"quantising {target.name} already"):
        unfinished.mkdir(exist_ok=True)
        try:
            quantize(source, unfinished, sequences, options, on_layer)
        except (OSError, SafetensorError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ModelError(
                f"{target} cannot be written ({reason}).", "Make room on the disk and repeat the command; it goes on."
            ) from error
        except DocentError:
            with suppress(OSError):  # work that was done before is kept
                unfinished.rmdir()
            raise
        check(unfinished)
        note_origin(unfinished, f"quantised from {source.name}")
        shutil.move(unfinished, target)
    return target


def sample_text() -> str:
    """The sample documents, one behind the other. Raises ModelError where they were left out."""
    from rag.parsers.registry import parse

    folder = resource("samples")
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    if not files:
        raise ModelError("The sample documents are missing.", "Give --calibration a text file of some pages.")
    return "\n\n".join([SYSTEM_TEXT, *(parse(path).text for path in files if path.is_file())])


def _text(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}).", "Give --calibration a text file.") from error
    if not text.strip():
        raise ModelError(f"{path} holds no text.", "Give --calibration a text file of some pages.")
    return text
