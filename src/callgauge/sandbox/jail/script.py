"""One evaluation: reads the job, runs the user's text, sends back what it set.

By the time a byte is read here the process is locked. Whatever a script breaks, it breaks its own answer:
the host takes every frame from here as hostile.
"""

from __future__ import annotations

import builtins
import datetime
import json
import re
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from . import stdlib
from .frames import FRAME_FD, read_frame, write_frame
from .plain import NotPlain, explanation_list, plain

FILENAME = "<metric>"

# Longest text of an exception that travels; characters.
_MESSAGE_CHARS = 2_000

_MEMORY_FRAME = b'{"kind":"error","code":"memory_limit","message":"","line":null,"printed":""}'

# Freed when memory has run out, so that there is some to say so with; bytes.
_RESERVE_BYTES = 1 << 20


class _Printed:
    """What a script prints, up to a number of characters. Stands for stdout and stderr."""

    encoding = "utf-8"

    def __init__(self, cap: int) -> None:
        self._room = cap
        self._parts: list[str] = []
        self._dropped = 0

    def write(self, text: str) -> int:
        kept = text[: self._room]
        if kept:
            self._parts.append(kept)
            self._room -= len(kept)
        self._dropped += len(text) - len(kept)
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return False

    def text(self) -> str:
        tail = f"… ({self._dropped} more characters)" if self._dropped else ""
        return "".join(self._parts) + tail


class _Datetime(types.ModuleType):
    """`datetime` as it stands without an import: the module, and where that has no such name, the class.

    Scripts are written both ways, `datetime.datetime.now()` and `datetime.now()`.
    """

    def __init__(self) -> None:
        super().__init__("datetime")
        self.__dict__.update(vars(datetime))

    def __getattr__(self, name: str) -> Any:
        return getattr(datetime.datetime, name)

    def __call__(self, *args: Any, **named: Any) -> datetime.datetime:
        return datetime.datetime(*args, **named)


def evaluate() -> None:
    job = json.loads(read_frame(FRAME_FD))
    printed = _Printed(job["printed_chars"])
    sys.stdin = None
    sys.stdout = sys.__stdout__ = printed  # type: ignore[assignment,misc]
    sys.stderr = sys.__stderr__ = printed  # type: ignore[assignment,misc]
    reserve = [bytes(_RESERVE_BYTES)]
    names = _names(job["data"])
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
    try:
        answer = _run(job["script"], names)
        if answer["kind"] == "result" and len(_utf8(encode(answer))) > job["result_bytes"]:
            answer = _error("result_too_large", "", None)
        body = _utf8(encode(answer | {"printed": printed.text()}))
    except MemoryError:
        names.clear()
        reserve.clear()
        body = _MEMORY_FRAME
    write_frame(FRAME_FD, body)


def _utf8(text: str) -> bytes:
    """Lone surrogates pass: the host decodes them the same way, and replaces them."""
    return text.encode("utf-8", "surrogatepass")


def _names(data: Any) -> dict[str, Any]:
    """The globals of a script. They are a real `__main__`, which dataclasses and typing look up by name."""
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    names = module.__dict__
    names.update(
        data=data,
        json=json,
        re=re,
        datetime=_Datetime(),
        evaluate_llm_judge_metric=_ask_judge,
    )
    allowed = vars(builtins).copy()
    allowed["__import__"] = _importer(builtins.__import__)
    names["__builtins__"] = allowed
    return names


def _importer(real: Callable[..., Any]) -> Callable[..., Any]:
    def import_allowed(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        if name not in stdlib.ALLOWED and name not in stdlib.FOR_C:
            raise ModuleNotFoundError(stdlib.MESSAGE.format(name=name), name=name)
        return real(name, globals, locals, fromlist, level)

    return import_allowed


def _run(text: str, names: dict[str, Any]) -> dict[str, Any]:
    try:
        code = compile(text, FILENAME, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        return _error("syntax_error", f"{type(error).__name__}: {said}", line)
    try:
        exec(code, names)  # noqa: S102 - this process exists for it
    except SystemExit:
        pass  # a script may end early; what counts is what it has set
    except MemoryError as error:
        line = _line(error)
        error.__traceback__ = None
        return _error("memory_limit", "", line)
    except BaseException as error:  # noqa: BLE001 - anything that a script raises is its own error
        kind = "module_not_allowed" if isinstance(error, ModuleNotFoundError) else "script_error"
        return _error(kind, _describe(error), _line(error))
    if "_result" not in names:
        return _error("no_result", "", None)
    try:
        return {
            "kind": "result",
            "result": plain(names["_result"], "_result"),
            "explanation": explanation_list(names.get("_explanation")),
            "extra": plain(names.get("_extra"), "_extra"),
        }
    except NotPlain as error:
        return _error("bad_result", str(error), None)


def _error(code: str, message: str, line: int | None) -> dict[str, Any]:
    return {"kind": "error", "code": code, "message": message[:_MESSAGE_CHARS], "line": line, "printed": ""}


def _describe(error: BaseException) -> str:
    name = type(error).__name__
    try:
        said = str(error)
    except BaseException:  # noqa: BLE001 - the text of a user's exception is user code
        return f"{name} (its message could not be read)"
    return f"{name}: {said}" if said else name


def _line(error: BaseException) -> int | None:
    """The innermost line of the user's own text on the way to the error."""
    found = None
    step = error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename == FILENAME:
            found = step.tb_lineno
        step = step.tb_next
    return found


def _ask_judge(
    data: Any = None,
    description: str = "",
    eval_type: str = "binary",
    enum_values: Any = None,
    audio: bool = False,
    audio_start_time: float | None = None,
    audio_end_time: float | None = None,
) -> dict[str, Any]:
    """What scripts call to have a model judge the same call. `data` is ignored: the host has its own."""
    ask = {
        "kind": "judge",
        "description": description,
        "eval_type": eval_type,
        "enum_values": list(enum_values) if enum_values is not None else None,
        "audio": audio,
        "audio_start_time": audio_start_time,
        "audio_end_time": audio_end_time,
    }
    try:
        body = json.dumps(plain(ask, "evaluate_llm_judge_metric"), allow_nan=False).encode()
    except NotPlain as error:
        raise ValueError(str(error)) from None
    write_frame(FRAME_FD, body)
    reply = json.loads(read_frame(FRAME_FD))
    if "refused" in reply:
        raise ValueError(reply["refused"])
    return {"result": reply["result"], "explanation": reply["explanation"]}
