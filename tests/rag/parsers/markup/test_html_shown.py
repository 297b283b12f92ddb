"""What of a web page a person sees: panels, hidden text, numbered lists, readings, formulas, raised characters."""

from pathlib import Path

import pytest

from rag.parsers.markup import html
from rag.types import ParsedDocument


def page(folder: Path, body: str, head: str = "") -> ParsedDocument:
    path = folder / "page.html"
    path.write_text(f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>", encoding="utf-8")
    return html.parse(path)


@pytest.mark.parametrize(
    "panel",
    [
        "<h2><button aria-expanded=false>When?</button></h2><div hidden>{}</div>",
        "<h2>When does it open?</h2><div style='display: none'>{}</div>",
        "<div class='accordion-body' style='display:none'>{}</div>",
        "<div role=tabpanel hidden>{}</div>",
        "<div hidden=until-found>{}</div>",
        "<a role=tab href='#x1'>More</a><p>between</p><div id=x1 style='visibility:hidden'>{}</div>",
        "<details><summary>More</summary>{}</details>",
        "<div aria-hidden=true>{}</div>",
    ],
)
def test_closed_panels_are_content(tmp_path: Path, panel: str) -> None:
    assert "The office opens at nine." in page(tmp_path, panel.format("<p>The office opens at nine.</p>")).text


@pytest.mark.parametrize(
    "hidden",
    [
        "<div style='display:none'>{}</div>",
        "<span class='sr-only'>{}</span>",
        "<p style='font-size:0'>{}</p>",
        "<p style='position:absolute; left:-9999px'>{}</p>",
        "<p style='color:#ffffff'>{}</p>",
        "<font color=white>{}</font>",
        "<span aria-hidden=true>{}</span>",
        "<div class='modal-panel' hidden>{}</div>",
        "<p class=ghost>{}</p>",
        "<p id=phantom>{}</p>",
        "<div class=x><p><span class=gone>{}</span></p></div>",
        "<p class='tip off'>{}</p>",
        "<p class=paper>{}</p>",
    ],
)
def test_what_nobody_sees_is_left_out(tmp_path: Path, hidden: str) -> None:
    head = "<style>/* .b{display:none} */ @media print {.b{display:none}} .ghost, p.other {display: none}"
    head += (
        "#phantom {visibility:hidden} .x .gone {display:none!important} .tip {display:none} .paper{color:#fff}</style>"
    )
    document = page(tmp_path, f"<p class=b>Shown.</p>{hidden.format('The secret code is 7.')}<p>Also.</p>", head)
    assert "secret" not in document.text and "Shown." in document.text and "Also." in document.text


def test_the_more_specific_rule_holds(tmp_path: Path) -> None:
    head = "<style>div.card.open {display:block} .card {display:none} .y > .gone, .x:hover p {display:none}</style>"
    body = "<div class='card open'>Shown.</div><div class=y><p><span class=gone>Seen.</span></p></div>"
    body += "<div class=card>Not.</div>"
    assert page(tmp_path, body, head).text == "Shown.\n\nSeen."


def test_a_part_of_the_page_is_not_hidden_by_a_rule_for_its_place(tmp_path: Path) -> None:
    head = "<style>#side {display:none} .lines br {display:none}</style>"
    body = "<div id=side><h2>Prices</h2><p>A berth costs 40.</p></div><p class=lines>one<br>two</p>"
    assert page(tmp_path, body, head).text == "Prices\n\nA berth costs 40.\n\none\ntwo"


def test_white_by_a_rule_is_seen_where_something_may_lie_behind_it(tmp_path: Path) -> None:
    for head, body in (
        ("<style>.hero {color:white} .dark {background: #123}</style>", ""),
        ("<style>.hero {color:white} main:has(p) {background-image: url(x)}</style>", ""),
        ("<style>.hero {color:white}</style>", "<img src=sea.jpg>"),
        ("<style>.hero {color:white}</style><link rel=stylesheet href=s.css>", ""),
    ):
        assert "The sea." in page(tmp_path, f"{body}<p class=hero>The sea.</p>", head).text


def test_labels_of_tabs_stand_apart_and_footnotes_are_notes(tmp_path: Path) -> None:
    tabs = "<div><button role=tab aria-controls=a>Weld</button><button role=tab aria-controls=b>Woad</button></div>"
    document = page(tmp_path, f"{tabs}<p>Text.</p><aside role=doc-footnote><p>Of old.</p></aside><p>More.</p>")
    assert [(b.kind, document.text[b.start : b.end]) for b in document.blocks] == [
        ("paragraph", "Weld Woad"),
        ("paragraph", "Text."),
        ("note", "Of old."),
        ("paragraph", "More."),
    ]


def test_a_fraction_within_its_element_does_not_join_the_number_before_it(tmp_path: Path) -> None:
    assert page(tmp_path, "<p>3<span class=f><sup>1</sup>&frasl;<sub>4</sub></span> inches</p>").text == "3 1/4 inches"


def test_a_list_in_one_cell_makes_no_layout_of_a_table(tmp_path: Path) -> None:
    rows = "".join(f"<tr><td>{name}<td>{price}</tr>" for name, price in (("Oak", 7), ("Elm", 9), ("Ash", 4)))
    document = page(tmp_path, f"<table><tr><th>Wood<th>Price</tr>{rows}<tr><td>Fir<td><ul><li>3</ul></tr></table>")
    assert document.text == "Wood | Price\nOak | 7\nElm | 9\nAsh | 4\nFir | 3"


def test_a_root_over_several_letters_is_bracketed(tmp_path: Path) -> None:
    math = "<math><mi>v</mi><mo>=</mo><msqrt><mrow><mi>a</mi><mi>r</mi></mrow></msqrt></math>"
    assert page(tmp_path, f"<p>{math} at most, not <math><msqrt><mi>L</mi></msqrt></math></p>").text == (
        "v = √(ar) at most, not √L"
    )


def test_hidden_rows_of_a_table_are_left_out(tmp_path: Path) -> None:
    hidden = "<tr style='display:none'><td>Mon</td><td>9</td></tr>"
    rows = f"<tr><th>Day</th><th>Price</th></tr>{hidden}<tr><td>Tue</td><td>7</td></tr>"
    assert page(tmp_path, f"<table>{rows}</table>").text == "Day | Price\nTue | 7"


def test_white_text_on_a_background_is_seen(tmp_path: Path) -> None:
    assert (
        "Sale" in page(tmp_path, "<div style='background:#000'><p style='color:white'>Sale ends today.</p></div>").text
    )


@pytest.mark.parametrize(
    ("markup", "line"),
    [
        ("<p>The fee is <del>12</del> <ins>15</ins> crowns.</p>", "The fee is 15 crowns."),
        ("<p>Only <s>40</s> 30 crowns <b>today</b></p>", "Only 30 crowns today"),
        ("<ul><li><s>Oil the lamp</s></li></ul>", "- Oil the lamp"),
        ("<table><tr><th>Fee</th></tr><tr><td><strike>12</strike> 15</td></tr></table>", "\n15"),
    ],
)
def test_what_is_struck_out_gives_way_to_what_holds(tmp_path: Path, markup: str, line: str) -> None:
    assert page(tmp_path, markup).text.endswith(line)


def test_numbers_of_lists_are_as_displayed(tmp_path: Path) -> None:
    document = page(
        tmp_path,
        "<ol type=a start=3><li>x<li value=7>y<li>z</ol><ol reversed><li>p<li>q</ol>"
        "<ol style='list-style-type: upper-roman' start=4><li>r</ol><ol style='list-style:none'><li>s</ol>",
    )
    assert document.text.split("\n") == ["c. x", "g. y", "h. z", "2. p", "1. q", "IV. r", "s"]


def test_readings_stand_apart_from_the_characters(tmp_path: Path) -> None:
    document = page(
        tmp_path,
        "<p><ruby>図<rp>(</rp><rt>と</rt><rp>)</rp>書<rp>(</rp><rt>しょ</rt><rp>)</rp></ruby>は"
        "<ruby><rb>休</rb><rt>やす</rt></ruby>み。</p>",
    )
    assert [(block.kind, document.text[block.start : block.end]) for block in document.blocks] == [
        ("paragraph", "図書は休み。"),
        ("note", "図: と; 書: しょ; 休: やす"),
    ]


@pytest.mark.parametrize(
    ("markup", "line"),
    [
        ("10<sup>5</sup> = 100000", "10^5 = 100000"),
        ("25 m<sup>2</sup>", "25 m²"),
        ("330<sup>1</sup> crowns", "330 ¹ crowns"),
        ("word<sup><a href='#f'>2</a></sup> goes", "word ² goes"),
        ("the 1<sup>st</sup> day", "the 1st day"),
        ("H<sub>2</sub>O", "H2O"),
        ("3<sup>1</sup>/<sub>2</sub> metres", "3 1/2 metres"),
        ("so <math><mi>v</mi><mo>=</mo><mn>1.34</mn><msqrt><mi>L</mi></msqrt></math>.", "so v = 1.34 √L ."),
        ("<math><mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mn>2</mn></mfrac></math>", "(a + b)/2"),
        ("<math><msup><mi>x</mi><mn>2</mn></msup></math>", "x^2"),
        (
            "<math><semantics><munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mi>n</mi></munderover>"
            "<annotation encoding='tex'>sum</annotation></semantics></math>",
            "∑_(i = 1)^n",
        ),
        ("<math alttext='E=mc^2'></math>", "E=mc^2"),
        ("Haus\u00admeister\u200bbüro", "Hausmeisterbüro"),
    ],
)
def test_what_stands_within_a_line(tmp_path: Path, markup: str, line: str) -> None:
    assert page(tmp_path, f"<p>{markup}</p>").text == line


def test_what_a_form_was_filled_in_with_stands_beside_its_labels(tmp_path: Path) -> None:
    body = (
        "<form><p><label for=n>Name</label> <input id=n value='Hannah Pell'></p>"
        "<p>Crossing <select><option>none<option selected>daily</select></p>"
        "<p>Remarks <textarea>Brings a dog.</textarea></p>"
        "<p><label><input type=checkbox checked> Cabin</label> <label><input type=checkbox> Bicycle</label></p>"
        "<p><input type=submit value=Send><input type=hidden value=token><input type=password value=secret></p></form>"
    )
    text = page(tmp_path, body).text.split("\n\n")
    assert text == ["Name: Hannah Pell", "Crossing: daily", "Remarks: Brings a dog.", "☒ Cabin ☐ Bicycle"]


def test_a_fraction_takes_no_slash_from_what_follows(tmp_path: Path) -> None:
    body = "<p>5<sup>3</sup>/<sub>4</sub> inch, 1/2 and/or E=mc<sup>2</sup></p>"
    assert page(tmp_path, body).text == "5 3/4 inch, 1/2 and/or E=mc²"
