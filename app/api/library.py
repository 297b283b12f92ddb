"""The routes of the library: what is in it, syncs, and documents with their text, tables, files and pages."""

from functools import partial
from typing import Annotated, Literal

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from app.api.gate import Gate
from app.api.json_replies import NO_STORE, ONE_A_LINE, NdJSON, content, plain_reply, reply_if_changed, router
from app.api.long_json import LongJSON
from app.api.shapes.library import (
    DocumentLayout,
    DocumentList,
    DocumentReply,
    LayoutBlock,
    LayoutPlace,
    Marks,
    Status,
    SyncPreview,
    TableList,
    plain_table,
)
from app.api.streams import sync_lines
from app.assistant import Assistant
from app.process.opening import open_in_program, show_in_folder

_DRAWN_AT_ONCE = 8  # pictures of pages; they wait for the processes that draw
_SYNCS = 16
_LOOKS = 2  # at all files of the sources
_GLANCES = 4
_FURTHEST = 2**53  # so far JavaScript counts exactly


class SyncBody(BaseModel):
    """What to sync: ``locations`` are folders, files or URLs; null means every known source. With ``anew`` every
    document there is read, changed or not."""

    model_config = ConfigDict(extra="forbid")

    locations: list[str] | None = Field(default=None, max_length=1000)
    anew: bool = False


class PreviewBody(BaseModel):
    """What to look at: ``locations`` are folders, files or URLs; null means every known source.

    ``include`` and ``exclude`` are patterns to try before they are set; null means those that are set.
    """

    model_config = ConfigDict(extra="forbid")

    locations: list[str] | None = Field(default=None, max_length=1000)
    include: list[str] | None = Field(default=None, max_length=1000)
    exclude: list[str] | None = Field(default=None, max_length=1000)


class OpenBody(BaseModel):
    model_config = ConfigDict(extra="forbid")

    where: Literal["program", "folder"]


def library_routes(assistant: Assistant, work: Gate) -> APIRouter:
    routes = router()
    syncs = Gate(_SYNCS, 0)  # they wait for each other
    looks = Gate(_LOOKS)

    glances = CapacityLimiter(_GLANCES)  # threads of its own: whatever else is waiting, this is answered

    @routes.get("/status", response_model=Status)
    async def status() -> Response:
        """Returns the sources, how many documents have each status, and which could not be read."""
        return await to_thread.run_sync(lambda: plain_reply(Status.of(assistant.status())), limiter=glances)

    @routes.post("/sync", response_model=None, response_description=ONE_A_LINE)
    async def sync(body: SyncBody) -> Response:
        """Reads new and changed documents. Closing the connection cancels the sync; what is finished stays."""
        ticket = syncs.enter()
        return NdJSON(sync_lines(assistant, body.locations, ticket, anew=body.anew), ticket)

    @routes.post("/sync/preview", response_model=SyncPreview)
    async def preview(body: PreviewBody) -> Response:
        """Tells what a sync would read, and what each pattern leaves out. Nothing is read or changed."""
        look = partial(assistant.preview, body.locations, include=body.include, exclude=body.exclude)
        return await looks.run(lambda: plain_reply(SyncPreview.of(look())))

    @routes.get("/documents", response_model=DocumentList)
    def documents(request: Request) -> Response:
        """Lists all documents, whatever their status. With the ETag of an earlier reply in ``If-None-Match``: 304 where
        nothing has changed."""
        return reply_if_changed(request, DocumentList.of(assistant.documents()))

    opening = Gate(_DRAWN_AT_ONCE)

    @routes.get("/documents/{document_id}")
    async def document(document_id: int) -> DocumentReply:
        """Returns one document."""
        return DocumentReply.of(await opening.run(partial(assistant.document_view, document_id)))

    text_reply = content("text/plain", {"type": "string"}, "The text.")

    @routes.get("/documents/{document_id}/text", response_class=Response, responses=text_reply)
    async def text(
        document_id: int,
        start: Annotated[int, Query(ge=0)] = 0,
        end: Annotated[int | None, Query(ge=0)] = None,
    ) -> Response:
        """Returns the text of a document, to which the positions of citations refer; of that the characters from
        ``start`` to ``end``, if they are given."""
        content = await work.run(lambda: assistant.document_text(document_id)[start:end].encode("utf-8", "replace"))
        return Response(content, media_type="text/plain; charset=utf-8", headers=NO_STORE)

    file_reply = content("application/octet-stream", {"type": "string", "format": "binary"}, "The file.")

    @routes.get("/documents/{document_id}/file", response_class=Response, responses=file_reply)
    def file(document_id: int) -> Response:
        """Returns the file of a document as it lies on the disk."""
        path, media_type = assistant.document_file(document_id)
        return FileResponse(path, media_type=media_type, filename=path.name, headers=NO_STORE)

    @routes.post("/documents/{document_id}/open")
    def open_document(document_id: int, body: OpenBody) -> DocumentReply:
        """Opens a document in its own program, or shows it in its folder, on the computer that Docent runs on. Files
        that may run code are not opened."""
        path, _ = assistant.document_file(document_id)
        show_in_folder(path) if body.where == "folder" else open_in_program(path)
        return DocumentReply.of(assistant.document_view(document_id))

    @routes.get("/documents/{document_id}/tables", response_model=TableList)
    def tables(
        document_id: int,
        start: Annotated[int, Query(ge=0, le=_FURTHEST)] = 0,
        end: Annotated[int, Query(ge=0, le=_FURTHEST)] = _FURTHEST,
        cells: bool = True,
    ) -> Response:
        """Lists the tables of a document; their cells are stretches of its text. With ``start`` and ``end`` only the
        rows that stand in this stretch of it; without ``cells`` only where the rows stand: no cells, no names of
        columns."""
        found = assistant.all_tables(document_id, start, end)
        return LongJSON({"tables": (plain_table(one, start, end, with_cells=cells) for one in found)})

    @routes.get("/documents/{document_id}/layout", response_model=DocumentLayout)
    async def layout(document_id: int) -> Response:
        """Tells what the stretches of a document's text are, and where each page or moment begins."""
        found = await work.run(partial(assistant.document_layout, document_id))
        places = (LayoutPlace.plain_of(*place) for place in found.places)
        return LongJSON({"blocks": map(LayoutBlock.plain_of, found.blocks), "places": places})

    return routes


