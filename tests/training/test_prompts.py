"""The prompts of docent-nano's tasks: what they hold."""

from rag.types import Turn
from training.nano.prompts import rewrite_prompt, summary_prompt, title_prompt


def test_the_task_prompts() -> None:
    history = [Turn(f"Q{n}?", f"A{n} [2].") for n in range(7)]
    _, user = rewrite_prompt("Who\nwrote it?", history)
    assert user.content == "Q: Q0?\nA: A0.\nQ: Q4?\nA: A4.\nQ: Q5?\nA: A5.\nQ: Q6?\nA: A6.\nQ: Who wrote it?"
    assert title_prompt(Turn("Q?", ""))[1].content == "Q: Q?"
    assert summary_prompt("T > H", "One.\nTwo.")[1].content == "T > H\nOne. Two."
