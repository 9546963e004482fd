"""What other tiers would do, told beforehand, is what they do."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import func, select

from admin_app.evaluation import evaluate
from admin_app.rulebook import rulebook
from admin_app.tier_trials import try_tiers
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
    told = try_tiers(db.session(), read_document(TiersDocument, text, "t"), TODAY)
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
