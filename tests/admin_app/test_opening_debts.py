"""Debts brought over: paid at the till like any other, and taken back while nothing of them was paid."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from models.customers import Customer
from models.entity import db
from models.names import Name
from models.sales import Payment, Sale, Visit
from models.value import AccountKind
from tests.admin_app.test_opening import BERTA, bring, undo, undone
from tests.cast import TODAY, raw_operation
from tests.salon_day import HYDRA, Salon, days_on

K = AccountKind
ON_SQLITE = pytest.mark.parametrize("house", ["sqlite"], indirect=True)
DEBT: dict[str, Any] = {"row": 4, "member_no": "V001", "debt": 50_000}


def test_a_debt_is_paid_at_the_till(salon: Salon) -> None:
    """The books stay proved, also on a day on which other money comes in the same way."""
    bring(salon, DEBT)
    assert (salon.has(), salon.books()) == ({K.RECEIVABLE: -50_000}, {K.OPENING: 50_000})
    [sale] = salon.rows(Sale)
    assert (sale.total, sale.imported, salon.paid(sale.id)) == (50_000, True, [("on_account", 50_000)])
    salon.sell("hydra", customer="berta")
    paid = {"customer": salon.ids["anna"], "method": "cash", "store": salon.ids["first"]}
    salon.do(Name.PAY_DEBT, amount=20_000, **paid)
    assert (salon.has(), salon.faults()) == ({K.RECEIVABLE: -30_000}, {})
    assert salon.refused(Name.PAY_DEBT, amount=30_001, **paid) == ("too_much", "amount")
    salon.do(Name.PAY_DEBT, amount=30_000, **paid)
    assert (salon.has(), salon.faults()) == ({}, {})
    assert salon.books()[K.CASH] == -HYDRA - 50_000


@ON_SQLITE
@pytest.mark.parametrize("closed", [False, True])
def test_a_debt_says_nothing_of_when_somebody_bought(salon: Salon, closed: bool) -> None:
    """The receipt bears the day of the registration, or today where that is closed; it is owed from today on."""
    registered = TODAY - timedelta(300)
    with raw_operation():
        db.session.get_one(Customer, salon.ids["anna"]).registered_on = registered
    if closed:
        with days_on(-300):
            salon.do(Name.CLOSE_DAY, role="manager", store=salon.ids["first"], counted=0)
    bring(salon, DEBT)
    [sale] = salon.rows(Sale)
    [owed] = salon.rows(Payment)
    assert sale.business_day == (TODAY if closed else registered)
    assert (owed.business_day, sale.visit_id, salon.rows(Visit), salon.faults()) == (TODAY, None, [], {})


@ON_SQLITE
def test_a_debt_is_brought_over_once_and_taken_back_whole(salon: Salon) -> None:
    operation = bring(salon, DEBT, {**BERTA, "debt": 1})["operation"]
    assert bring(salon, DEBT)["there"] == [4]
    assert bring(salon, {**DEBT, "debt": 1})["differing"] == [4]
    assert undo(salon, operation) == {"customers": 2}
    assert (salon.has(), salon.has("berta"), salon.faults()) == ({}, {}, {})
    assert bring(salon, DEBT)["created"] == 1


@ON_SQLITE
def test_a_debt_that_was_paid_since_is_not_taken_back(salon: Salon) -> None:
    operation = bring(salon, DEBT)["operation"]
    salon.sell("hydra", method="on_account")
    paid = {"customer": salon.ids["anna"], "method": "cash", "store": salon.ids["first"]}
    salon.do(Name.PAY_DEBT, amount=1, **paid)
    assert undone(salon, operation) == ("settled", None)


@ON_SQLITE
def test_a_debt_of_a_merged_record_stays(salon: Salon) -> None:
    operation = bring(salon, DEBT)["operation"]
    salon.do(Name.MERGE_CUSTOMERS, role="owner", customer=salon.ids["anna"], into=salon.ids["berta"], why="同一人")
    assert undone(salon, operation) == ("used", None)
