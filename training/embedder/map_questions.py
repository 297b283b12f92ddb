"""python -m training.embedder.map_questions --squad DATA/qa/squad-train-v1.1.json.xz --lexicon out/lexicon.json

Fits the linear map from the multilingual embedder's space to MiniLM's for questions (rag/models/foreign_questions.py).
English questions, of everyday documents and of SQuAD's training articles, have their words replaced from dictionaries
(training.data.switched), each in one language at random; the map leads from the multilingual vector of that, and of
half of the questions as they are, to MiniLM's of the English one (ridge regression). Needs lemminflect. Takes ten
minutes of one core.
"""

import argparse
import json
import lzma
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rag.models.embedder import OnnxEmbedder
from rag.models.foreign_questions import MAP_FILE
from training.data.switched import Switch
from training.everyday.bundles import read_bundles
from training.everyday.prepare import held_out

FOLDER = Path("rag/models/weights/docent-reader-multilingual")
QUESTIONS = 6000  # of either kind
RIDGE = 0.3
LEFT = 0.05  # share of words that stay English


def everyday_questions() -> list[str]:
    """Of the documents that the reader learns from."""
    documents = [document for document in read_bundles() if not held_out(document.name)]
    return [item.text for document in documents for item in document.items if item.kind == "Q"]


def squad_questions(path: Path) -> list[str]:
    with lzma.open(path, "rt", encoding="utf-8") as file:
        articles = json.load(file)["data"]
    return [qa["question"].strip() for a in articles for p in a["paragraphs"] for qa in p["qas"]]


def fit(here: NDArray[np.float32], there: NDArray[np.float32], ridge: float = RIDGE) -> NDArray[np.float16]:
    """Vectors [n, d] and those that they are to become [n, e] -> [d + 1, e]; the last row is added."""
    known = np.hstack([here, np.ones((len(here), 1), dtype=np.float32)]).astype(np.float64)
    found = np.linalg.solve(known.T @ known + ridge * np.eye(known.shape[1]), known.T @ there)
    return found.astype(np.float16)


def vectors(embedder: OnnxEmbedder, texts: Sequence[str]) -> NDArray[np.float32]:
    return np.stack([embedder.embed_query(text) for text in texts])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--squad", type=Path, required=True)
    parser.add_argument("--lexicon", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=FOLDER / MAP_FILE)
    options = parser.parse_args()
    rng = random.Random(0)
    questions: list[str] = []
    for kind in (everyday_questions(), squad_questions(options.squad)):
        questions += rng.sample(kind, min(QUESTIONS, len(kind)))
    lexicon = json.loads(options.lexicon.read_text(encoding="utf-8"))
    switches = [Switch(language, words, LEFT) for language, words in lexicon.items()]
    switched = [rng.choice(switches)(question, rng) for question in questions]
    there = vectors(OnnxEmbedder.load(), questions)
    here = vectors(OnnxEmbedder.load(FOLDER), [*switched, *questions[::2]])
    np.save(options.out, fit(here, np.concatenate([there, there[::2]])))
    print(f"{options.out}: {len(here)} pairs of {len(switches)} languages and English")


if __name__ == "__main__":
    main()
