"""python -m training.everyday.evaluate --data out/data --readers out/a.safetensors out/b.safetensors [--wordings typed]

How well readers read the held-out everyday documents (training.everyday.prepare): of answered questions the share whose
span is exact and whose span overlaps the answer; how often an answer's log odds are above those of a question that
nothing answers (AUC); what is refused of the latter where one in ten of the answered is refused, too; and the balanced
accuracy on statements. ``--wordings sloppy typed`` also reads the same questions in other wordings (``sloppy-...`` of
training.data.sloppy, ``typed-...`` of training.everyday.prepare), and says what is refused of them where one in ten of
the answered is refused as they were first asked. Torch, on a GPU where there is one.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.store import CLS, SEP, Shape, Store, pair_tokens
from training.evaluate import backends
from training.evaluate.checks import claims_table

_REFUSED = 0.1  # share of the answered questions


def read(
    reader: backends.ReaderBackend, store: Store, shape: Shape
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Log odds of an answer, the largest of a question's passages where nothing answers it [questions]; for those that
    are answered whether the span is exact and whether it overlaps, else False [questions] each."""
    pairs, owner = [], []
    for i in range(len(store)):
        own = [store.gold[i]] if store.gold[i] >= 0 else store.negatives[i][store.negatives[i] >= 0]
        for passage in own:
            ids, first = pair_tokens(store.questions[i], store.contexts[passage], store.passages[passage], shape)
            pairs.append((ids, first, min(len(store.questions[i]), shape.question) + 2))
            owner.append(i)
    out = reader.score(pairs)
    odds = np.full(len(store), -np.inf)
    exact, overlaps = np.zeros(len(store), np.bool_), np.zeros(len(store), np.bool_)
    for i, value, span in zip(owner, out.features()[:, 1], out.span, strict=True):
        odds[i] = max(odds[i], value)
        if store.gold[i] >= 0:
            spans = store.spans[i][store.spans[i, :, 0] >= 0]
            exact[i] = any(tuple(span) == tuple(s) for s in spans)
            overlaps[i] = any(span[0] <= s[1] and span[1] >= s[0] for s in spans)
    return odds, exact, overlaps


def auc(above: NDArray[np.float64], below: NDArray[np.float64]) -> float:
    return float((above[:, None] > below[None]).mean() + (above[:, None] == below[None]).mean() / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--readers", type=Path, nargs="+", required=True)
    parser.add_argument("--wordings", nargs="*", default=[], help="other wordings of the questions")
    parser.add_argument("--marks", type=int, nargs=2, default=(CLS, SEP), help="tokens; 0 1 for compact vocabularies")
    options = parser.parse_args()
    shape = Shape(cls=options.marks[0], sep=options.marks[1])
    claims = Store.load(options.data / "everyday-claims-val.npz")
    for path in options.readers:
        reader = backends.TorchReader(path)
        least = None
        for wording in ("", *options.wordings):
            row, answered, least = questions_table(reader, options.data, f"{wording}-" if wording else "", shape, least)
            if not wording:
                row["statements"] = claims_table(reader, claims, shape, len(claims))["balanced accuracy at 0"]
            print(
                f"{path.name}: {wording} {answered.sum()} answered, {(~answered).sum()} not,",
                {k: round(float(v), 3) for k, v in row.items()},
                flush=True,
            )


def questions_table(
    reader: backends.ReaderBackend, data: Path, wording: str, shape: Shape, at: float | None
) -> tuple[dict[str, float], NDArray[np.bool_], float]:
    """The figures of one wording, which questions are answered, and the log odds below which an answer is refused: one
    in ten of them here, unless ``at`` says where."""
    questions, cut = (Store.load(data / f"{wording}{name}-val.npz") for name in ("everyday", "everyday-cut"))
    odds, exact, overlaps = read(reader, questions, shape)
    answered = questions.gold >= 0
    without = read(reader, cut, shape)[0]
    least = float(np.quantile(odds[answered], _REFUSED)) if at is None else at
    row = {
        "exact": exact[answered].mean(),
        "overlaps": overlaps[answered].mean(),
        "AUC": auc(odds[answered], odds[~answered]),
        "AUC, line taken out": auc(odds[answered], without),
        "nothing answers: refused": (odds[~answered] < least).mean(),
        "line taken out: refused": (without < least).mean(),
        "answered: refused": (odds[answered] < least).mean(),
        "at": least,
    }
    return row, answered, least


if __name__ == "__main__":
    main()
