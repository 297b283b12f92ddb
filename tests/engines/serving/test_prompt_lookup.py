"""Prompt-lookup drafts: what is found, how long drafts are, and that wrong ones are soon not made any more."""

import itertools
from collections.abc import Sequence

from engines.serving.prompt_lookup import FIRST_LENGTH, LONGEST, PromptLookup


def follow(prompt: Sequence[int], answer: Sequence[int], limit: int = 100) -> tuple[int, int, int]:
    """Plays an answer back as an engine would; returns steps, drafted and accepted tokens."""
    lookup = PromptLookup()
    lookup.extend([*prompt, answer[0]])
    at, steps, drafted, kept = 1, 0, 0, 0
    while at < len(answer):
        draft = lookup.draft(limit)
        right = list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(draft, answer[at:], strict=False)))
        lookup.extend(answer[at : at + len(right) + 1])
        lookup.report(len(draft), len(right))
        at += len(right) + 1
        steps, drafted, kept = steps + 1, drafted + len(draft), kept + len(right)
    return steps, drafted, kept


def test_a_quotation_takes_few_steps() -> None:
    prompt = list(range(100, 300))
    steps, drafted, kept = follow(prompt, prompt[40:180])
    assert steps < 20
    assert kept > 0.8 * drafted


def test_drafts_grow_with_success_and_never_pass_the_limit() -> None:
    lookup = PromptLookup()
    lookup.extend([*range(200), *range(4)])
    lengths = []
    for _ in range(5):
        draft = lookup.draft(100)
        assert draft == list(range(draft[0], draft[0] + len(draft)))
        lengths.append(len(draft))
        lookup.extend(draft)
        lookup.report(len(draft), len(draft))
    assert lengths == [FIRST_LENGTH, 8, LONGEST, LONGEST, LONGEST]
    assert len(lookup.draft(3)) == 3


def test_text_without_repetition_is_never_drafted() -> None:
    assert follow(range(500), range(1000, 1500)) == (499, 0, 0)


def test_the_longest_match_wins_and_the_latest_of_its_places() -> None:
    lookup = PromptLookup()
    lookup.extend([1, 2, 3, 4, 50, 9, 3, 4, 60, 9, 1, 2, 3, 4])
    assert lookup.draft(1) == [50], "four tokens match there, two at the other place"
    lookup.extend([70, 9, 3, 4])
    assert lookup.draft(1) == [60], "three tokens match"
    lookup.extend([8, 3, 4])
    assert lookup.draft(1) == [8], "two match, and this place is the latest"


def test_matches_that_always_mislead_are_soon_left_alone() -> None:
    """Pairs that the prompt goes on from in another way: the pauses double, so that the waste is bounded."""
    prompt = list(range(1000))
    answer = [token for pair in range(0, 998, 2) for token in ((pair * 7) % 998, (pair * 7) % 998 + 1)]
    steps, drafted, kept = follow(prompt, answer)
    assert drafted - kept < 0.025 * steps


def test_misleading_pairs_do_not_hold_up_a_quotation() -> None:
    prompt = list(range(1000))
    misleading = [token for pair in range(0, 200, 2) for token in ((pair * 7) % 998, (pair * 7) % 998 + 1)]
    steps, _, _ = follow(prompt, [*misleading, *prompt[300:500]])
    assert steps < len(misleading) + 40
