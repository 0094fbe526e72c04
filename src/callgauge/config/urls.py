"""All routes."""

from django.urls import include, path

urlpatterns = [path("", include("callgauge.api.urls"))]
