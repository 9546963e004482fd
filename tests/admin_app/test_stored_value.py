"""Money paid in ahead, money still owed, and points: granted, used, lent, paid back."""

from __future__ import annotations

import pytest
import time_machine

from admin_app.operations.ledger import Ledger
from admin_app.operations.payment_plan import Line, Tender, plan_receipt
from admin_app.operations.receipts import write_receipt
from admin_app.operations.refusals import Refused
from models.customers import Customer
from models.entity import db
from models.names import Name
from models.sales import LineKind, PaymentMethod
from models.till import Platform
from models.value import AccountKind, LedgerEntry, Lot
from tests.cast import NOON, TODAY, raw_operation
from tests.salon_day import CREAM, EYE, HYDRA, Salon, days_on

K = AccountKind

LADDER = {
    1: 0,
    99_999: 0,
    100_000: 5_000,
    100_001: 5_000,
    199_999: 5_000,
    200_000: 16_000,
    200_001: 16_000,
    299_999: 16_000,
    300_000: 30_000,
    300_001: 30_000,
    499_999: 30_000,
    500_000: 60_000,
    500_001: 60_000,
}


# ---------------------------------------------------------------------------------------------------- recharges


def test_the_bonus_is_that_of_the_highest_step_reached(salon: Salon) -> None:
    given = {amount: salon.recharge(amount)["bonus"] for amount in LADDER}
    assert given == LADDER
    assert salon.has() == {K.PRINCIPAL: sum(LADDER), K.BONUS: sum(LADDER.values())}
    assert salon.books() == {K.CASH: -sum(LADDER), K.BONUS_GRANTED: -sum(LADDER.values())}


def test_the_bonus_stands_beside_its_principal_and_ends(salon: Salon) -> None:
    salon.recharge(100_000)
    principal, bonus = salon.rows(Lot)
    assert (principal.expires_on, principal.beside_id) == (None, None)
    assert (bonus.expires_on, bonus.beside_id) == (TODAY.replace(year=2028), principal.id)
    of_rules = {row.rule_version_id is None for row in salon.rows(LedgerEntry) if row.lot_id == bonus.id}
    assert of_rules == {False}, "the rules that gave it are known"


def test_a_recharge_is_no_visit_and_earns_no_points(salon: Salon) -> None:
    sale = salon.recharge(100_000)["sale"]
    assert salon.last_sale().visit_id is None
    assert salon.paid(sale) == [("cash", 100_000)]
    assert K.POINTS not in salon.has()


def test_a_recharge_paid_in_two_ways_fills_one_lot(salon: Salon) -> None:
    """No form asks for it; a receipt can say so all the same."""
    with raw_operation():
        op = db.session.info["operation"]
        line = Line(LineKind.RECHARGE, "充值", 100_000, 100_000)
        tenders = [Tender(PaymentMethod.CASH, 40_000), Tender(PaymentMethod.WECHAT, 60_000)]
        anna = db.session.get_one(Customer, salon.ids["anna"])
        write_receipt(op, plan_receipt(op, salon.ids["first"], anna, [line], tenders))
    assert len(salon.rows(Lot)) == 1
    assert salon.has() == {K.PRINCIPAL: 100_000}
    assert salon.books() == {K.CASH: -40_000, K.WECHAT: -60_000}


def test_much_on_one_name_is_warned_of(salon: Salon) -> None:
    assert "warning" not in salon.recharge(500_000)
    answer = salon.recharge(1)
    assert answer["principal"] == 500_001
    assert "¥5,000.01" in answer["warning"]


def test_the_same_key_recharges_once(salon: Salon) -> None:
    first = salon.recharge(100_000, key="twice")
    assert salon.recharge(100_000, key="twice") == {**first, "again": True}
    assert salon.has() == {K.PRINCIPAL: 100_000, K.BONUS: 5_000}


@pytest.mark.parametrize("name", [Name.RECHARGE, Name.TAKE_DEPOSIT])
def test_another_amount_than_the_one_shown_is_refused(salon: Salon, name: Name) -> None:
    values = {"customer": salon.ids["anna"], "amount": 100_000, "method": "cash", "shown_total": 99_999}
    assert salon.refused(name, **values) == ("another_total", None)


# ----------------------------------------------------------------------------------------------------- deposits


