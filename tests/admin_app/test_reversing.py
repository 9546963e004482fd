"""Taking back: line by line what the sale did, once, and only while it still stands."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from sqlalchemy import text

from admin_app.taken_back import SaleState, visit_states
from models.cards import Card, CardItem, CardStatus
from models.customers import Customer
from models.entity import db
from models.names import Name
from models.sales import Visit
from models.till import Reversal
from models.value import AccountKind, LedgerEntry
from rules.evaluation.crossing import oldest_counted
from rules.evaluation.frame import Frame
from rules.language.facts import fact_named
from tests.cast import TODAY, raw_operation
from tests.salon_day import CREAM, EYE, HYDRA, PAIR, Salon, days_on

K = AccountKind


def back(salon: Salon, sale: int, *lines: int, **values: Any) -> tuple[str, str | None]:
    return salon.refused(Name.REVERSE_SALE, sale=sale, lines=list(lines), why="按错了", **values)


def standing(salon: Salon) -> Counter[tuple[int, int, int | None]]:
    """What is posted, by account, store and lot."""
    found: Counter[tuple[int, int, int | None]] = Counter()
    for row in salon.rows(LedgerEntry):
        found[row.account_id, row.store_id, row.lot_id] += row.amount
    return Counter({key: amount for key, amount in found.items() if amount})


WAYS: dict[str, list[dict[str, Any]]] = {
    "money": [{"method": "cash", "amount": HYDRA}, {"method": "wechat", "amount": CREAM}],
    "a voucher": [
        {"method": "voucher", "amount": HYDRA, "platform": "douyin", "code": "D1"},
        {"method": "cash", "amount": CREAM},
    ],
    "stored value": [{"method": "stored_value", "amount": HYDRA + CREAM}],
    "a deposit": [{"method": "deposit", "amount": 10_000}, {"method": "alipay", "amount": HYDRA + CREAM - 10_000}],
    "on account": [{"method": "on_account", "amount": HYDRA + CREAM}],
    "everything": [
        {"method": "voucher", "amount": 5_000, "platform": "other", "code": "O1"},
        {"method": "stored_value", "amount": 15_000},
        {"method": "deposit", "amount": 10_000},
        {"method": "on_account", "amount": 7_000},
        {"method": "bank_card", "amount": HYDRA + CREAM - 37_000},
    ],
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("store", ["first", "second"])
def test_everything_is_mirrored(salon: Salon, way: str, store: str) -> None:
    """Also what is settled between the stores, where her value stands in another one's books."""
    salon.recharge(100_000)
    salon.do(Name.TAKE_DEPOSIT, customer=salon.ids["anna"], amount=10_000, method="cash")
    before = standing(salon)
    sale = salon.sell("hydra", "cream", role="owner", store=salon.ids[store], payments=WAYS[way])
    posted = [row for row in salon.rows(LedgerEntry) if row.sale_line_id in {one.id for one in salon.lines_of(sale)}]
    assert standing(salon) != before
    salon.reverse(sale, role="owner")
    assert standing(salon) == before
    taken_back = {row.reverses_id for row in salon.rows(LedgerEntry) if row.reverses_id is not None}
    assert taken_back == {row.id for row in posted}
    paid: Counter[str] = Counter()
    for method, amount in salon.paid(sale):
        paid[method] += amount
    assert set(paid.values()) == {0}


def test_line_by_line(salon: Salon) -> None:
    salon.recharge(100_000)
    payments = [{"method": "stored_value", "amount": HYDRA + 1_000}, {"method": "cash", "amount": EYE + CREAM - 1_000}]
    sale = salon.sell("hydra", "eye", "cream", payments=payments)
    lines = [line.id for line in salon.lines_of(sale)]
    with days_on(2):
        answer = salon.reverse(sale, lines[1])
    assert answer["total"] == EYE
    assert answer["working"] == [["眼部", 1, EYE, 0, "", -EYE]]
    assert sorted(salon.paid(sale)[2:]) == [("cash", -(EYE - 1_000)), ("stored_value", -1_000)]
    [row] = salon.rows(Reversal)
    assert (row.sale_line_id, row.amount, row.reason) == (lines[1], EYE, "按错了")
    assert (row.business_day - TODAY).days == 2
    assert salon.reverse(sale)["total"] == HYDRA + CREAM, "none named: those that still stand"
    assert salon.has() == {K.PRINCIPAL: 100_000, K.BONUS: 5_000}


