"""Runs as the child process that draws pages of PDFs: requests come on stdin, pictures go to stdout.

    request:  JSON: {"path", "page"?, "quote"?, "read"?, "scale"?}; without a page its pages are counted, without a
              scale the quote is only looked for
    reply:    "P" and a PNG, "N" and the number of pages, "M" and JSON (two lists of boxes: page, x0, y0, x1, y1), or
              "E" and JSON {"message", "remedy"}

Messages are framed as in ``rag.ingest.children.frames``. ``page_pictures`` starts, times and kills it.
"""

import json
import os
import queue
import threading
from dataclasses import astuple
from pathlib import Path
from typing import Any

from rag.errors import ReadError
from rag.ingest.children.frames import write_frame
from rag.ingest.children.parse_worker import OUT_OF_MEMORY, limit_memory, receive, yield_to_others

PICTURE, COUNT, MARKS, ERROR = b"P", b"N", b"M", b"E"


def main(address_space: int) -> None:
    """Serves requests until stdin ends. ``address_space`` is in bytes; 0 sets no limit."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints
    limit_memory(address_space)
    yield_to_others()
    requests: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=receive, args=(requests,), daemon=True).start()
    while True:
        try:
            reply = _reply(json.loads(requests.get()))
        except MemoryError:
            os._exit(OUT_OF_MEMORY)
        except ReadError as error:
            reply = ERROR + json.dumps({"message": error.message, "remedy": error.remedy}).encode()
        write_frame(replies, reply)
        replies.flush()


def _reply(request: dict[str, Any]) -> bytes:
    from rag.parsers.pdf.page_view import locate_quote, page_count, render_page

    path = Path(os.fsdecode(bytes.fromhex(request["path"])))
    page = request.get("page")
    if page is None:
        return COUNT + str(page_count(path)).encode()
    quote, read = request["quote"], request["read"]
    boxes = locate_quote(path, page, quote) if quote else []
    strong = locate_quote(path, page, read, within=quote) if read else []
    if "scale" not in request:
        return MARKS + json.dumps([[astuple(box) for box in found] for found in (boxes, strong)]).encode()
    return PICTURE + render_page(path, page, boxes, request["scale"], strong)
