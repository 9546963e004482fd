"""Which browser there is."""

from __future__ import annotations

import os
import shutil

HOW = "apt-get install chromium-headless-shell (or chromium), or set PEONY_TEST_CHROMIUM to its path"


def chromium() -> str | None:
    """The path of a Chromium, or None; of two the one made to run without a screen, which works less."""
    given = os.environ.get("PEONY_TEST_CHROMIUM")
    if given:
        return given
    for name in ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        found = shutil.which(name)
        if found:
            return found
    return None
