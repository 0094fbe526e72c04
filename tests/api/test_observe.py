"""Calls coming in over HTTP: bodies of three types, quirks of clients, duplicates, and hostile input."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from callgauge.store.models import CallLog, CallPayload, Chunk
from tests.call_rows import metric_row
from tests.tenants import Tenant, tenant

URL = "/observability/v1/observe/"
ROWS = [
    {"role": "Main Agent", "content": "Good morning.", "start_time": 0.0, "end_time": 1.5},
    {"role": "Testing Agent", "content": "A table, please.", "start_time": 2, "end_time": 63.2},
]
pytestmark = pytest.mark.django_db


def body(agent: Any, **fields: Any) -> dict[str, Any]:
    return {"agent": agent.pk, "call_id": "c1", "transcript_type": "cekura", "transcript_json": ROWS} | fields


def send(client: APIClient, data: dict[str, Any], **options: Any) -> tuple[int, Any]:
    if not options:  # written here, because the client's own writer refuses lone surrogates
        options = {"content_type": "application/json"}
    sent = json.dumps(data) if "content_type" in options else data
    response = client.post(URL, sent, **options)
    return response.status_code, json.loads(response.content)


def test_a_call_is_stored_and_waits_for_evaluation(alice: Tenant) -> None:
    agent = alice.agent("Bookings")
    metric_row(alice.project, "Greeting")
    sent = body(
        agent,
        metadata={"tier": "gold"},
        dynamic_variables={"name": "Ann"},
        timestamp="2026-08-01T10:00:00+02:00",
        call_ended_reason="customer-ended-call",
        customer_number="+41 44 000 00 00",
        feedback="ok",
        voice_recording_url="https://example.com/a.wav",
        main_agent_channel_index=0,
    )
    status, answer = send(alice.client, sent)
    assert status == 201
    assert answer["status"] == "evaluating"
    assert answer["success"] is None
    assert answer["metrics"] == []
    assert answer["agent"] == agent.pk
    assert answer["agent_name"] == "Bookings"
    assert answer["duration"] == "01:03"
    assert answer["timestamp"] == "2026-08-01T08:00:00Z"
    assert [row["role"] for row in answer["transcript_object"]] == ["Main Agent", "Testing Agent"]
    payload = CallPayload.objects.get(pk=answer["id"])
    assert json.loads(payload.raw) == ROWS
    assert payload.raw_format == "cekura"
    assert json.loads(payload.metadata) == {"tier": "gold"}
    assert payload.transcript.splitlines()[1] == "[00:02] Testing Agent: A table, please."
    call = CallLog.objects.get(pk=answer["id"])
    assert (call.testing_channel_index, call.feedback, call.customer_number) == (1, "ok", "+41 44 000 00 00")
    assert Chunk.objects.get(rerun_id=call.pending_rerun_id).call_ids == [call.pk]


@pytest.mark.parametrize("name", ["agent", "agent_id"])
@pytest.mark.parametrize("as_text", [False, True])
def test_the_agent_is_named_by_id_as_number_or_text(alice: Tenant, name: str, as_text: bool) -> None:
    agent = alice.agent()
    value: Any = str(agent.pk) if as_text else agent.pk
    status, answer = send(alice.client, {name: value, "call_id": "abc"})
    assert (status, answer["agent"], answer["transcript_object"]) == (201, agent.pk, [])


@pytest.mark.parametrize("sent", ["4711", 4711])
def test_the_agent_is_named_by_the_providers_id(alice: Tenant, sent: Any) -> None:
    agent = alice.agent(assistant_id="4711")
    status, answer = send(alice.client, {"assistant_id": sent, "call_id": "abc", "agent": None})
    assert (status, answer["agent"]) == (201, agent.pk)


@pytest.mark.parametrize("name", ["agent", "agent_id", "assistant_id"])
def test_another_tenants_agent_is_not_told_apart_from_a_missing_one(
    alice: Tenant, charlie: Tenant, name: str
) -> None:
    agent = alice.agent(assistant_id="asst")
    foreign = "asst" if name == "assistant_id" else agent.pk
    missing = "nobody" if name == "assistant_id" else 2**62
    answers = [send(charlie.client, {name: value, "call_id": "c"}) for value in (foreign, missing)]
    assert answers[0] == answers[1]
    assert answers[0] == (400, {name: ["This key reaches no such agent."]})
    assert not CallLog.objects.exists()


def test_no_key_is_401_and_no_agent_is_named_in_the_answer(alice: Tenant) -> None:
    assert send(APIClient(), body(alice.agent()))[0] == 401
    status, answer = send(alice.client, {"call_id": "c"})
    assert status == 400
    assert set(answer) == {"agent"}


@pytest.mark.parametrize("kind", ["multipart", "form"])
def test_forms_carry_json_as_text(alice: Tenant, kind: str) -> None:
    agent = alice.agent()
    sent = {
        "agent": str(agent.pk),
        "call_id": "f1",
        "transcript_json": json.dumps(ROWS),
        "metadata": '{"a": [1, 2]}',
        "dynamic_variables": "",
    }
    if kind == "form":
        response = alice.client.post(URL, urlencode(sent), content_type="application/x-www-form-urlencoded")
        status, answer = response.status_code, json.loads(response.content)
    else:
        status, answer = send(alice.client, sent, format="multipart")
    assert status == 201, answer
    assert len(answer["transcript_object"]) == 2
    assert json.loads(CallPayload.objects.get(pk=answer["id"]).metadata) == {"a": [1, 2]}


def test_a_file_that_is_no_recording_is_refused_and_the_call_with_it(alice: Tenant) -> None:
    part = SimpleUploadedFile("a.wav", b"<html>Not found</html>", content_type="audio/wav")
    sent = {"agent": alice.agent().pk, "call_id": "c", "voice_recording": part}
    status, answer = send(alice.client, sent, format="multipart")
    assert (status, set(answer)) == (400, {"voice_recording"})
    assert not CallLog.objects.exists()


def test_both_names_of_the_recordings_address_are_read(alice: Tenant) -> None:
    send(alice.client, body(alice.agent(), voice_recording="https://example.com/b.wav"))
    assert CallPayload.objects.get().voice_recording_url == "https://example.com/b.wav"


@pytest.mark.parametrize("write", [str, lambda pk: [pk], lambda pk: f" {pk} ,"])
def test_chosen_metrics(alice: Tenant, write: Any) -> None:
    metric_row(alice.project, "Greeting")
    chosen = metric_row(alice.project, "Closing")
    assert send(alice.client, body(alice.agent(), metric_ids=write(chosen.pk)))[0] == 201
    rerun = Chunk.objects.get().rerun
    assert rerun.metric_version_ids == [chosen.current_version_id]


def test_unknown_chosen_metrics_store_nothing(alice: Tenant, charlie: Tenant) -> None:
    foreign = metric_row(charlie.project, "Theirs")
    status, answer = send(alice.client, body(alice.agent(), metric_ids=f"{foreign.pk}"))
    assert (status, set(answer)) == (400, {"metric_ids"})
    assert not CallLog.objects.exists()
    assert send(alice.client, body(alice.agent("Two"), metric_ids="1,x"))[0] == 400


def test_the_same_call_again_is_the_first_call_unchanged(alice: Tenant) -> None:
    agent = alice.agent()
    first = alice.client.post(URL, body(agent))
    again = alice.client.post(URL, body(agent, transcript_json=[], metadata={"a": 1}))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["X-Callgauge-Duplicate"] == "kept"
    assert "X-Callgauge-Duplicate" not in first.headers
    answers = [json.loads(response.content) for response in (first, again)]
    for answer in answers:
        answer.pop("updated_at")
    assert answers[0] == answers[1]
    assert Chunk.objects.count() == 1


def test_an_organization_may_have_known_calls_updated(alice: Tenant) -> None:
    agent, other = alice.agent(), alice.agent("Two")
    organization = alice.project.organization
    organization.duplicate_calls = "update"
    organization.save()
    first = json.loads(alice.client.post(URL, body(agent)).content)
    alice.client.post(URL, body(agent))
    assert Chunk.objects.count() == 1, "the same content is not evaluated twice"
    again = alice.client.post(URL, body(other, transcript_json=ROWS[:1], metadata={"a": 1}))
    answer = json.loads(again.content)
    assert again.headers["X-Callgauge-Duplicate"] == "updated"
    assert (answer["id"], answer["agent"], len(answer["transcript_object"])) == (first["id"], other.pk, 1)
    assert answer["timestamp"] == first["timestamp"]
    assert Chunk.objects.count() == 2


def test_an_organization_may_refuse_known_calls(alice: Tenant) -> None:
    agent = alice.agent()
    organization = alice.project.organization
    organization.duplicate_calls = "refuse"
    organization.save()
    alice.client.post(URL, body(agent))
    status, answer = send(alice.client, body(agent))
    assert (status, set(answer)) == (400, {"call_id"})


def test_the_same_call_id_in_two_organizations_is_two_calls(alice: Tenant, charlie: Tenant) -> None:
    ids = {send(who.client, body(who.agent()))[1]["id"] for who in (alice, charlie)}
    assert len(ids) == 2


def test_an_organizations_key_takes_the_project_from_the_agent(alice: Tenant) -> None:
    wide = tenant("Acme", None)
    status, answer = send(wide.client, body(alice.agent()))
    assert status == 201
    assert CallLog.objects.get(pk=answer["id"]).project_id == alice.project.pk


WRONG = [
    ("call_id", None),
    ("call_id", ""),
    ("call_id", "x" * 101),
    ("call_id", "a\x00b"),
    ("call_id", "a\ud800b"),
    ("call_id", ["a"]),
    ("call_id", True),
    ("agent", "a\x00"),
    ("agent", 2**80),
    ("agent", [1]),
    ("agent", True),
    ("trace_id", "x" * 33),
    ("timestamp", "yesterday"),
    ("timestamp", "0001-01-01T00:00:00+14:00"),
    ("timestamp", "9999-12-31T23:59:59-14:00"),
    ("timestamp", "1969-12-31T00:00:00Z"),
    ("timestamp", 1e300),
    ("timestamp", [1]),
    ("metadata", [1]),
    ("metadata", "no json"),
    ("metadata", 7),
    ("dynamic_variables", '{"a": NaN}'),
    ("dynamic_variables", "[" * 200 + "]" * 200),
    ("duration", -1),
    ("duration", "long"),
    ("main_agent_channel_index", 2),
    ("main_agent_channel_index", "left"),
    ("customer_number", {"a": 1}),
    ("feedback", 7),
    ("call_ended_reason", "x" * 101),
    ("voice_recording_url", "x" * 5000),
    ("transcript_json", 7),
    ("transcript_json", "no json"),
    ("transcript_json", ["Agent: hello"]),
    ("transcript_type", "telegraph"),
    ("transcript_type", "a\x00"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_wrong_fields_are_named_and_nothing_is_stored(alice: Tenant, name: str, value: Any) -> None:
    status, answer = send(alice.client, body(alice.agent()) | {name: value})
    assert (status, list(answer)) == (400, [name])
    assert all(isinstance(message, str) for message in answer[name])
    assert not CallLog.objects.exists()


def test_every_wrong_field_is_named_at_once(alice: Tenant) -> None:
    status, answer = send(alice.client, body(alice.agent(), call_id="", metadata=1, timestamp="x"))
    assert (status, set(answer)) == (400, {"call_id", "metadata", "timestamp"})


def test_what_cannot_be_stored_in_content_is_replaced(alice: Tenant) -> None:
    rows = [{"role": "user\x00", "content": "a\x00b\ud83d c"}]
    status, answer = send(
        alice.client,
        body(
            alice.agent(),
            transcript_json=rows,
            metadata={"k\x00": ["v\udfff", 12345678901234567890123]},
            dynamic_variables={"n": "\x00"},
            feedback="\ud800!",
        ),
    )
    assert status == 201
    payload = CallPayload.objects.get(pk=answer["id"])
    assert "�" in answer["transcript_object"][0]["content"]
    assert json.loads(payload.metadata) == {"k�": ["v�", 12345678901234567890123]}
    assert json.loads(payload.dynamic_variables) == {"n": "�"}
    assert answer["feedback"] == "�!"
    assert json.loads(payload.raw) == rows, "the raw payload is kept as sent"


@pytest.mark.parametrize(
    "content",
    [b"{", b"\xff\xfe", b"[1, 2]", b'"text"', b'{"agent": NaN}', b"[" * 100_000, b'{"a": ' * 2_000],
)
def test_bodies_that_are_no_json_object(alice: Tenant, content: bytes) -> None:
    response = alice.client.post(URL, content, content_type="application/json")
    assert (response.status_code, list(json.loads(response.content))) == (400, ["non_field_errors"])


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=x"])
def test_broken_multipart(alice: Tenant, content_type: str) -> None:
    response = alice.client.post(URL, b"--x\r\nbroken", content_type=content_type)
    assert response.status_code == 400


def test_a_body_of_another_type(alice: Tenant) -> None:
    assert alice.client.post(URL, b"<a/>", content_type="text/xml").status_code == 415


def test_times_that_run_backwards_or_are_no_numbers(alice: Tenant) -> None:
    rows = [
        {"role": "agent", "content": "one", "start_time": 5, "end_time": 1},
        {"role": "user", "content": "two", "start_time": "NaN", "end_time": "inf"},
        {"role": "agent", "content": "three", "start_time": -4, "end_time": 1e300},
    ]
    status, answer = send(alice.client, body(alice.agent(), transcript_json=rows))
    assert status == 201
    assert [row["content"] for row in answer["transcript_object"]] == ["one", "two", "three"]


def test_deep_nesting_in_the_transcript(alice: Tenant) -> None:
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    rows = [{"role": "agent", "content": "a", "data": deep}]
    status, answer = send(alice.client, body(alice.agent(), transcript_json=rows))
    assert (status, set(answer)) == (400, {"transcript_json"})


def test_ten_thousand_turns(alice: Tenant) -> None:
    rows = [
        {"role": "user", "content": f"turn {n}", "start_time": n, "end_time": n + 0.5} for n in range(10_000)
    ]
    status, answer = send(alice.client, body(alice.agent(), transcript_json=rows))
    assert (status, len(answer["transcript_object"]), answer["duration"]) == (201, 10_000, "166:39")


def test_twenty_megabytes_of_transcript(alice: Tenant) -> None:
    rows = [{"role": "user", "content": "word " * 40_000} for _ in range(100)]
    status, answer = send(alice.client, body(alice.agent(), transcript_json=rows))
    assert status == 201
    assert len(answer["transcript_object"]) == 100


def test_a_body_over_the_limit_is_413(alice: Tenant) -> None:
    response = alice.client.post(
        URL, b"{}", content_type="application/json", CONTENT_LENGTH=str(65 * 1024 * 1024)
    )
    assert response.status_code == 413


@pytest.mark.parametrize(
    ("fields", "duration"),
    [
        ({"duration": 1.5}, "01:30"),
        ({"duration": "02:05"}, "02:05"),
        ({"metadata": {"call_duration": "75"}}, "01:15"),
        ({"metadata": {"duration": -3}}, "00:00"),
        ({}, "00:00"),
    ],
)
def test_the_duration_of_a_call_without_times(alice: Tenant, fields: dict[str, Any], duration: str) -> None:
    rows = [{"role": "user", "content": "hello"}]
    assert send(alice.client, body(alice.agent(), transcript_json=rows, **fields))[1]["duration"] == duration


@pytest.mark.parametrize(
    "written",
    ["2026-08-01T12:00:00Z", "2026-08-01T12:00:00", 1785585600, "1785585600000", "2026-08-01 14:00+02"],
)
def test_ways_to_write_a_time(alice: Tenant, written: Any) -> None:
    answer = send(alice.client, body(alice.agent(), timestamp=written))[1]
    assert answer["timestamp"] == "2026-08-01T12:00:00Z"


def test_a_call_costs_few_queries(alice: Tenant) -> None:
    for n in range(5):
        metric_row(alice.project, f"Metric {n}")
    agent = alice.agent()
    alice.client.post(URL, body(agent, call_id="warm"))
    with CaptureQueriesContext(connection) as queries:
        assert alice.client.post(URL, body(agent)).status_code == 201
    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert len(statements) <= 10, "\n".join(sql[:100] for sql in statements)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
TURN = st.dictionaries(
    st.sampled_from(["role", "content", "start_time", "end_time", "data", "time", "tool_calls"]), VALUES
)
NAMES = (
    "call_id trace_id agent_id transcript_type call_ended_reason customer_number metadata timestamp "
    "dynamic_variables feedback redact_fields metric_ids main_agent_channel_index duration "
    "voice_recording voice_recording_url transcript_json"
)
FIELDS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(NAMES.split(), VALUES) | {"transcript_json": st.lists(TURN, max_size=4) | VALUES},
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=FIELDS)
def test_no_body_is_a_server_error(alice: Tenant, fields: dict[str, Any]) -> None:
    agent = alice.project.agents.first() or alice.agent()
    sent = json.dumps({"agent": agent.pk, "call_id": "fuzz"} | fields)
    response = alice.client.post(URL, sent, content_type="application/json")
    assert response.status_code in (201, 400), response.content
    if response.status_code == 201:
        assert json.loads(response.content)["call_id"]


def test_without_the_last_slash(alice: Tenant) -> None:
    assert alice.client.post("/observability/v1/observe", body(alice.agent())).status_code == 201
