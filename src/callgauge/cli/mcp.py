"""`callgauge mcp`: the server as tools for an assistant."""

from __future__ import annotations

from importlib.util import find_spec

import click

from callgauge.cli.remote import Remote
from callgauge.domain.extras import how_to_add


@click.command(short_help="Serve tools to an assistant over MCP.")
@click.option(
    "--http", "over_http", is_flag=True, help="Streamable HTTP on 127.0.0.1 instead of standard input."
)
@click.option("--port", default=8765, show_default=True, type=click.IntRange(1, 65535), help="With --http.")
@click.option("--read-only", is_flag=True, help="Offer only tools that change nothing and cost nothing.")
def mcp(over_http: bool, port: int, read_only: bool) -> None:
    """Let an assistant list and read calls, work on metrics, evaluate, rerun and vote.

    Speaks the Model Context Protocol and works on the server of CEKURA_API_URL with the key of
    CEKURA_API_KEY: the assistant can do what that key can do, and nothing else.
    """
    if find_spec("mcp") is None:
        raise click.ClickException(f"This needs the extra mcp; {how_to_add('mcp')}.")
    from callgauge.cli.mcp_tools import assistant_server

    server = assistant_server(Remote(), read_only=read_only)
    if over_http:
        # Whoever reaches the port acts with the key: it is not opened beyond this machine.
        server.run("streamable-http", host="127.0.0.1", port=port)
    else:
        server.run("stdio")
