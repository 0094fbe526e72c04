"""`callgauge webhook` against a server and a receiver."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from ipaddress import ip_network

import pytest
from click.testing import CliRunner, Result

from callgauge.cli import main
from callgauge.store.models import WebhookDelivery
from callgauge.worker.executor import Executor
from callgauge.worker.sending import WebhookOptions
from tests.receiver import Answer, Receiver
from tests.served import served
from tests.tenants import Tenant, tenant
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
Run = Callable[..., Result]


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    return tenant("Acme", "Support")


@pytest.fixture
def receiver(alice: Tenant) -> Iterator[Receiver]:
    options = WebhookOptions(networks=(ip_network("127.0.0.1/32"),), tries=1)
    executor = Executor("test:1", lambda: None, concurrency=2, webhooks=options)
    with Receiver() as receiver:
        alice.project.settings = {"webhook_url": receiver.url}
        alice.project.save()
        executor.start()
        yield receiver
        executor.stop()


@pytest.fixture
def run(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    monkeypatch.setenv("CEKURA_API_KEY", alice.secret)
    monkeypatch.setattr(sys.modules["callgauge.cli.webhooks"], "POLL_SECS", 0.05)
    with served() as url:
        monkeypatch.setenv("CEKURA_API_URL", url)
        yield lambda *args: CliRunner().invoke(main, ["webhook", *(str(arg) for arg in args)])


def test_try_an_address_and_look_at_what_came_of_it(run: Run, receiver: Receiver) -> None:
    assert "There are none." in run("list").output
    done = run("test")
    uid = WebhookDelivery.objects.get().uid
    assert (done.exit_code, done.output) == (0, f"{uid}  webhook.test, delivered; last try: answered 200\n")
    assert json.loads(receiver.got[0].body)["event_type"] == "webhook.test"
    shown = run("show", uid).output
    assert "/hook  answered 200, " in shown
    assert '"event_type": "webhook.test"' in shown
    assert f"{uid}  webhook.test, delivered" in run("list").output
    assert json.loads(run("list", "--json", "--state", "delivered").stdout)[0]["id"] == uid


def test_a_receiver_that_refuses_is_a_failure(run: Run, receiver: Receiver) -> None:
    receiver.answer = lambda got: Answer(500, body=b"not today")
    done = run("test")
    assert done.exit_code == 1
    assert "dead; last try: The receiver answered 500" in done.output
    assert "not today" in run("show", WebhookDelivery.objects.get().uid).output


def test_replaying(run: Run, receiver: Receiver) -> None:
    run("test")
    uid = WebhookDelivery.objects.get().uid
    assert f"{uid}  webhook.test, queued" in run("replay", uid).output
    wait_until(lambda: len(receiver.got) == 2)
    assert run("replay", "--dead").output == "0 are sent again.\n"


@pytest.mark.parametrize("args", [(), ("abc", "--dead"), ("abc", "--since", "2026-01-01")])
def test_replay_needs_to_know_which(run: Run, args: tuple[str, ...]) -> None:
    done = run("replay", *args)
    assert done.exit_code == 2
    assert "an ID, or --dead" in done.output


def test_without_an_address_it_says_so(run: Run, alice: Tenant) -> None:
    done = run("test")
    assert done.exit_code == 2
    assert "Neither the project nor the agent has a webhook_url." in done.output
