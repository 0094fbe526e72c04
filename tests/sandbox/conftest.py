"""The backends under test: full Python behind all walls, and behind fewer; and Monty."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

import pytest

from callgauge.sandbox import Sandbox, zygote_client
from callgauge.sandbox.backend import Backend
from callgauge.sandbox.cpython import CPythonBackend
from callgauge.sandbox.monty import MontyBackend

SECRET = "a-secret-of-the-server-5f1c"
"""Stands in the environment of the process that starts every sandbox."""

_NO_OTHER_WALLS = (
    "import jail.landlock, jail.confine; jail.landlock.abi = lambda: 0; "
    "jail.confine._uid_range = lambda: (None, 0); from jail.zygote"
)


class FilterOnlyBackend(CPythonBackend):
    """As on an old kernel in a strict container: no namespace, no landlock, no user of its own."""

    def __init__(self) -> None:
        super().__init__(use_namespaces=False)

    def start(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                zygote_client, "_BOOT", zygote_client._BOOT.replace("from jail.zygote", _NO_OTHER_WALLS)
            )
            super().start()


CONFIGURATIONS: Mapping[str, Callable[[], Backend]] = {
    "cpython": CPythonBackend,
    "cpython-no-namespaces": lambda: CPythonBackend(use_namespaces=False),
    "cpython-filter-only": FilterOnlyBackend,
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


@pytest.fixture(params=["cpython", "cpython-filter-only", "monty"])
def sandbox(request: pytest.FixtureRequest, sandboxes: dict[str, Sandbox]) -> Sandbox:
    """Both backends; full Python with the most and with the least around it."""
    return sandboxes[request.param]


@pytest.fixture(params=CONFIGURATIONS)
def any_sandbox(request: pytest.FixtureRequest, sandboxes: dict[str, Sandbox]) -> Sandbox:
    return sandboxes[request.param]


@pytest.fixture
def cpython(sandboxes: dict[str, Sandbox]) -> Sandbox:
    return sandboxes["cpython"]


@pytest.fixture
def monty(sandboxes: dict[str, Sandbox]) -> Sandbox:
    return sandboxes["monty"]
