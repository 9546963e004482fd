"""Which browser there is."""

from __future__ import annotations

import os
import shutil

HOW = "apt-get install chromium, or set PEONY_TEST_CHROMIUM to its path"


def chromium() -> str | None:
    """The path of a Chromium, or None."""
    given = os.environ.get("PEONY_TEST_CHROMIUM")
    if given:
        return given
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        found = shutil.which(name)
        if found:
            return found
    return None
