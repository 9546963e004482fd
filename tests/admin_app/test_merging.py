"""Two records of one person become one: what she has moves, lot by lot; what she did stays where it was written."""

from __future__ import annotations

from typing import Any

import pytest

from models.cards import Card, CardItem
from models.customers import Customer
from models.entity import db
from models.names import Name
from models.value import AccountKind, Lot, LotBalance
from tests.salon_day import HYDRA, TEN, Salon, days_on

HOUSES = ("sqlite",)
"""What differs between the engines is tried in the neighbours and in ``tests/models``."""

K = AccountKind


def merge(salon: Salon, lost: str = "anna", kept: str = "berta", **values: Any) -> dict[str, Any]:
    ids = {"customer": salon.ids[lost], "into": salon.ids[kept], "why": "同一人"}
    return salon.do(Name.MERGE_CUSTOMERS, role="owner", **{**ids, **values})


def refused(salon: Salon, lost: str, kept: str) -> tuple[str, str | None]:
    ids = {"customer": salon.ids[lost], "into": salon.ids[kept], "why": "同一人"}
    return salon.refused(Name.MERGE_CUSTOMERS, role="owner", **ids)


def filled(salon: Salon, customer: str) -> dict[int, tuple[Any, ...]]:
    """Her lots of which something is left: amount, beginning, end, pending, and store."""
    db.session.rollback()
    found = {}
    for lot in salon.rows(Lot, customer_id=salon.ids[customer]):
        left = db.session.get_one(LotBalance, lot.id).remaining
        if left:
            found[lot.id] = (left, lot.granted_on, lot.expires_on, lot.pending_until, lot.store_id)
    return found


def test_all_that_she_has_moves_lot_by_lot_with_its_ends(salon: Salon) -> None:
    salon.recharge(100_000)
    with days_on(30):
        salon.recharge(200_000)
        salon.do(Name.TAKE_DEPOSIT, customer=salon.ids["anna"], amount=10_000, method="cash")
        salon.sell("hydra")
        salon.sell("eye", method="on_account")
        salon.open_card()
        had, lots = salon.has(), list(filled(salon, "anna").values())
        card = salon.rows(Card)[0]
        assert merge(salon) == {"customer": salon.ids["berta"], "cards": 1}
    assert salon.has("anna") == {}
    assert salon.has("berta") == had
    assert sorted(filled(salon, "berta").values(), key=str) == sorted(lots, key=str)
    assert salon.rows(Card, id=card.id)[0].customer_id == salon.ids["berta"]
    lost = salon.rows(Customer, id=salon.ids["anna"])[0]
    assert lost.merged_into_id == salon.ids["berta"]
    assert lost.archived_at is not None


def test_bonus_stays_beside_its_principal(salon: Salon) -> None:
    salon.recharge(100_000)
    merge(salon)
    salon.sell("hydra", customer="berta", method="stored_value")
    assert salon.has("berta")[K.BONUS] == 5_000 - HYDRA * 5_000 // 105_000


def test_what_moves_stays_in_the_books_of_its_store(salon: Salon) -> None:
    """Anna's money came in in the first store, and Cora is a customer of the second: neither owes the other."""
    salon.recharge(100_000)
    card = salon.open_card()
    books = {store: salon.books(store) for store in ("first", "second")}
    merge(salon, kept="cora")
    assert {store: salon.books(store) for store in ("first", "second")} == books
    item = salon.rows(CardItem, card_id=card)[0].id
    salon.redeem(item, "cora", role="owner", store=salon.ids["second"])
    assert salon.books("second")[K.BETWEEN_STORES] == -TEN // 10


def test_a_sale_of_before_is_taken_back_to_the_one_that_stays(salon: Salon) -> None:
    salon.recharge(100_000)
    before = salon.has()
    sale = salon.sell("hydra", method="stored_value")
    merge(salon)
    salon.reverse(sale, role="owner")
    assert salon.has("anna") == {}
    mine = salon.has("berta")
    points, owed = mine.pop(K.POINTS, 0), mine.pop(K.POINTS_OWED, 0)
    assert mine == before
    assert points + owed == 0


def test_a_debt_of_before_is_taken_back_from_the_one_that_stays(salon: Salon) -> None:
    sale = salon.sell("hydra", method="on_account")
    merge(salon)
    assert salon.has("berta") == {K.RECEIVABLE: -HYDRA}
    salon.reverse(sale, role="owner")
    assert salon.has("berta") == {}


def test_a_debt_of_before_is_paid_by_the_one_that_stays(salon: Salon) -> None:
    sale = salon.sell("hydra", method="on_account")
    merge(salon)
    salon.do(Name.PAY_DEBT, customer=salon.ids["berta"], amount=HYDRA, method="cash")
    assert salon.has("berta") == {}
    assert salon.paid(sale) == [("on_account", HYDRA), ("cash", HYDRA), ("on_account", -HYDRA)]


def test_a_card_given_back_to_a_record_that_once_had_it(salon: Salon) -> None:
    """The card went from Anna to Berta and back before the records became one: her old account stands at nothing."""
    card = salon.open_card()
    for to in ("berta", "anna"):
        salon.do(Name.TRANSFER_CARD, role="manager", card=card, to=salon.ids[to], why="换人")
    merge(salon)
    assert salon.has("berta")[K.SESSIONS] == 10


def test_records_merged_before_follow(salon: Salon) -> None:
    merge(salon, "cora", "anna")
    merge(salon, "anna", "berta")
    assert salon.rows(Customer, id=salon.ids["cora"])[0].merged_into_id == salon.ids["berta"]


def test_each_of_the_two_is_a_record_of_her_own(salon: Salon) -> None:
    assert refused(salon, "anna", "anna") == ("refused", "into")
    merge(salon)
    assert refused(salon, "anna", "cora") == ("merged", "customer")
    assert refused(salon, "cora", "anna") == ("merged", "into")


def test_whoever_was_erased_is_nobody(salon: Salon) -> None:
    salon.do(Name.ERASE_CUSTOMER, role="owner", customer=salon.ids["anna"], confirm="安娜", why="依法删除")
    assert refused(salon, "anna", "berta") == ("erased", "customer")
    assert refused(salon, "berta", "anna") == ("erased", "into")


@pytest.mark.parametrize("role", ["reception", "consultant", "therapist", "auditor"])
def test_not_everybody_may(salon: Salon, role: str) -> None:
    ids = {"customer": salon.ids["anna"], "into": salon.ids["berta"], "why": "同一人"}
    assert salon.refused(Name.MERGE_CUSTOMERS, role=role, **ids) == ("forbidden", None)
