"""What an operation would come to is found by reading alone, and is what it then comes to."""

from __future__ import annotations

from typing import Any

import pytest
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import DBAPIError

from admin_app.operations.kernel import Operation, perform, quote
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Input, operation, specs, unregister
from models.actor import SYSTEM
from models.entity import db
from models.names import Name
from tests.engines import sent_by, somebody_writing
from tests.salon_day import CREAM, HYDRA, Salon

SHOWN_FIRST = [
    Name.OPEN_CARD, Name.RECHARGE, Name.REFUND_CARD, Name.REVERSE_SALE, Name.SELL, Name.TAKE_DEPOSIT
]  # fmt: skip


class Nothing(Input):
    """Nothing is asked."""


def values_of(salon: Salon, name: Name) -> dict[str, Any]:
    """What is asked of an operation that a form shows first."""
    who = {"customer": salon.ids["anna"], "store": salon.ids["first"]}
    if name == Name.SELL:
        salon.recharge(30_000)
        payments = [{"method": "stored_value", "amount": 40_000}, {"method": "cash", "amount": HYDRA + CREAM - 40_000}]
        salon.recharge(20_000)
        return salon.bill("hydra", "cream", payments=payments)
    if name == Name.OPEN_CARD:
        return who | {"package": salon.ids["pair"], "method": "wechat"}
    if name in {Name.RECHARGE, Name.TAKE_DEPOSIT}:
        return who | {"amount": 600_000, "method": "cash"}
    if name == Name.REFUND_CARD:
        return {"card": salon.open_card(), "method": "cash", "why": "不来了", "store": salon.ids["first"]}
    assert name == Name.REVERSE_SALE
    return {"sale": salon.sell("hydra"), "why": "按错了"}


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_every_form_that_shows_a_total_first_is_tried_here(salon: Salon) -> None:
    assert sorted(spec.name for spec in specs() if "shown_total" in spec.input.model_fields) == SHOWN_FIRST


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", SHOWN_FIRST)
def test_a_quote_waits_for_nobody_who_writes(salon: Salon, name: Name, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.connection.BUSY_MILLISECONDS", 50)
    values, actor = values_of(salon, name), salon.house.actor("manager")
    db.session.rollback()
    with somebody_writing():
        sent = sent_by(lambda: quote(name, values, actor=actor))
    assert [one for one in sent if one.split()[0] in {"INSERT", "UPDATE", "DELETE"}] == []


@pytest.mark.parametrize("name", SHOWN_FIRST)
def test_a_quote_is_what_it_comes_to(salon: Salon, name: Name) -> None:
    values, actor = values_of(salon, name), salon.house.actor("manager")
    before, entries = salon.has(), salon.entries()
    quoted = quote(name, values, actor=actor)
    assert (salon.has(), salon.entries()) == (before, entries)
    done = perform(name, values, actor=actor)
    assert salon.entries() > entries
    assert {key: done[key] for key in quoted} == quoted


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_a_quote_refuses_what_would_be_refused(salon: Salon) -> None:
    actor = salon.house.actor("manager")
    for wrong, code in (
        ({"payments": [{"method": "stored_value", "amount": HYDRA}]}, "not_enough"),
        ({"payments": [{"method": "cash", "amount": 1}]}, "not_paid"),
        ({"payments": [{"method": "session", "amount": HYDRA}]}, "does_not_fit"),
        ({"payments": [{"method": "voucher", "amount": HYDRA}]}, "empty"),
        ({"customer": None, "payments": [{"method": "deposit", "amount": HYDRA}]}, "no_customer"),
    ):
        values = {key: value for key, value in (salon.bill("hydra") | wrong).items() if value is not None}
        with pytest.raises(Refused) as refusal:
            quote(Name.SELL, {**values, "method": None}, actor=actor)
        assert refusal.value.code == code


def test_one_voucher_does_not_pay_twice_on_a_bill(salon: Salon) -> None:
    voucher = {"method": "voucher", "platform": "meituan", "amount": HYDRA}
    payments = [voucher | {"code": "0012 3400"}, voucher | {"code": "0012-3400"}]
    assert salon.refused(Name.SELL, **salon.bill("hydra", "hydra", payments=payments)) == ("taken", "payments")


def test_the_database_refuses_what_a_quote_would_write(salon: Salon) -> None:
    @operation("careless_quote", label=_l("Save"), form=False)
    def careless(op: Operation, data: Nothing) -> Answer:
        """Write although it is only asked."""
        op.session.connection().exec_driver_sql("UPDATE store SET name = 'X'")
        return {}

    try:
        with pytest.raises((DBAPIError, Refused)):
            quote("careless_quote", Nothing(), actor=SYSTEM)
    finally:
        unregister("careless_quote")
    with db.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM store WHERE name = 'X'").scalar() == 0
    assert salon.sell("hydra"), "after a quote the connection writes again"
