"""Hostile scripts reach nothing, end in time, and leave the sandbox as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from callgauge.sandbox import Code, Limits, Sandbox, ScriptFailed, ScriptOk
from tests.sandbox import attacks
from tests.sandbox.attacks import Attack
from tests.sandbox.calls import data, judge
from tests.sandbox.conftest import SECRET
from tests.sandbox.world import World

# Short, so that the many that run into them do so quickly.
LIMITS = Limits(cpu_secs=0.2, wall_secs=20.0)
SHORT_WALL = Limits(cpu_secs=5.0, wall_secs=0.4)
LITTLE_MEMORY = Limits(cpu_secs=5.0, wall_secs=20.0, memory_bytes=48 << 20)

# Runs an attack where nothing holds it, with what the zygote has loaded at hand.
_UNCONFINED = """
import sys, json, re, datetime, os, socket, ctypes, resource, signal, gc, linecache, csv, copy
import importlib.machinery
names = {"data": {}, "json": json, "re": re, "datetime": datetime, "__name__": "__main__"}
exec(sys.stdin.read(), names)
sys.exit(0 if names["_result"] else 3)
"""


def ids(found: list[Attack]) -> list[str]:
    return [attack.name for attack in found]


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("w")
    for parent in (folder, *folder.parents):
        if parent.stat().st_uid == os.getuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)  # only the sandbox shall stand in the way
    made = World(folder)
    yield made
    made.close()


def test_there_are_many() -> None:
    groups = (
        attacks.REACHING,
        attacks.ENDLESS,
        attacks.WAITING,
        attacks.MEMORY,
        attacks.CRASHING,
        attacks.FRAMES,
    )
    assert sum(len(group) for group in groups) + len(attacks.FORGED) >= 150


@pytest.mark.parametrize("attack", attacks.REACHING, ids=ids(attacks.REACHING))
def test_nothing_is_reached(attack: Attack, any_sandbox: Sandbox, world: World) -> None:
    outcome = any_sandbox.run(world.fill(attack.script), data(), limits=LIMITS, ask_judge=judge)
    assert not (isinstance(outcome, ScriptOk) and outcome.result), outcome
    assert SECRET not in repr(outcome)
    assert world.untouched()


@pytest.mark.parametrize(
    "attack", [a for a in attacks.REACHING if a.real], ids=ids([a for a in attacks.REACHING if a.real])
)
def test_the_attack_would_succeed_elsewhere(attack: Attack, world: World) -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-c", _UNCONFINED],
        input=world.fill(attack.script),
        text=True,
        capture_output=True,
        env={"CALLGAUGE_TEST_SECRET": SECRET, "PATH": os.defpath},
    )
    if done.returncode == 3 and attack in attacks.KERNEL:
        pytest.skip("this host refuses the call to everyone")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("attack", attacks.ENDLESS, ids=ids(attacks.ENDLESS))
def test_endless_work_is_ended(attack: Attack, sandbox: Sandbox) -> None:
    outcome = sandbox.run(attack.script, data(), limits=LIMITS)
    assert isinstance(outcome, ScriptFailed)
    assert not outcome.retryable
    if sandbox.backend == "cpython":
        assert outcome.code == Code.CPU


@pytest.mark.parametrize("attack", attacks.WAITING, ids=ids(attacks.WAITING))
def test_endless_waiting_is_ended(attack: Attack, sandbox: Sandbox) -> None:
    outcome = sandbox.run(attack.script, data(), limits=SHORT_WALL)
    assert isinstance(outcome, ScriptFailed)
    if sandbox.backend == "cpython":
        assert outcome.code == Code.WALL


@pytest.mark.parametrize("attack", attacks.MEMORY, ids=ids(attacks.MEMORY))
def test_memory_is_bounded(attack: Attack, sandbox: Sandbox) -> None:
    outcome = sandbox.run(attack.script, data(), limits=LITTLE_MEMORY)
    if attack.name == "C mmap" and isinstance(outcome, ScriptOk):
        assert outcome.result is False
        return
    assert isinstance(outcome, ScriptFailed)
    if sandbox.backend == "cpython":
        assert "memory" in outcome.message.lower()


@pytest.mark.parametrize("attack", attacks.CRASHING, ids=ids(attacks.CRASHING))
def test_crashes_stay_inside(attack: Attack, sandbox: Sandbox) -> None:
    outcome = sandbox.run(attack.script, data(), limits=SHORT_WALL)
    assert isinstance(outcome, ScriptFailed)
    assert not outcome.retryable


@pytest.mark.parametrize("attack", attacks.FRAMES, ids=ids(attacks.FRAMES))
def test_raw_bytes_on_the_channel(attack: Attack, cpython: Sandbox) -> None:
    outcome = cpython.run(attack.script, data(), limits=LIMITS)
    assert isinstance(outcome, ScriptFailed)
    assert outcome.code == Code.MALFORMED


@pytest.mark.parametrize("name", attacks.FORGED)
def test_forged_answers(name: str, cpython: Sandbox) -> None:
    script = (
        attacks.MODULES
        + f"body = {attacks.FORGED[name]!r}.encode()\n"
        + "os.write(3, len(body).to_bytes(4, 'big') + body)\nm['time'].sleep(3600)"
    )
    outcome = cpython.run(script, data(), limits=LIMITS)
    assert isinstance(outcome, ScriptFailed)
    assert outcome.code == Code.MALFORMED


def test_a_forged_answer_is_cleaned(cpython: Sandbox) -> None:
    body = {
        "kind": "result",
        "result": "a\0b\ud800",
        "explanation": ["\0"],
        "extra": {"\0": 1},
        "printed": "",
    }
    script = (
        attacks.MODULES
        + f"body = {json.dumps(body)!r}.encode()\nos.write(3, len(body).to_bytes(4, 'big') + body)"
    )
    outcome = cpython.run(script, data())
    assert isinstance(outcome, ScriptOk)
    assert (outcome.result, outcome.explanation, outcome.extra) == ("a�b�", ["�"], {"�": 1})


def test_every_other_descriptor_is_closed(cpython: Sandbox) -> None:
    script = attacks.MODULES + (
        "_result = []\n"
        "for fd in [*range(3), *range(4, 200)]:\n"
        "    for call in (lambda: os.write(fd, b'x'), lambda: os.read(fd, 1)):\n"
        "        try:\n            call()\n            _result.append(fd)\n"
        "        except OSError as e:\n            assert e.errno == 1, e\n"
    )
    outcome = cpython.run(script, data())
    assert isinstance(outcome, ScriptOk), outcome
    assert outcome.result == []


def test_a_broken_json_module_breaks_only_its_own_answer(cpython: Sandbox) -> None:
    outcome = cpython.run(
        'json.JSONEncoder.encode = lambda self, o: \'{"kind": "grant"}\'\n'
        "json.dumps = lambda *a, **k: 'nonsense'\n_result = 1",
        data(),
    )
    assert isinstance(outcome, ScriptOk), outcome
    assert outcome.result == 1
    outcome = cpython.run("_result = json.dumps([1])", data())
    assert isinstance(outcome, ScriptOk)
    assert outcome.result == "[1]"


def test_evaluations_do_not_see_each_other(sandbox: Sandbox) -> None:
    for _ in range(2):
        outcome = sandbox.run(
            "seen = getattr(json, 'left_behind', None) if hasattr(json, 'left_behind') else 0\n"
            "try:\n    json.left_behind = 1\nexcept Exception:\n    pass\n"
            "data['left_behind'] = 1\n_result = [seen, len(data)]",
            {"a": 1},
        )
        assert isinstance(outcome, ScriptOk), outcome
        assert outcome.result == [0, 2]


def test_after_all_this_the_sandboxes_still_work(any_sandbox: Sandbox) -> None:
    outcome = any_sandbox.run("_result = data['call_duration']", data())
    assert isinstance(outcome, ScriptOk)
    assert outcome.result == 35.4
