"""Picks the parser of a file by its content and its suffix: ``parse(path)`` is the one entry to this package.

Content decides where it can (a PDF named .txt is read as PDF); among kinds of text the suffix decides. A parser is a
module of this package with ``parse(path) -> ParsedDocument``; it is imported when its first file comes.
"""

import dataclasses
import importlib
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from docent import cause_of
from rag.errors import ReadError, SkippedError
from rag.parsers.builder import NO_TEXT
from rag.parsers.sniff import Sniffed, sniff
from rag.text.context import shortened
from rag.types import ParsedDocument

if TYPE_CHECKING:  # it imports numpy, which the command line does not need to list suffixes
    from rag.protocols import Parser


class Kind(NamedTuple):
    """A format: the module that parses it, and how a message calls it."""

    module: str
    name: str


KINDS: dict[str, Kind] = {
    "pdf": Kind("pdf.parser", "a PDF"),
    "docx": Kind("docx.parser", "a Word document (.docx)"),
    "doc": Kind("doc.parser", "a Word 97-2003 document (.doc)"),
    "odt": Kind("odf.odt", "an OpenDocument text (.odt)"),
    "flat_odt": Kind("odf.odt", "a flat OpenDocument text (.fodt)"),
    "word_xml": Kind("docx.word_xml", "a Word document in one XML file"),
    "excel_xml": Kind("sheets.excel_xml", "an Excel 2003 XML workbook"),
    "epub": Kind("markup.epub", "an EPUB book"),
    "pptx": Kind("slides.pptx", "a presentation (.pptx)"),
    "ppt": Kind("slides.ppt", "a PowerPoint 97-2003 presentation (.ppt)"),
    "xlsx": Kind("sheets.xlsx", "a workbook (.xlsx)"),
    "xls": Kind("sheets.xls", "a workbook (.xls)"),
    "odp": Kind("odf.odp", "an OpenDocument presentation"),
    "webarchive": Kind("markup.webarchive", "a web archive of Safari"),
    "ods": Kind("odf.ods", "an OpenDocument spreadsheet"),
    "rtf": Kind("rtf.parser", "an RTF document"),
    "html": Kind("markup.html", "a web page"),
    "xml": Kind("markup.xml", "an XML file"),
    "csv": Kind("plain.csv", "a table in text form"),
    "eml": Kind("markup.eml", "an e-mail"),
    "mbox": Kind("markup.mbox", "a mailbox"),
    "msg": Kind("markup.msg", "an Outlook message (.msg)"),
    "cards": Kind("plain.cards", "contacts or a calendar"),
    "json": Kind("plain.json", "a JSON file"),
    "zip": Kind("archive", "a ZIP archive"),
    "subtitles": Kind("plain.subtitles", "a subtitle file"),
    "markdown": Kind("markup.markdown", "a Markdown file"),
    "source_code": Kind("plain.source_code", "source code"),
    "notebook": Kind("plain.notebook", "a Jupyter notebook"),
    "text": Kind("plain.text", "plain text"),
}

