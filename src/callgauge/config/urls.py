"""All routes."""

from django.urls import include, path

urlpatterns = [path("", include("callgauge.api.urls")), path("", include("callgauge.web.urls"))]

handler400 = "callgauge.config.errors.bad_request"
handler403 = "callgauge.config.errors.forbidden"
handler404 = "callgauge.config.errors.not_found"
handler500 = "callgauge.config.errors.server_error"
