"""Pictures of the guide, taken on the way by the browser tests: ``PEONY_PICTURES=1 python -m pytest tests/e2e``.

Without the variable nothing is written, so that a run of the tests leaves the checkout as it was.
"""

from __future__ import annotations

import os

from playwright.sync_api import Page

from admin_app.settings import HOUSE

FOLDER = HOUSE / "docs" / "guide" / "pictures"
MARGIN = 16
END = "Math.max(...[...document.querySelectorAll('main > *')].map((one) => one.getBoundingClientRect().bottom))"


def picture(page: Page, name: str, *, whole: bool = True) -> None:
    """Keep what the page shows: down to the end of what is on it, or only what is in the window."""
    if not os.environ.get("PEONY_PICTURES"):
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    page.evaluate("document.activeElement?.blur(); scrollTo(0, 0)")
    size = page.viewport_size
    assert size is not None
    end = page.evaluate(END) + MARGIN
    page.set_viewport_size({"width": size["width"], "height": int(end if whole else min(size["height"], end))})
    page.screenshot(path=FOLDER / f"{name}.png")
    page.set_viewport_size(size)
