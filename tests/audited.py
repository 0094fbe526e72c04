"""Which routes leave which entry in the audit log, and which leave none for what reason.

A route of the API that is in neither list fails tests/flow/test_audit.py. What is listed as audited is held
to it wherever a test makes such a request and is answered with success, see tests.tenants. A form of a page
that leads on has changed something, was refused, or is exempt: see tests.people.
"""

from __future__ import annotations

from collections.abc import Mapping

from callgauge.telemetry.context import view_name

Route = tuple[str, str]
"""View and method."""

READS = "reads only; POST because of its body"
TAKES_IN = "takes calls or recordings in: they say themselves when they came, and from whom"

NOTHING = "changes nothing that is kept"


def _these(actions: str, **views: str) -> dict[Route, frozenset[str]]:
    """`module__View="POST PUT"` for each view; the actions are alternatives."""
    return {
        (f"api.{name.replace('__', '.')}", method): frozenset(actions.split())
        for name, methods in views.items()
        for method in methods.split()
    }


AUDITED: Mapping[Route, frozenset[str]] = {
    **_these(
        "rerun.requested rerun.joined",
        rerun__RerunEvaluation="POST",
        rerun__EvaluateMetrics="POST",
        reruns__RerunList="POST",
        reruns__RerunPilot="POST",
        differences__MetricNoise="POST",
    ),
    **_these(
        "rerun.paused rerun.resumed rerun.cancelled rerun.requested",
        reruns__RerunAction="POST",
    ),
    **_these("metric.drafted", differences__MetricDrafts="POST"),
    **_these("metric.version_used", differences__MetricInUse="POST"),
    **_these("metric.shadow_started", differences__MetricShadow="POST"),
    **_these("metric.shadow_ended", differences__MetricShadow="DELETE"),
    **_these(
        "review.cast",
        review__AnswerItem="POST",
        calls__MarkMetricVote="POST",
        metric_reviews__MetricReview="PATCH",
        differences__FlipVotes="POST",
    ),
    **_these("webhook.tested", webhooks__WebhookTest="POST", webhooks__ProjectWebhookTest="POST"),
    **_these("webhook.replayed", webhooks__DeliveryReplay="POST", webhooks__DeadReplay="POST"),
    **_these("review.skipped", review__SkipItem="POST"),
    **_these("review.assigned", review__AssignItem="POST"),
    **_these("review.skips_taken_back", review__TakeBackSkips="POST"),
    **_these("review.asked_for", review__AskToReview="POST"),
    **_these("review.second_asked_for", review__SecondOpinions="POST"),
    **_these("review.withdrawn", review__Withdraw="POST"),
    **_these("golden.created", agreement__GoldenSets="POST"),
    **_these("golden.edited", agreement__OneGoldenSet="PATCH"),
    **_these("golden.deleted", agreement__OneGoldenSet="DELETE"),
    **_these("golden.cases_changed", agreement__GoldenCases="POST DELETE"),
    **_these(
        "lab.requested rerun.requested",
        agreement__GateRun="POST",
        metric_reviews__RunReviews="POST",
        metric_reviews__ProcessFeedbacks="POST",
    ),
    **_these("proposal.applied", metric_reviews__ApplyProposal="POST"),
    **_these("proposal.dismissed", metric_reviews__DismissProposal="POST"),
    **_these("call.edited", calls__OneCallLog="PATCH", recordings__CompleteUpload="POST"),
    **_these("call.deleted", calls__OneCallLog="DELETE", calls__DeleteCallLogs="POST"),
    **_these("export.deleted", exports__ExportItem="DELETE"),
    **_these("organization.edited", organizations__OrganizationItem="PATCH"),
    **_these("key.created", organizations__KeyList="POST"),
    **_these("project.created", projects__ProjectList="POST"),
    **_these("project.edited", projects__ProjectDetail="PUT PATCH"),
    **_these("project.deleted", projects__ProjectDetail="DELETE"),
    **_these(
        "agent.created",
        agents__AgentList="POST",
        agents__AgentV2List="POST",
        agents_history__AgentDuplicate="POST",
        agents_history__AgentV2Duplicate="POST",
    ),
    **_these("agent.edited", agents__AgentDetail="PUT PATCH", agents__AgentV2Detail="PUT PATCH"),
    **_these("agent.deleted", agents__AgentDetail="DELETE", agents__AgentV2Detail="DELETE"),
    **_these("agent.version_labelled", agents_history__AgentHistoryEdit="PATCH"),
    **_these("agent.restored", agents_history__AgentRestore="POST"),
    **_these("alert.created", alerts__AlertList="POST"),
    **_these("alert.edited", alerts__AlertDetail="PUT PATCH"),
    **_these("alert.deleted", alerts__AlertDetail="DELETE"),
    **_these("knowledge.added", knowledge_base__KnowledgeBaseUpload="POST"),
    **_these(
        "knowledge.deleted",
        knowledge_base__KnowledgeBaseItem="DELETE",
        knowledge_base__KnowledgeBaseDelete="DELETE",
    ),
    **_these("preview.requested", metrics_preview__MetricPreviewRequest="POST"),
    **_these("metric.switched", metrics_bulk__MetricToggle="POST"),
    **_these("metric.reordered", metrics_bulk__MetricReorder="PATCH"),
    **_these(
        "metric.deleted",
        metrics_bulk__MetricDeleteMany="POST",
        metrics__MetricDetail="DELETE",
        metrics__MetricV2Detail="DELETE",
    ),
    **_these("metric.agents_changed", metrics_bulk__MetricAgents="POST"),
    **_these("metric.version_labelled", metrics_bulk__MetricHistoryEdit="PATCH"),
    **_these("predefined.offered", metrics_bulk__MetricOffer="POST"),
    **_these(
        "metric.edited",
        metrics__MetricDetail="PUT PATCH",
        metrics__MetricV2Detail="PUT PATCH",
        metrics__MetricRestore="POST",
    ),
    **_these(
        "metric.created",
        metrics__MetricList="POST",
        metrics__MetricV2List="POST",
        metrics__MetricBulkCreate="POST",
        predefined__PredefinedCopy="POST",
    ),
    **_these(
        "writing.requested",
        metrics_writing__Generate="POST",
        metrics_writing__CleanDescription="POST",
        metrics_writing__CleanDescriptionLater="POST",
        metrics_writing__EvaluationTrigger="POST",
        metrics_writing__SimplifyPrompt="POST",
    ),
}
EXEMPT: Mapping[Route, str] = {
    ("api.reruns.RerunPlan", "POST"): READS,
    ("api.metrics_bulk.MetricVariables", "POST"): READS,
    ("api.observe.Observe", "POST"): TAKES_IN,
    ("api.provider_hooks.ProviderObserve", "POST"): TAKES_IN,
    ("api.recordings.GetUploadUrl", "POST"): TAKES_IN,
    ("api.recordings.PutUpload", "PUT"): TAKES_IN,
    ("api.calls.CallLogs", "POST"): READS,
    ("api.metrics_preview.MetricEvaluate", "POST"): READS,
}
EXEMPT_PAGES: Mapping[str, str] = {
    "web.doors.theme": NOTHING,
    "web.doors.sign_in_page": NOTHING,
    "web.doors.sign_out": NOTHING,
    "web.calls.views.do": "one of its buttons leads to the plan of a rerun, which is not started yet",
    "web.metrics.predefined.predefined": "the metric may be there already",
    "web.start.samples": "the samples may be there already",
    "web.calls.one.measure": "the call may be under way already; what begins is a rerun, which leaves one",
}
MAY_CHANGE_NOTHING: Mapping[Route, str] = {
    ("api.reruns.RerunAction", "POST"): "it is paused, running or cancelled already",
    ("api.metrics_bulk.MetricAgents", "POST"): "the metrics measure these agents already",
    ("api.predefined.PredefinedCopy", "POST"): "they were copied before",
    ("api.recordings.CompleteUpload", "POST"): "the call has not come in yet",
}
"""Audited, and yet a request may be answered with success and leave nothing."""

