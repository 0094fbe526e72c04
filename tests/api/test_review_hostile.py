"""No body and no query makes the review routes fail as a server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.test_review import doubtful, get
from tests.tenants import Tenant

pytestmark = pytest.mark.django_db
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(min_codepoint=0, max_codepoint=0x10FFFF), max_size=6),
    st.sampled_from(["\x00", "\ud800", "1", "-1", "me", "n/a", "all", "1-1", "9" * 30, "²"]),
    st.lists(st.one_of(st.none(), st.integers(-5, 5), st.text(max_size=2)), max_size=3),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)
FIELDS = (
    *("expected_value", "thumbs_up", "feedback", "reviewer", "blind", "jointly", "assignee", "metric_id"),
    *("share", "count", "call_logs", "call_log_id", "name", "description", "project_id", "note", "metric"),
    *("golden_set", "test_set_ids", "skip_evaluation", "metric_type", "type", "custom_code", "prompt"),
)
POSTS = (
    *("review/items/{item}/answer", "review/items/{item}/assign", "review/items/{item}/skip"),
    *("review/second-opinions", "review/ask", "review/unskip", "review/votes/{item}/withdraw"),
    *("golden-sets", "golden-sets/1/cases", "gate/run", "proposals/1/apply"),
)
LABS = (
    *("/test_framework/metric-reviews/process_feedbacks", "/test_framework/v1/metrics/{metric}/run_reviews"),
    "/test_framework/metric-reviews/{item}",
)
GETS = {
    "review/queue": ("cursor", "kind", "reason", "metric_id", "agent_id", "page_size", "blind", "reviewer"),
    "review/agreement": ("metric_id", "version", "only"),
    "review/votes": ("call_log_id", "metric_id"),
    "gate": ("metric", "golden_set", "min_kappa", "min_accuracy", "max_regressions", "min_cases", "version"),
    "golden-sets": ("page", "page_size", "project_id"),
    "proposals": ("page", "metric_id"),
}
quiet = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize("path", [*(f"/callgauge/v1/{path}" for path in POSTS), *LABS])
def test_no_body_is_a_server_error(alice: Tenant, path: str) -> None:
    _, metric = doubtful(alice)
    item = get(alice, "queue")["results"][0]["id"]
    address = path.format(item=item, metric=metric.pk)

    @quiet
    @given(st.one_of(st.dictionaries(st.sampled_from(FIELDS), ODD, max_size=5), ODD))
    def check(body: Any) -> None:
        text = json.dumps({"metric_id": metric.pk, **body} if isinstance(body, dict) else body)
        method = alice.client.patch if "metric-reviews/" in path and "process" not in path else None
        answer = (method or alice.client.post)(address, text, content_type="application/json")
        assert answer.status_code in (200, 201, 400, 404, 409), (address, text, answer.content)

    check()


@pytest.mark.parametrize("name", ["metric", "golden_set"])
def test_what_no_row_can_hold_is_not_found(alice: Tenant, name: str) -> None:
    _, metric = doubtful(alice)
    query = {"metric": metric.pk, name: "a\x00"}
    assert alice.client.get("/callgauge/v1/gate", query).status_code == 404
    assert alice.client.post("/callgauge/v1/gate/run", query, format="json").status_code == 404


def test_texts_that_no_row_can_hold(alice: Tenant) -> None:
    doubtful(alice)
    (item, *_) = get(alice, "queue")["results"]
    path = f"/callgauge/v1/review/items/{item['id']}/assign"
    assert alice.client.post(path, {"assignee": "a\x00"}, format="json").status_code == 400
    assert alice.client.post("/callgauge/v1/golden-sets", {"name": "\x00"}, format="json").status_code == 400


@pytest.mark.parametrize("cursor", ["9" * 20 + "-1", "1-" + "9" * 20, "٣-٣", "-", "1-", "-1", "1-1-1"])
def test_cursors_that_were_never_given(alice: Tenant, cursor: str) -> None:
    answer = alice.client.get("/callgauge/v1/review/queue", {"cursor": cursor})
    assert answer.status_code in (200, 400)


@pytest.mark.parametrize("path", GETS)
def test_no_query_is_a_server_error(alice: Tenant, path: str) -> None:
    _, metric = doubtful(alice)

    @quiet
    @given(st.dictionaries(st.sampled_from(GETS[path]), ODD.filter(lambda value: value is not None)))
    def check(query: dict[str, Any]) -> None:
        query = {name: str(value).encode("utf-8", "replace").decode() for name, value in query.items()}
        defaults = {"metric_id": metric.pk} if path == "review/agreement" else {"metric": metric.pk}
        answer = alice.client.get(f"/callgauge/v1/{path}", {**defaults, **query})
        assert answer.status_code in (200, 400, 404), (path, query, answer.content)

    check()
