"""Facts against brute force: what one would count by hand in a small salon is what both databases say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from models.customers import Calendar, Stage
from models.entity import Base, db
from models.sales import LineKind, PaymentMethod, VisitSource
from models.value import AccountKind
from rules.documents.festivals import FestivalsDocument
from rules.evaluation.dialect import among
from rules.evaluation.frame import Frame
from rules.evaluation.sources import SOURCES, facts_of
from rules.language.facts import FAMILIES, Fact, FactType, Family, Source, fact_named
from rules.language.reading import read_document
from tests.cast import raw_operation
from tests.conftest import House
from tests.properties.belongings import Balance, Belongings, HeldCard
from tests.properties.by_hand import ByHand
from tests.properties.salon import FIRST_ID, SLUGS, Paid, Person, Salon, Sold, salons, write
from tests.rules.texts import SHIPPED

DAYS = (date(2026, 11, 22), date(2028, 2, 29))
CALENDAR = read_document(FestivalsDocument, SHIPPED["festivals"], "festivals.yaml")
FESTIVALS = ("spring_festival", "mothers_day", "valentine")


def _facts() -> list[Fact]:
    names: list[str] = []
    for family in FAMILIES:
        filled = [family.pattern.replace("{n}", str(days)) for days in (30, 90, 365)]
        slugs = FESTIVALS if family.pattern == "days_to_{slug}" else SLUGS
        names += [name.replace("{slug}", slug) for name in filled for slug in slugs]
    found = [fact_named(name) for name in dict.fromkeys(names)]
    return [fact for fact in found if fact is not None and fact.type is not FactType.TAG]


BIRTHDAY = fact_named("birthday_in_days")
FACTS = [fact for fact in _facts() if fact != BIRTHDAY]
"""The birthday apart: its calendar makes the statement long."""


# ----------------------------------------------------------------------------------------------- in the database


class Undone(Exception):
    """Nothing of this shall stay."""


@contextmanager
def standing(salon: Salon, house: House) -> Iterator[None]:
    """The salon stands while this lasts, and never has when it is over."""
    try:
        with raw_operation():
            write(salon, house)
            yield
            raise Undone
    except Undone:
        pass


def found(frame: Frame, facts: list[Fact]) -> dict[int, dict[str, Any]]:
    """What the database says of the customers of the salon, by their place in it."""
    rows = db.session.execute(select(facts_of(frame, facts))).mappings().all()
    by_id = {row["customer_id"]: {fact.name: row[fact.name] for fact in facts} for row in rows}
    assert len(by_id) == len(rows)
    return {number - FIRST_ID: values for number, values in by_id.items() if number >= FIRST_ID}


def unlike(said: dict[int, dict[str, Any]], expected: dict[int, dict[str, Any]]) -> dict[Any, tuple[Any, Any]]:
    """Where two answers differ: customer and fact, with what is said and what was expected."""
    assert said.keys() == expected.keys()
    pairs = {(who, name): (said[who][name], value) for who, facts in expected.items() for name, value in facts.items()}
    return {where: pair for where, pair in pairs.items() if pair[0] != pair[1]}


def counted(salon: Salon, facts: list[Fact]) -> dict[int, dict[str, Any]]:
    return {who: {fact.name: ByHand(salon, who).value(fact) for fact in facts} for who in salon.living()}


@settings(
    max_examples=25,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # to make a failing salon smaller takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(salon=salons(st.sampled_from(DAYS)), data=st.data())
def test_every_fact_is_what_one_counts_by_hand(house: House, salon: Salon, data: st.DataObject) -> None:
    """For all customers at once, for a range of them, and for a list; whether or not one looks for merged ones."""
    expected = counted(salon, FACTS)
    merged = any(person.merged_into is not None for person in salon.people)
    among = data.draw(st.lists(st.integers(0, len(salon.people) - 1), max_size=3), label="list")
    low, high = sorted(data.draw(st.tuples(*[st.integers(0, len(salon.people) - 1)] * 2), label="range"))
    some = data.draw(st.lists(st.sampled_from(FACTS), max_size=4, unique=True), label="facts")
    with standing(salon, house):
        assert unlike(found(Frame(salon.as_of, None, merged, calendar=CALENDAR), FACTS), expected) == {}
        ranged = Frame(
            salon.as_of, lambda column: column.between(FIRST_ID + low, FIRST_ID + high), merged, calendar=CALENDAR
        )
        within = {who: facts for who, facts in expected.items() if low <= who <= high}
        assert unlike(found(ranged, FACTS), within) == {}
        listed = Frame(
            salon.as_of, lambda column: column.in_([FIRST_ID + who for who in among]), True, calendar=CALENDAR
        )
        chosen = {who: facts for who, facts in expected.items() if who in among}
        few = {who: {fact.name: facts[fact.name] for fact in some} for who, facts in chosen.items()}
        assert unlike(found(listed, some), few) == {}


@settings(
    max_examples=6,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(salon=salons(st.sampled_from(DAYS)))
def test_a_birthday_is_as_far_ahead_as_the_calendar_says(house: House, salon: Salon) -> None:
    assert BIRTHDAY is not None
    merged = any(person.merged_into is not None for person in salon.people)
    with standing(salon, house):
        assert found(Frame(salon.as_of, None, merged), [BIRTHDAY]) == counted(salon, [BIRTHDAY])


# --------------------------------------------------------------------------------------- what one would overlook


def person(**values: Any) -> Person:
    return Person(**{"registered": 0, "calendar": Calendar.SOLAR, "born": None, "year": None, **_PLAIN, **values})


_PLAIN: dict[str, Any] = {"stage": Stage.MEMBER, "skin": None, "source": None}


def sale(who: int, ago: int, amount: int = 100) -> Sold:
    return Sold(who, ago, amount, [(LineKind.SERVICE, None, amount)], [Paid(who, ago, PaymentMethod.CASH, amount)])


@pytest.mark.parametrize(
    ("came", "back", "counts"),
    [
        (VisitSource.WALK_IN, 0, 0),
        (VisitSource.WALK_IN, -1, 1),
        (VisitSource.BOOKED, 0, 1),
        (VisitSource.WALK_IN, None, 1),
    ],
)
def test_a_walk_in_falls_with_its_sale(house: House, came: VisitSource, back: int | None, counts: int) -> None:
    """From the day on which it is taken back; who had booked came all the same."""
    salon = Salon(DAYS[0], [person()], sales=[replace(sale(0, 0), back=back, came=came)])
    assert fact_of(house, salon, "visits_90d") == counts
    assert fact_of(house, salon, "days_since_visit") == (0 if counts else None)


def fact_of(house: House, salon: Salon, name: str, who: int = 0) -> Any:
    fact = fact_named(name)
    assert fact is not None
    with standing(salon, house):
        return found(Frame(salon.as_of, None, True), [fact])[who][name]


@pytest.mark.parametrize(("ago", "inside"), [(-1, 0), (0, 1), (29, 1), (30, 0)])
def test_a_window_of_30_days_holds_today_and_the_29_before(house: House, ago: int, inside: int) -> None:
    salon = Salon(DAYS[0], [person()], visits=[(0, ago)], sales=[sale(0, ago)])
    assert fact_of(house, salon, "visits_30d") == inside
    assert fact_of(house, salon, "paid_30d") == 100 * inside
    assert fact_of(house, salon, "used_30d") == 100 * inside


def test_stored_value_and_vouchers_are_no_money_in(house: House) -> None:
    salon = Salon(DAYS[0], [person()])
    salon.sales = [Sold(0, 1, 100, [], [Paid(0, 1, method, 100)]) for method in PaymentMethod]
    assert fact_of(house, salon, "paid_total") == 500


def test_a_sale_outside_the_window_changes_nothing_inside_it(house: House) -> None:
    """Where all that is inside was paid back."""
    paid_back = sale(0, 1, -100)
    alone = fact_of(house, Salon(DAYS[0], [person()], sales=[paid_back]), "largest_sale_30d")
    after_another = fact_of(house, Salon(DAYS[0], [person()], sales=[paid_back, sale(0, 99)]), "largest_sale_30d")
    assert alone == after_another


@pytest.mark.parametrize(("ends", "left"), [(None, 100), (-1, 100), (0, 100), (1, 0), (90, 0)])
def test_what_has_expired_is_in_no_balance(house: House, ends: int | None, left: int) -> None:
    """The last day of a lot and of a card is a day on which they can be used."""
    kinds = (AccountKind.BONUS, AccountKind.DEPOSIT, AccountKind.POINTS)
    lots = [Balance(0, kind, [(9, 100)], ends) for kind in kinds]
    cards = [HeldCard(0, ends, [(9, 3)], [(9, 100)])]
    salon = Salon(DAYS[0], [person()], belongings=Belongings(lots, cards))
    names = ("stored_value", "deposit", "points", "card_value")
    assert {name: fact_of(house, salon, name) for name in names} == dict.fromkeys(names, left)
    assert fact_of(house, salon, "prepaid") == 3 * left


def test_several_debts_are_added_up_and_counted_from_the_oldest(house: House) -> None:
    def on_account(ago: int, *amounts: int) -> Sold:
        payments = [Paid(0, ago, PaymentMethod.ON_ACCOUNT, amount) for amount in amounts]
        return Sold(0, ago, sum(amounts), [], payments)

    debts = Balance(0, AccountKind.RECEIVABLE, [(40, 30_000), (9, 20_000), (2, 500)])
    sales = [on_account(50, 700, -700), on_account(40, 29_000, 1_000), on_account(9, 20_000), on_account(2, 500)]
    salon = Salon(DAYS[0], [person()], sales=sales, belongings=Belongings([debts]))
    assert fact_of(house, salon, "owed") == 50_500
    assert fact_of(house, salon, "owed_days") == 40


def test_a_recharge_counts_in_the_windows_that_it_lies_in(house: House) -> None:
    """Also where the same statement asks for a longer window."""
    recharges = [(10, 1_000), (29, 2_000), (30, 5_000), (364, 7_000), (365, 9_000), (-1, 99_000)]
    salon = Salon(DAYS[0], [person()])
    salon.sales = [Sold(0, ago, amount, [(LineKind.RECHARGE, None, amount)], []) for ago, amount in recharges]
    names = ("largest_recharge_30d", "largest_recharge_365d", "days_since_recharge")
    facts = [fact for name in names if (fact := fact_named(name)) is not None]
    with standing(salon, house):
        together = found(Frame(salon.as_of), facts)[0]
    assert together == dict(zip(names, (2_000, 7_000, 10), strict=True))
    assert fact_of(house, salon, "largest_recharge_30d") == 2_000


def test_a_voucher_that_comes_tomorrow_is_not_seen_today(house: House) -> None:
    salon = Salon(DAYS[0], [person()], sales=[sale(0, 0)])
    salon.sales[0].payments.append(Paid(0, -1, PaymentMethod.VOUCHER, 100))
    assert fact_of(house, salon, "started_with_trial") == 0


def test_a_trial_on_her_old_card_is_her_beginning(house: House) -> None:
    salon = Salon(DAYS[0], [person(), person(merged_into=0)], sales=[sale(0, 1), sale(1, 90)])
    salon.sales[1].payments[0].method = PaymentMethod.VOUCHER
    assert fact_of(house, salon, "started_with_trial") == 1


def test_a_friend_who_was_merged_is_one_friend(house: House) -> None:
    """Two cards of one friend, both sent by the same customer; she first paid long ago."""
    salon = Salon(DAYS[0], [person(), person(referrer=0), person(referrer=0, merged_into=1)])
    salon.sales = [sale(1, 10), sale(2, 400)]
    assert fact_of(house, salon, "paying_referrals_3660d") == 1
    assert fact_of(house, salon, "paying_referrals_30d") == 0


def test_nobody_sent_herself(house: House) -> None:
    """Her old card was sent by her new one, into which it was merged."""
    salon = Salon(DAYS[0], [person(), person(referrer=0, merged_into=0)], sales=[sale(1, 10)])
    assert fact_of(house, salon, "paying_referrals_30d") == 0


@pytest.mark.parametrize(
    ("as_of", "age"),
    [(date(2027, 2, 27), 26), (date(2027, 2, 28), 27), (date(2028, 2, 28), 27), (date(2028, 2, 29), 28)],
)
def test_she_is_a_year_older_on_the_day_her_birthday_is_kept(house: House, as_of: date, age: int) -> None:
    """Born on 29 February 2000: kept on the 28th where there is no 29th."""
    salon = Salon(as_of, [person(born=(2, 29), year=2000)])
    assert fact_of(house, salon, "age") == age


@pytest.mark.parametrize(("as_of", "age"), [(date(2026, 12, 30), 35), (date(2027, 1, 26), 35), (date(2027, 1, 27), 36)])
def test_by_the_lunar_calendar_too(house: House, as_of: date, age: int) -> None:
    """Born on the 20th of the twelfth lunar month of 1990, which 2026 keeps on 27 January 2027."""
    salon = Salon(as_of, [person(calendar=Calendar.LUNAR, born=(12, 20), year=1990)])
    assert fact_of(house, salon, "age") == age


def example_of(family: Family) -> Fact:
    found = fact_named(family.pattern.format(n=30, slug="sensitivity"))
    assert found is not None
    return found


@pytest.mark.parametrize("source", SOURCES, ids=str)
def test_facts_of_a_few_are_found_by_an_index(sqlite_house: House, source: Source) -> None:
    """However many others there are: no table is read from one end to the other."""
    query = SOURCES[source](
        Frame(DAYS[0], among([1, 2])), [example_of(one) for one in FAMILIES if one.source is source]
    )
    said = query.compile(db.engine, compile_kwargs={"literal_binds": True})
    plan = [step[3].split() for step in db.session.execute(text(f"EXPLAIN QUERY PLAN {said}".replace(":", "\\:")))]
    assert [step for step in plan if step[0] == "SCAN" and step[1] in Base.metadata.tables] == []
