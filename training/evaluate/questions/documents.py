"""Puts the documents of a part into a folder: own ones, the samples, quarterly reports and Wikipedia articles."""

import json
import lzma
import shutil
from pathlib import Path

from training.evaluate.questions.office import WRITERS
from training.evaluate.questions.questions import Part

_HERE = Path(__file__).parent / "documents"
_SAMPLES = Path(__file__).parents[3] / "samples"
_REPORTS = "qa/sec-10-q/sec-10-q/data/v1/docs"
REPORTS: dict[Part, tuple[str, ...]] = {
    "development": ("2023 Q1 AAPL.pdf", "2022 Q3 NVDA.pdf", "2023 Q2 INTC.pdf"),
    "last": ("2023 Q3 MSFT.pdf", "2022 Q3 AMZN.pdf"),
}
ARTICLES: dict[Part, tuple[str, ...]] = {
    "development": ("Haggis", "Narwhal", "Espresso", "Cheddar cheese"),
    "last": ("Puffin", "Bagpipes", "Origami", "Walrus"),
}


def write_documents(part: Part, data: Path, folder: Path) -> None:
    """Writes what is missing in ``folder`` or older than its source; ``data`` holds ``corpus/`` and ``qa/``."""
    folder.mkdir(parents=True, exist_ok=True)
    write_own(part, folder)
    write_samples(folder)
    for name in REPORTS[part]:
        _copy(data / _REPORTS / name, folder)
    if not all((folder / f"{title}.txt").exists() for title in ARTICLES[part]):
        _write_articles(ARTICLES[part], data, folder)


def write_own(part: Part, folder: Path) -> None:
    """The documents that were made for the questions."""
    for source in sorted((_HERE / part).iterdir()):
        _write(source, folder)


def write_samples(folder: Path) -> None:
    """The documents that ship with Docent."""
    for source in sorted(_SAMPLES.iterdir()):
        _copy(source, folder)


def _copy(source: Path, folder: Path) -> None:
    if not (folder / source.name).exists():
        shutil.copy(source, folder)


def _write(source: Path, folder: Path) -> None:
    writer = WRITERS.get((Path(source.stem).suffix, source.suffix))
    target = folder / (source.name if writer is None else source.stem)
    if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
        return
    if writer is None:
        shutil.copy(source, target)
    else:
        writer(source.read_text(encoding="utf-8"), target)


def _write_articles(titles: tuple[str, ...], data: Path, folder: Path) -> None:
    for file in sorted((data / "corpus").glob("wikipedia-*.jsonl.xz")):
        with lzma.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                article = json.loads(line)
                if article["title"] in titles:
                    (folder / f"{article['title']}.txt").write_text(article["text"], encoding="utf-8", newline="")
