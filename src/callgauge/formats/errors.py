"""Why a payload could not be read.

TranscriptError            what was sent is not a transcript; `field` is the request field to blame
├── UnknownFormatError     the transcript type is not in the table
└── WebhookError           a provider's webhook body lacks what makes it a call

All of them are final: the same bytes fail the same way, so `retryable` is False. No message holds call text.
"""

from __future__ import annotations


class TranscriptError(ValueError):
    """The transcript cannot be read."""

    field = "transcript_json"
    retryable = False

    def __init__(self, problem: str = "", *, row: int | None = None, key: str = "") -> None:
        """`row` counts from 1, as the message does; `key` is the row's own field."""
        self.row = row
        self.key = key
        where = ", ".join(([f"row {row}"] if row is not None else []) + ([f"field '{key}'"] if key else []))
        problem = problem or (self.__doc__ or "")
        super().__init__(f"{where[0].upper()}{where[1:]}: {problem}" if where else problem)


class UnknownFormatError(TranscriptError):
    """This transcript type is not known."""

    field = "transcript_type"


class WebhookError(TranscriptError):
    """The webhook's body is not a call."""

    field = "non_field_errors"
