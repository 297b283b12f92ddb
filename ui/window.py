"""Builds the window: connects the events of the three panes and mounts the result on a FastAPI application.

The application must be guarded by app.api.security (token, Host, Origin). What the panes show and do is in
ui.documents, ui.chat and ui.source.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from app.settings.schema import Settings
from docent import DocentError
from ui import chat, documents, documents_view, source, theme
from ui.answering import AnswerRun
from ui.backend import Backend, Untyped
from ui.layout import Parts, lay_out
from ui.pane import acted
from ui.render import notice
from ui.route_guard import GradioGate
from ui.state import Desk, ListView, SourceView

if TYPE_CHECKING:
    from fastapi import FastAPI

_QUIET: dict[str, str] = {"show_progress": "hidden", "api_visibility": "private"}
_MOST_WAITING = 1024  # events
_CONCURRENT = 16  # events of one kind at a time; a few pages of one person
_SEARCHABLE = 8  # documents from which on the list has a search box
_UNSEEN = (-1, -1, -1)
Update = Untyped  # a value for a component, or gr.skip()


def build_window(assistant: Backend, settings: Settings) -> gr.Blocks:
    """Builds the window as Gradio blocks."""
    blocks: gr.Blocks = Window(_desk(assistant, settings)).blocks
    return blocks


def _desk(assistant: Backend, settings: Settings) -> Desk:
    """Makes the desk, and has Gradio keep its files in the data folder: its own folder in /tmp is everybody's."""
    uploads = settings.folder.uploads
    try:
        uploads.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError:  # a full or read-only disk must not keep anyone from asking
        uploads = Path(tempfile.mkdtemp(prefix="docent-"))
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    return Desk(assistant, settings.data_dir / "inbox", uploads)


def mount(app: "FastAPI", assistant: Backend, settings: Settings) -> "Window":
    """Serves the window at ``/`` of the HTTP API's app; call it last, as the mount takes every path left over."""
    # Where no event loop runs, Gradio makes one for each of its locks and never closes it.
    return asyncio.run(_mount(app, assistant, settings))


async def _mount(app: "FastAPI", assistant: Backend, settings: Settings) -> "Window":
    window = Window(_desk(assistant, settings))
    app.add_middleware(GradioGate)
    gr.mount_gradio_app(
        app,
        window.blocks,
        path="/",
        server_name="127.0.0.1",
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        allowed_paths=[],
        show_error=False,
        max_file_size=int(settings.library.max_file_mb * 2**20),
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        theme=theme.theme(),
        css=theme.style(),
        head=theme.head(),
        favicon_path=str(Path(__file__).parent / "static" / "favicon.png"),
    )
    return window


