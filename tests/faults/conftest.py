from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scaled_out import ScaledOut


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[ScaledOut]:
    with ScaledOut(tmp_path, answer_secs=0.1, concurrency=16) as running:
        yield running
