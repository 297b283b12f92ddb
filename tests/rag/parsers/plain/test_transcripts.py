"""Transcripts of many formats: what is said, with its times, and nothing of how it is shown."""

import json
from pathlib import Path

import pytest

from rag.errors import ReadError
from rag.parsers.registry import parse

ASS = r"""[Script Info]
Title: ignored

[Events]
Format: Layer, Start, End, Style, Name, Text
Dialogue: 0,0:00:03.00,0:00:05.00,Default,Bo,It moved, by an hour.
Dialogue: 0,0:00:01.00,0:00:03.00,Default,,{\i1\an8}The ebb{\i0}\Nmoved.
Dialogue: 0,0:00:01.00,0:00:03.00,Default,,{\p1}m 0 0 l 10 10{\p0}
Comment: 0,0:00:01.00,0:00:03.00,Default,,not said
"""
TTML = """<?xml version="1.0"?><tt xmlns="http://www.w3.org/ns/ttml" xmlns:ttm="http://www.w3.org/ns/ttml#metadata">
<head><metadata><ttm:agent xml:id="b"><ttm:name>Bo</ttm:name></ttm:agent></metadata></head><body><div>
<p begin="00:00:01.000" end="00:00:03.000">The ebb<br/>moved.</p>
<p begin="3s" dur="2000ms" ttm:agent="b">It moved, <span>by an hour.</span></p></div></body></tt>"""
JSON3 = json.dumps(
    {
        "events": [
            {"tStartMs": 1000, "dDurationMs": 2000, "segs": [{"utf8": "The ebb "}, {"utf8": "moved."}]},
            {"tStartMs": 3000, "dDurationMs": 2000, "segs": [{"utf8": "Bo: It moved, by an hour."}]},
        ]
    }
)
WHISPER = json.dumps(
    {
        "text": "The ebb moved.",
        "segments": [
            {"id": 0, "start": 1.0, "end": 3.0, "text": " The ebb moved.", "tokens": [1, 2]},
            {"id": 1, "start": 3.0, "end": 5.0, "text": " It moved, by an hour.", "speaker": "Bo"},
        ],
    }
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.ass", ASS),
        ("a.ttml", TTML),
        ("a.dfxp", TTML),
        ("a.sbv", "0:00:01.000,0:00:03.000\nThe ebb moved.\n\n0:00:03.000,0:00:05.000\nBo: It moved, by an hour.\n"),
        (
            "a.lrc",
            "[ti:Ebb]\n[00:01.00]<00:01.00>The <00:01.50>ebb moved.\n[00:03.0]Bo: It moved, by an hour.\n[00:05]\n",
        ),
        ("a.sub", "{1}{1}25.0\n{25}{75}{y:i}The ebb|moved.\n{75}{125}Bo: It moved, by an hour.\n"),
        ("a.json", JSON3),
        ("b.json", WHISPER),
    ],
)
def test_what_is_said_and_when(tmp_path: Path, name: str, content: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    (block,) = parse(path).blocks
    document = parse(path)
    assert document.text == "The ebb moved. Bo: It moved, by an hour."
    assert block.kind == "caption" and block.start_s == pytest.approx(1.0)
    assert block.end_s == pytest.approx(7.0 if name == "a.lrc" else 5.0)


def test_other_json_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"segments": [{"start": 1, "label": "x"}, {"start": 2, "label": "y"}]}')
    assert '"label"' in parse(path).text


@pytest.mark.parametrize("name", ["a.srt", "a.sub", "a.ttml"])
def test_a_file_without_times_says_so(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("<p>No times</p>" if name == "a.ttml" else "No times at all.")
    with pytest.raises(ReadError, match="no times"):
        parse(path)
