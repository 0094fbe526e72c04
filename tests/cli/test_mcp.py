"""`callgauge mcp` as an assistant uses it: the SDK's client, the tools, a server behind a socket."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from callgauge.cli import main
from callgauge.cli.remote import Remote
from callgauge.flow.call_metadata import index_metadata
from callgauge.store.models import Agent, Metric, Rerun, Review
from tests.call_rows import call_row, rerun_row, result_row
from tests.calls import make_calls, make_metric
from tests.own_services import free_port
from tests.served import served
from tests.tenants import Tenant, tenant
from tests.waiting import wait_until

mcp = pytest.importorskip("mcp")
pytestmark = pytest.mark.django_db(transaction=True)
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    return tenant("Acme", "Support")


@pytest.fixture
def agent(alice: Tenant) -> Agent:
    return alice.agent()


@pytest.fixture
def metric(alice: Tenant) -> Metric:
    return make_metric(alice.project, "Confirms")


@pytest.fixture
def url(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("CEKURA_API_KEY", alice.secret)
    with served() as url:
        monkeypatch.setenv("CEKURA_API_URL", url)
        yield url


def calling(server: Any, name: str, /, **arguments: Any) -> Any:
    async def call() -> Any:
        async with mcp.Client(server) as client:
            return await client.call_tool(name, arguments)

    return asyncio.run(call())


@pytest.fixture
def ask(url: str) -> Ask:
    from callgauge.cli.mcp_tools import assistant_server

    server = assistant_server(Remote())

    def one(name: str, /, **arguments: Any) -> dict[str, Any]:
        answer = calling(server, name, **arguments)
        assert not answer.is_error, answer.content
        return dict(answer.structured_content)

    return one


@pytest.fixture
def refused(url: str) -> Callable[..., str]:
    from callgauge.cli.mcp_tools import assistant_server

    server = assistant_server(Remote())

    def one(name: str, /, **arguments: Any) -> str:
        answer = calling(server, name, **arguments)
        assert answer.is_error
        return str(answer.content[0].text)

    return one


def test_an_assistant_finds_its_way_to_a_failed_call(
    ask: Ask, alice: Tenant, agent: Agent, metric: Metric
) -> None:
    rerun = rerun_row(agent, metric)
    bad = call_row(agent, "bad", success=False)
    index_metadata(bad.pk, '{"tier": "gold"}')
    result_row(bad, metric, rerun, passed=False, explanation='["He did not."]')
    good = call_row(agent, "good", success=True)
    result_row(good, metric, rerun, outcome="failed", reason="judge_unavailable")
    assert ask("list_agents")["results"] == [
        {"id": agent.pk, "name": "Bookings", "project": alice.project.pk}
    ]
    both = ask("list_calls", agent_id=agent.pk)
    assert both["count"] == 2
    assert both["results"][0]["metrics"] == {"Confirms": "failed: judge_unavailable"}
    wanted = {
        "operator": "and",
        "conditions": [
            {"field": "metadata.tier", "op": "eq", "value": "gold"},
            {
                "field": "metric_evaluations.value",
                "metric_id": metric.pk,
                "op": "eq",
                "value": False,
            },
        ],
    }
    found = ask("list_calls", agent_id=agent.pk, filters=wanted)
    assert [(row["call_id"], row["metrics"]["Confirms"]) for row in found["results"]] == [("bad", False)]
    shown = ask("read_call", call_id=bad.pk)
    assert shown["results"][0]["explanation"] == "He did not."
    assert [turn["text"] for turn in shown["transcript"]["turns"]] == ["Good morning.", "A table, please."]
    fields = {field["field"] for field in ask("call_filters", agent_id=agent.pk)["fields"]}
    assert {"metadata.tier", "metric_evaluations.value"} <= fields


def test_what_is_cut_is_said(ask: Ask, agent: Agent) -> None:
    turns = [{"role": "Main Agent", "content": "x" * 2_000, "start_time": n} for n in range(130)]
    call = call_row(agent, "long", payload={"turns": json.dumps(turns)})
    make_calls(agent, 30)
    part = ask("read_call", call_id=call.pk, first_turn=60)["transcript"]
    assert (part["turns_in_all"], part["turns"][0]["turn"], len(part["turns"])) == (130, 60, 60)
    assert "first_turn=120" in part["cut"]
    assert "1000 more characters" in part["turns"][0]["text"]
    assert "cut" not in ask("read_call", call_id=call.pk, first_turn=120)["transcript"]
    listed = ask("list_calls", agent_id=agent.pk, page_size=10)
    assert (listed["count"], listed["pages"], len(listed["results"])) == (31, 4, 10)
    assert "page=2" in listed["cut"]


def test_metrics_are_made_read_and_edited(ask: Ask, agent: Agent) -> None:
    made = ask("create_metric", name="Polite", description="Was the agent polite?", agent_id=agent.pk)
    assert made["eval_type"] == "binary"
    assert [row["name"] for row in ask("list_metrics", agent_id=agent.pk)["results"]] == ["Polite"]
    ask("edit_metric", metric_id=made["id"], description="Was the agent kind?")
    assert ask("read_metric", metric_id=made["id"])["description"] == "Was the agent kind?"


def test_evaluate_plan_rerun_and_steer(ask: Ask, agent: Agent, metric: Metric) -> None:
    calls = make_calls(agent, 3)
    asked = ask("evaluate_calls", call_ids=[calls[0].pk], metric_ids=[metric.pk])
    assert asked["evaluating"] == [calls[0].pk]
    plan = ask("plan_rerun", agent_id=agent.pk)
    assert plan["to_measure"] == 3
    started = ask("start_rerun", agent_id=agent.pk, max_cost_usd=1.5, notify=True)
    assert Rerun.objects.get(pk=started["id"]).notify
    assert (started["total_calls"], started["max_cost_usd"]) == (3, 1.5)
    assert ask("steer_rerun", rerun_id=started["id"], action="pause")["state"] == "paused"
    assert ask("rerun_status", rerun_id=started["id"])["state"] == "paused"
    assert started["id"] in {row["id"] for row in ask("list_reruns", agent_id=agent.pk)["results"]}
    ask("steer_rerun", rerun_id=started["id"], action="cancel")
    assert Rerun.objects.get(pk=started["id"]).state == "cancelled"


def test_what_a_rerun_changed(ask: Ask, alice: Tenant, agent: Agent, metric: Metric) -> None:
    calls = [call_row(agent, f"c{number}") for number in range(30)]
    first, second = rerun_row(agent, metric, state="done"), rerun_row(agent, metric, state="done")
    for call in calls:
        old = result_row(call, metric, first, passed=True, is_current=False)
        result_row(call, metric, second, passed=False, previous_id=old.pk)
    found = ask("compare_rerun", rerun_id=second.pk)
    told = json.dumps(found)
    assert "Confirms" in told
    assert "_cut" in told or len(told) < 20_000
    served = json.loads(alice.client.get(f"/callgauge/v1/reruns/{second.pk}/diff/").content)
    assert set(served) <= set(found)


def test_a_vote_is_the_persons(ask: Ask, agent: Agent, metric: Metric) -> None:
    call = call_row(agent, "c1")
    result_row(call, metric, rerun_row(agent, metric), passed=False)
    ask("vote", call_id=call.pk, metric_id=metric.pk, expected_value=True, feedback="He did.")
    review = Review.objects.get()
    assert (review.expected_value, review.feedback) == (True, "He did.")


def test_errors_say_what_the_server_said(refused: Callable[..., str], agent: Agent) -> None:
    wrong = {"field": "colour", "op": "eq", "value": 1}
    assert "cannot be filtered by 'colour'" in refused("list_calls", filters=wrong)
    assert "There is nothing with the id" in refused("read_call", call_id=10**6)
    assert "less than or equal to 50" in refused("list_calls", page_size=1000)
    assert "name, description or labels" in refused("edit_metric", metric_id=1)


def test_charlie_sees_nothing_of_alices(url: str, agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    from callgauge.cli.mcp_tools import assistant_server

    call = call_row(agent, "hers")
    monkeypatch.setenv("CEKURA_API_KEY", tenant("Rival", "Support").secret)
    server = assistant_server(Remote())
    assert calling(server, "list_calls").structured_content["count"] == 0
    assert calling(server, "read_call", call_id=call.pk).is_error


def test_over_standard_input_and_read_only(url: str, agent: Agent) -> None:
    call_row(agent, "c1")
    command = mcp.StdioServerParameters(
        command=sys.executable, args=["-m", "callgauge.cli", "mcp", "--read-only"], env=dict(os.environ)
    )

    async def use() -> tuple[set[str], Any]:
        async with mcp.Client(command) as client:
            listed = await client.list_tools()
            for tool in listed.tools:
                assert tool.description, tool.name
            return {tool.name for tool in listed.tools}, await client.call_tool("list_calls", {})

    names, answer = asyncio.run(use())
    assert {"list_calls", "read_call", "plan_rerun"} <= names
    assert not names & {"vote", "start_rerun", "create_metric", "edit_metric", "evaluate_calls"}
    assert answer.structured_content["count"] == 1


def test_without_a_key_or_the_sdk_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CEKURA_API_KEY", raising=False)
    result = CliRunner().invoke(main, ["mcp"])
    assert (result.exit_code, "CEKURA_API_KEY" in result.output) == (2, True)
    monkeypatch.setattr(sys.modules["callgauge.cli.mcp"], "find_spec", lambda name: None)
    result = CliRunner().invoke(main, ["mcp"])
    assert (result.exit_code, "make extra NAME=mcp" in result.output) == (1, True)


@pytest.fixture
def over_http(url: str) -> Iterator[str]:
    """`callgauge mcp --http` as a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "callgauge.cli", "mcp", "--http", "--port", str(port)]
    process = subprocess.Popen(command, env=dict(os.environ), stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: process.poll() is not None or answers(port), within_secs=60, what="the port")
        assert process.poll() is None, "it ended by itself"
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(30)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_over_http_the_tools_do_the_same(over_http: str, agent: Agent, alice: Tenant) -> None:
    assert calling(over_http, "list_agents").structured_content["results"] == [
        {"id": agent.pk, "name": "Bookings", "project": alice.project.pk}
    ]
    answer = calling(over_http, "read_call", call_id=404)
    assert answer.is_error


def test_over_http_a_page_of_a_browser_is_refused(over_http: str) -> None:
    """A page that a person visits could reach 127.0.0.1: by a name that leads there, or from its site."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    for header in ({"Host": "evil.example.com"}, {"Origin": "https://evil.example.com"}):
        request = urllib.request.Request(
            over_http,
            data=json.dumps(body).encode(),
            headers={
                "Content-Type": "application/json",
                "Accept": "application/json, text/event-stream",
                **header,
            },
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=30)
        assert refused.value.code in (403, 421)
