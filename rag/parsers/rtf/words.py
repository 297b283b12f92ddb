"""Control words of RTF by what they mean to a reader of text (Rich Text Format Specification 1.9.1)."""

from typing import Literal

Place = Literal["body", "note", "header", "footer", "comment", "box"]
Destination = Literal[
    "text", "skip", "unicode", "fonts", "styles", "colors", "title", "author", "number", "commenter", "code", "form",
    "entry", "math",
]  # fmt: skip

PLACES: dict[str, Place] = {
    "header": "header", "headerl": "header", "headerr": "header", "headerf": "header",
    "footer": "footer", "footerl": "footer", "footerr": "footer", "footerf": "footer",
    "footnote": "note", "annotation": "comment", "shptxt": "box",
}  # fmt: skip
"""Groups with paragraphs of their own."""

DESTINATIONS: dict[str, Destination] = {
    "fonttbl": "fonts", "stylesheet": "styles", "colortbl": "colors", "title": "title", "author": "author",
    "listtext": "number", "pntext": "number", "atnauthor": "commenter", "fldinst": "code", "formfield": "form",
    "ffl": "entry", "upr": "unicode", "moMath": "math",
}  # fmt: skip
"""Groups whose text goes elsewhere."""

KEPT_THOUGH_OPTIONAL = frozenset({"shpinst", "shppict", "ud", *PLACES, *DESTINATIONS})
r"""Groups with text in them although they begin with ``\*``, which tells old readers to skip them."""

SKIPPED = frozenset(
    {"pict", "objdata", "nonshppict", "shprslt", "tc", "xe", "rxe", "generator", "comment", "themedata", "sp",
     "colorschememapping", "datastore", "latentstyles", "rsidtbl", "pgptbl", "revtbl", "filetbl", "listtable",
     "pn", "listoverridetable", "xmlnstbl", "bkmkstart", "bkmkend", "atnid", "atnref", "atntime", "atndate",
     "private", "ftnsep", "ftnsepc", "aftnsep", "aftnsepc", "ftncn", "aftncn", "userprops", "fontemb", "panose",
     "falt", "objclass", "objname", "ffname", "ffdeftext", "ffformat", "ffentrymcr", "ffexitmcr", "ffhelptext",
     "ffstattext", "subject", "keywords", "doccomm", "operator", "company", "category", "manager", "hlinkbase",
     "template", "passwordhash", "background", "nonesttables", "listpicture", "datafield", "docvar",
     "mmathPict", "txe"}
)  # fmt: skip

SIGNS = {
    "tab": "\t", "line": "\n", "lbr": "\n", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”",
    "bullet": "•", "endash": "–", "emdash": "—", "enspace": "\u2002", "emspace": "\u2003", "qmspace": "\u2005",
    "zwj": "\u200d", "zwnj": "\u200c", "ltrmark": "\u200e", "rtlmark": "\u200f", "~": "\u00a0", "_": "-", "\\": "\\",
    "nestcell": " ", "nestrow": "\n",
}  # fmt: skip
"""Words that stand for a character."""

NOTE_FORMS = {
    "nar": "decimal", "nalc": "lowerLetter", "nauc": "upperLetter", "nrlc": "lowerRoman", "nruc": "upperRoman",
    "nchi": "chicago",
}  # fmt: skip
r"""Forms of the numbers of notes: ``\ftnnrlc``, ``\aftnnrlc``."""
