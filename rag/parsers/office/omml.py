"""Reads Office Math (OMML, ECMA-376 part 1, 22.1) as one readable line: ``4.2×10^5``, ``(a+b)/2``, ``√x``."""

from collections.abc import Callable

from rag.parsers import formula
from rag.parsers.zip_xml import Element

M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MAX_DEPTH = 60
_PROPERTIES = frozenset({f"{M}rPr", f"{M}ctrlPr", f"{M}argPr", f"{W}rPr", f"{W}del", f"{W}moveFrom"})


def math_text(element: Element, depth: int = 0) -> str:
    """Returns the formula in ``m:oMath`` or ``m:oMathPara``, or in any part of one."""
    if depth > _MAX_DEPTH:
        return ""
    parts: list[str] = []
    for child in element:
        tag = child.tag
        if not isinstance(tag, str) or tag in _PROPERTIES or tag.endswith("Pr"):
            continue
        if tag in (f"{M}t", f"{W}t"):
            parts.append(child.text or "")
        elif tag in _READERS:
            parts.append(_READERS[tag](child, depth + 1))
        elif tag == f"{W}br":
            parts.append("\n")
        else:
            parts.append(math_text(child, depth + 1))
            if tag == f"{M}oMath" and child.getnext() is not None:
                parts.append("\n")
    return "".join(parts)


def _argument(element: Element, name: str, depth: int) -> str:
    found = element.find(f"{M}{name}")
    return math_text(found, depth) if found is not None else ""


def _property(element: Element, kind: str, name: str, missing: str) -> str:
    found = element.find(f"{M}{kind}/{M}{name}")
    return str(found.get(f"{M}val", missing)) if found is not None else missing


def _on(element: Element, kind: str, name: str) -> bool:
    found = element.find(f"{M}{kind}/{M}{name}")
    return found is not None and found.get(f"{M}val", "1") not in ("0", "off", "false")


def _fraction(element: Element, depth: int) -> str:
    above, below = _argument(element, "num", depth), _argument(element, "den", depth)
    kind = _property(element, "fPr", "type", "")
    if kind == "noBar":
        return formula.binomial(above, below)
    return formula.fraction(above, below)


def _scripted(element: Element, depth: int) -> str:
    return formula.scripts(
        _argument(element, "e", depth), _argument(element, "sub", depth), _argument(element, "sup", depth)
    )


def _before(element: Element, depth: int) -> str:
    lead = formula.scripts("", _argument(element, "sub", depth), _argument(element, "sup", depth))
    return lead + _argument(element, "e", depth)


def _root(element: Element, depth: int) -> str:
    degree = "" if _on(element, "radPr", "degHide") else _argument(element, "deg", depth)
    return formula.root(_argument(element, "e", depth), degree)


def _large(element: Element, depth: int) -> str:
    below = "" if _on(element, "naryPr", "subHide") else _argument(element, "sub", depth)
    above = "" if _on(element, "naryPr", "supHide") else _argument(element, "sup", depth)
    return formula.large(_property(element, "naryPr", "chr", "∫"), below, above, _argument(element, "e", depth))


def _delimited(element: Element, depth: int) -> str:
    inner = [math_text(part, depth) for part in element.findall(f"{M}e")]
    opening, closing = _property(element, "dPr", "begChr", "("), _property(element, "dPr", "endChr", ")")
    if len(inner) == 1 and inner[0].startswith("binom(") and inner[0].endswith(")"):
        return inner[0]
    return opening + _property(element, "dPr", "sepChr", "|").join(inner) + closing


def _limit_below(element: Element, depth: int) -> str:
    return formula.scripts(_argument(element, "e", depth), _argument(element, "lim", depth))


def _limit_above(element: Element, depth: int) -> str:
    return formula.scripts(_argument(element, "e", depth), "", _argument(element, "lim", depth))


def _accented(element: Element, depth: int) -> str:
    inner, accent = _argument(element, "e", depth), _property(element, "accPr", "chr", "\u0302")
    return inner + accent if len(inner.strip()) == 1 else formula.grouped(inner) + accent


def _barred(element: Element, depth: int) -> str:
    inner = _argument(element, "e", depth)
    below = _property(element, "barPr", "pos", "bot") == "bot"
    return inner + ("\u0332" if below else "\u0305") if len(inner.strip()) == 1 else inner


def _matrix(element: Element, depth: int) -> str:
    rows = element.findall(f"{M}mr")
    return formula.matrix([[math_text(cell, depth) for cell in row.findall(f"{M}e")] for row in rows])


def _lines(element: Element, depth: int) -> str:
    return "; ".join(math_text(line, depth).replace("&", "") for line in element.findall(f"{M}e"))


def _function(element: Element, depth: int) -> str:
    return formula.applied(_argument(element, "fName", depth), _argument(element, "e", depth))


def _phantom(element: Element, depth: int) -> str:
    shown = element.find(f"{M}phantPr/{M}show")
    hidden = shown is not None and shown.get(f"{M}val", "1") in ("0", "off", "false")
    return "" if hidden else _argument(element, "e", depth)


def _inner(element: Element, depth: int) -> str:
    return _argument(element, "e", depth)


_READERS: dict[str, Callable[[Element, int], str]] = {
    f"{M}f": _fraction,
    f"{M}sSup": _scripted,
    f"{M}sSub": _scripted,
    f"{M}sSubSup": _scripted,
    f"{M}sPre": _before,
    f"{M}rad": _root,
    f"{M}nary": _large,
    f"{M}d": _delimited,
    f"{M}limLow": _limit_below,
    f"{M}limUpp": _limit_above,
    f"{M}acc": _accented,
    f"{M}bar": _barred,
    f"{M}m": _matrix,
    f"{M}eqArr": _lines,
    f"{M}func": _function,
    f"{M}phant": _phantom,
    f"{M}groupChr": _inner,
    f"{M}box": _inner,
    f"{M}borderBox": _inner,
}
