"""Nothing goes through the walls between tenants: this walks the table of routes, so no route is forgotten.

Charlie works for somebody else, Dora has a key to another project of the same organization, and a viewer's
key to Alice's own project only reads. For each route and method, a request about what is Alice's must look
exactly like one about what does not exist, tell nothing of hers, and change nothing of hers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from callgauge.api.openapi.document import document
from callgauge.api.openapi.paths import Place, places
from callgauge.api.urls import urlpatterns
from callgauge.engine.writing import Asked, WritingKind
from callgauge.flow.keys import create_key
from callgauge.flow.recordings.uploads import open_upload
from callgauge.flow.rerun import Selection, request_rerun
from callgauge.flow.writing import request_writing
from callgauge.store.models import (
    CallExport,
    GoldenSet,
    Lab,
    Review,
    ReviewItem,
    Role,
    WebhookDelivery,
)
from tests.call_rows import result_row
from tests.calls import make_call, make_metric
from tests.tenants import Tenant, tenant

MARK = "alices-own"
"""Stands in all that is hers; no answer to the others may hold it."""
MISSING = 987_654_321
PLACES = list(places(urlpatterns))
UNSAFE = ("post", "put", "patch", "delete")
NO_KEY: dict[str, str] = {
    "PutUpload": "the key in the address is the permission, drawn at random",
    "PlayRecording": "a signed link of 24 hours is a permission too; without one it asks for a key",
}
"""Views that no key is needed for, and why."""


ASK = {"name": "N", "type": "llm_judge", "eval_type": "binary", "description": "?"}


@dataclass
class Belongings:
    """Ids of Alice's, by the name of the parameter or field that they go into."""

    ids: dict[str, Any]
    paths: dict[str, Any]

    def of(self, path: str, name: str) -> Any:
        for pattern, value in self.paths.items():
            if re.match(pattern, path):
                return value[name] if isinstance(value, dict) else value
        raise AssertionError(f"{path}: say in test_walls which row of Alice's goes into {{{name}}}")


