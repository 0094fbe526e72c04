"""All routes."""

from django.urls import include, path

urlpatterns = [path("", include("callgauge.api.urls"))]

handler400 = "callgauge.api.errors.bad_request"
handler404 = "callgauge.api.errors.not_found"
handler500 = "callgauge.api.errors.server_error"
