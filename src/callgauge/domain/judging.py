"""The words between a scorer and a judge: one request, one answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import astuple, dataclass
from enum import StrEnum
from typing import Any, Final, Protocol

from callgauge.domain.calls import stable_hash
from callgauge.domain.outcomes import Usage


class Side(StrEnum):
    """Whose voice is in a sound. The values are those of a metric's `audio_side`."""

    BOTH = "both"
    AGENT = "agent"
    CALLER = "caller"


@dataclass(frozen=True, slots=True)
class Sound:
    """A stretch of a recording that goes along with a message: what it is, not its bytes. Two that are equal
    are the same sound, so this is what a request's hash is made of."""

    recording: str
    """Hash of the recording's file."""
    channel: int | None
    """Of the file; None for all its channels, mixed into one."""
    start_secs: float
    end_secs: float
    codec: str
    """Name and version of how it is encoded."""
    side: Side = Side.BOTH
    """Whose voice is on the channel; BOTH for a mix."""
    is_whole: bool = True
    """From start to end of the recording."""

    @property
    def secs(self) -> float:
        return self.end_secs - self.start_secs


OpenSound = Callable[[Sound], AbstractAsyncContextManager[bytes]]
"""The bytes of a sound, an mp3 file, held for as long as the context lasts. Raises JudgeCannotHear."""


class _Digested:
    """Has a hash that is worked out once. Where it is kept is no field: it is not compared, copied or
    written to files."""

    __slots__ = ("_digest",)
    _digest: str

    @property
    def digest(self) -> str:
        try:
            return self._digest
        except AttributeError:
            digest = self._hash()
            object.__setattr__(self, "_digest", digest)  # frozen for everyone else
            return digest

    def _hash(self) -> str:
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Message(_Digested):
    role: str
    """`system`, `user` or `assistant`."""
    text: str
    cacheable: bool = False
    """True on the last message of a prefix that other requests share; some providers want it marked."""
    sound: Sound | None = None
    """Heard right after the text."""

    def _hash(self) -> str:
        """Of what makes it this message. All questions about a call share its text."""
        sound = None if self.sound is None else astuple(self.sound)
        return stable_hash(self.role, self.text, self.cacheable, sound)


@dataclass(frozen=True, slots=True)
class JudgeRequest(_Digested):
    """What is asked. System text, schema and first messages are the same for all metrics of a call."""

    messages: Sequence[Message]
    schema: Mapping[str, Any]
    schema_name: str
    metric_name: str = ""
    """For the scripted judge, which answers by metric and call; never sent to a model."""
    call_id: str = ""
    temperature: float | None = 0.0
    max_output_tokens: int = 2_000
    reasks: int | None = None
    """How often an unusable answer may be asked for again; None: as the judge is set."""
    open_sound: OpenSound | None = None
    """For the sound of its messages; None where none has any."""

    @property
    def sound(self) -> Sound | None:
        """A request has one at most."""
        return next((message.sound for message in self.messages if message.sound is not None), None)

    def _hash(self) -> str:
        messages = [message.digest for message in self.messages]
        return stable_hash(messages, _SCHEMAS.digest_of(self.schema), self.temperature)


def hash_of_request(request: JudgeRequest) -> str:
    """Of all that a model is sent: equal for the same question."""
    return request.digest


class _Schemas:
    """Hashes a schema once: nearly all questions share one, which is never changed."""

    def __init__(self) -> None:
        self._last: tuple[Mapping[str, Any], str] | None = None

    def digest_of(self, schema: Mapping[str, Any]) -> str:
        last = self._last
        if last is None or last[0] is not schema:
            last = self._last = (schema, stable_hash(schema))
        return last[1]


_SCHEMAS: Final = _Schemas()


@dataclass(frozen=True, slots=True)
class JudgeAnswer:
    """The model's answer: an object that parsed as JSON and has the schema's required keys."""

    content: Mapping[str, Any]
    model: str
    usage: Usage
    attempts: int = 1
    """HTTP requests that this answer took, those that failed included."""
    faults: Sequence[str] = ()
    """What went wrong before, one short word each (`429`, `timeout`, `invalid_json`)."""


class JudgeError(Exception):
    """The judge gave no usable answer.

    JudgeError
    ├── JudgeUnavailable      retryable: time-outs, 429, 5xx, connection faults, after all tries
    ├── JudgeRefused          not retryable: 4xx such as a wrong key, an unknown model, a content filter
    ├── JudgeInvalidAnswer    retryable: no answer with the asked shape after all re-asks
    ├── JudgeInterrupted      retryable: sent before a crash, and the operator wants no second request
    └── JudgeCannotHear       the stretch of the recording could not be had; it says whether trying helps
    """

    retryable = False

    def __init__(
        self, message: str, *, usage: Usage | None = None, attempts: int = 0, faults: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.usage = usage or Usage()
        self.attempts = attempts
        self.faults = faults


class JudgeUnavailable(JudgeError):
    """The judge could not be reached or kept failing."""

    retryable = True


class JudgeRefused(JudgeError):
    """The judge refused the request."""


class JudgeInvalidAnswer(JudgeError):
    """The judge answered, but never in the shape that was asked for."""

    retryable = True


class JudgeInterrupted(JudgeError):
    """The request may have been sent before the server stopped; CALLGAUGE_JUDGE_INTERRUPTED=fail."""

    retryable = True


class JudgeCannotHear(JudgeError):
    """The recording could not be cut for the judge."""

    def __init__(self, message: str, *, retryable: bool = False, **spent: Any) -> None:
        super().__init__(message, **spent)
        self.retryable = retryable


class Judge(Protocol):
    """A client for one model. `ask` may be awaited many times at once on one event loop."""

    @property
    def model(self) -> str:
        """Provider and model, such as `openai:gpt-4.1-mini`; part of every result."""

    @property
    def scripted(self) -> bool:
        """True for the fake that answers from a file: its results are labelled so wherever they are shown."""

    @property
    def cache_min_tokens(self) -> int | None:
        """Shortest shared start of a prompt that the provider serves from its cache; None: no cache."""

    async def ask(self, request: JudgeRequest) -> JudgeAnswer:
        """Ask once, with retries and re-asks inside. Raises JudgeError."""

    async def close(self) -> None: ...
