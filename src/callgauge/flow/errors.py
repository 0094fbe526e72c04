"""What a verb can refuse with.

FlowError
├── Invalid       what was asked for is wrong: {"field": ["message"]}
├── NotFound      it is not there, or belongs to someone else: nobody can tell which
├── Forbidden     the person's role does not allow it
├── Conflict      it cannot be done now
└── RateLimited   too many requests; says when to come back
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class FlowError(Exception):
    """The request could not be carried out; nothing was changed."""


class Invalid(FlowError):
    def __init__(self, messages: Mapping[str, Sequence[str]]) -> None:
        super().__init__("; ".join(f"{name}: {' '.join(texts)}" for name, texts in messages.items()))
        self.messages = {name: list(texts) for name, texts in messages.items()}

    @classmethod
    def field(cls, name: str, message: str) -> Invalid:
        return cls({name: [message]})


class NotFound(FlowError):
    """Not found."""


class Forbidden(FlowError):
    """Your role does not allow this."""


class Conflict(FlowError):
    """The request cannot be carried out in the present state."""


class RateLimited(FlowError):
    def __init__(self, retry_after_secs: int) -> None:
        super().__init__(f"Too many requests. Try again in {retry_after_secs} seconds.")
        self.retry_after_secs = retry_after_secs
