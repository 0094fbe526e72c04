"""An owner, a member, a viewer and a stranger, signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.people import People
    from tests.tenants import Tenant


@pytest.fixture
def quick_passwords(settings: Any) -> None:
    """The real hash takes a good part of a second by design."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def people(alice: Tenant, charlie: Tenant, quick_passwords: None) -> People:
    from tests.people import people_of  # needs settings, which need `--db`

    return people_of(alice.project, charlie.project)
