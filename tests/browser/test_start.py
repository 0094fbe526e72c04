"""The first run in Chromium: agent and key, the call that arrives, samples."""

from __future__ import annotations

import json
import re
import urllib.request

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.site import Site, look_at, visiting

pytestmark = pytest.mark.browser


def test_from_an_empty_project_to_the_first_call(browser: Browser, site: Site) -> None:
    """Charlie's organization has a project and nothing in it."""
    with visiting(browser, site, "charlie@example.net") as page:
        page.goto("/")
        page.wait_for_url(re.compile(r"/projects/\d+/start$"))
        page.get_by_label("Name of your voice agent").fill("Bookings")
        page.get_by_role("button", name="Make agent and key").click()
        expect(page.get_by_text("The key is stored only as a hash")).to_be_visible()
        look_at(page, None, "start")
        command = page.locator("#by-curl").inner_text()
        secret = re.search(r"X-CEKURA-API-KEY: (cg_[\w-]+)", command)
        body = re.search(r"-d '(\{.*\})'", command, re.DOTALL)
        address = re.search(r"curl (\S+)", command)
        assert secret is not None
        assert body is not None
        assert address is not None
        headers = {"X-CEKURA-API-KEY": secret[1], "Content-Type": "application/json"}
        send = urllib.request.Request(address[1], body[1].encode(), headers)
        with urllib.request.urlopen(send) as answer:
            assert json.load(answer)["call_id"] == "first-call"
        expect(page.get_by_text("The first call is here")).to_be_visible()
        page.get_by_role("link", name="first-call").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("first-call")


def test_samples_are_loaded(browser: Browser, site: Site) -> None:
    with visiting(browser, site, "charlie@example.net") as page:
        page.goto("/")
        page.goto(re.sub(r"/(calls|overview).*", "/start", page.url))
        page.get_by_role("button", name="Load sample calls").click()
        expect(page.get_by_role("status").first).to_contain_text("These are sample calls")
        expect(page.get_by_text("Samples").first).to_be_visible()
