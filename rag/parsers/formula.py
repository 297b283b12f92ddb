"""Writes the parts of a formula as one readable line, for every markup that holds formulas.

fraction("a+b", "2") -> (a+b)/2     scripts("x", "i", "2") -> x_i^2     root("x", "3") -> ³√x
large("∑", "i=1", "n", "x") -> ∑_(i=1)^n x
"""

import re
from collections.abc import Sequence

_ATOM = re.compile(r"(?:\d+(?:[.,]\d+)*|[^\W\d_]['′]?|[^\W\d_]+|\([^()]*\)|\[[^\[\]]*\]|\|[^|]*\|)")
_SUPERSCRIPT = str.maketrans("0123456789n", "⁰¹²³⁴⁵⁶⁷⁸⁹ⁿ")


def grouped(text: str) -> str:
    """Puts brackets around what is more than a number, a name or a bracketed term."""
    text = text.strip()
    return text if not text or _ATOM.fullmatch(text) else f"({text})"


def fraction(above: str, below: str) -> str:
    return f"{grouped(above)}/{grouped(below)}"


def binomial(above: str, below: str) -> str:
    """``above`` over ``below`` without a bar."""
    return f"binom({above.strip()}, {below.strip()})"


def scripts(base: str, below: str = "", above: str = "") -> str:
    """Writes a base with what stands lowered and raised behind it; a prime stays a prime."""
    out = grouped(base) if len(base.strip()) > 1 and re.search(r"[-+−/ ]", base.strip()) else base.strip()
    if below.strip():
        out += f"_{_script(below)}"
    if above.strip():
        above = above.strip()
        out += above if set(above) <= set("′'″*†∗") else f"^{_script(above)}"
    return out


def root(inside: str, degree: str = "") -> str:
    inside = grouped(inside)
    degree = degree.strip()
    if degree in ("", "2"):
        return f"√{inside}"
    if re.fullmatch(r"\d+|n", degree):
        return f"{degree.translate(_SUPERSCRIPT)}√{inside}"
    return f"root({degree}, {inside})"


def large(sign: str, below: str, above: str, inside: str) -> str:
    """Writes a sum, product or integral with its limits."""
    return f"{scripts(sign, below, above)} {inside.strip()}".strip()


def applied(name: str, inside: str) -> str:
    """Writes a function before its argument."""
    inside = inside.strip()
    return f"{name.strip()}{inside}" if inside.startswith(("(", "[")) else f"{name.strip()} {inside}".strip()


def matrix(rows: Sequence[Sequence[str]]) -> str:
    return "[" + "; ".join(", ".join(cell.strip() for cell in row) for row in rows) + "]"


def _script(text: str) -> str:
    text = text.strip()
    return text if re.fullmatch(r"[-−+]\d+", text) else grouped(text)
