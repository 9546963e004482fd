"""What the customers of a small salon hold and have agreed: balances, cards, bookings; at random, as rows, by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from models.booking import Appointment, AppointmentSource, AppointmentStatus
from models.cards import Card, CardItem
from models.value import COMMODITY, IN_LOTS, OWED_BY_HER, Account, AccountKind, LedgerEntry, Lot
from tests.cast import NOON

KINDS = (
    AccountKind.PRINCIPAL,
    AccountKind.BONUS,
    AccountKind.DEPOSIT,
    AccountKind.POINTS,
    AccountKind.RECEIVABLE,
)


@dataclass
class Balance:
    """What came onto one account, and what went off it after that: pairs of days ago and how much; its lot's end."""

    who: int
    kind: AccountKind
    moves: list[tuple[int, int]]
    ends: int | None = None


@dataclass
class HeldCard:
    who: int
    ends: int | None
    moves: list[tuple[int, int]]
    worth: list[tuple[int, int]]


@dataclass
class Booked:
    who: int
    on: int
    booked: int
    status: AppointmentStatus
    ended: int | None


@dataclass
class Belongings:
    balances: list[Balance] = field(default_factory=list)
    cards: list[HeldCard] = field(default_factory=list)
    bookings: list[Booked] = field(default_factory=list)


# -------------------------------------------------------------------------------------------------- at random


@st.composite
def moves(draw: st.DrawFn, ago: st.SearchStrategy[int], most: int) -> list[tuple[int, int]]:
    """First what comes, then at most as much that goes, on whatever days."""
    comes = draw(st.lists(st.tuples(ago, st.integers(1, most)), min_size=1, max_size=3))
    goes = draw(st.integers(0, sum(amount for _, amount in comes)))
    return [*comes, (draw(ago), -goes)] if goes else comes


@st.composite
def belongings(draw: st.DrawFn, who: st.SearchStrategy[int], ago: st.SearchStrategy[int]) -> Belongings:
    found, ends = Belongings(), st.one_of(st.none(), ago)
    for person, kind in sorted(draw(st.sets(st.tuples(who, st.sampled_from(KINDS)), max_size=5))):
        lot_ends = draw(ends) if kind in IN_LOTS else None
        found.balances.append(Balance(person, kind, draw(moves(ago, 999_999)), lot_ends))
    found.cards = draw(st.lists(st.builds(HeldCard, who, ends, moves(ago, 12), moves(ago, 99_999)), max_size=4))
    statuses = st.sampled_from(list(AppointmentStatus))
    for one in draw(st.lists(st.builds(Booked, who, ago, ago, statuses, ago), max_size=4)):
        one.booked = max(one.booked, one.on)
        off = one.status in {AppointmentStatus.CANCELLED, AppointmentStatus.NO_SHOW}
        one.ended = one.ended if off else None
        found.bookings.append(one)
    return found


# ---------------------------------------------------------------------------------------------- in the database


def write(rows: Any, found: Belongings, day: Callable[[int], date], first_id: int, store: int, service: int) -> None:
    """Add the rows; the entries are one-sided, which is seen only when an operation ends."""
    for balance in found.balances:
        _account(rows, balance.kind, first_id + balance.who, balance.moves, day, store, ends=balance.ends)
    for card in found.cards:
        _card(rows, card, day, first_id, store, service)
    for one in found.bookings:
        rows.add(
            Appointment,
            public_id=f"b{len(rows.rows.get(Appointment, []))}",
            customer_id=first_id + one.who,
            store_id=store,
            starts_at=NOON,
            ends_at=NOON + timedelta(hours=1),
            business_day=day(one.on),
            booked_on=day(one.booked),
            source=AppointmentSource.PHONE,
            status=one.status,
            ended_on=None if one.ended is None else day(one.ended),
        )


def _account(
    rows: Any,
    kind: AccountKind,
    customer: int,
    made: list[tuple[int, int]],
    day: Callable[[int], date],
    store: int,
    item: int | None = None,
    ends: int | None = None,
) -> None:
    account = rows.add(
        Account, kind=kind, commodity=COMMODITY[kind], customer_id=customer, card_item_id=item, version=1
    )
    lot = None
    if kind in IN_LOTS:
        values = {"account_id": account, "customer_id": customer, "store_id": store, "operation_id": 1}
        lot = rows.add(Lot, **values, granted_on=day(3_000), expires_on=None if ends is None else day(ends))
    for ago, amount in made:
        rows.add(
            LedgerEntry,
            operation_id=1,
            account_id=account,
            customer_id=customer,
            amount=-amount if kind in OWED_BY_HER else amount,
            lot_id=lot,
            store_id=store,
            business_day=day(ago),
        )


def _card(rows: Any, card: HeldCard, day: Callable[[int], date], first_id: int, store: int, service: int) -> None:
    made = rows.add(
        Card,
        public_id=f"c{len(rows.rows.get(Card, []))}",
        customer_id=first_id + card.who,
        store_id=store,
        name="卡",
        sold_for=0,
        opened_on=day(3_000),
        expires_on=None if card.ends is None else day(card.ends),
        everywhere=True,
        status="live",
        version=1,
    )
    item = rows.add(CardItem, card_id=made, service_id=service, sessions=1, value=0)
    _account(rows, AccountKind.SESSIONS, first_id + card.who, card.moves, day, store, item)
    _account(rows, AccountKind.CARD, first_id + card.who, card.worth, day, store, item)


# ------------------------------------------------------------------------------------------------------ by hand


def _is_over(ends: int | None) -> bool:
    """Whether its last day lies before the day looked at."""
    return ends is not None and ends > 0


@dataclass
class Counted:
    """One customer's belongings, counted one by one; ``hers`` says whose count for her."""

    found: Belongings
    hers: Callable[[int], bool]

    def standing(self, *kinds: AccountKind) -> int:
        own = [
            one for one in self.found.balances if self.hers(one.who) and one.kind in kinds and not _is_over(one.ends)
        ]
        return sum(amount for one in own for ago, amount in one.moves if ago >= 0)

    def worth(self) -> int:
        cards = [one for one in self.found.cards if self.hers(one.who) and not _is_over(one.ends)]
        return sum(amount for one in cards for ago, amount in one.worth if ago >= 0)

    def live(self) -> list[tuple[int, int | None]]:
        """Sessions left and days to the end of each card that can be used."""
        cards = [one for one in self.found.cards if self.hers(one.who) and not _is_over(one.ends)]
        left = [(sum(amount for ago, amount in one.moves if ago >= 0), one.ends) for one in cards]
        return [(count, None if ends is None else -ends) for count, ends in left if count > 0]

    def booked(self) -> int:
        return int(
            any(
                one.booked >= 0 and one.on <= 0 and (one.ended is None or one.ended < 0)
                for one in self.found.bookings
                if self.hers(one.who)
            )
        )

    def no_shows(self, days: int) -> int:
        return sum(
            one.status is AppointmentStatus.NO_SHOW and one.booked >= 0 and 0 <= one.on < days
            for one in self.found.bookings
            if self.hers(one.who)
        )
