"""What the staff brought in and gave: by hand, line by line, and taken back on the day it was taken back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
import time_machine
from flask_babel import force_locale
from sqlalchemy import true

from admin_app import rulebook
from admin_app.operations.ledger import TENDER
from admin_app.performance import Happened, Line, by_staff, performance, reason, total
from models.entity import db
from models.organisation import Staff
from models.sales import SaleLine, StaffShare
from models.value import COMES_IN, AccountKind
from tests.cast import NOON, TODAY, raw_operation
from tests.conftest import House
from tests.views.pages import sql_of
from tests.views.till_day import a_day, a_till

TOMORROW = NOON + timedelta(days=1)


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


def lines(first: date = TODAY, last: date = TODAY) -> list[Line]:
    return performance(db.session(), true(), first, last)


def level(house: House, name: str) -> None:
    with raw_operation():
        db.session.get_one(Staff, house.ids["therapist_staff"]).level = name


def said(line: Line) -> str:
    with force_locale("en"):
        return reason(line)


def test_a_day_by_person(house: House) -> None:
    a_day(house)
    found = by_staff(lines())
    sums = {who: found[house.ids[f"{who}_staff"]] for who in ("therapist", "consultant", "reception")}
    therapist, consultant, reception = sums.values()
    # 298 named, 100, 298, 198 of a card, 198 by voucher; the 198 given and taken back come to nothing
    assert (therapist.money_in, therapist.used) == (0, 109_200)
    # 25 x 110 % + 18 + 25 + 25 + 18
    assert (therapist.fee, therapist.lines) == (11_350, 7)
    # a card sold, another sold and refunded on the same day
    assert (consultant.money_in, consultant.used, consultant.fee, consultant.lines) == (198_000, 0, 9_900, 3)
    # 1,000 recharged at 3 %, a product for 100 at 8 %
    assert (reception.money_in, reception.used, reception.fee, reception.lines) == (110_000, 0, 3_800, 2)
    everything = total(lines())
    assert (everything.money_in, everything.used, everything.fee) == (308_000, 109_200, 25_050)


def test_the_fee_goes_by_level_and_by_how_she_came_to_it(house: House) -> None:
    level(house, "高级")
    till = a_till(house)
    till.sell("anna", till.care(manner="named"))
    [line] = lines()
    assert line.fee == 3_300
    assert said(line) == "manual fee ¥25.00 × 高级 120% × asked for by name 110%"


def test_a_treatment_is_shared_with_an_assistant(house: House) -> None:
    till = a_till(house)
    till.sell("anna", till.care(assistant=house.ids["manager_staff"]))
    lead, assistant = lines()
    assert (lead.used, lead.fee, said(lead)) == (20_860, 1_750, "manual fee ¥25.00 × share 70%")
    assert (assistant.used, assistant.fee, said(assistant)) == (8_940, 750, "manual fee ¥25.00 × share 30%")


def test_what_is_sold_says_its_commission(house: House) -> None:
    till = a_till(house)
    seller = house.ids["reception_staff"]
    till.sell("anna", {"product": till.menu["lotion"], "seller": seller})
    till.sell("anna", till.care(seller=seller))
    by_kind = {line.work.kind.value: said(line) for line in lines() if line.staff_id == seller}
    assert by_kind == {"product": "¥100.00 × commission 8%", "service": "¥298.00 × no commission"}


def test_a_line_taken_back_counts_against_on_the_day_it_is_taken_back(house: House) -> None:
    till = a_till(house)
    sale = till.sell("anna", till.care())["sale"]
    with time_machine.travel(TOMORROW, tick=False):
        till.do("reverse_sale", sale=sale, why="收错了")
    [done] = lines()
    assert (done.happened, done.used, done.fee) == (Happened.DONE, 29_800, 2_500)
    [back] = lines(TODAY + timedelta(1), TODAY + timedelta(1))
    assert (back.happened, back.used, back.fee) == (Happened.TAKEN_BACK, -29_800, -2_500)
    assert said(back) == "Taken back: manual fee ¥25.00"
    assert total(lines(TODAY, TODAY + timedelta(1))).used == 0


def test_a_refunded_card_takes_the_sellers_part_of_it_back(house: House) -> None:
    """1,980 sold, one of ten sessions given: 1,782 go back."""
    till = a_till(house)
    card, item = till.card("anna", "cash")
    till.at("redeem_session", "anna", item=item, performer=house.ids["therapist_staff"])
    with time_machine.travel(TOMORROW, tick=False):
        till.do("refund_card", card=card, method="cash", why="搬家", store=house.ids["first"])
    [back] = lines(TODAY + timedelta(1), TODAY + timedelta(1))
    assert back.staff_id == house.ids["consultant_staff"]
    assert (back.happened, back.money_in, back.fee) == (Happened.REFUNDED, -178_200, -8_910)
    assert said(back) == "Card refunded: ¥1,782.00 × commission 5%"
    assert total(lines(TODAY, TODAY + timedelta(1))).money_in == 198_000 - 178_200


def test_only_the_shares_asked_for_are_there(house: House) -> None:
    a_day(house)
    therapist = StaffShare.staff_id == house.ids["therapist_staff"]
    found = performance(db.session(), therapist, TODAY, TODAY)
    assert {line.staff_id for line in found} == {house.ids["therapist_staff"]}
    assert performance(db.session(), therapist & (SaleLine.item == "补水"), TODAY, TODAY)
    assert performance(db.session(), therapist, TODAY + timedelta(1), TODAY + timedelta(9)) == []


def test_it_takes_one_statement_for_any_number_of_lines(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rulebook, "LOOK_EVERY", 1e9)
    till = a_till(sqlite_house)
    for _ in range(5):
        till.sell("anna", till.care())
    lines()
    assert len(sql_of(lines)) == 1


def test_what_is_paid_out_of_stored_value_came_in_with_the_recharge(house: House) -> None:
    till = a_till(house)
    till.at("recharge", "anna", amount=100_000, method="cash")
    till.sell("anna", {"product": till.menu["lotion"], "seller": house.ids["reception_staff"]}, "stored_value")
    assert [(line.item, line.money_in) for line in lines()] == [("乳液", 0)]


def test_what_comes_in_is_what_is_tendered_and_what_is_owed() -> None:
    assert set(COMES_IN) == {*TENDER.values(), AccountKind.RECEIVABLE}
