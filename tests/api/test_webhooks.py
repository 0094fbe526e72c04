"""The log of webhooks over HTTP: read, sent again, tried, and walled off."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from callgauge.flow import errands
from callgauge.flow.keys import create_key
from callgauge.flow.webhooks import outbox
from callgauge.flow.webhooks.deliveries import replay_dead
from callgauge.flow.webhooks.outbox import Tried
from callgauge.store.models import AuditEntry, CallLog, Rerun, Role, WebhookDelivery
from tests.call_rows import call_row, metric_row
from tests.tenants import Tenant

pytestmark = pytest.mark.django_db
URL = "/callgauge/v1/webhooks/"
HOOK = "https://hooks.example.com/calls"


def patch_project(who: Tenant, **fields: Any) -> Any:
    return who.client.patch(f"/user/v1/projects/{who.project.pk}/", fields, format="json")


def delivery(who: Tenant, call_id: str = "c", state: str = "queued", **fields: Any) -> WebhookDelivery:
    agent = who.project.agents.first() or who.agent()
    call: CallLog = call_row(agent, call_id)
    return WebhookDelivery.objects.create(
        uid=errands.new_uid(),
        project=who.project,
        agent=agent,
        call=call,
        event="call_log.completed",
        facts=json.dumps({"success": True, "status": "success"}),
        **{"due_at": timezone.now() - timedelta(seconds=1), "state": state, **fields},
    )


def listed(who: Tenant, **query: Any) -> list[str]:
    response = who.client.get(URL, query)
    assert response.status_code == 200, response.content
    return [one["id"] for one in json.loads(response.content)["results"]]


def test_the_log_shows_what_became_of_each(alice: Tenant) -> None:
    assert patch_project(alice, webhook_url=HOOK, webhook_secret="hush-hush").status_code == 200
    row = delivery(alice)
    (work,) = outbox.claim("me")
    tried = Tried(status=500, error="The receiver answered 500.", response="hush-hush said you", took_ms=12)
    outbox.ended("me", work, tried, most_tries=3)
    (line,) = json.loads(alice.client.get(URL).content)["results"]
    assert (line["id"], line["event"], line["state"]) == (row.uid, "call_log.completed", "queued")
    assert (line["call_id"], line["attempts"], line["response_status"]) == ("c", 1, 500)
    assert line["next_try_at"] > line["created_at"]
    found = json.loads(alice.client.get(f"{URL}{row.uid}/").content)
    (one,) = found["tries"]
    assert (one["status"], one["response"], one["url"]) == (500, "… said you", HOOK)
    assert (found["payload"]["event_type"], found["payload"]["data"]["call_id"]) == (
        "call_log.completed",
        "c",
    )
    assert "hush-hush" not in json.dumps(found)


def test_it_is_narrowed(alice: Tenant) -> None:
    dead = delivery(alice, "a", "failed")
    queued = delivery(alice, "b")
    assert listed(alice) == [queued.uid, dead.uid]
    assert listed(alice, state="dead") == [dead.uid]
    assert listed(alice, call_id="b") == [queued.uid]
    assert listed(alice, event="webhook.test") == []
    assert listed(
        alice, agent_id=alice.project.agents.get().pk, project_id=alice.project.pk, page_size=1
    ) == [queued.uid]
    response = alice.client.get(URL, {"state": "lost"})
    assert (response.status_code, json.loads(response.content)) == (
        400,
        {"state": ["Write one of queued, sending, delivered, dead."]},
    )


def test_bob_sees_and_replays_and_charlie_finds_nothing(alice: Tenant, bob: Tenant, charlie: Tenant) -> None:
    row = delivery(alice, state="failed", attempts=10)
    assert listed(bob) == [row.uid]
    assert listed(charlie) == []
    for who, path in ((charlie, row.uid), (charlie, "0" * 32)):
        assert who.client.get(f"{URL}{path}/").status_code == 404
        assert who.client.post(f"{URL}{path}/replay/").status_code == 404
    foreign = {"project_id": alice.project.pk}
    for path in ("replay/", "test/"):
        assert charlie.client.post(f"{URL}{path}", foreign, format="json").status_code == 404
    assert charlie.client.post(f"/user/v1/projects/{alice.project.pk}/test-webhook/").status_code == 404
    row.refresh_from_db()
    assert row.state == "failed"
    answer = bob.client.post(f"{URL}{row.uid}/replay/")
    assert (answer.status_code, answer.json()["state"], answer.json()["attempts"]) == (200, "queued", 0)
    again = bob.client.post(f"{URL}{row.uid}/replay/")
    assert again.status_code == 409


def test_a_viewer_reads_and_sends_nothing(alice: Tenant) -> None:
    patch_project(alice, webhook_url=HOOK)
    row = delivery(alice, state="failed")
    _, secret = create_key(organization="Acme", project="Support", role=Role.VIEWER)
    viewer = APIClient(HTTP_X_CEKURA_API_KEY=secret)
    assert viewer.get(f"{URL}{row.uid}/").status_code == 200
    for path in (f"{URL}{row.uid}/replay/", f"{URL}replay/", f"{URL}test/"):
        assert viewer.post(path).status_code == 403
    assert WebhookDelivery.objects.get().state == "failed"


def test_all_that_was_given_up_is_sent_again(alice: Tenant, charlie: Tenant) -> None:
    old, new = delivery(alice, "a", "failed"), delivery(alice, "b", "failed")
    WebhookDelivery.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=2))
    delivered, theirs = delivery(alice, "c", "completed"), delivery(charlie, "d", "failed")
    since = (timezone.now() - timedelta(days=1)).isoformat()
    answer = alice.client.post(f"{URL}replay/", {"since": since}, format="json")
    assert answer.json() == {"replayed": 1}
    assert alice.client.post(f"{URL}replay/").json() == {"replayed": 1}
    states = dict(WebhookDelivery.objects.values_list("pk", "state"))
    assert states == {
        old.pk: "queued",
        new.pk: "queued",
        delivered.pk: "completed",
        theirs.pk: "failed",
    }
    answer = alice.client.post(f"{URL}replay/", {"since": "yesterday-ish"}, format="json")
    assert (answer.status_code, list(answer.json())) == (400, ["since"])


@pytest.mark.parametrize("path", [f"{URL}test/", "/user/v1/projects/{}/test-webhook/"])
def test_a_test_event(alice: Tenant, path: str) -> None:
    path = path.format(alice.project.pk)
    refused = alice.client.post(path)
    assert (refused.status_code, list(refused.json())) == (400, ["webhook_url"])
    patch_project(alice, webhook_url=HOOK)
    answer = alice.client.post(path)
    assert (answer.status_code, answer.json()["event"], answer.json()["state"]) == (
        201,
        "webhook.test",
        "queued",
    )


def test_a_test_event_for_an_agents_own_address(alice: Tenant, charlie: Tenant) -> None:
    agent = alice.agent(settings={"webhook_url": HOOK})
    answer = alice.client.post(f"{URL}test/", {"agent_id": agent.pk}, format="json")
    assert (answer.status_code, answer.json()["agent"]) == (201, agent.pk)
    foreign = charlie.agent("Theirs")
    assert alice.client.post(f"{URL}test/", {"agent_id": foreign.pk}, format="json").status_code == 404


@pytest.mark.parametrize(
    "url",
    ["http://169.254.169.254/latest", "http://10.0.0.1/", "http://user:pw@example.com/", "ftp://a.example"],
)
def test_an_address_that_cannot_be_used_is_refused_when_it_is_set(alice: Tenant, url: str) -> None:
    answer = patch_project(alice, webhook_url=url)
    assert (answer.status_code, list(answer.json())) == (400, ["webhook_url"])
    agent = alice.agent()
    path = f"/test_framework/v2/aiagents/{agent.pk}/"
    answer = alice.client.patch(path, {"webhook_url": url}, format="json")
    assert (answer.status_code, list(answer.json())) == (400, ["webhook_url"])


def test_the_signing_secret_is_kept_sealed_and_never_shown(alice: Tenant) -> None:
    answer = patch_project(alice, webhook_signing_secret="whsec_aGVsbG8=")
    assert answer.json()["webhook_signing_secret_configured"] == "true"
    assert "aGVsbG8" not in answer.content.decode()
    alice.project.refresh_from_db()
    assert "aGVsbG8" not in json.dumps(alice.project.secrets)


@pytest.mark.parametrize("name", ["webhook_signing_secret", "webhook_secret"])
@pytest.mark.parametrize("secret", ["whsec_mysecret!", "whsec_", "whsec_\u2026"])
def test_a_secret_that_its_receiver_could_not_read_is_refused(alice: Tenant, name: str, secret: str) -> None:
    answer = patch_project(alice, **{name: secret})
    assert (answer.status_code, list(answer.json())) == (400, [name])
    assert "base64" in answer.content.decode()
    agent = alice.agent()
    path = f"/test_framework/v2/aiagents/{agent.pk}/"
    answer = alice.client.patch(path, {"webhook_signing_secret": secret}, format="json")
    assert answer.status_code == 400
    agent.refresh_from_db()
    assert agent.secrets == {}


def test_reruns_say_whether_they_notify(alice: Tenant) -> None:
    agent = alice.agent()
    call = call_row(agent, "c")
    body = {"agent_id": agent.pk, "call_logs": [call.pk]}
    for path, notify in (
        ("/callgauge/v1/reruns/", True),
        ("/observability/v1/call-logs/rerun_evaluation/", "true"),
        ("/observability/v1/call-logs/evaluate_metrics/", True),
        ("/observability/v1/call-logs/evaluate_metrics/", False),
    ):
        answer = alice.client.post(path, {**body, "notify": notify}, format="json")
        assert answer.status_code in (200, 201), answer.content
    kinds = list(Rerun.objects.order_by("id").values_list("kind", "notify"))
    assert kinds == [("rerun", True), ("evaluate", True), ("evaluate", False)], "like requests are joined"
    answer = alice.client.post("/callgauge/v1/reruns/", {**body, "notify": "perhaps"}, format="json")
    assert (answer.status_code, answer.json()) == (400, {"notify": ["Write true or false."]})


def test_a_pilot_tells_nobody(alice: Tenant) -> None:
    agent = alice.agent()
    metric_row(alice.project, "Goal")
    call = call_row(agent, "c")
    body = {"agent_id": agent.pk, "call_logs": [call.pk], "notify": True}
    answer = alice.client.post("/callgauge/v1/reruns/pilot/", body, format="json")
    assert (answer.status_code, answer.json()["notify"]) == (201, False)


def test_what_was_forwarded_goes_when_the_call_is_redacted(alice: Tenant) -> None:
    patch_project(alice, webhook_url=HOOK, forward_vapi_webhook=True)
    agent = alice.agent(assistant_id="a-1")
    body: dict[str, Any] = {
        "message": {
            "type": "end-of-call-report",
            "call": {"id": "v-1"},
            "assistant": {"id": "a-1"},
            "artifact": {"messages": [{"role": "bot", "message": "Hi", "secondsFromStart": 0}]},
        }
    }
    path = "/observability/v1/vapi/observe/"
    assert alice.client.post(path, body, format="json").json()["status"] == "stored"
    assert WebhookDelivery.objects.filter(event="vapi.forwarded").exists()
    agent.settings = {"redact_fields": ["phone_number"]}
    agent.save()
    body["message"]["artifact"]["messages"][0]["message"] = "Call me at +49 151 23456789."
    assert alice.client.post(path, body, format="json").json()["status"] == "updated"
    assert not WebhookDelivery.objects.exists()


def test_a_providers_report_is_forwarded_as_it_came(alice: Tenant) -> None:
    patch_project(alice, webhook_url=HOOK, forward_vapi_webhook=True)
    alice.agent(assistant_id="a-1")
    body = {
        "message": {
            "type": "end-of-call-report",
            "call": {"id": "v-1"},
            "assistant": {"id": "a-1"},
            "artifact": {"messages": [{"role": "bot", "message": "Hi", "secondsFromStart": 0}]},
            "odd": {"ünïcode": [1, None, 2.5]},
        }
    }
    path = "/observability/v1/vapi/observe/"
    assert alice.client.post(path, body, format="json").json()["status"] == "stored"
    assert alice.client.post(path, body, format="json").json()["status"] == "known"
    row = WebhookDelivery.objects.get()
    assert (row.event, json.loads(outbox.payload_of(row))) == ("vapi.forwarded", body)


def test_what_sends_nothing_again_leaves_no_entry(alice: Tenant) -> None:
    delivery(alice, "a", "completed")
    assert replay_dead(alice.key, alice.project) == 0
    assert not AuditEntry.objects.filter(action="webhook.replayed").exists()
    delivery(alice, "b", "failed")
    assert replay_dead(alice.key, alice.project) == 1
    entry = AuditEntry.objects.get(action="webhook.replayed")
    assert (entry.project_id, entry.details) == (alice.project.pk, {"count": 1})
