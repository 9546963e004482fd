"""What rules gave for a sale falls with the sale; what a hand decided stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from admin_app.evaluation import evaluate
from admin_app.operations.kernel import perform
from models.actor import SYSTEM
from models.customers import Customer
from models.entity import db
from models.log import Operation
from models.names import Name
from models.rulebook import EffectState, RuleEffect
from models.standing import Alert, CustomerTag, Membership, Tag, Task, TierChange, TierMove
from models.value import AccountKind
from tests.cast import NOON, TODAY
from tests.conftest import ON_BOTH
from tests.rules.texts import SHIPPED
from tests.salon_day import HYDRA, Salon, days_on

HOUSES = ("sqlite",)

RULE = """
  - id: big-spender
    name: 大客户
    when: {largest_recharge_365d: {at_least: 3000}}
    taken_back: %s
    then:
      - points: {amount: 300}
      - gift: {item: 眼部护理, once_per: ever}
      - task: {to: consultant, text: "{name}：谢谢充值"}
      - alert: {to: manager, text: "{name} 充值了"}
      - message: {text: "谢谢 {name}", once_per: ever}
    existing_customers: all
"""


def tier(salon: Salon, customer: str = "anna") -> str | None:
    held = [row.tier for row in salon.rows(Membership, customer_id=salon.ids[customer]) if row.ended_on is None]
    return held[0] if held else None


def states(salon: Salon, rule: str = "big-spender") -> dict[str, str]:
    rows = salon.rows(RuleEffect, rule=rule, customer_id=salon.ids["anna"])
    return {row.kind.value: row.state.value for row in rows if "#" not in row.occasion}


def points(salon: Salon) -> int:
    stands = salon.has()
    return stands.get(AccountKind.POINTS, 0) + stands.get(AccountKind.POINTS_OWED, 0)


# --------------------------------------------------------------------------------------------------------- tiers


def test_a_tier_earned_at_the_till_prices_the_next_sale(salon: Salon) -> None:
    before = salon.lines_of(salon.sell("hydra"))[0].amount
    salon.recharge(500_000)
    assert tier(salon) == "gold"
    assert (before, salon.lines_of(salon.sell("hydra"))[0].amount) == (HYDRA, HYDRA * 9 // 10)
    [change] = salon.rows(TierChange)
    assert (change.from_tier, change.to_tier, change.move.value) == (None, "gold", "first")
    facts = {one["fact"]: one["value"] for one in change.evidence["because"]}
    assert facts["largest_recharge_365d"] == 500_000


def test_nobody_rises_for_too_little_and_the_night_gives_the_lowest_tier(salon: Salon) -> None:
    salon.recharge(199_999)
    assert tier(salon) is None
    evaluate(TODAY, full=False)
    assert tier(salon) == "basic"
    salon.recharge(200_000)
    assert tier(salon) == "silver"


@pytest.mark.parametrize("evaluated", [False, True], ids=["at once", "after a run"])
def test_a_tier_falls_with_the_recharge_that_gave_it(salon: Salon, evaluated: bool) -> None:
    sale = salon.recharge(500_000)["sale"]
    if evaluated:
        evaluate(TODAY, full=False)
    assert tier(salon) == "gold"
    answer = salon.reverse(sale)
    assert "金卡" in answer["warning"]
    assert tier(salon) == "basic"
    evaluate(TODAY)
    assert tier(salon) == "basic"
    change = salon.rows(TierChange, customer_id=salon.ids["anna"])[-1]
    assert (change.from_tier, change.to_tier, change.move.value) == ("gold", "basic", "down")
    assert change.evidence["taken_back"] is True
    logged = db.session.scalars(select(Operation).where(Operation.name == "reverse_sale")).one()
    assert logged.detail["tiers_fallen"] == 1


def test_later_too_and_to_the_tier_held_before(salon: Salon) -> None:
    """With its own end, not a new one."""
    salon.recharge(200_000)
    until = salon.rows(Membership)[-1].valid_until
    with time_machine.travel(NOON + timedelta(days=40)):
        sale = salon.recharge(500_000)["sale"]
        assert tier(salon) == "gold"
    with time_machine.travel(NOON + timedelta(days=50)):
        salon.reverse(sale)
        current = salon.rows(Membership)[-1]
        assert (current.tier, current.valid_until) == ("silver", until)


def test_a_tier_that_was_entered_falls_though_the_rest_would_keep_it(salon: Salon) -> None:
    """What is left lies between what silver asks to be kept and what it asks to be entered."""
    salon.recharge(100_000)
    salon.sell(salon.line("cream", 5))
    assert tier(salon) is None
    sale = salon.recharge(200_000)["sale"]
    assert tier(salon) == "silver"
    assert "银卡" in salon.reverse(sale)["warning"]
    assert tier(salon) == "basic"


@pytest.mark.parametrize(("creams", "day"), [(6, 366 + 371), (5, 371)], ids=["enough to keep", "too little"])
def test_a_tier_that_was_renewed_goes_by_what_keeps_it(salon: Salon, creams: int, day: int) -> None:
    """Its end stays where the rest keeps it; else the tier as it was before is over, and in its days of grace."""
    salon.recharge(200_000)
    with days_on(370):
        salon.recharge(100_000)
        salon.sell(salon.line("cream", creams))
    with days_on(371):
        sale = salon.recharge(200_000)["sale"]
        evaluate(TODAY + timedelta(371))
        assert salon.rows(TierChange, customer_id=salon.ids["anna"])[-1].move is TierMove.RENEWED
        assert ("warning" in salon.reverse(sale)) is (day == 371)
        held = salon.rows(Membership, customer_id=salon.ids["anna"])[-1]
        assert (held.tier, held.valid_until) == ("silver", TODAY + timedelta(day))


def test_it_stays_by_what_else_she_paid_or_a_hand_gave(salon: Salon) -> None:
    first, second = (salon.recharge(500_000)["sale"] for _ in range(2))
    salon.reverse(first)
    assert tier(salon) == "gold"
    salon.give_tier("diamond", "berta")
    sale = salon.recharge(500_000, "berta")["sale"]
    salon.reverse(sale)
    assert tier(salon, "berta") == "diamond"
    salon.reverse(second)
    assert tier(salon) == "basic"


def test_a_refunded_card_takes_its_tier_along(salon: Salon) -> None:
    salon.recharge(100_000)
    card = salon.open_card("ten")
    second = salon.open_card("ten")
    assert tier(salon) == "silver"
    salon.do(Name.REFUND_CARD, role="manager", card=card, method="cash", why="不要了", store=salon.ids["first"])
    salon.do(Name.REFUND_CARD, role="manager", card=second, method="cash", why="不要了", store=salon.ids["first"])
    assert tier(salon) == "basic"


def test_the_owner_may_say_that_it_is_kept(salon: Salon) -> None:
    salon.put_in_force("tiers", SHIPPED["tiers"].replace("taken_back: fall", "taken_back: keep"))
    sale = salon.recharge(500_000)["sale"]
    assert "warning" not in salon.reverse(sale)
    evaluate(TODAY)
    assert tier(salon) == "gold"


# ------------------------------------------------------------------------------------------------------- effects


def given(salon: Salon, policy: str = "withdraw") -> int:
    """A recharge, and what the rule made of it."""
    salon.put_in_force("campaigns", SHIPPED["campaigns"] + RULE.lstrip("\n") % policy)
    evaluate(TODAY)
    sale = int(salon.recharge(300_000)["sale"])
    evaluate(TODAY, full=False)
    assert states(salon) == {"points": "done", "gift": "waiting", "message": "waiting"}
    assert points(salon) == 300
    return sale


def open_rows(salon: Salon) -> tuple[int, int]:
    alerts = [row for row in salon.rows(Alert, source="big-spender") if row.closed_at is None]
    return len(alerts), len([row for row in salon.rows(Task, source="big-spender") if row.finished_at is None])


@ON_BOTH
def test_what_a_rule_gave_for_a_sale_goes_with_it(salon: Salon) -> None:
    sale = given(salon)
    assert open_rows(salon) == (1, 1)
    answer = salon.reverse(sale)
    assert states(salon) == dict.fromkeys(("points", "gift", "message"), "withdrawn")
    assert (points(salon), open_rows(salon)) == (0, (0, 0))
    assert "积分" in answer["warning"]
    evaluate(TODAY)
    assert states(salon) == dict.fromkeys(("points", "gift", "message"), "withdrawn")


def test_it_comes_again_with_the_next_recharge(salon: Salon) -> None:
    salon.reverse(given(salon))
    evaluate(TODAY)
    with time_machine.travel(NOON + timedelta(days=1)):
        salon.recharge(300_000)
        evaluate(TODAY + timedelta(1), full=False)
    assert states(salon) == {"points": "done", "gift": "waiting", "message": "waiting"}
    assert points(salon) == 300


def test_it_stays_where_another_recharge_gives_it_or_the_rule_keeps_it(salon: Salon) -> None:
    sale = given(salon, "keep")
    salon.recharge(300_000, "berta")
    evaluate(TODAY, full=False)
    salon.reverse(sale)
    assert states(salon)["gift"] == "waiting"
    assert open_rows(salon)[0] == 2


def test_a_later_sale_taken_back_changes_nothing_given_before_it(salon: Salon) -> None:
    given(salon)
    with time_machine.travel(NOON + timedelta(days=2)):
        answer = salon.reverse(salon.sell("hydra"))
    assert "warning" not in answer
    assert states(salon)["gift"] == EffectState.WAITING.value


def test_points_for_a_friend_go_when_her_first_sale_is_taken_back(salon: Salon) -> None:
    values: dict[str, Any] = {"name": "新友", "store_id": salon.ids["first"], "referrer_id": salon.ids["anna"]}
    friend = perform(Name.CREATE_ENTITY, {"entity": "customer", "values": values}, actor=SYSTEM)["id"]
    salon.ids["friend"] = int(friend)
    thanks = "    when: {paying_referrals_1d: {at_least: 1}}\n"
    salon.put_in_force("campaigns", SHIPPED["campaigns"].replace(thanks, thanks + "    existing_customers: all\n"))
    evaluate(TODAY)
    sale = salon.sell("hydra", customer="friend")
    evaluate(TODAY, full=False)
    assert states(salon, "thanks-for-a-friend") == {"points": "done", "coupon": "waiting"}
    salon.reverse(sale)
    assert states(salon, "thanks-for-a-friend") == {"points": "withdrawn", "coupon": "withdrawn"}
    assert points(salon) == 0


# ---------------------------------------------------------------------------------------------- fields and tags

CHANGING = """
  - id: quiet-one
    name: 安静
    when: {paid_365d: {at_least: 0}}
    existing_customers: all
    then: [{tag: dormant}]
  - id: welcome
    name: 欢迎
    when: {largest_recharge_365d: {at_least: 3000}}
    taken_back: %s
    existing_customers: all
    then:
      - field: {stage: member}
      - untag: dormant
