"""What a field of Word shows that has no result: the text of a button, a symbol, a simple equation, a reading.

ECMA-376 part 1, section 17.16.5; fields in RTF and in the binary format have the same codes.
"""

import re

from rag.parsers.office.symbol_fonts import symbol_text

_BUTTON = re.compile(r"\s*(?:MACROBUTTON|GOTOBUTTON)\s+\S+\s+(.*)", re.S)
_SYMBOL = re.compile(r'\s*SYMBOL\s+(0x[0-9a-fA-F]+|\d+)(?:.*\\f\s+"?([^"\\]+))?', re.S)
_FRACTION = re.compile(r"\\f\s?\(([^(),;]+)[,;]([^(),;]+)\)", re.I)
_RAISED = re.compile(r"\\s\\up\s?\d*\s?\(([^()]+)\)", re.I)
_OVERLAID = re.compile(r"\\o(?:\\a[dlrc])?\s?\(.*?\\s\\up\s?\d*\s?\(([^()]*)\)\s?[,;]\s?([^()]+)\)", re.I | re.S)
_SWITCH = re.compile(r"\\\*\s*(?:\w+|\"[^\"]*\")|EQ|\\[a-z]+\d*", re.I)


def shown_by_code(code: str) -> str:
    """Returns what a field with this code and no result shows, "" where that is nothing."""
    if button := _BUTTON.match(code):
        return button[1].strip()
    if symbol := _SYMBOL.match(code):
        return symbol_text(int(symbol[1], 0), (symbol[2] or "").strip())
    if code.strip().upper().startswith("EQ"):
        code = _OVERLAID.sub(r"\2", code)
        code = _RAISED.sub(r"^\1", _FRACTION.sub(r"\1/\2", code))
        return _SWITCH.sub("", code).strip()
    return ""
