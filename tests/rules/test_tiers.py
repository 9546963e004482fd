"""Whether a tier moves, and whither: one line of the table for each boundary."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from models.standing import TierMove
from rules.decisions.tiers import (
    Held,
    Move,
    benefits,
    decide,
    lacks,
    months_later,
    next_tier,
    tier_for,
    ways_to_keep,
    will_fall,
)
from rules.documents.tiers import TiersDocument
from rules.language.reading import read_document
from tests.rules.texts import SHIPPED, condition

TODAY = date(2026, 11, 22)
NEXT_YEAR = date(2027, 11, 22)
DIAMOND, PLATINUM, GOLD, SILVER, BASIC = range(5)
NAMES = ("diamond", "platinum", "gold", "silver", "basic")
GRACE = 30


def document(downgrade: str = "one_down", grace: str = "30d", valid: str = "12mo") -> TiersDocument:
    text = SHIPPED["tiers"].replace("downgrade: one_down", f"downgrade: {downgrade}")
    text = text.replace("grace: 30d", f"grace: {grace}").replace("valid: 12mo", f"valid: {valid}")
    return read_document(TiersDocument, text, "tiers.yaml")


def moved(
    held: int | None, entered: int, *, keeps: bool = False, ended: int | None = None, downgrade: str = "one_down"
) -> Move | None:
    """What happens today to somebody whose tier ran out ``ended`` days ago (below zero: has so many days left)."""
    until = None if ended is None else TODAY - timedelta(ended)
    tier = None if held is None else Held(NAMES[held], until)
    return decide(document(downgrade), tier, entered, keeps, TODAY)


def expected(kind: TierMove, rank: int) -> Move:
    return Move(kind, NAMES[rank], None if rank == BASIC else NEXT_YEAR)


# ------------------------------------------------------------------------------------------------ first and up


@pytest.mark.parametrize("entered", range(5))
def test_the_first_tier_is_the_one_she_enters(entered: int) -> None:
    assert moved(None, entered) == expected(TierMove.FIRST, entered)


@pytest.mark.parametrize(
    ("held", "entered"), [(held, entered) for held in range(5) for entered in range(5) if entered < held]
)
@pytest.mark.parametrize("ended", [-300, 0, 1, 400])
@pytest.mark.parametrize("downgrade", ["one_down", "to_match", "never"])
def test_up_goes_at_once_whatever_is_left(held: int, entered: int, ended: int, downgrade: str) -> None:
    found = moved(held, entered, ended=ended, downgrade=downgrade)
    assert found == expected(TierMove.UP, entered)


# ------------------------------------------------------------------------------------------------- at the end


@pytest.mark.parametrize(
    ("ended", "keeps", "move"),
    [
        (-1, False, None),
        (-1, True, None),
        (0, False, None),  # the last day still counts
        (0, True, None),
        (1, True, expected(TierMove.RENEWED, GOLD)),
        (1, False, None),  # grace
        (GRACE, False, None),
        (GRACE, True, expected(TierMove.RENEWED, GOLD)),
        (GRACE + 1, True, expected(TierMove.RENEWED, GOLD)),
        (GRACE + 1, False, expected(TierMove.DOWN, SILVER)),
        (400, False, expected(TierMove.DOWN, SILVER)),
    ],
)
def test_gold_that_would_enter_nothing_better_than_basic(ended: int, keeps: bool, move: Move | None) -> None:
    assert moved(GOLD, BASIC, keeps=keeps, ended=ended) == move


@pytest.mark.parametrize("ended", [1, GRACE, GRACE + 1])
def test_whoever_would_enter_her_tier_anew_keeps_it(ended: int) -> None:
    assert moved(GOLD, GOLD, keeps=False, ended=ended) == expected(TierMove.RENEWED, GOLD)


@pytest.mark.parametrize(
    ("downgrade", "held", "entered", "move"),
    [
        ("one_down", DIAMOND, BASIC, expected(TierMove.DOWN, PLATINUM)),
        ("one_down", DIAMOND, GOLD, expected(TierMove.DOWN, PLATINUM)),
        ("one_down", SILVER, BASIC, expected(TierMove.DOWN, BASIC)),
        ("to_match", DIAMOND, BASIC, expected(TierMove.DOWN, BASIC)),
        ("to_match", DIAMOND, GOLD, expected(TierMove.DOWN, GOLD)),
        ("to_match", DIAMOND, PLATINUM, expected(TierMove.DOWN, PLATINUM)),
        ("never", DIAMOND, BASIC, expected(TierMove.RENEWED, DIAMOND)),
        ("never", SILVER, BASIC, expected(TierMove.RENEWED, SILVER)),
    ],
)
def test_whither_down(downgrade: str, held: int, entered: int, move: Move) -> None:
    assert moved(held, entered, ended=GRACE + 1, downgrade=downgrade) == move


def test_never_renews_without_waiting_for_the_grace() -> None:
    assert moved(DIAMOND, BASIC, ended=1, downgrade="never") == expected(TierMove.RENEWED, DIAMOND)


def test_without_grace_it_ends_the_day_after() -> None:
    rules = document(grace="0d")
    assert decide(rules, Held("gold", TODAY), BASIC, False, TODAY) is None
    gone = decide(rules, Held("gold", TODAY - timedelta(1)), BASIC, False, TODAY)
    assert gone == expected(TierMove.DOWN, SILVER)


# --------------------------------------------------------------------------------------------- the lowest tier


def test_the_lowest_has_no_validity_and_does_not_move() -> None:
    assert moved(BASIC, BASIC) is None
    assert moved(BASIC, BASIC, keeps=True) is None


@pytest.mark.parametrize("downgrade", ["one_down", "to_match", "never"])
def test_there_is_nothing_below_the_lowest(downgrade: str) -> None:
    """Even where an older version of the rules gave it a validity."""
    assert moved(BASIC, BASIC, ended=400, downgrade=downgrade) == expected(TierMove.RENEWED, BASIC)


def test_what_is_held_for_good_is_not_looked_at() -> None:
    assert moved(GOLD, BASIC) is None


@pytest.mark.parametrize("entered", range(5))
def test_a_tier_that_is_gone_from_the_rules_is_left_at_once(entered: int) -> None:
    found = decide(document(), Held("copper", TODAY + timedelta(99)), entered, True, TODAY)
    assert found == expected(TierMove.DOWN, entered)


def test_one_tier_alone_is_everybodys() -> None:
    text = "version: 1\nvalid: 12mo\ndowngrade: one_down\ngrace: 0d\nnotice: 0d\ntiers: [{id: all, name: 大家}]\n"
    rules = read_document(TiersDocument, text, "t")
    assert decide(rules, None, 0, False, TODAY) == Move(TierMove.FIRST, "all", None)
    assert decide(rules, Held("all", None), 0, False, TODAY) is None


# ------------------------------------------------------------------------------------------------------ notice


def falls(held: int, entered: int, *, left: int | None, keeps: bool = False, downgrade: str = "one_down") -> bool:
    """Whether she is told today, ``left`` days before the end."""
    ends = None if left is None else TODAY + timedelta(left)
    return will_fall(document(downgrade), Held(NAMES[held], ends), entered, keeps, TODAY)


@pytest.mark.parametrize(("left", "told"), [(31, False), (30, True), (1, True), (0, True), (-1, True), (None, False)])
def test_she_is_told_from_the_first_day_of_the_notice(left: int | None, told: bool) -> None:
    assert falls(GOLD, BASIC, left=left) is told


def test_who_keeps_it_enters_it_anew_or_cannot_fall_is_told_nothing() -> None:
    assert not falls(GOLD, BASIC, left=10, keeps=True)
    assert not falls(GOLD, GOLD, left=10)
    assert not falls(GOLD, PLATINUM, left=10)
    assert not falls(GOLD, BASIC, left=10, downgrade="never")
    assert not will_fall(document(), Held("copper", TODAY), BASIC, False, TODAY)


def test_what_keeps_it_is_said_to_the_fen_and_only_when_the_end_is_near() -> None:
    def ways(paid: int, left: int) -> list[list[tuple[str, int]]]:
        found = ways_to_keep(document(), Held("gold", TODAY + timedelta(left)), {"paid_365d": paid}, TODAY)
        return [[(lack.leaf.fact.name, lack.much) for lack in way] for way in found]

    assert ways(599_999, 30) == [[("paid_365d", 1)]]
    assert ways(599_999, 31) == []
    assert ways(600_000, 30) == []
    assert ways_to_keep(document(), None, {}, TODAY) == []


# ------------------------------------------------------------------------------------------------------ months


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2028, 1, 30), 1, date(2028, 2, 29)),
        (date(2027, 1, 29), 1, date(2027, 2, 28)),
        (date(2026, 3, 31), 1, date(2026, 4, 30)),
        (date(2026, 12, 31), 1, date(2027, 1, 31)),
        (date(2026, 12, 31), 2, date(2027, 2, 28)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2028, 2, 29), 48, date(2032, 2, 29)),
        (date(2026, 11, 22), 12, date(2027, 11, 22)),
        (date(2026, 11, 22), 0, date(2026, 11, 22)),
        (date(2026, 1, 1), 120, date(2036, 1, 1)),
        (date(2100, 1, 31), 1, date(2100, 2, 28)),
    ],
)
def test_months_later(day: date, months: int, later: date) -> None:
    assert months_later(day, months) == later


def test_months_later_is_never_earlier_and_always_in_that_month() -> None:
    day = date(2027, 1, 1)
    while day < date(2029, 1, 1):
        for months in (1, 6, 12, 13):
            later = months_later(day, months)
            assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
            assert later.day == day.day or (later + timedelta(1)).day == 1
        day += timedelta(1)


def test_the_validity_runs_from_the_day_of_the_move() -> None:
    found = decide(document(valid="1mo"), None, GOLD, False, date(2028, 1, 31))
    assert found == Move(TierMove.FIRST, "gold", date(2028, 2, 29))


# -------------------------------------------------------------------------------------------- what she would be


@pytest.mark.parametrize(
    ("paid", "tier"),
    [
        (0, "basic"),
        (299_999, "basic"),
        (300_000, "silver"),
        (300_001, "silver"),
        (799_999, "silver"),
        (800_000, "gold"),
        (1_999_999, "gold"),
        (2_000_000, "platinum"),
        (4_999_999, "platinum"),
        (5_000_000, "diamond"),
        (5_000_001, "diamond"),
    ],
)
def test_a_tier_begins_at_its_threshold_to_the_fen(paid: int, tier: str) -> None:
    assert tier_for(document(), {"paid_365d": paid}).id == tier


def test_benefits_are_the_tiers_own_with_the_version_that_says_so() -> None:
    gold = document().tier("gold")
    assert gold is not None
    hers = benefits(document(), "gold", 7)
    assert (hers.services, hers.products, hers.points_rate) == (gold.services, gold.products, gold.points_rate)
    assert (hers.tier, hers.birthday, hers.exclusive) == ("gold", gold.birthday, tuple(gold.exclusive))
    assert hers.rule_version_id == 7


@pytest.mark.parametrize("held", [None, "copper"])
def test_who_has_no_tier_or_one_that_is_gone_has_nothing_off(held: str | None) -> None:
    none = benefits(document(), held, 7)
    assert (none.tier, none.services, none.products, none.points_rate, none.birthday) == (None, 1000, 1000, 1000, "")


def missing(held: str | None, facts: dict[str, int]) -> tuple[str, list[list[tuple[str, int]]]] | None:
    found = next_tier(document(), held, facts)
    return found and (found[0].id, [[(lack.leaf.fact.name, lack.much) for lack in way] for way in found[1]])


def test_how_far_it_is_to_the_tier_above() -> None:
    facts = {"paid_365d": 666_000, "largest_recharge_365d": 100_000}
    assert missing("silver", facts) == ("gold", [[("paid_365d", 134_000)], [("largest_recharge_365d", 400_000)]])
    assert missing("platinum", {"paid_365d": 4_999_999}) == ("diamond", [[("paid_365d", 1)]])
    assert missing("platinum", {}) == ("diamond", [[("paid_365d", 5_000_000)]])


def test_nothing_is_missing_at_the_top_or_where_it_is_fulfilled() -> None:
    assert missing("diamond", {}) is None
    assert missing("platinum", {"paid_365d": 5_000_000}) == ("diamond", [[]])


def test_whoever_has_no_tier_yet_is_below_the_lowest() -> None:
    assert missing(None, {}) is None


def test_all_that_is_missing_is_told_together_and_what_cannot_be_had_is_no_way() -> None:
    both = condition("{all: [{paid_90d: {at_least: 10}}, {visits_90d: {more_than: 3}}]}")
    [way] = lacks(both, {"visits_90d": 1})
    assert [(one.leaf.fact.name, one.much) for one in way] == [("paid_90d", 1000), ("visits_90d", 3)]
    assert lacks(condition("{all: [{paid_90d: {at_least: 10}}, {tag: lost}]}"), {}) == []
    assert lacks(condition("{days_since_visit: {at_most: 3}}"), {"days_since_visit": 9}) == []
