"""Reads transcripts in JSON: YouTube's json3, Whisper's and other lists of segments with their times."""

from collections.abc import Iterator

from rag.parsers.captions import Caption

_TEXTS = ("text", "content")
_STARTS, _ENDS, _DURATIONS = ("start", "start_time", "from"), ("end", "end_time", "to"), ("duration", "dur")
_LISTS = ("segments", "events", "body", "captions", "transcript", "results")


def captions_of_json(value: object) -> list[Caption] | None:
    """Returns the captions of a transcript; None for other values."""
    items = value
    if isinstance(value, dict):
        items = next((value[name] for name in _LISTS if isinstance(value.get(name), list)), None)
    if not isinstance(items, list) or len(items) < 2:
        return None
    found = list(_captions(items))
    return found if len(found) * 2 > len(items) else None


def _captions(items: list[object]) -> Iterator[Caption]:
    for item in items:
        if not isinstance(item, dict):
            return
        if isinstance(item.get("segs"), list):  # json3
            said = "".join(str(part.get("utf8", "")) for part in item["segs"] if isinstance(part, dict))
            start = _number(item, ("tStartMs",)) or 0.0
            yield Caption(said, start / 1000, (start + (_number(item, ("dDurationMs",)) or 0.0)) / 1000)
            continue
        text = next((item[name] for name in _TEXTS if isinstance(item.get(name), str)), None)
        begin = _number(item, _STARTS)
        if text is None or begin is None:
            continue
        end = _number(item, _ENDS)
        speaker = item.get("speaker")
        said = f"{speaker}: {text.strip()}" if isinstance(speaker, str) and speaker else text
        yield Caption(said, begin, end if end is not None else begin + (_number(item, _DURATIONS) or 0.0))


def _number(item: dict[str, object], names: tuple[str, ...]) -> float | None:
    found = next((item[name] for name in names if isinstance(item.get(name), int | float)), None)
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) else None