def test_a_deposit_pays_a_later_bill(salon: Salon) -> None:
    salon.do(Name.TAKE_DEPOSIT, customer=salon.ids["anna"], amount=10_000, method="wechat")
    assert salon.has() == {K.DEPOSIT: 10_000}
    assert salon.last_sale().visit_id is None
    payments = [{"method": "deposit", "amount": 10_000}, {"method": "cash", "amount": HYDRA - 10_000}]
    salon.sell("hydra", payments=payments)
    assert salon.has() == {K.POINTS: 298}
    assert salon.books() == {
        K.WECHAT: -10_000,
        K.CASH: -(HYDRA - 10_000),
        K.REVENUE: HYDRA,
        K.POINTS_ISSUED: -298,
    }


# ---------------------------------------------------------------------------------------------------- on account


def owes(salon: Salon, *sales: int) -> list[int]:
    return [sum(amount for method, amount in salon.paid(sale) if method == "on_account") for sale in sales]


def settle(salon: Salon, amount: int, store: str = "first", role: str = "owner") -> None:
    values = {"customer": salon.ids["anna"], "amount": amount, "method": "alipay", "store": salon.ids[store]}
    salon.do(Name.PAY_DEBT, role=role, **values)


def test_what_is_owed_is_paid_the_oldest_bill_first(salon: Salon) -> None:
    older, newer = salon.sell("hydra", method="on_account"), salon.sell("eye", method="on_account")
    assert salon.has() == {K.RECEIVABLE: -(HYDRA + EYE)}, "and earns no points"
    settle(salon, HYDRA + 1)
    assert owes(salon, older, newer) == [0, EYE - 1]
    settle(salon, EYE - 1)
    assert owes(salon, older, newer) == [0, 0]
    assert salon.has() == {}
    assert salon.books() == {K.ALIPAY: -(HYDRA + EYE), K.REVENUE: HYDRA + EYE}


def test_what_is_left_of_a_bill_is_the_sum_of_what_was_owed_and_paid(salon: Salon) -> None:
    """Of two bills paid in parts: a line goes back as long as all of it is still owed."""
    first = salon.sell("hydra", "cream", method="on_account")
    second = salon.sell("eye", method="on_account")
    hydra, cream = (line.id for line in salon.lines_of(first))
    settle(salon, 10_000)
    settle(salon, 15_000)
    assert owes(salon, first, second) == [HYDRA + CREAM - 25_000, EYE]
    values = {"sale": first, "why": "按错了"}
    assert salon.refused(Name.REVERSE_SALE, lines=[hydra], **values) == ("settled", None)
    salon.reverse(first, cream)
    assert owes(salon, first, second) == [HYDRA - 25_000, EYE]
    assert salon.has() == {K.RECEIVABLE: -(HYDRA - 25_000 + EYE)}


def test_more_than_she_owes_is_not_taken(salon: Salon) -> None:
    salon.sell("hydra", method="on_account")
    values = {"customer": salon.ids["anna"], "amount": HYDRA + 1, "method": "cash"}
    assert salon.refused(Name.PAY_DEBT, **values) == ("too_much", "amount")
    assert "¥298.00" in salon.said(Name.PAY_DEBT, **values)


def test_what_is_paid_in_another_store_is_settled_between_the_two(salon: Salon) -> None:
    """The debt stands in the books of the store where it arose; that of the second holds the money for it."""
    salon.sell("hydra", method="on_account")
    settle(salon, HYDRA, store="second")
    assert salon.books("first") == {K.REVENUE: HYDRA, K.BETWEEN_STORES: -HYDRA}
    assert salon.books("second") == {K.ALIPAY: -HYDRA, K.BETWEEN_STORES: HYDRA}


def test_stored_value_used_in_another_store_is_settled_between_the_two(salon: Salon) -> None:
    salon.recharge(200_000)
    salon.sell("hydra", role="owner", store=salon.ids["second"], method="stored_value")
    price = HYDRA * 95 // 100  # the recharge made her silver
    bonus = price * 16_000 // 216_000
    assert salon.has()[K.PRINCIPAL] == 200_000 - price + bonus
    assert salon.books("second")[K.REVENUE] == price
    assert salon.books("second")[K.BETWEEN_STORES] == -price
    assert salon.books("first")[K.BETWEEN_STORES] == price
    assert K.BETWEEN_STORES not in salon.books(), "the two sides come to nothing"


# ------------------------------------------------------------------------------------------------------- points


def test_points_are_rounded_down_line_by_line(salon: Salon) -> None:
    lines = [salon.line("hydra", price=amount, why="试") for amount in (199, 199, 100, 99)]
    salon.sell(*lines, role="manager")
    assert salon.has() == {K.POINTS: 3}


