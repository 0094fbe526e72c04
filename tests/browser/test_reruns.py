"""The pages of reruns in Chromium: plan and start one, and read what it changed."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.site import LONG_MS, Site, look_at

pytestmark = pytest.mark.browser


def test_the_list(owner_page: Page, site: Site) -> None:
    look_at(owner_page, site.address("reruns"), "reruns")


def test_what_a_rerun_changed(owner_page: Page, site: Site) -> None:
    owner_page.goto(site.address("reruns"))
    owner_page.locator("table a[href*='/reruns/']").first.click()
    owner_page.wait_for_url(re.compile(r"/reruns/\d+$"))
    look_at(owner_page, None, "difference")
    expect(owner_page.get_by_text("Agreement confirmed").first).to_be_visible()
    expect(owner_page.locator("svg.plot-svg").first).to_be_visible()
    owner_page.get_by_role("button", name=re.compile("is right now")).first.click()
    expect(owner_page.get_by_text("Stored as a review.")).to_be_visible()
    expect(owner_page.get_by_text("a person says").first).to_be_visible()
    look_at(owner_page, None, "difference-dark", dark=True)


def test_a_rerun_is_planned_and_started(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address("reruns?max_cost=5"))
    page.get_by_text("Metrics: all that measure the agent").click()
    page.get_by_label("Agreement confirmed").check()
    page.get_by_label("Judge").select_option(label="asked again for everything")
    page.get_by_role("button", name="Plan", exact=True).click()
    start = page.get_by_role("button", name=re.compile("start", re.IGNORECASE)).first
    expect(start).to_be_visible()
    look_at(page, None, "rerun-plan")
    start.click()
    page.wait_for_url(re.compile(r"/reruns/\d+$"))
    expect(page.get_by_text("done").first).to_be_visible(timeout=LONG_MS)


def test_a_viewer_starts_nothing(viewer_page: Page, site: Site) -> None:
    look_at(viewer_page, site.address("reruns"))
    expect(viewer_page.get_by_role("button", name=re.compile("start", re.IGNORECASE))).to_have_count(0)


def test_a_call_as_it_was_scored_then(owner_page: Page, site: Site) -> None:
    page = owner_page
    number = site.call("bk-104")
    page.goto(site.address(f"calls/{number}"))
    card = page.locator("article", has_text="Agreement confirmed")
    with page.expect_download() as saved:
        card.get_by_role("link", name="Replay file").click()
    assert re.fullmatch(r"callgauge-result-\d+\.json", saved.value.suggested_filename)
    card.get_by_text(re.compile("earlier result")).click()
    card.get_by_role("link", name="version 1").first.click()
    page.wait_for_url(re.compile(r"metric_version="))
    expect(page.get_by_text("As scored by version 1 of Agreement confirmed")).to_be_visible()
    page.get_by_role("heading", name="Results").scroll_into_view_if_needed()
    look_at(page, None, "call-then")
    page.get_by_role("link", name="Back to now").click()
    page.get_by_text("As scored at another time").click()
    page.get_by_label("Moment (UTC)").fill("2020-01-01T00:00")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_text("As scored on 2020-01-01")).to_be_visible()
