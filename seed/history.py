"""Two years of visits and sales: for each visit a receipt, its lines, who gave what, and how it was paid."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from models.sales import (
    LineKind,
    PaymentMethod,
    ShareManner,
    SharePart,
    ShareRole,
    VisitSource,
)
from seed import menu
from seed.people import HISTORY_DAYS, Person

TRIAL_SERVICE = len(menu.SERVICES)
METHODS = (
    PaymentMethod.WECHAT,
    PaymentMethod.WECHAT,
    PaymentMethod.ALIPAY,
    PaymentMethod.CASH,
    PaymentMethod.BANK_CARD,
)


@dataclass
class History:
    """Rows by table, as they will be loaded."""

    visits: list[dict[str, Any]] = field(default_factory=list)
    sales: list[dict[str, Any]] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    shares: list[dict[str, Any]] = field(default_factory=list)
    payments: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Came:
    """One visit before it is written: who, when, how much she means to spend (fen)."""

    day: date
    minute: int
    person: Person
    budget: int
    first: bool


def history(random: Random, today: date, everybody: list[Person], zone: ZoneInfo) -> History:
    """Everything that happened, day by day, so that numbers and ids run on."""
    comings = sorted(
        (came for person in everybody for came in _comings(random, today, person)),
        key=lambda came: (came.day, came.minute, came.person.id),
    )
    found, numbers = History(), defaultdict[tuple[int, date], int](int)
    for came in comings:
        _write(random, found, numbers, came, zone)
    return found


def _comings(random: Random, today: date, person: Person) -> list[Came]:
    days = person.days_ago or _days(random, person)
    last_year = sum(1 for ago in days if ago < 365) or 1
    each = person.habit.yuan if person.days_ago else person.habit.yuan / last_year
    found: list[Came] = []
    for place, ago in enumerate(sorted(days, reverse=True)):
        noise = 1.0 if person.days_ago else random.uniform(0.6, 1.4)
        minute = random.randint(10 * 60, 20 * 60)
        found.append(Came(today - timedelta(days=ago), minute, person, int(each * noise) * 100, place == 0))
    return found


def _days(random: Random, person: Person) -> list[int]:
    """Days ago, about evenly spread between her first visit and her last."""
    habit = person.habit
    span = min(habit.since, HISTORY_DAYS) - habit.away
    count = max(1, round(habit.visits * (span + 1) / 365))
    step = span / max(count - 1, 1)
    days = {habit.away, min(habit.since, HISTORY_DAYS)} if count > 1 else {habit.away}
    for place in range(1, count - 1):
        days.add(
            max(habit.away, min(habit.since, round(habit.away + place * step + random.uniform(-0.35, 0.35) * step)))
        )
    return sorted(days)


def _write(random: Random, found: History, numbers: dict[tuple[int, date], int], came: Came, zone: ZoneInfo) -> None:
    store = came.person.row["store_id"]
    at = datetime.combine(came.day, time(came.minute // 60, came.minute % 60), zone).astimezone(UTC)
    visit_id, sale_id = len(found.visits) + 1, len(found.sales) + 1
    numbers[store, came.day] += 1
    trial = came.first and came.person.habit.trial
    lines = _lines(random, came, trial, at)
    total = sum(line["amount"] for line in lines)
    customer = came.person.id
    found.visits.append(
        {
            "id": visit_id,
            "customer_id": customer,
            "store_id": store,
            "business_day": came.day,
            "arrived_at": at,
            "source": VisitSource.WALK_IN if came.minute % 3 else VisitSource.BOOKED,
        }
    )
    found.sales.append(
        {
            "id": sale_id,
            "public_id": f"{random.getrandbits(96):024x}",
            "store_id": store,
            "business_day": came.day,
            "number": numbers[store, came.day],
            "customer_id": customer,
            "visit_id": visit_id,
            "sold_at": at,
            "total": total,
        }
    )
    for position, line in enumerate(lines, 1):
        line_id = len(found.lines) + 1
        found.lines.append({**line, "id": line_id, "sale_id": sale_id, "position": position})
        found.shares.append(_share(random, len(found.shares) + 1, line_id, store, line["kind"]))
    method = PaymentMethod.VOUCHER if trial else random.choice(METHODS)
    found.payments.append(
        {
            "id": len(found.payments) + 1,
            "sale_id": sale_id,
            "customer_id": customer,
            "store_id": store,
            "business_day": came.day,
            "paid_at": at,
            "method": method,
            "amount": total,
        }
    )


def _lines(random: Random, came: Came, trial: bool, at: datetime) -> list[dict[str, Any]]:
    """Services first, then goods, until about the budget is spent."""
    if trial:
        return [_service_line(TRIAL_SERVICE)]
    lines = [_service_line(_service_for(random, came.budget))]
    while sum(line["amount"] for line in lines) < came.budget - 15_000 and len(lines) < 12:
        left = came.budget - sum(line["amount"] for line in lines)
        lines.append(_service_line(_service_for(random, left)) if len(lines) < 2 else _product_line(random, left))
    return lines


def _service_for(random: Random, budget: int) -> int:
    """A service she can afford, or the cheapest."""
    fitting = [n for n in range(1, TRIAL_SERVICE) if menu.fen(menu.SERVICES[n - 1][2]) <= max(budget, 16_800)]
    return random.choice(fitting[-4:] if budget > 80_000 else fitting)


def _service_line(number: int) -> dict[str, Any]:
    name, price = menu.SERVICES[number - 1][0], menu.fen(menu.SERVICES[number - 1][2])
    return {
        "kind": LineKind.SERVICE,
        "service_id": number,
        "product_id": None,
        "item": name,
        "quantity": 1,
        "unit_price": price,
        "amount": price,
    }


def _product_line(random: Random, budget: int) -> dict[str, Any]:
    fitting = [n for n, row in enumerate(menu.PRODUCTS, 1) if menu.fen(row[3]) <= max(budget, 16_800)]
    number = max(random.sample(fitting, k=min(2, len(fitting))), key=lambda n: menu.PRODUCTS[n - 1][3])
    name, price = menu.PRODUCTS[number - 1][0], menu.fen(menu.PRODUCTS[number - 1][3])
    quantity = max(1, min(3, budget // price)) if budget > price else 1
    return {
        "kind": LineKind.PRODUCT,
        "service_id": None,
        "product_id": number,
        "item": name,
        "quantity": quantity,
        "unit_price": price,
        "amount": price * quantity,
    }


def _share(random: Random, number: int, line: int, store: int, kind: LineKind) -> dict[str, Any]:
    therapist = (store - 1) * 4 + random.randint(1, 4)
    return {
        "id": number,
        "sale_line_id": line,
        "staff_id": therapist,
        "share_role": ShareRole.PERFORMER if kind is LineKind.SERVICE else ShareRole.SELLER,
        "manner": random.choice((ShareManner.IN_TURN, ShareManner.IN_TURN, ShareManner.NAMED)),
        "part": SharePart.LEAD,
        "permille": 1000,
    }
