"""What other tiers would do, told beforehand, is what they do."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import func, select

from admin_app.evaluation import evaluate
from admin_app.rulebook import rulebook
from admin_app.tier_trials import Later, TierTrial, try_tiers
from models.customers import Customer
from models.entity import db
from models.standing import Membership, TierChange, TierMove
from rules.documents.tiers import TiersDocument
from rules.language.reading import read_document
from tests.cast import TODAY, raw_operation
from tests.properties.history import Salon, activate, long_ago
from tests.rules.texts import SHIPPED

CHEAPER = SHIPPED["tiers"].replace("at_least: 8000", "at_least: 2500").replace("at_least: 6000", "at_least: 2000")


def held() -> dict[str, int]:
    current = select(Membership.tier, func.count()).where(Membership.ended_on.is_(None)).group_by(Membership.tier)
    return dict(db.session.execute(current).all())


def written(salon: Salon, seed: int) -> None:
    """A past for everybody, and memberships that end before, within and after the grace."""
    chance = Random(seed)
    people = salon.people(60)
    salon.past(long_ago(people, chance))
    with raw_operation():
        for one in people[::2]:
            tier, ends = chance.choice(["gold", "silver", "basic"]), chance.choice([-31, -30, -1, 0, 1, 200])
            until = None if tier == "basic" else TODAY + timedelta(ends)
            db.session.add(Membership(customer_id=one, tier=tier, since=TODAY - timedelta(365), valid_until=until))


@pytest.mark.parametrize("text", [SHIPPED["tiers"], CHEAPER, SHIPPED["tiers"].replace("one_down", "to_match")])
def test_it_tells_who_will_hold_what(salon: Salon, text: str) -> None:
    written(salon, 7)
    before = held()
    told = try_tiers(db.session(), document(text), TODAY)
    db.session.rollback()
    assert told.now == before
    if text != SHIPPED["tiers"]:
        activate("tiers", text)
    evaluate(TODAY)
    assert told.then == held()
    moved = db.session.execute(
        select(TierChange.from_tier, TierChange.to_tier).where(TierChange.move != TierMove.RENEWED)
    )
    assert told.moves == dict(Counter(map(tuple, moved)))
    assert told.moved > 30


def test_after_a_run_nobody_would_move(salon: Salon) -> None:
    written(salon, 8)
    evaluate(TODAY)
    told = try_tiers(db.session(), rulebook().tiers, TODAY)
    assert told.moves == {}
    assert told.now == told.then == held()


# ------------------------------------------------------------------------------------- at the end of the tier held

DEARER = SHIPPED["tiers"].replace("at_least: 6000", "at_least: 7500")
NEVER = SHIPPED["tiers"].replace("downgrade: one_down", "downgrade: never")
TOMORROW = TODAY + timedelta(1)


def document(text: str) -> TiersDocument:
    return read_document(TiersDocument, text, "t")


def gold_until_tomorrow(salon: Salon) -> list[int]:
    """Three who hold gold until tomorrow, and have just paid 7,000, 8,000 and 5,000."""
    people = salon.people(3)
    salon.past(
        [(person, TODAY - timedelta(1), paid) for person, paid in zip(people, (7_000, 8_000, 5_000), strict=True)]
    )
    with raw_operation():
        for person in people:
            since = TODAY - timedelta(364)
            db.session.add(Membership(customer_id=person, tier="gold", since=since, valid_until=TOMORROW))
    return people


def later(text: str, in_force: str = SHIPPED["tiers"]) -> TierTrial:
    told = try_tiers(db.session(), document(text), TODAY, document(in_force))
    db.session.rollback()
    assert set(told.moves) <= {(None, "basic")}
    return told


def test_it_tells_whom_it_concerns_at_the_end_of_their_tier(salon: Salon) -> None:
    first, _second, third = gold_until_tomorrow(salon)
    ends = TOMORROW + timedelta(31)
    dearer = later(DEARER)
    assert (dearer.losing.counts, dearer.losing.some, dearer.losing.first_on) == (
        {("gold", "silver"): 1},
        [first],
        ends,
    )
    assert dearer.keeping == Later()
    cheaper = later(SHIPPED["tiers"], in_force=DEARER)
    assert (cheaper.keeping.counts, cheaper.keeping.some) == ({("gold", "silver"): 1}, [first])
    assert cheaper.losing == Later()
    never = later(NEVER)
    assert (never.keeping.counts, never.keeping.some, never.keeping.first_on) == (
        {("gold", "silver"): 1},
        [third],
        ends,
    )
    in_grace = try_tiers(db.session(), document(NEVER), TOMORROW + timedelta(5), document(SHIPPED["tiers"]))
    assert (in_grace.keeping.counts, in_grace.keeping.some) == ({("gold", "silver"): 1}, [third])
    same = later(SHIPPED["tiers"])
    assert same.losing == same.keeping == Later()
    unseen = try_tiers(db.session(), document(DEARER), TODAY, document(SHIPPED["tiers"]), Customer.id != first)
    assert (sum(unseen.losing.counts.values()), unseen.losing.some) == (1, [])


@pytest.mark.parametrize("text", [SHIPPED["tiers"], DEARER, NEVER], ids=["shipped", "dearer", "never"])
def test_those_it_told_of_are_those_who_fall_then(salon: Salon, text: str) -> None:
    first, _second, third = gold_until_tomorrow(salon)
    told = later(text)
    expected = ({third} | set(told.losing.some)) - set(told.keeping.some)
    if text != SHIPPED["tiers"]:
        activate("tiers", text)
    evaluate(TOMORROW + timedelta(31))
    lowered = select(TierChange.customer_id).where(TierChange.move == TierMove.DOWN)
    assert set(db.session.scalars(lowered)) == expected
    assert expected == {SHIPPED["tiers"]: {third}, DEARER: {first, third}, NEVER: set()}[text]
