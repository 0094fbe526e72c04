"""Untrusted Python: runs the scripts of Python metrics where they can reach nothing but their answer.

`open_sandbox()` takes the first way of running them that this host can really enforce, and proves it with
a few attacks; where there is none it raises SandboxUnavailable, and code metrics are refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from callgauge.sandbox.backend import Backend
from callgauge.sandbox.cpython import CPythonBackend
from callgauge.sandbox.errors import BackendUnavailable, SandboxError, SandboxUnavailable
from callgauge.sandbox.jail.stdlib import ALLOWED as ALLOWED_MODULES
from callgauge.sandbox.monty import MontyBackend
from callgauge.sandbox.sandbox import Sandbox
from callgauge.sandbox.selftest import Attack, SelfTest
from callgauge.sandbox.words import (
    Code,
    Facts,
    JudgeAsk,
    JudgeFailed,
    JudgeReply,
    JudgeVerdict,
    Limits,
    ScriptFailed,
    ScriptOk,
    ScriptResult,
)

__all__ = [
    "ALLOWED_MODULES",
    "BACKENDS",
    "Attack",
    "BackendUnavailable",
    "Code",
    "Facts",
    "JudgeAsk",
    "JudgeFailed",
    "JudgeReply",
    "JudgeVerdict",
    "Limits",
    "Sandbox",
    "SandboxError",
    "SandboxUnavailable",
    "ScriptFailed",
    "ScriptOk",
    "ScriptResult",
    "SelfTest",
    "open_sandbox",
]

BACKENDS: Mapping[str, Callable[[], Backend]] = {
    "cpython": CPythonBackend,
    "monty": MontyBackend,
}
"""In the order in which they are tried: full Python first."""


def open_sandbox(backend: str | None = None) -> Sandbox:
    """A sandbox that has passed its self-test. Starts processes; close it.

    `backend` names one of BACKENDS; None takes the first that holds. Raises SandboxUnavailable with the
    reason for each that does not, KeyError for a name that is not in the table.
    """
    reasons = []
    for name in [backend] if backend is not None else BACKENDS:
        candidate = BACKENDS[name]()
        try:
            candidate.start()
        except BackendUnavailable as error:
            reasons.append(f"{name}: {error}")
            continue
        sandbox = Sandbox(candidate)
        test = sandbox.self_test()
        if test.passed:
            return sandbox
        sandbox.close()
        broken = ", ".join(
            f"{attack.name} ({attack.what_came})" for attack in test.attacks if not attack.contained
        )
        reasons.append(f"{name}: did not hold in the self-test: {broken}")
    raise SandboxUnavailable("; ".join(reasons))
