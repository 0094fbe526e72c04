"""Webhooks on the wire: signed, tried again, given up, never sent by two at once, and nowhere forbidden."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import format_datetime
from ipaddress import ip_network
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from callgauge.flow import errands
from callgauge.flow.sealing import seal
from callgauge.flow.webhooks import deliveries, outbox
from callgauge.flow.webhooks.events import queue_test
from callgauge.flow.webhooks.outbox import Tried
from callgauge.outbound.signing import signature
from callgauge.store.models import Agent, ErrandState, Project, WebhookDelivery
from callgauge.worker.sending import PER_PROJECT, WebhookOptions, Webhooks
from tests.call_rows import call_row
from tests.receiver import Answer, Receiver
from tests.tenants import Tenant, tenant
from tests.waiting import PATIENCE, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

HERE = (ip_network("127.0.0.1/32"),)
SECRET, SIGNING = "the-shared-secret", "the-signing-secret"


@pytest.fixture
def alice(transactional_db: None) -> Tenant:
    return tenant("Acme", "Support")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


class Running:
    """A sender on a loop in a thread of its own, as in an executor."""

    def __init__(self, owner: str = "test:1", **options: Any) -> None:
        self._options = WebhookOptions(**{"networks": HERE, "timeout_secs": 20 * PATIENCE, **options})
        self._owner = owner
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Running:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    async def _start(self) -> None:
        self._webhooks = Webhooks(self._owner, self._options)
        self._webhooks.start()

    def __exit__(self, *args: object) -> None:
        asyncio.run_coroutine_threadsafe(self._webhooks.stop(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def listen(owner: Project | Agent, url: str, **secrets: str) -> None:
    owner.settings = {**owner.settings, "webhook_url": url}
    owner.secrets = {name: seal(text) for name, text in secrets.items()}
    owner.save()


def completed(project: Project, number: int = 0) -> WebhookDelivery:
    agent = project.agents.first() or Agent.objects.create(project=project, name="Bookings")
    call = call_row(agent, f"c{number}")
    return WebhookDelivery.objects.create(
        uid=errands.new_uid(),
        project=project,
        agent=agent,
        call=call,
        event="call_log.completed",
        facts='{"success": true}',
        due_at=timezone.now() - timedelta(seconds=1),
    )


def states() -> list[str]:
    return [deliveries.state_of(row) for row in WebhookDelivery.objects.order_by("id")]


def ended() -> bool:
    return set(states()) <= {"delivered", "dead"}


def due_now() -> int:
    """Waiting is over: tries follow each other at once."""
    waiting = WebhookDelivery.objects.filter(state=ErrandState.QUEUED, due_at__gt=Now())
    return waiting.update(due_at=Now())


def try_until_ended() -> None:
    def step() -> bool:
        due_now()
        return ended()

    wait_until(step, what="the end of every delivery")


def test_a_delivery_is_signed_sent_and_noted(alice: Tenant, receiver: Receiver) -> None:
    listen(alice.project, receiver.url, webhook_secret=SECRET, webhook_signing_secret=SIGNING)
    row = completed(alice.project)
    receiver.answer = lambda got: Answer(202, body=f"thanks, {SECRET} and {SIGNING}".encode())
    with Running():
        wait_until(ended)
    (got,) = receiver.got
    assert got.path == "/hook?token=in-the-query"
    assert (got.headers["webhook-id"], got.headers["x-cekura-secret"]) == (row.uid, SECRET)
    assert got.headers["x-callgauge-event"] == "call_log.completed"
    assert got.headers["content-type"] == "application/json"
    seconds = int(got.headers["webhook-timestamp"])
    assert abs(seconds - timezone.now().timestamp()) < 60
    assert got.headers["webhook-signature"] == signature(row.uid, seconds, got.body, SIGNING)
    assert json.loads(got.body)["data"]["call_id"] == "c0"
    row.refresh_from_db()
    (tried,) = row.tries
    assert (deliveries.state_of(row), row.attempts, tried["status"]) == ("delivered", 1, 202)
    assert tried["response"] == "thanks, … and …", "secrets are not kept, even where a receiver echoes them"
    assert tried["url"] == receiver.url.partition("?")[0]
    assert SECRET not in json.dumps(row.tries) + json.dumps(alice.project.secrets)


def test_with_one_secret_it_signs_too(alice: Tenant, receiver: Receiver) -> None:
    listen(alice.project, receiver.url, webhook_secret=SECRET)
    row = completed(alice.project)
    with Running():
        wait_until(ended)
    (got,) = receiver.got
    seconds = int(got.headers["webhook-timestamp"])
    assert got.headers["webhook-signature"] == signature(row.uid, seconds, got.body, SECRET)


def test_what_fails_is_tried_again_under_the_same_id(alice: Tenant, receiver: Receiver) -> None:
    listen(alice.project, receiver.url)
    row = completed(alice.project)
    answers = iter([Answer(500, body=b"out of order"), Answer(404), Answer(302), Answer(200)])
    receiver.answer = lambda got: next(answers)
    with Running():
        try_until_ended()
    assert states() == ["delivered"]
    assert [got.headers["webhook-id"] for got in receiver.got] == [row.uid] * 4
    assert len({got.body for got in receiver.got}) == 1
    row.refresh_from_db()
    assert [one["status"] for one in row.tries] == [500, 404, 302, 200]
    assert (row.tries[0]["response"], row.tries[3]["error"]) == ("out of order", "")


def test_it_is_given_up_after_so_many_tries_and_can_be_replayed(alice: Tenant, receiver: Receiver) -> None:
    listen(alice.project, receiver.url)
    row = completed(alice.project)
    receiver.answer = lambda got: Answer(503)
    with Running(tries=3):
        try_until_ended()
        assert (states(), len(receiver.got)) == (["dead"], 3)
        receiver.answer = lambda got: Answer(200)
        deliveries.replay(alice.key, row)
        try_until_ended()
    assert (states(), len(receiver.got)) == (["delivered"], 4)
    assert receiver.got[3].headers["webhook-id"] == row.uid


def test_gone_is_given_up_at_once(alice: Tenant, receiver: Receiver) -> None:
    listen(alice.project, receiver.url)
    completed(alice.project)
    receiver.answer = lambda got: Answer(410)
    with Running():
        wait_until(ended)
    assert (states(), len(receiver.got)) == (["dead"], 1)


@pytest.mark.parametrize("kind", ["seconds", "date"])
def test_it_waits_as_long_as_the_receiver_asks(alice: Tenant, receiver: Receiver, kind: str) -> None:
    listen(alice.project, receiver.url)
    row = completed(alice.project)
    then = timezone.now() + timedelta(seconds=3_600)
    text = "3600" if kind == "seconds" else format_datetime(then, usegmt=True)
    receiver.answer = lambda got: Answer(429, {"Retry-After": text})
    with Running():
        wait_until(lambda: bool(WebhookDelivery.objects.get().tries))
    row.refresh_from_db()
    assert 3_500 < (row.due_at - timezone.now()).total_seconds() <= 3_601
    assert states() == ["queued"]


def test_a_redirect_is_not_followed(alice: Tenant, receiver: Receiver) -> None:
    """Not even to where the sender may go: least of all into the operator's own network."""
    with Receiver() as inside:
        listen(alice.project, receiver.url)
        completed(alice.project)
        receiver.answer = lambda got: Answer(307, {"Location": inside.url})
        with Running(tries=1):
            wait_until(ended)
        assert (states(), inside.got) == (["dead"], [])


