"""Requests of every kind, and readers that stay, go away or look now and then."""

import random
from dataclasses import dataclass

from engines.serving.generation import Generation
from engines.serving.sampling_params import SamplingParams


@dataclass(frozen=True)
class Wanted:
    """A request, and how its reader behaves: reads all, goes away after so many pieces, or only looks now and then."""

    prompt: tuple[int, ...]
    params: SamplingParams
    priority: int
    leaves_after: int | None
    heartbeat: bool


def some_requests(count: int, seed: int) -> list[Wanted]:
    chance = random.Random(seed)
    beginnings = [tuple(chance.randrange(256) for _ in range(chance.choice([0, 16, 40, 64]))) for _ in range(4)]
    found = []
    for number in range(count):
        ending = tuple(chance.randrange(256) for _ in range(chance.randint(1, 40)))
        warm = chance.random() < 0.5
        params = SamplingParams(
            max_tokens=chance.randint(1, 40),
            temperature=chance.choice([0.5, 1.0]) if warm else 0.0,
            top_p=chance.choice([0.5, 1.0]),
            repetition_penalty=chance.choice([1.0, 1.2]),
            seed=number,
            stop=chance.choice([(), ("e",), ("ab", "\x00")]),
        )
        leaves = chance.randint(0, 10) if chance.random() < 0.3 else None
        found.append(Wanted(chance.choice(beginnings) + ending, params, number % 2, leaves, chance.random() < 0.3))
    return found


def read(generation: Generation, wanted: Wanted) -> list[int]:
    tokens: list[int] = []
    with generation:
        for count, delta in enumerate(generation.deltas(0.001) if wanted.heartbeat else generation):
            tokens += [sampled.token for sampled in delta.tokens] if delta else []
            if wanted.leaves_after is not None and count >= wanted.leaves_after:
                break
    return tokens
