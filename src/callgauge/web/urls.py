"""Every page. A part of the site is one module with `routes`, and one name here.

Pages of a project are below `projects/<int:project_id>/`; nothing of the API is. An entry of
`frame.NAVIGATION` leads to the route of its name.
"""

from django.urls import path

from callgauge.web import contract_page, doors, running, start
from callgauge.web.calls import routes as calls
from callgauge.web.metrics import routes as metrics
from callgauge.web.overview import page as overview
from callgauge.web.reruns import views as reruns
from callgauge.web.review import routes as review
from callgauge.web.settings import routes as settings

urlpatterns = [
    *contract_page.routes,
    path("", doors.home, name="home"),
    path("sign-in", doors.sign_in_page, name="sign-in"),
    path("forgotten", doors.forgotten, name="forgotten"),
    path("sign-out", doors.sign_out, name="sign-out"),
    path("theme", doors.theme, name="theme"),
    path("account", doors.account, name="account"),
    path("set-up/<str:secret>", doors.set_up, name="set-up"),
    path("invitation/<str:secret>", doors.invitation, name="invitation"),
    path("password/<str:secret>", doors.new_password, name="password"),
    *running.routes,
    *start.routes,
    *overview.routes,
    *calls.routes,
    *metrics.routes,
    *reruns.routes,
    *review.routes,
    *settings.routes,
]
