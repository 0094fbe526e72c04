"""One suite for two databases: SQLite, and with `--db postgresql` again on PostgreSQL."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.people import People
    from tests.tenants import Tenant


POSTGRESQL_URL = os.environ.get("TEST_POSTGRESQL_URL", "postgresql://postgres@127.0.0.1:5432/test")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--db", choices=["sqlite", "postgresql"], default="sqlite")
    parser.addoption("--pictures", action="store_true", help="write the images of docs/images anew")


def pytest_configure(config: pytest.Config) -> None:
    for name in [n for n in os.environ if n.startswith("CALLGAUGE_")]:
        del os.environ[name]
    if config.getoption("--db") == "postgresql":
        os.environ["CALLGAUGE_DATABASE_URL"] = POSTGRESQL_URL
    os.environ["CALLGAUGE_RERUN_RATE"] = "off"
    folder = tempfile.mkdtemp(prefix="callgauge-tests-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ["CALLGAUGE_DATA_DIR"] = folder
    os.environ["CALLGAUGE_SECRET_KEY"] = "only-for-tests"
    # Only now: pytest-django would otherwise read the settings before the database is chosen.
    os.environ["DJANGO_SETTINGS_MODULE"] = "callgauge.config.settings"
    import django
    from hypothesis import settings

    django.setup()
    # No test is timed: on a busy machine an example may take any time.
    settings.register_profile("untimed", settings(), deadline=None)
    settings.load_profile("untimed")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without PostgreSQL its run is skipped with the reason; where services are required, it fails."""
    if config.getoption("--db") != "postgresql" or not items:
        return
    fault = _postgresql_fault()
    if fault is None:
        return
    if os.environ.get("TEST_REQUIRE_SERVICES"):
        raise pytest.UsageError(f"PostgreSQL is required and cannot be reached: {fault}")
    for item in items:
        item.add_marker(pytest.mark.skip(reason=f"no PostgreSQL at TEST_POSTGRESQL_URL: {fault}"))


def pytest_collection_finish() -> None:
    """Modules and collected tests stay to the end: no garbage collection need look at them again."""
    gc.collect()
    gc.freeze()


def _postgresql_fault() -> str | None:
    import psycopg

    try:
        psycopg.connect(POSTGRESQL_URL, connect_timeout=5).close()
    except psycopg.Error as error:
        return str(error).splitlines()[0]
    return None


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> None:
    from django.conf import settings

    if pytestconfig.getoption("--db") == "postgresql":
        # A name of its own for each run, so that several can go on at the same time.
        settings.DATABASES["default"]["TEST"]["NAME"] = f"test_callgauge_{os.getpid()}"
    else:
        path: Path = tmp_path_factory.mktemp("db") / "test.sqlite3"
        settings.DATABASES["default"]["TEST"]["NAME"] = str(path)


@pytest.fixture(autouse=True, scope="session")
def _audit_log_is_heard() -> None:
    """What each request leaves in the audit log, without a query: tests count those."""
    from django.db.models.signals import post_save

    from callgauge.flow.errors import FlowError
    from callgauge.store.models import AuditEntry
    from callgauge.telemetry.context import current
    from tests.audited import logged, refused

    def hear(instance: AuditEntry, **_: object) -> None:
        if instance.request_id:
            logged.setdefault(instance.request_id, set()).add(instance.action)

    post_save.connect(hear, sender=AuditEntry, weak=False)

    def note(self: FlowError, *words: object) -> None:
        refused.add(str(current().get("request_id", "")))
        Exception.__init__(self, *words)

    FlowError.__init__ = note  # type: ignore[method-assign]


@pytest.fixture(autouse=True, scope="session")
def _static_files_are_sought_once() -> None:
    """Each test client builds the middleware, and one of them looks at every static file: 10 ms each time."""
    from whitenoise.middleware import WhiteNoiseMiddleware

    seek = WhiteNoiseMiddleware.add_files_from_finders
    found: dict[str, Any] = {}

    def once(self: WhiteNoiseMiddleware) -> None:
        if not found:
            seek(self)
            found.update(self.files)
        self.files.update(found)

    WhiteNoiseMiddleware.add_files_from_finders = once


@pytest.fixture(autouse=True)
def _no_judge_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches a real model because a developer has a key in the environment."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def _tenant(organization: str, project: str) -> Tenant:
    from tests.tenants import tenant  # needs settings, which need `--db`

    return tenant(organization, project)


@pytest.fixture
def alice(db: None) -> Tenant:
    return _tenant("Acme", "Support")


@pytest.fixture
def bob(alice: Tenant) -> Tenant:
    """Bob has a key of his own for the same project."""
    return _tenant("Acme", "Support")


@pytest.fixture
def charlie(db: None) -> Tenant:
    """Charlie works somewhere else."""
    return _tenant("Rival", "Support")


@pytest.fixture
def quick_passwords(settings: Any) -> None:
    """The real hash takes a good part of a second by design."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def people(alice: Tenant, charlie: Tenant, quick_passwords: None) -> People:
    """An owner, a member, a viewer and a stranger, signed in."""
    from tests.people import people_of  # needs settings, which need `--db`

    return people_of(alice.project, charlie.project)
