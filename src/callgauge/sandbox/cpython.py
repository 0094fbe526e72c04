"""Backend `cpython`: full Python in a locked child process, forked per evaluation."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Mapping

from callgauge.sandbox.channel import Channel
from callgauge.sandbox.errors import (
    BackendUnavailable,
    ChannelClosed,
    ChannelTimeout,
    FrameInvalid,
    ScriptStopped,
    ZygoteLost,
)
from callgauge.sandbox.judge_desk import AskRefused, JudgeDesk
from callgauge.sandbox.verdicts import failed, frame_bytes, from_death, from_frame
from callgauge.sandbox.words import Code, Job, ScriptResult
from callgauge.sandbox.zygote_client import Evaluation, Zygote


class CPythonBackend:
    """Needs Linux with system-call filters, on x86-64 or arm64; neither namespaces nor landlock."""

    name = "cpython"

    def __init__(self, *, use_namespaces: bool = True) -> None:
        self._zygote = Zygote(use_namespaces=use_namespaces)
        self._slots = _Slots()

    def start(self) -> None:
        if sys.platform != "linux":
            raise BackendUnavailable(f"needs Linux, this is {sys.platform}")
        _ = self._zygote.report

    def run(self, job: Job, desk: JudgeDesk) -> ScriptResult:
        slot = self._slots.take()
        try:
            return self._run(slot, job, desk)
        except ZygoteLost:
            # It was killed between two evaluations, and nothing has run yet: another is started.
            try:
                return self._run(slot, job, desk)
            except (ZygoteLost, BackendUnavailable):
                return failed(Code.SANDBOX_LOST, job)
        except BackendUnavailable:
            return failed(Code.SANDBOX_LOST, job)
        finally:
            self._slots.give_back(slot)

    def facts(self) -> Mapping[str, str]:
        report = self._zygote.report
        base = report["uid_base"]
        return {
            "python": str(report["python"]),
            "system-call filter": "on",
            "namespaces": ", ".join(report["namespaces"]) or "not permitted on this host",
            "landlock": f"ABI {report['landlock_abi']}" if report["landlock_abi"] else "not available",
            "user": f"one of its own per evaluation, from {base}" if base is not None else "the server's",
            "capabilities": "none",
        }

    def close(self) -> None:
        self._zygote.close()

    def _run(self, slot: int, job: Job, desk: JudgeDesk) -> ScriptResult:
        with self._zygote.forked(slot, job.limits) as evaluation:
            try:
                return _converse(evaluation, job, desk)
            except ScriptStopped as stopped:
                return stopped.failure
            except ChannelTimeout:
                return failed(Code.WALL, job)
            except FrameInvalid as error:
                return failed(Code.MALFORMED, job, detail=str(error))
            except ChannelClosed:
                return from_death(evaluation.end(), job)


def _converse(evaluation: Evaluation, job: Job, desk: JudgeDesk) -> ScriptResult:
    """Hand over the job, answer what is asked, take the first answer that is one."""
    limits = job.limits
    started = time.monotonic()
    channel = Channel(evaluation.sock, started + limits.wall_secs)
    head = json.dumps(
        {"script": job.script, "printed_chars": limits.printed_chars, "result_bytes": limits.result_bytes}
    )
    channel.send_text(f'{head[:-1]}, "data": {job.data_json}}}')
    while True:
        frame = channel.receive(frame_bytes(limits))
        if frame.get("kind") != "judge":
            return from_frame(frame, job)
        try:
            reply = desk.answer(frame)
        except AskRefused as refused:
            reply = {"refused": str(refused)}
        channel.deadline = started + limits.wall_secs + desk.spent_secs
        channel.send(reply)


class _Slots:
    """Small numbers for evaluations that run at the same time: each stands for a user id."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[int] = set()

    def take(self) -> int:
        with self._lock:
            slot = next(number for number in range(len(self._taken) + 1) if number not in self._taken)
            self._taken.add(slot)
            return slot

    def give_back(self, slot: int) -> None:
        with self._lock:
            self._taken.discard(slot)
