"""Cards: opened, used session by session, extended, given to somebody else, their money given back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from models.cards import Card, CardChange, CardItem, CardStatus
from models.catalogue import PackageItem
from models.entity import db
from models.log import Operation
from models.names import Name
from models.sales import Sale, Visit
from models.value import AccountKind
from tests.cast import TODAY, create, raw_operation
from tests.salon_day import EYE, HYDRA, PAIR, TEN, Salon, days_on

K = AccountKind
EACH = TEN // 10


def items(salon: Salon, card: int) -> list[CardItem]:
    return salon.rows(CardItem, card_id=card)


def change(salon: Salon, card: int, **values: Any) -> None:
    """Put something else into a card's row, as no operation does."""
    listed = ", ".join(f"{name} = :{name}" for name in values)
    with raw_operation():
        db.session.execute(text(f"UPDATE card SET {listed} WHERE id = {card}"), values)


# ------------------------------------------------------------------------------------------------------- opening


def test_a_card_holds_sessions_and_what_was_paid_for_them(salon: Salon) -> None:
    card = salon.open_card("pair")
    row = salon.rows(Card, id=card)[0]
    assert (row.name, row.sold_for, row.opened_on, row.status) == ("双人套餐", PAIR, TODAY, CardStatus.LIVE)
    assert [(one.sessions, one.value) for one in items(salon, card)] == [(2, 54_608), (1, 15_392)]
    assert salon.has() == {K.CARD: PAIR, K.SESSIONS: 3, K.POINTS: 700}
    assert salon.books() == {K.CASH: -PAIR, K.SESSIONS_ISSUED: -3, K.POINTS_ISSUED: -700}, "nothing is earned yet"


@pytest.mark.parametrize(("package", "days"), [("ten", 100), ("pair", 365)])
def test_a_card_ends_when_its_package_says_or_as_all_do(salon: Salon, package: str, days: int) -> None:
    card = salon.open_card(package)
    assert salon.rows(Card, id=card)[0].expires_on == TODAY + timedelta(days)


