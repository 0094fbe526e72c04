"""Backend `monty`: pydantic-monty, an interpreter of a part of Python that has no door to the outside.

For hosts where the CPython backend cannot be enforced. It knows no inheritance, `yield`, `@property`,
`del`, `statistics`, `string` or callable `re.sub`: a script that needs them fails and is told which.
"""

from __future__ import annotations

import builtins
import json
import os
import re
import threading
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from callgauge.sandbox.channel import parse_object
from callgauge.sandbox.errors import BackendUnavailable, FrameInvalid, ScriptStopped
from callgauge.sandbox.jail.plain import NotPlain, explanation_list, plain
from callgauge.sandbox.judge_desk import AskRefused, JudgeDesk
from callgauge.sandbox.values import clean, text
from callgauge.sandbox.verdicts import failed
from callgauge.sandbox.words import Code, Job, ScriptOk, ScriptResult

_JUDGE = "evaluate_llm_judge_metric"
_JUDGE_PARAMETERS = (
    "data",
    "description",
    "eval_type",
    "enum_values",
    "audio",
    "audio_start_time",
    "audio_end_time",
)

# The same three that stand ready in the CPython backend.
_BEFORE = "import json\nimport re\nimport datetime"

# The names are taken in a feed of their own, so that line numbers of the script stay the author's.
_AFTER = """
import json as __json
__set = {}
try:
    __set["result"] = _result
except NameError:
    pass
try:
    __set["explanation"] = _explanation
except NameError:
    pass
try:
    __set["extra"] = _extra
except NameError:
    pass
__json.dumps(__set)
"""

# Workers alive at once; one waits, idle, while its script's judge call is in flight.
_WORKERS = 16

_NOTE = " (this server runs metrics on Monty, which knows only a part of Python)"

_TYPING_LINE = re.compile(r"^([ \t]*)from typing import ([\w, \t]+)$", re.MULTILINE)


class MontyBackend:
    """Every script runs in a worker process of the pool, without file, clock or network of the host."""

    name = "monty"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool: Any = None
        self._owner = os.getpid()

    def start(self) -> None:
        try:
            version("pydantic-monty")
            self._running()
        except (ImportError, PackageNotFoundError) as error:
            raise BackendUnavailable("pydantic-monty is not installed") from error
        except OSError as error:
            raise BackendUnavailable(f"pydantic-monty does not start: {error}") from error

    def run(self, job: Job, desk: JudgeDesk) -> ScriptResult:
        from pydantic_monty import MontyError

        printed = _Printed(job.limits.printed_chars)
        try:
            with self._running().checkout(limits=_limits(job), os_policy=_POLICY) as session:
                session.feed_run(_BEFORE)
                try:
                    _drive(session, job, desk, printed)
                except MontyError as error:
                    if not isinstance(error.exception(), SystemExit):
                        raise
                return _collect(session.feed_run(_AFTER), job, printed.text())
        except ScriptStopped as stopped:
            return stopped.failure
        except FrameInvalid as error:
            return failed(Code.MALFORMED, job, detail=str(error), printed=printed.text())
        except MontyError as error:
            return _from_error(error, job, printed.text())

    def facts(self) -> Mapping[str, str]:
        return {
            "python": f"a part of it, by pydantic-monty {version('pydantic-monty')}",
            "files, network, environment, processes": "the interpreter has none",
        }

    def close(self) -> None:
        with self._lock:
            if self._pool is not None and self._owner == os.getpid():
                self._pool.__exit__(None, None, None)
            self._pool = None

    def _running(self) -> Any:
        from pydantic_monty import Monty

        if self._owner != os.getpid():
            # We are a fork: neither the lock nor the workers are ours.
            self._owner, self._lock, self._pool = os.getpid(), threading.Lock(), None
        with self._lock:
            if self._pool is None:
                self._pool = Monty(max_processes=_WORKERS).__enter__()
            return self._pool


_POLICY = {"timezone": "utc", "sleep": "zero"}


def _limits(job: Job) -> dict[str, Any]:
    limits = job.limits
    return {
        # Its one clock runs only while the interpreter does, so the shorter of ours is the one to take.
        "max_feed_duration_secs": min(limits.cpu_secs, limits.wall_secs),
        "max_memory": limits.memory_bytes,
        "max_recursion_depth": 500,
    }


class _Printed:
    """A print callback that keeps the first characters and counts the rest."""

    def __init__(self, cap: int) -> None:
        self._room = cap
        self._parts: list[str] = []
        self._dropped = 0

    def __call__(self, stream: str, printed: str) -> None:
        kept = printed[: self._room]
        self._room -= len(kept)
        self._dropped += len(printed) - len(kept)
        if kept:
            self._parts.append(kept)

    def text(self) -> str:
        tail = f"… ({self._dropped} more characters)" if self._dropped else ""
        return text("".join(self._parts)) + tail


