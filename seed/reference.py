"""Reference rows of the demo: stores with rooms and equipment, menu, goods, staff, courses, a skin test."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

from models.assessments import AssessmentParameter, AssessmentTemplate, Better
from models.catalogue import (
    Brand,
    Gift,
    Grade,
    Package,
    PackageItem,
    Product,
    ProductUse,
    Service,
    ServiceCategory,
    ServiceSupply,
)
from models.organisation import (
    Bed,
    Course,
    Equipment,
    KpiMetric,
    KpiTarget,
    Room,
    RoomKind,
    Store,
)
from seed import menu
from seed.team import Rows, team_rows


def reference_rows(random: Random, today: date) -> Rows:
    """Tables with their rows, in an order in which references exist."""
    return [
        (Store, _stores(today)),
        (Room, _rooms()),
        (Bed, [{"id": n, "room_id": n, "name": f"{n} 号床"} for n in range(1, 13)]),
        (Equipment, _equipment(random, today)),
        (ServiceCategory, [{"id": n, "name": name, "position": n} for n, name in _numbered(_categories())]),
        (Service, _services()),
        (Brand, [{"id": n, "name": name} for n, name in _numbered(sorted({row[1] for row in menu.PRODUCTS}))]),
        (Product, _products()),
        (ServiceSupply, _supplies()),
        (Package, _packages()),
        (PackageItem, _package_items()),
        (Gift, [{"id": n, "name": name, "points": points} for n, (name, points) in _numbered(menu.GIFTS)]),
        (Course, [{"id": n, "name": a, "hours": b, "valid_months": c} for n, (a, b, c) in _numbered(menu.COURSES)]),
        *team_rows(random, today),
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
            "opened_on": today - timedelta(days=ago),
        }
        for n, (name, address, phone, ago) in _numbered(menu.STORES)
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


def _equipment(random: Random, today: date) -> list[dict[str, Any]]:
    """The same in every store, most of it bought for the opening, the rest later."""
    rows = [
        {
            "store_id": store,
            "name": name,
            "model": model,
            "serial_number": f"{model}-{store}{place:02d}{random.randint(1000, 9999)}",
            "bought_on": today - timedelta(days=opened if random.random() < 0.6 else random.randint(40, opened)),
        }
        for store, (*_, opened) in _numbered(menu.STORES)
        for place, (name, model) in _numbered(menu.EQUIPMENT)
    ]
    return [{"id": n, **row} for n, row in _numbered(rows)]


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
        for n, row in _numbered(menu.service(number) for number, _ in _numbered(menu.SERVICES))
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


def _numbers(rows: tuple[tuple[Any, ...], ...]) -> dict[str, int]:
    return {row[0]: n for n, row in _numbered(rows)}


def _supplies() -> list[dict[str, Any]]:
    services, products = _numbers(menu.SERVICES), _numbers(menu.PRODUCTS)
    return [
        {"id": n, "service_id": services[service], "product_id": products[product], "quantity_milli": milli}
        for n, (service, product, milli) in _numbered(menu.SUPPLIES)
    ]


def _packages() -> list[dict[str, Any]]:
    return [
        {"id": n, "name": name, "price": menu.fen(price), "valid_days": days}
        for n, (name, price, days, _) in _numbered(menu.PACKAGES)
    ]


def _package_items() -> list[dict[str, Any]]:
    services, products = _numbers(menu.SERVICES), _numbers(menu.PRODUCTS)
    items = [(package, name, count) for package, row in _numbered(menu.PACKAGES) for name, count in row[3]]
    return [
        {
            "id": n,
            "package_id": package,
            "service_id": services.get(name),
            "product_id": products.get(name),
            "quantity": count,
        }
        for n, (package, name, count) in _numbered(items)
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
