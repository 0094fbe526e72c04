"""`make conformance`: the official client against a fresh server."""

from __future__ import annotations

import sys
import tempfile
import traceback
from pathlib import Path

from cekura import AsyncCekura, Cekura

from tests.contract.client_routes import client_routes
from tests.contract.conformance import cli_steps, sdk_steps
from tests.contract.conformance.record import Caller, Failure, Row, Wire
from tests.contract.conformance.report import show
from tests.contract.conformance.schema_check import Contract
from tests.contract.conformance.stage import fresh_server, organization_key
from tests.server import Server

Rows = dict[tuple[str, str], Row]


def run(server: Server, folder: Path) -> Rows:
    contract, wire = Contract(server.url), Wire()
    rows: Rows = {
        (route.method, way): Row(way, route.method, f"{route.verb} {route.path}")
        for route in client_routes()
        if route.method.partition(".")[0] in sdk_steps.GROUPS
        for way in ("sync", "async")
    }
    named: Rows = {
        (command, way): Row(way, command)
        for command, formats in cli_steps.commands().items()
        for way in (("table", "json") if formats else ("table",))
    }
    found: Rows = {}
    boss_key = organization_key(server)
    with wire.tapped():
        for way, kind in (("sync", Cekura), ("async", AsyncCekura)):
            do, boss = (
                Caller(way, kind(api_key=key, base_url=server.url), wire, found, contract.fault)
                for key in (server.key, boss_key)
            )
            for step in sdk_steps.STEPS:
                _try(step, do, boss)
            do.close()
            boss.close()
        terminal = cli_steps.Terminal(server.url, server.key, folder, wire, found, contract.fault)
        for commands in cli_steps.STEPS:
            _try(commands, terminal.run, terminal.sdk)
    return {**rows, **named, **found}


def _try(step: object, *arguments: object) -> None:
    """A step that breaks off leaves its rows, and those that it did not come to."""
    try:
        step(*arguments)  # type: ignore[operator]
    except Failure as failure:
        print(f"broke off: {failure}", file=sys.stderr)
    except Exception:
        traceback.print_exc(limit=-2)
        print(f"broke off in {step.__name__}", file=sys.stderr)  # type: ignore[attr-defined]


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with fresh_server(folder) as server:
            server.make_key()
            rows = run(server, folder)
    return 1 if show(rows) else 0


if __name__ == "__main__":
    sys.exit(main())
