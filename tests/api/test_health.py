"""The two questions that a load balancer asks."""

import pytest
from django.test import Client


@pytest.mark.parametrize("path", ["/healthz", "/healthz/", "/readyz", "/readyz/"])
def test_health(db: None, client: Client, path: str) -> None:
    assert client.get(path).status_code == 200
