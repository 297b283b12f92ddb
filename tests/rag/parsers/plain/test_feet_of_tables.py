"""The sums under a table in plain text keep to no columns but that of their number."""

from rag.parsers.plain.text import blocks_of_text
from rag.text.table_spans import TableSpans

BILL = """No   Item             Qty   Price   Amount
1    Pine boards      12    8.40    100.80
2    Wood screws      3     4.25     12.75
3    Carpenter        6 h   52.00   312.00
                            Net     425.55
                            VAT 19% 80.85
                            Total   506.40"""


def table_of(text: str) -> TableSpans:
    (table,) = [block.table for block in blocks_of_text(text) if block.table is not None]
    return table


def cells_of(text: str) -> list[list[str]]:
    return [[text[cell.start : cell.end] for cell in row.cells] for row in table_of(text).rows]


def test_sums_do_not_join_two_columns() -> None:
    assert table_of(BILL).columns == ("No", "Item", "Qty", "Price", "Amount")
    assert cells_of(BILL)[3] == ["3", "Carpenter", "6 h", "52.00", "312.00"]


def test_a_sum_has_its_name_and_the_last_column() -> None:
    rows = table_of(BILL).rows[-3:]
    assert cells_of(BILL)[-3:] == [["Net", "425.55"], ["VAT 19%", "80.85"], ["Total", "506.40"]]
    assert [[cell.column for cell in row.cells] for row in rows] == [[1, 4]] * 3


def test_a_right_column_of_words_is_no_foot() -> None:
    text = "Tool      Where\nSaw       shed\nPlane     shed\n          shelf 3"
    assert cells_of(text)[-1] == ["shelf 3"]
