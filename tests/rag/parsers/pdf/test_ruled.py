"""Tables of PDFs that are drawn with lines or stripes."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from rag.parsers.pdf import parser as pdf
from rag.types import Block, ParsedDocument
from tests.rag.parsers.pdf.pdf_writer import write_raw
from tests.rag.parsers.table_writer import Borders, bar, horizontal, ruled, text_at, tops, vertical, written

PRICES = [
    ["Part", "Used for", "Price", "In stock"],
    ["Lamp glass", "Main lantern and\nboth side lights", "48.00", ""],
    ["Wick", "", "3.20", "since May"],
    ["Fog bell", "Pier heads of the\nouter harbour, not\nthe inner one", "", "two of them,\nboth cracked"],
]
PRICES_READ = (
    "Part | Used for | Price | In stock\n"
    "Lamp glass | Main lantern and both side lights | 48.00\n"
    "Wick |  | 3.20 | since May\n"
    "Fog bell | Pier heads of the outer harbour, not the inner one |  | two of them, both cracked"
)
XS = (60, 140, 260, 320, 420)


def parsed(path: Path, *pages: Sequence[str]) -> ParsedDocument:
    return pdf.parse(write_raw(path / "a.pdf", ["\n".join(page) for page in pages]))


def tables(document: ParsedDocument) -> list[Block]:
    return [block for block in document.blocks if block.table is not None]


def texts(document: ParsedDocument) -> list[str]:
    return [document.text[block.start : block.end] for block in tables(document)]


def columns(document: ParsedDocument) -> list[tuple[str, ...]]:
    return [block.table.columns for block in tables(document) if block.table is not None]


@pytest.mark.parametrize("borders", ["lines", "boxes", "bars"])
def test_wrapped_and_empty_cells_within_borders(tmp_path: Path, borders: Borders) -> None:
    document = parsed(tmp_path, ruled(XS, PRICES, 100, borders=borders))
    assert texts(document) == [PRICES_READ]
    assert columns(document) == [("Part", "Used for", "Price", "In stock")]


def test_text_around_a_table_stays_in_order(tmp_path: Path) -> None:
    page = [
        text_at(60, 80, "Prices hold until spring."),
        *ruled(XS, PRICES, 100),
        text_at(60, 300, "Ask the keeper."),
    ]
    document = parsed(tmp_path, page)
    assert document.text == f"Prices hold until spring.\n\n{PRICES_READ}\n\nAsk the keeper."


def test_cells_closer_than_words(tmp_path: Path) -> None:
    cells = [["Mon", "Tue", "Wed"], ["6:05", "6:15", "6:25"], ["7:05", "", "7:25"], ["8:05", "8:15", ""]]
    document = parsed(tmp_path, ruled((60, 84, 108, 132), cells, 100))
    assert texts(document) == ["Mon | Tue | Wed\n6:05 | 6:15 | 6:25\n7:05 |  | 7:25\n8:05 | 8:15"]


def test_a_missing_line_makes_two_places_one_cell(tmp_path: Path) -> None:
    cells = [
        ["Ferry", "Summer", None, "Winter", None],
        ["", "First", "Last", "First", "Last"],
        ["Petrel", "6:05", "21:40", "7:10", "18:20"],
        ["Tern", "no service", None, "8:00", "16:30"],
    ]
    document = parsed(tmp_path, ruled((60, 140, 200, 260, 320, 380), cells, 100))
    assert columns(document) == [("Ferry", "Summer, First", "Summer, Last", "Winter, First", "Winter, Last")]
    assert texts(document)[0].splitlines()[-1] == "Tern | no service | no service | 8:00 | 16:30"


def test_a_cell_beside_several_rows(tmp_path: Path) -> None:
    cells = [["Harbour", "Depth", "Berths"], ["North", "4.5 m", "12"], ["", "3.0 m", "40"], ["South", "6.0 m", "8"]]
    xs, edges = (60, 140, 220, 300), tops(cells, 100)
    lines = [horizontal(60, 300, y) for n, y in enumerate(edges) if n != 2] + [horizontal(140, 300, edges[2])]
    page = [*lines, *(vertical(x, edges[0], edges[-1]) for x in xs), *written(xs, cells, 100)]
    assert texts(parsed(tmp_path, page)) == [
        "Harbour | Depth | Berths\nNorth | 4.5 m | 12\nNorth | 3.0 m | 40\nSouth | 6.0 m | 8"
    ]


def test_borders_that_are_open_at_the_sides(tmp_path: Path) -> None:
    xs, edges = XS, tops(PRICES, 100)
    lines = [horizontal(xs[0], xs[-1], y) for y in edges] + [vertical(x, edges[0], edges[-1]) for x in xs[1:-1]]
    assert texts(parsed(tmp_path, [*lines, *written(xs, PRICES, 100)])) == [PRICES_READ]


def test_lines_between_rows_alone(tmp_path: Path) -> None:
    xs, edges = XS, tops(PRICES, 100)
    lines = [horizontal(xs[0], xs[-1], y) for y in edges]
    document = parsed(tmp_path, [*lines, *written(xs, PRICES, 100)])
    assert texts(document) == [PRICES_READ]
    assert columns(document) == [("Part", "Used for", "Price", "In stock")]


def test_stripes_behind_every_other_row(tmp_path: Path) -> None:
    xs, edges = XS, tops(PRICES, 100)
    stripes = [bar(xs[0], edges[at], xs[-1], edges[at + 1], 0.9) for at in range(0, len(PRICES), 2)]
    stripes.append(bar(xs[0], edges[4], xs[-1], edges[4] + 18, 0.9))
    page = [
        *stripes,
        *written(xs, PRICES, 100),
        text_at(63, edges[4] + 12, "Rope"),
        text_at(263, edges[4] + 12, "9.10"),
    ]
    assert texts(parsed(tmp_path, page)) == [PRICES_READ + "\nRope |  | 9.10"]


def test_columns_alone_have_lines(tmp_path: Path) -> None:
    cells = [["Port", "2030", "2031"], ["Oslo", "120", "84"], ["Bergen", "", "75"], ["Vardo", "12", ""]]
    xs, edges = (60, 160, 240, 320), tops(cells, 100)
    lines = [horizontal(60, 320, edges[n]) for n in (0, 1, 4)] + [vertical(x, edges[0], edges[-1]) for x in xs]
    document = parsed(tmp_path, [*lines, *written(xs, cells, 100)])
    assert texts(document) == ["Port | 2030 | 2031\nOslo | 120 | 84\nBergen |  | 75\nVardo | 12"]
    assert columns(document) == [("Port", "2030", "2031")]


def test_a_table_goes_on_on_the_next_page(tmp_path: Path) -> None:
    more = [["Rope", "Moorings", "9.10", "always"], ["Oar", "The small boat", "", "on order"]]
    for number, second in enumerate((more, [PRICES[0], *more])):
        folder = tmp_path / str(number)
        folder.mkdir()
        document = parsed(folder, ruled(XS, PRICES, 600, bold=1), ruled(XS, second, 60, bold=number))
        assert columns(document) == [("Part", "Used for", "Price", "In stock")] * 2
        assert texts(document)[1].splitlines()[-2:] == [
            "Rope | Moorings | 9.10 | always",
            "Oar | The small boat |  | on order",
        ]


def test_a_table_in_one_of_two_columns(tmp_path: Path) -> None:
    left = [f"The keeper wrote line {n} of the log by hand" for n in range(1, 13)]
    cells = [["Boat", "Berth"], ["Petrel", "A5"], ["Tern", ""], ["Skua", "C1"]]
    page = [text_at(60, 100 + 12 * n, line) for n, line in enumerate(left)]
    page += [text_at(330, 100 + 12 * n, line.replace("log", "book")) for n, line in enumerate(left[:6])]
    page += ruled((330, 420, 500), cells, 190)
    document = parsed(tmp_path, page)
    assert texts(document) == ["Boat | Berth\nPetrel | A5\nTern\nSkua | C1"]
    assert document.text.index("line 12 of the log") < document.text.index("line 1 of the book")


def test_rows_of_sentences_have_no_names_above_them(tmp_path: Path) -> None:
    cells = [
        ["Keeper", "looks after the lamp and winds\nthe clock every evening"],
        ["Pilot", "brings ships of more than ten metres\ninto the inner harbour"],
        ["Clerk", "writes down what lands at the quay\nand what is owed for it"],
    ]
    xs, edges = (60, 66, 140, 340), tops(cells, 100)
    page = [horizontal(60, 340, y) for y in edges] + [vertical(x, edges[0], edges[-1]) for x in xs]
    page += written((66, 140, 340), cells, 100)
    document = parsed(tmp_path, page)
    assert columns(document) == [("", "")]
    assert texts(document)[0].startswith("Keeper | looks after the lamp and winds the clock every evening\nPilot | ")


def test_a_frame_and_a_diagram_are_no_tables(tmp_path: Path) -> None:
    frame = [horizontal(50, 550, 90), horizontal(50, 550, 200), vertical(50, 90, 200), vertical(550, 90, 200)]
    prose = [text_at(60, 110 + 14 * n, "Whoever lands at the jetty after dark rings the bell twice.") for n in range(5)]
    axes = [horizontal(100, 400, y) for y in range(300, 500, 40)] + [vertical(x, 300, 460) for x in range(100, 401, 60)]
    labels = [text_at(80, y + 3, str(y)) for y in range(300, 500, 40)]
    document = parsed(tmp_path, [*frame, *prose, *axes, *labels])
    assert tables(document) == []
    assert document.text.count("rings the bell twice") == 5
