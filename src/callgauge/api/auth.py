"""Who asks: an API key in X-CEKURA-API-KEY or as a bearer token."""

from __future__ import annotations

from typing import Any

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from callgauge.flow.audit import act_as_key
from callgauge.flow.errors import Forbidden
from callgauge.flow.keys import find_key
from callgauge.flow.scope import require_change, require_owner
from callgauge.store.models import ApiKey

HEADERS = ("HTTP_X_CEKURA_API_KEY", "HTTP_X_VOCERA_API_KEY")
"""The second is what clients of the contract's older name send."""


class ApiKeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[ApiKey, None] | None:
        secret = _bearer(request) or next(
            (request.META[name].strip() for name in HEADERS if request.META.get(name, "").strip()), ""
        )
        if not secret:
            return None
        key = find_key(secret)
        if key is None:
            raise AuthenticationFailed("The API key is not known or was revoked.")
        act_as_key(key, request.META.get("REMOTE_ADDR", ""))
        return key, None

    def authenticate_header(self, request: Request) -> str:
        return "X-CEKURA-API-KEY"


class HasKey(BasePermission):
    message = "An API key is needed: send it as X-CEKURA-API-KEY or as a bearer token."

    def has_permission(self, request: Request, view: Any) -> bool:
        """A view's `owner_methods` are for owners' keys; a viewer's key only reads."""
        if not isinstance(request.user, ApiKey):
            return False
        try:
            if request.method in getattr(view, "owner_methods", ()):
                require_owner(request.user)
            elif request.method not in SAFE_METHODS:
                require_change(request.user)
        except Forbidden as refused:
            raise PermissionDenied(str(refused)) from None
        return True


def key_of(request: Request) -> ApiKey:
    """The key that a request came with; HasKey has made sure that there is one."""
    key = request.user
    assert isinstance(key, ApiKey)
    return key


def _bearer(request: Request) -> str:
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
