"""The benchmarks behind ``run.py bench``: what is measured side by side in one run, printed as figures and ratios.

Never run as tests. Each benchmark is a module with ``run(place) -> list[Figure]``; ``place`` is a salon on one engine.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import evaluation, imports, log, pages, start_up, value
from tests.bench.place import Figure, Place
from tests.engines import postgres, sql, stop_postgres

BENCHMARKS: dict[str, Callable[[Place], list[Figure]]] = {
    "start": start_up.run,
    "import": imports.run,
    "pages": pages.run,
    "rules": evaluation.run,
    "log": log.run,
    "value": value.run,
}


def run(name: str | None, customers: int, sales: int, engines: list[str], *, as_json: bool) -> int:
    """Run one benchmark or all on each engine; the exit code. ``as_json`` prints one object last."""
    if name is not None and name not in BENCHMARKS:
        print(f"No benchmark is called {name}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 1
    found: dict[str, list[dict[str, object]]] = {}
    for engine in engines:
        if engine == "postgresql" and postgres() is None:
            print("postgresql: not run (no server here)", file=sys.stderr)
            continue
        found[engine] = _on(engine, name, customers, sales)
    stop_postgres()
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    return 0


def _on(engine: str, name: str | None, customers: int, sales: int) -> list[dict[str, object]]:
    folder = Path(tempfile.mkdtemp(prefix="peony-bench-"))
    address = ""
    if engine == "postgresql":
        server = str(postgres())
        sql(server, "DROP DATABASE IF EXISTS peony_bench", "CREATE DATABASE peony_bench")
        address = f"{server}/peony_bench"
    figures: list[Figure] = []
    place = Place(engine, folder, address, customers, sales)
    try:
        for title, benchmark in BENCHMARKS.items():
            if name in (None, title):
                print(f"\n{engine}: {title}", flush=True)
                for figure in benchmark(place):
                    print(f"  {figure.said()}", flush=True)
                    figures.append(figure)
    finally:
        place.close()
        shutil.rmtree(folder, ignore_errors=True)
    return [figure.as_json() for figure in figures]
