"""Chromium over the pages of a real server. `owner_page` and `viewer_page` are signed in.

`--pictures` writes the images of docs/images anew.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.browser.site import Site

CHROMIUM = os.environ.get("TEST_CHROMIUM", "/usr/bin/chromium")


@pytest.fixture(scope="session")
def browser(pytestconfig: pytest.Config) -> Iterator[Browser]:
    from playwright.sync_api import expect, sync_playwright

    from tests.browser import site

    if not Path(CHROMIUM).exists():
        if os.environ.get("TEST_REQUIRE_SERVICES"):
            pytest.fail(f"Chromium is required and not at {CHROMIUM}; TEST_CHROMIUM says where it is.")
        pytest.skip(f"no Chromium at {CHROMIUM}; TEST_CHROMIUM says where it is")
    if pytestconfig.getoption("--pictures"):
        site.PICTURES.append(True)
    expect.set_options(timeout=5_000 * PATIENCE)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=list(site.LAUNCH))
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder that the demo leaves, and its API key; played once."""
    from tests.browser.site import make_demo

    folder = tmp_path_factory.mktemp("demo") / "data"
    return folder, make_demo(folder)


@pytest.fixture(scope="module")
def site(demo: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server for the tests of one module, on a copy of the demo's data: they may change it."""
    from tests.browser.site import serving

    with serving(*demo, tmp_path_factory.mktemp("site")) as started:
        yield started


@pytest.fixture
def owner_page(browser: Browser, site: Site) -> Iterator[Page]:
    from tests.browser.site import visiting

    with visiting(browser, site, "ada@example.com") as page:
        yield page


@pytest.fixture
def viewer_page(browser: Browser, site: Site) -> Iterator[Page]:
    from tests.browser.site import visiting

    with visiting(browser, site, "vera@example.com") as page:
        yield page


@pytest.fixture
def nobodys_page(browser: Browser, site: Site) -> Iterator[Page]:
    """Of somebody who has not signed in."""
    from tests.browser.site import visiting

    with visiting(browser, site, None) as page:
        yield page
