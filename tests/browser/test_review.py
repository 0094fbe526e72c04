"""Reviewing in Chromium: by keys, blind, two who differ, agreement, golden sets, proposals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.site import LONG_MS, Site, look_at, make_account, visiting

pytestmark = pytest.mark.browser
BOB = "bob@example.com"


@pytest.fixture
def bobs_page(browser: Browser, site: Site) -> Iterator[Page]:
    if BOB not in site.states:
        make_account(site.server.data_dir, BOB, "member", "default")
    with visiting(browser, site, BOB) as page:
        yield page


def heading(page: Page) -> Any:
    return page.locator("#item-title")


def test_the_queue_is_worked_through_by_keys(owner_page: Page, site: Site) -> None:
    page = owner_page
    look_at(page, site.address("review"), "review-queue")
    links = page.locator(".review-list a")
    assert links.count() > 5
    current = page.locator(".review-list a[aria-current]")
    expect(current).to_have_count(1)
    first = current.get_attribute("href")
    page.keyboard.press("j")
    expect(current).not_to_have_attribute("href", str(first))
    page.keyboard.press("k")
    expect(current).to_have_attribute("href", str(first))
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    look_at(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("n")
    page.keyboard.type("1 and j are letters here")
    page.keyboard.press("Escape")
    page.keyboard.press("1")
    expect(page.get_by_role("status").first).to_have_text("Answered.")
    expect(page.locator(f'.review-list a[href="{first}"]')).to_have_count(0)
    look_at(page)
    page.keyboard.press("u")
    expect(page.get_by_role("status").first).to_have_text("The answer was withdrawn.")


def test_blind_hides_the_machine(owner_page: Page, site: Site) -> None:
    page = owner_page
    page.goto(site.address("review"))
    expect(page.get_by_role("button", name="Agree with the machine")).to_be_visible()
    page.keyboard.press("b")
    page.wait_for_url("**blind=1**")
    expect(page.get_by_role("button", name="Agree with the machine")).to_have_count(0)
    expect(page.get_by_text("hidden until you have answered")).to_be_visible()
    look_at(page, picture="review-blind")
    skipped = heading(page).inner_text()
    page.keyboard.press("s")
    expect(page.get_by_role("status").first).to_contain_text("Skipped.")
    assert "blind=1" in page.url
    look_at(page)
    page.keyboard.press("u")
    expect(page.get_by_role("status").first).to_have_text("It is back in the queue.")
    expect(heading(page)).to_have_text(skipped)
    assert "blind=1" in page.url


def test_two_who_differ_and_the_third(owner_page: Page, bobs_page: Page, site: Site) -> None:
    look_at(owner_page, site.address("review/agreement"), "review-metrics")
    owner_page.get_by_role("link", name="Agreement confirmed").click()
    owner_page.get_by_label("Ask for a blind second opinion on").select_option("100")
    owner_page.get_by_role("button", name="Ask", exact=True).click()
    expect(owner_page.get_by_role("status")).to_have_text("Second opinions are in the queue.")
    bobs_page.goto(site.address("review?reason=second_opinion"))
    expect(heading(bobs_page)).to_contain_text("Second opinion")
    expect(bobs_page.get_by_text("a second opinion knows no other")).to_be_visible()
    look_at(bobs_page, picture="review-second")
    for _ in range(2):
        bobs_page.keyboard.press("2")
        expect(bobs_page.get_by_role("status").first).to_contain_text("A second opinion changes nothing")
    bobs_page.goto(site.address("review?reason=disagreement"))
    expect(heading(bobs_page)).to_contain_text("Decide between two")
    expect(bobs_page.get_by_text("Person A")).to_be_visible()
    look_at(bobs_page, picture="review-adjudication")
    bobs_page.get_by_label("we decided this together").check()
    bobs_page.get_by_role("button", name="pass").click()
    expect(bobs_page.get_by_role("status").first).to_contain_text("Answered.")
    look_at(owner_page, f"{site.address('review/agreement')}?metric={metric_of(site)}", "review-agreement")


def metric_of(site: Site, name: str = "Agreement confirmed") -> int:
    metrics = site.server.get("/test_framework/v1/metrics")
    return int(next(one["id"] for one in metrics if one["name"] == name))


def answer_all(site: Site, metric: int, wrong: int) -> None:
    """People's answers on every call of the metric: the first few against the machine, the others for it."""
    calls = [call for call in site.calls(page_size="100") if not call["is_reviewed"]]
    for place, call in enumerate(calls):
        row = next((one for one in call["evaluation"]["metrics"] if one["id"] == metric), None)
        if row is None or row["passed"] is None:
            continue
        value = not row["passed"] if place < wrong else row["passed"]
        body = {"metric_id": metric, "thumbs_up": None, "expected_value": value, "feedback": ""}
        site.server.post(f"/observability/v1/call-logs/{call['id']}/mark_metric_vote", body)


def test_agreement_and_a_golden_set(owner_page: Page, site: Site) -> None:
    page, metric = owner_page, metric_of(site)
    answer_all(site, metric, wrong=4)
    look_at(page, f"{site.address('review/agreement')}?metric={metric}", "review-agreement")
    look_at(page, site.address("review/golden"))
    page.get_by_label("Name").fill("Release")
    page.get_by_label("Copy the answers on").select_option(str(metric))
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Release")
    expect(page.get_by_text("callgauge gate --metric")).to_be_visible()
    look_at(page, picture="review-golden")
    page.get_by_text("Delete this set").click()
    page.get_by_role("button", name="Delete Release").click()
    expect(page.get_by_role("status")).to_have_text("The golden set was deleted.")


def test_a_proposal_is_read_and_applied(owner_page: Page, site: Site) -> None:
    page, metric = owner_page, metric_of(site)
    page.goto(f"{site.address('review/agreement')}?metric={metric}")
    page.get_by_role("button", name="Ask for a better wording").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Proposal for")
    expect(page.get_by_role("button", name="Apply as the next version")).to_be_visible(timeout=LONG_MS)
    look_at(page, page.url, "review-proposal")
    page.get_by_role("button", name="Apply as the next version").click()
    expect(page.get_by_role("status").first).to_contain_text("Applied")
    expect(page.get_by_role("button", name="Apply as the next version")).to_have_count(0)
    look_at(page, site.address("review/proposals"))


def test_viewers_only_look(viewer_page: Page, site: Site) -> None:
    look_at(viewer_page, site.address("review"))
    expect(viewer_page.get_by_text("Viewers read only")).to_be_visible()
    expect(viewer_page.get_by_role("button", name="Skip")).to_have_count(0)


def test_dark(owner_page: Page, site: Site) -> None:
    look_at(owner_page, site.address("review"), "review-dark", dark=True)
