"""Large salons for measuring: N customers and M sales of plain shape, loaded in parts so that memory stays flat."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, case, literal, literal_column, select

from admin_app.load import Loader, align_sequences, load
from models import search
from models.actor import Actor
from models.clock import SearchKey
from models.connection import written_once
from models.customers import Calendar, Customer, Sex, SkinType, Stage
from models.entity import AnySelect, db, table_of
from models.organisation import Staff, Store
from models.sales import LineKind, Payment, PaymentMethod, Sale, SaleLine, Visit, VisitSource
from models.types import Day, Instant
from models.value import COMMODITY, Account, AccountKind, LedgerEntry
from seed.names import name_of, phone_of
from seed.reference import reference_rows

PART = 5_000
DAYS = 730
FEW = 20
"""Sales of a day, where there are not more."""
MIXED = "((n * n % 2147483647) * 48271 + n * 16807 + {seed} * 2654435) % 2147483647"
"""Numbers 0 to 2^31 − 2 that follow no order to speak of, made of a number by both engines alike."""
PRICES = (16_800, 19_800, 29_800, 32_800, 59_800)
TABLES = (
    "store, room, bed, service, product, staff, customer, search_key, visit, sale, sale_line, payment, account,"
    " ledger_entry"
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
        with loader.without_indexes("customer_id", *map(table_of, (Visit, Sale, SaleLine, Payment, LedgerEntry))):
            for day, first, last in _days(sales, today):
                _sell(loader, day, first, last, customers, seed)
                done += last - first + 1
                progress(done, total)
        for entity in (Store, Staff):
            search.rebuild(loader.connection, entity)
        align_sequences(loader.connection)

    db.session.remove()
    with written_once(db.engine):
        return load(work, f"{customers} customers, {sales} sales", actor)


def _accounts() -> list[dict[str, Any]]:
    """What every sale here moves: the house's revenue and its WeChat account."""
    kinds = (AccountKind.REVENUE, AccountKind.WECHAT)
    return [{"id": n, "kind": kind, "commodity": COMMODITY[kind]} for n, kind in enumerate(kinds, 1)]


def _days(sales: int, today: date) -> Iterator[tuple[date, int, int]]:
    """Days of two years with the numbers of their first and last sale: all, or as many as have a few sales each."""
    days = min(DAYS, -(-sales // FEW))
    for place in range(days):
        day = today - timedelta(DAYS - DAYS * (place + 1) // days)
        yield day, sales * place // days + 1, sales * (place + 1) // days


def _sell(loader: Loader, day: date, first: int, last: int, customers: int, seed: int) -> None:
    """A day's sales by the database itself, skewed towards few customers, as in life: visit, sale, line, payment and
    both sides of its movement, all of the sale's own number.
    """
    one = select(literal(first, BigInteger).label("n")).cte("numbers", recursive=True)
    n = one.union_all(select(one.c.n + 1).where(one.c.n < last)).c.n
    drawn = select(n, literal_column(MIXED.format(seed=seed), BigInteger).label("drawn")).subquery("drawn").c
    who: ColumnElement[int] = literal_column(f"1 + {customers} * (drawn / 2048) * (drawn / 2048) / {1 << 40}")
    come = {"id": drawn.n, "customer_id": who, "store_id": literal_column("n % 3 + 1")}
    come |= {"business_day": literal(day, Day), "source": literal_column(f"'{VisitSource.HISTORY.value}'")}
    loader.derive(table_of(Visit), _columns(come))
    visit = table_of(Visit).c
    price = case(dict(enumerate(PRICES)), value=visit.id * 7 % 11 % len(PRICES))
    sold = {name: visit[name] for name in ("id", "customer_id", "store_id", "business_day")} | {
        "number": literal_column(f"(id - {first}) / 3 + 1"),
        "visit_id": visit.id,
        "sold_at": literal(datetime.combine(day, time(6), UTC), Instant),
        "total": price,
        "public_id": literal_column(f"'000000' || CAST({10**17} + id AS VARCHAR)"),
    }
    loader.derive(table_of(Sale), _columns(sold).where(visit.id.between(first, last)))
    _derive(loader, first, last)


def _derive(loader: Loader, first: int, last: int) -> None:
    """The line, the payment and both sides of its movement of each sale in a range."""
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
    """The words by which they are found."""
    keys = [
        key for row in part for key in search.key_rows(Customer.named(), row["id"], [row["name"], row["member_no"]])
    ]
    loader.add(table_of(SearchKey), keys)
