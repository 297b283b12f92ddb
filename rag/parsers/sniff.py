"""Tells what a file holds from its first bytes and a container's table of contents, whatever its name says.

ZIP and OLE containers are opened to see what is inside; next to nothing is unpacked.
"""

import re
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from rag.parsers.encodings.decode import looks_like_text

HEAD_BYTES = 65_536
_MIMETYPE_BYTES = 200
_CONTENT_TYPES_BYTES = 1 << 20


class Sniffed(NamedTuple):
    """``kind`` is a key of ``registry.KINDS``, or None for what no parser takes; ``name`` is words for a message."""

    kind: str | None
    name: str
    remedy: str = ""
    damaged: bool = False


_REMEDY_DAMAGED = "Copy it again, or open it in its program and save it anew."

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"GIF87a", "a GIF picture"),
    (0, b"GIF89a", "a GIF picture"),
    (0, b"II*\x00", "a TIFF picture"),
    (0, b"MM\x00*", "a TIFF picture"),
    (8, b"WEBP", "a WebP picture"),
    (0, b"\x00\x00\x01\x00", "an icon"),
    (8, b"WAVE", "a sound recording"),
    (8, b"AVI ", "a video"),
    (0, b"ID3", "a sound recording"),
    (0, b"fLaC", "a sound recording"),
    (0, b"OggS", "a sound or video recording"),
    (4, b"ftyp", "a video, sound or picture file"),
    (0, b"\x1aE\xdf\xa3", "a video"),
    (0, b"\x7fELF", "a program"),
    (0, b"\xca\xfe\xba\xbe", "compiled code"),
    (0, b"\xcf\xfa\xed\xfe", "a program"),
    (0, b"\x00asm", "compiled code"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\x00", "an xz archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"SQLite format 3\x00", "an SQLite database"),
    (0, b"\x00\x01\x00\x00\x00", "a font"),
    (0, b"OTTO\x00", "a font"),
    (0, b"wOFF", "a font"),
    (0, b"wOF2", "a font"),
    (60, b"BOOKMOBI", "a Kindle book"),
    (0, b"AT&TFORM", "a DjVu document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"bplist00", "a binary property list"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"PAR1", "a Parquet table"),
    (0, b"GGUF", "a model file"),
)
_OLD_PROGRAMS: tuple[tuple[bytes, str], ...] = (
    (b"\xffWPC", "a WordPerfect document"),
    (b"\xdb\xa5", "a Word 2 document"),
    (b"\x31\xbe\x00\x00\x00\xab", "a document of Word for DOS or Write"),
    (b"\xfe\x37\x00\x1c", "a document of Word for Mac 4 or 5"),
    (b"\xfe\x37\x00\x23", "a document of Word for Mac 4 or 5"),
)
_REMEDY_OLD_PROGRAM = "Open it in LibreOffice and save it as .docx."

# Lower case, because the head is compared in lower case. Two more headers are asked for where this is used.
_EMAIL = re.compile(rb"(?:mime-version|from|to|subject|date|message-id|received|return-path|delivered-to|x-[a-z-]+): ")

# The line in front of each message of a mailbox, and the first header.
_MAILBOX = re.compile(rb"from [^\r\n]*\d{4}[^\r\n]*\r?\n[\w-]+: ?[^\r\n]*\r?\n")

_PDF_OBJECT = re.compile(rb"%PDF-\d\.\d\s(?:[^\n]*\n){0,3}?\s*\d+ \d+ obj\b")

