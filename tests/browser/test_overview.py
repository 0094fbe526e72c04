"""The overview in Chromium: windows, agents, plots with their numbers, and the way to the calls."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.site import Site, look_at

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
    page.get_by_label("Agent").select_option(label="bookings")
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
