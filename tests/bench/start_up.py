"""How long a start takes: the program as a whole process, an empty first start, and a later one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from admin_app.settings import HOUSE
from tests.bench.place import Figure, Place, seconds

SERVE_ONCE = (
    "import run, admin_app.serving as serving; serving.serve = lambda app, ready: ready();"
    " run.main(standalone_mode=False, args={args})"
)


def run(place: Place) -> list[Figure]:
    """A first start with the demo salon until pages can be asked for, and a second start of the same house."""
    folder = Path(tempfile.mkdtemp(prefix="peony-start-", dir=place.folder))
    environment = {**os.environ, "PEONY_DATA_DIR": str(folder), "PEONY_PORT": "5999"}
    database: list[str] = []
    if place.engine == "postgresql":
        from tests.engines import postgres, sql

        server = str(postgres())
        sql(server, "DROP DATABASE IF EXISTS peony_start", "CREATE DATABASE peony_start")
        database = ["--database", f"{server}/peony_start"]
    command = [sys.executable, "-c", SERVE_ONCE.format(args=database)]

    def start() -> None:
        subprocess.run(
            command, check=True, cwd=HOUSE, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    return [
        Figure("first start, demo salon and all", seconds(start), "s", "asked for: < 30"),
        Figure("later start", seconds(start), "s", "asked for: < 5"),
    ]
