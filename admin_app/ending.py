"""Ending by a signal: SIGTERM, as systemd and containers send it, ends the program as gently as Ctrl-C does."""

from __future__ import annotations

import logging
import selectors
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer

log = logging.getLogger("peony.serving")

SIGNALS = (signal.SIGINT, signal.SIGTERM)
LOOP_SECONDS = 1.0
"""How long the server's loop waits at most before it looks whether it shall end."""

FINISH_SECONDS = 30.0
"""How long requests in progress may take after the signal; what lasts longer is cut off."""

Sockets = dict[int, Any]
"""Waitress's map: every socket that it listens on, talks through or is woken by, by its file descriptor."""


@contextmanager
def until_told_to_end() -> Iterator[threading.Event]:
    """An event that the first signal sets. The second one is a KeyboardInterrupt, for whoever will not wait."""
    end = threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        if end.is_set():
            raise KeyboardInterrupt
        end.set()

    before = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield end
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def finish_requests(sockets: Sockets) -> None:
    """Answer every request that has been sent, then stop; new connections are refused meanwhile."""
    until = time.monotonic() + FINISH_SECONDS
    while _has_input(sockets) and time.monotonic() < until:  # connections made and requests sent before the signal
        wasyncore.loop(timeout=0, use_poll=True, map=sockets, count=1)
    for listener in [entry for entry in sockets.values() if isinstance(entry, BaseWSGIServer)]:
        wasyncore.dispatcher.close(listener)  # not its own close(): channels still wake the loop through its trigger
    while (busy := _busy(sockets)) and time.monotonic() < until:
        wasyncore.loop(timeout=LOOP_SECONDS, use_poll=True, map=sockets, count=1)
    if busy:
        log.warning("%s requests took longer than %.0f s and were cut off", busy, FINISH_SECONDS)


def _has_input(sockets: Sockets) -> bool:
    waiting = [descriptor for descriptor, entry in sockets.items() if entry.readable()]
    with selectors.DefaultSelector() as selector:
        for descriptor in waiting:
            selector.register(descriptor, selectors.EVENT_READ)
        return bool(waiting and selector.select(0))


def _busy(sockets: Sockets) -> int:
    """How many connections have a request in progress or an answer not yet sent."""
    channels = (entry for entry in sockets.values() if isinstance(entry, HTTPChannel))
    return sum(bool(channel.requests or channel.request or channel.total_outbufs_len) for channel in channels)
