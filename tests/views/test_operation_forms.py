"""Forms of operations that take money: rows, a working that is shown first, approvals on the spot."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from admin_app.operations.kernel import now, perform
from models.actor import SYSTEM
from models.customers import Customer
from models.entity import db
from models.log import EntryKind, Operation
from models.names import Name
from models.sales import Payment, Sale, SaleLine
from models.till import Approval
from tests.cast import create, password_of, raw_operation
from tests.conftest import ON_BOTH, House
from tests.views.pages import main_part, sent_as_shown
from tests.web import Browser, english

HOUSES = ("sqlite",)


@pytest.fixture
def menu(house: House) -> dict[str, int]:
    return {
        "service": create("service", name="补水", price="298", busy_minutes=45, idle_minutes=15),
        "product": create("product", name="面膜", price="168"),
    }


def bill(house: House, menu: dict[str, int], **more: object) -> dict[str, object]:
    """Anna's bill: one service, one product, paid in cash."""
    return {
        "customer": house.ids["anna"],
        "store": house.ids["first"],
        "lines-0-service": menu["service"],
        "lines-0-quantity": 1,
        "lines-0-performer": house.ids["therapist_staff"],
        "lines-0-manner": "in_turn",
        "lines-1-product": menu["product"],
        "lines-1-quantity": 2,
        "lines-1-manner": "in_turn",
        "method": "cash",
        **more,
    }


def page(house: House, role: str, name: str, on: str) -> tuple[Browser, str]:
    browser = english(house, role)
    address = f"/do/{name}/?on={house.ids[on]}"
    assert browser.get(address).status_code == 200
    return browser, address


def test_a_bill_is_worked_out_before_it_is_sold(house: House, menu: dict[str, int]) -> None:
    browser, address = page(house, "reception", "sell", "anna")
    shown = browser.post(address, bill(house, menu))
    assert "¥634.00" in shown.text
    assert db.session.scalar(select(Sale.id)) is None
    sold = browser.post(address, bill(house, menu, shown_total=63_400))
    assert sold.status_code == 302
    sale = db.session.scalars(select(Sale)).one()
    assert (sale.total, sale.customer_id) == (63_400, house.ids["anna"])
    assert [line.quantity for line in db.session.scalars(select(SaleLine).order_by(SaleLine.position))] == [1, 2]


def test_a_refusal_of_the_first_step_stands_in_the_log(house: House, menu: dict[str, int]) -> None:
    """Only the total was asked for; that it was refused, and whom, is known all the same."""
    browser, address = page(house, "reception", "sell", "anna")
    assert browser.post(address, bill(house, menu, **{"lines-0-performer": ""})).status_code == 422
    entry = db.session.scalars(select(Operation).order_by(Operation.id.desc()).limit(1)).one()
    assert (entry.name, entry.kind, entry.actor_name) == ("sell", EntryKind.REFUSAL, "用户reception")
    assert (entry.subject_kind, entry.subject_id) == ("customer", house.ids["anna"])


def test_a_changed_total_is_shown_again(house: House, menu: dict[str, int]) -> None:
    browser, address = page(house, "reception", "sell", "anna")
    again = browser.post(address, bill(house, menu, shown_total=63_300))
    assert "The total is another one by now" in again.text
    assert db.session.scalar(select(Sale.id)) is None


def test_one_more_row_keeps_what_was_written(house: House, menu: dict[str, int]) -> None:
    browser, address = page(house, "reception", "sell", "anna")
    grown = browser.post(address, bill(house, menu, more="payments", **{"lines-0-why": "thin skin"}))
    assert grown.status_code == 200
    assert 'name="payments-0-amount"' in grown.text
    assert "thin skin" in grown.text


def test_a_fault_of_a_row_stands_at_its_field(house: House, menu: dict[str, int]) -> None:
    browser, address = page(house, "reception", "sell", "anna")
    refused = browser.post(address, bill(house, menu, **{"lines-0-performer": ""}))
    assert refused.status_code == 422
    assert 'id="lines-0-performer-fault">Who gave it?' in refused.text