"""


def stands(salon: Salon) -> tuple[str, bool]:
    """Anna's stage, and whether the tag is on."""
    [customer] = salon.rows(Customer, id=salon.ids["anna"])
    [tag] = salon.rows(Tag, slug="dormant")
    held = salon.rows(CustomerTag, customer_id=customer.id, tag_id=tag.id, until=None)
    return customer.stage.value, any(row.held for row in held)


def welcomed(salon: Salon, policy: str = "withdraw") -> int:
    """A recharge by which a rule made a member of Anna and took a tag off."""
    salon.put_in_force("campaigns", SHIPPED["campaigns"] + CHANGING.lstrip("\n") % policy)
    evaluate(TODAY)
    assert stands(salon) == ("lead", True)
    sale = int(salon.recharge(300_000)["sale"])
    evaluate(TODAY, full=False)
    assert stands(salon) == ("member", False)
    return sale


def test_a_field_and_a_tag_are_put_back(salon: Salon) -> None:
    answer = salon.reverse(welcomed(salon))
    assert stands(salon) == ("lead", True)
    assert "潜客" in answer["warning"]
    assert "沉睡" in answer["warning"]
    evaluate(TODAY)
    assert stands(salon) == ("lead", True)


def test_they_stay_where_the_rule_keeps_them(salon: Salon) -> None:
    salon.reverse(welcomed(salon, "keep"))
    assert stands(salon) == ("member", False)


