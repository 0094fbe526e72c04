"""Every route of the API, each with and without the last slash."""

from django.urls import re_path

from callgauge.api import (
    agents,
    agents_history,
    agreement,
    alerts,
    calls,
    health,
    knowledge_base,
    metric_reviews,
    metrics,
    metrics_bulk,
    metrics_preview,
    observe,
    organizations,
    predefined,
    projects,
    recordings,
    rerun,
    reruns,
    review,
)

urlpatterns = [
    *rerun.routes,
    *reruns.routes,
    *review.routes,
    *agreement.routes,
    re_path(r"^healthz/?$", health.healthz),
    re_path(r"^readyz/?$", health.readyz),
    *observe.routes,
    *calls.routes,
    *recordings.routes,
    *organizations.routes,
    *projects.routes,
    *agents.routes,
    *agents_history.routes,
    *alerts.routes,
    *knowledge_base.routes,
    *metrics_preview.routes,
    *metrics_bulk.routes,
    *metric_reviews.routes,
    *metrics.routes,
    *predefined.routes,
]
