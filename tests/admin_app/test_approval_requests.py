"""An approval is given by a PIN in place, or from elsewhere; it is good for what was asked for alone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from admin_app.operations.approvals import signed
from admin_app.operations.kernel import perform
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import spec_named
from admin_app.security import passwords
from models.entity import db
from models.names import Name
from models.sales import Sale
from models.till import Approval, ApprovalRequest, RequestState
from tests.cast import password_of
from tests.conftest import House
from tests.salon_day import HYDRA, Salon
from tests.views.pages import main_part, words
from tests.web import Browser

HOUSES = ("sqlite",)

PIN = "730952"


def cheaper(salon: Salon, price: int = HYDRA - 1_000) -> dict[str, str]:
    """A bill below the usual price, as the form sends it."""
    return {
        "customer": str(salon.ids["anna"]),
        "store": str(salon.ids["first"]),
        "lines-0-service": str(salon.ids["hydra"]),
        "lines-0-quantity": "1",
        "lines-0-price": str(price / 100),
        "lines-0-performer": str(salon.ids["therapist_staff"]),
        "lines-0-why": "老客",
        "method": "cash",
    }


def ask(salon: Salon, browser: Browser, **changed: str) -> Any:
    return browser.post("/do/sell/", {**cheaper(salon), "ask_approval": "1", **changed})


def requests() -> list[ApprovalRequest]:
    db.session.rollback()
    return list(db.session.scalars(select(ApprovalRequest).order_by(ApprovalRequest.id)))


def test_it_is_asked_for_and_given_from_elsewhere(salon: Salon) -> None:
    desk, phone = salon.house.browser("reception"), salon.house.browser("manager")
    refused = desk.post("/do/sell/", cheaper(salon))
    assert 'name="ask_approval"' in refused.text
    ask(salon, desk)
    ask(salon, desk)
    [request] = requests()
    assert (request.total, request.why, request.state) == (HYDRA - 1_000, "老客", RequestState.OPEN)
    assert request.working == "补水 × 1 = ¥288.00 (¥298.00)"
    page = phone.get("/approvals").text
    assert request.working in page
    assert "reception" in page, "who asks is known to whoever allows it, though accounts are not theirs to see"
    assert '<span class="count"' in phone.get("/").text
    assert desk.get(f"/approvals/{request.id}/state").json == {"state": "open", "answer": ""}
    assert phone.post(f"/approvals/{request.id}", {"allow": "1", "answer": "下次提前说"}).status_code == 302
    assert desk.get(f"/approvals/{request.id}/state").json == {"state": "allowed", "answer": "下次提前说"}
    sold = desk.post("/do/sell/", {**cheaper(salon), "shown_total": str(HYDRA - 1_000)})
    assert sold.status_code == 302
    approval = db.session.scalars(select(Approval)).one()
    assert db.session.scalars(select(Sale.approval_id)).one() == approval.id
    assert (approval.asked_by, approval.allowed_by) == (salon.ids["reception"], salon.ids["manager"])


def test_it_is_good_for_that_bill_once(salon: Salon) -> None:
    desk, phone = salon.house.browser("reception"), salon.house.browser("manager")
    ask(salon, desk)
    phone.post(f"/approvals/{requests()[0].id}", {"allow": "1"})
    for changed in (cheaper(salon, HYDRA - 1_001), {**cheaper(salon), "customer": str(salon.ids["berta"])}):
        assert desk.post("/do/sell/", {**changed, "shown_total": "1"}).status_code == 422
    total = {"shown_total": str(HYDRA - 1_000)}
    assert desk.post("/do/sell/", {**cheaper(salon), **total}).status_code == 302
    assert desk.post("/do/sell/", {**cheaper(salon), **total}).status_code == 422
    assert len(db.session.scalars(select(Sale)).all()) == 1


def test_what_is_refused_is_said_where_it_was_asked_for(salon: Salon) -> None:
    desk, phone = salon.house.browser("reception"), salon.house.browser("manager")
    ask(salon, desk)
    phone.post(f"/approvals/{requests()[0].id}", {"allow": "0", "answer": "价格太低"})
    assert "价格太低" in desk.post("/do/sell/", cheaper(salon)).text
    assert phone.post(f"/approvals/{requests()[0].id}", {"allow": "1"}).status_code == 422
    assert db.session.scalars(select(Approval)).all() == []


def test_nobody_answers_their_own_and_who_may_not_sees_nothing(salon: Salon) -> None:
    desk = salon.house.browser("reception")
    ask(salon, desk)
    [request] = requests()
    assert desk.get("/approvals").status_code == 403
    assert desk.post(f"/approvals/{request.id}", {"allow": "1"}).status_code == 403
    assert salon.house.browser("therapist").get(f"/approvals/{request.id}/state").status_code == 404
    with pytest.raises(Refused):
        asker = salon.house.actor("manager", id=salon.ids["reception"])
        perform(Name.ANSWER_REQUEST, {"request": request.id, "allow": True}, actor=asker)


def test_what_needs_none_is_not_asked_for(salon: Salon) -> None:
    desk = salon.house.browser("reception")
    assert ask(salon, desk, **{"lines-0-performer": ""}).status_code == 422
    assert ask(salon, desk, **{"lines-0-why": ""}).status_code == 422
    assert ask(salon, desk, **{"lines-0-price": "298"}).status_code == 422
    gift = {"customer": str(salon.ids["anna"]), "product": str(salon.ids["cream"]), "why": "生日", "ask_approval": "1"}
    assert desk.post("/do/give_gift/", {**gift, "quantity": "1"}).status_code == 422
    assert requests() == []
    assert desk.post("/do/give_gift/", {**gift, "quantity": "3"}).status_code == 200
    [request] = requests()
    assert request.working == "面霜 × 3 = ¥600.00"


# ----------------------------------------------------------------------------------------------------------- the PIN


def sign(salon: Salon, secret: str) -> str:
    bill = salon.bill(salon.line("hydra", price=HYDRA - 1, why="老客"))
    values = {**bill, "approver": "manager", "approver_password": secret}
    try:
        signed(spec_named(Name.SELL), values, salon.house.actor("reception"))
    except Refused as refusal:
        db.session.rollback()
        return refusal.code
    return "done"


def test_a_pin_signs_in_place_and_opens_nothing_else(salon: Salon) -> None:
    assert sign(salon, PIN) == "wrong_password"
    manager = salon.house.browser("manager")
    assert manager.post("/account/pin", {"pin": "123456", "again": "123456"}).status_code == 422
    assert manager.post("/account/pin", {"pin": PIN, "again": "730953"}).status_code == 422
    assert manager.post("/account/pin", {"pin": PIN, "again": PIN}).status_code == 302
    assert sign(salon, "730953") == "wrong_password"
    assert sign(salon, PIN) == "done"
    assert sign(salon, password_of("manager")) == "done"
    assert salon.house.browser().post("/sign-in", {"login": "manager", "password": PIN}).status_code == 401
    perform(
        Name.RESET_PASSWORD,
        {"user": salon.ids["manager"], "password_hash": passwords.hashed("another sentence")},
        actor=salon.house.actor("owner"),
    )
    assert sign(salon, PIN) == "wrong_password"


def test_a_pin_is_guessed_no_more_often_than_a_password(salon: Salon) -> None:
    manager = salon.house.browser("manager")
    manager.post("/account/pin", {"pin": PIN, "again": PIN})
    became = [sign(salon, f"{guess:06}") for guess in range(900_000, 900_020)]
    assert became.count("wrong_password") <= 6
    assert sign(salon, PIN) == "waiting"


def test_who_allows_nothing_has_no_pin(house: House) -> None:
    assert house.browser("reception").get("/account/pin").status_code == 403
    assert house.browser("reception").post("/account/pin", {"pin": PIN, "again": PIN}).status_code == 403


def test_no_code_stands_on_its_pages(salon: Salon) -> None:
    ask(salon, salon.house.browser("reception"))
    [request] = requests()
    for address in ("/approval_request/", f"/approval_request/details/?id={request.id}"):
        page = words(main_part(salon.house.browser("owner").get(address).text))
        assert "收银" in page
        assert request.content not in page
        assert not re.search(r"\bsell\b", page)
