"""Turns at SQLite's one writer."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from callgauge.store.models import Installation
from callgauge.store.turns import write_turn

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_done_on_commit_may_write_in_a_turn_of_its_own() -> None:
    done: list[str] = []

    def later() -> None:
        with write_turn(), transaction.atomic():
            Installation.objects.create(uid="later")
            done.append("later")

    def work() -> None:
        with write_turn(), transaction.atomic():
            transaction.on_commit(later)
        connection.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(timeout=20)
    assert done == ["later"]
