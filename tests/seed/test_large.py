"""Large salons for measuring: as many as asked for, not one more, and sound."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from flask import current_app
from sqlalchemy import func, select, text

from admin_app.doctor import examine
from admin_app.operations.entities import CreateInput
from admin_app.operations.kernel import perform
from admin_app.operations.refusals import Refused
from admin_app.start import open_house
from models import search
from models.actor import SYSTEM
from models.clock import SearchKey
from models.connection import sqlite_driver
from models.customers import Customer
from models.entity import db, entities, table_of
from models.log import EntryKind, Operation
from models.names import Name
from models.sales import Payment, Sale, SaleLine, Visit
from seed import large
from seed.large import PART, TABLES, make_large
from seed.reference import reference_rows
from tests.conftest import ENGINES
from tests.seed.conftest import Empty

TODAY = date(2026, 7, 15)
CUSTOMERS, SALES = 230, 1_170


@pytest.fixture(scope="module")
def salons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Empty, dict[str, int]]]]:
    """A large salon on each engine with what was said of it, filled once for the tests that only look."""
    made: dict[str, tuple[Empty, dict[str, int]]] = {}
    yield made
    for house, _ in made.values():
        house.close()


@pytest.fixture(params=ENGINES)
def counts(
    request: pytest.FixtureRequest,
    salons: dict[str, tuple[Empty, dict[str, int]]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, int]]:
    """Within a large salon: how many rows it says it has."""
    if request.param not in salons:
        house = Empty(request.param, tmp_path_factory.mktemp("large") / "data")
        with house.opened():
            open_house()
            salons[request.param] = house, filled()[0]
    house, said = salons[request.param]
    with house.opened():
        yield said


def count(entity: type[Any], *conditions: Any) -> int:
    return db.session.scalar(select(func.count()).select_from(entity).where(*conditions)) or 0


def filled(
    customers: int = CUSTOMERS, sales: int = SALES, seed: int = 1
) -> tuple[dict[str, int], list[tuple[int, int]]]:
    """What it says it has made, and what it told on the way."""
    told: list[tuple[int, int]] = []
    counts = make_large(customers, sales, TODAY, SYSTEM, lambda done, total: told.append((done, total)), seed)
    db.session.rollback()
    return counts, told


def journal() -> str:
    """How SQLite keeps what it has not done yet."""
    return str(db.session.execute(text("PRAGMA journal_mode")).scalar())


@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
@pytest.mark.parametrize("beside", [False, True])
def test_sqlite_writes_it_once_where_nobody_else_is_there(
    empty: Empty, monkeypatch: pytest.MonkeyPatch, *, beside: bool
) -> None:
    usual = journal()
    seen: list[str] = []
    monkeypatch.setattr(large, "reference_rows", lambda *given: seen.append(journal()) or reference_rows(*given))
    with closing(sqlite_driver.connect(str(db.engine.url.database))) as other:
        if beside:
            other.execute("SELECT count(*) FROM customer").fetchone()
        filled(20, 20)
    assert (seen, count(Sale), journal()) == ([usual if beside else "delete"], 20, usual)


@pytest.mark.parametrize(("customers", "sales"), [(1, 0), (1, 3), (40, 1), (CUSTOMERS, SALES)])
def test_there_are_exactly_as_many_as_asked_for(empty: Empty, customers: int, sales: int) -> None:
    counts, told = filled(customers, sales)
    assert (count(Customer), counts["customer"]) == (customers, customers)
    for entity in (Visit, Sale, SaleLine, Payment):
        assert (count(entity), counts.get(entity.named(), 0)) == (sales, sales), entity.named()
    assert told[-1] == (customers + sales, customers + sales)
    assert [fault for finding in examine() for fault in finding.faults] == []


def test_parts_join_without_a_seam(empty: Empty) -> None:
    """One more than a part of customers: the last part has a single row. Of sales a part is a day."""
    counts, told = filled(PART + 1, PART + 1)
    assert (counts["customer"], counts["sale"]) == (PART + 1, PART + 1)
    assert told[:2] == [(PART, 2 * PART + 2), (PART + 1, 2 * PART + 2)]
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    assert (len(told), told[-1]) == (2 + 251, (2 * PART + 2,) * 2)
    assert count(Customer) == count(Sale) == PART + 1
    assert [fault for finding in examine() for fault in finding.faults] == []


def test_every_sale_has_one_visit_one_line_and_one_payment_that_agree(counts: dict[str, int]) -> None:
    same = (
        select(func.count())
        .select_from(Sale)
        .join(Visit, Visit.id == Sale.visit_id)
        .join(SaleLine, SaleLine.sale_id == Sale.id)
        .join(Payment, Payment.sale_id == Sale.id)
        .where(
            Visit.customer_id == Sale.customer_id,
            Payment.customer_id == Sale.customer_id,
            Visit.business_day == Sale.business_day,
            Payment.business_day == Sale.business_day,
            Visit.store_id == Sale.store_id,
            Payment.store_id == Sale.store_id,
            SaleLine.amount == Sale.total,
            Payment.amount == Sale.total,
        )
    )
    assert db.session.scalar(same) == SALES


def test_days_lie_in_the_two_years_up_to_today_and_are_the_stores_own(counts: dict[str, int]) -> None:
    zone = current_app.config["PEONY"].zone
    rows = db.session.execute(select(Sale.business_day, Sale.sold_at)).all()
    assert [day for day, _ in rows if not TODAY - timedelta(days=730) < day <= TODAY] == []
    assert [day for day, at in rows if at.astimezone(zone).date() != day] == []


def test_receipts_are_numbered_from_one_without_gaps(counts: dict[str, int]) -> None:
    place = (Sale.store_id, Sale.business_day)
    query = select(func.min(Sale.number), func.max(Sale.number), func.count()).group_by(*place)
    assert [row for row in db.session.execute(query) if (row[0], row[1]) != (1, row[2])] == []


def test_few_customers_bring_most_sales(counts: dict[str, int]) -> None:
    first_quarter = count(Sale, Sale.customer_id <= CUSTOMERS // 4)
    assert 0.4 < first_quarter / SALES < 0.6, "a quarter of the customers brings about half"
    assert count(Sale, Sale.customer_id.is_(None)) == 0


def test_only_the_tables_that_it_names_are_filled(empty: Empty) -> None:
    before = {entity.named() for entity in entities() if count(entity)}
    filled(2, 2)
    named = {name.strip().replace(" and their reference rows", "") for name in TABLES.split(",")}
    references = {table_of(entity).name for entity, _ in reference_rows(Random(1), TODAY)}
    full = {entity.named() for entity in entities() if count(entity)}
    words = table_of(SearchKey)
    found_by = select(func.count()).select_from(words).where(words.c.entity == "customer")
    assert (full - before) | {words.name} == named | references
    assert db.session.scalar(found_by), "she is found"


def test_no_two_customers_share_a_number_and_each_is_found(counts: dict[str, int]) -> None:
    rows = db.session.scalars(select(Customer)).all()
    assert len({row.phone for row in rows}) == len({row.member_no for row in rows}) == CUSTOMERS
    last = rows[-1]
    by_phone = search.by_number(Customer, Customer.fields()["phone"], last.phone or "")
    assert by_phone is not None
    assert db.session.scalars(select(Customer.id).where(by_phone)).all() == [last.id]
    assert last.id in db.session.scalars(search.matching(Customer, last.name)).all()
    assert db.session.scalars(search.matching(Customer, last.member_no or "")).all() == [last.id]


def test_it_is_one_entry_in_the_log_with_the_counts(counts: dict[str, int]) -> None:
    entry = db.session.scalars(select(Operation).where(Operation.kind == EntryKind.LOAD)).one()
    assert entry.reason == f"{CUSTOMERS} customers, {SALES} sales"
    assert entry.detail is not None
    assert entry.detail["counts"] == counts
    assert set(entry.detail["digests"]) == set(counts)


def test_afterwards_the_salon_works_as_any_other(empty: Empty) -> None:
    """Numbers go on behind the last one, and the triggers stand again."""
    filled()
    data = CreateInput(entity="customer", values={"name": "后来者", "store_id": 1})
    assert perform(Name.CREATE_ENTITY, data, actor=SYSTEM)["id"] == CUSTOMERS + 1
    with pytest.raises(Exception, match="append-only"), db.engine.begin() as connection:
        connection.execute(table_of(Payment).update().values(amount=1))


def test_the_same_seed_number_makes_the_same_salon_and_another_does_not(empty: Empty) -> None:
    """The first is rolled back, so that the second finds the salon empty."""
    found = [drawn(empty, seed) for seed in (7, 7, 8)]
    assert found[0] == found[1]
    assert found[0] != found[2]


def drawn(empty: Empty, seed: int) -> list[tuple[Any, ...]]:
    """What a seed number makes, taken back at once."""
    kept: list[tuple[Any, ...]] = []

    class TakenBackError(Exception):
        pass

    def look(done: int, total: int) -> None:
        if done == total:
            connection = db.session.connection()
            columns = (Customer.name, Sale.id, Sale.business_day, Sale.total)
            query = select(*columns).join(Customer, Customer.id == Sale.customer_id).order_by(Sale.id)
            kept.extend(tuple(row) for row in connection.execute(query))
            raise TakenBackError

    with pytest.raises(TakenBackError):
        make_large(40, 90, TODAY, SYSTEM, look, seed)
    db.session.rollback()
    assert len(kept) == 90
    return kept


def test_what_fails_half_way_leaves_nothing_and_the_triggers_standing(empty: Empty) -> None:
    def stumble(done: int, total: int) -> None:
        if done > 100:
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        make_large(CUSTOMERS, SALES, TODAY, SYSTEM, stumble)
    db.session.rollback()
    assert count(Customer) == count(Sale) == 0
    assert [fault for finding in examine() for fault in finding.faults] == []


def test_a_salon_with_customers_is_left_alone(empty: Empty) -> None:
    filled(2, 2)
    with pytest.raises(Refused):
        filled(5, 5)
    assert count(Customer) == count(Sale) == 2
