"""Reads the comments on a slide, in their old form and in the threaded one of PowerPoint since 2021."""

from rag.parsers.office.ooxml import Package
from rag.parsers.slides.pptx_text import body_text
from rag.parsers.zip_xml import Element

P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
P188 = "{http://schemas.microsoft.com/office/powerpoint/2018/8/main}"


def slide_comments(package: Package, slide: str) -> list[str]:
    """Returns the comments on a slide, each as it stands in the text: "Comment by Ann: ...", "Reply by Bo: ..."."""
    found: list[str] = []
    for relationship in package.relationships(slide).values():
        if relationship.kind == "comments" and not relationship.external:
            root = package.optional(relationship.target)
            if root is not None:
                found += _written(root, _authors(package))
    return found


def _authors(package: Package) -> dict[str, str]:
    names: dict[str, str] = {}
    for part in ("ppt/commentAuthors.xml", "ppt/authors.xml"):
        root = package.optional(part)
        for author in root if root is not None else ():
            if isinstance(author.tag, str):
                names[str(author.get("id", ""))] = str(author.get("name", "")).strip()
    return names


def _written(root: Element, authors: dict[str, str]) -> list[str]:
    lines: list[str] = []
    for comment in root.iter(f"{P}cm", f"{P188}cm", f"{P188}reply"):
        body = comment.find(f"{P188}txBody")
        text = body_text(body) if body is not None else (comment.findtext(f"{P}text") or "").strip()
        author = authors.get(str(comment.get("authorId", "")), "")
        what = "Reply" if comment.tag == f"{P188}reply" else "Comment"
        if text:
            lines.append(f"{what} by {author}: {text}" if author else f"{what}: {text}")
    return lines