logged: dict[str, set[str]] = {}
"""Actions by request: filled by what the audit log says of itself, see tests/conftest.py."""

refused: set[str] = set()
"""Requests in which a verb refused something."""


def expect_audited(route: Route, status: int, request_id: str) -> None:
    if route in AUDITED and 200 <= status < 300 and route not in MAY_CHANGE_NOTHING:
        found = logged.get(request_id, set())
        assert found & AUDITED[route], f"{route} left {found or 'nothing'} in the audit log"


def expect_audited_page(view: str, method: str, status: int, request_id: str) -> None:
    if (
        method == "POST"
        and status in (204, 302, 303)
        and view.startswith("web.")
        and view not in EXEMPT_PAGES
    ):
        assert logged.get(request_id) or request_id in refused, f"{view} left nothing in the audit log"


def mutating_routes() -> list[Route]:
    """Of the API."""
    from callgauge.api.urls import urlpatterns

    methods = ("POST", "PUT", "PATCH", "DELETE")
    found: set[Route] = set()
    for pattern in urlpatterns:
        view = pattern.callback
        kind = getattr(view, "cls", None) or getattr(view, "view_class", None)
        name = view_name(type("Match", (), {"func": staticmethod(view)}))
        found |= {(name, method) for method in methods if hasattr(kind, method.lower())}
    return sorted(found)
