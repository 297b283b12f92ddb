"""Archives that are made for one request and deleted with it."""

import json
import time
import uuid
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from app.api.gate import Gate
from app.api.json_replies import NO_STORE, content
from app.api.shapes.answer import Conversation
from app.assistant import Assistant
from app.conversations.transcript import as_markdown
from app.pages.desk import Desk

ARCHIVE: dict[int | str, dict[str, Any]] = content(
    "application/zip", {"type": "string", "format": "binary"}, "The archive."
)
Fill = Callable[[zipfile.ZipFile], None]


async def archive_reply(desk: Desk, gate: Gate, name: str, fill: Fill) -> Response:
    """An archive that ``fill`` writes; ``name`` and the day are what a browser calls it."""
    target = desk.uploads / f"{uuid.uuid4().hex}.zip"
    await gate.run(partial(_write, target, fill))
    return FileResponse(
        target,
        media_type="application/zip",
        filename=time.strftime(f"{name}-%Y-%m-%d.zip"),
        headers=NO_STORE,
        background=BackgroundTask(target.unlink, missing_ok=True),
    )


def _write(target: Path, fill: Fill) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            fill(archive)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def add_conversations(assistant: Assistant, archive: zipfile.ZipFile) -> None:
    """Writes each conversation as Markdown and as JSON."""
    for info in assistant.conversations():
        shown, every = assistant.conversation(info.id), assistant.all_exchanges(info.id)
        name = f"conversations/{info.id}"
        archive.writestr(f"{name}.md", as_markdown(info.title, shown, every).encode("utf-8", "replace"))
        plain = {"title": info.title, **Conversation.of(info.id, every).plain()}
        archive.writestr(f"{name}.json", json.dumps(plain, indent=1))
