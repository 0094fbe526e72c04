"""The sample of docs/webhooks.md accepts what is sent, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from callgauge.outbound.signing import signing_headers

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
NOW, BODY = 1_800_000_000, b'{"event_type": "webhook.test"}'


@pytest.fixture
def is_genuine() -> Callable[..., bool]:
    (sample,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(sample, names)
    found: Callable[..., bool] = names["is_genuine"]
    return found


@pytest.mark.parametrize("secret", ["plain words", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
def test_the_sample(is_genuine: Callable[..., bool], secret: str) -> None:
    headers = signing_headers("id", NOW, BODY, secret)
    assert is_genuine(headers, BODY, secret, NOW + 299)
    assert not is_genuine(headers, BODY, secret, NOW + 301)
    assert not is_genuine(headers, BODY + b" ", secret, NOW)
    assert not is_genuine(headers, BODY, "another", NOW)
    assert not is_genuine({**headers, "webhook-timestamp": str(NOW + 1)}, BODY, secret, NOW)
    assert not is_genuine({**headers, "webhook-id": "other"}, BODY, secret, NOW)
    assert not is_genuine(signing_headers("id", NOW, BODY), BODY, secret, NOW)
    assert not is_genuine({}, BODY, secret, NOW)
