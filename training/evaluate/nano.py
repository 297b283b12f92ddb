"""python -m training.evaluate.nano cases FILE --split val --reader READER_FOLDER --questions 600 --out out/cases.json
python -m training.evaluate.nano answers out/cases.json --model out/docent-nano [--show 20]

``cases`` finds passages and the reader's hint for the questions of a SQuAD-format file as the product does (keyword
search and reader), once with the question's article among the documents and once without. With ``--focus`` the prompt
holds only the sentence with the hint, where there is one. ``answers`` has docent-nano answer and prints how many
replies hold the right span, cite the right document and refuse. Torch runs a model in full precision, on a GPU where
there is one; the engine runs an INT4 model.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from rag.answer.refusal import NOT_FOUND
from rag.text.markers import marker_numbers, strip_markers
from rag.text.sentences import cached_sentences
from rag.types import Reading
from training.data.corpus import read_squad, split_articles
from training.data.prepare_squad import flatten
from training.data.search import KeywordIndex
from training.evaluate.metrics import f1, normalise
from training.nano.tasks import Piece, answer_prompt, passages_of

CANDIDATES, SHOWN, NEAR, MOST_TOKENS = 20, 5, 5, 96
Generate = Callable[[Sequence[str]], list[str]]


@dataclass(frozen=True, slots=True)
class Case:
    """A prompt, which labels in it are the right document's, and the answers that count; none: it must be refused."""

    question: str
    prompt: str
    right: tuple[int, ...]
    answers: tuple[str, ...]
    hint: str


def make_cases(file: Path, split: str, reader_folder: Path, count: int, threads: int, focus: bool) -> list[Case]:
    from rag.models.extractive_reader import Calibration, ExtractiveReader

    articles = read_squad(file)
    flat = flatten(articles if split == "all" else split_articles(articles)[split])
    reader = ExtractiveReader.load(reader_folder, threads)
    threshold = Calibration.read(reader_folder / "calibration.json").answer_threshold
    index = KeywordIndex(flat.passages)
    cases = []
    for i in np.linspace(0, len(flat.questions) - 1, count).astype(int):
        question, gold, answers = flat.questions[i][:3]
        own = flat.article[gold]
        found = index.search(question, 300)
        for present in (True, False):
            near = [p for p in found if present or flat.article[p] != own][:CANDIDATES]
            pieces = [Piece(int(flat.article[p]), p, flat.passages[p][0], (), flat.passages[p][1]) for p in near]
            readings = reader.read(question, passages_of(pieces))
            order = sorted(range(len(pieces)), key=lambda n: -readings[n].rank_score)[:SHOWN]
            best = best_of(readings, threshold)
            hint = None
            if best is not None:
                order = [best, *(n for n in order if n != best)][:SHOWN]
                span, start = readings[best].span, pieces[best].start
                hint = (0, span.start - start, span.end - start)
            if focus and hint is not None:
                order = [order[0]]
                pieces[order[0]], hint = sentence_of(pieces[order[0]], hint[1], hint[2])
            prompt, labels = answer_prompt(question, [pieces[n] for n in order], hint=hint, refused=best is None)
            right = tuple(labels[k] for k, n in enumerate(order) if k in labels and flat.article[near[n]] == own)
            said = readings[best].span.text if best is not None else ""
            cases.append(Case(question, prompt, right, tuple(a for _, a in answers) if present else (), said))
    return cases


def best_of(readings: Sequence[Reading], threshold: float) -> int | None:
    """Which reading holds the answer: the best one of the five most relevant; None where the reader refuses."""
    near = sorted(range(len(readings)), key=lambda i: -readings[i].rank_score)[:NEAR]
    chosen = max(near, key=lambda i: readings[i].answer_score, default=None)
    return chosen if chosen is not None and readings[chosen].confidence >= threshold else None


def sentence_of(piece: Piece, start: int, end: int) -> tuple[Piece, tuple[int, int, int]]:
    """Cuts a piece to the sentence in which the hint begins; returns it with the hint's place in it."""
    first, last = next((s for s in cached_sentences(piece.text) if s[0] <= start < s[1]), (0, len(piece.text)))
    last = max(last, end)
    return replace(piece, start=piece.start + first, text=piece.text[first:last]), (0, start - first, end - first)


