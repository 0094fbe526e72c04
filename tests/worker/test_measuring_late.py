"""Measuring calls again once their redacted copies can be heard, where that goes wrong for one of them."""

import asyncio

import pytest
from django.db import OperationalError

from callgauge.worker.redacting import Redactions


class Database:
    """Stands for the thread that reads and plans: each call is planned, or it raises."""

    def __init__(self, faults):
        self.faults = faults
        self.planned = []

    async def run(self, _work, call_id):
        if call_id in self.faults:
            raise self.faults[call_id]
        self.planned.append(call_id)
        return True


@pytest.mark.parametrize(
    ("fault", "left"), [(ValueError("broken"), set()), (OperationalError("database is locked"), {2})]
)
def test_one_call_that_raises_does_not_hold_up_the_others(fault, left):
    database = Database({2: fault})
    redactions = Redactions(None, database, None)
    redactions._audible = {1, 2, 3}
    asyncio.run(redactions._measure_late())
    assert sorted(database.planned) == [1, 3]
    assert redactions._audible == left, "what only the database refused is tried again"
