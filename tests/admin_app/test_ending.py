"""The end by a signal: what has been asked for is answered first, whichever signal it is."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from admin_app.serving import THREADS
from admin_app.settings import HOUSE
from tests.admin_app.test_commands import free_port
from tests.limits import HANG_SECONDS

SERVER = """
import sys, threading
from pathlib import Path
from flask import Flask
from admin_app import serving
from admin_app.settings import Settings

app, released = Flask("slow"), threading.Event()
app.config["PEONY"] = Settings(data_dir=Path(sys.argv[1]), port=int(sys.argv[2]), scheduler=False)

@app.get("/slow")
def slow():
    sys.stdout.write("in\\n")  # at once: print writes the line's end apart, and eight threads write
    sys.stdout.flush()
    released.wait()
    return "answered" * 100_000

threading.Thread(target=lambda: sys.stdin.readline() and released.set(), daemon=True).start()
serving.serve(app, lambda: print("ready", flush=True))
print("ended", flush=True)
"""
IN_FLIGHT = 12
"""More than there are threads: some wait for one."""


def answer_of(connection: socket.socket) -> bytes:
    """Everything until the server closes."""
    parts = []
    while part := connection.recv(65_536):
        parts.append(part)
    return b"".join(parts)


@contextmanager
def killed_at_the_end(process: subprocess.Popen[str]) -> Iterator[None]:
    """A failing test leaves no server that waits for ever."""
    try:
        yield
    finally:
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_requests_in_flight_are_answered_before_the_end(tmp_path: Path, number: signal.Signals) -> None:
    port = free_port()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    arguments = [sys.executable, "-c", textwrap.dedent(SERVER), str(tmp_path), str(port)]
    with subprocess.Popen(arguments, text=True, cwd=HOUSE, **pipes) as process, killed_at_the_end(process):
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        connections = [socket.create_connection(("127.0.0.1", port), timeout=HANG_SECONDS) for _ in range(IN_FLIGHT)]
        for connection in connections:
            connection.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert [process.stdout.readline() for _ in range(THREADS)] == ["in\n"] * THREADS
        process.send_signal(number)
        process.stdin.write("go\n")
        process.stdin.flush()
        answers = [answer_of(connection) for connection in connections]
        for connection in connections:
            connection.close()
        said = process.stdout.read()
        assert process.wait(timeout=HANG_SECONDS) == 0
    assert [answer.startswith(b"HTTP/1.1 200") for answer in answers] == [True] * IN_FLIGHT
    assert {answer.count(b"answered") for answer in answers} == {100_000}, "whole"
    assert said.endswith("ended\n")
