"""Measures prompt lookup: tokens per step and speed, for answers that quote and answers that do not.

    python -m benchmarks.engine.prompt_lookup                        # 100M shape, scripted answers; about two minutes
    python -m benchmarks.engine.prompt_lookup --shape 1B --answer 256 --runtime onnx
    python -m benchmarks.engine.prompt_lookup --model FOLDER         # a trained model, which writes its own answers

Scripted: every step costs what the model of that shape costs, but what it "says" is laid down beforehand, made from the
sample documents with a word or a mark as one token. The prompt is ``--prompt`` tokens of them, the answers are
    quotes       sentences of the prompt, whole, a few words of other documents between them
    own words    sentences of other documents, in which only common pairs of words occur in the prompt as well
    never        no token twice: a look-up never finds anything
    misled       made of pairs of the prompt's words, each of which goes on otherwise than there: the worst case
With a model: a passage and its beginning as a prompt, which a trained model continues by copying (greedy); and free
text (temperature 1), which repeats little. One request at a time. Drafting is on and off in turn, median over rounds;
the tokens must be equal.
"""

import argparse
import itertools
import random
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.models.quantize import sample_text
from benchmarks.engine.parts import LetterTokenizer, machine, model_folder
from benchmarks.engine.runtimes import RUNTIMES, open_runtime
from engines.base import Runtime, StepBatch
from engines.model.checkpoint import Checkpoint
from engines.model.synthetic import SHAPES
from engines.model.tokenizer import ModelTokenizer
from engines.page_size import PAGE_TOKENS
from engines.serving.engine import Engine, EngineConfig
from engines.serving.generation import Metrics
from engines.serving.protocols import Tokenizer
from engines.serving.sampling_params import SamplingParams

FIRST_TOKEN = 10
CONTEXT = 2048