def test_a_private_address_is_refused_and_said_so(alice: Tenant, receiver: Receiver) -> None:
    listen(alice.project, receiver.url)
    row = completed(alice.project)
    with Running(networks=()):
        wait_until(ended)
    row.refresh_from_db()
    assert (states(), receiver.got) == (["dead"], [])
    assert "CALLGAUGE_OUTBOUND_NETWORKS" in row.tries[0]["error"]


def test_a_name_that_leads_to_a_private_address_is_refused(alice: Tenant, receiver: Receiver) -> None:
    listen(alice.project, receiver.url.replace("127.0.0.1", "localhost"))
    row = completed(alice.project)
    with Running(networks=()):
        wait_until(ended)
    row.refresh_from_db()
    assert (states(), receiver.got) == (["dead"], [])
    assert "not a public address" in row.tries[0]["error"]


def test_one_receiver_that_hangs_keeps_nobody_else_waiting(alice: Tenant, receiver: Receiver) -> None:
    charlie = tenant("Rival", "Support")
    release = threading.Event()
    with Receiver(lambda got: Answer(until=release)) as hanging:
        listen(alice.project, hanging.url)
        listen(charlie.project, receiver.url)
        for number in range(3 * PER_PROJECT):
            completed(alice.project, number)
        theirs = completed(charlie.project)
        with Running():
            wait_until(lambda: hanging.together == PER_PROJECT)
            wait_until(lambda: WebhookDelivery.objects.get(pk=theirs.pk).state == ErrandState.COMPLETED)
            assert hanging.most_together == PER_PROJECT
            release.set()
            wait_until(ended)
    assert len(hanging.got) == 3 * PER_PROJECT


