"""Settings in Chromium: every page at both widths, and every action once."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.site import Site, look_at, visiting

pytestmark = pytest.mark.browser


def test_an_agent_is_made_edited_and_deleted(owner_page: Page, site: Site) -> None:
    page = owner_page
    look_at(page, site.address("settings"), "settings-agents")
    page.get_by_role("link", name="New agent").click()
    page.get_by_label("Name", exact=True).fill("Night desk")
    page.get_by_role("combobox", name="Provider").select_option("retell")
    page.get_by_role("button", name="Make the agent").click()
    expect(page.get_by_role("status")).to_contain_text("Night desk is saved")
    page.get_by_role("textbox", name="API key of the provider").fill("retell-key-1")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("textbox", name="API key of the provider")).to_have_attribute(
        "placeholder", "set; empty keeps it"
    )
    assert "retell-key-1" not in page.content()
    look_at(page, None, "settings-agent")
    page.get_by_text("Delete this agent").click()
    page.get_by_label("I want Night desk gone").check()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_contain_text("Night desk is deleted")


def test_the_rubric_changes_and_calls_are_decided_again(owner_page: Any, site: Site) -> None:
    page: Page = owner_page
    owner_page.watch.expected.append("400 (Bad Request)")
    look_at(page, site.address("settings/rubric"))
    page.get_by_label("Courtesy compared with").fill("6")
    page.get_by_role("button", name="Save the rubric").click()
    expect(page.get_by_role("alert")).to_contain_text("between 0 and 5")
    expect(page.get_by_label("Courtesy compared with")).to_have_value("6")
    page.get_by_label("Courtesy compared with").fill("4")
    page.get_by_role("button", name="Save the rubric").click()
    expect(page.get_by_role("status")).to_contain_text("no judge is asked")
    page.get_by_role("button", name="See what it would take").click()
    expect(page.get_by_text("Nothing to measure").first).to_be_visible()
    look_at(page, None, "settings-rubric")
    page.get_by_role("button", name="Decide them again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Reruns")


def test_a_key_is_shown_once_and_revoked(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address("settings/keys"))
    page.get_by_label("What it is for").fill("nightly import")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("heading", name="Copy it now")).to_be_visible()
    assert page.url.endswith("/settings/keys")
    look_at(page, None, "settings-keys")
    secret = page.locator(".fresh .command code").inner_text()
    assert re.fullmatch(r"cg_[\w-]{40,}", secret)
    page.reload()
    assert secret not in page.content()
    row = page.get_by_role("row", name=re.compile("nightly import"))
    row.get_by_text("Revoke nightly import").click()
    row.get_by_role("button", name="Revoke it for good").click()
    expect(page.get_by_role("status")).to_contain_text("nightly import is revoked")


def test_people_are_invited_and_changed(owner_page: Page, site: Site, browser: Browser) -> None:
    page = owner_page
    page.goto(site.address("settings/people"))
    page.get_by_label("E-mail").fill("nina@example.com")
    page.get_by_role("button", name="Make a link").click()
    link = page.locator(".fresh .command code").inner_text()
    look_at(page, None, "settings-people")
    with visiting(browser, site, None) as guest:
        guest.goto(link)
        guest.get_by_label("Password").fill("a long enough sentence")
        guest.get_by_role("button", name="Make my account and join").click()
        expect(guest.get_by_role("navigation", name="Main")).to_be_visible()
        page.goto(site.address("settings/people"))
        page.get_by_label("Role of nina@example.com").select_option("viewer")
        row = page.get_by_role("row", name=re.compile("nina@example.com"))
        row.get_by_role("button", name="Change").click()
        expect(page.get_by_role("status")).to_contain_text("is viewer from now on")
        row.get_by_text("Remove nina@example.com").click()
        row.get_by_role("button", name="Remove from").click()
        expect(page.get_by_role("status")).to_contain_text("no longer in default")


def test_the_judge_is_tested(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address("settings/judge"))
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_text("no model is asked").last).to_be_visible()
    look_at(page, None, "settings-judge")


def test_the_project_page_and_the_dark(owner_page: Page, site: Site) -> None:
    look_at(owner_page, site.address("settings/project"), dark=True)
    owner_page.get_by_label("Name", exact=True).fill("Demo")
    owner_page.get_by_role("button", name="Save").click()
    expect(owner_page.get_by_role("status")).to_contain_text("The name is changed")


def test_a_viewer_reads(viewer_page: Page, site: Site) -> None:
    viewer_page.goto(site.address("settings/rubric"))
    expect(viewer_page.get_by_role("button", name="Save the rubric")).to_have_count(0)
    expect(viewer_page.get_by_label("Courtesy compared with")).to_be_disabled()
    expect(viewer_page.get_by_role("link", name="API keys")).to_have_count(0)


def test_webhooks_are_set_tried_and_looked_at(owner_page: Any, site: Site) -> None:
    page: Page = owner_page
    owner_page.watch.expected.append("400 (Bad Request)")
    look_at(page, site.address("settings/webhooks"))
    page.get_by_label("Address").fill("http://10.0.0.1/calls")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("not a public address")
    page.get_by_label("Address").fill("https://hooks.example.invalid/calls")
    page.get_by_role("textbox", name="Signing secret").fill("whsec_aGVsbG8=")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Nothing is sent to this address yet")).to_be_visible()
    page.get_by_label("Calls that failed, or that got no verdict").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Nothing is sent to this address yet")).to_have_count(0)
    assert "aGVsbG8" not in page.content()
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("heading", name="given up")).to_be_visible()
    expect(page.get_by_role("cell", name=re.compile("hooks.example.invalid"))).not_to_have_count(0)
    look_at(page, None)
    page.get_by_role("link", name="All webhooks").click()
    look_at(page, None, "settings-webhooks")
