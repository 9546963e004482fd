"""How many SQL statements a page takes: as many for five rows as for fifty, and as many as ``baselines.json`` says.

A test that fails prints the statements and their number: a change that was meant goes into the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from admin_app import rulebook
from admin_app.operations.customers import TagInput
from admin_app.operations.kernel import perform
from models.customers import Customer, Preference, PreferenceKind
from models.entity import Entity, Record, db, entities
from models.field import Kind
from models.names import Name
from models.organisation import Store
from models.rulebook import RuleVersion
from models.sales import SaleLine
from models.standing import Tag
from models.till import Reversal
from models.value import LedgerEntry
from tests.cast import NOON, TODAY, create, raw_operation
from tests.conftest import House
from tests.factory import Rows, balance, fill, make
from tests.views.pages import rows_linked, sql_of
from tests.web import Browser
from views.forms import SHORT_LIST

BASELINES: dict[str, dict[str, int]] = json.loads(Path(__file__).with_name("baselines.json").read_text("utf-8"))
SCREENS = [entity for entity in entities() if entity.screen is not None]
NAMED = {entity.named(): entity for entity in entities()}
every_screen = pytest.mark.parametrize("entity", SCREENS, ids=lambda entity: entity.named())
FEW, MANY, FULL = 5, 50, 20
KEPT = {"store", "user", "rule_version", "schedule"}
"""What all rows may share, so that not everything above them is made fifty times."""

APART: dict[str, Callable[[int], dict[str, Any]]] = {
    "shift": lambda n: {"starts_at": NOON + timedelta(days=n), "ends_at": NOON + timedelta(days=n, hours=1)},
    "leave": lambda n: {"starts_at": NOON + timedelta(days=n), "ends_at": NOON + timedelta(days=n, hours=1)},
    "user": lambda n: {"login": f"user-{n:04d}", "role": "reception", "staff_id": None},
    "tag": lambda n: {"slug": f"tag-{n:04d}", "group": None, "exclusive": False},
    "schedule": lambda n: {"name": f"schedule-{n}", "daily_at": "03:30", "every_minutes": None},
    "rule_match": lambda n: {"rule": f"rule-{n}"},
    "rule_effect": lambda n: {"rule": f"rule-{n}"},
    "rule_version": lambda n: {"document": "tags", "number": 1000 + n, "content_hash": f"{n:064d}"},
    "kpi_target": lambda n: {"month": date(2030 + n // 12, n % 12 + 1, 1)},
    "sale": lambda n: {"number": 1, "business_day": TODAY + timedelta(days=n)},
    "till_shift": lambda n: {"business_day": TODAY + timedelta(days=n)},
    "day_close": lambda n: {"business_day": TODAY + timedelta(days=n)},
}
"""What tells apart rows that would exclude one another."""


def world(rows: Rows, entity: type[Entity], place: int) -> Rows:
    """The rows with fresh ones of everything that the entity refers to."""
    fresh: Rows = {name: dict(sides) for name, sides in rows.items()}

    def renew(one: type[Entity]) -> None:
        for target in sorted(targets(one) - KEPT):
            if target in done:
                continue
            done.add(target)
            renew(NAMED[target])
            fresh[target]["own"] = add(NAMED[target], fresh, place)

    done = {entity.named()}
    renew(entity)
    return fresh


def targets(entity: type[Entity]) -> set[str]:
    return {one.target for one in entity.fields().values() if one.kind is Kind.REFERENCE and not one.info.generated}


def add(entity: type[Entity], rows: Rows, place: int) -> int:
    """One row more, in a world of its own."""
    given = APART.get(entity.named(), lambda n: {})(place)
    return make(entity, "own", place, rows, **given)


def present(entity: type[Entity]) -> int:
    """How many rows a list shows."""
    query = select(func.count()).select_from(entity)
    living = entity.fields().get("archived_at")
    return db.session.scalar(query if living is None else query.where(living.column.is_(None))) or 0


def grown(house: House, entity: type[Entity]) -> Callable[[int], None]:
    """A way to make the entity have so many rows; all that they refer to is there from the start."""
    rows = fill(house)
    with raw_operation():
        worlds = [world(rows, entity, 100 + place) for place in range(MANY)]
        if entity.named() in targets(entity):  # its filter panel offers too many to choose from, from the start
            for place in range(SHORT_LIST + 5):
                row = db.session.get_one(entity, add(entity, rows, 200 + place))
                if isinstance(row, Record):
                    row.archived_at = NOON
        balance()

    def grow(count: int) -> None:
        begun = present(entity) + (entity is LedgerEntry)  # the drawer's side of the others is one more
        with raw_operation():
            for place in range(begun, count):
                add(entity, worlds[place], 100 + place)
            balance()

    return grow


def sizes(entity: type[Entity]) -> tuple[int, ...]:
    """How many rows to have a list of; of events that refer to their like there are many from the start."""
    first = FEW if issubclass(entity, Record) or entity.named() not in targets(entity) else SHORT_LIST + 10
    return (first, max(first, FULL), MANY)


@pytest.fixture(autouse=True)
def _rules_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the rules were looked at a moment ago or not must not count."""
    monkeypatch.setattr(rulebook, "LOOK_EVERY", 1e9)