# A package names its main part; parts of other programs may be embedded in it.
_MAIN_RELATIONSHIP = re.compile(rb"<[^>]*/officeDocument[\"'][^>]*>")
_TARGET = re.compile(rb"Target=[\"']/?([^\"']+)")
_OOXML_MAIN = (
    ("word/document.xml", b"word/", "docx"),
    ("ppt/presentation.xml", b"ppt/", "pptx"),
    ("xl/workbook.xml", b"xl/", "xlsx"),
)
_VOCABULARIES = ((b"wordprocessingml", "docx"), (b"presentationml", "pptx"), (b"spreadsheetml", "xlsx"))
_GOOGLE = {
    ".gdoc": "a document of Google Docs",
    ".gsheet": "a table of Google Sheets",
    ".gslides": "a presentation of Google Slides",
    ".gform": "a form of Google Forms",
    ".gdraw": "a drawing of Google Drawings",
}
_REMEDY_GOOGLE = "Download it there (File > Download) and add that file."
_IWORK = ("Index/Document.iwa", "Index.zip", "index.xml", "index.apxl")
_IWORK_NAMES = {".pages": "Pages", ".numbers": "Numbers", ".key": "Keynote"}
_FLAT_ODF = re.compile(rb"<office:document\s[^>]*?office:mimetype=[\"']application/vnd\.oasis\.opendocument\.([a-z-]+)")
_ODF = "application/vnd.oasis.opendocument."
_MIMETYPES: tuple[tuple[str, Sniffed], ...] = (
    (_ODF + "text", Sniffed("odt", "an OpenDocument text")),
    (_ODF + "spreadsheet", Sniffed("ods", "an OpenDocument spreadsheet")),
    (_ODF + "presentation", Sniffed("odp", "an OpenDocument presentation")),
    (_ODF, Sniffed(None, "an OpenDocument drawing or formula", "Save it as PDF.")),
    ("application/epub+zip", Sniffed("epub", "an EPUB book")),
)
_OLE_STREAMS: tuple[tuple[str, Sniffed], ...] = (
    ("WordDocument", Sniffed("doc", "a Word 97-2003 document")),
    ("EncryptedPackage", Sniffed(None, "an Office file protected with a password", "Save it without a password.")),
    ("Workbook", Sniffed("xls", "an Excel 97-2003 workbook")),
    ("Book", Sniffed("xls", "an Excel 5.0/95 workbook")),
    ("PowerPoint Document", Sniffed("ppt", "a PowerPoint 97-2003 presentation")),
    ("__properties_version1.0", Sniffed("msg", "an Outlook message (.msg)")),
)


def sniff(path: Path) -> Sniffed:
    """Tells what the bytes of ``path`` are. Raises OSError where it cannot be opened."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _inside_zip(path)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _inside_ole(path)
    if head.lstrip().startswith(b"%PDF-"):
        return Sniffed("pdf", "a PDF")
    for magic, name in _OLD_PROGRAMS:
        if head.startswith(magic):
            return Sniffed(None, name, _REMEDY_OLD_PROGRAM)
    if head.startswith(b"bplist00") and b"WebMainResource" in head:
        return Sniffed("webarchive", "a web archive of Safari")
    text = looks_like_text(head)
    if path.suffix.lower() in _GOOGLE and head.lstrip().startswith(b"{"):
        return Sniffed(None, f"a link to {_GOOGLE[path.suffix.lower()]}, whose text is not in the file", _REMEDY_GOOGLE)
    # Junk before the header is common (a byte order mark, a reply's header lines): PDF viewers accept it anywhere in
    # the first 1,024 bytes. A text about PDFs has no objects behind it.
    if b"%PDF-" in head[:1024] and (not text or _PDF_OBJECT.search(head)):
        return Sniffed("pdf", "a PDF")
    if not text:
        named = next((name for at, magic, name in _SIGNATURES if head.startswith(magic, at)), None)
        if named is None and head.startswith(b"MZ"):
            named = "a Windows program"
        return Sniffed(None, named or "binary data")
    return _kind_of_text(head)


def _kind_of_text(head: bytes) -> Sniffed:
    # Markup is ASCII: without NULs, UTF-16 and UTF-32 show it as well.
    start = head[:8192].replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    if start.startswith(b"{\\rtf"):
        return Sniffed("rtf", "an RTF document")
    if start.startswith(b"webvtt"):
        return Sniffed("subtitles", "a subtitle file")
    if start.startswith((b"<!doctype html", b"<html")):
        return Sniffed("html", "a web page")
    if _MAILBOX.match(start):
        return Sniffed("mbox", "a mailbox")
    if start.startswith((b"begin:vcard", b"begin:vcalendar")):
        return Sniffed("cards", "contacts or a calendar")
    if _EMAIL.match(start) and b"\nmime-version:" in b"\n" + start and b"\ncontent-type:" in start:
        return Sniffed("eml", "an e-mail")
    if start.startswith(b"<?xml"):
        return _inside_xml(start)
    return Sniffed("text", "plain text")


def _inside_zip(path: Path) -> Sniffed:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            mimetype = _member(archive, names, "mimetype", _MIMETYPE_BYTES).decode("ascii", "replace").strip()
            content_types = _member(archive, names, "[Content_Types].xml", _CONTENT_TYPES_BYTES)
            relationships = _member(archive, names, "_rels/.rels", _CONTENT_TYPES_BYTES)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, zlib.error) as error:
        reason = str(error).rstrip(".") or "it ends too early"
        return Sniffed(None, f"its ZIP container cannot be opened ({reason})", _REMEDY_DAMAGED, damaged=True)
    for prefix, sniffed in _MIMETYPES:
        if mimetype.startswith(prefix):
            return sniffed
    is_archive = path.suffix.lower() in (".zip", "")
    if names.intersection(_IWORK[:2] if is_archive else _IWORK) and "[Content_Types].xml" not in names:
        return _iwork(path)
    if "xl/workbook.bin" in names:
        return Sniffed(None, "a binary Excel workbook (.xlsb)", "Save it as .xlsx.")
    kind = _ooxml_kind(names, relationships, content_types)
    if kind is not None:
        return Sniffed(kind, f"an Office file (.{kind})")
    if "META-INF/container.xml" in names:
        return Sniffed("epub", "an EPUB book")
    if is_archive:
        return Sniffed("zip", "a ZIP archive")
    return Sniffed(None, "a ZIP archive", "Unpack it and add the folder.")


def _ooxml_kind(names: set[str], relationships: bytes, content_types: bytes) -> str | None:
    """Tells which program's document a package holds, by its main part: its declared type, else where it lies."""
    found = _MAIN_RELATIONSHIP.search(relationships)
    target = _TARGET.search(found[0]) if found else None
    if target:
        declared = re.search(rb"<[^>]*PartName=[\"']/?" + re.escape(target[1]) + rb"[\"'][^>]*>", content_types)
        for vocabulary, kind in _VOCABULARIES:
            if declared and vocabulary in declared[0]:
                return kind
    for member, folder, kind in _OOXML_MAIN:
        if member in names or (target and target[1].startswith(folder)):
            return kind
    for vocabulary, kind in _VOCABULARIES:
        if vocabulary + b"." in content_types and b".main+xml" in content_types:
            return kind
    return None


