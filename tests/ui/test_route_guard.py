"""What the window's server refuses, whoever asks."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest


def test_needs_the_token(serve: Callable[[Any], Any], fake: Any) -> None:
    served = serve(fake)
    for path in ("/", "/config", "/theme.css", "/gradio_api/queue/data?session_hash=x", "/api/documents"):
        assert httpx.get(served.address + path).status_code in (401, 403), path


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/file=/etc/passwd",
        "/gradio_api/file=http://remote.example/",
        "/gradio_api/proxy=http://remote.example/",
        "/gradio_api/info",
        "/monitoring",
    ],
)
def test_gradio_serves_no_files_and_fetches_nothing(serve: Callable[[Any], Any], fake: Any, path: str) -> None:
    served = serve(fake)
    reply = httpx.get(served.address + path, headers={"Authorization": "Bearer a-token-for-tests"})
    assert reply.status_code == 404
    assert "root:" not in reply.text
