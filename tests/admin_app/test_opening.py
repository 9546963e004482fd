"""What customers had before: brought over once, however often it is tried, and taken back whole."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from models.cards import Card, CardItem, CardStatus
from models.names import Name
from models.standing import Membership, TierChange
from models.value import AccountKind, LedgerEntry, Lot
from tests.cast import TODAY
from tests.salon_day import HYDRA, Salon, days_on

HOUSES = ("sqlite",)
"""What differs between the engines is tried in the neighbours and in ``tests/models``."""

K = AccountKind
ANNA: dict[str, Any] = {
    "row": 2,
    "member_no": "V001",
    "tier": "gold",
    "principal": 100_000,
    "points": 50,
    "sessions": 4,
}
BERTA: dict[str, Any] = {"row": 3, "member_no": "V002", "points": 7}


def bring(salon: Salon, *rows: dict[str, Any], **values: Any) -> dict[str, Any]:
    return salon.do(Name.OPEN_BALANCES, role="system", store=salon.ids["first"], rows=list(rows), **values)


def undo(salon: Salon, operation: int) -> dict[str, Any]:
    return salon.do(Name.UNDO_BALANCES, role="owner", operation=operation, why="表格错了")


def undone(salon: Salon, operation: int) -> tuple[str, str | None]:
    return salon.refused(Name.UNDO_BALANCES, role="owner", operation=operation, why="表格错了")


def test_balances_are_brought_over_as_opening_entries(salon: Salon) -> None:
    answer = bring(salon, ANNA, BERTA)
    assert (answer["created"], answer["unchanged"], answer["missing"]) == (2, 0, [])
    assert salon.has() == {K.PRINCIPAL: 100_000, K.POINTS: 50, K.SESSIONS: 4}
    assert salon.has("berta") == {K.POINTS: 7}
    assert salon.books() == {K.OPENING: -100_000, K.POINTS_ISSUED: -57, K.SESSIONS_ISSUED: -4}
    assert {row.operation_id for row in salon.rows(LedgerEntry)} == {answer["operation"]}
    assert salon.rows(Lot)[1].expires_on == date(2027, 12, 31)


def test_they_can_be_used(salon: Salon) -> None:
    bring(salon, ANNA)
    salon.sell("hydra", method="stored_value")
    item = salon.rows(CardItem)[0].id
    assert salon.redeem(item, sessions=3)["left"] == 1
    assert salon.refused(Name.REDEEM_SESSION, **salon.redemption(item, sessions=2)) == ("not_enough", "sessions")


def test_the_same_again_changes_nothing(salon: Salon) -> None:
    bring(salon, ANNA, BERTA)
    before = salon.entries()
    answer = bring(salon, ANNA, {**BERTA, "points": 8}, {"row": 4, "member_no": "V003", "points": 1})
    assert (answer["created"], answer["there"], answer["differing"]) == (1, [2], [3])
    assert salon.entries() == before + 2
    assert len(salon.rows(Card)) == 1


def test_several_cards_of_a_customer_come_together(salon: Salon) -> None:
    """The bonus of a row stands beside the money of the same row, and ends with its card."""
    until = date(2027, 6, 30)
    first = {**ANNA, "bonus": 600, "card": "储值卡"}
    second = {"row": 3, "member_no": "V001", "sessions": 12, "card": "祛痘12次卡", "valid_until": until, "bonus": 5}
    assert bring(salon, first, second)["created"] == 2
    assert salon.has() == {K.PRINCIPAL: 100_000, K.BONUS: 605, K.POINTS: 50, K.SESSIONS: 16}
    assert [card.name for card in salon.rows(Card)] == ["储值卡", "祛痘12次卡"]
    lots = {lot.id: lot for lot in salon.rows(Lot)}
    beside = [(lots[lot.beside_id].operation_id, lot.expires_on) for lot in lots.values() if lot.beside_id]
    assert beside == [(lots[1].operation_id, None)]
    assert [lot.expires_on for lot in lots.values() if lot.expires_on == until] == [until]
    again = bring(salon, first, second)
    assert (again["created"], again["there"], again["differing"]) == (0, [2, 3], [])


def test_a_tier_that_has_ended_is_not_given(salon: Salon) -> None:
    bring(salon, {**ANNA, "valid_until": date(2020, 3, 1)})
    assert salon.rows(Membership) == []
    assert salon.has()[K.PRINCIPAL] == 100_000


def test_a_tier_alone_is_brought_over_once_too(salon: Salon) -> None:
    row = {"row": 2, "member_no": "V001", "tier": "gold"}
    first, second = bring(salon, row), bring(salon, row)
    assert (first["created"], first["unchanged"]) == (1, 0)
    assert (second["created"], second["unchanged"]) == (0, 1)
    assert len(salon.rows(TierChange)) == 1


def test_whoever_is_not_known_is_told(salon: Salon) -> None:
    answer = bring(salon, {**ANNA, "member_no": "V999"})
    assert (answer["created"], answer["missing"]) == (0, [2])


@pytest.mark.parametrize(
    ("values", "until"),
    [
        ({}, date(2027, 11, 22)),
        ({"valid_until": date(2027, 3, 1)}, date(2027, 3, 1)),
        ({"lasts": True, "valid_until": date(2027, 3, 1)}, None),
    ],
)
def test_a_tier_is_held_until_its_day(salon: Salon, values: dict[str, Any], until: date | None) -> None:
    bring(salon, {**ANNA, **values})
    [held] = salon.rows(Membership)
    assert (held.tier, held.since, held.valid_until, held.ended_on) == ("gold", TODAY, until, None)
    [change] = salon.rows(TierChange)
    assert (change.from_tier, change.to_tier, change.evidence) == (None, "gold", {"brought_over": "gold"})


def test_a_tier_held_already_makes_room(salon: Salon) -> None:
    salon.give_tier("silver")
    bring(salon, ANNA)
    assert [(row.tier, row.ended_on) for row in salon.rows(Membership)] == [("silver", TODAY), ("gold", None)]
    assert salon.rows(TierChange)[0].from_tier == "silver"


def test_the_same_tier_stays(salon: Salon) -> None:
    salon.give_tier("gold")
    bring(salon, ANNA)
    assert len(salon.rows(Membership)) == 1
    assert salon.rows(TierChange) == []


@pytest.mark.parametrize(
    ("until", "ends"), [(None, None), (date(2027, 1, 1), date(2027, 1, 1)), (date(2026, 11, 21), date(2026, 11, 21))]
)
def test_old_sessions_stand_on_a_card_of_their_own(salon: Salon, until: date | None, ends: date | None) -> None:
    bring(salon, {**ANNA, "valid_until": until}, {**BERTA, "sessions": 2})
    first, second = salon.rows(Card)
    assert (first.sold_for, first.expires_on) == (0, ends)
    assert [item.value for item in salon.rows(CardItem)] == [0, 0]
    assert len({item.service_id for item in salon.rows(CardItem)}) == 1
    assert second.customer_id == salon.ids["berta"]


def test_a_closed_day_takes_none(salon: Salon) -> None:
    salon.do(Name.CLOSE_DAY, store=salon.ids["first"], counted=0)
    asked = {"store": salon.ids["first"], "rows": [ANNA]}
    assert salon.refused(Name.OPEN_BALANCES, role="system", **asked) == ("closed", None)


# ------------------------------------------------------------------------------------------------------ taken back


def test_they_are_taken_back_whole_and_may_come_again(salon: Salon) -> None:
    operation = bring(salon, ANNA, BERTA)["operation"]
    with days_on(1):
        assert undo(salon, operation) == {"customers": 2}
    assert salon.has() == {}
    assert salon.has("berta") == {}
    assert salon.books() == {}
    assert [card.status for card in salon.rows(Card)] == [CardStatus.REVERSED]
    assert bring(salon, ANNA)["created"] == 1
    assert salon.has() == {K.PRINCIPAL: 100_000, K.POINTS: 50, K.SESSIONS: 4}
    assert [card.status for card in salon.rows(Card)] == [CardStatus.REVERSED, CardStatus.LIVE]


def test_once(salon: Salon) -> None:
    operation = bring(salon, ANNA)["operation"]
    undo(salon, operation)
    assert undone(salon, operation) == ("again", "operation")


def test_only_what_was_brought_over(salon: Salon) -> None:
    salon.sell("hydra")
    sale = salon.rows(LedgerEntry)[0].operation_id
    assert undone(salon, sale) == ("missing", "operation")
    assert undone(salon, 99_999) == ("missing", "operation")
    nothing = bring(salon, {**ANNA, "member_no": "V999"})["operation"]
    assert undone(salon, nothing) == ("again", "operation")


@pytest.mark.parametrize("what", ["principal", "sessions"])
def test_what_was_used_since_stays(salon: Salon, what: str) -> None:
    operation = bring(salon, {**ANNA, "tier": None})["operation"]
    if what == "principal":
        salon.sell("hydra", payments=[{"method": "stored_value", "amount": 1}, {"method": "cash", "amount": HYDRA - 1}])
    else:
        salon.redeem(salon.rows(CardItem)[0].id)
    assert undone(salon, operation) == ("used", None)
    assert salon.has()[K.SESSIONS] >= 3