def _iwork(path: Path) -> Sniffed:
    program = _IWORK_NAMES.get(path.suffix.lower(), "Pages, Numbers or Keynote")
    return Sniffed(None, f"a document of Apple's {program}", "Export it there as Word, Excel, PowerPoint or PDF.")


def _inside_xml(start: bytes) -> Sniffed:
    """Tells documents that office programs wrote as one XML file from other XML. ``start`` is in lower case."""
    flat = _FLAT_ODF.search(start)
    if flat:
        if flat[1].startswith(b"text"):
            return Sniffed("flat_odt", "a flat OpenDocument text")
        if flat[1].startswith(b"spreadsheet"):
            return Sniffed("ods", "a flat OpenDocument spreadsheet")
        if flat[1].startswith(b"presentation"):
            return Sniffed("odp", "a flat OpenDocument presentation")
        return Sniffed(None, "a flat OpenDocument drawing", "Save it as PDF.")
    if b"schemas.microsoft.com/office/word/2003/wordml" in start:
        return Sniffed("word_xml", "a Word 2003 XML document")
    if b"schemas.microsoft.com/office/2006/xmlpackage" in start:
        if b"powerpoint" in start:
            return Sniffed(None, "a PowerPoint XML presentation", "Save it as .pptx.")
        return Sniffed("word_xml", "a Word XML document")
    if b"<key>webmainresource</key>" in start:
        return Sniffed("webarchive", "a web archive of Safari")
    if b"urn:schemas-microsoft-com:office:spreadsheet" in start:
        return Sniffed("excel_xml", "an Excel 2003 XML workbook")
    web_page = b"<html" in start or b"<!doctype html" in start
    return Sniffed("html", "a web page") if web_page else Sniffed("xml", "an XML file")


def _member(archive: zipfile.ZipFile, names: set[str], name: str, limit: int) -> bytes:
    if name not in names:
        return b""
    with archive.open(name) as member:
        return member.read(limit)


def _inside_ole(path: Path) -> Sniffed:
    import olefile

    try:
        with olefile.OleFileIO(str(path)) as container:
            streams = {entry[0].lower() for entry in container.listdir() if entry}
    except (PermissionError, FileNotFoundError):
        raise
    # olefile lets struct and index errors of damaged files through; whatever it raises, the container is broken.
    except Exception:  # noqa: BLE001
        return Sniffed(None, "its Office 97-2003 container cannot be opened", _REMEDY_DAMAGED, damaged=True)
    for stream, sniffed in _OLE_STREAMS:
        if any(name.startswith(stream.lower()) for name in streams):
            return sniffed
    return Sniffed(None, "an OLE container of an unknown program")