def counted(work: Callable[[], object]) -> tuple[int, str]:
    """How many statements, and which, equal ones in one line: printed by the test that fails."""
    work()  # what is read once a process is read now
    sent = sql_of(work)
    runs = [(sql, len(list(equal))) for sql, equal in groupby(sent)]
    return len(sent), "\n\n".join(f"{times} × {sql}" for sql, times in runs)


def list_of(browser: Browser, entity: type[Entity], size: int = 100) -> Callable[[], object]:
    return lambda: browser.get(f"/{entity.named()}/?size={size}")


@every_screen
def test_a_screen_takes_as_many_statements_as_its_baseline(sqlite_house: House, entity: type[Entity]) -> None:
    """Its list and its details, the same for few rows, twenty and fifty."""
    grow, browser, base = grown(sqlite_house, entity), sqlite_house.browser("owner"), f"/{entity.named()}"
    number = db.session.scalars(select(entity.id).order_by(entity.id)).first()
    for size in sizes(entity):
        grow(size)
        shown = rows_linked(browser.get(f"{base}/?size=100").text, entity.named())
        assert size <= len(shown) <= max(size, FULL)
        found = {
            "list": counted(list_of(browser, entity)),
            "details": counted(lambda: browser.get(f"{base}/details/?id={number}")),
        }
        for page, (count, sql) in found.items():
            expected = BASELINES[page].get(entity.named())
            if count != expected:
                pytest.fail(f"{page} of {entity.named()}, {size} rows: {count} statements, {expected} expected:\n{sql}")


def test_every_screen_has_a_baseline_and_no_other() -> None:
    for kind in ("list", "details"):
        assert set(BASELINES[kind]) == {entity.named() for entity in SCREENS}


# ------------------------------------------------------------------------------------- what else may grow


def same(before: tuple[int, str], after: tuple[int, str]) -> None:
    """Not one statement more for more rows."""
    if before[0] != after[0]:
        pytest.fail(f"{before[0]} statements became {after[0]}:\n{after[1]}")


def test_a_customers_page_takes_no_more_for_fifty_related_rows(sqlite_house: House) -> None:
    anna, browser = sqlite_house.ids["anna"], sqlite_house.browser("owner")

    def like(count: int) -> None:
        kind = PreferenceKind.DRINK
        with raw_operation():
            db.session.add_all(Preference(customer_id=anna, kind=kind, value=f"茶{n}") for n in range(count))

    def page() -> object:
        return browser.get(f"/customer/details/?id={anna}")

    like(2)
    before = counted(page)
    like(MANY)
    same(before, counted(page))


