"""Approval on the spot: another person with the right signs, for this very thing, once; and what is given away."""

from __future__ import annotations

from typing import Any

import pytest

from admin_app.operations.approvals import signed
from admin_app.operations.kernel import perform
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import spec_named
from models.accounts import User
from models.cards import GiftIssue
from models.entity import db
from models.names import Name
from models.sales import Sale
from models.till import Approval
from tests.cast import TODAY, create, password_of, raw_operation
from tests.salon_day import CREAM, HYDRA, Salon, days_on

HOUSES = ("sqlite",)
"""What differs between the engines is tried in the neighbours and in ``tests/models``."""

NEEDED = ("needs_approval", "approver")


def cheaper(salon: Salon, price: int = HYDRA - 1, **values: Any) -> dict[str, Any]:
    return salon.bill(salon.line("hydra", price=price, why="老客"), **values)


def sign(
    salon: Salon, bill: dict[str, Any], by: str = "manager", password: str = "", name: Name = Name.SELL
) -> dict[str, Any]:
    """The bill as a form sends it on once somebody has signed for it."""
    values = {**bill, "approver": by, "approver_password": password or password_of(by.strip().lower())}
    return signed(spec_named(name), values, salon.house.actor("reception"))


def refused(salon: Salon, bill: dict[str, Any], **values: Any) -> tuple[str, str | None]:
    with pytest.raises(Refused) as refusal:
        sign(salon, bill, **values)
    db.session.rollback()
    assert salon.rows(Approval) == []
    return refusal.value.code, refusal.value.field


def test_a_fen_less_than_usual_needs_an_approval(salon: Salon) -> None:
    salon.give_tier("gold")
    salon.sell(salon.line("hydra", price=26_820, why="金卡价"))
    assert salon.refused(Name.SELL, **cheaper(salon, 26_819)) == NEEDED


def test_one_line_is_enough_to_need_it(salon: Salon) -> None:
    bill = salon.bill("eye", salon.line("hydra", price=HYDRA - 1, why="老客"), "cream")
    assert salon.refused(Name.SELL, **bill) == NEEDED


def test_another_person_signs(salon: Salon) -> None:
    sale = salon.do(Name.SELL, **sign(salon, cheaper(salon), by=" Manager "))["sale"]
    [row] = salon.rows(Approval)
    assert salon.rows(Sale, id=sale)[0].approval_id == row.id
    who = (row.operation, row.asked_by, row.allowed_by, row.reason, row.business_day)
    assert who == ("sell", salon.ids["reception"], salon.ids["manager"], "老客", TODAY)


def test_who_may_allow_it_needs_nobody(salon: Salon) -> None:
    salon.do(Name.SELL, role="manager", **cheaper(salon))
    assert salon.last_sale().approval_id is None


def test_without_a_name_nothing_is_signed(salon: Salon) -> None:
    bill = cheaper(salon)
    actor = salon.house.actor("reception")
    assert signed(spec_named(Name.SELL), bill, actor) == bill
    nobody = salon.house.actor("reception", id=None)
    asked = {**bill, "approver": "manager"}
    assert signed(spec_named(Name.SELL), asked, nobody) == asked


REFUSALS: dict[str, tuple[dict[str, Any], tuple[str, str | None]]] = {
    "a wrong password": ({"password": "wrong"}, ("wrong_password", "approver_password")),
    "nobody of that name": ({"by": "nobody"}, ("wrong_password", "approver_password")),
    "herself": ({"by": "reception"}, ("forbidden", "approver")),
    "somebody without the right": ({"by": "consultant"}, ("forbidden", None)),
}


@pytest.mark.parametrize("kind", REFUSALS)
def test_it_is_not_signed_by(salon: Salon, kind: str) -> None:
    values, answer = REFUSALS[kind]
    assert refused(salon, cheaper(salon), **values) == answer


def test_passwords_are_not_guessed_at_the_till(salon: Salon) -> None:
    said = [refused(salon, cheaper(salon), password=f"wrong {place}")[0] for place in range(7)]
    assert said[0] == "wrong_password"
    assert said[-1] == "waiting"
    assert refused(salon, cheaper(salon))[0] == "waiting", "the right one waits too"


def test_an_approval_is_good_once(salon: Salon) -> None:
    bill = sign(salon, cheaper(salon))
    salon.do(Name.SELL, **bill)
    assert salon.refused(Name.SELL, **bill) == NEEDED


def test_an_approval_that_a_refused_sale_did_not_use_is_still_good(salon: Salon) -> None:
    bill = sign(salon, cheaper(salon, method="stored_value"))
    assert salon.refused(Name.SELL, **bill) == ("not_enough", "payments")
    salon.recharge(50_000)
    salon.do(Name.SELL, **bill)


