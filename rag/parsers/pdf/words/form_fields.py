"""Puts the values of form fields beside their labels: one fragment "Label: value" for each field.

A label stands to the left of its field, above it, or below it; that of a box to tick stands to its right. Where a
sentence runs on around a field, the value takes its place in the sentence. A field with no label in sight is known by
the name that the form gives it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rag.parsers.pdf.page.annotations import Field
from rag.parsers.pdf.page.characters import fold
from rag.parsers.pdf.words.fragments import Fragment

_LABEL_CHARACTERS = 80
_FAR_LEFT = 300.0
_FAR_RIGHT = 40.0
_SAME_SENTENCE = 20.0
_SAME_ANSWER = 30.0
"""Points between a field and its label, the words behind it, or the next part of one answer (day, month, year)."""
_LEADERS = " ._…:\u2003"


def with_fields(fragments: Sequence[Fragment], fields: Sequence[Field]) -> list[Fragment]:
    """Returns the page's fragments with the fields among them."""
    printed = [fragment for fragment in fragments if fragment.text]
    answers: list[Fragment] = []
    for field in sorted(fields, key=lambda item: (round(item.y0 / 4), item.x0)):
        if any(
            _overlaps(field, other) and fold(field.text) in fold(other.text) and fold(field.text) for other in printed
        ):
            continue  # the page shows the value itself
        if field.kind == "mark":
            answers.append(_ticked(field, printed, fields))
            continue
        if answers and _continues(answers[-1], field, printed):
            before = answers.pop()
            joined = replace(before, text=f"{before.text} {field.text}", x1=field.x1)
            answers.append(joined)
            continue
        answers.append(_answered(field, printed, fields))
    return printed + answers


def overlaps_text(field: Field, fragments: Iterable[Fragment]) -> bool:
    """Tells whether a field lies over words of the page."""
    return any(_overlaps(field, fragment) for fragment in fragments)


def _answered(field: Field, printed: list[Fragment], fields: Sequence[Field]) -> Fragment:
    others = [other for other in fields if other is not field and other.kind != "mark"]
    stacked = any(_stacked(field, other) for other in others)
    if stacked and any(_on_line(field, other) for other in others):
        return _fragment(field, field.text)  # a cell of a table
    left = _left_of(field, printed, fields)
    if left is not None:
        behind = _right_of(field, printed, fields, _SAME_SENTENCE)
        if behind is None or left.text.endswith(":"):
            return _labelled(left, field, printed, beside=True)
        return _fragment(field, field.text, left.size)
    if not stacked and field.kind == "value":
        for label in (_above(field, printed), _below(field, printed)):
            if label is not None:
                return _labelled(label, field, printed, beside=False)
    text = f"{field.name.rstrip(_LEADERS)}: {field.text}" if field.name and field.kind == "value" else field.text
    return replace(_fragment(field, text), answer=field.kind == "value" and not stacked)


def _ticked(field: Field, printed: list[Fragment], fields: Sequence[Field]) -> Fragment:
    right = _right_of(field, printed, fields, _FAR_RIGHT)
    if right is not None:
        printed.remove(right)
        return replace(right, text=f"{field.text} {right.text}", x0=field.x0, answer=True)
    left = _left_of(field, printed, fields)
    if left is not None:
        printed.remove(left)
        return replace(left, text=f"{left.text} {field.text}", x1=field.x1, answer=True)
    return replace(_fragment(field, f"{field.text} {field.name}".strip()), answer=True)


def _labelled(label: Fragment, field: Field, printed: list[Fragment], *, beside: bool) -> Fragment:
    printed.remove(label)
    text = f"{label.text.rstrip(_LEADERS)}: {field.text}"
    if beside:
        return replace(label, text=text, x1=field.x1, answer=True)
    return replace(label, text=text, x0=min(label.x0, field.x0), x1=max(label.x1, field.x1), answer=True)


def _fragment(field: Field, text: str, size: float | None = None) -> Fragment:
    """Makes a fragment in the middle of the field's height, which may be that of many lines."""
    middle = (field.y0 + field.y1) / 2
    size = size or min(10.0, field.y1 - field.y0)
    if field.y1 - field.y0 > 3 * size:
        middle = field.y0 + size
    return Fragment(text, field.x0, middle - 0.6 * size, field.x1, middle + 0.6 * size, size, False, -1)


def _left_of(field: Field, printed: list[Fragment], fields: Sequence[Field]) -> Fragment | None:
    on_line = [
        fragment
        for fragment in printed
        if _on_line(field, fragment)
        and fragment.x0 < field.x0
        and -8 <= field.x0 - fragment.x1 < _FAR_LEFT
        and len(fragment.text) <= _LABEL_CHARACTERS
    ]
    label = max(on_line, key=lambda fragment: fragment.x1, default=None)
    if label is None:
        return None
    between = (other for other in fields if other is not field and _on_line(field, other))
    return None if any(label.x1 - 8 <= other.x0 < field.x0 for other in between) else label


def _right_of(field: Field, printed: list[Fragment], fields: Sequence[Field], far: float) -> Fragment | None:
    on_line = [f for f in printed if _on_line(field, f) and -4 <= f.x0 - field.x1 < far]
    label = min(on_line, key=lambda fragment: fragment.x0, default=None)
    if label is None:
        return None
    between = (other for other in fields if other is not field and _on_line(field, other))
    return None if any(field.x1 - 2 <= other.x0 < label.x0 for other in between) else label


def _above(field: Field, printed: list[Fragment]) -> Fragment | None:
    near = [f for f in printed if _over(field, f) and -3 <= field.y0 - f.y1 < 14 and len(f.text) <= _LABEL_CHARACTERS]
    return max(near, key=lambda fragment: fragment.y1, default=None)


def _below(field: Field, printed: list[Fragment]) -> Fragment | None:
    near = [f for f in printed if _over(field, f) and -3 <= f.y0 - field.y1 < 8 and len(f.text) <= _LABEL_CHARACTERS]
    return min(near, key=lambda fragment: fragment.y0, default=None)


def _over(field: Field, fragment: Fragment) -> bool:
    return min(field.x1, fragment.x1) > max(field.x0, fragment.x0) and abs(field.x0 - fragment.x0) < 25


def _stacked(one: Field, other: Field) -> bool:
    """Tells whether two fields stand one right above the other, as in the column of a table."""
    gap = max(one.y0, other.y0) - min(one.y1, other.y1)
    return abs(one.x0 - other.x0) < 4 and abs(one.x1 - other.x1) < 4 and gap < 3


def _continues(answer: Fragment, field: Field, printed: list[Fragment]) -> bool:
    """Tells whether a field goes on with the one to its left: nothing printed stands between or to its right."""
    if not answer.answer or answer.text.startswith("[") or not 0 <= field.x0 - answer.x1 < _SAME_ANSWER:
        return False
    if not _on_line(field, answer):
        return False
    return not any(_on_line(field, f) and answer.x1 - 4 <= f.x0 < field.x1 + _FAR_RIGHT for f in printed)


def _on_line(field: Field, other: Fragment | Field) -> bool:
    overlap = min(field.y1, other.y1) - max(field.y0, other.y0)
    return overlap > 0.4 * min(field.y1 - field.y0, other.y1 - other.y0)


def _overlaps(field: Field, fragment: Fragment) -> bool:
    across = min(field.x1, fragment.x1) - max(field.x0, fragment.x0)
    return across > 2 and min(field.y1, fragment.y1) - max(field.y0, fragment.y0) > 0.4 * (fragment.y1 - fragment.y0)
