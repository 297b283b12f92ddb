"""Parses EPUB books: the chapters in reading order, each as the web page it is.

Navigation files are left out; a book has no pages of its own. Copy protection is named, not circumvented.
"""

import posixpath
import re
import zipfile
from collections.abc import Set
from pathlib import Path
from urllib.parse import unquote

from rag.errors import ReadError
from rag.parsers.builder import DocumentBuilder
from rag.parsers.encodings.decode import decode
from rag.parsers.markup.html import add_html
from rag.parsers.zip_limits import open_zip
from rag.parsers.zip_xml import Element, read_part
from rag.types import ParsedDocument

MEDIA_TYPE = "application/epub+zip"

_LINK = re.compile(r"<link\b[^<>]*>")
_HREF = re.compile(r"""\bhref\s*=\s*["']([^"'<>]*)["']""")
_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_FONT_OBFUSCATION = ("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC")
_MARKUP = frozenset({"application/xhtml+xml", "text/html", "application/x-dtbook+xml", "text/x-oeb1-document"})
_REMEDY = "Get the book again, or open it in a reader and export it."


def parse(path: Path) -> ParsedDocument:
    """Parses a book. Raises ReadError for a broken or copy-protected one."""
    with open_zip(path) as archive:
        return _read(archive)


def _read(archive: zipfile.ZipFile) -> ParsedDocument:
    names = set(archive.namelist())
    if _ENCRYPTION in names and _is_protected(read_part(archive, _ENCRYPTION)):
        raise ReadError("The book is copy-protected (DRM) and cannot be read.", "Add a copy without the protection.")
    package_name = _package_name(archive)
    package = read_part(archive, package_name)
    builder = DocumentBuilder(media_type=MEDIA_TYPE)
    chapters = _chapters(package, posixpath.dirname(package_name))
    missing = 0
    for name in chapters:
        if name not in names:
            missing += 1
            continue
        markup = decode(archive.read(name)).text
        add_html(builder, markup, _sheets(archive, names, markup, posixpath.dirname(name)))
    if missing:
        builder.warn(f"{missing} of {len(chapters)} chapters are missing from the file.")
    builder.title = _metadata(package, "title")
    for field, name in (("creator", "author"), ("language", "language"), ("date", "created")):
        if _metadata(package, field):
            builder.metadata[name] = _metadata(package, field)
    return builder.build()


def _sheets(archive: zipfile.ZipFile, names: Set[str], markup: str, folder: str) -> list[str]:
    """The style sheets that a chapter links to."""
    links = (href[1] for link in _LINK.findall(markup) if "stylesheet" in link and (href := _HREF.search(link)))
    found = (posixpath.normpath(posixpath.join(folder, unquote(link))) for link in links)
    return [decode(archive.read(name)).text for name in found if name in names]


def _is_protected(encryption: Element) -> bool:
    """Tells whether more than fonts is encrypted."""
    methods = [element.get("Algorithm", "") for element in encryption.iter("{*}EncryptionMethod")]
    return any(method not in _FONT_OBFUSCATION for method in methods)


def _package_name(archive: zipfile.ZipFile) -> str:
    if _CONTAINER in archive.namelist():
        for rootfile in read_part(archive, _CONTAINER).iter("{*}rootfile"):
            name = str(rootfile.get("full-path", ""))
            if name in archive.namelist():
                return name
    fallback = next((name for name in archive.namelist() if name.endswith(".opf")), None)
    if fallback is None:
        raise ReadError("The book is damaged: its list of contents is missing.", _REMEDY)
    return fallback


def _chapters(package: Element, folder: str) -> list[str]:
    """Returns the names of the chapters' files in the order of the spine; without a spine, in that of the manifest."""
    manifest: dict[str, str] = {}
    for item in package.iter("{*}item"):
        is_navigation = "nav" in str(item.get("properties", "")).split()
        if item.get("media-type") in _MARKUP and not is_navigation:
            href = unquote(str(item.get("href", "")).partition("#")[0])
            manifest[str(item.get("id", ""))] = posixpath.normpath(posixpath.join(folder, href))
    spine = [str(item.get("idref", "")) for item in package.iter("{*}itemref")]
    ordered = [manifest[identifier] for identifier in spine if identifier in manifest]
    return list(dict.fromkeys(ordered or manifest.values()))


def _metadata(package: Element, name: str) -> str:
    return (package.findtext(f".//{{http://purl.org/dc/elements/1.1/}}{name}") or "").strip()