_SUFFIXES_OF: dict[str, str] = {
    "pdf": "pdf",
    "docx": "docx docm dotx dotm",
    "doc": "doc dot",
    "odt": "odt ott",
    "flat_odt": "fodt",
    "epub": "epub",
    "pptx": "pptx pptm ppsx potx",
    "ppt": "ppt pps pot",
    "xlsx": "xlsx xlsm xltx xltm",
    "xls": "xls xlt",
    "ods": "ods ots fods",
    "odp": "odp otp fodp",
    "webarchive": "webarchive",
    "rtf": "rtf",
    "html": "html htm xhtml",
    "xml": "xml rss atom dbk docbook tei opml rdf xsd xsl xslt svg kml gpx dita jats nxml wsdl",
    "csv": "csv tsv tab psv",
    "eml": "eml mht mhtml",
    "mbox": "mbox mbx",
    "msg": "msg oft",
    "cards": "vcf vcard ics ical ifb",
    "json": "json jsonl ndjson json5 geojson",
    "zip": "zip",
    "subtitles": "vtt srt sbv ass ssa lrc sub ttml dfxp",
    "markdown": "md markdown mdown mkd mdx rmd qmd",
    "source_code": (
        "py pyi pyw js mjs cjs jsx ts mts cts tsx java kt kts scala groovy c h cc cpp cxx hh hpp hxx cu cuh m mm cs "
        "go rs swift rb php pl pm lua r jl hs ml mli fs fsx ex exs erl clj cljs lisp el scm dart zig nim d pas f f90 "
        "f95 for v sv vhd vhdl sh bash zsh fish ps1 psm1 bat cmd sql vb bas asm s tcl css scss sass less vue svelte "
        "proto graphql gradle cmake tf sol"
    ),
    "notebook": "ipynb",
    "text": (
        "txt text log rst adoc asciidoc org tex ltx bib textile wiki nfo me yaml yml "
        "toml ini cfg conf properties env diff patch po pot lst srv"
    ),
}
_KIND_OF_SUFFIX = {f".{suffix}": kind for kind, suffixes in _SUFFIXES_OF.items() for suffix in suffixes.split()}

KNOWN_SUFFIXES: frozenset[str] = frozenset(_KIND_OF_SUFFIX)
"""Lower-case suffixes, with the dot, that a scan of a folder picks up."""

# Documents of office programs in one XML file, which may be named after the format or after the program.
_IN_XML = frozenset({"flat_odt", "word_xml", "excel_xml"})
# Kinds among which the name decides, because each is text as well: HTML source in a .txt stays the text it is.
_TEXTUAL = frozenset(
    {"html", "xml", "csv", "eml", "subtitles", "markdown", "source_code", "notebook", "text", "json", "cards", "mbox"}
)


_TITLE_CHARS = 400


def parse(path: Path) -> ParsedDocument:
    """Parses the file at ``path``. Raises SkippedError for a kind without a parser, ReadError for a broken file."""
    try:
        kind, warning = _resolve(path)
        parser = cast("Parser", importlib.import_module(f"rag.parsers.{KINDS[kind].module}").parse)
        document = parser(path)
    except FileNotFoundError as error:
        raise ReadError("The file is no longer there.") from error
    except PermissionError as error:
        raise ReadError("The file may not be read.", "Allow your account to read it, then sync again.") from error
    except OSError as error:
        raise ReadError(f"The file could not be read: {cause_of(error)}.") from error
    title = shortened(document.title, _TITLE_CHARS) or path.stem
    warnings = (warning, *document.warnings) if warning else document.warnings
    return dataclasses.replace(document, title=title, warnings=warnings)


def _resolve(path: Path) -> tuple[str, str | None]:
    """Returns the kind to parse ``path`` as, and a warning where its name claims another."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise SkippedError("This is not a regular file.")
    if status.st_size == 0:
        raise SkippedError(NO_TEXT)
    suffix = path.suffix.lower()
    claimed = _KIND_OF_SUFFIX.get(suffix)
    found = sniff(path)
    if found.kind is None:
        raise _refusal(found, suffix, claimed)
    if found.kind in ("eml", "mbox") or found.kind not in _TEXTUAL or claimed not in _TEXTUAL:
        return found.kind, _mismatch(found.kind, claimed, suffix)
    if claimed == "xml" and found.kind == "html":
        return "html", None
    return claimed, None


def _mismatch(kind: str, claimed: str | None, suffix: str) -> str | None:
    if claimed in (None, kind) or (kind in _IN_XML and claimed in ("xml", "odt", "doc", "text")):
        return None
    return f"The name ends in {suffix}, but the file is {KINDS[kind].name} and was read as that."


def _refusal(found: Sniffed, suffix: str, claimed: str | None) -> ReadError:
    if found.damaged:
        return ReadError(f"The file is damaged: {found.name}.", found.remedy)
    if claimed is not None:
        expected = KINDS[claimed].name
        return ReadError(f"The name ends in {suffix}, but the file is {found.name}, not {expected}.", found.remedy)
    return SkippedError(f"Docent does not read this kind of file: it is {found.name}.", found.remedy)
