"""Writes the words of a question as a text writes them: "Lukasz" as "Łukasz", 1234.50 as 1,234.50.

Search compares folded words and values of numbers; a model that reads compares letters.
"""

from functools import lru_cache

from rag.text.words import without_spelled_out, words


def as_written(question: str, text: str) -> str:
    """Returns the question with the text's own form of every word and number that only folding makes equal."""
    forms = _forms(text)
    if not forms:
        return question
    pieces: list[str] = []
    done = 0
    for word, start, end in words(question):
        form = forms.get(word) or forms.get(without_spelled_out(word))
        if start < done or form is None or question[start:end].casefold() in forms.values():
            continue
        pieces += [question[done:start], form]
        done = end
    return "".join([*pieces, question[done:]])


@lru_cache(maxsize=512)
def _forms(text: str) -> dict[str, str]:
    """The words of a text that are written otherwise than they are compared, in lower case; the first form of each.
    Words that stand there in both forms are left out."""
    forms: dict[str, str] = {}
    plain: set[str] = set()
    for word, start, end in words(text):
        form = text[start:end].casefold()
        if form == word:
            plain.add(word)
        elif any(letter.isdigit() or (letter.isalpha() and not letter.isascii()) for letter in form):
            forms.setdefault(word, form)
            forms.setdefault(without_spelled_out(word), form)
    return {word: form for word, form in forms.items() if word not in plain}
