"""The words between a scorer and a judge: one request, one answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from callgauge.domain.calls import stable_hash
from callgauge.domain.outcomes import Usage


@dataclass(frozen=True, slots=True)
class Message:
    role: str
    """`system`, `user` or `assistant`."""
    text: str
    cacheable: bool = False
    """True on the last message of a prefix that other requests share; some providers want it marked."""


@dataclass(frozen=True, slots=True)
class JudgeRequest:
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


def hash_of_request(request: JudgeRequest) -> str:
    """Of all that a model is sent: equal for the same question."""
    return stable_hash([asdict(message) for message in request.messages], request.schema, request.temperature)


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
    └── JudgeInterrupted      retryable: sent before a crash, and the operator wants no second request
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
