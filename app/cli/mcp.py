"""``docent mcp``: the library as tools for other programs, over the Model Context Protocol."""

import importlib.util
import socket
from typing import Annotated

import typer

from app.cli.output import write_json
from app.cli.session import session_of
from app.errors import UsageError
from docent import install_extra

_PACKAGE = "mcp"


def register(app: typer.Typer) -> None:
    app.command()(mcp)


def mcp(
    context: typer.Context,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, metavar="N", help="Serve HTTP on this port instead; 0 = any free one."),
    ] = None,
) -> None:
    """Offer search, ask, read and list as tools to other programs (MCP).

    Over standard input and output, as an MCP client starts it. With --port over streamable HTTP on 127.0.0.1; address
    and token are printed as JSON.
    """
    if importlib.util.find_spec(_PACKAGE) is None:
        raise UsageError("The package mcp is not installed.", f"Install it with `{install_extra('mcp')}`.")
    from app.mcp_tools import mcp_server

    with session_of(context).open() as assistant:
        server = mcp_server(assistant)
        if port is None:
            server.run("stdio")
            return
        import uvicorn

        from app.api.security import LOOPBACK, LocalOnly, new_token

        with socket.create_server((LOOPBACK, port)) as listener:
            bound, token = listener.getsockname()[1], new_token()
            guarded = LocalOnly(server.streamable_http_app(), port=bound, token=token)
            write_json({"url": f"http://{LOOPBACK}:{bound}/mcp", "token": token})
            config = uvicorn.Config(guarded, log_config=None, access_log=False, ws="none")
            uvicorn.Server(config).run(sockets=[listener])