def test_no_line_twice(salon: Salon) -> None:
    sale = salon.sell("hydra", "eye")
    lines = [line.id for line in salon.lines_of(sale)]
    salon.reverse(sale, lines[0])
    assert back(salon, sale, lines[0]) == ("again", "lines")
    assert back(salon, sale, *lines) == ("again", "lines")
    salon.reverse(sale)
    assert back(salon, sale) == ("again", "lines")


def test_lines_are_of_the_receipt(salon: Salon) -> None:
    sale, other = salon.sell("hydra"), salon.sell("eye")
    assert back(salon, sale, salon.lines_of(other)[0].id) == ("other_sale", "lines")


def test_the_total_shown_is_checked(salon: Salon) -> None:
    sale = salon.sell("hydra")
    assert back(salon, sale, shown_total=HYDRA + 1) == ("another_total", None)
    assert salon.reverse(sale, shown_total=HYDRA)["total"] == HYDRA


def test_it_needs_an_open_day(salon: Salon) -> None:
    sale = salon.sell("hydra")
    salon.do(Name.CLOSE_DAY, store=salon.ids["first"], counted=HYDRA)
    assert back(salon, sale) == ("closed", None)
    with days_on(1):
        salon.reverse(sale)
    assert [row.business_day for row in salon.rows(Reversal)] == [TODAY.replace(day=23)]


def test_what_was_brought_over_moved_no_money(salon: Salon) -> None:
    sale = salon.sell("hydra")
    with raw_operation():
        db.session.execute(text(f"UPDATE sale SET imported = true WHERE id = {sale}"))
    assert back(salon, sale) == ("imported", None)
    with raw_operation():
        db.session.execute(text(f"UPDATE sale SET imported = false WHERE id = {sale}"))


def test_a_visit_falls_with_the_last_of_its_sales_and_stands_again_with_the_next(salon: Salon) -> None:
    sales = [salon.sell("hydra"), salon.sell("eye")]
    [visit] = salon.rows(Visit)

    def told() -> tuple[list[SaleState], Any]:
        [customer] = salon.rows(Customer, id=salon.ids["anna"])
        fact = fact_named("visits_30d")
        assert fact is not None
        counted = oldest_counted(Frame(TODAY, lambda column: column == customer.id, merges=True), fact)
        assert counted is not None
        assert db.session.scalar(counted) == customer.first_visit_on
        return [*visit_states(db.session(), [visit.id]).values()], customer.first_visit_on

    salon.reverse(sales[0])
    assert told() == ([], TODAY)
    salon.reverse(sales[1])
    assert told() == ([SaleState.TAKEN_BACK], None)
    salon.sell("hydra")
    assert told() == ([], TODAY)


def test_a_visit_stands_by_its_treatment(salon: Salon) -> None:
    sale = salon.sell("hydra")
    given = {"service": salon.ids["hydra"], "staff": salon.ids["therapist_staff"], "store": salon.ids["first"]}
    salon.do(Name.RECORD_TREATMENT, role="therapist", customer=salon.ids["anna"], **given)
    salon.reverse(sale)
    assert visit_states(db.session(), [salon.rows(Visit)[0].id]) == {}


def test_a_sale_to_nobody_is_taken_back(salon: Salon) -> None:
    salon.reverse(salon.sell("hydra", customer=None))
    assert salon.books() == {}


def test_something_for_nothing_is_taken_back_without_a_payment(salon: Salon) -> None:
    sale = salon.sell(salon.line("hydra", price=0, why="致歉"), role="manager")
    salon.reverse(sale)
    assert salon.paid(sale) == []


# ------------------------------------------------------------------------------------------- what was used since


def test_a_recharge_is_taken_back_whole_with_its_bonus(salon: Salon) -> None:
    salon.reverse(salon.recharge(100_000)["sale"])
    assert salon.has() == {}
    assert salon.books() == {}


