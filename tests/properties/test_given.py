"""What rules give: once an occasion, to each tier its own, points into the books; and what they change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import select

from admin_app.doctor import examine
from admin_app.evaluation import evaluate
from admin_app.operations.kernel import perform
from models.actor import SYSTEM
from models.customers import Customer, Stage
from models.entity import db
from models.log import RowValue
from models.names import Name
from models.rulebook import EffectKind, EffectState, RuleEffect
from models.standing import Membership, TierChange
from models.value import Account, AccountBalance, AccountKind
from tests.cast import NOON, TODAY
from tests.conftest import ON_BOTH
from tests.properties.history import Salon, activate, tags_of

HOUSES = ("sqlite",)

CAMPAIGNS = """version: 1
coupons: [{{id: comeback, name: 回归礼, worth: 80}}]
rules:
  - id: gives
    name: 送
    when: {when}
    then: {then}
    existing_customers: all
"""
AWAY = "{days_since_visit: {at_least: 60}}"


def with_rule(then: str, when: str = AWAY) -> None:
    activate("campaigns", CAMPAIGNS.format(when=when, then=then))


def given(customer: int | None = None) -> list[tuple[str, str, int]]:
    query = select(RuleEffect).order_by(RuleEffect.id)
    rows = db.session.scalars(query if customer is None else query.where(RuleEffect.customer_id == customer))
    return [(row.kind.value, row.what, row.amount) for row in rows]


def away(salon: Salon, days: int = 60) -> int:
    [one] = salon.people(1)
    salon.visit(one, TODAY - timedelta(days))
    return one


def test_each_kind_is_kept_with_what_it_says(salon: Salon) -> None:
    one = away(salon)
    with_rule(
        "[{coupon: {template: comeback, valid: 21d}}, {gift: {item: 眼部护理, worth: 168}},"
        ' {message: {text: "{name} {days_since_visit}"}}]'
    )
    assert evaluate(TODAY).given == 3
    assert given(one) == [("coupon", "comeback", 0), ("gift", "眼部护理", 16_800), ("message", f"客{one} 60", 0)]
    ends = db.session.scalars(select(RuleEffect.valid_until).where(RuleEffect.kind == EffectKind.COUPON)).one()
    assert ends == TODAY + timedelta(21)


@pytest.mark.parametrize(
    ("once_per", "times"),
    [("time", 2), ("ever", 1), ("year", 1), ("absence", 2)],
)
def test_once_an_occasion(salon: Salon, once_per: str, times: int) -> None:
    """She stays away, comes, and stays away again: a second absence, in the same year."""
    one = away(salon)
    with_rule(f"[{{gift: {{item: x, once_per: {once_per}}}}}]")
    evaluate(TODAY - timedelta(0))
    salon.visit(one, TODAY + timedelta(1))
    evaluate(TODAY + timedelta(1))
    day = TODAY + timedelta(61) if once_per != "year" else TODAY + timedelta(20)
    with_rule(f"[{{gift: {{item: x, once_per: {once_per}}}}}]", "{days_since_visit: {at_least: 15}}")
    evaluate(day)
    evaluate(day)
    assert len(given(one)) == times


def test_the_same_absence_gives_once_though_the_rule_begins_anew(salon: Salon) -> None:
    one = away(salon)
    then = "[{coupon: {template: comeback, once_per: absence}}]"
    with_rule(then)
    evaluate(TODAY)
    with_rule(then, "{days_since_visit: {at_least: 62}}")
    evaluate(TODAY)
    evaluate(TODAY + timedelta(2))
    assert len(given(one)) == 1


@ON_BOTH
def test_a_birthday_gives_once_a_year(salon: Salon) -> None:
    [one] = salon.people(1)
    salon.change(one, birth_month=1, birth_day=2)
    with_rule("[{gift: {item: x, once_per: birthday}}]", "{birthday_in_days: {at_most: 7}}")
    for days in (0, 36, 38, 100, 36 + 365):
        evaluate(TODAY + timedelta(days))
    occasions = db.session.scalars(select(RuleEffect.occasion).order_by(RuleEffect.id)).all()
    assert occasions == ["birthday 2027", "birthday 2028"]


def test_each_tier_gets_its_own_and_one_that_is_not_named_nothing(salon: Salon) -> None:
    people = salon.people(3)
    for one in people:
        salon.visit(one, TODAY - timedelta(60))
    with_rule("[{gift: {by: tier, tiers: {gold: 金, silver: 银}}}]")
    salon.buy(people[0], TODAY - timedelta(61), 9_000)
    salon.buy(people[1], TODAY - timedelta(61), 4_000)
    evaluate(TODAY)
    assert [given(one) for one in people] == [[("gift", "金", 0)], [("gift", "银", 0)], []]


def points_of(customer: int) -> int:
    query = select(AccountBalance.balance).join(Account, Account.id == AccountBalance.account_id)
    return db.session.scalar(query.where(Account.customer_id == customer, Account.kind == AccountKind.POINTS)) or 0


@ON_BOTH
def test_points_go_onto_her_account_once(salon: Salon) -> None:
    one = away(salon)
    with_rule("[{points: {amount: 500, once_per: ever}}]")
    evaluate(TODAY)
    evaluate(TODAY)
    assert points_of(one) == 500
    assert db.session.scalars(select(RuleEffect.state)).all() == [EffectState.DONE]
    assert [one.faults for one in examine() if one.faults] == []


def test_points_wait_for_a_day_that_is_open(salon: Salon) -> None:
    one = away(salon)
    with_rule("[{points: {amount: 500}}]")
    with time_machine.travel(NOON, tick=False):
        perform(Name.CLOSE_DAY, {"store": salon.house.ids["first"], "counted": 0}, actor=SYSTEM)
        evaluate(TODAY)
        assert points_of(one) == 0
    with time_machine.travel(NOON + timedelta(days=1), tick=False):
        evaluate(TODAY + timedelta(1))
    assert points_of(one) == 500


def test_a_tier_is_given_and_never_taken(salon: Salon) -> None:
    people = salon.people(2)
    for one in people:
        salon.visit(one, TODAY - timedelta(60))
    salon.buy(people[1], TODAY - timedelta(61), 21_000)
    with_rule("[{tier: gold}]")
    evaluate(TODAY)
    held = select(Membership.customer_id, Membership.tier).where(Membership.ended_on.is_(None))
    tiers = dict(db.session.execute(held).all())
    assert (tiers[people[0]], tiers[people[1]]) == ("gold", "platinum")
    moves = select(TierChange.to_tier).where(TierChange.customer_id == people[0]).order_by(TierChange.id)
    assert db.session.scalars(moves).all()[-1] == "gold"


def test_a_tag_is_taken_off_and_a_field_is_set(salon: Salon) -> None:
    one = away(salon)
    salon.change(one, skin_type="sensitive")
    activate("campaigns", "version: 1\n")
    evaluate(TODAY)
    assert "sensitive-skin" in tags_of(one)
    with_rule("[{untag: sensitive-skin}, {field: {stage: given_up}}]")
    evaluate(TODAY)
    assert "sensitive-skin" not in tags_of(one)
    assert db.session.get_one(Customer, one).stage is Stage.GIVEN_UP


def test_what_a_hand_put_on_is_not_taken_off(salon: Salon) -> None:
    one = away(salon)
    salon.tag(one, "do-not-contact")
    with_rule("[{untag: do-not-contact}]")
    evaluate(TODAY)
    assert "do-not-contact" in tags_of(one)


def test_whom_a_new_rule_finds_gets_nothing_unless_it_says_so(salon: Salon) -> None:
    one = away(salon)
    text = CAMPAIGNS.format(when=AWAY, then="[{gift: {item: x}}]").replace("    existing_customers: all\n", "")
    activate("campaigns", text)
    evaluate(TODAY)
    assert given(one) == []


def test_what_was_to_be_written_to_her_goes_when_she_is_erased(salon: Salon) -> None:
    one = away(salon)
    with_rule('[{message: {text: "{name}，回来吧"}}]')
    evaluate(TODAY)
    assert given(one) == [("message", f"客{one}，回来吧", 0)]
    perform(Name.ERASE_CUSTOMER, {"customer": one, "confirm": f"客{one}", "why": "她的请求"}, actor=SYSTEM)
    assert given(one) == [("message", "–", 0)]
    told = [value for pair in db.session.execute(select(RowValue.old, RowValue.new)) for value in pair if value]
    assert not any(f"客{one}，" in value for value in told)


# ------------------------------------------------------------------------------------------------ quiet hours

LATE = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
"""Half past eleven at night in Shanghai."""
BOTH = '[{message: {text: "好"}}, {gift: {item: x}}]'


def leaving() -> list[datetime | None]:
    """When what was given may leave, the gift first."""
    return list(db.session.scalars(select(RuleEffect.not_before).order_by(RuleEffect.kind)))


@pytest.mark.parametrize(
    ("said", "own", "leaves"),
    [
        ("", "", LATE),
        ('quiet: "21:00-09:00"', "", datetime(2026, 11, 23, 1, tzinfo=UTC)),
        ('quiet: "21:00-09:00"', 'limits: {quiet: "23:00-00:30"}', datetime(2026, 11, 22, 16, 30, tzinfo=UTC)),
        ('quiet: "00:00-09:00"', "", LATE),
    ],
)
def test_a_message_says_when_it_may_leave_and_a_gift_does_not(
    salon: Salon, said: str, own: str, leaves: datetime
) -> None:
    away(salon)
    text = CAMPAIGNS.format(when=AWAY, then=BOTH) + (f"    {own}\n" if own else "")
    activate("campaigns", text.replace("version: 1\n", f"version: 1\n{said}\n"))
    with time_machine.travel(LATE, tick=False):
        evaluate(TODAY)
    assert leaving() == [None, leaves]


def test_the_list_of_effects_shows_when(salon: Salon) -> None:
    away(salon)
    activate(
        "campaigns",
        CAMPAIGNS.format(when=AWAY, then=BOTH).replace("version: 1\n", 'version: 1\nquiet: "21:00-09:00"\n'),
    )
    with time_machine.travel(LATE, tick=False):
        evaluate(TODAY)
        page = salon.house.browser("owner").get("/rule_effect/").text
    assert "2026-11-23 09:00" in page