def page_routes(assistant: Assistant) -> APIRouter:
    routes = router()
    drawing = Gate(_DRAWN_AT_ONCE)
    picture_reply = content("image/png", {"type": "string", "format": "binary"}, "The picture.")

    @routes.get("/documents/{document_id}/page/{page}.png", response_class=Response, responses=picture_reply)
    async def page(
        document_id: int,
        page: int,
        start: Annotated[int | None, Query(ge=0)] = None,
        end: Annotated[int | None, Query(ge=0)] = None,
        scale: Annotated[float, Query(ge=0.25, le=4)] = 2.0,
        read_start: Annotated[int | None, Query(ge=0)] = None,
        read_end: Annotated[int | None, Query(ge=0)] = None,
    ) -> Response:
        """Draws a page (from 1) of a PDF as a picture.

        The characters ``start`` to ``end`` of its text are highlighted, and more so ``read_start`` to ``read_end``.
        """
        span = (start, end) if start is not None and end is not None else None
        read = (read_start, read_end) if read_start is not None and read_end is not None else None
        picture = await drawing.run(partial(assistant.page_png, document_id, page, span, scale, read))
        return Response(picture, media_type="image/png", headers=NO_STORE)

    text_reply = content("text/plain", {"type": "string"}, "The text.")

    @routes.get("/documents/{document_id}/page/{page}.txt", response_class=Response, responses=text_reply)
    async def page_text(document_id: int, page: int) -> Response:
        """Returns the text of a page (from 1), for where its picture cannot be drawn."""
        content = await drawing.run(lambda: assistant.page_text(document_id, page).encode("utf-8", "replace"))
        return Response(content, media_type="text/plain; charset=utf-8", headers=NO_STORE)

    @routes.get("/documents/{document_id}/page/{page}/marks")
    async def marks(
        document_id: int,
        page: int,
        start: Annotated[int, Query(ge=0)],
        end: Annotated[int, Query(ge=0)],
        read_start: Annotated[int | None, Query(ge=0)] = None,
        read_end: Annotated[int | None, Query(ge=0)] = None,
    ) -> Marks:
        """Finds where on a page (from 1) of a PDF the characters ``start`` to ``end`` of its text stand."""
        read = (read_start, read_end) if read_start is not None and read_end is not None else None
        quote, words = await drawing.run(partial(assistant.page_marks, document_id, page, (start, end), read))
        return Marks.model_validate({"quote": quote, "read": words})

    return routes
