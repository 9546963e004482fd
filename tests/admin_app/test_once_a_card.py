"""What a rule gives once a card: by the card that made it hold, whether it begins to hold again or not."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from admin_app.evaluation import evaluate
from models.cards import CardItem
from models.entity import db
from models.rulebook import EffectState, RuleEffect
from tests.cast import TODAY
from tests.properties.history import activate
from tests.rules.texts import book_faults, only_at
from tests.salon_day import Salon

RULE = """version: 1
rules:
  - id: renew
    name: 续卡
    when: %s
    then: [{gift: {item: x, once_per: card}}]
    existing_customers: all
"""


def occasions(salon: Salon, customer: str = "anna") -> list[str]:
    """After a run: the occasions of all that was given and not withdrawn."""
    evaluate(TODAY)
    db.session.rollback()
    given = (RuleEffect.customer_id == salon.ids[customer], RuleEffect.state != EffectState.WITHDRAWN)
    return list(db.session.scalars(select(RuleEffect.occasion).where(*given).order_by(RuleEffect.id)))


def redeem(salon: Salon, card: int, place: int = 0) -> int:
    """Use one session of a card; the sale it made."""
    return int(salon.redeem(salon.rows(CardItem, card_id=card)[place].id)["sale"])


def test_the_next_card_is_another_occasion(salon: Salon) -> None:
    activate("campaigns", RULE % "{fewest_sessions_left: {at_most: 2}}")
    first = salon.open_card("pair")
    assert occasions(salon) == []
    redeem(salon, first)
    assert occasions(salon) == [f"card {first}"]
    redeem(salon, first)
    redeem(salon, first, 1)
    second = salon.open_card("pair")
    assert occasions(salon) == [f"card {first}"], "the rule has ceased to hold"
    redeem(salon, second)
    assert occasions(salon) == [f"card {first}", f"card {second}"]


def test_the_same_card_is_not(salon: Salon) -> None:
    activate("campaigns", RULE % "{fewest_sessions_left: {at_most: 2}}")
    card = salon.open_card("pair")
    sale = redeem(salon, card)
    assert occasions(salon) == [f"card {card}"]
    salon.reverse(sale, *(line.id for line in salon.lines_of(sale)))
    assert occasions(salon) == [], "what was given falls with the session"
    redeem(salon, card)
    assert occasions(salon) == [f"card {card}"]


@pytest.mark.parametrize(
    ("when", "meant"),
    [
        ("{card_ends_in_days: {at_most: 400}}", "ten"),
        ("{cards_live: {at_least: 1}}", "ten"),
        ("{fewest_sessions_left: {at_most: 20}}", "pair"),
        ("{all: [{card_ends_in_days: {at_most: 400}}, {fewest_sessions_left: {at_most: 20}}]}", "ten"),
    ],
)
def test_it_is_the_card_that_the_rule_asks_about(salon: Salon, when: str, meant: str) -> None:
    """The ten end after 100 days, the pair after 365; of the pair there are three sessions."""
    cards = {package: salon.open_card(package) for package in ("pair", "ten")}
    salon.open_card("pair", "berta")
    activate("campaigns", RULE % when)
    assert occasions(salon) == [f"card {cards[meant]}"]


def test_whoever_has_none_gets_it_once(salon: Salon) -> None:
    activate("campaigns", RULE % "{cards_live: 0}")
    assert occasions(salon) == ["no card"]


@pytest.mark.usefixtures("bare")
def test_a_rule_that_does_not_ask_about_cards_has_no_such_occasion() -> None:
    text = RULE % "{visits_90d: {at_least: 1}}"
    only_at(book_faults({"campaigns": text}), text, "{item: x, once_per: card}", "needs a condition on the cards")