@pytest.fixture(scope="module")
def alices(django_db_setup: None, django_db_blocker: Any) -> Iterator[Belongings]:
    """Made once, in a transaction that each test's own is a savepoint of: it costs more than most tests."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield belongings_of(tenant("Acme", "Support"))
        transaction.set_rollback(True)


def belongings_of(alice: Tenant) -> Belongings:
    project = alice.project
    agent = alice.agent(name=f"{MARK} agent", description=MARK * 20, assistant_id="asst-77")
    metric = make_metric(project, f"{MARK} metric", description=f"{MARK}?")
    call = make_call(agent, f"{MARK}-call")
    version = metric.versions.get()
    review = Review.objects.create(call=call, metric=metric, version=version, thumbs_up=True, feedback=MARK)
    item = ReviewItem.objects.create(project=project, call=call, metric=metric, rank=1)
    golden = GoldenSet.objects.create(project=project, name=f"{MARK} golden")
    lab = Lab.objects.create(
        uid="1ab" * 10, project=project, metric=metric, version=version, kind="process_feedbacks", draft=None
    )
    export = CallExport.objects.create(
        uid="cab1" * 8,
        project=project,
        format="csv",
        query={},
        fingerprint="f",
        metrics=[],
        state="completed",
    )
    delivery = WebhookDelivery.objects.create(
        uid="de11" * 8,
        project=project,
        agent=agent,
        call=call,
        event="vapi.forwarded",
        facts=f'{{"said": "{MARK}"}}',
        due_at=timezone.now(),
        state="failed",
    )
    writing = request_writing(project, WritingKind.SIMPLER, Asked(text=MARK))
    rerun = request_rerun(alice.key, agent, Selection()).rerun
    result = result_row(call, metric, rerun, passed=True, explanation=f'["{MARK}"]')
    upload = open_upload(project, f"{MARK}.wav")
    client = alice.client
    alert = client.post(
        "/observability/v1/alerts/",
        {"name": f"{MARK} alert", "source_type": "metric", "source_id": metric.pk},
    ).json()["id"]
    files = client.post(
        f"/test_framework/v2/aiagents/{agent.pk}/upload_knowledge_base/",
        {"files": SimpleUploadedFile(f"{MARK}.txt", MARK.encode())},
        format="multipart",
    ).json()["results"]
    client.patch(f"/test_framework/v2/aiagents/{agent.pk}/", {"name": f"{MARK} agent 2"})
    history = agent.history.order_by("pk").first()
    assert history is not None
    agent_paths = {"id": agent.pk, "file_id": files[0]["id"]}
    return Belongings(
        ids={
            **dict.fromkeys(("agent", "agent_id"), agent.pk),
            **dict.fromkeys(("project", "project_id"), project.pk),
            **dict.fromkeys(("metric_id", "source_id"), metric.pk),
            **{name: [metric.pk] for name in ("metrics", "metric_ids")},
            **{name: [call.pk] for name in ("call_logs", "call_log_ids", "call_ids")},
            **{name: [agent.pk] for name in ("agents", "agent_ids")},
            "call_log_id": call.pk,
            "assistant_id": agent.assistant_id,
            "history_id": history.pk,
            "golden_set_id": golden.pk,
            "progress_id": writing.uid,
            "key": upload.key,
        },
        paths={
            r"/observability/v\d/call-logs(-external)?/": call.pk,
            r"/observability/v1/alerts/": alert,
            r"/test_framework/v\d/metrics(-external)?/": {"id": metric.pk, "name": metric.pk},
            r"/test_framework/metric-reviews(-external)?/": review.pk,
            r"/test_framework/v\d/aiagents(-external)?/": agent_paths,
            r"/test_framework/v1/predefined-metrics(-external)?/": 4_294_967_295,
            r"/user/v1/projects(-external)?/": project.pk,
            r"/user/organizations/": project.organization_id,
            r"/callgauge/v1/reruns/": {"id": rerun.pk, "action": "pause"},
            r"/callgauge/v1/results/": result.pk,
            r"/callgauge/v1/calls/": call.pk,
            r"/callgauge/v1/metrics/": metric.pk,
            r"/callgauge/v1/review/items/": item.pk,
            r"/callgauge/v1/review/votes/": review.pk,
            r"/callgauge/v1/golden-sets/": golden.pk,
            r"/callgauge/v1/proposals/": lab.pk,
            r"/callgauge/v1/exports/": export.uid,
            r"/callgauge/v1/webhooks/": delivery.uid,
        },
    )


def charlie() -> Tenant:
    return tenant("Rival", "Support")


def dora() -> Tenant:
    return tenant("Acme", "Another")


def address(place: Place, belongings: Belongings, missing: int | None = None) -> str:
    path = place.path
    for name, _ in place.parameters:
        value = belongings.of(place.path, name)
        if missing is not None and name != "action":
            value = as_missing(value)
        path = path.replace(f"{{{name}}}", str(value))
    return path


def as_missing(value: Any) -> Any:
    """The same request about what does not exist."""
    match value:
        case list():
            return [as_missing(one) for one in value]
        case int():
            return MISSING
        case str() if re.fullmatch(r"[0-9a-f]{32}", value):
            return "0" * 32
        case str():
            return f"missing-{'x' * len(value)}"
    return value


def bodies(place: Place, method: str, ids: dict[str, Any]) -> list[Any]:
    """What the operation takes, filled with ids; one body for each id alone and one with all."""
    operation = document()["paths"][place.path][method]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return [None]
    schema = content["schema"]
    if schema.get("type") == "array":
        return [[{**ASK, **one}] for one in split(ids)]
    filler = {
        **ASK,
        "source_type": "metric",
        "mode": "enable",
        "observability_enabled": False,
        "call_id": "c",
        "metric_codes": ["8bca3124"],
        "metric_description": "?",
        "original_prompt": "?",
        "num_metrics": 1,
        "metric_data": ASK,
        "thumbs_up": True,
        "feedback": "x",
        "file_name": "a.wav",
    }
    known = schema.get("properties") or {**filler, **ids}
    fixed = {name: value for name, value in filler.items() if name in known}
    mine = {name: value for name, value in ids.items() if name in known}
    return [{**fixed, **one} for one in split(mine)]


def split(ids: dict[str, Any]) -> list[dict[str, Any]]:
    if not ids:
        return [{}]
    return [ids, *({name: value} for name, value in ids.items())]


def queries(place: Place, method: str, ids: dict[str, Any]) -> list[dict[str, Any]]:
    named = {
        one["name"] for one in document()["paths"][place.path][method]["parameters"] if one["in"] == "query"
    }
    mine = {
        name: ",".join(map(str, value)) if isinstance(value, list) else value
        for name, value in ids.items()
        if name in named
    }
    return [{}, *({name: value} for name, value in mine.items())]


def requests(place: Place, method: str, ids: dict[str, Any]) -> list[tuple[dict[str, Any], Any]]:
    return [(query, body) for query in queries(place, method, ids) for body in bodies(place, method, ids)]


def send(client: APIClient, method: str, path: str, query: dict[str, Any], body: Any) -> Any:
    url = path + ("?" + "&".join(f"{name}={value}" for name, value in query.items()) if query else "")
    if body is None:
        return getattr(client, method)(url)
    return getattr(client, method)(url, body, format="json")


def outline(answer: Any, ids: list[Any]) -> tuple[int, str]:
    """Status and body, with the ids that were asked for taken out."""
    text = answer.content.decode("utf-8", "replace") if not answer.streaming else "(stream)"
    for value in sorted({str(one) for one in ids}, key=len, reverse=True):
        text = re.sub(rf"(?<![\w-]){re.escape(value)}(?![\w-])", "ID", text)
    return answer.status_code, text


def flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [part for one in value.values() for part in flat(one)]
    if isinstance(value, list):
        return [part for one in value for part in flat(one)]
    return [value]


def rows() -> dict[tuple[str, Any], tuple[Any, ...]]:
    """Every row of every table, but for what a request of somebody else may note about their own key."""
    found = {}
    with connection.cursor() as cursor:
        for model in apps.get_app_config("store").get_models():
            if model.__name__ == "RateBucket":
                continue
            kept = [field.column for field in model._meta.concrete_fields if field.attname != "last_used_at"]
            columns = ", ".join(map(connection.ops.quote_name, [model._meta.pk.column, *kept]))
            cursor.execute(f"SELECT {columns} FROM {connection.ops.quote_name(model._meta.db_table)}")
            found.update({(model.__name__, row[0]): row for row in cursor.fetchall()})
    return found


ROUTES = [(place, method) for place in PLACES for method in place.methods()]


def named(value: Any) -> str:
    return value.path if isinstance(value, Place) else str(getattr(value, "__name__", value))


@pytest.mark.django_db
@pytest.mark.parametrize("stranger", [charlie, dora])
@pytest.mark.parametrize(("place", "method"), ROUTES, ids=named)
def test_a_stranger_learns_and_changes_nothing(
    alices: Belongings, stranger: Callable[[], Tenant], place: Place, method: str
) -> None:
    if place.name == "PutUpload":
        pytest.skip(NO_KEY[place.name])
    client = stranger().client
    if place.name == "OrganizationItem" and stranger is dora:
        pytest.skip("it is her organization too")
    before = rows()
    path, nowhere = address(place, alices), address(place, alices, MISSING)
    missing = {name: as_missing(value) for name, value in alices.ids.items()}
    pairs = zip(requests(place, method, alices.ids), requests(place, method, missing), strict=True)
    for theirs, no_ones in pairs:
        foreign = send(client, method, path, *theirs)
        absent = send(client, method, nowhere, *no_ones)
        assert foreign.status_code < 500, (theirs, foreign.content)
        assert MARK not in outline(foreign, [])[1], theirs
        asked, other = flat([alices.ids, alices.paths]), flat([missing, MISSING])
        if place.parameters or foreign.status_code >= 400:
            assert outline(foreign, asked) == outline(absent, other), theirs
    after = rows()
    changed = [key for key, row in before.items() if after.get(key) != row]
    assert not changed


@pytest.mark.django_db
@pytest.mark.parametrize(("place", "method"), [one for one in ROUTES if one[1] in UNSAFE], ids=named)
def test_a_viewer_changes_nothing(alices: Belongings, place: Place, method: str) -> None:
    if place.name in NO_KEY:
        pytest.skip(NO_KEY[place.name])
    _, secret = create_key(organization="Acme", project="Support", role=Role.VIEWER)
    client = APIClient(HTTP_X_CEKURA_API_KEY=secret)
    before = rows()
    body = bodies(place, method, alices.ids)[0]
    answer = send(client, method, address(place, alices), {}, body)
    assert answer.status_code == 403, answer.content
    assert list(answer.json()) == ["detail"]
    assert rows() == before


@pytest.mark.django_db
@pytest.mark.parametrize(("place", "method"), [one for one in ROUTES if one[1] == "get"], ids=named)
def test_a_viewer_reads_what_a_member_reads(alices: Belongings, place: Place, method: str) -> None:
    if place.name in {*NO_KEY, "KeyList"}:
        pytest.skip("owners only" if place.name == "KeyList" else NO_KEY[place.name])
    _, viewer = create_key(organization="Acme", project="Support", role=Role.VIEWER)
    _, member = create_key(organization="Acme", project="Support", role=Role.MEMBER)
    path = address(place, alices)
    for query in queries(place, method, alices.ids):
        seen = [
            outline(send(APIClient(HTTP_X_CEKURA_API_KEY=key), "get", path, query, None), [])
            for key in (viewer, member)
        ]
        assert seen[0][0] == seen[1][0]


@pytest.mark.django_db
@pytest.mark.parametrize(("place", "method"), ROUTES, ids=named)
def test_nobody_gets_in_without_a_key(alices: Belongings, place: Place, method: str) -> None:
    if place.name in NO_KEY:
        pytest.skip(NO_KEY[place.name])
    for client in (APIClient(), APIClient(HTTP_X_CEKURA_API_KEY="cg_wrong")):
        answer = send(client, method, address(place, alices), {}, bodies(place, method, alices.ids)[0])
        assert answer.status_code == 401
        assert answer.json()["detail"]
