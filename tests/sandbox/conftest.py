"""The backends under test: full Python with and without namespaces, and Monty."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

import pytest

from callgauge.sandbox import Sandbox
from callgauge.sandbox.backend import Backend
from callgauge.sandbox.cpython import CPythonBackend
from callgauge.sandbox.monty import MontyBackend

SECRET = "a-secret-of-the-server-5f1c"
"""Stands in the environment of the process that starts every sandbox."""

CONFIGURATIONS: Mapping[str, Callable[[], Backend]] = {
    "cpython": CPythonBackend,
    "cpython-no-namespaces": lambda: CPythonBackend(use_namespaces=False),
    "monty": MontyBackend,
}


@pytest.fixture(scope="session")
def sandboxes() -> Iterator[dict[str, Sandbox]]:
    os.environ["CALLGAUGE_TEST_SECRET"] = SECRET
    opened = {}
    for name, make in CONFIGURATIONS.items():
        backend = make()
        backend.start()
        opened[name] = Sandbox(backend)
    yield opened
    for sandbox in opened.values():
        sandbox.close()
    del os.environ["CALLGAUGE_TEST_SECRET"]


@pytest.fixture(params=CONFIGURATIONS)
def sandbox(request: pytest.FixtureRequest, sandboxes: dict[str, Sandbox]) -> Sandbox:
    return sandboxes[request.param]


@pytest.fixture
def cpython(sandboxes: dict[str, Sandbox]) -> Sandbox:
    return sandboxes["cpython"]


@pytest.fixture
def monty(sandboxes: dict[str, Sandbox]) -> Sandbox:
    return sandboxes["monty"]
