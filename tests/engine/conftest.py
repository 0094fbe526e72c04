from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_full_collections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of statsmodels' adjustments for several tests ends in a full garbage collection, which takes a
    second in a process that holds ten thousand tests."""
    monkeypatch.setattr("gc.collect", lambda generation=2: 0)
