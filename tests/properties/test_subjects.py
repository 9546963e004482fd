"""Facts about staff, products, services and operations against brute force; by one engine, the other, and by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from models.actor import ActorKind
from models.booking import AppointmentStatus
from models.care import Effect
from models.entity import db
from models.log import EntryKind, LogLink, Operation
from models.sales import LineKind, ShareManner
from rules.evaluation import interpreter
from rules.evaluation.frame import Frame
from rules.evaluation.subject_sources import facts_about, fulfilling
from rules.language.conditions import Comparison, Operator
from rules.language.facts import FAMILIES_OF, Fact, FactType, Subject, fact_named
from tests.cast import raw_operation
from tests.conftest import House
from tests.properties.salon import FIRST_ID
from tests.properties.shop import CONSOLE, HOME, MACHINE, STAFF, THINGS, Act, Shop, Sold, shops, write
from tests.properties.trees import conditions_over

DAY = date(2026, 11, 22)
MONEY_IN = {"cash", "wechat", "alipay", "bank_card", "unknown"}
SUBJECTS = [one for one in Subject if one is not Subject.CUSTOMER]


def facts_of(subject: Subject) -> list[Fact]:
    names = [one.pattern.replace("{n}", n) for one in FAMILIES_OF[subject] for n in ("1", "30", "90", "365")]
    found = [fact_named(name, subject) for name in dict.fromkeys(names)]
    return [one for one in found if one is not None]


FACTS = {subject: facts_of(subject) for subject in SUBJECTS}


class Undone(Exception):
    """Nothing of this shall stay."""


@contextmanager
def standing(shop: Shop, house: House) -> Iterator[None]:
    """It stands while this lasts, and never has when it is over."""
    try:
        with raw_operation() as number:
            write(shop, house, number)
            yield
            raise Undone
    except Undone:
        pass


# ------------------------------------------------------------------------------------------------------ by hand


class ByHand:
    """Facts counted one by one."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.lines = [
            one
            for place, one in enumerate(shop.sold)
            if one.ago >= 0 and ((back := self.back(place)) is None or back < 0)
        ]
        self.acts = [act for act in shop.acts if not act.refused]

    def back(self, line: int) -> int | None:
        return next((act.back_ago for act in self.shop.acts if act.back == line and not act.refused), None)

    def everything(self, subject: Subject) -> dict[int, dict[str, Any]]:
        many = {Subject.STAFF: STAFF, Subject.OPERATION: len(self.shop.acts)}.get(subject, THINGS)
        places = range(many)
        if subject is Subject.OPERATION:
            places = [place for place in places if self.shop.acts[place].who != MACHINE]  # type: ignore[assignment]
        return {place: {fact.name: self.value(subject, place, fact) for fact in FACTS[subject]} for place in places}

    def value(self, subject: Subject, place: int, fact: Fact) -> Any:
        kind = fact.family.pattern.replace("_{n}d", "")
        made = getattr(self, f"{subject}_{kind}", None) or getattr(self, f"thing_{kind}")
        if subject in (Subject.PRODUCT, Subject.SERVICE):
            place = (subject, place)  # type: ignore[assignment]
        return made(place) if fact.days is None else made(place, fact.days)

    # -- staff

    def staff_position(self, who: int) -> str:
        return self.shop.staff[who].position.value

    def staff_employed(self, who: int) -> int:
        one = self.shop.staff[who]
        return int((one.came is None or one.came >= 0) and (one.left is None or one.left <= 0))

    def staff_days_since_hired(self, who: int) -> int | None:
        return self.shop.staff[who].came

    def staff_takings(self, who: int, days: int) -> int:
        mine = [one for one in self.lines if one.seller == who and one.ago < days]
        return sum(_part(one.amount if one.imported else one.came_in, one.permille) for one in mine)

    def given(self, who: int, days: int = 10**6) -> list[Sold]:
        return [one for one in self.lines if one.performer == who and one.kind is LineKind.SERVICE and one.ago < days]

    def staff_used(self, who: int, days: int) -> int:
        return sum(_part(one.amount, one.permille) for one in self.given(who, days))

    def staff_services(self, who: int, days: int) -> int:
        return sum(one.quantity for one in self.given(who, days))

    def staff_customers(self, who: int, days: int) -> int:
        return len({self.shop.owner(one.customer) for one in self.given(who, days)} - {None})

    def staff_named_percent(self, who: int, days: int) -> int | None:
        named = sum(one.quantity for one in self.given(who, days) if one.manner is ShareManner.NAMED)
        whole = self.staff_services(who, days)
        return named * 100 // whole if whole else None

    def staff_days_since_service(self, who: int) -> int | None:
        return min((one.ago for one in self.given(who)), default=None)

    def staff_adverse_reactions(self, who: int, days: int) -> int:
        mine = [one for one in self.shop.treated if one.staff == who and 0 <= one.ago < days and not one.archived]
        return sum(one.told or one.effect is Effect.ADVERSE for one in mine)

    def staff_taken_back(self, who: int, days: int) -> int:
        backs = [self.back(place) for place, one in enumerate(self.shop.sold) if one.seller == who]
        return sum(back is not None and 0 <= back < days for back in backs)

    def staff_refunds(self, who: int, days: int) -> int:
        mine = [act for act in self.acts if act.who == who]
        return sum(
            (act.back is not None and 0 <= act.back_ago < days) or (act.card is not None and 0 <= act.card < days)
            for act in mine
        )

    def gifts(self, who: int, days: int) -> list[int]:
        mine = [act.gift for act in self.acts if act.who == who and act.gift is not None]
        return [gift.value for gift in mine if 0 <= gift.ago < days]

    def staff_gifts(self, who: int, days: int) -> int:
        return len(self.gifts(who, days))

    def staff_gift_worth(self, who: int, days: int) -> int:
        return sum(self.gifts(who, days))

    def staff_approvals(self, who: int, days: int) -> int:
        return sum(user == who and 0 <= ago < days for user, ago in self.shop.approvals)

    def booked(self, who: int, days: int) -> list[AppointmentStatus]:
        live = [one for one in self.shop.bookings if not one.moved and one.booked >= 0 and 0 <= one.ago < days]
        return [one.status for one in live if who in one.staff and one.status is not AppointmentStatus.CANCELLED]

    def staff_bookings(self, who: int, days: int) -> int:
        return len(self.booked(who, days))

    def staff_no_shows(self, who: int, days: int) -> int:
        return self.booked(who, days).count(AppointmentStatus.NO_SHOW)

    def staff_customers_in_care(self, who: int) -> int:
        mine = [one for one in self.shop.care if one.staff == who and one.since >= 0]
        return len({self.shop.owner(one.customer) for one in mine if one.until is None or one.until < 0})

    # -- products and services

    def of(self, what: tuple[Subject, int], lines: list[Sold]) -> list[Sold]:
        kind = LineKind.PRODUCT if what[0] is Subject.PRODUCT else LineKind.SERVICE
        return [one for one in lines if one.kind is kind and one.thing == what[1]]

    def thing_price(self, what: tuple[Subject, int]) -> int:
        return self.shop.things[what[1]].price

    def thing_on_sale(self, what: tuple[Subject, int]) -> int:
        return int(self.shop.things[what[1]].on_sale)

    def thing_use(self, what: tuple[Subject, int]) -> str:
        return self.shop.things[what[1]].use.value

    def thing_grade(self, what: tuple[Subject, int]) -> str:
        return self.shop.things[what[1]].grade.value

    def thing_sold(self, what: tuple[Subject, int], days: int) -> int:
        return sum(one.quantity for one in self.of(what, self.lines) if one.ago < days)

    def thing_takings(self, what: tuple[Subject, int], days: int) -> int:
        return sum(one.amount for one in self.of(what, self.lines) if one.ago < days)

    def thing_days_since_sold(self, what: tuple[Subject, int]) -> int | None:
        return min((one.ago for one in self.of(what, self.lines)), default=None)

    def thing_returned(self, what: tuple[Subject, int], days: int) -> int:
        mine = self.of(what, self.shop.sold)
        pairs = [(one, self.back(place)) for place, one in enumerate(self.shop.sold) if any(one is x for x in mine)]
        return sum(one.quantity for one, back in pairs if back is not None and 0 <= back < days)

    def thing_given_away(self, what: tuple[Subject, int], days: int) -> int:
        gifts = [act.gift for act in self.acts if act.gift is not None and act.gift.thing == what[1]]
        mine = [gift for gift in gifts if gift.service == (what[0] is Subject.SERVICE)]
        return sum(gift.quantity for gift in mine if 0 <= gift.ago < days)

    # -- operations

    def act(self, place: int) -> Act:
        return self.shop.acts[place]

    def operation_operation(self, place: int) -> str:
        return self.act(place).name.value

    def operation_role(self, place: int) -> str:
        return "command" if self.act(place).who == CONSOLE else "manager"

    def operation_refused(self, place: int) -> int:
        return int(self.act(place).refused)

    def operation_overridden(self, place: int) -> int:
        return int(self.act(place).overridden)

    def operation_rows(self, place: int) -> int:
        return self.act(place).rows

    def operation_hour(self, place: int) -> int:
        return self.act(place).minute // 60

    def operation_outside_hours(self, place: int) -> int:
        return int(not 10 * 60 <= self.act(place).minute <= 21 * 60)

    def operation_times_today(self, place: int) -> int:
        one = self.act(place)
        alike = [act for act in self.shop.acts[: place + 1] if (act.who, act.name) == (one.who, one.name)]
        return sum((act.ago, act.refused) == (one.ago, one.refused) for act in alike)

    def operation_amount(self, place: int) -> int:
        act = self.act(place)
        done = not act.refused and act.receipt is not None
        return sum(amount for method, amount in act.paid if method.value in MONEY_IN) if done else 0

    def operation_discount(self, place: int) -> int:
        act = self.act(place)
        return act.discount if act.receipt is not None and not act.refused else 0

    def operation_gift_worth(self, place: int) -> int:
        act = self.act(place)
        return 0 if act.refused or act.gift is None else act.gift.value

    def operation_difference(self, place: int) -> int | None:
        return None if self.act(place).refused else self.act(place).difference

    def operation_days_back(self, place: int) -> int | None:
        act = self.act(place)
        days = [] if act.receipt is None else [act.receipt]
        days += [] if act.back is None else [self.shop.sold[act.back].ago]
        return None if act.refused or not days else max(days) - act.ago


