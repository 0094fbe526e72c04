"""Changing tables beside those who use them: nobody queues up behind a change that has to wait."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection

from callgauge.flow import installation
from callgauge.flow.installation import change_tables, pending_migrations

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Somebody who has read a table, in a transaction that has not ended."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no locks of tables")
    monkeypatch.setattr(installation, "LOCK_TIMEOUT", "100ms")
    monkeypatch.setattr(installation, "LOCK_TRIES", 3)
    import psycopg

    given = connection.get_connection_params()
    with psycopg.connect(dbname=given["dbname"], **{k: given[k] for k in ("user", "host", "port")}) as other:
        other.execute("SELECT count(*) FROM store_installation")
        yield other


def _change() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE store_installation ADD COLUMN tried integer NULL")
        cursor.execute("ALTER TABLE store_installation DROP COLUMN tried")


def _lock_timeout() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        return str(cursor.fetchone()[0])


def test_it_steps_back_and_tries_again(reader: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []
    monkeypatch.setattr(installation, "LOCK_PAUSE_SECS", 0.0)

    def change() -> None:
        tries.append(1)
        if len(tries) == 2:
            reader.rollback()  # the reader is done
        _change()

    change_tables(change)
    assert len(tries) == 2
    assert _lock_timeout() == "0"


def test_it_gives_up_with_the_reason(reader: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "LOCK_PAUSE_SECS", 0.0)
    with pytest.raises(OperationalError, match="lock timeout"):
        change_tables(_change)
    assert _lock_timeout() == "0"


def test_other_faults_are_not_tried_again() -> None:
    tries: list[int] = []

    def change() -> None:
        tries.append(1)
        raise OperationalError("something else")

    with pytest.raises(OperationalError):
        change_tables(change)
    assert len(tries) == 1


def test_where_all_is_done_nothing_is_pending() -> None:
    assert pending_migrations() == []
