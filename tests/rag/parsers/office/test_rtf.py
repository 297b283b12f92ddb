"""RTF as a word processor shows it: numbers, notes, headers, hidden text, encodings."""

from pathlib import Path

from rag.parsers.rtf import parser as rtf
from rag.types import ParsedDocument

_HEAD = (
    rb"{\rtf1\ansi\ansicpg1250\deff0{\fonttbl{\f0\fcharset238 Arial;}{\f1\fcharset204 Times;}{\f2\fcharset128 Mincho;}"
    rb"{\f3\fcharset2 Symbol;}}{\colortbl;\red255\green255\blue255;}"
    rb"{\stylesheet{\s0 Normal;}{\s1\outlinelevel0 heading 1;}{\*\cs9\v Secret;}}"
)


def read(tmp_path: Path, body: bytes) -> ParsedDocument:
    (tmp_path / "a.rtf").write_bytes(_HEAD + body + b"}")
    return rtf.parse(tmp_path / "a.rtf")


def kinds(document: ParsedDocument) -> list[tuple[str, str]]:
    return [(block.kind, document.text[block.start : block.end]) for block in document.blocks]


def test_headings_and_lists_carry_their_numbers(tmp_path: Path) -> None:
    body = (
        rb"\pard\s1{\listtext 1.2\tab}Quays\par\pard\plain{\listtext (iv)\tab}\ilvl1 ropes\par"
        rb"\pard{\pntext\f3\'b7\tab}buoys\par"
    )
    document = read(tmp_path, body)
    assert kinds(document) == [("heading", "1.2 Quays"), ("list", "(iv) ropes"), ("list", "• buoys")]
    assert [block.level for block in document.blocks] == [1, 1, 0]


def test_deleted_hidden_and_white_text_is_left_out_and_said(tmp_path: Path) -> None:
    body = rb"\pard Seen {\v no }{\deleted no }{\cs9 no }{\cf1 no }{\cf1\highlight2 on black}\par"
    document = read(tmp_path, body)
    assert document.text == "Seen on black"
    assert document.warnings == ("Hidden text was left out.",)


def test_notes_headers_comments_and_boxes_are_what_they_are(tmp_path: Path) -> None:
    body = (
        rb"{\header\pard Harbour office\par}{\footer\pard Page of the log\par}"
        rb"\pard One{\super\chftn{\footnote\pard{\super\chftn} Note one.\par}} two"
        rb"{\super\chftn{\footnote\ftnalt\pard{\super\chftn} Note two.\par}}{\footnote\pard Unmarked.\par}\aftnnrlc"
        rb"{\super\chftn{\footnote\ftnalt\pard{\super\chftn} Note three.\par}}"
        rb"{\*\atnid A}{\*\atnauthor Ida}\chatn{\*\annotation\pard Check.\par}.\par"
        rb"\pard Anchor{\shp{\*\shpinst{\shptxt\pard In a box\par}}{\shprslt old}}\par"
    )
    assert kinds(read(tmp_path, body)) == [
        ("margin", "Harbour office"),
        ("paragraph", "One[1] two[1][ii]."),
        ("note", "Comment by Ida: Check."),
        ("paragraph", "Anchor"),
        ("paragraph", "In a box"),
        ("note", "[1] Note one."),
        ("note", "[1] Note two."),
        ("note", "Unmarked."),
        ("note", "[ii] Note three."),
        ("margin", "Page of the log"),
    ]


def test_bytes_are_decoded_by_the_character_set_of_their_font(tmp_path: Path) -> None:
    body = (
        rb"{\info{\title P\'f8\'edstav}{\author \u268?apek}}\pard\f0 \'9e\f1 \'ca\f2 \'93\'fa\'96\'7b "
        rb"\u-10179?\u-8704?{\uc2\u945 \'61\'61}\f3 a\par"
    )
    document = read(tmp_path, body)
    assert document.text == "žК日本 😀αα"
    assert document.title == "Přístav"
    assert document.metadata["author"] == "Čapek"


def test_fields_show_results_and_contents_are_marked(tmp_path: Path) -> None:
    body = (
        rb"\pard{\field{\*\fldinst TOC \\o}{\fldrslt Quays 2\par Tides 3\par}}"
        rb"\pard See {\field{\*\fldinst REF a}{\fldrslt section 4}} "
        rb"{\field{\*\fldinst FORMDROPDOWN{\*\formfield{\fftype2\ffres1{\*\ffl red}{\*\ffl blue}}}}{\fldrslt}}\par"
    )
    assert kinds(read(tmp_path, body)) == [
        ("contents", "Quays 2"),
        ("contents", "Tides 3"),
        ("paragraph", "See section 4 blue"),
    ]


def test_equations_and_readings_show_what_their_codes_say(tmp_path: Path) -> None:
    reading = rb'EQ \\* jc2 \\* "Font:X" \\* hps10 \\o\\ad(\\s\\up 9(kama),kiln)'
    fields = (rb"EQ \\f(1,2)}{\fldrslt ", rb'SYMBOL 252 \\f "Wingdings"}{\fldrslt yes', reading + rb"}{\fldrslt ")
    body = rb"\pard Half: " + b", ".join(rb"{\field{\*\fldinst " + one + b"}}" for one in fields) + rb".\par"
    assert kinds(read(tmp_path, body)) == [("paragraph", "Half: 1/2, yes, kiln.")]


def test_raised_digits_stay_apart_and_pictures_are_counted(tmp_path: Path) -> None:
    body = (
        rb"\pard 10{\super 6} m; 320{\super 1} kr; 5 m{\super 2}{\pict\bin4 }}}}}{\object{\*\objdata 00}{\result}}\par"
    )
    document = read(tmp_path, body)
    assert document.text == "10^6 m; 320 ¹ kr; 5 m²"
    assert document.warnings == ("1 picture and 1 embedded object were not read.",)


def test_formulas_are_one_readable_line(tmp_path: Path) -> None:
    body = (
        rb"\pard So {\mmath{\*\moMath{\mf{\mfPr{\mctrlPr\f0}}{\mnum{\mr\mscr0 a+b}}{\mden{\mr 2}}}{\mr =}"
        rb"{\msSup{\me{\mr x}}{\msup{\mr 2}}}{\mnary{\mnaryPr{\mchr \u8721?}}{\msub{\mr i}}{\msup{\mr n}}{\me{\mr i}}}}"
        rb"{\mmathPict{\pict 00}}} holds.\par"
    )
    assert read(tmp_path, body).text == "So (a+b)/2=x^2∑_i^n i holds."


def test_tables_end_where_text_goes_on(tmp_path: Path) -> None:
    body = (
        rb"\trowd\pard\intbl Port\cell Day\cell\row\trowd\pard\intbl Oslo\par Bergen\cell 3\cell\row\pard After\par"
        rb"\trowd\pard\intbl x\cell y\cell\row"
    )
    assert kinds(read(tmp_path, body)) == [
        ("table", "Port | Day\nOslo Bergen | 3"),
        ("paragraph", "After"),
        ("table", "x | y"),
    ]
