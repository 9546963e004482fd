"""A served house and a headless Chromium. Without a browser these are told as not run; with CI=true that fails."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import time_machine
from playwright.sync_api import Browser, Page, expect, sync_playwright
from waitress.server import create_server

from models.entity import db
from tests import engines
from tests.conftest import House
from tests.e2e.browser import HOW, chromium
from tests.e2e.salon import MORNING, Salon, open_salon
from tests.limits import HANG_SECONDS, PAGE_SECONDS
from tests.web import Browser as Visitor

expect.set_options(timeout=PAGE_SECONDS * 1000)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--lang=en-US",  # in which a day and a time are typed: month, day, year
]


@pytest.fixture(scope="session")
def chrome() -> Iterator[Browser]:
    """One browser for the whole run."""
    path = chromium()
    if path is None:
        if engines.IN_CI:
            pytest.fail("CI=true, and there is no Chromium: " + HOW)
        pytest.skip("no Chromium here")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Street:
    """The house as it stands on the network, and the windows that were opened on it."""

    house: House
    chrome: Browser
    address: str
    complaints: list[str] = field(default_factory=list)

    def window(
        self,
        role: str | None = None,
        *,
        width: int = 1280,
        dark: bool = False,
        language: str = "zh-CN",
        touch: bool = False,
    ) -> Page:
        """A window of its own, signed in as a member of the cast; what its console complains of is kept."""
        context = self.chrome.new_context(
            base_url=self.address,
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            locale=language,
            reduced_motion="reduce",
            has_touch=touch,
        )
        if role is not None:
            ticket = Visitor(self.house, role).client.get_cookie("peony")
            assert ticket is not None
            context.add_cookies([{"name": ticket.key, "value": ticket.value, "url": self.address}])
        page = context.new_page()
        page.set_default_timeout(PAGE_SECONDS * 1000)
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def _note(self, message: object) -> None:
        text = getattr(message, "text", "")
        if getattr(message, "type", "") == "error" and "Failed to load resource" not in text:
            self.complaints.append(text)


@pytest.fixture
def street(sqlite_house: House, chrome: Browser, request: pytest.FixtureRequest) -> Iterator[Street]:
    """The house served on loopback. When the test is over no console may have complained (of the CSP, of a script)."""
    if "morning" in request.fixturenames:
        request.getfixturevalue("morning")  # first, so that the clock is not put back under a server that runs
    server = create_server(sqlite_house.app, host="127.0.0.1", port=0, threads=4)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    found = Street(sqlite_house, chrome, f"http://127.0.0.1:{server.effective_port}")
    yield found
    for context in chrome.contexts:
        context.close()
    server.task_dispatcher.shutdown()

    def close() -> None:
        """In the loop's own thread, so that nothing is closed under its hands; a line held open would keep it going."""
        for channel in list(server.active_channels.values()):
            channel.handle_close()
        server.close()

    server.trigger.pull_trigger(close)
    thread.join(timeout=HANG_SECONDS)
    assert not thread.is_alive()
    db.session.remove()
    assert found.complaints == []


@pytest.fixture
def morning() -> Iterator[None]:
    """Ten o'clock of the day, from where the clock goes on."""
    with time_machine.travel(MORNING, tick=True):
        yield


@pytest.fixture
def salon(morning: None, street: Street) -> Salon:
    """A salon that has just opened, on the street."""
    return open_salon(street.house)
