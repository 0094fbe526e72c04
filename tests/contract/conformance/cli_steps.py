"""Every command of the client's groups, as a table and as JSON."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cekura.cli._client
import click
import typer
from cekura import Cekura
from cekura.cli.main import app
from typer.testing import CliRunner

from tests.contract.conformance.record import NOT_SERVED, Checker, Row, Wire
from tests.contract.conformance.sdk_steps import ASK
from tests.contract.conformance.stage import DESCRIPTION, TURNS

GROUPS = (
    "agents",
    "alerts",
    "api-keys",
    "calls",
    "metric-reviews",
    "metrics",
    "organizations",
    "predefined-metrics",
    "projects",
)


def commands() -> dict[str, bool]:
    """Each command of the groups, and whether it can print a table and JSON."""
    whole = typer.main.get_command(app)
    assert isinstance(whole, click.Group) or hasattr(whole, "commands")
    return {
        f"{group} {name}": any(parameter.name == "format" for parameter in command.params)
        for group in GROUPS
        for name, command in whole.commands[group].commands.items()  # type: ignore[attr-defined]
    }


class Terminal:
    def __init__(
        self,
        address: str,
        key: str,
        folder: Path,
        wire: Wire,
        rows: dict[tuple[str, str], Row],
        check: Checker,
    ) -> None:
        self._folder = folder
        self._wire = wire
        self._rows = rows
        self._check = check
        self._formats = commands()
        self._runner = CliRunner(
            env={"CEKURA_API_URL": address, "CEKURA_API_KEY": key, "HOME": str(folder), "COLUMNS": "200"}
        )
        self.sdk = Cekura(api_key=key, base_url=address)

    def run(
        self, command: str, *words: object, said: Any = None, absent: bool = False, says: str = ""
    ) -> Any:
        """Once as a table and once as JSON. The answer that the JSON run printed."""
        answer: Any = None
        for way in ("table", "json") if self._formats[command] else ("table",):
            arguments = [*command.split(), *map(str, words)]
            if said is not None:
                file = self._folder / "said.json"
                file.write_text(json.dumps(said() if callable(said) else said))
                arguments += ["--from-file", str(file)]
            if self._formats[command]:
                arguments += ["--format", way]
            answer = self._once(way, command, arguments, absent=absent, says=says)
        return answer

    def _once(self, way: str, command: str, arguments: list[str], *, absent: bool, says: str) -> Any:
        cekura.cli._client._client = None
        self._wire.seen.clear()
        with _quick_clock():
            ended = self._runner.invoke(app, arguments)
        seen = self._wire.seen
        answer, fault = None, ""
        if not seen:
            fault = f"nothing was sent: {ended.output.strip()}"
        elif absent:
            said_so = seen[-1].headers.get("X-Callgauge-Not-Served") == "1" and ended.exit_code == 2
            fault = "" if said_so else f"exit {ended.exit_code}, {seen[-1].status}"
        elif says and seen[-1].status == 404 and says in str(seen[-1].body):
            fault = "" if ended.exit_code == 2 else f"exit {ended.exit_code}"
        elif ended.exit_code:
            fault = f"exit {ended.exit_code}: {ended.output.strip()}"
        else:
            fault = self._check(seen[-1].method, seen[-1].path, seen[-1].status, seen[-1].body) or ""
            answer, broken = _printed(ended.stdout, way)
            fault = fault or broken
        result = fault[:160] or (NOT_SERVED if absent else f"exit {ended.exit_code}, {seen[-1].status}")
        before = self._rows.get((command, way))
        if before is None or before.ok:
            request = seen[0].line if seen else "(nothing was sent)"
            self._rows[command, way] = Row(way, command, request, " ".join(result.split()), not fault)
        return answer


@contextmanager
def _quick_clock() -> Iterator[None]:
    """`metrics generate` looks every five seconds; nobody needs to wait that long for a fake judge."""
    sleep = time.sleep
    time.sleep = lambda secs: sleep(min(secs, 0.1))
    try:
        yield
    finally:
        time.sleep = sleep


def _printed(text: str, way: str) -> tuple[Any, str]:
    if way == "table":
        return None, "" if text.strip() else "nothing was printed"
    starts = [place for place in (text.find("{"), text.find("[\n"), text.find("[]")) if place >= 0]
    try:
        return json.loads(text[min(starts, default=0) :]), ""
    except ValueError:
        return None, "what was printed is no JSON"


def _call(agent: int) -> dict[str, Any]:
    return {
        "agent": agent,
        "call_id": str(uuid.uuid4()),
        "transcript_type": "cekura",
        "transcript_json": TURNS,
    }


def _unique(name: str) -> str:
    return f"{name} {uuid.uuid4().hex[:6]}"


def agents(run: Callable[..., Any], sdk: Cekura) -> None:
    project = sdk.projects.list()[0]["id"]
    flat = {"agent_name": "Bookings", "description": DESCRIPTION, "project": project, "inbound": True}
    flat["contact_number"] = "+41315550100"
    made = run("agents create", said=flat)
    pk = made["id"]
    run("agents list")
    run("agents get", pk)
    run("agents update", pk, "--name", "Tables")
    run("agents replace", pk, said=flat)
    run("agents short-list")
    run("agents duplicate", pk)
    run("agents history", pk)
    run("agents restore", pk, said={"history_id": sdk.agents.history(pk)["results"][-1]["history_id"]})
    content = base64.b64encode(b"Open from 18:00.").decode()
    run("agents upload-knowledge-base", pk, said={"files": [{"name": "h.txt", "content_base64": content}]})
    run("agents knowledge-base", pk)
    run("agents delete-knowledge-base", pk, "--yes")
    run("agents delete", pk, "--yes")
    run("agents auto-fetch", 1, absent=True)
    run("agents auto-fetch-progress", 1, "--progress-id", "p", absent=True)
    run("agents personalities", 1, absent=True)
    run("agents enable-personalities", 1, "--personality-ids", "1", absent=True)
    run("agents disable-personalities", 1, "--personality-ids", "1", absent=True)
    run("agents runs-overview", 1, "--from", "2026-01-01", absent=True)
    run("agents tools-list", 1, absent=True)
    run("agents tools-create", 1, said={"name": "t"}, absent=True)
    run("agents tool-get", 1, "t", absent=True)
    run("agents tool-create", 1, "t", said={"name": "t"}, absent=True)
    run("agents tool-update", 1, "t", said={"name": "t"}, absent=True)
    run("agents tool-delete", 1, "t", "--yes", absent=True)
    run("agents mcp-create", 1, 0, said={"name": "t"}, absent=True)


def metrics(run: Callable[..., Any], sdk: Cekura) -> None:
    agent = sdk.agents.create(name="Measured", description=DESCRIPTION)["id"]
    call = sdk.calls.send(**_call(agent))["id"]
    made = run("metrics create", "--agent-id", agent, said=lambda: {"name": _unique("Confirmed"), **ASK})
    pk = made["id"]
    run("metrics list")
    run("metrics get", pk)
    run("metrics update", pk, "--name", "Was it confirmed?")
    run("metrics bulk-create", said=lambda: [{"name": _unique("Many"), **ASK}])
    asked = run("metrics preview", said={"metric_data": {"name": "P", **ASK}, "call_log_ids": [call]})
    run("metrics preview-progress", "-p", asked["progress_id"])
    run("metrics generate", "--agent-id", agent, "-n", 2)
    clean = {"agent": agent, "metric_description": "was it ok??", "eval_type": "boolean"}
    run("metrics generate-clean-description", said=clean)
    asked = run("metrics generate-clean-description-bg", said=clean)
    run("metrics generate-clean-description-progress", "-p", asked["progress_id"])
    run("metrics generate-evaluation-trigger", said={"metric_id": pk})
    asked = run("metrics simplify-prompt", said={"original_prompt": "Say whether it is said that it is so."})
    run("metrics simplify-prompt-progress", "-p", asked["progress_id"])
    asked = run("metrics run-reviews", pk)
    run("metrics run-reviews-progress", "-p", asked["progress_id"])
    run("metrics delete", pk)


def calls(run: Callable[..., Any], sdk: Cekura) -> None:
    agent = sdk.agents.create(name="Called", description=DESCRIPTION)["id"]
    metric = sdk.metrics.create(name=_unique("Kept"), agents=[agent], **ASK)["id"]
    pk = run("calls send", "--agent-id", agent, said=lambda: _call(agent))["id"]
    run("calls list", "--agent-id", agent)
    run("calls get", pk)
    run("calls evaluate", pk, "--metric-ids", metric)
    run("calls rerun-evaluation", said={"agent_id": agent, "call_logs": [pk]})
    while sdk.calls.get(pk)["status"] == "evaluating":
        time.sleep(0.05)
    run("calls mark-metric-vote", pk, "--metric-id", metric, "--thumbs-up")
    run("calls create-scenarios", said={"call_logs": [pk]}, absent=True)
    run("calls create-scenarios-progress", "-p", uuid.uuid4(), absent=True)
    traced = sdk.calls.send(**{**_call(agent), "trace_id": uuid.uuid4().hex})["id"]
    run("calls trace", traced, says="trace")


def metric_reviews(run: Callable[..., Any], sdk: Cekura) -> None:
    agent = sdk.agents.create(name="Reviewed", description=DESCRIPTION)["id"]
    metric = sdk.metrics.create(name=_unique("Reviewed"), agents=[agent], **ASK)["id"]
    call = sdk.calls.send(**_call(agent))["id"]
    while sdk.calls.get(call)["status"] == "evaluating":
        time.sleep(0.05)
    sdk.calls.mark_metric_vote(call, metric_id=metric, thumbs_up=False, feedback="no")
    asked = run("metric-reviews process-feedbacks", "--metric-id", metric)
    run("metric-reviews progress", "--job-id", asked["progress_id"])
    run("metric-reviews update", sdk.metrics.get(metric)["reviews"][0]["id"], "--json", '{"feedback": "x"}')


def alerts(run: Callable[..., Any], sdk: Cekura) -> None:
    metric = sdk.metrics.create(name=_unique("Watched"), **ASK)
    source = {"source_type": "metric", "source_id": metric["id"], "source": {"sub_type": "normal"}}
    pk = run("alerts create", said=lambda: {"name": _unique("Low"), "project": metric["project"], **source})[
        "id"
    ]
    run("alerts list")
    run("alerts get", pk)
    run("alerts update", pk, "--name", _unique("Lower"))
    run("alerts review", "--project-id", metric["project"])
    run("alerts delete", pk, "--yes")


def the_rest(run: Callable[..., Any], sdk: Cekura) -> None:
    run("projects list")
    run("projects get", sdk.projects.list()[0]["id"])
    run("organizations list")
    run("api-keys create", "--name", "ci")
    agent = sdk.agents.create(name="Copied to", description=DESCRIPTION)["id"]
    run("predefined-metrics list")
    run("predefined-metrics copy", "--ids", sdk.predefined_metrics.list()[0]["id"], "--agent-id", agent)


STEPS = (agents, metrics, calls, metric_reviews, alerts, the_rest)
