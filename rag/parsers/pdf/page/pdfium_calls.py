"""Functions of PDFium that take and give pointers as numbers: a page has thousands of calls, and numbers are keys."""

import ctypes
from collections.abc import Callable
from typing import Any

import pypdfium2.raw as pdfium_c


def by_address(name: str, result: type | None, *arguments: type) -> Callable[..., Any]:
    """Returns a function of PDFium whose pointers are numbers. It keeps the interpreter's lock: to give that away costs
    more than such a function."""
    address = ctypes.cast(getattr(pdfium_c, name), ctypes.c_void_p).value
    assert address is not None, "PDFium has the function"
    return ctypes.PYFUNCTYPE(result, *arguments)(address)


def address_of(handle: Any) -> int:
    """The pointer of one of PDFium's handles as a number; 0 for none."""
    return ctypes.cast(handle, ctypes.c_void_p).value or 0
