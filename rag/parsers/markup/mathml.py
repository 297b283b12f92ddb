"""Writes formulas of MathML (presentation markup) as one readable line: v = 1.34 √L, (a + b)/(2c), x^2, ∑_(i=1)^n.

Annotations beside the markup are left out.
"""

from collections.abc import Iterator

from lxml import etree

from rag.parsers import formula

_TOKENS = frozenset(("mi", "mn", "mtext", "ms", "mo"))
_NOT_SHOWN = frozenset(("annotation", "annotation-xml", "mphantom", "maligngroup", "malignmark", "none", "mprescripts"))
_SPACED = frozenset("=<>≤≥≠≈≡∼≃≅∝→←↔⇒⇔∈∉⊂⊆∪∩±∓×·÷+−-*∧∨:")
_LARGE = frozenset("∑∏∐∫∬∭∮⋃⋂⋁⋀")
_INVISIBLE = str.maketrans("", "", "\u2061\u2062\u2063\u2064\u200b")
_MAX_DEPTH = 60


def linear_math(math: etree._Element) -> str:
    """Returns a ``math`` element as a line of text, "" where it shows nothing."""
    shown = " ".join(_written(math, 0).split())
    return shown or (math.get("alttext") or "").strip()


def formulas(root: etree._Element) -> Iterator[etree._Element]:
    """Yields the ``math`` elements of a page, with or without a prefix."""
    return (element for element in list(root.iter()) if _name(element) == "math")


def _written(element: etree._Element, depth: int) -> str:
    name = _name(element)
    if name in _NOT_SHOWN or depth > _MAX_DEPTH:
        return ""
    if name in _TOKENS:
        return _token(element, name)
    parts = [_written(child, depth + 1) for child in element if _name(child) not in ("", *_NOT_SHOWN)]
    match name:
        case "mspace":
            return " "
        case "mfrac" if len(parts) == 2:
            no_bar = (element.get("linethickness") or "").startswith("0")
            return (formula.binomial if no_bar else formula.fraction)(*parts)
        case "msqrt":
            inside = _row(parts)
            several = len([token for token in element.iter() if _name(token) in _TOKENS]) > 1
            return " " + formula.root(f"({inside})" if several and inside.isalnum() else inside)
        case "mroot" if len(parts) == 2:
            return " " + formula.root(*parts)
        case "msup" | "msub" | "msubsup" | "munder" | "mover" | "munderover":
            return _scripts(name, parts)
        case "mfenced":
            inside = ((element.get("separators") or ",").strip()[:1] + " ").join(parts)
            return f"{element.get('open', '(')}{inside}{element.get('close', ')')}"
        case "mtable":
            cells = [[_written(cell, depth + 2) for cell in row] for row in element]
            return formula.matrix(cells)
        case "semantics" | "maction":
            return parts[0] if parts else ""
    return _row(parts)


def _token(element: etree._Element, name: str) -> str:
    text = " ".join("".join(map(str, element.itertext())).translate(_INVISIBLE).split())
    is_word = name == "mtext" or (name == "mi" and len(text) > 1)
    return f" {text} " if is_word or (name == "mo" and text in _SPACED) else text


def _row(parts: list[str]) -> str:
    return " ".join("".join(parts).split())


def _scripts(name: str, parts: list[str]) -> str:
    base, *scripts = (part.strip() for part in (*parts, "", ""))
    if name in ("munder", "mover") and len(scripts[0]) == 1 and not scripts[0].isalnum() and base not in _LARGE:
        return base  # an accent, a bar or a brace
    above = scripts[0] if name in ("msup", "mover") else scripts[1]
    below = "" if name in ("msup", "mover") else scripts[0]
    written = formula.scripts(base, below, above)
    return f"{written} " if base in _LARGE else written


def _name(element: etree._Element) -> str:
    tag = element.tag
    return str(tag).rpartition("}")[2].rpartition(":")[2].lower() if isinstance(tag, str) else ""
