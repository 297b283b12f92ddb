"""Writes small PDFs for tests: text at given places, no library involved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

WIDTH, HEIGHT = 612, 792


@dataclass(frozen=True)
class Line:
    """``text`` with its baseline at (x, y) points from the top left; ``quarter`` turns counter-clockwise."""

    x: float
    y: float
    text: str
    size: float = 10
    bold: bool = False
    quarter: int = 0


def paragraph(x: float, y: float, lines: Sequence[str], size: float = 10, pitch: float = 12) -> list[Line]:
    return [Line(x, y + pitch * index, line, size) for index, line in enumerate(lines)]


def write_pdf(path: Path, pages: Sequence[Sequence[Line]], *, rotate: int = 0, title: str = "") -> Path:
    """One page for each list of lines; ``rotate`` is the page's /Rotate entry."""
    objects: dict[int, bytes] = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        3: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        4: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
        5: b"<< /Title (" + title.encode("cp1252") + b") >>",
    }
    kids: list[int] = []
    for index, lines in enumerate(pages):
        content = b"\n".join(_show(line) for line in lines)
        number = 6 + 2 * index
        kids.append(number)
        objects[number] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Rotate {rotate} "
            f"/Contents {number + 1} 0 R /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>"
        ).encode()
        objects[number + 1] = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content)
    references = " ".join(f"{kid} 0 R" for kid in kids)
    objects[2] = f"<< /Type /Pages /Count {len(kids)} /Kids [{references}] >>".encode()
    path.write_bytes(_file(objects))
    return path


def write_raw(
    path: Path,
    contents: Sequence[str],
    *,
    catalog: str = "",
    page: str = "",
    alphabet: str = "",
    objects: Mapping[int, str] | None = None,
) -> Path:
    """One page for each content stream. ``catalog`` and ``page`` are entries beside the necessary ones; further
    ``objects`` have numbers from 100. The fonts are F1 (Helvetica), F2 (bold) and F3, which shows the characters of
    ``alphabet`` for the codes from 33.
    """
    codes = "\n".join(f"<{33 + n:02x}> <{c.encode('utf-16-be').hex()}>" for n, c in enumerate(alphabet))
    mapping = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /A def /CMapType 2 def\n"
        "1 begincodespacerange <00> <ff> endcodespacerange\n"
        f"{len(alphabet)} beginbfchar\n{codes}\nendbfchar endcmap end end"
    )
    kids = range(10, 10 + 2 * len(contents), 2)
    plain = "/Type /Font /Subtype /Type1 /Encoding /WinAnsiEncoding"
    parts: dict[int, str] = {
        1: f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
        2: f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(f'{kid} 0 R' for kid in kids)}] >>",
        3: f"<< {plain} /BaseFont /Helvetica >>",
        4: f"<< {plain} /BaseFont /Helvetica-Bold >>",
        5: "<< >>",
        6: f"<< {plain} /BaseFont /Helvetica /ToUnicode 7 0 R >>",
        7: f"<< /Length {len(mapping)} >>\nstream\n{mapping}\nendstream",
        **(objects or {}),
    }
    for kid, content in zip(kids, contents, strict=True):
        parts[kid] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}] /Contents {kid + 1} 0 R "
            f"/Resources << /Font << /F1 3 0 R /F2 4 0 R /F3 6 0 R >> >> {page} >>"
        )
        parts[kid + 1] = f"<< /Length {len(content.encode('cp1252'))} >>\nstream\n{content}\nendstream"
    path.write_bytes(_file({number: part.encode("cp1252") for number, part in parts.items()}))
    return path


def coded(text: str, alphabet: str) -> str:
    """``text`` in the codes of font F3, as a hexadecimal string."""
    return "<" + "".join(f"{33 + alphabet.index(character):02x}" for character in text) + ">"


def _show(line: Line) -> bytes:
    cosine, sine = ((1, 0), (0, 1), (-1, 0), (0, -1))[line.quarter]
    text = line.text.encode("cp1252").replace(b"\\", rb"\\").replace(b"(", rb"\(").replace(b")", rb"\)")
    font = "F2" if line.bold else "F1"
    matrix = f"{cosine} {sine} {-sine} {cosine} {line.x} {HEIGHT - line.y}"
    return f"BT /{font} {line.size} Tf {matrix} Tm (".encode() + text + b") Tj ET"


def _file(objects: dict[int, bytes]) -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    offsets: dict[int, int] = {}
    for number in sorted(objects):
        offsets[number] = len(out)
        out += b"%d 0 obj\n%s\nendobj\n" % (number, objects[number])
    start = len(out)
    count = max(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n" % count
    for number in range(1, count):
        out += b"%010d 00000 n \n" % offsets[number] if number in offsets else b"0000000000 00000 f \n"
    out += b"trailer << /Size %d /Root 1 0 R /Info 5 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, start)
    return bytes(out)
