"""Attacks that are really tried before a sandbox is trusted; `_result` is what each has reached."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from callgauge.sandbox.words import Code, Limits, ScriptFailed, ScriptOk, ScriptResult

if TYPE_CHECKING:
    from callgauge.sandbox.sandbox import Sandbox

_HONEST_LIMITS = Limits()
"""Those of metrics: a host that is busy for seconds must not make a sandbox look broken."""
_LIMITS = Limits(cpu_secs=0.5, wall_secs=2.0)
_MEMORY_LIMITS = Limits(cpu_secs=2.0, wall_secs=5.0, memory_bytes=64 << 20)

_PLAIN = "_result = len(data['transcript'])"

_ENDLESS = "while True: pass"

# Where `import` is refused, an attacker takes the module from the interpreter's own table.
_MODULES = """
import sys
def module(name):
    return sys.modules[name]
"""

_ATTACKS: Sequence[tuple[str, str]] = (
    ("read a file", _MODULES + "_result = len(module('io').FileIO('/etc/passwd').read())"),
    ("list a folder", _MODULES + "_result = len(module('os').listdir('/'))"),
    ("write a file", _MODULES + "_result = module('os').open('/tmp/callgauge-self-test', 0o101)"),
    ("read the server's environment", _MODULES + "_result = '%(variable)s' in module('os').environ"),
    (
        "open a socket",
        _MODULES + "_result = module('socket').socket().fileno()",
    ),
    ("start a process", _MODULES + "_result = module('os').fork()"),
    ("signal the server", _MODULES + "_result = module('os').kill(%(server)d, 0) is None"),
    (
        "call the kernel directly",
        _MODULES + "_result = module('ctypes').CDLL(None).socket(2, 1, 0) >= 0",
    ),
)


@dataclass(frozen=True, slots=True)
class Attack:
    name: str
    contained: bool
    what_came: str
    """The code of the failure, or what the attack reached."""


@dataclass(frozen=True, slots=True)
class SelfTest:
    backend: str
    attacks: Sequence[Attack]

    @property
    def passed(self) -> bool:
        return all(attack.contained for attack in self.attacks)


def attack(sandbox: Sandbox) -> SelfTest:
    """Run an honest script, then each attack, then the limits."""
    names = {"server": os.getpid(), "variable": next(iter(os.environ), "PATH")}
    data = {"transcript": "[00:01] Main Agent: Hello."}
    found = []
    honest = sandbox.run(_PLAIN, data, limits=_HONEST_LIMITS)
    works = isinstance(honest, ScriptOk) and honest.result == len(data["transcript"])
    found.append(Attack("run an honest script", works, _came(honest)))
    for name, script in _ATTACKS:
        result = sandbox.run(script % names, data, limits=_LIMITS)
        found.append(Attack(name, not (isinstance(result, ScriptOk) and result.result), _came(result)))
    endless = sandbox.run(_ENDLESS, data, limits=_LIMITS)
    found.append(Attack("run for ever", _is(endless, Code.CPU, Code.WALL), _came(endless)))
    hungry = sandbox.run("_result = len('x' * (256 << 20))", data, limits=_MEMORY_LIMITS)
    found.append(Attack("take all memory", _is(hungry, Code.MEMORY), _came(hungry)))
    return SelfTest(sandbox.backend, found)


def _is(result: ScriptResult, *codes: Code) -> bool:
    return isinstance(result, ScriptFailed) and result.code in codes


def _came(result: ScriptResult) -> str:
    return result.code if isinstance(result, ScriptFailed) else str(result.result)
