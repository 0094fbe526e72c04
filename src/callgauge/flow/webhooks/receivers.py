"""Where the webhooks of an agent go: to its own address where it has one, else to its project's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings

from callgauge.flow.errors import Invalid
from callgauge.flow.sealing import unseal
from callgauge.outbound import OutboundError, check_url
from callgauge.outbound.signing import PREFIX, is_readable
from callgauge.store.models import Agent, Project

URL = "webhook_url"
SECRET = "webhook_secret"  # noqa: S105 -- the name of one
SIGNING_SECRET = "webhook_signing_secret"  # noqa: S105 -- the name of one


@dataclass(frozen=True, slots=True)
class Receiver:
    url: str
    sealed: Mapping[str, str]
    """The secrets kept beside that address: an agent's address never gets its project's."""

    def secret(self) -> str:
        """What is sent along as it is; empty where there is none. Raises Unreadable."""
        return self._open(SECRET)

    def signing_secret(self) -> str:
        """What requests are signed with; it is never sent. Raises Unreadable."""
        return self._open(SIGNING_SECRET) or self.secret()

    def _open(self, name: str) -> str:
        token = self.sealed.get(name)
        return unseal(token) if token else ""


def checked_url(text: str) -> str:
    """An address that may be sent to, as far as one can say without looking its name up. Raises Invalid."""
    if text:
        try:
            check_url(text, settings.CALLGAUGE.outbound_networks)
        except OutboundError as error:
            raise Invalid.field(URL, str(error)) from None
    return text


def checked_secrets(said: Mapping[str, str | None]) -> Mapping[str, str | None]:
    """Secrets as a request says them. Raises Invalid for one that a receiver could not check by."""
    for name in (SIGNING_SECRET, SECRET):
        if not is_readable(said.get(name) or ""):
            words = f"Behind {PREFIX} there has to be base64, as `openssl rand -base64 24` prints it."
            raise Invalid.field(name, words)
    return said


def receiver_of(project: Project, agent: Agent | None) -> Receiver | None:
    for owner in (agent, project):
        url = "" if owner is None else str(owner.settings.get(URL) or "").strip()
        if owner is not None and url:
            return Receiver(url, owner.secrets)
    return None