def test_a_receiver_that_hangs_is_left_after_the_timeout(alice: Tenant) -> None:
    release = threading.Event()
    with Receiver(lambda got: Answer(until=release)) as hanging:
        listen(alice.project, hanging.url)
        row = completed(alice.project)
        with Running(timeout_secs=1, tries=1):
            wait_until(ended)
        release.set()
    row.refresh_from_db()
    assert (states(), row.tries[0]["error"]) == (["dead"], "It took longer than 1 s.")


def test_two_senders_never_send_the_same_at_once(alice: Tenant, receiver: Receiver) -> None:
    listen(alice.project, receiver.url)
    for number in range(40):
        completed(alice.project, number)
    with Running("test:1"), Running("test:2"):
        wait_until(ended)
    ids = [got.headers["webhook-id"] for got in receiver.got]
    assert len(ids) == len(set(ids)) == 40


def test_who_has_lost_the_lease_notes_nothing(alice: Tenant) -> None:
    listen(alice.project, "https://hooks.example.com")
    row = completed(alice.project)
    (mine,) = outbox.claim("first")
    assert not outbox.claim("second"), "the lease holds"
    WebhookDelivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    (theirs,) = outbox.claim("second")
    assert theirs.headers["webhook-id"] == mine.headers["webhook-id"] == row.uid
    outbox.ended("first", mine, Tried(delivered=True), most_tries=10)
    assert states() == ["sending"]
    outbox.ended("second", theirs, Tried(delivered=True), most_tries=10)
    assert states() == ["delivered"]


def test_what_was_under_way_is_handed_back_when_the_server_stops(alice: Tenant) -> None:
    release = threading.Event()
    with Receiver(lambda got: Answer(until=release)) as hanging:
        listen(alice.project, hanging.url)
        completed(alice.project)
        with Running():
            wait_until(lambda: len(hanging.got) == 1)
        assert states() == ["queued"]
        release.set()
        with Running("test:2"):
            wait_until(ended)
    assert len(hanging.got) == 2
    assert len({got.headers["webhook-id"] for got in hanging.got}) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda project: listen(project, ""), "no webhook_url"),
        (lambda project: listen(project, "https://hooks.example.com", webhook_secret="a\nb"), "header"),
        (lambda project: Project.objects.update(secrets={"webhook_secret": "rubbish"}), "cannot be read"),
    ],
)
def test_what_cannot_be_sent_says_why(
    alice: Tenant, receiver: Receiver, change: Callable[[Project], Any], words: str
) -> None:
    listen(alice.project, receiver.url)
    row = completed(alice.project)
    change(alice.project)
    with Running():
        wait_until(ended)
    row.refresh_from_db()
    assert (states(), receiver.got) == (["dead"], [])
    assert words in row.tries[0]["error"]


