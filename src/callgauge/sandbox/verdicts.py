"""From the last frame of an evaluation, or from its death, to a ScriptResult."""

from __future__ import annotations

import signal
from typing import Any

from callgauge.sandbox.errors import FrameInvalid
from callgauge.sandbox.values import clean, text, texts
from callgauge.sandbox.words import MIB, Code, Job, Limits, ScriptFailed, ScriptOk, ScriptResult

# What an evaluation may say of itself; all else the host finds out.
_SELF_REPORTED = frozenset(
    {
        Code.SYNTAX,
        Code.SCRIPT,
        Code.MODULE,
        Code.MEMORY,
        Code.NO_RESULT,
        Code.BAD_RESULT,
        Code.RESULT_TOO_LARGE,
    }
)

_SOURCE_CHARS = 200
_MESSAGE_CHARS = 2_500
_PRINTED_SLACK_CHARS = 100
_ERROR_FRAME_BYTES = 64 * 1_024
# A printed character becomes at most 6 bytes of JSON (an escaped control character).
_PRINTED_BYTES = 6


def frame_bytes(limits: Limits) -> int:
    """The longest frame that an honest evaluation sends."""
    return limits.result_bytes + _PRINTED_BYTES * limits.printed_chars + _ERROR_FRAME_BYTES


def from_frame(frame: dict[str, Any], job: Job) -> ScriptResult:
    """Read a `result` or `error` frame. Raises FrameInvalid when any part of it is not what it must be."""
    printed = text(frame.get("printed", ""), job.limits.printed_chars + _PRINTED_SLACK_CHARS)
    if frame.get("kind") == "result":
        extra = clean(frame.get("extra"))
        if extra is not None and not isinstance(extra, dict):
            return failed(Code.BAD_RESULT, job, detail="_extra must be a dict", printed=printed)
        return ScriptOk(clean(frame.get("result")), texts(frame.get("explanation")), extra, printed)
    code = frame.get("code")
    if frame.get("kind") != "error" or not isinstance(code, str) or code not in _SELF_REPORTED:
        raise FrameInvalid("an unknown kind of frame")
    line = frame.get("line")
    if line is not None and (isinstance(line, bool) or not isinstance(line, int)):
        raise FrameInvalid("a line that is no number")
    detail = text(frame.get("message"), _MESSAGE_CHARS)
    return failed(Code(code), job, detail=detail, line=line, printed=printed)


def from_death(exit_code: int | None, job: Job) -> ScriptFailed:
    """The process died without an answer. `exit_code` as in `os.waitstatus_to_exitcode`, None if unknown."""
    if exit_code is None:
        return failed(Code.SANDBOX_LOST, job)
    if exit_code >= 0:
        return failed(Code.CRASHED, job, detail="it ended its process")
    if -exit_code in (signal.SIGPROF, signal.SIGXCPU):
        return failed(Code.CPU, job)
    if -exit_code == signal.SIGSYS:
        return failed(Code.FORBIDDEN, job)
    if -exit_code == signal.SIGKILL:
        return failed(Code.SANDBOX_LOST, job, detail="the system killed it, most likely for want of memory")
    return failed(Code.CRASHED, job, detail=f"signal {-exit_code}")


def failed(
    code: Code, job: Job, *, detail: str = "", line: int | None = None, printed: str = ""
) -> ScriptFailed:
    """A failure whose message gives the reason, and the author's own line where there is one."""
    limits = job.limits
    reason = {
        Code.SYNTAX: detail,
        Code.SCRIPT: detail,
        Code.MODULE: detail,
        Code.UNSUPPORTED: detail,
        Code.NO_RESULT: "The script ended without setting _result.",
        Code.BAD_RESULT: detail,
        Code.RESULT_TOO_LARGE: f"The result is larger than {limits.result_bytes} bytes as JSON.",
        Code.CPU: f"The script used more than {limits.cpu_secs:g} s of CPU time.",
        Code.WALL: f"The script took more than {limits.wall_secs:g} s, judge calls not counted.",
        Code.MEMORY: f"The script used more than {limits.memory_bytes / MIB:g} MiB of memory.",
        Code.JUDGE_BUDGET: f"The script called the judge more than {limits.judge_calls} times.",
        Code.NO_JUDGE: "The script called evaluate_llm_judge_metric, but no judge is set up.",
        Code.FORBIDDEN: "The script was ended because it made a forbidden system call.",
        Code.CRASHED: f"The script crashed its interpreter ({detail}).",
        Code.MALFORMED: f"The script broke the channel to the host ({detail}).",
        Code.SCRIPT_TOO_LARGE: f"The script is larger than {limits.script_bytes} bytes.",
        Code.DATA_TOO_LARGE: f"The call's data is larger than {limits.data_bytes / MIB:g} MiB as JSON.",
        Code.SANDBOX_LOST: f"The sandbox was lost during the evaluation{f': {detail}' if detail else ''}.",
    }[code]
    source = _source_line(job.script, line)
    if source is not None:
        reason = f"line {line}: {reason}\n    {source}"
    return ScriptFailed(
        code, reason, line if source is not None else None, code is Code.SANDBOX_LOST, printed
    )


def _source_line(script: str, line: int | None) -> str | None:
    lines = script.split("\n")
    if line is None or not 1 <= line <= len(lines):
        return None
    return lines[line - 1].strip()[:_SOURCE_CHARS]
