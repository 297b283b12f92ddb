"""Nothing from a document becomes HTML."""

import json

import pytest

from rag.text.markers import AnswerPart, parts_of
from rag.types import Answer, Citation, Span
from tests.ui.hostile import HOSTILE, assert_harmless
from ui.render import answer_text, clock, exchange, markers, notice, place, source_cards, youtube_link
from ui.templating import escape, name_of, template


def citation(number: int = 1, **changes: object) -> Citation:
    values: dict[str, object] = {
        "number": number, "document_id": 7, "source": "/a/b.txt", "title": "b.txt", "page": None, "start_s": None,
        "quote": "so it was", "start": 3, "end": 12, "score": 1.0,
    }  # fmt: skip
    return Citation(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", [HOSTILE, "</div></article><b>", "a & b &amp; c", "`<b>` **<i>x</i>**", "- <u>\n- b"])
def test_whatever_a_document_says_stays_text(text: str) -> None:
    quoted = citation(quote=text, title=text, source=text)
    answer = Answer((AnswerPart(f"{text} ", (1,)),), True, (quoted,), "x")
    html = exchange(text, answer, 0, searched=text) + notice(text, text)
    assert_harmless(html)
    assert_harmless(source_cards([quoted], 0) + template("parts.action")("a", text, label=text, css=text, x=text))
    assert_harmless(name_of(text))


def test_escaped_text_reads_the_same() -> None:
    from lxml import html as parser

    shown = parser.fragment_fromstring(f"<p>{escape(HOSTILE)}</p>").text_content()
    assert shown == HOSTILE


def test_what_cannot_be_sent_is_replaced() -> None:
    undecodable = b"caf\xe9.txt".decode("utf-8", "surrogateescape")
    assert json.dumps(name_of(undecodable), ensure_ascii=False).encode("utf-8")
    assert escape("a\x00b\x1bc") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"


def test_a_name_cannot_be_reordered_into_another() -> None:
    assert "\u202e" not in name_of("invoice\u202efdp.exe")
    assert name_of("two\nlines") == "<bdi>two lines</bdi>"
    assert name_of(" \n") == "<bdi>Untitled</bdi>"


def test_each_marker_finds_its_citation() -> None:
    found = [citation(1), citation(2), citation(2, start=50)]
    assert markers(parts_of("a [2] b [1] c [2] d [2] e [9]"), found) == [1, 0, 2, 2, None]


def test_a_marker_becomes_a_chip_only_with_a_citation() -> None:
    html = answer_text(parts_of("True [1]. Unknown [8]."), [citation(1, title="Log", page=4)], turn=3)
    assert 'data-act="cite" data-turn="3" data-index="0"' in html
    assert 'aria-label="Source 1: Log, page 4"' in html
    assert "Unknown [8]." in html
    assert html.count("<button") == 1


def test_paragraphs_lists_and_emphasis() -> None:
    html = answer_text(parts_of("One **bold**\nline.\n\n- first [1]\n- `second`\n\n1. a\n2. b"), [citation(1)])
    assert html.startswith("<p>One <strong>bold</strong><br>line.</p><ul><li>first ")
    assert "<li><code>second</code></li></ul><ol><li>a</li><li>b</li></ol>" in html


def test_an_answer_stopped_at_once_says_so() -> None:
    assert "Stopped before an answer" in exchange("q", Answer((), False, (), "x"), 0)


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (65.9, "1:05"), (3725, "1:02:05"), (-3, "0:00")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_place_prefers_the_time() -> None:
    assert place(3, 65) == "at 1:05"
    assert place(3, None) == "page 3"
    assert place(6, None, "iv") == "page iv (sheet 6)"
    assert place(None, None) == ""


@pytest.mark.parametrize(
    ("source", "second", "link"),
    [
        ("https://www.youtube.com/watch?v=dQw4w9WgXcQ", 65.5, "https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=65s"),
        ("https://youtu.be/dQw4w9WgXcQ?si=x", None, "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
        ("https://www.youtube.com/shorts/dQw4w9WgXcQ", 0.0, "https://www.youtube.com/watch?v=dQw4w9WgXcQ"),
        ("https://youtube.com.example.org/watch?v=dQw4w9WgXcQ", 1.0, None),
        ("https://www.youtube.com@example.org/watch?v=dQw4w9WgXcQ", 1.0, None),
        ("javascript://youtube.com/%0aalert(1)?v=dQw4w9WgXcQ", 1.0, None),
        ("https://www.youtube.com/watch?v=%22%3E%3Cscript%3E", 1.0, None),
        ("https://www.youtube.com/shorts/", 1.0, None),
        ("https://[bad/watch?v=dQw4w9WgXcQ", 1.0, None),
        ("/home/a/watch.txt", 1.0, None),
    ],
)
def test_only_a_youtube_video_gets_a_link(source: str, second: float | None, link: str | None) -> None:
    assert youtube_link(source, second) == link


def test_the_words_that_were_read_are_set_off_in_the_card() -> None:
    quote = "It was <b> " + "long ago, " * 30 + "in 1868 & later, that the light was first shown."
    start = 3 + quote.index("1868")
    html = source_cards([citation(quote=quote, end=3 + len(quote))], 0, Span(7, start, start + 4, "1868"))
    assert "<strong>1868</strong> &amp; later" in html
    assert len(html) < 600
    assert "<strong>" not in source_cards([citation(quote=quote, end=3 + len(quote))], 0, Span(8, start, start + 4, ""))
    hostile = citation(quote=HOSTILE, end=3 + len(HOSTILE))
    assert_harmless(source_cards([hostile], 0, Span(7, 3, 20, "")))
    assert_harmless(source_cards([hostile], 0, Span(7, 3, 3 + len(HOSTILE), "")))


def test_a_sentence_without_support_says_so_when_pointed_at() -> None:
    html = answer_text([AnswerPart("The moon is cheese.", supported=False)])
    assert "[?]" not in html
    assert 'title="No passage that was found says this."' in html
    assert_harmless(html)


def test_a_stopped_answer_says_so_outside_of_what_is_copied() -> None:
    html = exchange("Why?", Answer((AnswerPart("Because it"),), False, (), "x"), 0, stopped=True)
    assert "Stopped here." in html.split("</div>", 2)[2]
    assert "Stopped here." not in exchange("Why?", Answer((AnswerPart("Because it"),), False, (), "x"), 0)
