"""What can go wrong with a request to an address that a user named.

OutboundError
├── UrlRefused        the text is no address that we would use
├── AddressRefused    it leads into a network that is not public and not allowed
├── Unreachable       no name, no route, no TLS, a connection that broke       (try again)
├── TookTooLong       a time limit passed                                      (try again)
├── TooLarge          more bytes than allowed
└── BadStatus         an answer other than 2xx                                 (408, 425, 429, 5xx: try again)

The messages can be shown to users: they hold no path, no query and no resolved address.
"""

from __future__ import annotations


class OutboundError(Exception):
    """A request that did not succeed."""

    retryable = False


class UrlRefused(OutboundError):
    """Not an http or https address that can be used."""


class AddressRefused(OutboundError):
    """The address is not public, and the operator has not allowed it."""


class Unreachable(OutboundError):
    """The server could not be reached, or the connection broke."""

    retryable = True


class TookTooLong(OutboundError):
    """A time limit passed."""

    retryable = True


class TooLarge(OutboundError):
    """The answer is larger than allowed."""


class BadStatus(OutboundError):
    """The server answered with something other than success."""

    def __init__(
        self, status: int, message: str, retry_after_secs: float | None = None, text: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.text = text
        """The beginning of the answer's body."""
        self.retry_after_secs = retry_after_secs
        """What the server asked to wait, where it did."""
        self.retryable = status in {408, 425, 429} or status >= 500
