"""Webhooks of voice providers, and what the client's tracers post after a session."""

from __future__ import annotations

from typing import Any

from rest_framework import exceptions, status
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from callgauge.api.calls_body import body_of
from callgauge.api.observe import duplicate_headers
from callgauge.api.routing import route
from callgauge.flow.provider_calls import NotSigned, take_webhook
from callgauge.flow.scope import require_change
from callgauge.formats import WEBHOOKS
from callgauge.store.models import ApiKey


class ProviderObserve(APIView):
    """Answers 200 to every event, so that no provider keeps on sending what is of no use here.

    An API key is needed, or a signature that fits a secret of the agent: some providers send no headers of
    their users' choice.
    """

    permission_classes = [AllowAny]
    provider = ""

    def post(self, request: Request) -> Response:
        raw = request._request.body  # before it is parsed: signatures cover the bytes
        who = request.user if isinstance(request.user, ApiKey) else None
        if who is not None:
            require_change(who)
        headers = {name.lower(): value for name, value in request.headers.items()}
        agent_id = request.query_params.get("agent_id", "").strip()
        try:
            call, ingested = take_webhook(
                who, self.provider, body_of(request), raw=raw, headers=headers, agent_id=agent_id
            )
        except NotSigned:
            raise exceptions.NotAuthenticated(
                "Send an API key as X-CEKURA-API-KEY, or have the provider sign its webhooks with a secret "
                "that the agent knows."
            ) from None
        if ingested is None:
            return Response({"status": "ignored", "event": call.event})
        answer: dict[str, Any] = {
            "status": "stored" if ingested.created else "updated" if ingested.updated else "known",
            "id": ingested.call.pk,
            "call_id": ingested.call.call_id,
        }
        return Response(answer, status=status.HTTP_200_OK, headers=duplicate_headers(ingested))


routes = [
    route(rf"observability/v1/{provider}/observe", ProviderObserve.as_view(provider=provider))
    for provider in WEBHOOKS
]
