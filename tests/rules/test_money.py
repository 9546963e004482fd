"""What the rules make of money: prices, what is granted, what is taken first, what goes back, what the staff earn."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.sales import LineKind, ShareManner, SharePart, ShareRole
from rules.decisions.fees import Earned, Work, earned, lead_and_assistant
from rules.decisions.pricing import Priced, Shares, Wanted, needs_approval, price, share_of
from rules.decisions.value import (
    COOLING_OFF,
    Purse,
    bonus_for,
    bonus_until,
    burn,
    card_refund,
    points_for,
    points_until,
    session_worth,
    soonest_first,
    spread,
)
from rules.documents.till import CommissionsDocument, PointsDocument, RechargeDocument
from rules.language.reading import read_document
from tests.rules.texts import SHIPPED

TODAY = date(2026, 11, 22)
RECHARGE = read_document(RechargeDocument, SHIPPED["recharge"], "recharge.yaml")
POINTS = read_document(PointsDocument, SHIPPED["points"], "points.yaml")
COMMISSIONS = read_document(CommissionsDocument, SHIPPED["commissions"], "commissions.yaml")
FEN = st.integers(0, 10**9)
PERMILLE = st.integers(0, 1000)

# ------------------------------------------------------------------------------------------------------- prices


@pytest.mark.parametrize(
    ("amount", "permille", "part"),
    [(5, 900, 5), (4, 900, 4), (1, 499, 0), (1, 500, 1), (29_800, 950, 28_310), (333, 880, 293), (0, 850, 0)],
)
def test_a_share_is_rounded_half_up(amount: int, permille: int, part: int) -> None:
    assert share_of(amount, permille) == part


@given(FEN, PERMILLE)
def test_a_share_is_within_half_a_fen(amount: int, permille: int) -> None:
    exact = Fraction(amount * permille, 1000)
    assert -Fraction(1, 2) < share_of(amount, permille) - exact <= Fraction(1, 2)


TIER = Shares(services=600, products=950, floor=650)
USUAL: dict[LineKind, int] = {
    LineKind.SERVICE: 650,
    LineKind.PRODUCT: 950,
    LineKind.CARD: 1000,
    LineKind.RECHARGE: 1000,
    LineKind.DEPOSIT: 1000,
}


@pytest.mark.parametrize("kind", LineKind)
def test_the_tier_pays_its_share_of_services_and_goods_and_never_less_than_the_floor(kind: LineKind) -> None:
    assert price(Wanted(kind, 1000), TIER) == Priced(1000, 1, USUAL[kind], USUAL[kind])


def test_a_special_is_at_list_price() -> None:
    assert price(Wanted(LineKind.SERVICE, 1000, special=True), TIER).amount == 1000


def test_a_price_by_hand_is_for_one_piece() -> None:
    priced = price(Wanted(LineKind.PRODUCT, 1000, 3, price=900), TIER)
    assert (priced.amount, priced.usual, priced.discount, priced.changed) == (2700, 2850, 300, True)
    same = price(Wanted(LineKind.PRODUCT, 1000, 3, price=950), TIER)
    assert (same.amount, same.changed) == (2850, False)


@given(FEN, st.integers(1, 99), PERMILLE, PERMILLE)
def test_a_line_adds_up(listed: int, quantity: int, services: int, floor: int) -> None:
    priced = price(Wanted(LineKind.SERVICE, listed, quantity), Shares(services, 1000, floor))
    assert priced.amount == priced.unit_price * quantity - priced.discount
    assert 0 <= priced.discount <= listed * quantity
    assert not priced.changed


@pytest.mark.parametrize(
    ("amounts", "below", "needed"),
    [
        ([1000, 1000], 1000, False),
        ([1000, 999], 1000, True),
        ([800], 800, False),
        ([799], 800, True),
        ([1001], 1000, False),
        ([], 1000, False),
    ],
)
def test_below_what_she_would_pay_somebody_is_asked(amounts: list[int], below: int, needed: bool) -> None:
    assert needs_approval([Priced(1000, 1, amount, 1000) for amount in amounts], below) is needed


# ------------------------------------------------------------------------------------------------------- granted


@pytest.mark.parametrize(
    ("paid", "bonus"),
    [
        (0, 0),
        (99_999, 0),
        (100_000, 5_000),
        (199_999, 5_000),
        (200_000, 16_000),
        (299_999, 16_000),
        (300_000, 30_000),
        (499_999, 30_000),
        (500_000, 60_000),
        (10**9, 60_000),
    ],
)
def test_the_bonus_of_a_recharge(paid: int, bonus: int) -> None:
    assert bonus_for(paid, RECHARGE) == bonus


@pytest.mark.parametrize(
    ("day", "last"),
    [(TODAY, date(2028, 11, 22)), (date(2028, 2, 29), date(2030, 2, 28)), (date(2026, 12, 31), date(2028, 12, 31))],
)
def test_the_bonus_ends_after_its_months(day: date, last: date) -> None:
    assert bonus_until(day, RECHARGE) == last


@pytest.mark.parametrize(
    ("paid", "rate", "points"),
    [(99, 1000, 0), (100, 1000, 1), (199, 1000, 1), (84, 1200, 1), (83, 1200, 0), (29_800, 1500, 447), (0, 2000, 0)],
)
def test_points_are_rounded_down(paid: int, rate: int, points: int) -> None:
    assert points_for(paid, rate, POINTS) == points


def test_points_end_with_a_year() -> None:
    assert points_until(date(2026, 1, 1), POINTS) == points_until(date(2026, 12, 31), POINTS) == date(2027, 12, 31)


# --------------------------------------------------------------------------------------------------------- taken


@st.composite
def purses(draw: st.DrawFn) -> list[Purse]:
    days = st.none() | st.integers(0, 400).map(lambda days: TODAY + timedelta(days))
    found = []
    for place in range(draw(st.integers(0, 5))):
        kept = draw(st.sampled_from(("both", "principal", "bonus")))
        principal = draw(st.integers(0, 500)) if kept != "bonus" else 0
        bonus = draw(st.integers(0, 500)) if kept != "principal" else 0
        number = None if kept == "bonus" else 2 * place + 1
        found.append(Purse(number, principal, 2 * place + 2 if bonus else None, bonus, draw(days)))
    return found


@given(purses(), st.integers(0, 3000), st.booleans())
def test_what_is_taken_comes_to_the_amount_exactly(held: list[Purse], amount: int, bonus_too: bool) -> None:
    there = sum(purse.whole if bonus_too else purse.principal for purse in held)
    taken = burn(held, amount, bonus_too=bonus_too)
    if amount > there:
        assert taken is None
        return
    assert taken is not None
    assert sum(part for _, part in taken) == amount
    left = {purse.principal_lot: purse.principal for purse in held} | {
        purse.bonus_lot: purse.bonus for purse in held if purse.bonus_lot
    }
    assert all(0 < part <= left[lot] for lot, part in taken)
    assert len({lot for lot, _ in taken}) == len(taken)
    assert bonus_too or not {lot for lot, _ in taken} & {purse.bonus_lot for purse in held}


SOON, LATER = TODAY, TODAY + timedelta(1)
BURNT: dict[str, tuple[list[Purse], int, bool, list[tuple[int, int]] | None]] = {
    "in proportion": ([Purse(1, 1000, 2, 50, SOON)], 105, True, [(1, 100), (2, 5)]),
    "the bonus rounded down": ([Purse(1, 1000, 2, 50, SOON)], 104, True, [(1, 100), (2, 4)]),
    "all of it": ([Purse(1, 1000, 2, 50, SOON)], 1050, True, [(1, 1000), (2, 50)]),
    "goods from principal alone": ([Purse(1, 1000, 2, 50, SOON)], 105, False, [(1, 105)]),
    "goods for more than the principal": ([Purse(1, 1000, 2, 50, SOON)], 1001, False, None),
    "the soonest to end first": (
        [Purse(1, 9), Purse(3, 9, 4, 9, LATER), Purse(5, 9, 6, 9, SOON)],
        20,
        True,
        [(5, 9), (6, 9), (3, 1), (4, 1)],
    ),
    "without an end last, the oldest first": ([Purse(3, 9), Purse(1, 9)], 10, True, [(1, 9), (3, 1)]),
    "bonus alone": ([Purse(None, 0, 2, 9, SOON)], 5, True, [(2, 5)]),
    "nothing": ([Purse(1, 9)], 0, True, []),
    "too little": ([Purse(1, 9)], 10, True, None),
}


@pytest.mark.parametrize("case", BURNT)
def test_what_is_taken_first(case: str) -> None:
    held, amount, bonus_too, taken = BURNT[case]
    assert burn(held, amount, bonus_too=bonus_too) == taken


@pytest.mark.parametrize(
    ("amount", "taken"),
    [(0, []), (3, [(2, 3)]), (6, [(2, 5), (3, 1)]), (10, [(2, 5), (3, 5)]), (11, [(2, 5), (3, 5), (1, 1)]), (16, None)],
)
def test_lots_go_the_soonest_to_end_first(amount: int, taken: list[tuple[int, int]] | None) -> None:
    assert soonest_first([(1, 5, None), (2, 5, SOON), (4, 0, SOON), (3, 5, LATER)], amount) == taken


# ------------------------------------------------------------------------------------------------------- cards


@given(FEN, st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_a_total_is_spread_without_rest(total: int, weights: list[int]) -> None:
    parts = spread(total, weights)
    assert sum(parts) == total
    assert len(parts) == len(weights)
    whole = sum(weights)
    if whole:
        assert all(
            abs(part - Fraction(total * weight, whole)) <= 1 for part, weight in zip(parts, weights, strict=True)
        )


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [(100, [1, 1, 1], [34, 33, 33]), (101, [1, 1, 1], [34, 34, 33]), (7, [0, 0], [7, 0]), (10, [3, 0, 1], [8, 0, 2])],
)
def test_what_rounding_leaves_goes_to_the_first(total: int, weights: list[int], parts: list[int]) -> None:
    assert spread(total, weights) == parts


@given(FEN, st.integers(1, 99))
def test_sessions_come_to_the_worth_of_the_card(worth: int, sessions: int) -> None:
    rest, taken = worth, []
    for left in range(sessions, 0, -1):
        taken.append(session_worth(rest, left))
        rest -= taken[-1]
    assert rest == 0
    assert max(taken) - min(taken) <= 1


@pytest.mark.parametrize(
    ("rest", "used", "days", "back", "fresh"),
    [
        (1000, 0, 0, 1000, True),
        (1000, 0, COOLING_OFF, 1000, True),
        (1000, 0, COOLING_OFF + 1, 1000, False),
        (900, 1, 0, 900, False),
        (0, 10, 0, 0, False),
        (1001, 0, 0, 1001, True),
    ],
)
def test_a_refund_is_what_is_left(rest: int, used: int, days: int, back: int, fresh: bool) -> None:
    working = card_refund(1000, rest, used, TODAY, TODAY + timedelta(days))
    assert (working.back, working.unused_within_days, working.paid - working.used) == (back, fresh, rest)


def test_nothing_is_asked_of_her_for_a_refund() -> None:
    assert card_refund(1000, -1, 11, TODAY, TODAY).back == 0


# ------------------------------------------------------------------------------------------------------- the staff


def work(**values: object) -> Work:
    usual: dict[str, object] = {
        "kind": LineKind.SERVICE,
        "role": ShareRole.PERFORMER,
        "part": SharePart.LEAD,
        "manner": ShareManner.IN_TURN,
        "permille": 1000,
        "amount": 29_800,
        "quantity": 1,
        "service": "补水",
        "service_fee": 2_500,
    }
    return Work(**{**usual, **values})  # type: ignore[arg-type]


SPA = {"service": "全身 SPA", "service_fee": 4_500}
FEES: dict[str, tuple[dict[str, object], int, tuple[tuple[str, int], ...]]] = {
    "in turn": ({}, 2_500, (("fee", 2_500),)),
    "twice": ({"quantity": 2}, 5_000, (("fee", 5_000),)),
    "overtime": ({"manner": ShareManner.OVERTIME}, 2_500, (("fee", 2_500),)),
    "asked for by name": ({"manner": ShareManner.NAMED}, 2_750, (("fee", 2_500), ("named", 1100))),
    "a beginner": ({"level": "初级"}, 2_250, (("fee", 2_500), ("level", 900))),
    "the usual level": ({"level": "中级"}, 2_500, (("fee", 2_500),)),
    "a level not in the list": ({"level": "首席"}, 2_500, (("fee", 2_500),)),
    "a senior": ({"level": "高级"}, 3_000, (("fee", 2_500), ("level", 1200))),
    "the lead": ({"permille": 700}, 1_750, (("fee", 2_500), ("share", 700))),
    "a fee of her level's own": ({**SPA, "level": "高级"}, 5_000, (("fee", 5_000),)),
    "a fee that is not of her level": ({**SPA, "level": "初级"}, 4_050, (("fee", 4_500), ("level", 900))),
    "all at once": (
        {"level": "高级", "manner": ShareManner.NAMED, "permille": 300, "quantity": 2},
        1_980,
        (("fee", 5_000), ("level", 1200), ("named", 1100), ("share", 300)),
    ),
}


@pytest.mark.parametrize("case", FEES)
def test_the_manual_fee_and_why(case: str) -> None:
    values, fee, because = FEES[case]
    one = work(**values)
    assert earned(COMMISSIONS, one) == Earned(0, share_of(29_800, one.permille), fee, because)


def test_a_fee_of_ones_own_level_goes_before_that_of_all() -> None:
    text = SHIPPED["commissions"] + "  - {service: 全身 SPA, fee: 46}\n"
    document = read_document(CommissionsDocument, text, "commissions.yaml")
    assert [earned(document, work(**SPA, level=level)).fee for level in ("高级", "初级", None)] == [5_000, 4_600, 4_600]


@pytest.mark.parametrize(
    ("kind", "rate", "fee"),
    [
        (LineKind.RECHARGE, 30, 894),
        (LineKind.CARD, 50, 1_490),
        (LineKind.PRODUCT, 80, 2_384),
        (LineKind.SERVICE, 0, 0),
        (LineKind.DEPOSIT, 0, 0),
    ],
)
def test_whoever_sold_it_has_a_share_of_the_money(kind: LineKind, rate: int, fee: int) -> None:
    found = earned(COMMISSIONS, work(kind=kind, role=ShareRole.SELLER))
    assert found == Earned(29_800, 0, fee, (("amount", 29_800), ("share", 1000), ("rate", rate)))


def test_lead_and_assistant_have_the_whole_together() -> None:
    assert lead_and_assistant(COMMISSIONS, assisted=False) == [(SharePart.LEAD, 1000)]
    assert lead_and_assistant(COMMISSIONS, assisted=True) == [(SharePart.LEAD, 700), (SharePart.ASSISTANT, 300)]