OTHER: dict[str, dict[str, Any]] = {
    "a lower price": {"price": HYDRA - 2},
    "another customer": {"customer": "berta"},
    "another way of paying": {"method": "wechat"},
}


@pytest.mark.parametrize("kind", OTHER)
def test_an_approval_is_good_for_what_was_shown_alone(salon: Salon, kind: str) -> None:
    number = sign(salon, cheaper(salon))["approval"]
    assert salon.refused(Name.SELL, **cheaper(salon, **OTHER[kind]), approval=number) == NEEDED


def test_an_approval_is_good_for_whoever_asked(salon: Salon) -> None:
    bill = sign(salon, cheaper(salon))
    with pytest.raises(Refused) as refusal:
        perform(Name.SELL, bill, actor=salon.house.actor("reception", id=salon.ids["finance"]))
    assert (refusal.value.code, refusal.value.field) == NEEDED
    db.session.rollback()


def test_an_approval_that_does_not_exist_is_none(salon: Salon) -> None:
    assert salon.refused(Name.SELL, **cheaper(salon), approval=99) == NEEDED


# --------------------------------------------------------------------------------------------------------- gifts


def gift(salon: Salon, **values: Any) -> dict[str, Any]:
    return {"customer": salon.ids["anna"], "why": "生日", "store": salon.ids["first"], **values}


def test_a_gift_is_kept_with_its_worth_and_reason_and_moves_no_money(salon: Salon) -> None:
    salon.do(Name.GIVE_GIFT, **gift(salon, product=salon.ids["cream"], quantity=2))
    [row] = salon.rows(GiftIssue)
    kept = (row.item, row.quantity, row.value, row.given_by, row.reason, row.approval_id)
    assert kept == ("面霜", 2, 2 * CREAM, "用户reception", "生日", None)
    assert salon.entries() == 0


def test_a_gift_is_one_thing(salon: Salon) -> None:
    assert salon.refused(Name.GIVE_GIFT, **gift(salon)) == ("one_thing", "service")
    both = gift(salon, product=salon.ids["cream"], service=salon.ids["hydra"])
    assert salon.refused(Name.GIVE_GIFT, **both) == ("one_thing", "service")


@pytest.mark.parametrize(("price", "allowed"), [("102", True), ("102.01", False)])
def test_what_one_person_gives_in_a_month_has_an_end(salon: Salon, price: str, allowed: bool) -> None:
    """500 yuan: 298, and 100 given by somebody else, and then as much as is left or a fen more."""
    salon.ids["mask"] = create("product", name="面膜", price=price)
    salon.do(Name.GIVE_GIFT, **gift(salon, service=salon.ids["hydra"]))
    salon.do(Name.GIVE_GIFT, role="manager", **gift(salon, product=salon.ids["cream"]))
    more = gift(salon, product=salon.ids["mask"])
    salon.do(Name.GIVE_GIFT, **gift(salon, product=create("product", name="小样", price="100")))
    if allowed:
        salon.do(Name.GIVE_GIFT, **more)
    else:
        assert salon.refused(Name.GIVE_GIFT, **more) == NEEDED


def test_another_name_buys_no_more_gifts(salon: Salon) -> None:
    """People are known by their number: a name can be changed, and two may share one."""
    salon.do(Name.GIVE_GIFT, **gift(salon, product=salon.ids["cream"], quantity=2))
    with raw_operation():
        db.session.get_one(User, salon.ids["reception"]).name = "换了名字"
        db.session.get_one(User, salon.ids["manager"]).name = "reception"
    more = gift(salon, product=salon.ids["cream"])
    assert salon.refused(Name.GIVE_GIFT, **more) == NEEDED


def test_beyond_it_somebody_signs(salon: Salon) -> None:
    much = gift(salon, product=salon.ids["cream"], quantity=3)
    assert salon.refused(Name.GIVE_GIFT, **much) == NEEDED
    bill = sign(salon, much, name=Name.GIVE_GIFT)
    salon.do(Name.GIVE_GIFT, **bill)
    assert salon.rows(GiftIssue)[0].approval_id == salon.rows(Approval)[0].id
    assert salon.refused(Name.GIVE_GIFT, **bill) == NEEDED, "once"


def test_each_month_begins_anew(salon: Salon) -> None:
    many = gift(salon, product=salon.ids["cream"], quantity=2)
    salon.do(Name.GIVE_GIFT, **many)
    with days_on(8):
        assert salon.refused(Name.GIVE_GIFT, **many) == NEEDED
    with days_on(9):
        salon.do(Name.GIVE_GIFT, **many)