def measure(cases: Sequence[Case], replies: Sequence[str]) -> dict[str, float]:
    """Returns the table's rows: shares of the questions whose document is there, and of those whose document is not."""
    held, cited, refused, hinted, score = [], [], [], [], []
    away = []
    for c, reply in zip(cases, replies, strict=True):
        said_nothing = reply.strip().startswith(NOT_FOUND[:20])
        if not c.answers:
            away.append(said_nothing)
            continue
        text = normalise(strip_markers(reply))
        held.append(any(normalise(a) in text for a in c.answers))
        hinted.append(any(normalise(a) in normalise(c.hint) for a in c.answers))
        score.append(f1(c.hint, c.answers))
        refused.append(said_nothing)
        if held[-1]:
            marks = marker_numbers(reply)
            cited.append(bool(marks) and all(n in c.right for n in marks))
    return {
        "the reader's hint holds the right span": float(np.mean(hinted)),
        "the reader's hint: F1": float(np.mean(score)),
        "the reply holds the right span": float(np.mean(held)),
        "... of these, cites the right document": float(np.mean(cited)) if cited else 0.0,
        "document there: refused": float(np.mean(refused)),
        "document away: refused": float(np.mean(away)) if away else 0.0,
    }


def torch_generator(folder: Path, most: int = MOST_TOKENS, size: int = 128) -> Generate:
    import torch

    from training.data.store import load_tokenizer
    from training.nano.model import load_nano

    tokenizer = load_tokenizer(folder / "tokenizer.json")
    end = tokenizer.token_to_id("<|end|>")
    if end is None:
        raise SystemExit(
            f"{folder} has no token <|end|>, so it is no docent-nano. Name a folder that training.nano.tune wrote."
        )
    model = load_nano(folder).to("cuda" if torch.cuda.is_available() else "cpu").eval()

    def generate(prompts: Sequence[str]) -> list[str]:
        ids = [e.ids for e in tokenizer.encode_batch(list(prompts))]
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        out = [""] * len(ids)
        for at in range(0, len(order), size):
            block = order[at : at + size]
            for i, tokens in zip(block, model.generate([ids[i] for i in block], most, end), strict=True):
                out[i] = tokenizer.decode(tokens).strip()
        return out

    return generate


def engine_generator(folder: Path, threads: int, most: int = MOST_TOKENS) -> Generate:
    from engines.model.checkpoint import Checkpoint
    from engines.model.tokenizer import ModelTokenizer
    from engines.runtimes.onnx.runtime import OnnxRuntime
    from engines.serving.engine import Engine
    from engines.serving.sampling_params import SamplingParams

    checkpoint = Checkpoint(folder)
    tokenizer = ModelTokenizer.from_folder(folder, checkpoint.config.eos_ids)
    engine = Engine(OnnxRuntime(checkpoint, 256, 2048, threads=threads), tokenizer)

    def generate(prompts: Sequence[str]) -> list[str]:
        params = SamplingParams(max_tokens=most, temperature=0.0)
        return ["".join(d.text for d in engine.submit(tokenizer.encode_prompt(p), params)).strip() for p in prompts]

    return generate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("cases")
    make.add_argument("file", type=Path)
    make.add_argument("--split", choices=("all", "val", "test"), default="val")
    make.add_argument("--reader", type=Path, required=True)
    make.add_argument("--questions", type=int, default=600)
    make.add_argument("--out", type=Path, required=True)
    make.add_argument("--focus", action="store_true")
    make.add_argument("--threads", type=int, default=2)
    ask = commands.add_parser("answers")
    ask.add_argument("cases", type=Path)
    ask.add_argument("--model", type=Path, required=True)
    ask.add_argument("--most", type=int, default=None, help="cases")
    ask.add_argument("--show", type=int, default=0)
    ask.add_argument("--out", type=Path, default=None, help="write the replies as lines of JSON")
    ask.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    if args.command == "cases":
        cases = make_cases(args.file, args.split, args.reader, args.questions, args.threads, args.focus)
        args.out.write_text(json.dumps([asdict(c) for c in cases]))
        print(f"{len(cases)} cases")
        return
    cases = [Case(**c) for c in json.loads(args.cases.read_text())][: args.most]
    quantized = "quantization_config" in json.loads((args.model / "config.json").read_text())
    generate = engine_generator(args.model, args.threads) if quantized else torch_generator(args.model)
    replies = generate([c.prompt for c in cases])
    step = max(1, len(cases) // max(1, args.show))
    for c, reply in list(zip(cases, replies, strict=True))[::step][: args.show]:
        print(f"{c.question} | {' / '.join(c.answers) or '-'} | {c.hint}\n    {reply}")
    print("\n".join(f"{k:45s} {v:7.1%}" for k, v in measure(cases, replies).items()))
    if args.out:
        rows = (json.dumps({**asdict(c), "reply": r}) for c, r in zip(cases, replies, strict=True))
        args.out.write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
