"""Writes what the fields of a web page's form hold into its text, where a saved page keeps it."""

from lxml import etree

from rag.parsers.builder import one_line

_TYPED = frozenset(("", "text", "email", "tel", "number", "date", "time", "month", "week", "datetime-local", "url"))
_MAX_CHARS = 2_000
_BOXES = ("☐", "☒")


def write_form_values(root: etree._Element) -> None:
    """Puts a text in the place of each field: what was typed or chosen, a box that is ticked or not."""
    labelled = {label.get("for") for label in root.iter("label")}
    for field in list(root.iter("input", "textarea", "select")):
        value = _value(field, labelled)
        if value and field.getparent() is not None:
            shown = etree.Element("span")
            mark = ":" if value not in _BOXES and _label_before(field) else ""
            shown.text = f"{mark} {value[:_MAX_CHARS]} "
            shown.tail = field.tail
            field.getparent().replace(field, shown)


def _value(field: etree._Element, labelled: set[str | None]) -> str:
    if field.tag == "textarea":
        return one_line("".join(map(str, field.itertext())))
    if field.tag == "select":
        chosen = [option for option in field.iter("option") if option.get("selected") is not None]
        return ", ".join(filter(None, (one_line("".join(map(str, option.itertext()))) for option in chosen)))
    kind = (field.get("type") or "").lower()
    if kind in ("checkbox", "radio"):
        is_labelled = field.get("id") in labelled or any(up.tag == "label" for up in field.iterancestors())
        return _BOXES[field.get("checked") is not None] if is_labelled else ""
    return one_line(field.get("value") or "") if kind in _TYPED else ""


def _label_before(field: etree._Element) -> bool:
    """Whether words stand right before a field that do not end with a mark; a space between them gives way to it."""
    previous, parent = field.getprevious(), field.getparent()
    holder, name = (previous, "tail") if previous is not None else (parent, "text")
    between = str(getattr(holder, name, None) or "")
    if previous is not None and not between.strip():
        label = one_line("".join(map(str, previous.itertext())))
    else:
        label = one_line(between)
    if not label or not label[-1].isalnum():
        return False
    setattr(holder, name, between.rstrip())
    return True