def test_a_sale_takes_no_more_however_often_it_was_taken_back(sqlite_house: House) -> None:
    rows, browser = fill(sqlite_house), sqlite_house.browser("owner")
    sale = rows["sale"]["own"]

    def take_back(places: range) -> None:
        """Lines of the sale, each taken back at a time of its own."""
        with raw_operation():
            for place in places:
                line = make(SaleLine, "own", place, rows, sale_id=sale, position=place)
                at = NOON + timedelta(minutes=place)
                make(Reversal, "own", place, rows, sale_id=sale, sale_line_id=line, at=at)
            balance()

    def page() -> Any:
        return browser.get(f"/sale/details/?id={sale}")

    def times_shown() -> int:
        return len(set(re.findall(r"reason\d+", page().text)))

    take_back(range(200, 202))
    before, few = counted(page), times_shown()
    take_back(range(202, 212))
    same(before, counted(page))
    assert times_shown() == few + 10


def test_a_filter_panel_takes_no_more_for_many_choices(sqlite_house: House) -> None:
    """Twenty stores to choose from are read at once, not store by store."""
    browser = sqlite_house.browser("owner")
    before = counted(list_of(browser, Customer))
    with raw_operation():
        db.session.add_all(Store(name=f"分店{number}") for number in range(15))
    same(before, counted(list_of(browser, Customer)))


def test_a_form_takes_no_more_for_many_choices(sqlite_house: House) -> None:
    browser = sqlite_house.browser("owner")
    before = counted(lambda: browser.get("/customer/new/"))
    with raw_operation():
        db.session.add_all(Store(name=f"分店{number}") for number in range(15))
    same(before, counted(lambda: browser.get("/customer/new/")))


def test_a_lookup_takes_no_more_for_many_findings(sqlite_house: House) -> None:
    browser = sqlite_house.browser("owner")

    def look() -> object:
        return browser.get("/customer/ajax/lookup/?q=客")

    for number in range(2):
        create("customer", name=f"客{number}", store_id=sqlite_house.ids["first"])
    before = counted(look)
    for number in range(2, 15):
        create("customer", name=f"客{number}", store_id=sqlite_house.ids["first"])
    same(before, counted(look))


def test_the_search_page_takes_no_more_for_many_findings(sqlite_house: House) -> None:
    browser = sqlite_house.browser("owner")
    for number in range(2):
        create("customer", name=f"客{number}", store_id=sqlite_house.ids["first"])
    before = counted(lambda: browser.get("/search?q=客"))
    for number in range(2, 8):
        create("customer", name=f"客{number}", store_id=sqlite_house.ids["first"])
    same(before, counted(lambda: browser.get("/search?q=客")))


def test_the_log_takes_no_more_for_many_entries(sqlite_house: House) -> None:
    browser = sqlite_house.browser("owner")

    def page() -> object:
        return browser.get("/log?on=brand")

    for number in range(FEW):
        create("brand", name=f"牌{number}")
    before = counted(page)
    for number in range(FEW, MANY):
        create("brand", name=f"牌{number}")
    same(before, counted(page))


def test_an_export_of_the_log_takes_no_more_for_many_entries(sqlite_house: House) -> None:
    browser = sqlite_house.browser("owner")

    def file() -> object:
        return browser.get("/log/export.csv?on=brand")

    for number in range(FEW):
        create("brand", name=f"牌{number}")
    before = counted(file)
    for number in range(FEW, MANY):
        create("brand", name=f"牌{number}")
    same(before, counted(file))


def test_the_first_page_takes_no_more_for_many_customers(sqlite_house: House) -> None:
    browser, store = sqlite_house.browser("owner"), sqlite_house.ids["first"]
    before = counted(lambda: browser.get("/"))
    with raw_operation():
        db.session.add_all(Customer(name=f"客{n}", store_id=store, registered_on=TODAY) for n in range(MANY))
    tag = db.session.scalars(select(Tag.id).where(Tag.slug == "layer-a")).one()
    everybody = list(db.session.scalars(select(Customer.id)))
    perform(Name.TAG_CUSTOMERS, TagInput(customers=everybody, tag=tag), actor=sqlite_house.actor("owner"))
    same(before, counted(lambda: browser.get("/")))


def test_a_failing_baseline_shows_the_statements(sqlite_house: House) -> None:
    browser = sqlite_house.browser("owner")
    count, sql = counted(list_of(browser, RuleVersion))
    assert sum(int(one) for one in re.findall(r"^(\d+) × ", sql, re.MULTILINE)) == count
    assert "FROM rule_version" in sql
