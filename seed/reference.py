"""Reference rows of the demo: stores with rooms, menu, goods, staff, courses, an assessment template."""

from __future__ import annotations

from datetime import date, time, timedelta
from random import Random
from typing import Any

from models.assessments import AssessmentParameter, AssessmentTemplate, Better
from models.catalogue import Brand, Gift, Grade, Product, ProductUse, Service, ServiceCategory
from models.organisation import (
    Bed,
    Course,
    KpiMetric,
    KpiTarget,
    Room,
    RoomKind,
    ShiftTemplate,
    Staff,
    StaffSkill,
    StaffTitle,
    Store,
)
from seed import menu
from seed.names import name_of

Rows = list[tuple[Any, list[dict[str, Any]]]]

THERAPISTS_A_STORE = 4
OTHERS = (
    (StaffTitle.MANAGER, 1, "店长"),
    (StaffTitle.RECEPTION, 1, "前台"),
    (StaffTitle.CONSULTANT, 1, "顾问"),
    (StaffTitle.MANAGER, 2, "店长"),
    (StaffTitle.RECEPTION, 2, "前台"),
    (StaffTitle.MANAGER, 3, "店长"),
    (StaffTitle.RECEPTION, 3, "前台"),
    (StaffTitle.OFFICE, 1, "财务"),
)


def reference_rows(random: Random, today: date) -> Rows:
    """Tables with their rows, in an order in which references exist."""
    return [
        (Store, _stores(today)),
        (Room, _rooms()),
        (Bed, [{"id": n, "room_id": n, "name": f"{n} 号床"} for n in range(1, 13)]),
        (ServiceCategory, [{"id": n, "name": name, "position": n} for n, name in _numbered(_categories())]),
        (Service, _services()),
        (Brand, [{"id": n, "name": name} for n, name in _numbered(sorted({row[1] for row in menu.PRODUCTS}))]),
        (Product, _products()),
        (Gift, [{"id": n, "name": name, "points": points} for n, (name, points) in _numbered(menu.GIFTS)]),
        (Course, [{"id": n, "name": a, "hours": b, "valid_months": c} for n, (a, b, c) in _numbered(menu.COURSES)]),
        (Staff, staff_rows(random, today)),
        (StaffSkill, _skills()),
        (ShiftTemplate, _shifts()),
        (AssessmentTemplate, [{"id": 1, "name": "皮肤检测", "about": "洁面后十分钟，室温 22 度"}]),
        (AssessmentParameter, _parameters()),
        (KpiTarget, _targets(today)),
    ]


def _numbered(values: Any) -> Any:
    return enumerate(values, 1)


def _categories() -> list[str]:
    return list(dict.fromkeys(row[1] for row in menu.SERVICES))


def _stores(today: date) -> list[dict[str, Any]]:
    return [
        {
            "id": n,
            "name": name,
            "address": address,
            "phone": phone,
            "opened_on": today - timedelta(days=1_500 - 300 * n),
        }
        for n, (name, address, phone) in _numbered(menu.STORES)
    ]


def _rooms() -> list[dict[str, Any]]:
    kinds = (RoomKind.FACIAL, RoomKind.FACIAL, RoomKind.FACIAL, RoomKind.BODY)
    return [
        {
            "id": (store - 1) * 4 + place,
            "store_id": store,
            "name": f"{place} 号房",
            "kind": kind,
            "turnover_minutes": 10,
        }
        for store in (1, 2, 3)
        for place, kind in _numbered(kinds)
    ]


def _services() -> list[dict[str, Any]]:
    categories = {name: n for n, name in _numbered(_categories())}
    return [
        {
            "id": n,
            "name": row["name"],
            "category_id": categories[row["category"]],
            "price": menu.fen(row["price"]),
            "busy_minutes": row["busy"],
            "idle_minutes": row["idle"],
            "manual_fee": menu.fen(row["fee"]),
            "grade": Grade(row["grade"]),
            "contraindicated_by": row["contra"],
            "follow_up_days": row["follow"],
            "room_kind": RoomKind.BODY if row["category"] == "身体护理" else RoomKind.FACIAL,
        }
        for n, row in _numbered(menu.service(place) for place in range(len(menu.SERVICES)))
    ]


def _products() -> list[dict[str, Any]]:
    brands = {name: n for n, name in _numbered(sorted({row[1] for row in menu.PRODUCTS}))}
    return [
        {
            "id": n,
            "name": name,
            "brand_id": brands[brand],
            "spec": spec,
            "unit": "件",
            "price": menu.fen(price),
            "cost": menu.fen(cost),
            "use": ProductUse(use),
            "suited_skin": skin,
            "reorder_level": reorder,
            "maximum_level": most,
            "months_after_opening": months,
            "barcode": f"690000000{n:04d}",
        }
        for n, (name, brand, spec, price, cost, use, skin, reorder, most, months) in _numbered(menu.PRODUCTS)
    ]


def staff_rows(random: Random, today: date) -> list[dict[str, Any]]:
    """Twelve therapists, four a store, then the eight others."""
    levels = ("首席", "高级", "中级", "初级")
    rows = [
        {
            "id": (store - 1) * THERAPISTS_A_STORE + place,
            "name": name_of(random),
            "position": StaffTitle.THERAPIST,
            "level": levels[place - 1],
            "store_id": store,
            "hired_on": today - timedelta(days=random.randint(200, 1_400)),
            "monthly_pay": menu.fen(3_500 + 500 * (4 - place)),
        }
        for store in (1, 2, 3)
        for place in range(1, THERAPISTS_A_STORE + 1)
    ]
    rows += [
        {
            "id": 12 + n,
            "name": name_of(random),
            "position": title,
            "level": level,
            "store_id": store,
            "hired_on": today - timedelta(days=random.randint(400, 1_400)),
            "monthly_pay": menu.fen(6_000),
        }
        for n, (title, store, level) in _numbered(OTHERS)
    ]
    return rows


def _skills() -> list[dict[str, Any]]:
    return [
        {"id": (person - 1) * len(menu.SERVICES) + service, "staff_id": person, "service_id": service}
        for person in range(1, 13)
        for service in range(1, len(menu.SERVICES) + 1)
    ]


def _shifts() -> list[dict[str, Any]]:
    hours = (("早班", time(10), time(18, 30)), ("晚班", time(12, 30), time(21)))
    return [
        {"id": (store - 1) * 2 + n, "store_id": store, "name": name, "starts_at": starts, "ends_at": ends}
        for store in (1, 2, 3)
        for n, (name, starts, ends) in _numbered(hours)
    ]


def _parameters() -> list[dict[str, Any]]:
    return [
        {
            "id": n,
            "template_id": 1,
            "slug": slug,
            "name": name,
            "unit": unit or None,
            "minimum": 0,
            "maximum": 100,
            "better": Better(better),
        }
        for n, (slug, name, unit, better) in _numbered(menu.SKIN_TEST)
    ]


def _targets(today: date) -> list[dict[str, Any]]:
    month = today.replace(day=1)
    return [
        {"id": store, "store_id": store, "metric": KpiMetric.PAID, "month": month, "amount": 130_000}
        for store in (1, 2, 3)
    ]