def test_what_somebody_changed_since_stays_and_is_said(salon: Salon) -> None:
    sale = welcomed(salon)
    [customer] = salon.rows(Customer, id=salon.ids["anna"])
    edited = {"entity": "customer", "id": customer.id, "values": {"stage": "trial"}, "version": customer.version}
    perform(Name.EDIT_ENTITY, edited, actor=SYSTEM)
    [tag] = salon.rows(Tag, slug="dormant")
    salon.do(Name.UNTAG_CUSTOMERS, role="manager", customers=[customer.id], tag=tag.id)
    answer = salon.reverse(sale)
    assert stands(salon) == ("trial", False)
    assert "体验" in answer["warning"]
    assert "沉睡" in answer["warning"]


def test_they_stay_where_another_recharge_gives_them(salon: Salon) -> None:
    sale = welcomed(salon)
    salon.recharge(300_000)
    salon.reverse(sale)
    assert stands(salon) == ("member", False)


def test_two_rules_of_one_sale_are_undone_one_after_the_other(salon: Salon) -> None:
    """And one of them does not stand for the other."""
    more = (
        CHANGING.replace("welcome", "welcome-too")
        .split("  - id: welcome-too")[1]
        .replace("stage: member", "stage: trial")
    )
    rules = SHIPPED["campaigns"] + CHANGING.lstrip("\n") % "withdraw" + "  - id: welcome-too" + more % "withdraw"
    salon.put_in_force("campaigns", rules)
    evaluate(TODAY)
    sale = int(salon.recharge(300_000)["sale"])
    evaluate(TODAY, full=False)
    assert stands(salon) == ("trial", False)
    salon.reverse(sale)
    assert stands(salon) == ("lead", True)