@pytest.mark.parametrize(("tier", "points"), {"silver": 283, "gold": 321, "platinum": 393, "diamond": 506}.items())
def test_the_tier_multiplies_points(salon: Salon, tier: str, points: int) -> None:
    salon.give_tier(tier)
    salon.sell("hydra")
    assert salon.has() == {K.POINTS: points}


def test_only_paid_in_money_earns_points(salon: Salon) -> None:
    salon.recharge(100_000)
    salon.sell("hydra", method="stored_value")
    assert salon.has()[K.POINTS] == (HYDRA - HYDRA * 5_000 // 105_000) // 100


def test_what_is_paid_in_another_way_is_not_one_fen_of_points(salon: Salon) -> None:
    with raw_operation():
        op = db.session.info["operation"]
        anna = db.session.get_one(Customer, salon.ids["anna"])
        ledger = Ledger(op, salon.ids["first"], op.day)
        bonus = ledger.hers(anna.id, K.BONUS)
        ledger.move(bonus, ledger.house(K.BONUS_GRANTED), 1_001, given_lot=ledger.grant(bonus))
        tenders = [Tender(PaymentMethod.STORED_VALUE, 1_000), Tender(PaymentMethod.CASH, 99)]
        tenders.append(Tender(PaymentMethod.VOUCHER, 500, Platform.MEITUAN, "M1"))
        line = Line(LineKind.SERVICE, "眼部", 1_599, 1_599, service_id=salon.ids["eye"])
        receipt = write_receipt(op, plan_receipt(op, salon.ids["first"], anna, [line], tenders))
        assert list(receipt.earning.values()) == [99]
        [(lot, left)] = ledger.lots(anna.id, K.BONUS)
        assert left == 1
        ledger.take_lots([(lot.id, left)], ledger.house(K.BONUS_GRANTED))
        assert ledger.lots(anna.id, K.BONUS) == [], "a lot that is used up is not read again"


def test_a_way_of_paying_pays_something(salon: Salon) -> None:
    line = Line(LineKind.PRODUCT, "面霜", CREAM, CREAM, product_id=salon.ids["cream"])
    tenders = [Tender(PaymentMethod.CASH, CREAM), Tender(PaymentMethod.WECHAT, 0)]
    with pytest.raises(Refused) as refusal, raw_operation():
        plan_receipt(db.session.info["operation"], salon.ids["first"], None, [line], tenders)
    assert refusal.value.code == "not_paid"


def test_points_wait_some_days_and_end_with_the_next_year(salon: Salon) -> None:
    salon.sell("hydra")
    [lot] = salon.rows(Lot)
    assert (lot.pending_until, lot.expires_on) == (TODAY.replace(day=29), TODAY.replace(year=2027, month=12, day=31))
    assert usable(salon) == 0
    with days_on(6):
        assert usable(salon) == 0
    with days_on(7):
        assert usable(salon) == 298
    with time_machine.travel(NOON.replace(year=2027, month=12, day=31)):
        assert usable(salon) == 298
    with time_machine.travel(NOON.replace(year=2028, month=1, day=1)):
        assert usable(salon) == 0


def usable(salon: Salon) -> int:
    """Her points that could be used today, as an operation sees them."""
    with raw_operation():
        op = db.session.info["operation"]
        return sum(left for _, left in Ledger(op, salon.ids["first"], op.day).lots(salon.ids["anna"], K.POINTS))


def test_points_for_what_is_taken_back_are_taken_back_also_while_they_wait(salon: Salon) -> None:
    kept, gone = salon.sell("hydra"), salon.sell("eye")
    salon.reverse(gone)
    assert salon.has() == {K.POINTS: 298}
    salon.reverse(kept)
    assert salon.has() == {}


def test_points_spent_since_are_owed_and_paid_back_by_later_ones(salon: Salon) -> None:
    """Selling, taking back and selling again is a loop that earns nothing."""
    sale = salon.sell("hydra")
    salon.spend_points(200)
    salon.reverse(sale)
    assert salon.has() == {K.POINTS_OWED: -200}
    salon.sell("eye")
    assert salon.has() == {K.POINTS_OWED: -32}, "168 earned, all of them lent before"
    salon.sell("cream")
    assert salon.has() == {K.POINTS: 168}
    assert CREAM // 100 - 32 == 168


def test_even_one_point_that_is_owed_is_paid_back(salon: Salon) -> None:
    sale = salon.sell("hydra")
    salon.spend_points(1)
    salon.reverse(sale)
    assert salon.has() == {K.POINTS_OWED: -1}
    salon.sell("eye")
    assert salon.has() == {K.POINTS: 167}
