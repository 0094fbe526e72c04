"""The processes behind the sandbox: many at once, lost and replaced, gone when it is closed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from callgauge.sandbox import (
    BACKENDS,
    BackendUnavailable,
    Code,
    JudgeAsk,
    JudgeReply,
    JudgeVerdict,
    Limits,
    Sandbox,
    SandboxUnavailable,
    ScriptFailed,
    ScriptOk,
    ScriptResult,
    open_sandbox,
)
from callgauge.sandbox.cpython import CPythonBackend
from callgauge.sandbox.judge_desk import JudgeDesk
from callgauge.sandbox.words import Job
from callgauge.sandbox.zygote_client import Zygote
from tests.sandbox.bare import run_all
from tests.waiting import PATIENCE


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def zygote_of(backend: CPythonBackend) -> Zygote:
    return backend._zygote


def test_many_at_the_same_time(sandbox: Sandbox) -> None:
    """All of them are inside at once: each waits in its judge until the last has come."""
    count = 12
    barrier = threading.Barrier(count, timeout=30 * PATIENCE)
    outcomes: dict[int, ScriptResult] = {}

    def ask(asked: JudgeAsk) -> JudgeReply:
        barrier.wait()
        return JudgeVerdict(int(asked.description) * 2)

    def work(number: int) -> None:
        script = "_result = evaluate_llm_judge_metric(data, str(data['n']), 'numeric')['result']"
        outcomes[number] = sandbox.run(script, {"n": number}, ask_judge=ask)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {n: o.result if isinstance(o, ScriptOk) else o for n, o in outcomes.items()}
    assert found == {number: number * 2 for number in range(count)}


def test_a_killed_zygote_is_replaced() -> None:
    backend = CPythonBackend()
    with Sandbox(backend) as sandbox:
        assert isinstance(sandbox.run("_result = 1", {}), ScriptOk)
        first = zygote_of(backend).pid
        os.kill(first, signal.SIGKILL)
        assert isinstance(sandbox.run("_result = 1", {}), ScriptOk)
        assert zygote_of(backend).pid != first


def test_evaluations_die_with_their_zygote() -> None:
    backend = CPythonBackend()
    with Sandbox(backend) as sandbox:

        def kill(ask: JudgeAsk) -> JudgeReply:
            os.kill(zygote_of(backend).pid, signal.SIGKILL)
            return JudgeVerdict(True)

        outcome = sandbox.run(
            "evaluate_llm_judge_metric(data, description='x')\nwhile True: pass",
            {},
            limits=Limits(cpu_secs=20),
            ask_judge=kill,
        )
        assert isinstance(outcome, ScriptFailed)
        assert (outcome.code, outcome.retryable) == (Code.SANDBOX_LOST, True)


def test_a_zygote_that_stops_answering_is_replaced() -> None:
    """A late answer of the old one must not be taken for an answer to the next order."""
    backend = CPythonBackend()
    with Sandbox(backend) as sandbox:
        first = zygote_of(backend).pid
        os.kill(first, signal.SIGSTOP)
        process = zygote_of(backend)._process
        assert process is not None
        process._control.settimeout(0.3)  # the next one has as long as ever
        outcome = sandbox.run("_result = 2", {})
        assert isinstance(outcome, ScriptOk), outcome
        assert not alive(first)
        assert zygote_of(backend).pid != first


def test_a_sandbox_that_cannot_be_started_again_fails_the_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    from callgauge.sandbox import zygote_client

    backend = CPythonBackend()
    with Sandbox(backend) as sandbox:
        os.kill(zygote_of(backend).pid, signal.SIGKILL)
        monkeypatch.setattr(zygote_client.sys, "executable", "/nowhere/python")
        outcome = sandbox.run("_result = 1", {})
        assert isinstance(outcome, ScriptFailed)
        assert (outcome.code, outcome.retryable) == (Code.SANDBOX_LOST, True)


@pytest.mark.parametrize("end", ["close", "kill"])
@pytest.mark.parametrize("use_namespaces", [True, False])
def test_nothing_outlives_the_sandbox(end: str, use_namespaces: bool) -> None:
    """The zygote, the first process of its PID namespace, and an evaluation in flight."""
    backend = CPythonBackend(use_namespaces=use_namespaces)
    sandbox = Sandbox(backend)
    pid = zygote_of(backend).pid
    has_init = "pid" in backend.facts()["namespaces"].split(", ")
    family: list[int] = []

    def stop(ask: JudgeAsk) -> JudgeReply:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        family.extend(os.pidfd_open(int(member)) for member in (pid, *children))
        if end == "close":
            sandbox.close()
        else:
            os.kill(pid, signal.SIGKILL)
        return JudgeVerdict(True)

    script = "evaluate_llm_judge_metric(data, description='x')\nimport time\ntime.sleep(60)"
    outcome = sandbox.run(script, {}, ask_judge=stop)
    assert isinstance(outcome, ScriptFailed)
    assert outcome.code == Code.SANDBOX_LOST
    assert len(family) == 2 + has_init
    wait_for_end(family)
    sandbox.close()


def wait_for_end(pidfds: list[int]) -> None:
    for pidfd in pidfds:
        ended, _, _ = select.select([pidfd], [], [], 30)
        assert ended
        os.close(pidfd)


_SERVER = """
import os, sys
from callgauge.sandbox.cpython import CPythonBackend
backend = CPythonBackend()
backend.start()
print(backend._zygote.pid, flush=True)
sys.stdin.read()
"""


def test_nothing_outlives_a_server_that_is_killed() -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdin is not None
    assert server.stdout is not None
    with server.stdin, server.stdout:
        pid = int(server.stdout.readline())
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        family = [os.pidfd_open(int(member)) for member in (pid, *children)]
        server.kill()
        server.wait()
    wait_for_end(family)


def test_no_process_is_left_behind_by_evaluations(sandboxes: dict[str, Sandbox]) -> None:
    backend = sandboxes["cpython-no-namespaces"]._backend
    assert isinstance(backend, CPythonBackend)
    pid = zygote_of(backend).pid
    for script in ("_result = 1", "1 / 0", "import os", "import time\ntime.sleep(60)"):
        sandboxes["cpython-no-namespaces"].run(script, {}, limits=Limits(wall_secs=0.2))
    assert Path(f"/proc/{pid}/task/{pid}/children").read_text() == ""


def test_a_fork_of_the_server_gets_a_zygote_of_its_own() -> None:
    backend = CPythonBackend()
    with Sandbox(backend) as sandbox:
        assert isinstance(sandbox.run("_result = 1", {}), ScriptOk)
        first = zygote_of(backend).pid
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            outcome = sandbox.run("_result = 7", {})
            came = f"{getattr(outcome, 'result', None)} {zygote_of(backend).pid != first}"
            os.write(writer, came.encode())
            sandbox.close()
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(reader, 99) == b"7 True"
        os.close(reader)
        os.close(writer)
        assert zygote_of(backend).pid == first
        assert isinstance(sandbox.run("_result = 1", {}), ScriptOk)


def test_the_zygote_is_locked_itself(sandboxes: dict[str, Sandbox]) -> None:
    backend = sandboxes["cpython"]._backend
    assert isinstance(backend, CPythonBackend)
    status = Path(f"/proc/{zygote_of(backend).pid}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["NoNewPrivs"] == "1"
    # At most: become another user, become another group, kill.
    assert int(fields["CapEff"], 16) & ~(1 << 5 | 1 << 6 | 1 << 7) == 0


def test_evaluations_have_users_of_their_own(sandboxes: dict[str, Sandbox]) -> None:
    """Seen from outside, while two of them wait for their judge."""
    if sandboxes["cpython-no-namespaces"].describe().enforced["user"] == "the server's":
        pytest.skip("only root with its capabilities can give evaluations users of their own")
    backend = sandboxes["cpython-no-namespaces"]._backend
    assert isinstance(backend, CPythonBackend)
    pid = zygote_of(backend).pid
    barrier = threading.Barrier(3, timeout=30 * PATIENCE)

    def wait(ask: JudgeAsk) -> JudgeReply:
        barrier.wait()
        barrier.wait()
        return JudgeVerdict(True)

    def work() -> None:
        sandboxes["cpython-no-namespaces"].run(
            "evaluate_llm_judge_metric(data, description='x')", {}, ask_judge=wait
        )

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    barrier.wait()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    statuses = [Path(f"/proc/{child}/status").read_text() for child in children]
    barrier.wait()
    for thread in threads:
        thread.join()
    uids = [line for status in statuses for line in status.splitlines() if line.startswith("Uid:")]
    assert len(set(uids)) == len(uids) == 2
    for status in statuses:
        assert "CapEff:\t0000000000000000" in status
        assert "Seccomp:\t2" in status
        assert "Uid:\t0" not in status


class OpenBackend:
    """No sandbox at all: a plain process. What the self-test is there to refuse."""

    name = "open"

    def start(self) -> None: ...

    def run(self, job: Job, desk: JudgeDesk) -> ScriptResult:
        loaded = "import io, os, socket, ctypes\n"
        try:
            result, *_ = run_all({"x": loaded + job.script}, dict(job.data))["x"]
        except Exception as error:
            return ScriptFailed(Code.SCRIPT, str(error))
        return ScriptOk(result, [], None)

    def facts(self) -> dict[str, str]:
        return {}

    def close(self) -> None: ...


def test_the_self_test_passes_on_every_backend(sandbox: Sandbox) -> None:
    test = sandbox.self_test()
    assert [attack for attack in test.attacks if not attack.contained] == []
    assert len(test.attacks) >= 10
    assert test.passed


def test_the_self_test_refuses_a_sandbox_that_does_not_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    from callgauge.sandbox import selftest

    short = [attack for attack in selftest._ATTACKS if attack[0] in ("read a file", "open a socket")]
    monkeypatch.setattr(selftest, "_ATTACKS", short)
    monkeypatch.setattr(selftest, "_ENDLESS", "_result = 'it would run for ever'")
    monkeypatch.setitem(BACKENDS, "open", OpenBackend)  # type: ignore[arg-type]
    with pytest.raises(SandboxUnavailable, match=r"open: did not hold .*read a file \(\d+\), open a socket"):
        open_sandbox("open")


def test_the_first_backend_that_holds_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_sandbox() as sandbox:
        assert sandbox.backend == "cpython"

    def refuse(self: CPythonBackend) -> None:
        raise BackendUnavailable("not here")

    monkeypatch.setattr(CPythonBackend, "start", refuse)
    with open_sandbox() as sandbox:
        assert sandbox.backend == "monty"
    with pytest.raises(SandboxUnavailable, match="cpython: not here"):
        open_sandbox("cpython")


def test_a_host_without_filters_is_refused() -> None:
    """The zygote says why it cannot lock itself in, and the backend passes it on."""
    from callgauge.sandbox import zygote_client

    backend = CPythonBackend()
    original = zygote_client._BOOT
    zygote_client._BOOT = original.replace(
        "from jail.zygote", "import jail.kernel; jail.kernel.machine = lambda: 'riscv64'; from jail.zygote"
    )
    try:
        with pytest.raises(BackendUnavailable, match="riscv64"):
            backend.start()
    finally:
        zygote_client._BOOT = original
        backend.close()


def test_what_is_enforced_can_be_told(sandbox: Sandbox) -> None:
    facts = sandbox.describe()
    assert facts.backend == sandbox.backend
    assert facts.enforced
    assert all(isinstance(value, str) for value in facts.enforced.values())


def test_walls_that_are_missing_are_told(sandboxes: dict[str, Sandbox]) -> None:
    assert sandboxes["cpython-no-namespaces"].describe().enforced["namespaces"].startswith("not")
    alone = sandboxes["cpython-filter-only"].describe().enforced
    assert (alone["namespaces"][:3], alone["landlock"], alone["user"]) == (
        "not",
        "not available",
        "the server's",
    )
    assert alone["system-call filter"] == "on"
