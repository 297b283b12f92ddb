"""Writes a question as a text writes its words: "Lukasz" as "Łukasz", 1234.50 as 1,234.50, 8/3/2031 as 8 March 2031.

Search compares folded words and values of numbers; a model that reads compares letters.
"""

from collections.abc import Iterator
from functools import lru_cache

from rag.text.codes import written_codes
from rag.text.dates import dates
from rag.text.normal import normalized
from rag.text.words import without_spelled_out, words


def as_written(question: str, text: str) -> str:
    """Returns the question with the text's own form of each word, number, date and code that is equal when compared."""
    pieces: list[str] = []
    done = 0
    forms = [*_written_dates(question, text), *written_codes(question, text), *_written_words(question, text)]
    for start, end, form in sorted(forms, key=lambda each: (each[0], -each[1])):
        if start >= done:
            pieces += [question[done:start], form]
            done = end
    return "".join([*pieces, question[done:]])


def _written_dates(question: str, text: str) -> Iterator[tuple[int, int, str]]:
    compared = normalized(question)
    asked = list(dates(compared.text))
    there: dict[str, str] = {}
    if asked:
        read = normalized(text).text
        for date in dates(read):
            there.setdefault(date.term, read[date.start : date.end])
    for date in asked:
        form = there.get(date.term)
        if form is not None and form.casefold() != compared.text[date.start : date.end].casefold():
            yield *compared.span(date.start, date.end), form


def _written_words(question: str, text: str) -> Iterator[tuple[int, int, str]]:
    forms = _forms(text)
    for word, start, end in words(question) if forms else ():
        form = forms.get(word) or forms.get(without_spelled_out(word))
        if form is not None and question[start:end].casefold() not in forms.values():
            yield start, end, form


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
