"""The generations of a request of OpenAI's API: submitted together, read as they grow, ended with their client."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Protocol

from app.api.openai.errors import ClientGone
from app.models.setup import LocalModel
from docent import DocentError
from engines.serving.generation import Delta, Finished, Generation
from engines.serving.sampling import SampledToken
from engines.serving.sampling_params import SamplingParams

_LOOK_AFTER_S = 0.25  # how often a waiting request looks whether its client is still there


class Client(Protocol):
    """Who waits for the generations, such as a Request of Starlette's."""

    async def is_disconnected(self) -> bool: ...


def submit(model: LocalModel, wanted: Sequence[tuple[list[int], SamplingParams]], copies: int) -> list[Generation]:
    """Submits ``copies`` of each prompt with its parameters, all or none: where one is refused, the ones before it are
    cancelled."""
    generations: list[Generation] = []
    try:
        for tokens, params in wanted:
            for number in range(copies):
                seed = None if params.seed is None else (params.seed + number) % 2**63
                generations.append(model.submit(tokens, replace(params, seed=seed)))
    except DocentError:
        for generation in generations:
            generation.cancel()
        raise
    return generations


async def whole(generations: list[Generation], client: Client) -> list[tuple[str, list[SampledToken], Finished]]:
    """The texts with their tokens and ends, once all are there. Raises ClientGone."""
    texts = [""] * len(generations)
    sampled: list[list[SampledToken]] = [[] for _ in generations]
    async with aclosing(deltas(generations, client)) as grown:
        async for index, delta in grown:
            if delta is not None:
                texts[index] += delta.text
                sampled[index] += delta.tokens
    return list(zip(texts, sampled, ends(generations), strict=True))


async def deltas(generations: list[Generation], client: Client) -> AsyncGenerator[tuple[int, Delta | None], None]:
    """Yields each delta with the number of its generation, None at its end. Leaving early ends all generations.

    Raises ClientGone when the connection is closed meanwhile."""
    streams = [aiter(generation) for generation in generations]
    coming = {asyncio.ensure_future(anext(stream, None)): index for index, stream in enumerate(streams)}
    clock = asyncio.get_running_loop().time
    looked = clock()
    try:
        while coming:
            done, _ = await asyncio.wait(coming, timeout=_LOOK_AFTER_S, return_when=asyncio.FIRST_COMPLETED)
            if clock() - looked >= _LOOK_AFTER_S:  # also while tokens come fast
                looked = clock()
                if await client.is_disconnected():
                    raise ClientGone
            for future in done:
                index, delta = coming.pop(future), future.result()
                if delta is not None:
                    coming[asyncio.ensure_future(anext(streams[index], None))] = index
                yield index, delta
    finally:
        for future in coming:
            future.cancel()
        for generation in generations:
            generation.cancel()


def ends(generations: list[Generation]) -> list[Finished]:
    ends = [generation.finished for generation in generations if generation.finished is not None]
    assert len(ends) == len(generations), "the answers were read to their ends"
    return ends