class Window:
    """The panes of one desk. ``blocks`` is the Gradio application; give ``on_sync_event`` to ``Assistant.watch``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.on_sync_event = desk.syncing.note
        with gr.Blocks(
            title="Docent", fill_width=True, fill_height=True, analytics_enabled=False, delete_cache=(3600, 3600)
        ) as self.blocks:
            self.parts = lay_out()
            self._connect(self.parts)
        self.blocks.queue(default_concurrency_limit=_CONCURRENT, max_size=_MOST_WAITING)

    def _connect(self, parts: Parts) -> None:
        self._connect_chat(parts)
        self._connect_documents(parts)
        parts.source.act(self._source_pressed, [parts.source_view], [parts.source_view, parts.source], **_QUIET)

    def _connect_chat(self, parts: Parts) -> None:
        conversation = [parts.conversation, parts.history, parts.live, parts.send, parts.stop, parts.chats]
        followed = [
            gr.on(
                [parts.send.click, parts.question.submit],
                self._ask,
                [parts.question, parts.conversation, parts.list_view],
                [parts.question, *conversation],
                trigger_mode="multiple",
                **_QUIET,
            ),
            self.blocks.load(
                self._opened,
                [parts.list_view],
                [*conversation, parts.documents, parts.progress, parts.seen],
                **_QUIET,
            ),
        ]
        parts.stop.click(self.desk.answering.stop, queue=False, **_QUIET)
        switched = [*conversation, parts.notice]
        parts.new_chat.click(self._new_chat, None, switched, cancels=followed, **_QUIET)
        parts.chats.switch(
            self._switched, [parts.conversation], switched, cancels=followed, trigger_mode="multiple", **_QUIET
        ).then(self._resumed, [parts.conversation], conversation, **_QUIET)
        parts.chats.act(self._chats_pressed, [parts.conversation], switched, trigger_mode="multiple", **_QUIET)
        cite = [parts.source_view, parts.source]
        for shown in (parts.history, parts.live):
            shown.act(self._chat_pressed, [parts.conversation], cite, **_QUIET)

    def _connect_documents(self, parts: Parts) -> None:
        listed = [parts.list_view, parts.documents, parts.scope, parts.notice]
        for shown in (parts.documents, parts.progress, parts.scope):
            shown.act(
                self._documents_pressed,
                [parts.list_view],
                [*listed, parts.source_view, parts.source],
                trigger_mode="multiple",
                **_QUIET,
            )
        gr.on(
            [parts.add.click, parts.location.submit],
            self._add,
            [parts.location],
            [parts.location, parts.notice],
            **_QUIET,
        )
        parts.upload.upload(
            self._uploaded, [parts.upload], [parts.notice], trigger_mode="multiple", **_QUIET
        )  # files dropped while others are being taken in must not be lost
        parts.refresh.click(self._refresh, None, [parts.notice], **_QUIET)
        parts.search.input(
            self._searched,
            [parts.search, parts.list_view],
            [parts.list_view, parts.documents],
            trigger_mode="always_last",
            **_QUIET,
        )
        parts.timer.tick(
            self._tick,
            [parts.list_view, parts.seen, parts.conversation],
            [parts.documents, parts.progress, parts.seen, parts.search, parts.history, parts.chats],
            queue=False,
            **_QUIET,
        )

    # Chat ------------------------------------------------------------------------------------------------------------

    def _ask(self, question: str, conversation: str | None, view: ListView) -> Iterator[tuple[Update, ...]]:
        if not question.strip():
            yield _unchanged(7)  # a generator that yields nothing would empty its outputs
            return
        run = self.desk.answering.start(question.strip(), conversation, view.scope)
        cleared: Update = ""
        for update in self._follow(run):
            yield cleared, *update
            cleared = gr.skip()

    def _opened(self, view: ListView) -> Iterator[tuple[Update, ...]]:
        """Fills a page that was loaded, perhaps in the middle of an answer."""
        lists = (documents.render(self.desk, view), documents_view.progress(self.desk.syncing.progress), _UNSEEN)
        yield *self._shown(chat.conversation(self.desk, self.desk.last_conversation)), *lists
        run = self.desk.answering.current
        if run is not None:
            for update in self._follow(run):
                yield *update, gr.skip(), gr.skip(), gr.skip()

    def _resumed(self, conversation: str | None) -> Iterator[tuple[Update, ...]]:
        """Follows the answer of a conversation that was opened, if one is still being written."""
        run = self.desk.answering.current
        if run is not None and conversation is not None and run.started_in == conversation:
            yield from self._follow(run)
        else:
            yield _unchanged(6)

    def _follow(self, run: AnswerRun) -> Iterator[tuple[Update, ...]]:
        """Yields the outputs for a run; the finished part and the lists are sent when they change."""
        history: str | None = None
        for shown in chat.follow(self.desk, run):
            update = self._shown(shown) if not shown.busy or history is None else None
            if update is None:
                update = (gr.skip(), gr.skip(), shown.live, gr.skip(), gr.skip(), gr.skip())
            history = shown.history
            yield update

    def _shown(self, shown: chat.Shown) -> tuple[Update, ...]:
        self.desk.last_conversation = shown.conversation
        return (
            shown.conversation,
            shown.history,
            shown.live,
            gr.update(visible=not shown.busy),
            gr.update(visible=shown.busy),
            chat.chats(self.desk, shown.conversation),
        )

    def _new_chat(self) -> tuple[Update, ...]:
        return *self._shown(chat.conversation(self.desk, None)), ""

    def _switched(self, conversation: str | None, event: gr.EventData) -> tuple[Update, ...]:
        chosen = acted(event).get("id", conversation)
        return *self._shown(chat.conversation(self.desk, chosen)), ""

    def _chats_pressed(self, conversation: str | None, event: gr.EventData) -> tuple[Update, ...]:
        data = acted(event)
        trouble = ""
        try:
            chat.chats_pressed(self.desk, data)
        except DocentError as error:
            trouble = notice(error.message, error.remedy)
        if data.get("act") == "delete" and data.get("id") == conversation:
            return *self._shown(chat.conversation(self.desk, None)), trouble
        return *_unchanged(5), chat.chats(self.desk, conversation), trouble

    def _chat_pressed(self, conversation: str | None, event: gr.EventData) -> tuple[Update, ...]:
        data = acted(event)
        if data.get("act") == "samples":
            documents.pressed(self.desk, ListView(), data)
        cited = chat.citation_of(self.desk, conversation, data) if data.get("act") == "cite" else None
        if cited is None:
            return _unchanged(2)
        return source.show(self.desk, source.at_citation(*cited))

    # Documents and source --------------------------------------------------------------------------------------------

    def _documents_pressed(self, view: ListView, event: gr.EventData) -> tuple[Update, ...]:
        data = acted(event)
        trouble, opened = "", (gr.skip(), gr.skip())
        try:
            if data.get("act") == "open" and data.get("document", "").isdecimal():
                document = self.desk.assistant.document_view(int(data["document"]))
                opened = source.show(self.desk, source.at_start(document))
            else:
                view = documents.pressed(self.desk, view, data)
        except DocentError as error:
            trouble = notice(error.message, error.remedy)
        return (
            view,
            documents.render(self.desk, view),
            documents.scope(self.desk, view),
            trouble,
            *opened,
        )

    # Only the tick writes the progress: were these to write it too, an older state could arrive after a newer one.

    def _add(self, location: str) -> tuple[Update, ...]:
        try:
            documents.add(self.desk, location)
        except DocentError as error:
            return gr.skip(), notice(error.message, error.remedy)
        return "", ""

    def _uploaded(self, files: list[str] | None) -> str:
        try:
            documents.add_files(self.desk, files or [])
        except DocentError as error:
            return notice(error.message, error.remedy)
        return ""

    def _refresh(self) -> str:
        self.desk.syncing.start(None)
        return ""

    def _searched(self, query: str, view: ListView) -> tuple[Update, ...]:
        view = replace(view, query=query)
        return view, documents.render(self.desk, view)

    def _source_pressed(self, view: SourceView | None, event: gr.EventData) -> tuple[Update, ...]:
        return source.show(self.desk, source.pressed(view, acted(event)))

    def _tick(self, view: ListView, seen: tuple[int, int, int], conversation: str | None) -> tuple[Update, ...]:
        """Brings progress and list up to date; sends nothing when nothing has changed."""
        state = self.desk.syncing.progress
        now = (state.version, state.documents_version, self.desk.answering.version)
        if now == seen:
            return _unchanged(6)
        listed: Update = gr.skip()
        searchable: Update = gr.skip()
        greeting: Update = gr.skip()
        if now[1] != seen[1]:
            listed = documents.render(self.desk, view)
            searchable = gr.update(visible=documents.count(self.desk) > _SEARCHABLE)
            if conversation is None and self.desk.answering.current is None:
                greeting = chat.conversation(self.desk, None).history
        # An answer that nobody follows may have ended, or an older list have arrived after a newer one.
        talks: Update = chat.chats(self.desk, conversation) if now[2] != seen[2] else gr.skip()
        return listed, documents_view.progress(state), now, searchable, greeting, talks


def _unchanged(count: int) -> tuple[Update, ...]:
    return tuple(gr.skip() for _ in range(count))