def _part(amount: int, permille: int) -> int:
    """Towards nothing, as both databases divide."""
    whole = abs(amount) * permille // 1000
    return whole if amount >= 0 else -whole


# ---------------------------------------------------------------------------------------------- the comparison


def found(subject: Subject, frame: Frame, facts: list[Fact]) -> dict[int, dict[str, Any]]:
    """What the database says of the rows that a shop put in, by their place in it."""
    places = _places(subject)
    rows = db.session.execute(select(facts_about(subject, frame, facts))).mappings().all()
    assert len({row["subject_id"] for row in rows}) == len(rows)
    return {
        places[row["subject_id"]]: {fact.name: row[fact.name] for fact in facts}
        for row in rows
        if row["subject_id"] in places
    }


def _places(subject: Subject) -> dict[int, int]:
    if subject is not Subject.OPERATION:
        return {FIRST_ID + place: place for place in range(max(STAFF, THINGS))}
    links = db.session.execute(select(LogLink.operation_id, LogLink.seq).where(LogLink.seq >= FIRST_ID))
    return {number: seq - FIRST_ID for number, seq in links}


def links_of(shop: Shop) -> Frame:
    """All operations of the shop, whatever their day."""
    return Frame(shop.as_of, lambda seq: seq >= FIRST_ID, True, zone=HOME)


