"""OpenDocument presentations: slides are pages, with titles, text, tables, charts and notes; hidden ones are hidden."""

import zipfile
from pathlib import Path

from rag.parsers.odf import odp
from rag.parsers.registry import parse

_NAMESPACES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (
        ("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"), ("style", "style"),
        ("presentation", "presentation"), ("chart", "chart"), ("svg", "svg-compatible"), ("fo", "xsl-fo-compatible"),
    )
)  # fmt: skip
_NAMESPACES += ' xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xlink="http://www.w3.org/1999/xlink"'


def frame(inner: str, kind: str = "") -> str:
    return f'<draw:frame presentation:class="{kind}"><draw:text-box>{inner}</draw:text-box></draw:frame>'


def cell(text: str) -> str:
    return f"<table:table-cell><text:p>{text}</text:p></table:table-cell>"


def test_slides_are_pages(tmp_path: Path) -> None:
    rows = "".join(
        f"<table:table-row>{cell(a)}{cell(b)}</table:table-row>" for a, b in (("Port", "Ships"), ("Oslo", "84"))
    )
    slides = (
        "<draw:page>"
        + frame("<text:p>Lens talk</text:p>", "title")
        + frame("<text:list><text:list-item><text:p>First point</text:p></text:list-item></text:list>", "outline")
        + f"<draw:frame><table:table>{rows}</table:table><draw:image/></draw:frame>"
        + '<draw:g><draw:custom-shape><text:p><text:span text:style-name="light">In a shape</text:span></text:p>'
        + "</draw:custom-shape></draw:g>"
        + '<draw:frame><draw:object xlink:href="./Object 1"><text:p/></draw:object></draw:frame>'
        + frame("<text:p>7</text:p>", "page-number")
        + '<draw:custom-shape svg:x="-9cm" svg:y="2cm" svg:width="8cm" svg:height="1cm"><text:p>Off</text:p>'
        + "</draw:custom-shape>"
        + "<office:annotation><dc:creator>Ann</dc:creator><text:p>Shorter.</text:p></office:annotation>"
        + f"<presentation:notes>{frame('<text:p>Say hello.</text:p>', 'notes')}</presentation:notes></draw:page>"
        + f'<draw:page draw:style-name="gone">{frame("<text:p>Nobody sees it</text:p>")}</draw:page>'
    )
    style = (
        '<style:style style:name="gone"><style:drawing-page-properties presentation:visibility="hidden"/></style:style>'
        '<style:style style:name="light" style:family="text"><style:text-properties fo:color="#ffffff"/></style:style>'
    )  # white letters stand on the fill of their shape
    chart = (
        f"<chart:chart><chart:title><text:p>Fuel</text:p></chart:title><table:table>{rows}</table:table></chart:chart>"
    )
    path = tmp_path / "talk.odp"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", odp.MEDIA_TYPE)
        head = f"<office:document-content {_NAMESPACES}>"
        body = f"<office:body><office:presentation>{slides}</office:presentation></office:body>"
        archive.writestr(
            "content.xml",
            f"{head}<office:automatic-styles>{style}</office:automatic-styles>{body}</office:document-content>",
        )
        archive.writestr("Object 1/content.xml", f"{head}{chart}</office:document-content>")
    document = parse(path)
    assert document.title == "Lens talk"
    assert [(b.kind, b.page, document.text[b.start : b.end]) for b in document.blocks] == [
        ("heading", 1, "Lens talk"),
        ("list", 1, "• First point"),
        ("table", 1, "Port | Ships\nOslo | 84"),
        ("paragraph", 1, "In a shape"),
        ("caption", 1, "Chart: Fuel"),
        ("table", 1, "Port | Ships\nOslo | 84"),
        ("hidden", 1, "Off"),
        ("note", 1, "Comment by Ann: Shorter."),
        ("note", 1, "Say hello."),
        ("hidden", 2, "Nobody sees it"),
    ]
    assert document.warnings == ("Left out of answers: slide 2 is hidden.", "Hidden text was left out.")
