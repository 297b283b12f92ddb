"""Makes files in which a piece of a format stands very often: opened and never closed, opened and closed, in turn with
another one. What is quadratic in a reader shows there."""

import io
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tests.attack.mutants import originals

_PIECES = {
    "md": r"[ ![ ]( ) * ** _ ` ``` ~~ | > # - + 1. <a <!-- --> & \ ![]( [a]: $ $$ === --- :: {{ }} ^ <p> </p> <b>",
    "html": r'<b> </b> <div> </div> <table> <tr> <td> <td\ rowspan=9> <li> <ul> <p <p\ a="b" &amp; &#9; &# <!-- --> '
    r"<style> .a{} <script> <svg> <math> <mi> <select> <option> <pre> <br> <a\ href=x> <h1> <![CDATA[ <?x ]]> \"",
    "xml": r"<a> </a> <a/> <a\ b='c'> &amp; <!-- --> <![CDATA[ ]]> <?x\ y?> <a:b\ xmlns:a='u'> &#9; <a",
    "csv": r'" "" , ; | a, "a", ,, \n "\n \t',
    "json": r'[ ] { } "a":1, {"a": 1e9, "\u0041 [[],',
    "jsonl": r'{"a":1}\n {"a":[ \n [\n',
    "eml": r"=?utf-8?q?a?= =?utf-8?b?YQ==?= a@b, <a@b> ( ) \" To:\ a\n \n\ x "
    r"Content-Type:\ multipart/mixed;boundary=a\n --a\n --a-- =3D =\n ;a*0=b",
    "mbox": r"From\ a@b\ Thu\ Jan\ 1\ 00:00:00\ 2020\n Subject:\ a\n\n >From\  \n",
    "rtf": r"{ } {\\b \\par \\'e4 \\u8364? {\\*\\a {\\field{\\*\\fldinst \\trowd\\cellx9 \\cell \\row \\bin9 {\\pict "
    r"\\li1 {\\fonttbl {\\stylesheet {\\listtext \\upr",
    "ics": r"BEGIN:VEVENT\n END:VEVENT\n SUMMARY:a\n \n\  RRULE:FREQ=DAILY\n a;b= \\, BEGIN:VALARM\n EXDATE:20260101\n",
    "vcf": r"BEGIN:VCARD\n END:VCARD\n FN:a\n TEL;TYPE=a:1\n =\n PHOTO;ENCODING=b:QUFB\n item1.TEL:1\n N:;;;;\n",
    "srt": r"1\n 00:00:01,000\ -->\ 00:00:02,000\n a\n \n <i> </i> {\\an8} --> <c.a>",
    "vtt": r"WEBVTT\n 00:01.000\ -->\ 00:02.000\n NOTE\n <v\ a> <00:00:01.000> STYLE\n a\n \n",
    "ass": r"[Events]\n Dialogue:\ 0,0:00:01.00,0:00:02.00,,,,,,,a\n {\\b1} Format:\ a,b\n \\N ,",
    "ttml": r"<tt\ xmlns='http://www.w3.org/ns/ttml'> <p\ begin='1s'\ end='2s'> </p> <span> <br/> <div> <body>",
    "py": r"( ) [ \"\"\" ' # def\ a():\n class\ A:\n \n\  \\ f'{ lambda: a. @a\n if\ a:\n\ ",
    "sql": r"( ) ' '' -- /* */ INSERT\ INTO\ a\ VALUES\ (1); , ; $$ \n",
    "tex": r"\\begin{a} \\end{a} { } $ \\section{a} % \\item & \\\\ \\[ \\verb|a| \\footnote{",
    "rst": r"==== \n----\n .. \ \ \  | +---+ ` `` :: * :a: .. _a: \n [a]_",
    "adoc": r"= == |=== | [a] ---- ** * _ + << >> :a: \n :: a:b[",
    "org": r"* ** | #+BEGIN_SRC\n #+END_SRC\n [[ ]] \n - : <2026-01-01> | -+- / *a* TODO\ ",
    "ipynb": r'{"cells":[ {"cell_type":"code","source":[], "a", ] } {"outputs":[',
    "svg": r"<svg\ xmlns='http://www.w3.org/2000/svg'> <g> </g> <text> <tspan> <style>a{} <use\ href='#a'/> <title>",
    "txt": r"( . \n ... \t - _ = | a ä \  \u0301 1. * \n\n • a\n----\n",
}
_LONG_TEXT = ("a", "ä", "a ", "a.", "1", "-", "A. ", "漢", "\u0301", "\u200b", "\u202e", "🙂", "ﷺ", "\x0b", "\xad")
_INSIDE = ("document.xml", "content.xml", "sheet1.xml", "slide1.xml", "styles.xml", "sharedStrings.xml")