SETTINGS = {
    "deadline": None,
    "phases": (Phase.explicit, Phase.reuse, Phase.generate),
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
}


@settings(max_examples=25, **SETTINGS)
@given(shop=shops(DAY))
def test_every_fact_is_what_one_counts_by_hand(house: House, shop: Shop) -> None:
    hand = ByHand(shop)
    with standing(shop, house):
        for subject in SUBJECTS:
            frame = links_of(shop) if subject is Subject.OPERATION else Frame(shop.as_of, None, True, zone=HOME)
            said, expected = found(subject, frame, FACTS[subject]), hand.everything(subject)
            assert said.keys() == expected.keys()
            unlike = {
                (subject, place, name): (said[place][name], value)
                for place, facts in expected.items()
                for name, value in facts.items()
                if said[place][name] != value
            }
            assert unlike == {}


@settings(max_examples=40, **SETTINGS)
@given(shop=shops(DAY), data=st.data())
def test_a_condition_finds_those_whom_the_interpreter_finds(house: House, shop: Shop, data: st.DataObject) -> None:
    subject = data.draw(st.sampled_from(SUBJECTS))
    several = data.draw(st.lists(conditions_over(FACTS[subject]), min_size=1, max_size=3))
    told = data.draw(st.lists(st.sampled_from(FACTS[subject]), max_size=2, unique=True))
    hand = ByHand(shop).everything(subject)
    expected = {who: [interpreter.holds(one, facts) for one in several] for who, facts in hand.items()}
    with standing(shop, house):
        places = _places(subject)
        frame = links_of(shop) if subject is Subject.OPERATION else Frame(shop.as_of, None, True, zone=HOME)
        rows = db.session.execute(fulfilling(subject, frame, several, told)).mappings().all()
    ours = {places[row["subject_id"]]: row for row in rows if row["subject_id"] in places}
    said = {who: [bool(row[f"holds_{place}"]) for place in range(len(several))] for who, row in ours.items()}
    assert said == {who: holds for who, holds in expected.items() if any(holds)}
    assert all(row[fact.name] == hand[who][fact.name] for who, row in ours.items() for fact in told)


