"""Somebody who does everything by keyboard, and counts."""

from __future__ import annotations

from playwright.sync_api import Page, expect

PAST_THE_FRAME = ("Tab", "Enter")
"""The first Tab of a page reaches the link past the bar and the navigation."""


class Keyboard:
    """The keys of one page; ``presses`` grows with each, letters typed included; two keys at once are two."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.presses = 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.presses += len(key.split("+"))

    def type(self, text: str) -> None:
        self.press(*text)

    def to(self, name: str, key: str = "Tab") -> None:
        """On to the button, link or field of this name: as it is labelled, or as it says."""
        for _ in range(30):
            self.press(key)
            if self._stands_at(name):
                return
        raise AssertionError(f"{name} was not reached by {key}")

    def choose(self, name: str, option: str) -> None:
        """In the list of this name, where she stands, down to an option."""
        assert self._stands_at(name), name
        for _ in range(30):
            self.press("ArrowDown")
            if self.page.evaluate("document.activeElement.selectedOptions[0].text.trim()").startswith(option):
                return
        raise AssertionError(f"{name} has no {option}")

    def confirm(self, total: str) -> None:
        """Once the total is shown: the next Enter does it."""
        expect(self.page.locator(".working tfoot")).to_contain_text(total)
        expect(self.page.locator("main .sticky .primary")).to_be_focused()
        self.press("Enter")

    def start(self, label: str) -> None:
        """From the page of a row to the form of an operation."""
        self.press(*PAST_THE_FRAME)
        self.to(label)
        self.press("Enter")
        expect(self.page.locator("h1")).to_have_text(label)
        self.page.wait_for_load_state()

    def _stands_at(self, name: str) -> bool:
        said = "(one => (one.labels?.[0] ?? one).textContent.replace('*', '').trim())(document.activeElement)"
        return bool(self.page.evaluate(said) == name)
