"""What a way of running scripts has to offer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from callgauge.sandbox.judge_desk import JudgeDesk
from callgauge.sandbox.words import Job, ScriptResult


class Backend(Protocol):
    """Runs jobs for any number of threads at once."""

    name: str

    def start(self) -> None:
        """Get ready. Raises BackendUnavailable with the reason when this host cannot enforce it."""

    def run(self, job: Job, desk: JudgeDesk) -> ScriptResult:
        """Run one script. Whatever the script does comes back as a value."""

    def facts(self) -> Mapping[str, str]:
        """What is enforced, for people."""

    def close(self) -> None: ...
