"""Checks what could keep Docent from working on this computer, for ``docent doctor``.

Each check gives ``Check`` rows with what to do, in the order in which a person should look at them. Nothing is changed;
an error inside a check becomes its row.
"""

import importlib.util
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.settings.paths import builtin_model, resource
from app.settings.schema import Settings
from docent import DocentError, __version__, install_extra
from rag.types import Document, Passage

_log = logging.getLogger(__name__)
_LOW_SPACE = 1_000_000_000  # bytes; a library takes about the size of its documents' text, plus the index
_NO_SPACE = 100_000_000
_NAMED = 20  # damaged things; of more the number is told
_EXTRAS = {
    "youtube": ("yt_dlp", "YouTube playlists"),
    "ocr": ("rapidocr", "the text of scanned PDFs"),
    "postgres": ("psycopg_pool", "a library on a PostgreSQL server"),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. ``fail`` means that Docent cannot do its job."""

    name: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    remedy: str = ""


def examine(settings: Settings) -> list[Check]:
    """Runs every check."""
    steps: list[tuple[str, Callable[[Settings], Iterator[Check]]]] = [
        ("python", _python),
        ("data folder", _data_folder),
        ("disk", _disk),
        ("embedder", _embedder),
        ("reader", _reader),
        ("language model", _language_model),
        ("library", _library),
        ("index", _index),
        ("conversations", _conversations),
        ("window", _window),
        ("extras", _extras),
        ("processor", _processor),
        ("GPU", _gpu),
    ]
    rows: list[Check] = []
    for name, step in steps:
        try:
            rows += step(settings)
        except DocentError as error:
            rows.append(Check(name, "fail", error.message, error.remedy))
        except Exception:  # noqa: BLE001 - a check that breaks is itself a finding
            _log.exception("the check of %s failed", name)
            rows.append(
                Check(name, "fail", "The check itself failed; the log holds the details.", "Set up Docent again.")
            )
    return rows


def _python(settings: Settings) -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("python", "ok", f"Docent {__version__} on Python {version}, {sys.platform}.")


def _data_folder(settings: Settings) -> Iterator[Check]:
    settings.folder.create()
    try:
        with tempfile.TemporaryFile(dir=settings.data_dir) as file:
            file.write(b"docent")
    except OSError as error:
        remedy = "Make it writable, or name another one with --data-dir."
        yield Check("data folder", "fail", f"{settings.data_dir} cannot be written to ({error.strerror}).", remedy)
        return
    yield Check("data folder", "ok", f"{settings.data_dir} can be written to.")


def _disk(settings: Settings) -> Iterator[Check]:
    free = shutil.disk_usage(settings.data_dir if settings.data_dir.exists() else Path.home()).free
    status: Literal["ok", "warn", "fail"] = "fail" if free < _NO_SPACE else "warn" if free < _LOW_SPACE else "ok"
    yield Check("disk", status, f"{free / 1e9:.1f} GB free.", "" if status == "ok" else "Make room on this disk.")


def _embedder(settings: Settings) -> Iterator[Check]:
    from app.wiring import Parts

    parts = Parts(settings)
    embedder = parts.make_embedder()
    vector = embedder.embed_query("Is this working?")
    if vector.shape != (embedder.dimension,) or not abs(float(vector @ vector) - 1) < 0.01:
        yield Check("embedder", "fail", f"{embedder.name} gives wrong vectors.", "Set up Docent again.")
        return
    cards = parts.card_encoders
    where = (cards.card if cards else None) or "the processor"
    yield Check("embedder", "ok", f"{embedder.name}, {embedder.dimension} dimensions, computed on {where}.")
    parts.close()


def _reader(settings: Settings) -> Iterator[Check]:
    from app.wiring import Parts

    if settings.retrieval.reranker is None:
        yield Check("reader", "ok", "Turned off by retrieval.reranker.")
        return
    reader = Parts(settings).make_reader()
    if reader is None:
        detail = "The one that comes with Docent is not installed; passages and quotes are chosen without it."
        yield Check("reader", "warn", detail, "Install Docent from its complete source.")
        return
    sample = "The lamp was lit in 1868."
    document = Document(0, 0, "", "", "text/plain", "ok", None, 1, 1, 0, "", 0.0)
    (reading,) = reader.read("When was the lamp lit?", [Passage(1, document, 0, len(sample), sample, 1.0)])
    if "1868" not in reading.span.text:
        yield Check("reader", "fail", "It misreads a plain sentence.", "Set up Docent again.")
        return
    yield Check("reader", "ok", "Puts passages in order and reads answers from them.")


def _language_model(settings: Settings) -> Iterator[Check]:
    from app.models.store import ModelStore

    if settings.model.endpoint is not None:
        yield _server_model(settings, settings.model.endpoint)
        return
    if settings.model.name is None:
        yield Check("language model", "ok", "None set up; answers are quoted from your documents.")
        return
    if settings.model.is_builtin and not builtin_model().is_dir():
        detail = "docent-nano, which comes with Docent, is not installed; answers are quoted from your documents."
        yield Check("language model", "warn", detail, "Install Docent from its complete source.")
        return
    found = ModelStore(settings.folder.models, builtin_model()).info(settings.model.name)
    if found.problem:
        yield Check("language model", "fail", found.problem, "Get another one; see `docent model --help`.")
        return
    detail = f"{found.name}: {found.family}, {found.format}, {found.parameters / 1e9:.2f} billion weights."
    if not found.chat_template:
        yield Check("language model", "warn", detail, "It has no chat template, so it may not follow instructions.")
    else:
        yield Check("language model", "ok", detail)


def _server_model(settings: Settings, endpoint: str) -> Check:
    """The server that writes answers is asked for its models, and for nothing else."""
    from app.errors import ModelError
    from app.models.remote import RemoteGenerator

    chosen = settings.model
    key = chosen.endpoint_key.get_secret_value() if chosen.endpoint_key else None
    try:
        generator = RemoteGenerator(endpoint, chosen.endpoint_model, key, chosen.context)
        listed = generator.listed()
    except ModelError as error:
        return Check("language model", "fail", error.message, error.remedy)
    detail = f"Answers are written by {generator.name}; questions and passages are sent there (model.endpoint)."
    if chosen.endpoint_model is not None and chosen.endpoint_model not in listed:
        remedy = f"Set model.endpoint_model to one of {', '.join(listed[:5])}." if listed else ""
        return Check("language model", "warn", f"{endpoint} does not list {chosen.endpoint_model}.", remedy)
    return Check("language model", "ok", detail)


def _library(settings: Settings) -> Iterator[Check]:
    if settings.library.address is not None:
        yield from _server_library(settings)
        return
    from rag.store.library import Library

    path = settings.folder.library
    if not path.exists():
        yield Check("library", "ok", "Empty so far.", "Add documents with `docent sync FOLDER`.")
        return
    from rag.store.check import examine as damages_of

    with Library.open(path) as library:
        damages = damages_of(library)
        counts = library.counts()
        missing = [source.location for source in library.sources() if _is_missing(source.location)]
    for damage in damages[:_NAMED]:
        yield Check("library", "fail", damage.what, "`docent repair` mends it.")
    if len(damages) > _NAMED:
        yield Check("library", "fail", f"{len(damages) - _NAMED} more are damaged.", "`docent repair` mends them.")
    detail = f"{counts['ok']} documents and {counts['chunks']} chunks, {'damaged' if damages else 'undamaged'}."
    if counts["failed"]:
        yield Check("library", "warn", f"{detail} {counts['failed']} could not be read.", "`docent status` says why.")
    else:
        yield Check("library", "ok", detail)
    for location in missing:
        yield Check("source", "warn", f"{location} is not there now.", f"Bring it back or `docent remove {location}`.")


def _server_library(settings: Settings) -> Iterator[Check]:
    """Whether the server answers, and what it derives fits."""
    from rag.store.opening import open_library

    with closing(open_library(settings.folder.library, settings.library.address)) as library:
        library.check()
        counts = library.counts()
        yield Check("library", "ok", f"{counts['ok']} documents and {counts['chunks']} chunks in {library.place}.")


def _is_missing(location: str) -> bool:
    return "://" not in location and not os.path.exists(location)  # noqa: PTH110 - may hold surrogates


def _conversations(settings: Settings) -> Iterator[Check]:
    from app.conversations.check import damaged
    from app.wiring import Parts

    if settings.library.url is None and not settings.folder.conversations.exists():
        return
    with closing(Parts(settings).make_conversations()) as conversations:
        sentences = damaged(conversations)
        known = len(conversations.all())
    for sentence in sentences[:_NAMED]:
        yield Check("conversations", "fail", sentence, "`docent repair` mends titles and dates; delete what is left.")
    if not sentences:
        yield Check("conversations", "ok", f"{known} conversations, undamaged.")


def _index(settings: Settings) -> Iterator[Check]:
    """Brings the index in line, in memory alone, as a question would."""
    if settings.library.url is None and not settings.folder.library.exists():
        return
    from rag.store.opening import open_library

    with closing(open_library(settings.folder.library, settings.library.address)) as library:
        index = library.vectors()
        index.refresh()
        vectors = len(index)
        missing = library.counts()["chunks"] - vectors
    if missing:
        yield Check("index", "warn", f"{missing} chunks have no vector yet.", "`docent sync` makes them.")
    else:
        yield Check("index", "ok", f"{vectors} vectors, one for each chunk.")


def _window(settings: Settings) -> Iterator[Check]:
    if importlib.util.find_spec("gradio") is None:
        yield Check("window", "fail", "gradio is not installed.", "Run `python3 start.py setup`.")
    elif not resource("samples").is_dir():
        yield Check("window", "warn", "The sample documents are missing.", "Everything else works without them.")
    else:
        yield Check("window", "ok", "The chat window and the sample documents are there.")


def _extras(settings: Settings) -> Iterator[Check]:
    for extra, (module, purpose) in _EXTRAS.items():
        if importlib.util.find_spec(module) is not None:
            yield Check(f"extra {extra}", "ok", f"Installed, for {purpose}.")
        else:
            remedy = f"To add it, run: {install_extra(extra)}"
            yield Check(f"extra {extra}", "ok", f"Not installed; it is for {purpose}.", remedy)


def _processor(settings: Settings) -> Iterator[Check]:
    """The runtime that "auto" takes on the processor, and what keeps others from being used."""
    from engines.runtimes.registry import RUNTIMES, automatic

    first = automatic("cpu")[0]
    yield Check("processor", "ok", f'Language models run on the runtime "{first.name}" ({first.words}).')
    for entry in RUNTIMES.values():
        if (reason := entry.unavailable()) is not None:
            yield Check(f"runtime {entry.name}", "ok", f"Not used. {reason}")


def _gpu(settings: Settings) -> Iterator[Check]:
    if shutil.which("nvidia-smi") is None:
        yield Check("GPU", "ok", "No NVIDIA driver seen; Docent works on the CPU.")
        return
    import subprocess

    command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        yield Check("GPU", "warn", "The NVIDIA driver does not answer.", "Docent works on the CPU meanwhile.")
        return
    cards = "; ".join(line.strip() for line in answer.stdout.splitlines() if line.strip())
    if answer.returncode or not cards:
        yield Check("GPU", "warn", "The NVIDIA driver reports no card.", "Docent works on the CPU meanwhile.")
    else:
        yield Check("GPU", "ok", cards + ".")