@ON_BOTH
def test_a_lower_price_is_allowed_on_the_spot(house: House, menu: dict[str, int]) -> None:
    browser, address = page(house, "reception", "sell", "anna")
    low = {"lines-0-price": "200", "lines-0-why": "came late"}
    refused = browser.post(address, bill(house, menu, **low))
    assert "This needs an approval" in refused.text
    wrong = bill(house, menu, **low, approver="manager", approver_password="no such words")
    assert "wrong" in browser.post(address, wrong).text
    signed = bill(house, menu, **low, approver="manager", approver_password=password_of("manager"))
    shown = browser.post(address, signed)
    approval = db.session.scalars(select(Approval)).one()
    assert f'name="approval" value="{approval.id}"' in shown.text
    again = {"approver": "manager", "approver_password": "", "approval": approval.id}  # a password is never sent back
    sold = browser.post(address, bill(house, menu, **low, **again, shown_total=53_600))
    assert sold.status_code == 302
    assert db.session.scalars(select(Sale.approval_id)).one() == approval.id


def test_what_belongs_to_the_customer_alone_is_offered(house: House, menu: dict[str, int]) -> None:
    package = create("package", name="补水十次", price="1980")
    create("package_item", package_id=package, service_id=menu["service"], quantity=10)
    for who in ("anna", "berta"):
        opened = {"customer": house.ids[who], "package": package, "method": "cash", "store": house.ids["first"]}
        perform(Name.OPEN_CARD, opened, actor=SYSTEM)
    text = house.browser("reception").get(f"/do/redeem_session/?on={house.ids['anna']}").text
    offered = text.split('id="item"')[1].split("</select>")[0]
    assert offered.count("<option") == 2  # none, and her own


def test_a_form_is_filled_in_by_its_address(house: House) -> None:
    text = house.browser("reception").get(f"/do/recharge/?on={house.ids['anna']}&amount=1000&method=wechat").text
    assert 'value="1000"' in text
    assert '<option selected value="wechat">' in text


def test_a_password_is_never_written_back(house: House, menu: dict[str, int]) -> None:
    browser, address = page(house, "reception", "sell", "anna")
    low = bill(house, menu, approver="manager", approver_password="not shown again", **{"lines-0-price": "1"})
    assert "not shown again" not in browser.post(address, low).text


def test_a_recharge_says_its_bonus_first(house: House) -> None:
    browser, address = page(house, "reception", "recharge", "anna")
    values = {"customer": house.ids["anna"], "amount": "1000", "method": "cash", "store": house.ids["first"]}
    assert "¥50.00" in browser.post(address, values).text
    assert browser.post(address, {**values, "shown_total": 100_000}).status_code == 302
    assert sum(db.session.scalars(select(Payment.amount))) == 100_000


def test_only_money_is_offered_where_only_money_is_taken(house: House) -> None:
    text = house.browser("reception").get(f"/do/recharge/?on={house.ids['anna']}").text
    offered = re.findall(r'value="(\w*)"', text.split('id="method"')[1].split("</select>")[0])
    assert offered == ["", "cash", "wechat", "alipay", "bank_card"]


def test_closing_the_day_says_its_money_as_money(house: House) -> None:
    browser = english(house)
    counted = {"store": house.ids["first"], "counted": "1234.50", "why": "change left in the drawer"}
    assert browser.post("/do/close_day/", counted).status_code == 302
    told = browser.get("/day_close/").text
    assert "Should be there ¥0.00, Difference ¥1,234.50" in told


def test_faults_are_named_above_the_form_with_their_rows(house: House, menu: dict[str, int]) -> None:
    """Field, row and mend stand together, and lead to the field."""
    browser, address = page(house, "reception", "sell", "anna")
    lines = {"lines-0-performer": "", "lines-1-quantity": "two"}
    refused = browser.post(address, bill(house, menu, **lines)).text
    assert '<a href="#lines-1-quantity">Lines 2 · Quantity</a>: A whole number is needed here.' in refused


def test_a_number_out_of_bounds_is_told_its_bound(house: House) -> None:
    browser, address = page(house, "owner", "record_training", "therapist_staff")
    course = create("course", name="基础")
    values = {"staff": house.ids["therapist_staff"], "course": course, "taken_on": "2026-11-01", "score": "101"}
    assert 'id="score-fault">From 0 to 100 is allowed here.<' in browser.post(address, values).text


