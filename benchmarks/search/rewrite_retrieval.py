"""Measures retrieval with completed follow-ups beside a person's completion: recall and reciprocal rank.

    python -m benchmarks.search.rewrite_retrieval                                 # the question as asked, rules, person
    python -m benchmarks.search.rewrite_retrieval --model FOLDER [--most 300]      # ... and a language model

Search is keyword and dense, fused as in the product. canard: the statement that answered, among all of them, each below
its article and section (only conversations that no training saw). cast2021: the passage that answered, among all of
them. cast2020 and mtrag have no passages: there the question has to find its own conversation, of which the person's
completions of every other question are the text.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from app.models.generator import EngineGenerator
from app.models.setup import open_model
from app.settings.sources import load_settings
from benchmarks.answering.rewrite import Case, canard, cast, mtrag
from rag.answer.generation.thoughts import spoken
from rag.models.embedder import OnnxEmbedder
from rag.query.rewriting import HeuristicRewriter
from rag.retrieve.fuse import fuse
from training.data.search import KeywordIndex
from training.nano.prompts import REWRITE_TOKENS, rewrite_prompt
from training.nano.tune_rewrites import held_out_rewrite

DEPTH = 50
Rewrite = Callable[[Case], str]


class Search:
    def __init__(self, documents: Sequence[tuple[str, str]], embedder: OnnxEmbedder) -> None:
        self._embedder = embedder
        self._keyword = KeywordIndex(documents)
        self._vectors = embedder.embed_passages([f"{where}\n{text}" if where else text for where, text in documents])

    def ranks(self, question: str) -> list[int]:
        cosine = self._vectors @ self._embedder.embed_query(question)
        dense = [(int(i), float(cosine[i])) for i in np.argsort(-cosine)[:DEPTH]]
        keyword = self._keyword.search(question, DEPTH)
        scored = [(i, 1.0 / (60 + n)) for n, i in enumerate(keyword)]
        return [i for i, _ in fuse(dense, scored, 0.45, 0.55)]


def answering(cases: Sequence[Case], titled: bool) -> tuple[list[tuple[str, str]], list[tuple[Case, int]]]:
    """Returns all answers as documents, and the place among them of each case's answer, where it has one."""
    documents: dict[tuple[str, str], int] = {}
    wanted = []
    for case in cases:
        if case.passage and case.passage != "I don't know.":
            document = (case.conversation if titled else "", case.passage)
            wanted.append((case, documents.setdefault(document, len(documents))))
    return list(documents), [(c, n) for c, n in wanted if c.history]


def conversations(cases: Sequence[Case]) -> tuple[list[tuple[str, str]], list[tuple[Case, int]]]:
    """Makes a document of each conversation: the person's completions of every other question; the rest are asked."""
    groups: dict[str, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.conversation, []).append(case)
    names = [name for name, group in groups.items() if len(group) > 1]
    documents = [("", " ".join(c.gold for c in groups[name][::2])) for name in names]
    wanted = [(c, n) for n, name in enumerate(names) for c in groups[name][1::2] if c.history]
    return documents, wanted


def measure(search: Search, wanted: Sequence[tuple[Case, int]], rewrite: Rewrite) -> tuple[float, float, float]:
    ranks = []
    for case, target in wanted:
        found = search.ranks(rewrite(case))
        ranks.append(found.index(target) + 1 if target in found else 0)
    at = np.array(ranks)
    reciprocal = np.where((at > 0) & (at <= 10), 1 / np.maximum(at, 1), 0)
    return float((at == 1).mean()), float(((at > 0) & (at <= 5)).mean()), float(reciprocal.mean())


def model_rewriter(folder: Path) -> Rewrite:
    settings = load_settings(overrides=[f"model.name={folder}"]).settings
    generator = EngineGenerator(open_model(settings))
    known: dict[Case, str] = {}

    def rewrite(case: Case) -> str:
        if case not in known:
            messages = rewrite_prompt(case.question, case.history)
            known[case] = "".join(spoken(generator.stream(messages, REWRITE_TOKENS))).strip() or case.question
        return known[case]

    return rewrite


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "../shared/data")
    parser.add_argument("--model", type=Path, default=None)
    parser.add_argument("--most", type=int, default=400, help="questions a set")
    parser.add_argument("--show", type=int, default=0)
    options = parser.parse_args()
    rules = HeuristicRewriter()
    rewriters: dict[str, Rewrite] = {
        "as asked": lambda case: case.question,
        "rules": lambda case: rules.rewrite(case.question, case.history),
    }
    if options.model:
        rewriters["model"] = model_rewriter(options.model)
    rewriters["person"] = lambda case: case.gold
    embedder = OnnxEmbedder.load()
    unseen = [c for c in canard(options.data) if held_out_rewrite(c.conversation.split(" > ")[0])]
    sets = {
        "canard, unseen articles": answering(unseen, titled=True),
        "cast2021": answering(list(cast(options.data, 2021)), titled=False),
        "cast2020 (conversation)": conversations(list(cast(options.data, 2020))),
        "mtrag (conversation)": conversations(list(mtrag(options.data))),
    }
    for name, (documents, wanted) in sets.items():
        step = max(1, -(-len(wanted) // options.most))
        wanted = wanted[::step]
        search = Search(documents, embedder)
        print(f"{name}: {len(wanted)} follow-ups, {len(documents)} documents", flush=True)
        scores = {how: measure(search, wanted, rewrite) for how, rewrite in rewriters.items()}
        for how, (first, five, reciprocal) in scores.items():
            share = reciprocal / max(1e-9, scores["person"][2])
            print(f"  {how:9s} first {first:.1%}, in five {five:.1%}, MRR {reciprocal:.3f} = {share:.1%} of a person's")
        for case, _ in wanted[:: max(1, len(wanted) // options.show)] if options.show else []:
            print(f"    asked:  {case.question}")
            for how, rewrite in list(rewriters.items())[1:]:
                print(f"    {how + ':':8s}{rewrite(case)}")


if __name__ == "__main__":
    main()
