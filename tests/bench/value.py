"""The till: what four writers ring up in a second, beside the same without the ledger; and the proof of the books."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import count, islice, pairwise
from multiprocessing.connection import Connection
from time import perf_counter
from typing import Any
from unittest import mock

from sqlalchemy import func, select, text

from admin_app.doctor.books import book_checks
from admin_app.load import Loader, align_sequences
from admin_app.operations import receipts
from admin_app.operations.kernel import perform
from models import triggers
from models.actor import SYSTEM
from models.catalogue import Product, Service
from models.entity import db, table_of
from models.names import Name
from models.organisation import Staff
from models.value import COMMODITY, Account, AccountBalance, AccountKind, LedgerEntry, Lot, LotBalance
from tests.bench.place import Figure, Place, seconds
from tests.cast import raw_operation
from tests.processes import Process, barrier

WRITERS, EACH = 4, 150
ENTRIES, A_PURSE = 1_000_000, 8
LEAST = 50_000
"""Purses that are made in any case, whatever entries the large salon brings along."""

PAID, EXTRA = 200_000, 16_000
HOUSE = (AccountKind.CASH, AccountKind.BONUS_GRANTED, AccountKind.REVENUE)


def run(place: Place) -> list[Figure]:
    """Sales by four processes with the ledger and without it; then each check of the doctor on the books."""
    with place.app.app_context():
        customers = _fill(place)
        figures = _selling(place, customers)
        entries = db.session.scalar(select(func.count()).select_from(LedgerEntry)) or 0
        figures.append(Figure("ledger entries", entries, "rows"))
        total = 0.0
        for name, (_, check) in book_checks().items():
            took = seconds(check)
            total += took
            figures.append(Figure(f"doctor: {name}", took, "s"))
            assert not name.startswith("ledger") or check()[1] == [], name
        figures.append(Figure("doctor: all queries on the books", total, "s"))
        return figures


# --------------------------------------------------------------------------------------------------- the books


def _fill(place: Place) -> int:
    """Customers with money paid in, bonus beside it and half of both used; how many they are."""
    there = db.session.scalar(select(func.count()).select_from(LedgerEntry)) or 0
    many = max(LEAST, (ENTRIES - there) // A_PURSE)
    customers = min(place.customers, 20_000)
    with raw_operation():
        connection = db.session.connection()
        triggers.uninstall(connection)
        loader, house = Loader(connection, 0), {kind: _account(kind) for kind in HOUSE}
        _load(loader, house, customers, many)
        align_sequences(connection)
        triggers.install(connection)
        connection.execute(text("ANALYZE"))
    return customers


def _account(kind: AccountKind) -> int:
    found = db.session.scalar(select(Account).where(Account.kind == kind, Account.customer_id.is_(None)))
    if found is None:
        found = Account(kind=kind, commodity=COMMODITY[kind])
        db.session.add(found)
        db.session.flush()
    return found.id


def _last(entity: Any) -> int:
    return db.session.scalar(select(func.max(entity.id))) or 0


def _load(loader: Loader, house: dict[AccountKind, int], customers: int, many: int) -> None:
    first = _last(Account)
    kinds = (AccountKind.PRINCIPAL, AccountKind.BONUS)
    common = {"commodity": COMMODITY[AccountKind.BONUS], "card_item_id": None, "version": 1}
    accounts = [
        {"id": first + 2 * n + part + 1, "customer_id": n + 1, "kind": kind, **common}
        for n in range(customers)
        for part, kind in enumerate(kinds)
    ]
    loader.add(table_of(Account), accounts)
    purses = _purses(first, house, customers, _last(Lot), _last(LedgerEntry))
    for start in range(0, many, 5_000):
        part = [*islice(purses, min(5_000, many - start))]
        for place, entity in enumerate((Lot, LedgerEntry, LotBalance)):
            loader.add(table_of(entity), [row for purse in part for row in purse[place]])
    each = {n: len(range(n, many, customers)) for n in range(customers)}
    stands = (PAID // 2, EXTRA // 2)
    loader.add(
        table_of(AccountBalance),
        [
            {"account_id": first + 2 * n + part + 1, "balance": each[n] * stands[part], "owes": False}
            for n in range(customers)
            for part in (0, 1)
        ],
    )


Rows = list[dict[str, Any]]


def _purses(
    first: int, house: dict[AccountKind, int], customers: int, lot: int, entry: int
) -> Iterator[tuple[Rows, Rows, Rows]]:
    """Recharges half of which were used, one after another: their two lots, eight entries, two balances."""
    chance, entries = random.Random(1), count(entry + 1)
    for n in count():
        customer, store = n % customers, n % 3 + 1
        day = date(2026, 11, 21) - timedelta(days=chance.randrange(700))
        shared = {"customer_id": customer + 1, "store_id": store}
        own = [(first + 2 * customer + part + 1, lot + 2 * n + part + 1) for part in (0, 1)]
        ends = (None, date(2029, 1, 1))
        lots = [
            {"id": number, "account_id": account, **shared, "operation_id": 10**9 + 2 * n, "granted_on": day}
            | {"expires_on": end, "pending_until": None, "beside_id": beside}
            for (account, number), end, beside in zip(own, ends, (None, own[0][1]), strict=True)
        ]
        moved: Rows = []
        sources = ((AccountKind.CASH, AccountKind.BONUS_GRANTED), (AccountKind.REVENUE,) * 2)
        for later, (sign, others) in enumerate(zip((2, -1), sources, strict=True)):
            for (account, number), other, whole in zip(own, others, (PAID, EXTRA), strict=True):
                amount = sign * whole // 2
                common = {"operation_id": 10**9 + 2 * n + later, "store_id": store, "business_day": day}
                hers = {"account_id": account, "customer_id": customer + 1, "lot_id": number, "amount": amount}
                its = {"account_id": house[other], "customer_id": None, "lot_id": None, "amount": -amount}
                moved += [{"id": next(entries), **side, **common} for side in (hers, its)]
        left = [{"lot_id": own[0][1], "remaining": PAID // 2}, {"lot_id": own[1][1], "remaining": EXTRA // 2}]
        yield lots, moved, left


# ------------------------------------------------------------------------------------------------------ selling


def _selling(place: Place, customers: int) -> list[Figure]:
    rate, spent = _rate(place, customers, ledger=True)
    bare, _ = _rate(place, customers, ledger=False)
    return [
        Figure(f"{WRITERS} writers, sales", rate, "sales/s", "a service and a product; cash and stored value by turns"),
        Figure("a sale, p50", 1000 * spent[len(spent) // 2], "ms"),
        Figure("a sale, p99", 1000 * spent[len(spent) * 99 // 100], "ms"),
        Figure(f"{WRITERS} writers, the same without the ledger", bare, "sales/s"),
        Figure("what the ledger leaves of the rate", 100 * rate / bare, "%"),
    ]


def _rate(place: Place, customers: int, *, ledger: bool) -> tuple[float, list[float]]:
    """Sales a second by all writers together, and how long each took (seconds, sorted)."""
    service, product, staff = (db.session.scalar(select(func.min(one.id))) for one in (Service, Product, Staff))
    lines = [{"service": service, "performer": staff}] + ([{"product": product}] if product else [])
    db.session.remove()
    start = barrier(WRITERS)
    settings = place.app.config["PEONY"]
    work = [Process(settings, ring, start, lines, n * customers // WRITERS + 1, ledger) for n in range(WRITERS)]
    said = [writer.said() for writer in work]
    assert [writer.end() for writer in work] == [0] * WRITERS
    took = max(ended for _, ended, _ in said) - min(begun for begun, _, _ in said)
    return WRITERS * EACH / took, sorted(one for _, _, spent in said for one in spent)


def ring(pipe: Connection, start: Any, lines: Rows, first: int, ledger: bool) -> None:
    """Ring up sales to one customer after another; when it began and ended, and how long each took (seconds)."""
    if not ledger:
        mock.patch.multiple(receipts, _settle=mock.DEFAULT, _earn=mock.DEFAULT).start()
    start.wait()
    moments = [perf_counter()]
    for turn in range(EACH):
        method = ("cash", "stored_value")[turn % 2]
        data = {"customer": first + turn, "store": turn % 3 + 1, "lines": lines, "method": method}
        perform(Name.SELL, data, actor=SYSTEM, key=f"{first}-{turn}-{ledger}")
        moments.append(perf_counter())
    pipe.send((moments[0], moments[-1], [after - before for before, after in pairwise(moments)]))