def _drive(session: Any, job: Job, desk: JudgeDesk, printed: Callable[[str, str], None]) -> None:
    """Run the script to its end, answering its questions to the judge on the way."""
    from pydantic_monty import FunctionSnapshot, MontyComplete

    step = session.feed_start(
        _without_typing_builtins(job.script),
        inputs={"data": json.loads(job.data_json)},
        external_lookup={_JUDGE: print},  # any callable: the calls are answered below
        print_callback=printed,
    )
    while not isinstance(step, MontyComplete):
        if isinstance(step, FunctionSnapshot) and step.function_name == _JUDGE:
            step = step.resume(_answer(step, desk))
        else:
            step = step.resume_auto()


def _answer(call: Any, desk: JudgeDesk) -> Any:
    try:
        if len(call.args) > len(_JUDGE_PARAMETERS) or not set(call.kwargs) <= set(_JUDGE_PARAMETERS):
            raise AskRefused(f"{_JUDGE} takes {', '.join(_JUDGE_PARAMETERS)}")
        asked = {
            "eval_type": "binary",
            "audio": False,
            **dict(zip(_JUDGE_PARAMETERS, call.args, strict=False)),
        }
        asked.update(call.kwargs)
        asked.pop("data", None)
        return {"return_value": desk.answer(plain(asked, _JUDGE))}
    except (AskRefused, NotPlain) as error:
        return {"exception": ValueError(str(error))}


def _collect(found: Any, job: Job, printed: str) -> ScriptResult:
    body = found if isinstance(found, str) else ""
    if len(body.encode("utf-8", "surrogatepass")) > job.limits.result_bytes:
        return failed(Code.RESULT_TOO_LARGE, job, printed=printed)
    try:
        names = parse_object(body)
    except FrameInvalid:
        return failed(
            Code.BAD_RESULT,
            job,
            detail="_result, _explanation or _extra holds what JSON has not",
            printed=printed,
        )
    if "result" not in names:
        return failed(Code.NO_RESULT, job, printed=printed)
    try:
        extra = clean(plain(names.get("extra"), "_extra"))
        explanation = clean(explanation_list(names.get("explanation")))
        result = clean(plain(names["result"], "_result"))
    except NotPlain as error:
        return failed(Code.BAD_RESULT, job, detail=str(error), printed=printed)
    if extra is not None and not isinstance(extra, dict):
        return failed(Code.BAD_RESULT, job, detail="_extra must be a dict", printed=printed)
    return ScriptOk(result, explanation, extra, printed)


def _from_error(error: Any, job: Job, printed: str) -> ScriptResult:
    from pydantic_monty import MontyCrashedError, MontySyntaxError

    if isinstance(error, MontyCrashedError):
        code = Code.CPU if error.timed_out else Code.CRASHED
        return failed(code, job, detail="its worker process died", printed=printed)
    inner = error.exception()
    said = text(str(error))[:2_000]
    frames = error.traceback() if hasattr(error, "traceback") else []
    line = frames[-1].line if frames else None
    if isinstance(error, MontySyntaxError):
        return failed(Code.SYNTAX, job, detail=said, line=line, printed=printed)
    if isinstance(inner, TimeoutError) and "time limit exceeded" in said:
        code = Code.CPU if job.limits.cpu_secs <= job.limits.wall_secs else Code.WALL
        return failed(code, job, printed=printed)
    if isinstance(inner, MemoryError):
        return failed(Code.MEMORY, job, line=line, printed=printed)
    if _is_missing(inner, said):
        return failed(Code.UNSUPPORTED, job, detail=said + _NOTE, line=line, printed=printed)
    if "__json.dumps" in (frames[-1].source_line or "" if frames else ""):
        return failed(Code.BAD_RESULT, job, detail=f"The result is not JSON: {said}", printed=printed)
    if isinstance(inner, (TypeError, AttributeError, RuntimeError)):
        said += _NOTE  # it may well be the interpreter that does not know the type or the method
    return failed(Code.SCRIPT, job, detail=said, line=line, printed=printed)


def _is_missing(inner: BaseException, said: str) -> bool:
    """Whether Python has what the script asked for, and Monty has not."""
    if isinstance(inner, (NotImplementedError, ModuleNotFoundError)) or "not yet support" in said:
        return True
    if isinstance(inner, ImportError) or "not supported in this environment" in said:
        return True
    name = re.search(r"name '(\w+)' is not defined", said)
    return isinstance(inner, NameError) and name is not None and hasattr(builtins, name[1])


def _without_typing_builtins(script: str) -> str:
    """Drop what no `typing` has from `from typing import str`, with which published samples begin."""

    def rest(match: re.Match[str]) -> str:
        names = [name.strip() for name in match[2].split(",")]
        kept = [name for name in names if not hasattr(builtins, name)]
        return f"{match[1]}from typing import {', '.join(kept)}" if kept else f"{match[1]}pass"

    return _TYPING_LINE.sub(rest, script)
