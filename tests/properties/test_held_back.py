"""Messages that are held back, with the reason; customers who are held out, to compare the others with."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from admin_app.evaluation import evaluate
from admin_app.operations.kernel import perform
from models.actor import SYSTEM
from models.customers import Customer, Stage
from models.entity import db
from models.names import Name
from models.rulebook import EffectKind, EffectState, RuleEffect
from models.standing import Alert, Task
from models.value import LedgerEntry
from rules.decisions.holdout import is_held_out
from tests.cast import TODAY, raw_operation
from tests.conftest import ON_BOTH
from tests.properties.history import Salon, activate, tags_of

HOUSES = ("sqlite",)

RULE = """  - id: %s
    name: 问候
    when: {all: [{weekday: 7}, {days_since_registered: {at_least: 500}}]}
    then: [%s]
    existing_customers: all
"""
MESSAGE = '{message: {text: "好", once_per: %s}}'
SUNDAYS = [TODAY + timedelta(7 * week) for week in range(8)]


def campaigns(*rules: str, said: str = "") -> None:
    activate("campaigns", f"version: 1\n{said}\nrules:\n" + "".join(rules))


def weeks(count: int = 8) -> None:
    """A run on each Sunday, when the rules begin to hold, and on each Monday, when they have ceased to."""
    for sunday in SUNDAYS[:count]:
        evaluate(sunday)
        evaluate(sunday + timedelta(1))


def messages(customer: int, rule: str = "greeting") -> list[tuple[date, str]]:
    """What became of each message: the day, and the state or the reason."""
    db.session.rollback()
    mine = (RuleEffect.customer_id == customer, RuleEffect.rule == rule, RuleEffect.kind == EffectKind.MESSAGE)
    rows = db.session.scalars(select(RuleEffect).where(*mine).order_by(RuleEffect.made_on, RuleEffect.place))
    return [(row.made_on, (row.held_because or row.state).value) for row in rows]


def allowed(most: int, days: int, reason: str) -> list[tuple[date, str]]:
    """What becomes of a message every Sunday, counted one after another."""
    sent: list[date] = []
    found = []
    for sunday in SUNDAYS:
        had = [day for day in sent if 0 <= (sunday - day).days < days]
        if len(had) < most:
            sent.append(sunday)
        found.append((sunday, "waiting" if sunday in sent else reason))
    return found


EACH = [("sqlite", 1, 7), ("sqlite", 1, 8), ("sqlite", 2, 14), ("sqlite", 2, 15), ("sqlite", 3, 30)]
each_limit = pytest.mark.parametrize(("house", "most", "days"), [*EACH, ("postgresql", 2, 15)], indirect=["house"])


@each_limit
def test_a_rule_sends_one_customer_no_more_than_it_may(salon: Salon, most: int, days: int) -> None:
    [one] = salon.people(1)
    limits = f"    limits: {{per_customer: {most} / {days}d}}\n"
    campaigns(RULE % ("greeting", MESSAGE % "time") + limits)
    weeks()
    assert messages(one) == allowed(most, days, "rule_limit")


@each_limit
def test_nor_does_the_house(salon: Salon, most: int, days: int) -> None:
    [one] = salon.people(1)
    campaigns(RULE % ("greeting", MESSAGE % "time"), said=f"messages_per_customer: {{most: {most}, days: {days}}}")
    weeks()
    assert messages(one) == allowed(most, days, "house_limit")


def test_the_house_counts_all_rules_together_and_messages_only(salon: Salon) -> None:
    [one] = salon.people(1)
    both = MESSAGE % "time" + ", {gift: {item: x}}"
    campaigns(
        *(RULE % (name, both) for name in ("greeting", "hello")), said="messages_per_customer: {most: 1, days: 30}"
    )
    evaluate(TODAY)
    assert (messages(one), messages(one, "hello")) == ([(TODAY, "waiting")], [(TODAY, "house_limit")])
    gifts = select(RuleEffect.state).where(RuleEffect.kind == EffectKind.GIFT, RuleEffect.customer_id == one)
    assert db.session.scalars(gifts).all() == [EffectState.WAITING] * 2


def test_what_is_held_back_is_not_told_as_given_and_does_not_come_later(salon: Salon) -> None:
    [one] = salon.people(1)
    limits = "    limits: {per_customer: 1 / 30d}\n"
    campaigns(RULE % ("greeting", MESSAGE % "time" + ", " + MESSAGE % "time") + limits)
    everybody = len(
        db.session.scalars(select(Customer.id).where(Customer.registered_on <= TODAY - timedelta(500))).all()
    )
    assert evaluate(TODAY).given == everybody
    assert evaluate(TODAY).given == 0
    assert messages(one) == [(TODAY, "waiting"), (TODAY, "rule_limit")]


def test_a_message_that_an_occasion_has_had_takes_no_room(salon: Salon) -> None:
    """The first rule has written to her once for all; a week later the second one may."""
    [one] = salon.people(1)
    said = "messages_per_customer: {most: 1, days: 5}"
    campaigns(RULE % ("greeting", MESSAGE % "ever"), said=said)
    weeks(1)
    campaigns(RULE % ("greeting", MESSAGE % "ever"), RULE % ("hello", MESSAGE % "ever"), said=said)
    evaluate(SUNDAYS[1])
    assert (messages(one), messages(one, "hello")) == ([(TODAY, "waiting")], [(SUNDAYS[1], "waiting")])


# ----------------------------------------------------------------------------------------------------- consent


def consent(customer: int, given: bool, purpose: str = "marketing") -> None:
    data = {"customer": customer, "purpose": purpose, "given": given, "text_version": "1", "channel": "visit"}
    perform(Name.RECORD_CONSENT, data, actor=SYSTEM)


def test_who_has_withdrawn_her_consent_is_sent_nothing(salon: Salon) -> None:
    never_asked, agreed, withdrew, again, photos = salon.people(5)
    for customer, answers in ((agreed, [True]), (withdrew, [True, False]), (again, [False, True])):
        for answer in answers:
            consent(customer, answer)
    consent(photos, False, "photos")
    campaigns(RULE % ("greeting", MESSAGE % "time" + ", {gift: {item: x}}"))
    evaluate(TODAY)
    assert messages(withdrew) == [(TODAY, "no_consent")]
    for customer in (never_asked, agreed, again, photos):
        assert messages(customer) == [(TODAY, "waiting")]
    gift = select(RuleEffect.state).where(RuleEffect.kind == EffectKind.GIFT, RuleEffect.customer_id == withdrew)
    assert db.session.scalars(gift).all() == [EffectState.WAITING]


@ON_BOTH
def test_what_she_said_under_her_other_record_holds(salon: Salon) -> None:
    one, other = salon.people(2)
    consent(other, False)
    with raw_operation():
        row = db.session.get_one(Customer, other)
        row.merged_into_id = one
    campaigns(RULE % ("greeting", MESSAGE % "time"))
    evaluate(TODAY)
    assert messages(one) == [(TODAY, "no_consent")]
    consent(one, True)
    weeks(2)
    assert messages(one)[-1] == (SUNDAYS[1], "waiting")


# ---------------------------------------------------------------------------------------------------- hold-out

EVERYTHING = """{tag: do-not-contact}, {points: {amount: 500}}, {gift: {item: x}}, {message: {text: "好"}},
        {task: {to: manager, text: 打电话}}, {alert: {to: manager, text: 看看}}, {field: {stage: given_up}}"""


def test_a_share_is_only_tagged_and_what_it_would_have_got_is_kept(salon: Salon) -> None:
    people = salon.people(60)
    campaigns(RULE % ("greeting", EVERYTHING) + "    limits: {holdout: 30%}\n")
    evaluate(TODAY)
    evaluate(TODAY)
    ids = dict(db.session.execute(select(Customer.id, Customer.public_id).where(Customer.id.in_(people))).all())
    out = {customer for customer, public in ids.items() if is_held_out("greeting", public, 300)}
    assert 5 < len(out) < 35
    states: dict[int, set[str]] = {}
    for customer, state, kind in db.session.execute(
        select(RuleEffect.customer_id, RuleEffect.state, RuleEffect.kind).where(RuleEffect.customer_id.in_(people))
    ):
        states.setdefault(customer, set()).add(f"{kind.value} {state.value}")
    held = {"points held_out", "gift held_out", "message held_out"}
    given = {"points done", "gift waiting", "message waiting"}
    assert states == {customer: held if customer in out else given for customer in people}
    for entity in (Task, Alert):
        asked = set(db.session.scalars(select(entity.customer_id).where(entity.source == "greeting")))
        assert asked & set(people) == set(people) - out
    paid = set(db.session.scalars(select(LedgerEntry.customer_id).where(LedgerEntry.customer_id.in_(people))))
    assert paid == set(people) - out
    stages = select(Customer.id).where(Customer.id.in_(people), Customer.stage == Stage.GIVEN_UP)
    assert set(db.session.scalars(stages)) == set(people) - out
    assert all("do-not-contact" in tags_of(customer) for customer in people)


def test_a_message_to_nobody_takes_no_room(salon: Salon) -> None:
    [one] = salon.people(1)
    first = RULE % ("greeting", MESSAGE % "time") + "    limits: {holdout: 100%}\n"
    campaigns(first, RULE % ("hello", MESSAGE % "time"), said="messages_per_customer: {most: 1, days: 30}")
    evaluate(TODAY)
    assert (messages(one), messages(one, "hello")) == ([(TODAY, "held_out")], [(TODAY, "waiting")])
