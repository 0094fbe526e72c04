"""The addresses of calls."""

from __future__ import annotations

from django.urls import path

from callgauge.web.calls import exporting, one, views

ROOT = "projects/<int:project_id>"

routes = [
    path(f"{ROOT}/calls", views.calls, name="calls"),
    path(f"{ROOT}/calls/count", views.count, name="calls-count"),
    path(f"{ROOT}/calls/do", views.do, name="calls-do"),
    path(f"{ROOT}/calls/views/save", views.save_view, name="calls-view-save"),
    path(f"{ROOT}/calls/views/delete", views.delete_view, name="calls-view-delete"),
    path(f"{ROOT}/search", views.search, name="search"),
    *one.routes,
    *exporting.routes,
]