@dataclass(frozen=True, slots=True)
class Case:
    """A request, and its answer where that is laid down beforehand."""

    name: str
    prompt: list[int]
    params: SamplingParams
    answer: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one run of a case. ``seconds`` counts from the first token to the last."""

    tokens: list[int]
    seconds: float
    metrics: Metrics


class Scripted:
    """A runtime that computes its steps and then returns the logits of a scripted answer."""

    name = "scripted"

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.vocab_size, self.max_context, self.num_pages = runtime.vocab_size, runtime.max_context, runtime.num_pages
        self.text: list[int] = []  # prompt and answer

    def step(self, batch: StepBatch) -> NDArray[np.float32]:
        logits = self._runtime.step(batch)
        for row, position in zip(logits, batch.positions[batch.logits_for].tolist(), strict=True):
            if position + 1 < len(self.text):
                row[self.text[position + 1]] = 1e9
        return logits

    def copy_pages(self, copies: Sequence[tuple[int, int]]) -> None:
        self._runtime.copy_pages(copies)


def scripted_cases(prompt: int, answer: int, vocabulary: int) -> Iterator[Case]:
    """Makes the four kinds of answers."""
    known: dict[str, int] = {}

    def tokens(sentence: str) -> list[int]:
        words = re.findall(r"\w+|[^\w\s]", sentence)
        return [FIRST_TOKEN + known.setdefault(word, len(known)) for word in words]

    sentences = [tokens(part) for part in re.split(r"(?<=[.!?])\s+|\n+", sample_text())]
    sentences = [sentence for sentence in sentences if len(sentence) >= 6]
    passages: list[int] = []
    used = 0
    while len(passages) < prompt:
        passages += sentences[used]
        used += 1
    chance = random.Random(1)
    own = [token for sentence in sentences[used:] for token in sentence]
    quotes: list[int] = []
    while len(quotes) < answer:
        at = chance.randrange(len(own) - 8)
        quotes += own[at : at + chance.randint(3, 8)]
        quotes += sentences[chance.randrange(used)]
    fresh = list(range(FIRST_TOKEN + len(known), vocabulary))
    misled = misleading(passages[:prompt], answer, fresh)
    for name, text in (("quotes", quotes), ("own words", own), ("never", fresh), ("misled", misled)):
        params = SamplingParams(max_tokens=answer, ignore_eos=True)
        yield Case(name, passages[:prompt], params, text[:answer])


def misleading(prompt: list[int], count: int, fresh: list[int]) -> list[int]:
    """Orders pairs of adjacent prompt tokens so that no two pairs follow each other as in the prompt."""
    follows = set(itertools.pairwise(prompt))
    text = [fresh[0]]
    for place in itertools.cycle(range(0, len(prompt) - 1, 2)):
        if len(text) >= count:
            return text
        if (text[-1], prompt[place]) not in follows:
            text += prompt[place : place + 2]
            follows |= set(itertools.pairwise(text[-4:]))  # nothing that was once guessed right may come again
    raise AssertionError("a cycle does not end")


def model_cases(tokenizer: ModelTokenizer, prompt: int, answer: int, samples: int) -> Iterator[Case]:
    """Makes the cases for a trained model: a passage to be copied, and free text."""
    paragraphs = [part.strip() for part in re.split(r"\n{2,}", sample_text())]
    long = [part for part in paragraphs if 60 <= len(tokenizer.encode(part)) <= prompt // 2][:samples]
    for number, text in enumerate(long):
        whole = tokenizer.encode(f"{text}\n\n{text}\n\n")
        yield Case(
            "quotes", [*whole, *tokenizer.encode(text)[:8]], SamplingParams(max_tokens=min(answer, len(whole) // 2))
        )
        free = SamplingParams(max_tokens=answer, temperature=1.0, seed=number, ignore_eos=True)
        yield Case("free text", tokenizer.encode(text), free)


def run(engine: Engine, case: Case) -> Outcome:
    start = time.perf_counter()
    generation = engine.submit(case.prompt, case.params)
    tokens: list[int] = []
    for delta in generation:
        tokens += [sampled.token for sampled in delta.tokens]
    taken = time.perf_counter() - start
    assert generation.finished is not None
    return Outcome(tokens, taken - generation.finished.metrics.ttft_s, generation.finished.metrics)


def measure(case: Case, ask: Callable[[bool, Case], Outcome], rounds: int) -> dict[bool, list[Outcome]]:
    """Runs every case with and without drafting in turn; the first round warms up."""
    found: dict[bool, list[Outcome]] = {True: [], False: []}
    for number in range(rounds + 1):
        for drafting in (True, False) if number % 2 else (False, True):
            outcome = ask(drafting, case)
            if number:
                found[drafting].append(outcome)
    answers = {tuple(outcome.tokens) for outcomes in found.values() for outcome in outcomes}
    if len(answers) > 1:
        # Sums of several rows are ordered otherwise than those of one; a near tie can fall either way.
        print(f"{case.name}: the answers differ with and without drafting", file=sys.stderr)
    return found


def report(name: str, measured: Sequence[dict[bool, list[Outcome]]]) -> None:
    """Prints one line for all cases of a name. The ratio is that of adjacent runs, so that other load on the machine
    shows least; rows per token count what was computed, independent of the clock."""
    speed = {
        drafting: statistics.mean(statistics.median(map(_speed, case[drafting])) for case in measured)
        for drafting in (True, False)
    }
    pairs = [pair for case in measured for pair in zip(case[True], case[False], strict=True)]
    ratio = statistics.median(_speed(one) / _speed(other) for one, other in pairs)
    ones = [case[True][0].metrics for case in measured]
    steps, tokens = sum(one.steps for one in ones), sum(one.generated_tokens for one in ones)
    drafted, kept = sum(one.drafted_tokens for one in ones), sum(one.accepted_tokens for one in ones)
    equal = all(len({tuple(o.tokens) for outcomes in case.values() for o in outcomes}) == 1 for case in measured)
    print(
        f"  {name:10} {tokens / steps:5.2f} tokens a step, {(steps + drafted) / tokens:5.3f} rows a token;"
        f" {speed[True]:6.1f} tok/s with, {speed[False]:6.1f} without: {ratio:5.2f}x;"
        f" {kept} of {drafted} drafted tokens kept; answers {'equal' if equal else 'DIFFER'}"
    )


def _speed(outcome: Outcome) -> float:
    return len(outcome.tokens) / outcome.seconds


def scripted(arguments: argparse.Namespace) -> None:
    with model_folder(arguments.folder, arguments.shape) as folder:
        pages = -(-(arguments.prompt + arguments.answer + PAGE_TOKENS) // PAGE_TOKENS)
        checkpoint = Checkpoint(folder / arguments.shape)
        runtime = Scripted(
            open_runtime(arguments.runtime, checkpoint, pages, threads=arguments.threads, cache=folder / "cache")
        )

        def ask(drafting: bool, case: Case) -> Outcome:
            runtime.text = [*case.prompt, *case.answer]
            return asked(runtime, LetterTokenizer(), drafting, case)

        model = f"{arguments.shape} on {arguments.runtime}"
        print(f"{model}, prompts of {arguments.prompt} tokens, scripted answers of {arguments.answer}:")
        for case in scripted_cases(arguments.prompt, arguments.answer, SHAPES[arguments.shape].vocabulary):
            measured = measure(case, ask, arguments.rounds)
            assert measured[True][0].tokens == list(case.answer)
            report(case.name, [measured])


def with_model(arguments: argparse.Namespace) -> None:
    checkpoint = Checkpoint(arguments.model)
    tokenizer = ModelTokenizer.from_folder(arguments.model, checkpoint.config.eos_ids)
    runtime = open_runtime(arguments.runtime, checkpoint, CONTEXT // PAGE_TOKENS, CONTEXT, threads=arguments.threads)

    def ask(drafting: bool, case: Case) -> Outcome:
        return asked(runtime, tokenizer, drafting, case)

    print(f"{arguments.model.name} on {arguments.runtime}:")
    measured: dict[str, list[dict[bool, list[Outcome]]]] = {}
    for case in model_cases(tokenizer, arguments.prompt, arguments.answer, arguments.samples):
        measured.setdefault(case.name, []).append(measure(case, ask, arguments.rounds))
    for name, outcomes in measured.items():
        report(name, outcomes)


def asked(runtime: Runtime, tokenizer: Tokenizer, drafting: bool, case: Case) -> Outcome:
    """An engine of its own for each run: nothing is reused, and the runtime's pool serves one at a time."""
    with Engine(runtime, tokenizer, EngineConfig(prompt_lookup=drafting)) as engine:
        return run(engine, case)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, metavar="FOLDER", help="a trained model")
    parser.add_argument("--shape", choices=SHAPES, default="100M")
    parser.add_argument("--prompt", type=int, default=512, help="tokens of a prompt")
    parser.add_argument("--answer", type=int, default=256, help="tokens of an answer")
    parser.add_argument("--samples", type=int, default=6, help="texts that the model is given")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runtime", choices=RUNTIMES, default="native")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--folder", type=Path, help="where synthetic models are kept between runs")
    arguments = parser.parse_args()
    print(machine(arguments.threads))
    (with_model if arguments.model else scripted)(arguments)


if __name__ == "__main__":
    main()
