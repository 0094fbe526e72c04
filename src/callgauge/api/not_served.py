"""What the reference API has and this server does not serve yet: one table, shown in docs/not-served.md too.

Such a request is answered 404 with a body and a header that say so: the official client keeps the body and
does not try again. A route that is served goes before a line here, so a line has no effect on it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from django.http import HttpResponseBase

HEADER = "X-Callgauge-Not-Served"


@dataclass(frozen=True)
class Gap:
    path: str
    """As the reference writes it. `**` at the end: and everything below."""
    methods: tuple[str, ...]
    """Empty: whatever the method is."""
    what: str
    """Goes into "Callgauge does not serve … yet"."""
    why: str

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        path, below, _ = self.path.strip("/").partition("**")
        path = re.sub(r"\{\w+\}", "[^/]+", path.rstrip("/"))
        # The reference has most families under v1 and v2, and once more with "-external" behind the name.
        path = re.sub(r"^(\w+)/v1/([\w-]+)", r"\1/v[12]/\2(?:-external)?", path)
        return re.compile(rf"^/{path}{'(?:/.*)?' if below else '/?'}$", re.DOTALL)


SIMULATION = "Callgauge measures calls that took place; it does not place calls itself."
PROVIDER = "Callgauge does not call voice providers."
LATER = "Planned."
FIRING = "Alerts are kept and shown; none fires yet."
HOSTED = "It belongs to the hosted service."
PEOPLE = "An administrator manages people on the pages and with `callgauge user`."

GAPS: tuple[Gap, ...] = (
    Gap("/observability/v1/call-logs/create_scenarios/", ("POST",), "scenarios from calls", SIMULATION),
    Gap(
        "/observability/v1/call-logs/create_scenarios_progress/", ("GET",), "scenarios from calls", SIMULATION
    ),
    Gap(
        "/observability/v1/call-logs/{id}/mark_critical_scenario_wrong/",
        ("POST",),
        "marks on critical scenarios",
        SIMULATION,
    ),
    Gap(
        "/observability/v1/call-logs/{id}/unmark_critical_scenario_wrong/",
        ("POST",),
        "marks on critical scenarios",
        SIMULATION,
    ),
    Gap("/observability/v1/alerts/trigger_summary/", ("GET",), "counts of fired alerts", FIRING),
    Gap("/observability/v1/alerts/{id}/review_detail/", ("GET",), "what an alert fired on", FIRING),
    Gap("/observability/v1/alerts/{id}/summarize/", ("POST",), "summaries of alerts", LATER),
    Gap("/observability/v1/alerts/summarize_progress/", ("GET",), "summaries of alerts", LATER),
    Gap("/observability/v1/agent-improvement-sessions/**", (), "sessions that improve an agent", LATER),
    Gap("/observability/v1/deep-research-insights/**", (), "deep research", LATER),
    Gap("/observability/v1/first-insights/**", (), "first insights", LATER),
    Gap("/observability/v1/insight-reproduction-sessions/**", (), "reproducing what failed", SIMULATION),
    Gap("/observability/v1/metric-failure-mode-insights/**", (), "failure modes of metrics", LATER),
    Gap("/observability/v1/overall_evaluation/**", (), "the overall evaluation", LATER),
    Gap(
        "/observability/v1/livekit/egress-credentials/",
        ("GET",),
        "storage for LiveKit's recordings",
        "Recordings stay where you keep them: send their address.",
    ),
    Gap(
        "/observability/v1/pipecat/egress-credentials/",
        ("GET",),
        "storage for Pipecat's recordings",
        "Recordings stay where you keep them: send their address.",
    ),
    Gap("/test_framework/v1/metrics/build-agent/", ("POST",), "the metric builder's chat", LATER),
    Gap("/test_framework/v1/metrics/build-agent-cancel/", ("POST",), "the metric builder's chat", LATER),
    Gap("/test_framework/v1/metrics/build-agent-progress/", ("GET",), "the metric builder's chat", LATER),
    Gap("/test_framework/v1/metrics/fetch_call_details/", ("GET",), "the hosted service's workers", HOSTED),
    Gap("/test_framework/v1/metrics/save_result/", ("POST",), "the hosted service's workers", HOSTED),
    Gap(
        "/test_framework/v1/metrics/{id}/apply_optimisation_proposal/",
        ("POST",),
        "applying an optimisation proposal",
        LATER,
    ),
    Gap(
        "/test_framework/v1/metrics/{id}/dismiss_optimisation_proposal/",
        ("POST",),
        "dismissing an optimisation proposal",
        LATER,
    ),
    Gap("/test_framework/v1/metrics/{id}/auto-improve/", ("POST",), "improving a metric by itself", LATER),
    Gap(
        "/test_framework/v1/predefined-metrics/",
        ("POST",),
        "new predefined metrics",
        "The catalogue is part of a release; `add_to_predefined_metrics` adds a project's own.",
    ),
    Gap(
        "/test_framework/v1/predefined-metrics/{id}/",
        ("PUT", "PATCH", "DELETE"),
        "changes of predefined metrics",
        "The catalogue is part of a release. Change your own copy of a metric.",
    ),
    Gap("/test_framework/critical-categories/**", (), "critical categories", SIMULATION),
    Gap("/test_framework/v1/critical-metric-scenarios/**", (), "critical scenarios", SIMULATION),
    Gap("/test_framework/metric-rolling-stats/**", (), "rolling statistics of metrics", LATER),
    Gap("/test_framework/custom-provider-transcript-webhook/", (), "transcripts of test runs", SIMULATION),
    Gap("/test_framework/custom-provider-webhook/", (), "transcripts of test runs", SIMULATION),
    Gap(
        "/test_framework/v1/aiagents/{id}/auto-fetch/",
        ("POST",),
        "reading an agent from its provider",
        PROVIDER,
    ),
    Gap(
        "/test_framework/v1/aiagents/{id}/auto-fetch-progress/",
        ("GET",),
        "reading an agent from its provider",
        PROVIDER,
    ),
    Gap("/test_framework/v1/aiagents/{id}/personalities/", ("GET",), "personalities of callers", SIMULATION),
    Gap(
        "/test_framework/v1/aiagents/{id}/enable_personalities/",
        ("POST",),
        "personalities of callers",
        SIMULATION,
    ),
    Gap(
        "/test_framework/v1/aiagents/{id}/disable_personalities/",
        ("POST",),
        "personalities of callers",
        SIMULATION,
    ),
    Gap("/test_framework/v1/aiagents/{id}/runs_overview/", ("GET",), "overviews of test runs", SIMULATION),
    Gap("/test_framework/v1/aiagents/runs_overview_project/", ("GET",), "overviews of test runs", SIMULATION),
    Gap(
        "/test_framework/v1/aiagents/verify-websocket/", ("POST",), "trying an agent's websocket", SIMULATION
    ),
    Gap("/test_framework/v1/aiagents/{id}/tools/**", (), "mock tools", SIMULATION),
    Gap("/test_framework/v1/aiagents/{id}/tool/**", (), "mock tools", SIMULATION),
    Gap("/test_framework/v1/aiagents/{id}/mcp/**", (), "mock tools", SIMULATION),
    Gap("/test_framework/v1/scenarios/**", (), "scenarios", SIMULATION),
    Gap("/test_framework/v1/scenario-improvement-sessions/**", (), "scenarios that improve", SIMULATION),
    Gap("/test_framework/v1/runs/**", (), "test runs", SIMULATION),
    Gap("/test_framework/v1/results/**", (), "results of test runs", SIMULATION),
    Gap("/test_framework/v1/personalities/**", (), "personalities of callers", SIMULATION),
    Gap("/test_framework/v1/test-profiles/**", (), "test profiles", SIMULATION),
    Gap("/test_framework/test-sets/**", (), "test sets", SIMULATION),
    Gap("/test_framework/v1/phone-numbers/**", (), "phone numbers", SIMULATION),
    Gap("/schedules/v1/cron-jobs/**", (), "scheduled test runs", SIMULATION),
    Gap("/schedules/v1/metric-optimiser-cron-jobs/**", (), "scheduled improvement of metrics", LATER),
    Gap("/dashboards/**", (), "dashboards of your own", LATER),
    Gap("/slack/**", (), "Slack", LATER),
    Gap("/user/v1/audit-logs/", ("GET",), "the audit log", LATER),
    Gap(
        "/user/organizations/",
        ("POST",),
        "new organizations",
        "`callgauge key create --organization NAME` makes one.",
    ),
    Gap("/user/organizations/{id}/", ("PUT", "DELETE"), "replacing or deleting an organization", LATER),
    Gap("/user/v1/projects/{id}/add_member/", ("POST",), "adding people to a project", PEOPLE),
    Gap("/user/v1/projects/{id}/remove_member/", ("POST",), "taking people out of a project", PEOPLE),
    Gap("/user/v1/projects/{id}/members/", ("GET",), "the people of a project as a list", PEOPLE),
    Gap("/user/v1/projects/{id}/enable_personalities/", ("POST",), "personalities of callers", SIMULATION),
    Gap("/user/v1/projects/{id}/disable_personalities/", ("POST",), "personalities of callers", SIMULATION),
    Gap("/user/v1/projects/{id}/overview/**", (), "overviews of a project", LATER),
    Gap("/user/v1/projects/{id}/get-topic-names/", ("GET",), "names of topics", LATER),
    Gap("/user/v1/projects/{id}/get-dropoff-names/", ("GET",), "names of drop-off points", LATER),
    Gap("/user/v1/projects/{id}/daily-report/**", (), "daily reports", LATER),
    Gap("/user/v1/projects/{id}/preview_daily_report/", (), "daily reports", LATER),
    Gap("/user/v1/projects/{id}/preview_daily_report_progress/", (), "daily reports", LATER),
    Gap("/test_framework/billing/**", (), "billing", "There is nothing to pay here."),
)


def find_gap(method: str, path: str) -> Gap | None:
    """The line for a request that no view answers; None where the reference does not have it either."""
    for gap in GAPS:
        if (not gap.methods or method in gap.methods) and gap.pattern.match(path):
            return gap
    return None


def detail(gap: Gap) -> str:
    return f"Callgauge does not serve {gap.what} yet; see docs/not-served.md"


def mark(response: HttpResponseBase) -> None:
    response[HEADER] = "1"


def as_markdown() -> str:
    """The table of docs/not-served.md."""
    head = ["| method | address | what it is | why it is not here |", "|---|---|---|---|"]
    rows = [
        f"| {', '.join(gap.methods) or 'any'} | `{gap.path.replace('**', '…')}` | {gap.what} | {gap.why} |"
        for gap in GAPS
    ]
    return "\n".join([*head, *rows]) + "\n"
