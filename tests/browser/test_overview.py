"""The overview in Chromium: windows, agents, plots, the way to the calls; and the first run before it."""

from __future__ import annotations

import json
import re
import urllib.request

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.site import Site, look_at, visiting

pytestmark = pytest.mark.browser


def test_the_overview(owner_page: Page, site: Site) -> None:
    owner_page.goto("/")
    owner_page.wait_for_url(site.address("overview"))
    expect(owner_page.get_by_text("Counting:")).to_have_count(0)
    look_at(owner_page, None, "overview")
    expect(owner_page.get_by_text("26", exact=True).first).to_be_visible()


def test_window_agent_and_metric_stand_in_the_address(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address("overview"))
    page.get_by_label("Last").select_option("90d")
    page.wait_for_url(re.compile(r"window=90d"))
    page.get_by_role("combobox", name="Agent").select_option(label="bookings")
    page.wait_for_url(re.compile(r"agent=\d+"))
    expect(page.get_by_label("Last")).to_have_value("90d")
    expect(page.locator(".tiles").get_by_text("9", exact=True)).to_be_visible()
    page.get_by_role("link", name="Courtesy").click()
    expect(page.get_by_text("Courtesy: mean")).to_be_visible()
    page.locator("#metric").get_by_text("The numbers").click()
    expect(page.locator("#metric table")).to_be_visible()
    look_at(page, None, "overview-metric", dark=True)


def test_a_figure_leads_to_its_calls(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address("overview"))
    page.get_by_role("link", name=re.compile("calls that failed Agreement confirmed")).click()
    page.wait_for_url(re.compile(r"/calls\?.*m\.\d+=fail"))
    expect(page.locator("table.calls tbody tr").first).to_be_visible()


def test_the_numbers_come_as_a_file(owner_page: Page, site: Site) -> None:
    owner_page.goto(site.address("overview"))
    with owner_page.expect_download() as got:
        owner_page.get_by_role("link", name="All numbers as CSV").click()
    assert got.value.suggested_filename == "overview-30d.csv"


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
