"""Fetching a recording from where its provider keeps it: to disk, within limits, and nowhere forbidden."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from callgauge.flow.recordings.intake import Incoming, Refused, too_large, writing
from callgauge.outbound import BadStatus, Limits, Outbound, OutboundError, TooLarge

NOT_YET = frozenset({401, 403, 404, 409})
"""What some providers answer until a recording is published: worth another try."""


class NotFetched(Exception):
    """The recording could not be fetched."""

    def __init__(self, code: str, words: str, retryable: bool) -> None:
        super().__init__(words)
        self.code = code
        self.words = words
        self.retryable = retryable


@asynccontextmanager
async def fetch(outbound: Outbound, url: str, limits: Limits) -> AsyncIterator[Incoming]:
    """The file at an address, gone when the context ends. Raises NotFetched, whose words name no address."""
    with writing() as target:
        try:
            await outbound.fetch(url, target, limits)
            incoming = await asyncio.to_thread(target.done)
        except (TooLarge, Refused) as error:
            refused = error if isinstance(error, Refused) else too_large()
            raise NotFetched(refused.code, str(refused), retryable=False) from None
        except OutboundError as error:
            again = error.retryable or (isinstance(error, BadStatus) and error.status in NOT_YET)
            raise NotFetched("fetch_failed", f"The recording was not fetched. {error}", again) from None
        except OSError as error:
            words = f"The recording could not be written: {error.strerror}."
            raise NotFetched("disk", words, retryable=True) from None
        yield incoming
