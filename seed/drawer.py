"""The demo's drawers: change put in each morning, cash counted each evening, for the last thirty days."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from random import Random
from typing import Any

from models.sales import PaymentMethod
from models.till import DayClose, TillShift
from seed import menu
from seed.rota import CLOSES, OPENS, Rota
from seed.team import Rows
from seed.till import Tables
from seed.when import When

DAYS = 30
CHANGE = menu.fen(500)
OFF = ((-1_000, "找零时多给了 10 元"), (500, "顾客没要零钱"), (-6_000, "少收一笔现金，正在核对"))
"""What a count was off by, and why."""


def drawer_rows(random: Random, when: When, rota: Rota, rows: Tables) -> Rows:
    """A till shift a store and day, today's still open; the days before are closed."""
    taken, receipts = _takings(rows), _receipts(rows)
    shifts: list[dict[str, Any]] = []
    closes: list[dict[str, Any]] = []
    for ago in range(DAYS, -1, -1):
        for store in range(1, len(menu.STORES) + 1):
            key, day, chance = (store, when.day(ago)), when.day(ago), random.random()
            if when.has_been(when.at(day, OPENS - 10)):
                shifts.append(_shift(when, len(shifts) + 1, store, ago))
            if ago:
                close = _close(when, rota, key, taken[key], chance)
                closes.append({"id": len(closes) + 1, "receipts": receipts[key], **close})
    return [(TillShift, shifts), (DayClose, closes)]


def _takings(rows: Tables) -> dict[tuple[int, date], dict[str, int]]:
    found: dict[tuple[int, date], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows.payments:
        found[row["store_id"], row["business_day"]][row["method"].value] += row["amount"]
    return found


def _receipts(rows: Tables) -> dict[tuple[int, date], int]:
    found: dict[tuple[int, date], int] = defaultdict(int)
    for row in rows.sales:
        found[row["store_id"], row["business_day"]] += 1
    return found


def _shift(when: When, number: int, store: int, ago: int) -> dict[str, Any]:
    day = when.day(ago)
    return {
        "id": number,
        "store_id": store,
        "business_day": day,
        "opening_cash": CHANGE,
        "opened_at": when.at(day, OPENS - 10),
        "closed_at": when.at(day, CLOSES + 15) if ago else None,
    }


def _close(when: When, rota: Rota, key: tuple[int, date], taken: dict[str, int], chance: float) -> dict[str, Any]:
    """The drawer agrees but for one day in twelve."""
    expected = taken.get(PaymentMethod.CASH.value, 0) + CHANGE
    off, why = OFF[int(chance * 36)] if chance < 1 / 12 else (0, None)
    return {
        "store_id": key[0],
        "business_day": key[1],
        "at": when.at(key[1], CLOSES + 15),
        "expected_cash": expected,
        "counted_cash": expected + off,
        "difference": off,
        "totals": dict(taken),
        "reason": why,
        "closed_by": rota.manager_of(key[0]),
    }
