"""Two years of visits and sales: for each visit a receipt, its lines, who gave what, and how it was paid."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from random import Random
from typing import Any

from models.sales import (
    LineKind,
    PaymentMethod,
    ShareManner,
    SharePart,
    ShareRole,
    VisitSource,
)
from seed import menu
from seed.people import Person
from seed.rota import CLOSES, OPENS, Rota
from seed.when import When

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

    at: datetime
    day: date
    minute: int
    person: Person
    budget: int
    first: bool


def history(random: Random, when: When, everybody: list[Person], rota: Rota) -> History:
    """Everything that has happened, day by day, so that numbers and ids run on."""
    comings = sorted(
        (came for person in everybody for came in _comings(random, when, person) if when.has_been(came.at)),
        key=lambda came: (came.at, came.person.id),
    )
    found, numbers = History(), defaultdict[tuple[int, date], int](int)
    for came in comings:
        _write(random, found, numbers, came, rota)
    return found


def _comings(random: Random, when: When, person: Person) -> list[Came]:
    last_year = sum(1 for ago in person.days_ago if ago < 365) or 1
    each = person.habit.yuan if person.story else person.habit.yuan / last_year
    found: list[Came] = []
    for place, ago in enumerate(person.days_ago):
        noise = 1.0 if person.story else random.uniform(0.6, 1.4)
        day, minute = when.day(ago), _minute(random)
        found.append(Came(when.at(day, minute), day, minute, person, int(each * noise) * 100, place == 0))
    return found


def _minute(random: Random) -> int:
    """One in four comes as the doors open: the figures of a day are not empty for long."""
    last = OPENS + 20 if random.random() < 0.25 else CLOSES - 60
    return random.randint(OPENS, last)


def _write(random: Random, found: History, numbers: dict[tuple[int, date], int], came: Came, rota: Rota) -> None:
    store = came.person.row["store_id"]
    therapists = rota.therapists(store, came.day, came.minute)
    visit_id, sale_id = len(found.visits) + 1, len(found.sales) + 1
    numbers[store, came.day] += 1
    trial = came.first and came.person.habit.trial
    lines = _lines(random, came, trial)
    total = sum(line["amount"] for line in lines)
    customer = came.person.id
    found.visits.append(
        {
            "id": visit_id,
            "customer_id": customer,
            "store_id": store,
            "business_day": came.day,
            "arrived_at": came.at,
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
            "sold_at": came.at,
            "total": total,
        }
    )
    for position, line in enumerate(lines, 1):
        line_id = len(found.lines) + 1
        found.lines.append({**line, "id": line_id, "sale_id": sale_id, "position": position})
        found.shares.append(_share(random, len(found.shares) + 1, line_id, therapists, line["kind"]))
    method = PaymentMethod.VOUCHER if trial else random.choice(METHODS)
    found.payments.append(
        {
            "id": len(found.payments) + 1,
            "sale_id": sale_id,
            "customer_id": customer,
            "store_id": store,
            "business_day": came.day,
            "paid_at": came.at,
            "method": method,
            "amount": total,
        }
    )


def _lines(random: Random, came: Came, trial: bool) -> list[dict[str, Any]]:
    """Services first, then goods, until about the budget is spent."""
    if trial:
        return [_service_line(TRIAL_SERVICE)]
    story = came.person.story
    lines = [_service_line(_service_for(random, came.budget, story))]
    while sum(line["amount"] for line in lines) < came.budget - 12_000 and len(lines) < 12:
        left = came.budget - sum(line["amount"] for line in lines)
        lines.append(
            _service_line(_service_for(random, left, story)) if len(lines) < 2 else _product_line(random, left)
        )
    return lines


def _service_for(random: Random, budget: int, story: bool) -> int:
    """A service she can afford, or the cheapest; a story takes the dearest, so that it ends as it was meant."""
    fitting = [n for n in range(1, TRIAL_SERVICE) if menu.fen(menu.SERVICES[n - 1][2]) <= max(budget, 16_800)]
    if story:
        return max(fitting, key=lambda n: menu.SERVICES[n - 1][2])
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


def _share(random: Random, number: int, line: int, therapists: list[int], kind: LineKind) -> dict[str, Any]:
    """One of those on duty; a single draw, however many they are on that day of the week."""
    therapist = therapists[int(random.random() * len(therapists))]
    return {
        "id": number,
        "sale_line_id": line,
        "staff_id": therapist,
        "share_role": ShareRole.PERFORMER if kind is LineKind.SERVICE else ShareRole.SELLER,
        "manner": random.choice((ShareManner.IN_TURN, ShareManner.IN_TURN, ShareManner.NAMED)),
        "part": SharePart.LEAD,
        "permille": 1000,
    }
