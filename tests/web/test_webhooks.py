"""The page of webhooks: where to, of which calls, what became of them; secrets are set and never shown."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from callgauge.flow import errands
from callgauge.flow.sealing import seal, unseal
from callgauge.flow.webhooks.receivers import receiver_of
from callgauge.store.models import WebhookDelivery
from tests.call_rows import call_row
from tests.people import People
from tests.tenants import Tenant

PAGE = "settings/webhooks"
FORM = {
    "webhook_url": "https://hooks.example.com/calls",
    "notify_call_log_webhook_failed": "1",
    "secret.webhook_signing_secret": "whsec_aGVsbG8=",
}


def text(answer: Any) -> str:
    return str(answer.content.decode())


def delivery(people: People, state: str = "failed", call_id: str = "c-1", **fields: Any) -> WebhookDelivery:
    agent = people.project.agents.first() or people.project.agents.create(name="Bookings")
    tried = {
        "at": timezone.now().isoformat(),
        "url": "https://hooks.example.com/calls",
        "status": 500,
        "error": "The receiver answered 500.",
        "response": "<b>broken</b>",
        "took_ms": 12,
    }
    return WebhookDelivery.objects.create(
        uid=errands.new_uid(),
        project=people.project,
        agent=agent,
        call=call_row(agent, call_id),
        event="call_log.completed",
        facts=json.dumps({"success": False}),
        state=state,
        tries=[tried],
        **{"due_at": timezone.now() - timedelta(seconds=1), **fields},
    )


def test_an_address_is_set_changed_and_taken_away(people: People) -> None:
    client = people.member.client
    assert client.post(people.path(PAGE), FORM).status_code == 302
    project = people.project
    project.refresh_from_db()
    assert project.settings["webhook_url"] == FORM["webhook_url"]
    assert project.settings["notify_call_log_webhook_failed"] is True
    assert project.settings["notify_call_log_webhook_success"] is False
    assert unseal(project.secrets["webhook_signing_secret"]) == "whsec_aGVsbG8="
    page = text(client.get(people.path(PAGE)))
    assert "aGVsbG8" not in page
    assert project.secrets["webhook_signing_secret"] not in page
    assert FORM["webhook_url"] in page
    client.post(people.path(PAGE), {**FORM, "secret.webhook_signing_secret": ""})
    project.refresh_from_db()
    assert "webhook_signing_secret" in project.secrets, "an empty field keeps it"
    client.post(people.path(PAGE), {"webhook_url": "", "clear.webhook_signing_secret": "1"})
    project.refresh_from_db()
    assert (project.settings["webhook_url"], project.secrets) == ("", {})
    assert project.settings["notify_call_log_webhook_failed"] is False


def test_an_address_that_may_not_be_used_is_refused_and_stays_in_the_form(people: People) -> None:
    answer = people.member.client.post(people.path(PAGE), {**FORM, "webhook_url": "http://10.0.0.1/x"})
    assert answer.status_code == 400
    page = text(answer)
    assert "not a public address" in page
    assert 'value="http://10.0.0.1/x"' in page
    people.project.refresh_from_db()
    assert "webhook_url" not in people.project.settings


def test_an_address_that_is_told_nothing_is_pointed_out(people: People) -> None:
    people.member.client.post(people.path(PAGE), {"webhook_url": FORM["webhook_url"]})
    assert "Nothing is sent to this address yet" in text(people.viewer.client.get(people.path(PAGE)))


def test_the_log_and_one_of_it(people: People) -> None:
    row = delivery(people)
    page = text(people.viewer.client.get(people.path(PAGE)))
    assert "given up" in page
    assert row.uid[:8] in page
    assert "Send again" not in page, "a viewer changes nothing"
    one = text(people.viewer.client.get(people.path(f"{PAGE}/{row.uid}")))
    assert "The receiver answered 500." in one
    assert "&lt;b&gt;broken&lt;/b&gt;" in one
    assert "&quot;call_id&quot;: &quot;c-1&quot;" in one
    assert "hx-trigger" not in one.partition('id="webhook"')[2].partition(">")[0]
    delivered = text(people.viewer.client.get(people.path(PAGE), {"state": "delivered"}))
    assert row.uid[:8] not in delivered


def test_sending_again(people: People) -> None:
    row = delivery(people)
    client = people.member.client
    assert client.post(people.path(f"{PAGE}/{row.uid}/replay")).status_code == 302
    row.refresh_from_db()
    assert row.state == "queued"
    part = text(client.get(people.path(f"{PAGE}/{row.uid}"), HTTP_HX_REQUEST="true"))
    assert part.lstrip().startswith('<section id="webhook"')
    assert 'hx-trigger="every 2s"' in part
    WebhookDelivery.objects.update(state="failed")
    client.post(people.path(f"{PAGE}/replay"))
    row.refresh_from_db()
    assert row.state == "queued"


def test_a_test_is_sent_to_the_saved_address(people: People) -> None:
    client = people.member.client
    assert client.post(people.path(f"{PAGE}/test")).status_code == 302
    assert not WebhookDelivery.objects.exists()
    people.project.settings = {"webhook_url": FORM["webhook_url"]}
    people.project.save()
    answer = client.post(people.path(f"{PAGE}/test"))
    row = WebhookDelivery.objects.get()
    assert answer.headers["Location"] == people.path(f"{PAGE}/{row.uid}")
    assert row.event == "webhook.test"


def test_strangers_find_nothing_and_viewers_change_nothing(people: People, charlie: Tenant) -> None:
    row = delivery(people)
    for rest in (PAGE, f"{PAGE}/{row.uid}"):
        assert people.charlie.client.get(people.path(rest)).status_code == 404
    foreign: Client = people.owner.client
    theirs = WebhookDelivery.objects.create(
        uid=errands.new_uid(), project=charlie.project, event="webhook.test", due_at=timezone.now()
    )
    assert foreign.get(people.path(f"{PAGE}/{theirs.uid}")).status_code == 404
    for rest in (PAGE, f"{PAGE}/test", f"{PAGE}/replay", f"{PAGE}/{row.uid}/replay"):
        assert people.viewer.client.post(people.path(rest), FORM).status_code == 403
        assert people.charlie.client.post(people.path(rest), FORM).status_code == 404
    row.refresh_from_db()
    assert row.state == "failed"


def test_a_secret_that_no_key_opens_is_no_fault_of_the_page(people: People) -> None:
    people.project.settings = {"webhook_url": FORM["webhook_url"]}
    people.project.secrets = {"webhook_secret": seal("x")[:-4]}
    people.project.save()
    row = delivery(people)
    for rest in (PAGE, f"{PAGE}/{row.uid}"):
        assert people.owner.client.get(people.path(rest)).status_code == 200


def test_the_page_asks_as_much_for_many_as_for_one(
    people: People, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        delivery(people, call_id=f"c-{number}")
    with django_assert_max_num_queries(14):
        people.owner.client.get(people.path(PAGE))


def test_an_agents_own_address_is_set_on_its_page_tried_and_taken_away(
    people: People, charlie: Tenant
) -> None:
    client, agent = people.member.client, people.project.agents.create(name="Bookings")
    page = people.path(f"settings/agents/{agent.pk}")
    said = {"name": "Bookings", "language": "en", "webhook_url": "https://agent.example.com/x"}
    assert client.post(page, {**said, "secret.webhook_secret": "hush-hush"}).status_code == 302
    agent.refresh_from_db()
    receiver = receiver_of(people.project, agent)
    assert receiver is not None
    assert (receiver.url, receiver.signing_secret()) == ("https://agent.example.com/x", "hush-hush")
    shown = text(client.get(page))
    assert 'value="https://agent.example.com/x"' in shown
    assert "hush-hush" not in shown

    assert client.post(people.path(f"{PAGE}/test"), {"agent": agent.pk}).status_code == 302
    assert WebhookDelivery.objects.get().agent_id == agent.pk
    theirs = charlie.agent()
    for other in (theirs.pk, "x"):
        assert client.post(people.path(f"{PAGE}/test"), {"agent": other}).status_code == 404

    refused = client.post(page, {**said, "webhook_url": "http://10.0.0.1/x"})
    assert 'value="http://10.0.0.1/x"' in text(refused)
    assert people.viewer.client.post(page, said).status_code == 403
    client.post(page, {**said, "webhook_url": "", "clear.webhook_secret": "1"})
    agent.refresh_from_db()
    assert (agent.settings["webhook_url"], agent.secrets) == ("", {})
    assert receiver_of(people.project, agent) is None
