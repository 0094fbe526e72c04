"""Calls that come in with `redact_fields`: what is stored, shown, found and given to metrics."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from django.apps import apps

from callgauge.flow.reparsing import Reread, calls_to_read, reread_calls
from callgauge.flow.work import load_apart
from callgauge.pii import Field
from callgauge.store.models import (
    CallLog,
    CallMetadata,
    CallOriginal,
    CallPayload,
    JudgeCall,
    Lab,
    LabCase,
    MetricResult,
    MetricVersion,
    WebhookDelivery,
)
from tests.api.test_observe import send
from tests.api.test_provider_hooks import sample
from tests.call_rows import metric_row, rerun_row, result_row
from tests.tenants import Tenant

pytestmark = pytest.mark.django_db

ALL = [str(field) for field in Field]
SECRETS = (
    *("Ottoline", "ottoline", "415-555", "415 555", "4155550123", "five five five", "oh one two three"),
    *("gmail", "4111 1111"),
)
ROWS = [
    {"role": "Main Agent", "content": "Hi, who is this?", "start_time": 0.0, "end_time": 1.0},
    {"role": "Testing Agent", "content": "This is Ottoline Vane.", "start_time": 1.5, "end_time": 3.0},
    {"role": "Main Agent", "content": "Thanks, Ottoline. Your number?", "start_time": 3.5, "end_time": 5.0},
    {
        "role": "Testing Agent",
        "content": "four one five, five five five, oh one two three",
        "start_time": 5.5,
        "end_time": 9.5,
    },
    {
        "role": "Function Call",
        "data": {"id": "t1", "name": "book", "arguments": '{"name": "Ottoline", "guests": 4}'},
    },
]


def call(agent: Any, **fields: Any) -> dict[str, Any]:
    return {
        "agent": agent.pk,
        "call_id": "c1",
        "transcript_type": "cekura",
        "transcript_json": ROWS,
        "metadata": {
            "customer_name": "Ottoline Vane",
            "tier": "gold",
            "note": "pays with 4111 1111 1111 1111",
        },
        "dynamic_variables": {"email": "ottoline@gmail.com"},
        "customer_number": "+1 415 555 0123",
        "feedback": "Ottoline was kind.",
        "logs": [{"message": "dialled 415-555-0123", "to": "Ottoline", "raw": {"phone": "4155550123"}}],
        **fields,
    }


def everything() -> str:
    """All text of all rows of the database."""
    values = [
        str(value)
        for model in apps.get_app_config("store").get_models()
        for row in model._base_manager.values_list()
        for value in row
    ]
    return "\n".join(values)


def keeping(settings: Any, word: str) -> None:
    settings.CALLGAUGE = replace(settings.CALLGAUGE, redaction_originals=word)


@pytest.mark.parametrize("asked", [ALL, json.dumps(ALL), ", ".join(ALL)], ids=["list", "json", "commas"])
def test_nothing_personal_is_stored_anywhere(alice: Tenant, asked: Any) -> None:
    status, answer = send(alice.client, call(alice.agent(), redact_fields=asked))
    assert status == 201
    assert [row["content"] for row in answer["transcript_object"][:4]] == [
        "Hi, who is this?",
        "This is <PERSON>.",
        "Thanks, <PERSON>. Your number?",
        "<PHONE>",
    ]
    stored = everything()
    assert [secret for secret in SECRETS if secret in stored] == []
    assert CallPayload.objects.get().raw == "null"
    assert not CallOriginal.objects.exists()


def test_what_is_shown_is_what_is_stored(alice: Tenant) -> None:
    _, answer = send(alice.client, call(alice.agent(), redact_fields=ALL))
    pk = answer["id"]
    detail = alice.client.get(f"/observability/v2/call-logs/{pk}/").json()
    assert detail["metadata"] == {
        "customer_name": "<PERSON>",
        "tier": "gold",
        "note": "pays with <CREDIT_CARD>",
    }
    assert detail["dynamic_variables"] == {"email": "<EMAIL>"}
    assert detail["customer_number"] == "<PHONE>"
    assert detail["feedback"] == "<PERSON> was kind."
    tool = detail["transcript_object"][4]["data"]
    assert json.loads(tool["arguments"]) == {"name": "<PERSON>", "guests": 4}
    (entry,) = alice.client.get(f"/observability/v1/call-logs/{pk}/logs/").json()["entries"]
    assert entry["message"] == "dialled <PHONE>"
    assert entry["raw"] == {"to": "<PERSON>", "phone": "<PHONE>"}
    assert set(CallMetadata.objects.values_list("text", flat=True)) == {
        "<PERSON>",
        "gold",
        "pays with <CREDIT_CARD>",
    }


def test_a_search_finds_what_is_left_only(alice: Tenant) -> None:
    send(alice.client, call(alice.agent(), redact_fields=ALL))

    def found(text: str) -> int:
        leaf = json.dumps({"field": "transcript", "op": "contains", "value": text})
        return int(alice.client.get("/observability/v2/call-logs/", {"filters_v2": leaf}).json()["count"])

    assert (found("who is this"), found("Ottoline"), found("five five five")) == (1, 0, 0)


def test_only_what_is_asked_for_goes(alice: Tenant) -> None:
    send(alice.client, call(alice.agent(), redact_fields=["person_name"]))
    payload = CallPayload.objects.get()
    assert "<PERSON>" in payload.transcript
    assert "five five five" in payload.transcript
    assert CallLog.objects.get().customer_number == "+1 415 555 0123"
    assert payload.redaction["hidden"] == {"person_name": 2}


def test_without_a_word_of_it_everything_stays(alice: Tenant) -> None:
    for asked in (None, [], "", "[]"):
        send(alice.client, call(alice.agent(), call_id=f"c{asked}", redact_fields=asked))
    for payload in CallPayload.objects.all():
        assert payload.redaction == {}
        assert json.loads(payload.raw) == ROWS
        assert "Ottoline" in payload.transcript


@pytest.mark.parametrize("asked", [["iris_scan"], "iris_scan", '["ssn"', {"a": 1}, [1], 7])
def test_what_is_no_kind_is_refused(alice: Tenant, asked: Any) -> None:
    status, answer = send(alice.client, call(alice.agent(), redact_fields=asked))
    assert (status, set(answer)) == (400, {"redact_fields"})
    assert not CallLog.objects.exists()


def test_an_agent_says_it_for_its_calls_and_a_call_says_it_for_itself(alice: Tenant) -> None:
    made = alice.client.post(
        "/test_framework/v2/aiagents/",
        {
            "name": "Bookings",
            "project": alice.project.pk,
            "provider": {"type": "custom", "redact_fields": ["person_name"]},
        },
        format="json",
    ).json()
    assert made["provider"]["redact_fields"] == ["person_name"]
    agent = alice.project.agents.get()
    send(alice.client, call(agent))
    send(alice.client, call(agent, call_id="c2", redact_fields=["phone_number"]))
    send(alice.client, call(agent, call_id="c3", redact_fields=[]))
    by_call = dict(CallPayload.objects.values_list("call__call_id", "redaction"))
    assert by_call["c1"]["fields"] == ["person_name"]
    assert by_call["c2"]["fields"] == ["phone_number"]
    assert by_call["c3"] == {}
    changed = alice.client.patch(
        f"/test_framework/v2/aiagents/{agent.pk}/", {"provider": {"redact_fields": None}}, format="json"
    )
    assert changed.json()["provider"]["redact_fields"] == []


def test_a_providers_webhook_is_redacted_as_its_agent_says(alice: Tenant) -> None:
    body = sample("livekit_session")
    agent = alice.agent(settings={"redact_fields": ALL})
    response = alice.client.post(
        f"/observability/v1/livekit/observe/?agent_id={agent.pk}",
        {**body, "agent_id": agent.pk},
        format="json",
    )
    assert response.status_code < 300, response.content
    payload = CallPayload.objects.get()
    assert payload.raw == "null"
    assert payload.raw_source == "livekit"
    assert payload.redaction["fields"] == ALL


def test_an_edit_is_redacted_too(alice: Tenant) -> None:
    _, answer = send(alice.client, call(alice.agent(), redact_fields=ALL))
    edit = {
        "transcript_json": [{"role": "user", "content": "My name is Ottoline Vane.", "start_time": 0}],
        "transcript_type": "cekura",
        "metadata": {"phone": "415-555-0123"},
        "feedback": "call 415-555-0123",
        "customer_number": "415-555-0123",
    }
    response = alice.client.patch(f"/observability/v2/call-logs/{answer['id']}/", edit, format="json")
    assert response.status_code == 200
    stored = everything()
    assert [secret for secret in SECRETS if secret in stored] == []
    assert "My name is <PERSON>." in CallPayload.objects.get().transcript


def test_a_repeated_call_is_redacted_as_the_first_was(alice: Tenant) -> None:
    organization = alice.project.organization
    organization.duplicate_calls = "update"
    organization.save()
    agent = alice.agent()
    send(alice.client, call(agent, redact_fields=ALL))
    before = CallLog.objects.get().content_hash
    send(alice.client, call(agent))
    assert CallLog.objects.get().content_hash == before
    stored = everything()
    assert [secret for secret in SECRETS if secret in stored] == []


QUOTES = ["Ottoline Vane gave 415-555-0123 [2].", "Greeted."]
HIDDEN = ["<PERSON> gave <PHONE> [2].", "Greeted."]
EXTRA = {"evidence": [{"turn": 1, "quote": "This is Ottoline Vane."}], "seen": {"name": "Ottoline"}}
TOLD_AT, MODEL = "2026-07-01T10:00:00Z", "openai:gpt-4o-2024-08-06"


def found_in(pk: int, agent: Any, quotes: list[str]) -> None:
    """What an evaluation has stored of this call: a result and the verdict from it, an answer, a try of a
    draft, and what a receiver was told."""
    call, metric = CallLog.objects.get(pk=pk), metric_row(agent.project, "Greeting", eval_type="enum")
    rerun, explanation = rerun_row(agent, metric), json.dumps(quotes)
    result_row(call, metric, rerun, explanation=explanation, extra=json.dumps(EXTRA), label="Tuesday")
    CallPayload.objects.filter(pk=pk).update(
        rubric=json.dumps([{"metric_name": "Tuesday", "value": "Tuesday", "explanation": quotes}])
    )
    answer = {"explanation": quotes, "evidence": EXTRA["evidence"], "value": "Tuesday"}
    JudgeCall.objects.create(
        key="k", rerun=rerun, call=call, state="done", model=MODEL, answer=json.dumps(answer), cost_usd=0.5
    )
    lab = Lab.objects.create(
        uid="l", project=agent.project, metric=metric, version_id=metric.current_version_id, kind="run"
    )
    LabCase.objects.create(lab=lab, call=call, before={"value": "Tuesday", "explanation": quotes})
    extra = {**EXTRA, "judge_model": MODEL, "created_at": TOLD_AT}
    shown = {"name": "Tuesday", "explanation": quotes, "extra": {**extra, "machine": {"explanation": quotes}}}
    WebhookDelivery.objects.create(
        uid="u", project=agent.project, call=call, event="call_log.completed", due_at=call.timestamp,
        facts=json.dumps({"evaluation": {"metrics": [shown]}, "updated_at": TOLD_AT}),
    )  # fmt: skip


def findings() -> dict[str, Any]:
    result, (told,) = MetricResult.objects.get(), WebhookDelivery.objects.all()
    return {
        "explanation": json.loads(result.explanation),
        "extra": json.loads(result.extra),
        "rubric": json.loads(CallPayload.objects.get().rubric),
        "answer": json.loads(JudgeCall.objects.get().answer),
        "draft": LabCase.objects.get().before,
        "told": json.loads(told.facts),
    }


def updating(tenant: Tenant) -> Any:
    """An agent whose calls are changed when they are sent again."""
    organization = tenant.project.organization
    organization.duplicate_calls = "update"
    organization.save()
    return tenant.agent()


ELSE = {
    "transcript_json": [{"role": "Testing Agent", "content": "Hello.", "start_time": 0.0, "end_time": 1.0}],
    "metadata": {},
    "dynamic_variables": {},
    "feedback": "",
    "customer_number": "",
    "logs": [],
}


@pytest.mark.parametrize("word", ["drop", "keep"])
@pytest.mark.parametrize("changed", [{}, ELSE], ids=["as it was", "scrubbed"])
def test_what_was_found_before_a_call_was_redacted_is_redacted_with_it(
    alice: Tenant, settings: Any, word: str, changed: dict[str, Any]
) -> None:
    keeping(settings, word)
    agent = updating(alice)
    _, answer = send(alice.client, call(agent))
    found_in(answer["id"], agent, QUOTES)
    send(alice.client, call(agent, redact_fields=ALL, **changed))
    assert findings() == {
        "explanation": HIDDEN,
        "extra": HIDDEN_EXTRA,
        "rubric": [{"metric_name": "Tuesday", "value": "Tuesday", "explanation": HIDDEN}],
        "answer": {"explanation": HIDDEN, "evidence": HIDDEN_EXTRA["evidence"], "value": "Tuesday"},
        "draft": {"value": "Tuesday", "explanation": HIDDEN},
        "told": {
            "evaluation": {
                "metrics": [
                    {
                        "name": "Tuesday",
                        "explanation": HIDDEN,
                        "extra": {
                            **HIDDEN_EXTRA,
                            "judge_model": MODEL,
                            "created_at": TOLD_AT,
                            "machine": {"explanation": HIDDEN},
                        },
                    }
                ]
            },
            "updated_at": TOLD_AT,
        },
    }
    assert JudgeCall.objects.get().cost_usd == 0.5
    assert word == "keep" or [secret for secret in SECRETS if secret in everything()] == []


HIDDEN_EXTRA = {"evidence": [{"turn": 1, "quote": "This is <PERSON>."}], "seen": {"name": "<PERSON>"}}


def test_findings_may_quote_an_original_that_is_measured_for_as_long_as_it_is(
    alice: Tenant, settings: Any
) -> None:
    keeping(settings, "measure")
    agent = updating(alice)
    _, answer = send(alice.client, call(agent, redact_fields=ALL))
    found_in(answer["id"], agent, QUOTES)
    url = f"/observability/v2/call-logs/{answer['id']}/"
    for word, found in (("measure", QUOTES), ("drop", HIDDEN)):
        keeping(settings, word)
        alice.client.patch(url, {"metadata": {"tier": word}}, format="json")
        assert findings()["explanation"] == found
    assert [secret for secret in SECRETS if secret in everything()] == []


def test_what_was_missed_in_a_call_is_redacted_in_its_findings_once_it_is_known(alice: Tenant) -> None:
    _, answer = send(alice.client, call(updating(alice), redact_fields=["person_name"], **ELSE))
    found_in(answer["id"], alice.project.agents.get(), ["Thessaly was greeted at 10:00."])
    url = f"/observability/v2/call-logs/{answer['id']}/"
    alice.client.patch(url, {"metadata": {"tier": "gold"}}, format="json")
    assert findings()["explanation"] == ["Thessaly was greeted at 10:00."]
    alice.client.patch(url, {"metadata": {"customer_name": "Thessaly Oduya"}}, format="json")
    assert findings()["explanation"] == ["<PERSON> was greeted at 10:00."]


def test_reparse_of_a_dropped_original_finds_more_and_spoils_nothing(alice: Tenant) -> None:
    _, answer = send(alice.client, call(alice.agent(), redact_fields=ALL))
    assert [one.became for one in reread_calls(calls_to_read())] == [Reread.SAME]
    payload = CallPayload.objects.get()
    spans = payload.redaction["spans"]
    worse = json.loads(payload.turns)
    worse[0]["content"] = "Hi, my email is ottoline@gmail.com."
    CallPayload.objects.update(turns=json.dumps(worse))
    assert [one.became for one in reread_calls(calls_to_read())] == [Reread.CHANGED]
    payload.refresh_from_db()
    assert "ottoline" not in payload.turns
    assert payload.redaction["spans"][0][0] == 0.0
    assert payload.redaction["spans"][-1][1] == spans[-1][1]
    assert answer["id"] == payload.pk


@pytest.mark.parametrize("word", ["keep", "measure"])
def test_a_kept_original_is_shown_to_nobody(alice: Tenant, settings: Any, word: str) -> None:
    keeping(settings, word)
    _, answer = send(alice.client, call(alice.agent(), redact_fields=ALL))
    original = CallOriginal.objects.get()
    assert json.loads(original.raw) == ROWS
    assert original.customer_number == "+1 415 555 0123"
    pk = answer["id"]
    shown = [
        alice.client.get(f"/observability/v2/call-logs/{pk}/").content,
        alice.client.get("/observability/v2/call-logs/").content,
        alice.client.get(f"/observability/v1/call-logs/{pk}/logs/").content,
    ]
    assert [secret for secret in SECRETS for page in shown if secret.encode() in page] == []


def test_a_kept_original_is_read_again_and_edited_whole(alice: Tenant, settings: Any) -> None:
    keeping(settings, "keep")
    _, answer = send(alice.client, call(alice.agent(), redact_fields=["person_name"]))
    CallPayload.objects.update(turns="[]", transcript="worse")
    assert [one.became for one in reread_calls(calls_to_read())] == [Reread.CHANGED]
    payload = CallPayload.objects.get()
    assert "<PERSON>" in payload.transcript
    assert payload.redaction["hidden"] == {"person_name": 2}
    url = f"/observability/v2/call-logs/{answer['id']}/"
    alice.client.patch(url, {"metadata": {"tier": "silver"}}, format="json")
    assert json.loads(CallOriginal.objects.get().metadata)["customer_name"] == "Ottoline Vane"
    assert json.loads(CallOriginal.objects.get().metadata)["tier"] == "silver"
    assert alice.client.get(url).json()["metadata"]["customer_name"] == "<PERSON>"
    keeping(settings, "drop")
    alice.client.patch(url, {"metadata": {"tier": "bronze"}}, format="json")
    assert not CallOriginal.objects.exists()


@pytest.mark.parametrize(("word", "sees"), [("drop", False), ("keep", False), ("measure", True)])
def test_metrics_read_the_original_only_where_the_operator_says_so(
    alice: Tenant, settings: Any, word: str, sees: bool
) -> None:
    from callgauge.flow.metrics import spec_of

    keeping(settings, word)
    metric = metric_row(alice.project, "Greeting")
    _, answer = send(alice.client, call(alice.agent(), redact_fields=ALL))
    spec = spec_of(MetricVersion.objects.get(pk=metric.current_version_id))
    (work,) = load_apart([answer["id"]], spec)
    assert ("Ottoline" in work.call.turns[1].text) is sees
    assert ("Ottoline" in str(work.call.metadata)) is sees


def test_what_metrics_read_is_told_apart_where_it_is_the_original(alice: Tenant, settings: Any) -> None:
    keeping(settings, "measure")
    other = [dict(row) for row in ROWS]
    other[1]["content"] = "This is Theodora Vane."
    hashes = set()
    for number, rows in enumerate((ROWS, other)):
        send(
            alice.client,
            call(
                alice.agent(),
                call_id=f"c{number}",
                transcript_json=rows,
                redact_fields=ALL,
                timestamp="2026-01-01",
            ),
        )
        hashes.add(CallLog.objects.get(call_id=f"c{number}").content_hash)
    assert len(hashes) == 2


def test_deleting_a_call_deletes_its_original(alice: Tenant, settings: Any) -> None:
    keeping(settings, "keep")
    _, answer = send(alice.client, call(alice.agent(), redact_fields=ALL))
    url = f"/observability/v2/call-logs/{answer['id']}/?retain_evaluations=true"
    assert alice.client.delete(url).status_code == 204
    assert not CallOriginal.objects.exists()