def test_what_another_rule_has_done_since_stays(salon: Salon) -> None:
    other = CHANGING.split("  - id: welcome")[1].replace("largest_recharge_365d: {at_least: 3000}", "stage: member")
    salon.put_in_force("campaigns", SHIPPED["campaigns"] + CHANGING % "withdraw" + "  - id: other" + other % "withdraw")
    evaluate(TODAY)
    sale = int(salon.recharge(300_000)["sale"])
    evaluate(TODAY, full=False)
    with time_machine.travel(NOON + timedelta(days=1)):
        evaluate(TODAY + timedelta(1))
        assert stands(salon) == ("member", False)
        salon.reverse(sale)
    assert stands(salon) == ("member", False)


def test_a_tag_is_not_put_back_whose_own_rule_rested_on_the_same(salon: Salon) -> None:
    rules = CHANGING.replace("paid_365d: {at_least: 0}", "largest_recharge_365d: {at_least: 1000}") % "withdraw"
    salon.put_in_force("campaigns", SHIPPED["campaigns"] + rules)
    evaluate(TODAY)
    first = salon.recharge(100_000)["sale"]
    evaluate(TODAY, full=False)
    assert stands(salon) == ("lead", True)
    second = salon.recharge(300_000)["sale"]
    evaluate(TODAY, full=False)
    salon.reverse(first)
    assert stands(salon) == ("member", False)
    assert "沉睡" not in salon.reverse(second)["warning"]
    assert stands(salon) == ("lead", False)
