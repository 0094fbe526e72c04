"""Prometheus: who may ask, what the figures are, and that they tell nobody's business."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from callgauge.flow.rerun import Selection, request_rerun
from callgauge.store.models import Chunk, Rerun, RerunState, WebhookDelivery
from callgauge.telemetry.metrics import METHODS
from callgauge.worker.executor import Executor
from tests.calls import make_calls, make_metric
from tests.judges import FakeJudge, verdict
from tests.server import Server, callgauge
from tests.tenants import Tenant, tenant
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
TOKEN = "a-token-for-prometheus"


@pytest.fixture
def token(settings: Any) -> str:
    from dataclasses import replace

    settings.CALLGAUGE = replace(settings.CALLGAUGE, metrics_token=TOKEN)
    return TOKEN


def _read(client: Client) -> str:
    answer = client.get("/metrics", HTTP_AUTHORIZATION=f"Bearer {TOKEN}")
    assert answer.status_code == 200, answer.content
    return str(answer.content.decode())


def _value(text: str, sample: str) -> float:
    found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_without_a_token_there_is_nothing(db: None, client: Client) -> None:
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", HTTP_AUTHORIZATION="Bearer ").status_code == 404


@pytest.mark.usefixtures("token")
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
def test_whoever_has_no_token_is_refused(db: None, client: Client, header: str) -> None:
    answer = client.get("/metrics", **({"HTTP_AUTHORIZATION": header} if header else {}))
    assert answer.status_code == 401
    assert b"callgauge_" not in answer.content


@pytest.mark.usefixtures("token")
def test_a_project_key_does_not_open_it(alice: Tenant) -> None:
    assert alice.client.get("/metrics").status_code == 401


@pytest.mark.usefixtures("token")
def test_what_waits_and_for_how_long(alice: Tenant, client: Client) -> None:
    agent = alice.agent()
    make_metric(alice.project, "Confirms")
    make_calls(agent, 3)
    assert _value(_read(client), 'callgauge_queue_chunks{priority="normal"}') == 0
    rerun = request_rerun(alice.key, agent, Selection()).rerun
    chunks = Chunk.objects.filter(rerun=rerun)
    chunks.update(created_at=rerun.created_at - timedelta(days=365))
    text = _read(client)
    assert _value(text, 'callgauge_queue_chunks{priority="normal"}') == chunks.count() > 0
    assert _value(text, 'callgauge_queue_oldest_seconds{priority="normal"}') > 300 * 86400
    assert _value(text, 'callgauge_reruns{state="planned"}') == 1
    Rerun.objects.filter(pk=rerun.pk).update(state=RerunState.PAUSED, failed=2)
    text = _read(client)
    assert _value(text, 'callgauge_queue_chunks{priority="normal"}') == 0
    assert _value(text, 'callgauge_reruns{state="paused"}') == 1
    assert _value(text, "callgauge_reruns_failed_results") == 2
    assert _value(text, "callgauge_database_up") == 1


@pytest.mark.usefixtures("token")
def test_webhooks_that_wait(alice: Tenant, client: Client) -> None:
    due = timezone.now() - timedelta(hours=1)
    for state in ("queued", "in_progress", "completed", "failed"):
        WebhookDelivery.objects.create(
            uid=f"{state:0<32}", project=alice.project, event="webhook.test", state=state, due_at=due
        )
    text = _read(client)
    assert _value(text, "callgauge_webhooks_waiting") == 2
    assert 3_599 < _value(text, "callgauge_webhooks_overdue_seconds") < 3_700
    WebhookDelivery.objects.all().delete()
    assert _value(_read(client), "callgauge_webhooks_overdue_seconds") == 0


@pytest.mark.usefixtures("token")
@pytest.mark.django_db(transaction=True)
def test_what_a_rerun_costs_is_counted(client: Client) -> None:
    alice = tenant("Acme", "Support")
    agent = alice.agent()
    make_metric(alice.project, "Confirms")
    make_calls(agent, 4)
    before = _read(client)
    rerun = request_rerun(alice.key, agent, Selection()).rerun
    executor = Executor("test:1", lambda: FakeJudge(lambda request: verdict(True)), concurrency=4)
    executor.start()
    wait_until(lambda: Rerun.objects.get(pk=rerun.pk).state == RerunState.DONE)
    executor.stop()
    after = _read(client)
    rerun.refresh_from_db()

    def grown(sample: str) -> float:
        return _value(after, sample) - _value(before, sample)

    assert grown('callgauge_judge_calls_total{outcome="answered",provider="fake"}') == 4
    assert grown('callgauge_results_total{outcome="scored"}') == 4
    assert grown('callgauge_judge_tokens_total{kind="input",provider="fake"}') == rerun.input_tokens > 0
    assert grown('callgauge_judge_cost_usd_total{provider="fake"}') == pytest.approx(rerun.cost_usd)
    assert grown('callgauge_chunks_total{ending="done"}') >= 1
    assert _value(after, "callgauge_judge_calls_in_flight") == 0


@pytest.mark.usefixtures("token")
def test_labels_say_nothing_of_tenants_and_are_bounded(alice: Tenant, client: Client) -> None:
    agent = alice.agent("Highly secret name")
    call = make_calls(agent, 1)[0]
    for number in range(30):
        alice.client.get(f"/observability/v1/call-logs/{call.pk + number}/")
        client.get(f"/nowhere/{number}")
        client.generic(f"ODD{number}", "/healthz")
    text = _read(client)
    labels = set(re.findall(r'(\w+)="([^"]*)"', text))
    assert {name for name, _ in labels} <= {
        "method", "view", "status", "le", "provider", "outcome", "kind", "ending", "priority", "state",
    }  # fmt: skip
    assert not [value for _, value in labels if "secret" in value or "/" in value or "Acme" in value]
    assert {value for name, value in labels if name == "method"} <= {*METHODS, "other"}
    assert 'view="none"' in text
    assert 'view="api.calls' in text


def test_every_name_stands_in_the_docs(db: None) -> None:
    from callgauge.flow.gauges import Gauges
    from callgauge.telemetry.metrics import REGISTRY

    page = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    counted = {f"{one.name}{'_total' if one.type == 'counter' else ''}" for one in REGISTRY.collect()}
    names = {name for name in counted | {one.name for one in Gauges().collect()} if "callgauge" in name}
    assert len(names) > 12
    assert {name for name in names if f"`{name}`" not in page} == set()
    assert set(re.findall(r"`(callgauge_\w+)`", page)) == names


def test_processes_of_one_web_server_count_together(tmp_path: Path) -> None:
    count = "from callgauge.telemetry.metrics import RESULTS; RESULTS.labels('scored').inc(2)"
    show = "from callgauge.telemetry.metrics import render; print(render().decode())"
    env = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", count], env=env, check=True)
    shown = subprocess.run([sys.executable, "-c", show], env=env, check=True, capture_output=True, text=True)
    assert _value(shown.stdout, 'callgauge_results_total{outcome="scored"}') == 4


def test_a_port_of_its_own(tmp_path: Path) -> None:
    server = Server(tmp_path / "data")
    server.data_dir.mkdir()
    server.options = ("--metrics-port", "0")
    with server:
        log = (tmp_path / "server.log").read_text()
        address = re.search(r"metrics on (\S+)", log)
        assert address is not None, log
        text = urllib.request.urlopen(address[1], timeout=30).read().decode()
        assert _value(text, "callgauge_database_up") == 1
        assert _value(text, "process_open_fds") > 5
        assert server.request("GET", "/metrics")[0] == 404


def test_a_port_that_is_taken_is_said_in_one_line(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = callgauge(tmp_path / "data", "serve", "--port", "0", "--metrics-port", port)
    assert ended.returncode == 1
    assert (
        ended.stderr.strip().splitlines()[-1].startswith(f"Error: Cannot serve metrics on 127.0.0.1:{port}")
    )