def test_a_mended_address_gets_what_waits(alice: Tenant, receiver: Receiver) -> None:
    with Receiver(lambda got: Answer(500)) as broken:
        listen(alice.project, broken.url)
        completed(alice.project)
        with Running():
            wait_until(lambda: len(broken.got) == 1)
            wait_until(lambda: states() == ["queued"])
            listen(alice.project, receiver.url)
            try_until_ended()
    assert (states(), len(receiver.got)) == (["delivered"], 1)


def test_a_test_event_is_tried_once(alice: Tenant, receiver: Receiver) -> None:
    listen(alice.project, receiver.url)
    queue_test(alice.project, None)
    receiver.answer = lambda got: Answer(500)
    with Running():
        wait_until(ended)
    (got,) = receiver.got
    assert json.loads(got.body)["event_type"] == "webhook.test"


def test_a_large_answer_is_not_read_to_its_end(alice: Tenant, receiver: Receiver) -> None:
    listen(alice.project, receiver.url)
    row = completed(alice.project)
    receiver.answer = lambda got: Answer(200, body=b"x" * 5_000_000)
    with Running():
        wait_until(ended)
    row.refresh_from_db()
    assert row.tries[0]["response"] == "x" * outbox.MAX_RESPONSE_CHARS


def test_what_has_waited_longest_goes_first(alice: Tenant, receiver: Receiver) -> None:
    listen(alice.project, receiver.url)
    rows = [completed(alice.project, number) for number in range(3)]
    for row, age in zip(rows, (1, 3, 2), strict=True):
        WebhookDelivery.objects.filter(pk=row.pk).update(due_at=timezone.now() - timedelta(minutes=age))
    assert [work.pk for work in outbox.claim("me", 2)] == [rows[1].pk, rows[2].pk]
    assert [work.pk for work in outbox.claim("me", 2)] == [rows[0].pk]


def test_many_are_claimed_in_as_many_queries_as_few(
    alice: Tenant, django_assert_max_num_queries: Any
) -> None:
    listen(alice.project, "https://hooks.example.com")
    for number in range(20):
        completed(alice.project, number)
    with django_assert_max_num_queries(16):
        works = outbox.claim("me", 20)
    said = {json.loads(work.body)["data"]["call_id"] for work in works}
    assert said == {f"c{number}" for number in range(20)}


def test_a_call_that_cannot_be_shown_keeps_no_other_back(
    alice: Tenant, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen(alice.project, receiver.url)
    rows = [completed(alice.project, number) for number in range(3)]
    show = outbox.present_details

    def faulty(calls: Any, **options: Any) -> Any:
        if rows[1].call in calls:
            raise RuntimeError("a fault of ours")
        return show(calls, **options)

    monkeypatch.setattr(outbox, "present_details", faulty)
    with Running(tries=1):
        wait_until(ended)
    assert states() == ["delivered", "dead", "delivered"]
    rows[1].refresh_from_db()
    assert "its log says why" in rows[1].tries[0]["error"]


def test_what_is_leased_and_not_begun_is_handed_back(alice: Tenant) -> None:
    release = threading.Event()
    with Receiver(lambda got: Answer(until=release)) as hanging:
        listen(alice.project, hanging.url)
        for number in range(3 * PER_PROJECT):
            completed(alice.project, number)
        with Running():
            wait_until(lambda: hanging.together == PER_PROJECT)
        assert states() == ["queued"] * 3 * PER_PROJECT
        release.set()


def test_a_lease_that_was_never_begun_is_no_try(alice: Tenant, receiver: Receiver) -> None:
    listen(alice.project, receiver.url)
    row = completed(alice.project, 1)
    for _ in range(10):
        [sending] = outbox.claim("one:1", 5, busy={}, per_project=PER_PROJECT)
        outbox.hand_back_untried("one:1", sending.pk)
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("queued", 0)
