"""A real server whose clients say nothing, little, or too slowly."""

import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
import uvicorn

from app.api.connections import ImpatientProtocol
from app.api.security import Receive, Scope, Send


class Hasty(ImpatientProtocol):
    head_s = 0.4
    body_pause_s = 0.4
    most = 20


async def _application(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"%02d" % len(body)})


@pytest.fixture
def port() -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(_application, http=Hasty, log_config=None, access_log=False, ws="none", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


def is_closed(connection: socket.socket) -> bool:
    """Whether the server closes the connection within a few seconds."""
    connection.settimeout(5)
    try:
        return connection.recv(1) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 50\r\n\r\nab"])
def test_who_keeps_the_server_waiting_is_cut_off(port: int, said: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(said)
        assert is_closed(connection)


def test_idle_connections_do_not_deafen_the_server(port: int) -> None:
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
    try:
        assert httpx.post(f"http://127.0.0.1:{port}/", content=b"seven..").text == "07"
        assert sum(map(is_closed, idle[:40])) == 40  # those that came first made room
    finally:
        for connection in idle:
            connection.close()
