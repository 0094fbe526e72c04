"""The one door to running users' Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from callgauge.sandbox.backend import Backend
from callgauge.sandbox.judge_desk import AskJudge, JudgeDesk
from callgauge.sandbox.selftest import SelfTest, attack
from callgauge.sandbox.verdicts import failed
from callgauge.sandbox.words import Code, Facts, Job, Limits, ScriptResult


class Sandbox:
    """Runs metric scripts, for any number of threads at once. Close it: it owns processes."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    @property
    def backend(self) -> str:
        return self._backend.name

    def run(
        self,
        script: str,
        data: Mapping[str, Any],
        *,
        limits: Limits | None = None,
        ask_judge: AskJudge | None = None,
    ) -> ScriptResult:
        """Run `script` with `data` and give what it set.

        `data` must be JSON-able; TypeError or ValueError otherwise, as it is not the script's fault.
        `ask_judge` is called in this thread; None means that no judge is set up. Never raises for a script.
        """
        limits = limits or Limits()
        job = Job(script, data, json.dumps(data), limits)
        if len(script.encode("utf-8", "surrogatepass")) > limits.script_bytes:
            return failed(Code.SCRIPT_TOO_LARGE, job)
        if len(job.data_json) > limits.data_bytes:
            return failed(Code.DATA_TOO_LARGE, job)
        desk = JudgeDesk(job, ask_judge)
        return desk.counted(self._backend.run(job, desk))

    def self_test(self) -> SelfTest:
        """Try a few attacks for real. A sandbox that does not pass must not be given scripts."""
        return attack(self)

    def describe(self) -> Facts:
        return Facts(self._backend.name, self._backend.facts())

    def close(self) -> None:
        self._backend.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