# --------------------------------------------------------------------------------------- what one would overlook


def done(at: datetime, seq: int, actor: ActorKind = ActorKind.COMMAND) -> None:
    """An entry of the log by itself."""
    number = FIRST_ID + seq
    values = {"id": number, "name": "sell", "kind": EntryKind.WRITE, "at": at, "actor_kind": actor.value}
    db.session.execute(insert(Operation), {**values, "actor_name": "x", "actor_role": "command"})
    link = {"seq": number, "operation_id": number, "rows": 0, "previous": "x", "hash": f"x{seq}"}
    db.session.execute(insert(LogLink), link)


@pytest.mark.parametrize(
    ("zone", "at", "hour"),
    [
        ("Asia/Shanghai", datetime(2026, 11, 21, 16, 59, tzinfo=UTC), 0),
        ("Europe/Berlin", datetime(2026, 3, 29, 0, 59, 59, tzinfo=UTC), 1),
        ("Europe/Berlin", datetime(2026, 3, 29, 1, 0, tzinfo=UTC), 3),
        ("Europe/Berlin", datetime(2026, 10, 25, 0, 59, tzinfo=UTC), 2),
        ("Europe/Berlin", datetime(2026, 10, 25, 1, 0, tzinfo=UTC), 2),
        ("Europe/Berlin", datetime(2026, 10, 25, 2, 0, tzinfo=UTC), 3),
        ("America/St_Johns", datetime(2026, 7, 1, 2, 29, tzinfo=UTC), 23),
        ("America/St_Johns", datetime(2026, 7, 1, 2, 30, tzinfo=UTC), 0),
    ],
)
def test_the_hour_is_that_of_the_stores_clock(house: House, zone: str, at: datetime, hour: int) -> None:
    """Summer time and half hours included."""
    with standing(Shop(DAY, [], [], False), house):
        done(at, 1)
        frame = Frame(DAY, lambda seq: seq >= FIRST_ID, True, zone=ZoneInfo(zone))
        facts = [fact_named("hour", Subject.OPERATION)]
        [row] = db.session.execute(select(facts_about(Subject.OPERATION, frame, facts))).mappings().all()  # type: ignore[arg-type]
    assert row["hour"] == hour


def test_what_is_counted_of_a_day_begins_before_what_is_looked_at(house: House) -> None:
    """The third time of a day is the third, though the first two were looked at before."""
    times = fact_named("times_today", Subject.OPERATION)
    assert times is not None
    with standing(Shop(DAY, [], [], False), house):
        for seq, minute in enumerate((1, 2, 1438)):
            done(datetime(2026, 11, 22, minute // 60, minute % 60, tzinfo=UTC), seq)
        frame = Frame(DAY, lambda seq: seq == FIRST_ID + 2)
        [row] = db.session.execute(select(facts_about(Subject.OPERATION, frame, [times]))).mappings().all()
    assert row["times_today"] == 3


def test_what_the_house_does_by_itself_is_nobodys_doing(house: House) -> None:
    with standing(Shop(DAY, [], [], False), house):
        done(datetime(2026, 11, 22, tzinfo=UTC), 1, ActorKind.SYSTEM)
        frame = Frame(DAY, lambda seq: seq >= FIRST_ID)
        assert db.session.execute(select(facts_about(Subject.OPERATION, frame, []))).all() == []


def test_a_threshold_may_be_larger_than_anything_counted(house: House) -> None:
    """A count is an integer of 32 bits to PostgreSQL; what it is compared with may be longer."""
    numbers = (FactType.NUMBER, FactType.MONEY, FactType.DAYS)
    with standing(Shop(DAY, [], [], False), house):
        for subject in SUBJECTS:
            facts = [fact for fact in FACTS[subject] if fact.type in numbers]
            beyond = [Comparison(fact, Operator.AT_LEAST, (10**12,)) for fact in facts]
            frame = Frame(DAY, None, True, zone=HOME)
            assert db.session.execute(fulfilling(subject, frame, beyond, [])).all() == []
