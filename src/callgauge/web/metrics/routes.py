"""The addresses of metrics."""

from __future__ import annotations

from django.urls import path

from callgauge.web.metrics import comparing, editing, listing, one, predefined, trying

BASE = "projects/<int:project_id>/metrics"

routes = [
    path(BASE, listing.metrics, name="metrics"),
    path(f"{BASE}/new", editing.new, name="metric-new"),
    path(f"{BASE}/predefined", predefined.predefined, name="metrics-predefined"),
    path(f"{BASE}/check", editing.check, name="metric-check"),
    path(f"{BASE}/try", trying.begin, name="metric-try"),
    path(f"{BASE}/tried/<str:uid>", trying.tried, name="metric-tried"),
    path(f"{BASE}/<int:pk>", one.metric, name="metric"),
    path(f"{BASE}/<int:pk>/edit", editing.edit, name="metric-edit"),
    path(f"{BASE}/<int:pk>/compare", comparing.compare, name="metric-compare"),
    path(f"{BASE}/<int:pk>/versions/<int:number>/use", one.use, name="metric-use"),
    path(f"{BASE}/<int:pk>/switch", one.switch, name="metric-switch"),
    path(f"{BASE}/<int:pk>/delete", one.delete, name="metric-delete"),
]
