"""The tools of the Model Context Protocol, used by the protocol's own client: over a pipe and over HTTP."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
from mcp import Client, ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from app.assistant import Assistant
from app.mcp_tools import mcp_server

T = TypeVar("T")


def used(assistant: Assistant, use: Callable[[Client], Awaitable[T]]) -> T:
    async def run() -> T:
        async with Client(mcp_server(assistant)) as client:
            return await use(client)

    return asyncio.run(run())


async def content(client: Any, tool: str, **arguments: Any) -> Any:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    return result.structured_content


def test_search_ask_read_and_list(assistant: Assistant, folder: Path) -> None:
    assistant.sync([str(folder)])

    async def use(client: Client) -> None:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert tools == {"search", "ask", "read_document", "list_documents"}
        first, *_ = (await content(client, "search", question="How much krill does a whale eat?", limit=2))["result"]
        assert first["source"].endswith("whales.txt")
        assert "krill" in first["text"]
        answer = await content(client, "ask", question="How much does a blue whale eat a day?")
        assert answer["found"]
        assert "four tonnes" in answer["text"]
        assert answer["citations"][0]["source"].endswith("whales.txt")
        read = await content(client, "read_document", document_id=first["document_id"], start=4, characters=10)
        assert (read["text"], read["start"]) == ("blue whale", 4)
        listed = (await content(client, "list_documents", containing="TOWERS"))["result"]
        assert [document["status"] for document in listed] == ["ok"]

    used(assistant, use)
    assert assistant.conversations() == []


def test_what_cannot_be_done_is_an_error_of_the_tool(assistant: Assistant) -> None:
    async def use(client: Client) -> tuple[Any, Any]:
        missing = await client.call_tool("read_document", {"document_id": 77})
        return missing, await client.call_tool("ask", {"question": "  "})

    missing, empty = used(assistant, use)
    assert missing.is_error
    assert "no document 77" in missing.content[0].text
    assert empty.is_error


def test_the_command_speaks_over_a_pipe(tmp_path: Path) -> None:
    command = ["-m", "ui.main", "--data-dir", str(tmp_path / "data"), "mcp"]

    async def run() -> list[str]:
        server = StdioServerParameters(command=sys.executable, args=command, cwd=str(Path(__file__).parents[2]))
        async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            assert (await session.call_tool("list_documents", {})).structured_content == {"result": []}
            return [tool.name for tool in (await session.list_tools()).tools]

    assert "search" in asyncio.run(run())


def test_over_http_with_its_token_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ui.main", "--data-dir", str(tmp_path / "data"), "mcp", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())

        async def run() -> list[str]:
            headers = {"Authorization": f"Bearer {told['token']}"}
            async with (
                httpx_client(headers) as http,
                streamable_http_client(told["url"], http_client=http) as streams,
                ClientSession(streams[0], streams[1]) as session,
            ):
                await session.initialize()
                return [tool.name for tool in (await session.list_tools()).tools]

        try:
            assert "ask" in asyncio.run(run())
            assert httpx.post(told["url"], json={}).status_code == 401
        finally:
            process.terminate()
        process.wait(60)


def httpx_client(headers: dict[str, str]) -> Any:
    import httpx2

    return httpx2.AsyncClient(headers=headers)
