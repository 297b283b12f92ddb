"""Answers as the conversations file keeps them: JSON whose every value is checked when it is read."""

import json
import math
from dataclasses import asdict
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from app.events import Exchange, Looked, Work
from rag.store.rows import is_text, is_time
from rag.text.markers import AnswerPart, parts_of
from rag.types import Answer, Citation, Span, Writing

DAMAGED_ANSWER = Answer(
    (AnswerPart("This answer cannot be shown any more: its entry in conversations.db is damaged."),), False, (), "none"
)
EXCHANGE_COLUMNS = "question, answer, asked_at, searched, stopped, work, feedback, id"
"""Of the table exchanges, in the order of ``exchange_of``."""
_T = TypeVar("_T")


def answer_to_json(answer: Answer) -> str:
    # ASCII escapes, because a path may hold lone surrogates, which SQLite refuses.
    return json.dumps(asdict(answer))


def exchange_of(
    question: object,
    answer: object,
    asked_at: object,
    searched: object,
    stopped: object,
    work: object,
    feedback: object,
    id_: int,
) -> Exchange:
    """Returns an exchange with an answer that says so where its row is damaged."""
    try:
        if not (is_text(question) and is_time(asked_at) and (searched is None or is_text(searched))):
            raise ValueError
        made, told = _answer_from_json(answer), _work_from_json(work)
        liked = feedback if feedback in (-1, 0, 1) else 0
        return Exchange(question, made, asked_at, searched, bool(stopped), False, told, liked, id_)  # type: ignore[arg-type]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        when = float(asked_at) if is_time(asked_at) else 0.0  # type: ignore[arg-type]
        return Exchange(text_or(question, "?"), DAMAGED_ANSWER, when, damaged=True, id=id_)


def text_or(value: object, instead: str) -> str:
    return str(value) if is_text(value) else instead


def _work_from_json(text: Any) -> Work | None:
    """What is damaged of it is left out: it is of use to nothing but the eye."""
    if text is None:
        return None
    try:
        data = json.loads(text)
        timings = {str(name): float(value) for name, value in data["timings_ms"].items()}
        searches = tuple(str(search) for search in data.get("searches", ()))  # earlier versions have none
        passages = tuple(_made(Looked, passage) for passage in data["passages"])
        return Work(timings, passages, searches, str(data.get("thought", "")))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _answer_from_json(text: Any) -> Answer:
    """Raises ValueError, TypeError or KeyError for what is no answer of Docent's."""
    data: dict[str, Any] = json.loads(text)
    if "parts" in data:
        data["parts"] = tuple(_made(AnswerPart, {**part, "numbers": tuple(part["numbers"])}) for part in data["parts"])
    else:  # answers of earlier versions are plain text
        data["parts"] = parts_of(data.pop("text"))
    data["citations"] = tuple(_made(Citation, citation) for citation in data["citations"])
    if data.get("span") is not None:  # answers of earlier versions have none
        data["span"] = _made(Span, data["span"])
    if data.get("writing") is not None:
        data["writing"] = _made(Writing, data["writing"])
    return _made(Answer, data)


def _made(kind: type[_T], fields: dict[str, Any]) -> _T:
    """Makes a dataclass whose fields have the declared types. Raises TypeError or KeyError."""
    declared = get_type_hints(kind)
    for name, value in fields.items():
        hint = declared[name]
        kinds = tuple(get_origin(one) or one for one in (get_args(hint) if isinstance(hint, UnionType) else (hint,)))
        allowed = (*kinds, int) if float in kinds else kinds
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in kinds):
            raise TypeError(name)
        if isinstance(value, float) and not math.isfinite(value):
            raise TypeError(name)
        if isinstance(value, tuple) and kind is AnswerPart and not all(type(number) is int for number in value):
            raise TypeError(name)
    return kind(**fields)