def pieces_of(suffix: str) -> list[str]:
    """The pieces of a format."""
    found = _PIECES[suffix].replace(r"\ ", "\x00").split()
    return [
        piece.replace("\x00", " ").replace(r"\n", "\n").replace(r"\t", "\t").replace("\\\\", "\\") for piece in found
    ]


def repeated(folder: Path, count: int, seed: int, size: int) -> Iterator[Path]:
    """Writes and yields ``count`` files of about ``size`` bytes."""
    chance = random.Random(seed)
    archives = {name: data for name, data in originals().items() if data.startswith(b"PK\x03\x04")}
    for number in range(count):
        suffix = chance.choice([*_PIECES, *archives])
        if suffix in archives:
            path = folder / f"{number:05d} {suffix}"
            path.write_bytes(_archive(archives[suffix], chance, size))
        else:
            path = folder / f"{number:05d}.{suffix}"
            text = _head(suffix, chance) + _body(pieces_of(suffix), chance, size)
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
        yield path


def _head(suffix: str, chance: random.Random) -> str:
    """What makes a file one of its format, mostly."""
    if chance.random() < 0.2:
        return ""
    heads = {"rtf": r"{\rtf1 ", "ics": "BEGIN:VCALENDAR\n", "eml": "From: a@b\nSubject: ", "vtt": "WEBVTT\n\n"}
    heads |= {
        "html": "<html><body>",
        "xml": "<x>",
        "json": "[",
        "ass": "[Events]\n",
        "mbox": "From a@b Thu Jan 1 2020\n",
    }
    return heads.get(suffix, "")


def _body(pieces: list[str], chance: random.Random, size: int) -> str:
    one, other = chance.choice(pieces), chance.choice([*pieces, *_LONG_TEXT])
    filled = chance.choice(["", "", "a", " ", "\n", chance.choice(pieces)])
    many = max(1, size // max(1, len((one + filled + other).encode("utf-8", "surrogatepass"))))
    match chance.randrange(5):
        case 0:
            return (one + filled) * (many * 2)
        case 1:
            return one * many + filled + other * many
        case 2:
            return (one + filled + other) * many
        case 3:
            return "".join(chance.choice(pieces) + filled for _ in range(many * 2))
        case _:
            return (one + filled) + other * (many * 2) + one


def _archive(data: bytes, chance: random.Random, size: int) -> bytes:
    """One member of an archive with a stretch of its markup standing very often."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        names = archive.namelist()
        victim = chance.choice(
            [name for name in names if name.endswith(_INSIDE)]
            or [name for name in names if name.endswith((".xml", ".xhtml"))]
            or names
        )
        for name in names:
            content = archive.read(name)
            made.writestr(name, _stretched(content, chance, size) if name == victim else content)
    return out.getvalue()


def _stretched(content: bytes, chance: random.Random, size: int) -> bytes:
    tags = [at for at in range(len(content)) if content[at : at + 1] == b"<"]
    if len(tags) < 3:
        return content * (size // max(1, len(content)))
    first = chance.randrange(len(tags) - 1)
    last = min(len(tags) - 1, first + chance.choice((1, 1, 2, 4, 16, 64)))
    stretch = content[tags[first] : tags[last]]
    many = max(1, size // max(1, len(stretch)))
    opened, closed = _balanced(stretch)
    if opened and chance.random() < 0.5:  # nested
        middle = stretch * 1 + opened * min(many, 5_000) + closed * min(many, 5_000)
        return content[: tags[first]] + middle + content[tags[first] :]
    return content[: tags[first]] + stretch * many + content[tags[first] :]


def _balanced(stretch: bytes) -> tuple[bytes, bytes]:
    """The first tag of a stretch and what closes it; nothing where it is not one that opens."""
    tag = stretch[: stretch.find(b">") + 1]
    name = tag[1:-1].split()[0] if len(tag) > 2 and tag[1:-1].split() else b""
    if not name or name[:1] in b"/?!" or tag.endswith(b"/>"):
        return b"", b""
    return tag, b"</" + name + b">"
