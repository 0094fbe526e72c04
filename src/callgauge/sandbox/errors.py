"""What goes wrong with the sandbox itself. What goes wrong with a script is a value, not an exception.

SandboxError
├── BackendUnavailable    this backend cannot be enforced on this host
│   └── SandboxUnavailable    none can: code metrics are refused
├── ScriptStopped         internal: ends one evaluation with a ScriptFailed
├── ZygoteLost            internal: the process that evaluations are forked from does not answer
├── ChannelClosed         internal: the other end of an evaluation's channel has gone
├── ChannelTimeout        internal: nothing came before the deadline
└── FrameInvalid          internal: what came is not a frame that we know
"""

from __future__ import annotations

from callgauge.sandbox.words import ScriptFailed


class SandboxError(Exception):
    """The sandbox failed."""

    retryable = False


class BackendUnavailable(SandboxError):
    """This way of running scripts cannot be enforced here."""


class SandboxUnavailable(BackendUnavailable):
    """No way of running scripts safely is available on this host."""


class ScriptStopped(SandboxError):
    """The evaluation has ended without a result."""

    def __init__(self, failure: ScriptFailed) -> None:
        super().__init__(failure.code)
        self.failure = failure


class ZygoteLost(SandboxError):
    """The sandbox process does not answer."""

    retryable = True


class ChannelClosed(SandboxError):
    """The evaluation's end of the channel is closed."""


class ChannelTimeout(SandboxError):
    """The evaluation said nothing in time."""


class FrameInvalid(SandboxError):
    """The evaluation sent something that is not a frame."""
