"""How long a test waits before it takes something for hung; no measure of speed, since the machine may be busy."""

HANG_SECONDS = 600
"""For a process or a thread; pytest's own limit for a whole test stands above it (``pyproject.toml``)."""

PAGE_SECONDS = 120
"""For something to appear on a page in the browser."""
