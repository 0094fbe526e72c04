"""Getting in, the frame, and the pages for what went wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.site import PASSWORD, Site, look_at
from tests.server import callgauge

pytestmark = pytest.mark.browser


def test_signing_in_and_out(nobodys_page: Any, site: Site) -> None:
    page: Page = nobodys_page
    look_at(page, site.address("calls"), "sign-in")
    nobodys_page.watch.expected.append("400 (Bad Request)")
    page.get_by_label("E-mail").fill("ada@example.com")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    look_at(page)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(site.address("calls"))
    page.goto("/account")
    look_at(page)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading")).to_have_text("Sign in")


def test_a_link_sets_a_new_password(nobodys_page: Page, site: Site) -> None:
    done = callgauge(site.server.data_dir, "user", "password", "charlie@example.net")
    secret = re.findall(r"/password/(\S+)", done.stdout)[0]
    look_at(nobodys_page, f"/password/{secret}")
    nobodys_page.get_by_label("Password").fill("another long sentence")
    nobodys_page.get_by_role("button", name="Set the password").click()
    expect(nobodys_page.get_by_role("heading", level=1)).to_have_text("The first call of Default")


def test_the_theme_switch_stays(owner_page: Page, site: Site) -> None:
    owner_page.goto(site.address("calls"))
    light = owner_page.evaluate("getComputedStyle(document.body).backgroundColor")
    owner_page.get_by_role("button", name="System theme").click()
    expect(owner_page.locator("html")).to_have_attribute("data-theme", "dark")
    assert owner_page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    look_at(owner_page)
    owner_page.reload()
    expect(owner_page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_search_is_one_key_away(owner_page: Page, site: Site) -> None:
    owner_page.goto(site.address("calls"))
    owner_page.keyboard.press("/")
    expect(owner_page.get_by_role("searchbox")).to_be_focused()


@pytest.mark.parametrize("address", ["/nowhere", "/projects/999/calls"])
def test_what_is_not_there_has_a_page(owner_page: Any, address: str) -> None:
    owner_page.watch.expected.append("404 (Not Found)")
    look_at(owner_page, address)
    expect(owner_page.get_by_role("heading")).to_have_text("There is nothing here")
    owner_page.get_by_role("link", name="Go to the first page").click()
    expect(owner_page.get_by_role("heading", level=1)).to_be_visible()
