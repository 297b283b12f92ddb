"""Text that would be dangerous as HTML, and a check that HTML is not."""

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"' onmouseover=alert(3) [a](javascript:alert(4)) ![b](http://c/d)"


def assert_harmless(html: str) -> None:
    """Parsed as a browser would, it holds no element that loads or runs anything and no attribute that does."""
    from lxml import html as parser

    for element in parser.fragment_fromstring(html, create_parent="div").iter():
        assert element.tag not in ("script", "img", "iframe", "a", "object", "style", "link"), element.tag
        assert not [name for name in element.attrib if name.startswith("on") or name in ("src", "href", "style")]
