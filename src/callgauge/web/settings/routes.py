"""The addresses of the settings pages."""

from django.urls import path

from callgauge.web.settings import agents, judge, keys, members, project, rubric, webhooks

BASE = "projects/<int:project_id>/settings"
routes = [
    path(BASE, agents.agents, name="settings"),
    path(f"{BASE}/agents/new", agents.new_agent, name="settings-new-agent"),
    path(f"{BASE}/agents/<int:pk>", agents.one_agent, name="settings-agent"),
    path(f"{BASE}/agents/<int:pk>/delete", agents.delete, name="settings-delete-agent"),
    path(f"{BASE}/rubric", rubric.rubric, name="settings-rubric"),
    path(f"{BASE}/rubric/decide", rubric.decide_again, name="settings-decide"),
    path(f"{BASE}/judge", judge.judge, name="settings-judge"),
    path(f"{BASE}/judge/test", judge.trial, name="settings-judge-test"),
    path(f"{BASE}/webhooks", webhooks.webhooks, name="settings-webhooks"),
    path(f"{BASE}/webhooks/test", webhooks.test, name="settings-webhooks-test"),
    path(f"{BASE}/webhooks/replay", webhooks.replay_dead, name="settings-webhooks-replay"),
    path(f"{BASE}/webhooks/<slug:uid>", webhooks.one, name="settings-webhook"),
    path(f"{BASE}/webhooks/<slug:uid>/replay", webhooks.replay, name="settings-webhook-replay"),
    path(f"{BASE}/keys", keys.keys, name="settings-keys"),
    path(f"{BASE}/keys/<int:pk>/revoke", keys.revoke, name="settings-revoke"),
    path(f"{BASE}/people", members.members, name="settings-members"),
    path(f"{BASE}/people/<int:pk>/role", members.role, name="settings-role"),
    path(f"{BASE}/people/<int:pk>/remove", members.remove, name="settings-remove"),
    path(f"{BASE}/people/invite", members.invite, name="settings-invite"),
    path(f"{BASE}/people/invitations/<int:pk>/withdraw", members.withdraw, name="settings-withdraw"),
    path(f"{BASE}/project", project.project, name="settings-project"),
    path(f"{BASE}/project/delete", project.delete, name="settings-delete-project"),
]
