"""From a figure to the calls behind it: addresses of the list with the filter set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.urls import reverse


@dataclass(frozen=True, slots=True)
class Links:
    project_id: int
    window: str
    agent_id: int | None
    start: datetime

    def calls(self, query: Mapping[str, str], *, day: str = "", agent_id: int | None = None) -> str:
        """Those of the window, or of one day of it, that the further `query` finds."""
        agent = agent_id or self.agent_id
        asked = {} if agent is None else {"agent": str(agent)}
        if day:
            asked |= {"from": day[:10], "to": day[:10]}
        elif self.window == "24h":
            asked["since"] = "24h"
        else:
            asked["from"] = f"{self.start:%Y-%m-%d}"
        return f"{reverse('calls', args=[self.project_id])}?{urlencode({**asked, **query})}"

    def metric(self, metric_id: int, how: str) -> str:
        return self.calls({f"m.{metric_id}": how})

    def overview(self, **changed: object) -> str:
        asked = {"window": self.window, "agent": self.agent_id} | changed
        kept = {name: value for name, value in asked.items() if value is not None}
        return f"{reverse('overview', args=[self.project_id])}?{urlencode(kept)}"

    @property
    def csv(self) -> str:
        kept = {"window": self.window} | ({} if self.agent_id is None else {"agent": self.agent_id})
        return f"{reverse('overview-csv', args=[self.project_id])}?{urlencode(kept)}"
