"""Renders a model's chat template, which is Jinja and comes with a download, in a sandbox with limits.

The sandbox keeps a template from everything but the values that it is given. Here it is also stopped once it has
computed for too long, or makes a text or a number that is too large: each turn of a loop and each call looks at the
clock, and what makes long texts out of short ones is checked before it is done.
"""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from jinja2 import meta, nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engines.errors import CheckpointError, RequestError

# What a template can cause; the sandbox limits ranges by OverflowError.
_FAILURES = (
    TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError
)  # fmt: skip
_SECONDS = 4.0  # of processor time
_CHARACTERS = 1 << 26
_BITS = 1 << 12
_WIDENING = frozenset({"center", "ljust", "rjust", "zfill", "expandtabs", "indent", "wordwrap"})
_WIDE_FORMAT = re.compile(r"\d{7}|\*|\{[^{}]*\{")
_JOINING = frozenset({"format", "replace", "join"})
_LOOK, _JOIN = "look_at_the_clock", "joined"  # of the environment, called by what is put into templates


class ChatTemplate:
    """Thread-safe; ``reads`` names the values that it looks at. Raises CheckpointError for what is no template."""

    def __init__(self, text: str) -> None:
        self._environment = _environment()
        try:
            tree = self._environment.parse(text)
            self.reads = frozenset(meta.find_undeclared_variables(tree))
            _watch(tree)
            self._template = self._environment.from_string(tree)
        except (TemplateError, RecursionError, OverflowError, ValueError) as error:
            raise CheckpointError(f"The chat template is damaged: {error}.", "Download the model again.") from error

    def render(self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], **given: Any) -> str:
        """Raises RequestError where the template refuses the conversation, or goes beyond its limits."""
        listed = [dict(tool) for tool in tools]
        try:
            try:
                return self._rendered(messages, listed or None, given)
            except TypeError:
                if listed:
                    raise
                # Some walk through tools without a look whether there are any.
                return self._rendered(messages, [], given)
        except _FAILURES as error:
            raise RequestError(f"The model's chat template refuses this conversation: {error}.", "") from error

    def _rendered(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] | None, given: Mapping[str, Any]
    ) -> str:
        pieces, length = [], 0
        with self._environment.limited():
            for piece in self._template.generate(messages=[dict(one) for one in messages], tools=tools, **given):
                length += len(piece)
                _demand(length)
                pieces.append(piece)
        return "".join(pieces)


class _Environment(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._clock = threading.local()
        self.filters = {name: _checked(name, known) for name, known in self.filters.items()}

    def limited(self) -> "_Limit":
        return _Limit(self._clock)

    def look_at_the_clock(self) -> None:
        if time.thread_time() > getattr(self._clock, "end", float("inf")):
            raise SecurityError(f"it computes for more than {_SECONDS:.0f} s")

    def joined(self, *values: Any) -> str:
        texts = [str(value) for value in values]
        _demand(sum(map(len, texts)))
        return "".join(texts)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if operator == "+":
            _demand(_size(left) + _size(right))
        elif operator == "%" and isinstance(left, str):
            _demand_narrow(left)
        elif operator == "*":
            _demand(_size(left) * abs(right) if isinstance(right, int) else 0)
            _demand(_size(right) * abs(left) if isinstance(left, int) else 0)
            _demand_number(_bits(left) + _bits(right))
        elif operator == "**" and isinstance(left, int) and isinstance(right, int):
            _demand_number(_bits(left) * abs(right))
        return super().call_binop(context, operator, left, right)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - as in the library
        __self.look_at_the_clock()
        owner = getattr(__obj, "__self__", None)
        if isinstance(owner, str):
            _check_call(getattr(__obj, "__name__", ""), (owner, *args, *kwargs.values()))
        return super().call(__context, __obj, *args, **kwargs)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        wrapped = super().wrap_str_format(value)
        if wrapped is not None:
            _demand_narrow(str(value.__self__))
        return wrapped


class _Limit:
    """The time that a thread has for rendering."""

    def __init__(self, clock: threading.local) -> None:
        self._clock = clock

    def __enter__(self) -> None:
        self._clock.end = time.thread_time() + _SECONDS

    def __exit__(self, *_: object) -> None:
        del self._clock.end


class _Generation(Extension):
    """``{% generation %}`` marks for trainers what the model said; here its content is what counts."""

    tags = {"generation"}  # noqa: RUF012 - a set, as in the library

    def parse(self, parser: Parser) -> list[nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _environment() -> _Environment:
    """As transformers sets it up, so that templates written for it work."""
    extensions = ["jinja2.ext.loopcontrols", _Generation]
    environment = _Environment(trim_blocks=True, lstrip_blocks=True, extensions=extensions)
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda pattern: datetime.now().strftime(pattern)
    environment.filters["tojson"] = _json
    return environment


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    _check_call("indent", [indent])
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _watch(tree: nodes.Template) -> None:
    """Has every turn of a loop look at the clock, and every ``~`` look at the length of what it makes."""
    for loop in tree.find_all(nodes.For):
        loop.body.insert(0, nodes.ExprStmt(_called(_LOOK, []), lineno=loop.lineno))
    for node in list(tree.find_all(nodes.Node)):
        for field, value in node.iter_fields():
            if isinstance(value, nodes.Concat):
                setattr(node, field, _called(_JOIN, value.nodes))
            elif isinstance(value, list):
                setattr(
                    node, field, [_called(_JOIN, one.nodes) if isinstance(one, nodes.Concat) else one for one in value]
                )


def _called(name: str, arguments: list[nodes.Expr]) -> nodes.Call:
    return nodes.Call(nodes.EnvironmentAttribute(name), arguments, [], None, None)


def _checked(name: str, known: Callable[..., Any]) -> Callable[..., Any]:
    """The same filter, but what it is asked for is looked at first."""
    if name not in _WIDENING and name not in _JOINING:
        return known

    def checked(*args: Any, **kwargs: Any) -> Any:
        listed = [list(value) if name == "join" and isinstance(value, Iterator) else value for value in args]
        _check_call(name, (*listed, *kwargs.values()))
        return known(*listed, **kwargs)

    checked.__dict__.update(known.__dict__)  # tells the library which filters want its environment first
    return checked


def _check_call(name: str, values: Sequence[Any]) -> None:
    """Refuses a call of a text's method or of a filter that would make a far longer text."""
    texts = [value for value in values if isinstance(value, str)]
    if name in _WIDENING:
        width = max((abs(value) for value in values if isinstance(value, int)), default=0)
        _demand(width * max((1 + text.count("\n") + text.count("\t") for text in texts), default=1))
    elif name in ("format", "format_map"):
        _demand_narrow(texts[0] if texts else "")
    elif name == "replace" and len(texts) > 2:
        _demand(texts[0].count(texts[1]) * len(texts[2]))
    elif name == "join":
        items = next((value for value in values if isinstance(value, list | tuple)), ())
        _demand(sum(map(_size, items)) + len(items) * max(map(len, texts), default=0))


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple | dict) else 0


def _bits(value: Any) -> int:
    return value.bit_length() if isinstance(value, int) else 0


def _demand(characters: int) -> None:
    if characters > _CHARACTERS:
        raise SecurityError("it makes a text that is too long")


def _demand_number(bits: int) -> None:
    if bits > _BITS:
        raise SecurityError("it makes a number that is too large")


def _demand_narrow(text: str) -> None:
    if _WIDE_FORMAT.search(text):
        raise SecurityError("it makes a text that is too long")
