"""A salon to measure in, made once for all benchmarks of an engine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path

from flask import Flask

from admin_app import create_app
from admin_app.settings import Settings
from admin_app.start import create_user, log_start, open_house
from models.actor import SYSTEM
from models.entity import db
from seed.large import make_large
from views import register_screens


@dataclass(frozen=True)
class Figure:
    """One measured value; ``better`` is what it was compared with in the same run, and the ratio to it."""

    name: str
    value: float
    unit: str
    note: str = ""

    def said(self) -> str:
        digits = 0 if abs(self.value) >= 100 else 2 if abs(self.value) >= 1 else 4
        return f"{self.name:<58} {self.value:>12,.{digits}f} {self.unit}" + (f"   ({self.note})" if self.note else "")

    def as_json(self) -> dict[str, object]:
        return {"name": self.name, "value": self.value, "unit": self.unit, "note": self.note}


@dataclass
class Place:
    """One engine, a folder, and a large salon in it that is made when it is first asked for."""

    engine: str
    folder: Path
    address: str
    customers: int
    sales: int

    @cached_property
    def app(self) -> Flask:
        settings = Settings(data_dir=self.folder / "large", database_url=self.address, scheduler=False)
        app = create_app(settings)
        register_screens(app)
        with app.app_context():
            open_house()
            log_start()
            today = date(2026, 11, 22)
            make_large(self.customers, self.sales, today, SYSTEM, lambda done, total: None)
            create_user("owner", "老板", "owner", SYSTEM)
        return app

    def close(self) -> None:
        if "app" in self.__dict__:
            with self.app.app_context():
                db.session.remove()
                db.engine.dispose()


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def spread(work: Callable[[], object], times: int) -> tuple[float, float]:
    """Median and 95th percentile in milliseconds, after one run that does not count."""
    work()
    found = sorted(seconds(work) * 1000 for _ in range(times))
    return statistics.median(found), found[max(0, int(len(found) * 0.95) - 1)]