def test_a_card_has_no_discount_of_the_tier_but_its_points(salon: Salon) -> None:
    salon.give_tier("diamond")
    salon.open_card()
    assert salon.has() == {K.CARD: TEN, K.SESSIONS: 10, K.POINTS: 2 * TEN // 100}


def test_a_card_is_paid_in_several_ways(salon: Salon) -> None:
    salon.recharge(100_000)
    payments = [
        {"method": "stored_value", "amount": 30_000},
        {"method": "on_account", "amount": 10_000},
        {"method": "cash", "amount": 30_000},
    ]
    salon.open_card("pair", method=None, payments=payments)
    assert salon.has() == {
        K.PRINCIPAL: 70_000,
        K.BONUS: 5_000,
        K.RECEIVABLE: -10_000,
        K.CARD: PAIR,
        K.SESSIONS: 3,
        K.POINTS: 600,
    }


@pytest.mark.parametrize("method", ["voucher", "session"])
def test_some_ways_do_not_pay_for_a_card(salon: Salon, method: str) -> None:
    """Not even a fen of it."""
    tenders = [{"method": method, "amount": 1, "platform": "meituan", "code": "M1"}]
    tenders.append({"method": "cash", "amount": TEN - 1})
    values = {"customer": salon.ids["anna"], "package": salon.ids["ten"], "payments": tenders}
    assert salon.refused(Name.OPEN_CARD, **values) == ("does_not_fit", "payments")


def test_only_a_package_on_sale_with_something_in_it_is_sold(salon: Salon) -> None:
    packages = {"empty": {}, "off": {"on_sale": "false"}}
    for name, values in packages.items():
        salon.ids[name] = create("package", name=name, price="10", **values)
    create("package_item", package_id=salon.ids["off"], service_id=salon.ids["eye"])
    asked = {"customer": salon.ids["anna"], "method": "cash"}
    said = {name: salon.refused(Name.OPEN_CARD, package=salon.ids[name], **asked) for name in packages}
    assert set(said.values()) == {("not_a_card", "package")}


def test_another_price_than_the_one_shown_is_refused(salon: Salon) -> None:
    values = {"customer": salon.ids["anna"], "package": salon.ids["ten"], "method": "cash", "shown_total": TEN - 1}
    assert salon.refused(Name.OPEN_CARD, **values) == ("another_total", None)


def test_a_card_for_nothing_gives_sessions_worth_nothing(salon: Salon) -> None:
    free = create("package", name="体验卡", price="0")
    create("package_item", package_id=free, service_id=salon.ids["eye"])
    salon.ids["free"] = free
    card = salon.open_card("free")
    assert salon.has() == {K.SESSIONS: 1}
    assert salon.redeem(items(salon, card)[0].id)["total"] == 0
    assert salon.has() == {}
    assert salon.rows(Card, id=card)[0].status is CardStatus.LIVE


# ------------------------------------------------------------------------------------------------------ sessions


def test_a_session_is_given(salon: Salon) -> None:
    card = salon.open_card()
    before = salon.books()
    answer = salon.redeem(items(salon, card)[0].id, manner="named")
    assert (answer["left"], answer["total"]) == (9, EACH)
    sale = answer["sale"]
    [line] = salon.lines_of(sale)
    assert (line.kind.value, line.amount, line.card_item_id) == ("service", EACH, items(salon, card)[0].id)
    assert salon.paid(sale) == [("session", EACH)]
    assert salon.books() == {**before, K.SESSIONS_ISSUED: -9, K.REVENUE: EACH}, "what was paid is earned now"
    assert salon.has() == {K.CARD: TEN - EACH, K.SESSIONS: 9, K.POINTS: 1_980}, "and earns no points again"
    assert len(salon.rows(Visit)) == 1


def test_the_sessions_of_a_card_come_to_its_price(salon: Salon) -> None:
    card = salon.open_card("pair")
    first, second = items(salon, card)
    worth = [salon.redeem(one)["total"] for one in (first.id, first.id, second.id)]
    assert sum(worth) == PAIR
    assert salon.has() == {K.POINTS: 700}


def test_several_sessions_at_once_are_worth_what_each_is(salon: Salon) -> None:
    card = salon.open_card()
    assert salon.redeem(items(salon, card)[0].id, sessions=10)["total"] == TEN
    assert salon.last_sale().confirmed_by.value == "signature"


def test_the_last_session_takes_what_rounding_left_on_a_line_of_its_own(salon: Salon) -> None:
    odd = create("package", name="三次卡", price="1")
    create("package_item", package_id=odd, service_id=salon.ids["eye"], quantity=3)
    salon.ids["odd"] = odd
    card = salon.open_card("odd")
    sale = salon.redeem(items(salon, card)[0].id, sessions=3)["sale"]
    assert [(line.quantity, line.unit_price, line.amount) for line in salon.lines_of(sale)] == [
        (2, 33, 66),
        (1, 34, 34),
    ]
    assert salon.has() == {K.POINTS: 1}
    salon.reverse(sale, salon.lines_of(sale)[1].id)
    assert salon.has() == {K.POINTS: 1, K.SESSIONS: 1, K.CARD: 34}


def test_a_session_taken_back_is_given_again_at_what_it_was_worth(salon: Salon) -> None:
    """The first of three, worth a fen less than the last: what is left pays for it, no more."""
    odd = create("package", name="三次卡", price="1")
    create("package_item", package_id=odd, service_id=salon.ids["eye"], quantity=3)
    salon.ids["odd"] = odd
    item = items(salon, salon.open_card("odd"))[0].id
    first = salon.redeem(item)["sale"]
    assert [salon.redeem(item)["total"] for _ in range(2)] == [33, 34]
    salon.reverse(first)
    assert salon.redeem(item)["total"] == 33
    assert salon.has() == {K.POINTS: 1}


@pytest.mark.usefixtures("in_english")
def test_more_sessions_than_are_left_are_refused(salon: Salon) -> None:
    item = items(salon, salon.open_card("pair"))[0].id
    assert salon.refused(Name.REDEEM_SESSION, **salon.redemption(item, sessions=3)) == ("not_enough", "sessions")
    assert "2 sessions are left" in salon.said(Name.REDEEM_SESSION, **salon.redemption(item, sessions=3))
    salon.redeem(item, sessions=2)
    assert salon.refused(Name.REDEEM_SESSION, **salon.redemption(item)) == ("not_enough", "sessions")


def test_a_session_of_nobodys_card_is_refused(salon: Salon) -> None:
    item = items(salon, salon.open_card())[0].id
    assert salon.refused(Name.REDEEM_SESSION, **salon.redemption(item, "berta")) == ("not_hers", "item")


def test_a_card_is_good_on_its_last_day(salon: Salon) -> None:
    item = items(salon, salon.open_card())[0].id
    with days_on(100):
        salon.redeem(item)
    with days_on(101):
        assert salon.refused(Name.REDEEM_SESSION, **salon.redemption(item)) == ("expired", "item")


def test_a_card_may_be_for_one_store(salon: Salon) -> None:
    card = salon.open_card()
    there = salon.redemption(items(salon, card)[0].id, store=salon.ids["second"])
    salon.do(Name.REDEEM_SESSION, role="owner", **there)
    change(salon, card, everywhere=False)
    assert salon.refused(Name.REDEEM_SESSION, role="owner", **there) == ("other_store", "item")


def test_a_session_in_another_store_is_settled_between_the_two(salon: Salon) -> None:
    item = items(salon, salon.open_card())[0].id
    salon.redeem(item, role="owner", store=salon.ids["second"])
    assert salon.books("second") == {K.REVENUE: EACH, K.BETWEEN_STORES: -EACH, K.SESSIONS_ISSUED: 1}
    assert salon.books("first")[K.BETWEEN_STORES] == EACH


def test_the_member_password_confirms(salon: Salon) -> None:
    item = items(salon, salon.open_card())[0].id
    asked = salon.redemption(item, confirmed_by="password", password="secret7")
    assert salon.refused(Name.REDEEM_SESSION, **asked) == ("wrong_password", "password"), "she has none yet"
    salon.do(Name.SET_MEMBER_PASSWORD, customer=salon.ids["anna"], password="secret7")
    wrong = {**asked, "password": "secret8"}
    assert salon.refused(Name.REDEEM_SESSION, **wrong) == ("wrong_password", "password")
    salon.do(Name.REDEEM_SESSION, **asked)
    assert salon.last_sale().confirmed_by.value == "password"


def test_a_member_password_is_kept_nowhere_in_clear(salon: Salon) -> None:
    salon.do(Name.SET_MEMBER_PASSWORD, customer=salon.ids["anna"], password="secret7")
    kept = db.session.execute(text("SELECT password_hash FROM customer WHERE id = :id"), {"id": salon.ids["anna"]})
    assert "secret7" not in str(kept.scalar())
    log = db.session.execute(text("SELECT coalesce(old, '') || coalesce(new, '') FROM row_value")).scalars()
    assert not any("secret7" in one for one in log)
    with pytest.raises(ValidationError):
        salon.do(Name.SET_MEMBER_PASSWORD, customer=salon.ids["anna"], password="short")


# ---------------------------------------------------------------------------------------------- extended, given


def test_a_card_is_extended(salon: Salon) -> None:
    card = salon.open_card()
    until = TODAY + timedelta(130)
    salon.do(Name.EXTEND_CARD, card=card, until=until, why="住院")
    assert salon.rows(Card, id=card)[0].expires_on == until
    [row] = salon.rows(CardChange)
    kept = (row.kind.value, row.expires_before, row.expires_after, row.reason)
    assert kept == ("extended", TODAY + timedelta(100), until, "住院")
    with days_on(130):
        salon.redeem(items(salon, card)[0].id)


def test_an_extension_is_later(salon: Salon) -> None:
    card = salon.open_card()
    same = {"card": card, "until": TODAY + timedelta(100), "why": "x"}
    assert salon.refused(Name.EXTEND_CARD, **same) == ("not_later", "until")
    change(salon, card, expires_on=None)
    later = {**same, "until": TODAY + timedelta(1000)}
    assert salon.refused(Name.EXTEND_CARD, **later) == ("not_later", "until")


def test_a_card_is_given_to_somebody_else_with_all_that_is_left(salon: Salon) -> None:
    card = salon.open_card()
    item = items(salon, card)[0].id
    salon.redeem(item)
    salon.do(Name.TRANSFER_CARD, role="manager", card=card, to=salon.ids["berta"], why="送姐姐")
    assert salon.has("anna") == {K.POINTS: 1_980}
    assert salon.has("berta") == {K.CARD: TEN - EACH, K.SESSIONS: 9}
    [row] = salon.rows(CardChange)
    assert (row.kind.value, row.customer_id, row.to_customer_id) == (
        "transferred",
        salon.ids["anna"],
        salon.ids["berta"],
    )
    assert salon.refused(Name.REDEEM_SESSION, **salon.redemption(item)) == ("not_hers", "item")
    assert salon.redeem(item, "berta")["left"] == 8


@pytest.mark.parametrize("to", ["anna", "merged", "erased"])
def test_a_card_goes_to_somebody_else_who_is_there(salon: Salon, to: str) -> None:
    card = salon.open_card()
    salon.ids["merged"] = salon.ids["erased"] = salon.ids["berta"]
    if to == "merged":
        salon.do(Name.MERGE_CUSTOMERS, role="owner", customer=salon.ids["berta"], into=salon.ids["cora"], why="同一人")
    if to == "erased":
        salon.do(Name.ERASE_CUSTOMER, role="owner", customer=salon.ids["berta"], confirm="贝塔", why="依法删除")
    asked = {"card": card, "to": salon.ids[to], "why": "x"}
    code = "refused" if to == "anna" else to
    assert salon.refused(Name.TRANSFER_CARD, role="owner", **asked) == (code, "to")


# ------------------------------------------------------------------------------------------------------ refunded


def refund(salon: Salon, card: int, **values: Any) -> dict[str, Any]:
    asked = {"card": card, "method": "cash", "why": "搬家", "store": salon.ids["first"], **values}
    return salon.do(Name.REFUND_CARD, role="owner", **asked)


def test_a_refund_gives_back_what_was_not_given_and_shows_the_working(salon: Salon) -> None:
    card = salon.open_card()
    sale = salon.last_sale().id
    salon.redeem(items(salon, card)[0].id, sessions=3)
    answer = refund(salon, card)
    assert answer["total"] == TEN - 3 * EACH
    assert [row[1:] for row in answer["working"]] == [[1, TEN, 0, "", TEN], [3, 0, 0, "", -3 * EACH]]
    assert answer["cooling_off"] is False
    assert salon.paid(sale) == [("cash", TEN), ("cash", -7 * EACH)]
    assert salon.has() == {K.POINTS: 1_980 - 1_980 * 7 // 10}
    assert salon.books() == {K.CASH: -3 * EACH, K.REVENUE: 3 * EACH, K.POINTS_ISSUED: -594}
    assert salon.rows(Card, id=card)[0].status is CardStatus.REFUNDED
    [row] = salon.rows(CardChange)
    assert (row.kind.value, row.amount, row.reason) == ("refunded", 7 * EACH, "搬家")
    done = {"paid": TEN, "used": 3 * EACH, "back": 7 * EACH, "sessions_used": 3}
    assert salon_log(Name.REFUND_CARD).detail == done


def salon_log(name: Name) -> Operation:
    db.session.rollback()
    return db.session.query(Operation).filter_by(name=name.value, result="done").order_by(Operation.id.desc()).first()


@pytest.mark.parametrize(("days", "cooling"), [(0, True), (7, True), (8, False)])
def test_an_unused_card_goes_back_whole(salon: Salon, days: int, cooling: bool) -> None:
    card = salon.open_card()
    with days_on(days):
        answer = refund(salon, card, method="wechat", shown_total=TEN)
    assert (answer["total"], answer["cooling_off"]) == (TEN, cooling)
    assert salon.has() == {}
    assert salon.books() == {K.CASH: -TEN, K.WECHAT: TEN}


def test_a_refund_in_another_store_is_settled_between_the_two(salon: Salon) -> None:
    card = salon.open_card()
    refund(salon, card, store=salon.ids["second"])
    assert salon.books("second")[K.BETWEEN_STORES] == -TEN
    assert salon.books("second")[K.CASH] == TEN
    assert salon.books("first")[K.BETWEEN_STORES] == TEN


def test_another_amount_than_the_one_shown_is_not_given_back(salon: Salon) -> None:
    asked = {"card": salon.open_card(), "method": "cash", "why": "x", "shown_total": TEN - 1}
    assert salon.refused(Name.REFUND_CARD, role="manager", **asked) == ("another_total", None)


def test_points_that_a_card_earned_and_that_are_spent_are_owed_when_it_is_refunded(salon: Salon) -> None:
    card = salon.open_card()
    salon.spend_points(1_500)
    refund(salon, card)
    assert salon.has() == {K.POINTS_OWED: -1_500}


def test_points_of_a_refunded_card_are_taken_from_who_bought_it(salon: Salon) -> None:
    salon.sell("hydra")
    refund(salon, salon.open_card(customer="berta"))
    assert (salon.has("anna"), salon.has("berta")) == ({K.POINTS: 298}, {})


def test_whoever_owes_something_settles_that_first(salon: Salon) -> None:
    asked = {"card": salon.open_card(method="on_account"), "method": "cash", "why": "x"}
    assert salon.refused(Name.REFUND_CARD, role="manager", **asked) == ("owes", None)
    salon.do(Name.PAY_DEBT, customer=salon.ids["anna"], amount=TEN, method="cash")
    salon.do(Name.REFUND_CARD, role="manager", **asked)
    assert salon.books() == {}


def test_a_card_used_up_gives_nothing_back(salon: Salon) -> None:
    card = salon.open_card("pair")
    for item, sessions in zip(items(salon, card), (2, 1), strict=True):
        salon.redeem(item.id, sessions=sessions)
    assert refund(salon, card)["total"] == 0
    assert salon.has() == {K.POINTS: 700}


def test_the_last_of_what_was_brought_over_is_worth_nothing(salon: Salon) -> None:
    salon.do(
        Name.OPEN_BALANCES,
        role="system",
        store=salon.ids["first"],
        rows=[{"row": 1, "member_no": "V001", "sessions": 4}],
    )
    card = salon.rows(Card)[0].id
    assert refund(salon, card)["total"] == 0
    assert salon.has() == {}
    assert salon.rows(Sale) == []


AFTERWARDS: dict[Name, dict[str, Any]] = {
    Name.EXTEND_CARD: {"until": TODAY + timedelta(900), "why": "x"},
    Name.TRANSFER_CARD: {"why": "x"},
    Name.REFUND_CARD: {"method": "cash", "why": "x"},
}


def test_a_card_that_was_refunded_is_over(salon: Salon) -> None:
    card = salon.open_card()
    refund(salon, card)
    asked = {name: {"card": card, **values} for name, values in AFTERWARDS.items()}
    asked[Name.TRANSFER_CARD]["to"] = salon.ids["berta"]
    said = {name: salon.refused(name, role="manager", **values) for name, values in asked.items()}
    assert set(said.values()) == {("not_live", "card")}
    redemption = salon.redemption(items(salon, card)[0].id)
    assert salon.refused(Name.REDEEM_SESSION, **redemption) == ("not_live", "item")


def test_the_prices_are_those_of_the_menu(salon: Salon) -> None:
    card = salon.open_card("pair")
    assert [one.value for one in items(salon, card)] == [PAIR * 2 * HYDRA // (2 * HYDRA + EYE) + 1, 15_392]


# ---------------------------------------------------------------------------------------- packages with products


def package(salon: Salon, price: str, **things: int) -> None:
    """A package of so many of each thing, as ``salon.open_card("set")`` sells it."""
    salon.ids["set"] = create("package", name="居家套装", price=price)
    for thing, many in things.items():
        kind = "product_id" if thing == "cream" else "service_id"
        create("package_item", package_id=salon.ids["set"], quantity=many, **{kind: salon.ids[thing]})


def test_a_package_of_services_and_products_is_a_card_and_goods(salon: Salon) -> None:
    """Its price is shared out by list prices: two 298 and two 200 for 800."""
    package(salon, "800", cream=2, hydra=2)
    card = salon.open_card("set", seller=salon.ids["reception_staff"])
    [held] = salon.rows(Card)
    lines = [(one.kind.value, one.item, one.quantity, one.amount) for one in salon.lines_of(salon.last_sale().id)]
    assert lines == [("card", "居家套装", 1, 47_872), ("product", "面霜", 2, 32_128)]
    assert (held.sold_for, [one.sessions for one in items(salon, card)]) == (47_872, [2])
    goods = salon.lines_of(salon.last_sale().id)[1]
    assert (goods.discount, goods.discount_reason) == (40_000 - 32_128, "居家套装")
    assert salon.last_sale().total == 80_000


def test_goods_of_a_package_stay_when_its_card_is_refunded_and_go_back_by_themselves(salon: Salon) -> None:
    package(salon, "800", cream=2, hydra=2)
    card = salon.open_card("set")
    sale = salon.last_sale().id
    salon.reverse(sale, salon.lines_of(sale)[1].id)
    answer = salon.do(
        Name.REFUND_CARD, role="manager", card=card, method="cash", why="不要了", store=salon.ids["first"]
    )
    assert answer["total"] == 47_872
    assert salon.books().get(AccountKind.CASH) is None


def test_a_package_of_products_alone_is_no_card(salon: Salon) -> None:
    package(salon, "300", cream=2)
    answer = salon.do(Name.OPEN_CARD, customer=salon.ids["anna"], package=salon.ids["set"], method="cash")
    assert "card" not in answer
    assert salon.rows(Card) == []
    assert [(one.kind.value, one.amount) for one in salon.lines_of(answer["sale"])] == [("product", 30_000)]


def test_what_was_taken_out_of_a_package_is_not_in_its_card(salon: Salon) -> None:
    [hydra] = salon.rows(PackageItem, package_id=salon.ids["pair"], service_id=salon.ids["hydra"])
    salon.do(Name.ARCHIVE_ENTITY, role="system", entity="package_item", id=hydra.id)
    [item] = items(salon, salon.open_card("pair"))
    assert (item.service_id, item.sessions, item.value) == (salon.ids["eye"], 1, PAIR)


def test_a_product_stands_for_no_more_than_its_price(salon: Salon) -> None:
    package(salon, "1000", cream=1, hydra=1)
    salon.open_card("set")
    assert [one.amount for one in salon.lines_of(salon.last_sale().id)] == [80_000, 20_000]
    package_of_goods = create("package", name="礼盒", price="201")
    create("package_item", package_id=package_of_goods, product_id=salon.ids["cream"])
    asked = {"customer": salon.ids["anna"], "method": "cash", "store": salon.ids["first"]}
    assert salon.refused(Name.OPEN_CARD, package=package_of_goods, **asked) == ("above_list", "package")


def test_a_package_with_something_not_on_sale_is_not_sold(salon: Salon) -> None:
    salon.ids["cream"] = create("product", name="停售面霜", price="200", on_sale="false")
    package(salon, "300", cream=2)
    asked = {"customer": salon.ids["anna"], "method": "cash", "store": salon.ids["first"]}
    assert salon.refused(Name.OPEN_CARD, package=salon.ids["set"], **asked) == ("not_on_sale", "package")
