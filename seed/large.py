"""Large salons for measuring: N customers and M sales of plain shape, loaded in parts so that memory stays flat."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

from sqlalchemy import ColumnElement, insert, literal_column, select

from admin_app.load import Loader, align_sequences, load
from models import search
from models.actor import Actor
from models.clock import SearchKey
from models.customers import Calendar, Customer, Sex, SkinType, Stage
from models.entity import AnySelect, table_of
from models.organisation import Staff, Store
from models.sales import LineKind, Payment, PaymentMethod, Sale, SaleLine, Visit, VisitSource
from models.value import COMMODITY, Account, AccountKind, LedgerEntry
from seed.names import name_of, phone_of
from seed.reference import reference_rows

PART = 5_000
PRICES = (16_800, 19_800, 29_800, 32_800, 59_800)
TABLES = (
    "store, room, bed, service, product, staff, customer, visit, sale, sale_line, payment, account, ledger_entry"
    " and their reference rows"
)
"""What is filled; every other table stays empty."""

Progress = Callable[[int, int], None]


def make_large(
    customers: int, sales: int, today: date, actor: Actor, progress: Progress, seed: int = 1
) -> dict[str, int]:
    """Fill an empty salon; rows by table."""
    random = Random(seed)

    def work(loader: Loader) -> None:
        for entity, rows in reference_rows(random, today):
            loader.add(table_of(entity), rows)
        total, done = customers + sales, 0
        for part in _customers(random, customers, today):
            loader.add(table_of(Customer), part)
            _keys(loader, part)
            done += len(part)
            progress(done, total)
        loader.add(table_of(Account), _accounts())
        with loader.without_indexes(*map(table_of, (Visit, Sale, SaleLine, Payment, LedgerEntry))):
            for first, visits, sold in _sales(random, customers, sales, today):
                loader.add(table_of(Visit), visits)
                loader.add(table_of(Sale), sold)
                _derive(loader, first, first + len(sold) - 1)
                done += len(sold)
                progress(done, total)
        for entity in (Store, Staff):
            search.rebuild(loader.connection, entity)
        align_sequences(loader.connection)

    return load(work, f"{customers} customers, {sales} sales", actor)


def _accounts() -> list[dict[str, Any]]:
    """What every sale here moves: the house's revenue and its WeChat account."""
    kinds = (AccountKind.REVENUE, AccountKind.WECHAT)
    return [{"id": n, "kind": kind, "commodity": COMMODITY[kind]} for n, kind in enumerate(kinds, 1)]


def _derive(loader: Loader, first: int, last: int) -> None:
    """The line, the payment and both sides of its movement of each sale in a range, all of the sale's own number."""
    sale = table_of(Sale).c
    here, said = sale.id.between(first, last), literal_column
    line: dict[str, ColumnElement[Any]] = {
        "id": sale.id,
        "sale_id": sale.id,
        "position": said("1"),
        "kind": said(f"'{LineKind.SERVICE.value}'"),
    }
    line |= {"item": said("'护理'"), "quantity": said("1"), "unit_price": sale.total, "amount": sale.total}
    loader.derive(table_of(SaleLine), _columns(line).where(here))
    shared = {name: sale[name] for name in ("store_id", "business_day")}
    paid: dict[str, ColumnElement[Any]] = {
        "id": sale.id,
        "sale_id": sale.id,
        "customer_id": sale.customer_id,
        "paid_at": sale.sold_at,
    }
    paid |= {"method": said(f"'{PaymentMethod.WECHAT.value}'"), "amount": sale.total, **shared}
    loader.derive(table_of(Payment), _columns(paid).where(here))
    for account, sign in ((1, 1), (2, -1)):
        side: dict[str, ColumnElement[Any]] = {
            "id": 2 * sale.id - 2 + account,
            "operation_id": said(str(loader.operation)),
            "sale_line_id": sale.id,
        }
        side |= {"account_id": said(str(account)), "amount": sign * sale.total, **shared}
        loader.derive(table_of(LedgerEntry), _columns(side).where(here))


def _columns(made: Mapping[str, ColumnElement[Any]]) -> AnySelect:
    return select(*(value.label(name) for name, value in made.items()))


def _customers(random: Random, count: int, today: date) -> Iterator[list[dict[str, Any]]]:
    phones, skins = Customer.fields()["phone"], list(SkinType)
    for start in range(1, count + 1, PART):
        part: list[dict[str, Any]] = []
        for number in range(start, min(start + PART, count + 1)):
            phone = phone_of(number)
            part.append(
                {
                    "id": number,
                    "name": name_of(random),
                    "member_no": f"P{number:08d}",
                    "phone": phone,
                    **search.blind_indexes(phones, phone),
                    "sex": Sex.FEMALE,
                    "birth_calendar": Calendar.SOLAR,
                    "birth_month": random.randint(1, 12),
                    "birth_day": random.randint(1, 28),
                    "stage": Stage.MEMBER,
                    "store_id": random.randint(1, 3),
                    "skin_type": random.choice(skins),
                    "first_visit_on": None,
                    "registered_on": today - timedelta(days=random.randint(0, 730)),
                    "public_id": f"{random.getrandbits(96):024x}",
                }
            )
        yield part


def _keys(loader: Loader, part: list[dict[str, Any]]) -> None:
    keys = [key for row in part for key in search.key_rows(Customer, row["id"], [row["name"], row["member_no"]])]
    for start in range(0, len(keys), PART):
        loader.connection.execute(insert(SearchKey), keys[start : start + PART])


def _sales(
    random: Random, customers: int, count: int, today: date
) -> Iterator[tuple[int, list[dict[str, Any]], list[dict[str, Any]]]]:
    """Sales skewed towards few customers, as in life, and the visit of each, under the same number; part by part."""
    numbers: dict[tuple[int, date], int] = defaultdict(int)
    days = [today - timedelta(ago) for ago in range(730)]
    moments = {day: datetime.combine(day, time(6), UTC) for day in days}
    for start in range(1, count + 1, PART):
        visits, sales = [], []
        for number in range(start, min(start + PART, count + 1)):
            customer = min(customers, int(customers * random.random() ** 2) + 1)
            day = days[int(730 * random.random())]
            store, amount = number % 3 + 1, random.choice(PRICES)
            numbers[store, day] += 1
            shared = {"id": number, "customer_id": customer, "store_id": store, "business_day": day}
            visits.append({**shared, "source": VisitSource.HISTORY})
            sale = {"number": numbers[store, day], "visit_id": number, "sold_at": moments[day], "total": amount}
            sales.append({**shared, **sale, "public_id": f"{number:024x}"})
        yield start, visits, sales