def test_a_recharge_of_which_something_was_used_is_not_taken_back(salon: Salon) -> None:
    sale = salon.recharge(100_000)["sale"]
    used = salon.sell("hydra", payments=[{"method": "stored_value", "amount": 1}, {"method": "cash", "amount": 29_799}])
    assert back(salon, sale) == ("used", None)
    salon.reverse(used)
    salon.reverse(sale)
    assert salon.has() == {}


def test_a_deposit_that_was_used_is_not_taken_back(salon: Salon) -> None:
    deposit = salon.do(Name.TAKE_DEPOSIT, customer=salon.ids["anna"], amount=HYDRA, method="cash")["sale"]
    salon.sell("hydra", method="deposit")
    assert back(salon, deposit) == ("used", None)


def test_a_debt_that_was_paid_is_not_taken_back(salon: Salon) -> None:
    sale = salon.sell("hydra", method="on_account")
    salon.do(Name.PAY_DEBT, customer=salon.ids["anna"], amount=1, method="cash")
    assert back(salon, sale) == ("settled", None)


def test_of_a_bill_paid_in_part_what_was_paid_at_once_is_taken_back(salon: Salon) -> None:
    """The services stand on account, and are paid since; the goods were paid in money."""
    payments = [{"method": "on_account", "amount": HYDRA}, {"method": "cash", "amount": CREAM}]
    sale = salon.sell("hydra", "cream", payments=payments)
    salon.do(Name.PAY_DEBT, customer=salon.ids["anna"], amount=HYDRA, method="cash")
    service, goods = (line.id for line in salon.lines_of(sale))
    assert back(salon, sale, service) == ("settled", None)
    assert salon.reverse(sale, goods)["total"] == CREAM


def test_of_several_lines_on_account_no_more_is_taken_back_than_is_owed(salon: Salon) -> None:
    """One of the two is paid since; what she owes for another bill is no cover for it."""
    sale = salon.sell("eye", "eye", method="on_account")
    salon.do(Name.PAY_DEBT, customer=salon.ids["anna"], amount=EYE, method="cash")
    salon.sell("hydra", method="on_account")
    assert back(salon, sale) == ("settled", None)
    assert salon.reverse(sale, salon.lines_of(sale)[0].id)["total"] == EYE
    assert salon.has() == {K.RECEIVABLE: -HYDRA}


# --------------------------------------------------------------------------------------------------------- cards


def test_a_card_that_was_just_sold_is_taken_back(salon: Salon) -> None:
    card = salon.open_card("pair")
    assert salon.has() == {K.CARD: PAIR, K.SESSIONS: 3, K.POINTS: 700}
    salon.reverse(salon.last_sale().id)
    assert salon.has() == {}
    assert salon.rows(Card, id=card)[0].status is CardStatus.REVERSED


def test_a_card_of_which_a_session_was_given_is_not_taken_back(salon: Salon) -> None:
    card = salon.open_card("pair")
    sale, item = salon.last_sale().id, salon.rows(CardItem, card_id=card)[0].id
    given = salon.redeem(item)["sale"]
    assert back(salon, sale) == ("used", None)
    salon.reverse(given)
    salon.reverse(sale)
    assert salon.has() == {}


def test_a_session_goes_back_to_its_card(salon: Salon) -> None:
    card = salon.open_card()
    item = salon.rows(CardItem, card_id=card)[0].id
    before = salon.has()
    given = salon.redeem(item, sessions=2)["sale"]
    assert salon.has()[K.SESSIONS] == 8
    salon.reverse(given)
    assert salon.has() == before


@pytest.mark.parametrize("how", ["transferred", "refunded"])
def test_a_card_that_has_moved_on_is_not_touched(salon: Salon, how: str) -> None:
    card = salon.open_card()
    sale, item = salon.last_sale().id, salon.rows(CardItem, card_id=card)[0].id
    given = salon.redeem(item)["sale"]
    if how == "transferred":
        salon.do(Name.TRANSFER_CARD, role="manager", card=card, to=salon.ids["berta"], why="送姐姐")
    else:
        salon.do(Name.REFUND_CARD, role="manager", card=card, method="cash", why="搬家", store=salon.ids["first"])
    assert back(salon, sale) == ("moved_on", None)
    assert back(salon, given) == ("moved_on", None)
