"""What a person at a browser waits for: the page, and tasks that hold it up while it scrolls."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from playwright.sync_api import Page

OPENINGS = 7
WATCH = """() => {
  window.longTasks = [];
  new PerformanceObserver((list) => {
    for (const one of list.getEntries()) window.longTasks.push(one.duration);
  }).observe({ type: 'longtask', buffered: true });
}"""
SCROLL = """async () => {
  const places = [document.querySelector('.turns'), document.scrollingElement].filter(Boolean);
  window.longTasks.length = 0;
  let slowest = 0, before = performance.now();
  const frame = () => new Promise(requestAnimationFrame);
  for (const place of places) {
    for (let top = 0; top < place.scrollHeight; top += 240) {
      place.scrollTop = top;
      await frame();
      slowest = Math.max(slowest, performance.now() - before);
      before = performance.now();
    }
  }
  return slowest;
}"""


@dataclass(frozen=True)
class Opening:
    first_byte_ms: float
    loaded_ms: float


def opened(page: Page, address: str) -> Opening:
    """Medians over several openings, the first of which does not count."""
    timings = []
    for _ in range(OPENINGS + 1):
        page.goto(address)
        timings.append(
            page.evaluate(
                "() => { const t = performance.getEntriesByType('navigation')[0];"
                " return [t.responseStart, t.loadEventEnd || t.domComplete]; }"
            )
        )
    return Opening(*(statistics.median(column) for column in zip(*timings[1:], strict=True)))


def scrolled(page: Page, address: str) -> tuple[list[float], float]:
    """Tasks over 50 ms while the call is scrolled from end to end, and the longest wait for a frame."""
    page.goto(address)
    page.wait_for_load_state("networkidle")
    page.evaluate(WATCH)
    slowest = page.evaluate(SCROLL)
    return page.evaluate("window.longTasks"), slowest