def test_a_subject_that_cannot_be_used_is_said_above_the_form(house: House) -> None:
    """The field of the customer is not on the page when she was chosen before: the message still is."""
    perform("archive_entity", {"entity": "customer", "id": house.ids["anna"]}, actor=SYSTEM)
    browser = english(house, "reception")
    values = {"customer": house.ids["anna"], "amount": "100", "method": "cash", "store": house.ids["first"]}
    refused = browser.post(f"/do/recharge/?on={house.ids['anna']}", values)
    assert "Customer was archived. Restore it first, or choose another." in refused.text


def test_an_archived_row_offers_nothing_that_would_be_refused(house: House) -> None:
    """Neither on its page nor in the list; an address that was kept says it at once."""
    anna = house.ids["anna"]
    with raw_operation():
        db.session.get_one(Customer, anna).archived_at = now()
    browser = house.browser("owner")
    details = browser.get(f"/customer/details/?id={anna}").text
    offered = set(re.findall(rf"/do/(\w+)/\?on={anna}&", details))
    assert offered, "what may be done with whoever is archived stays"
    assert not offered & {"sell", "recharge", "book", "open_card", "redeem_session", "record_treatment", "gift_points"}
    listed = main_part(browser.get("/customer/?archived=all").text)
    assert f'<option value="{Name.TAG_CUSTOMERS}"' in listed
    only = main_part(browser.get("/customer/?archived=yes").text)
    assert f'<option value="{Name.TAG_CUSTOMERS}"' not in only
    assert "已归档" in main_part(browser.get(f"/do/sell/?on={anna}").text)


def test_all_paid_by_voucher_opens_a_row_for_its_platform_and_code(house: House, menu: dict[str, int]) -> None:
    browser, address = page(house, "reception", "sell", "anna")
    asked = browser.post(address, bill(house, menu, method="voucher"))
    assert asked.status_code == 422
    assert 'id="payments-0-platform-fault"' in asked.text
    assert 'id="payments-0-code-fault"' in asked.text
    shown = sent_as_shown(asked.text)
    assert (shown["method"], shown["payments-0-method"], shown["payments-0-amount"]) == ([""], ["voucher"], ["634.00"])
    half = browser.post(address, {**shown, "payments-0-platform": "meituan"})
    assert 'id="payments-0-code-fault"' in half.text
    told = {**shown, "payments-0-platform": "meituan", "payments-0-code": "AB12"}
    assert browser.post(address, told).status_code == 302
    assert db.session.scalars(select(Payment.method)).all() == ["voucher"]


def test_whoever_gives_services_finds_their_own_record_chosen(sqlite_house: House) -> None:
    house = sqlite_house
    service = create("service", name="补水", price="298", busy_minutes=45)

    def chosen(role: str, more: str = "") -> str:
        page = house.browser(role).get(f"/do/record_treatment/?on={house.ids['anna']}{more}").text
        return sent_as_shown(page)["staff"][0]

    assert chosen("therapist") == "", "who gives no service is nobody's usual choice"
    create("staff_skill", staff_id=house.ids["therapist_staff"], service_id=service)
    assert chosen("therapist") == str(house.ids["therapist_staff"])
    assert chosen("therapist", f"&staff={house.ids['manager_staff']}") == str(house.ids["manager_staff"])
    assert chosen("manager") == ""


def test_what_was_done_says_how_many_of_what(sqlite_house: House) -> None:
    """A bare number says nothing: each part of an answer that counts has a word with it."""
    form = {"customers": [sqlite_house.ids["anna"]], "tag": create("tag", slug="regular", name="常客"), "why": "常来"}
    answer = english(sqlite_house, "owner").post("/do/tag_customers/", form, follow_redirects=True)
    assert re.search(r"Tag[^:<]*: customers: 1", answer.text)


def test_a_page_leaves_out_what_it_could_only_mask(sqlite_house: House) -> None:
    """The version of the rules that stands on a sale is nothing that reception sees rows of."""
    menu = {
        "service": create("service", name="补水", price="298", busy_minutes=45),
        "product": create("product", name="面膜", price="168"),
    }
    browser, address = page(sqlite_house, "reception", "sell", "anna")
    browser.post(address, bill(sqlite_house, menu, shown_total=63_400))
    sale = db.session.scalars(select(Sale.id)).one()
    assert "<dt>Rules</dt>" in english(sqlite_house, "owner").get(f"/sale/details/?id={sale}").text
    assert "<dt>Rules</dt>" not in browser.get(f"/sale/details/?id={sale}").text
