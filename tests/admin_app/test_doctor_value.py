"""The doctor finds each fault of the books that the database should make impossible."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import text

from admin_app.doctor.books import VALUE, queries
from models import triggers
from models.connection import WRITES
from models.entity import db
from models.names import Name
from tests.admin_app.test_doctor import behind_the_back, faults
from tests.cast import NOON, create
from tests.conftest import House
from tests.salon_day import Salon

pytestmark = pytest.mark.usefixtures("in_english")

KIND = "account_id IN (SELECT id FROM account WHERE kind = '{}')"
HERS, CASH = KIND.format("principal"), KIND.format("cash")
FIRST = "id = (SELECT min(id) FROM ledger_entry WHERE {})"

FAULTS: dict[str, tuple[str, str, str]] = {
    "an amount altered": (
        "ledger balance",
        f"UPDATE ledger_entry SET amount = amount - 1 WHERE {FIRST.format(CASH)}",
        "come to -1",
    ),
    "a store altered": (
        "ledger balance",
        f"UPDATE ledger_entry SET store_id = 2 WHERE {FIRST.format(CASH)}",
        "in store 2 come to",
    ),
    "a balance altered": (
        "ledger accounts",
        f"UPDATE account_balance SET balance = balance + 1 WHERE {HERS}",
        "balance ",
    ),
    "a balance lost": ("ledger accounts", f"DELETE FROM account_balance WHERE {HERS}", "balance 0"),
    "a lot altered": ("ledger lots", "UPDATE lot_balance SET remaining = remaining + 1", "left "),
    "a lot's balance lost": ("ledger lots", "DELETE FROM lot_balance", "left 0"),
    "an account below nothing": (
        "ledger debts",
        f"UPDATE ledger_entry SET amount = -amount WHERE {HERS}",
        "(principal) stands at -",
    ),
    "a debt above nothing": (
        "ledger debts",
        f"UPDATE ledger_entry SET amount = -amount WHERE {KIND.format('receivable')}",
        "(receivable) stands at 16800",
    ),
    "an entry of no lot": (
        "ledger lot sums",
        f"UPDATE ledger_entry SET lot_id = NULL WHERE {FIRST.format(HERS)}",
        "belongs to no lot",
    ),
    "an entry of another's lot": (
        "ledger lot sums",
        f"UPDATE ledger_entry SET lot_id = (SELECT max(id) FROM lot) WHERE {FIRST.format(HERS)}",
        "belongs to no lot",
    ),
    "a reversal altered": (
        "ledger reversals",
        "UPDATE ledger_entry SET amount = amount + 1 WHERE reverses_id IS NOT NULL",
        "does not mirror",
    ),
    "a reversal in another store": (
        "ledger reversals",
        "UPDATE ledger_entry SET store_id = 2 WHERE reverses_id IS NOT NULL",
        "does not mirror",
    ),
    "a line taken back in part": (
        "reversed lines",
        "DELETE FROM ledger_entry WHERE id = (SELECT min(id) FROM ledger_entry WHERE reverses_id IS NOT NULL)",
        "1 of its entries still stand",
    ),
    "a payment altered": (
        "tenders",
        "UPDATE payment SET amount = amount + 1 WHERE method = 'cash'",
        "in the ledger",
    ),
    "a receipt after the close": ("day closes", "UPDATE day_close SET receipts = receipts - 1", "closed with"),
    "an event altered": (
        "events",
        "INSERT INTO row_change (operation_id, entity, row_id, kind, columns, digest)"
        " VALUES (9, 'ledger_entry', 1, 'update', 'amount', 'x')",
        "ledger_entry 1: update",
    ),
}


@pytest.fixture
def busy(house: House) -> None:
    """A day with a recharge, a debt and something taken back, closed."""

    def a_day() -> None:
        with time_machine.travel(NOON):
            salon = Salon(house)
            salon.recharge(100_000)
            salon.sell("hydra", method="stored_value")
            salon.sell("eye", method="on_account")
            salon.reverse(salon.sell("cream"))
            salon.do(Name.CLOSE_DAY, store=salon.ids["first"], counted=100_000)
        assert faults() == {}

    house.kept("busy", a_day)


@pytest.mark.parametrize("kind", FAULTS)
def test_the_books_show(busy: None, kind: str) -> None:
    check, statement, word = FAULTS[kind]
    behind_the_back(statement)
    found = faults()
    assert any(word in fault for fault in found.get(check, [])), found


def unguarded(*statements: str) -> None:
    """As somebody who takes triggers and keys off, and leaves them off."""
    db.session.remove()
    with db.engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        triggers.uninstall(connection)
        for statement in statements:
            connection.execute(text(statement))


def test_an_entry_taken_back_twice_is_found(busy: None) -> None:
    columns = "operation_id, account_id, customer_id, amount, lot_id, reverses_id, store_id, business_day"
    unguarded(
        "DROP INDEX uq_ledger_entry_reverses",
        f"INSERT INTO ledger_entry ({columns}) SELECT {columns} FROM ledger_entry WHERE reverses_id IS NOT NULL",
    )
    assert any("does not mirror" in fault for fault in faults()["ledger reversals"])


def test_two_bookings_on_one_therapist_are_found(house: House) -> None:
    with time_machine.travel(NOON):
        salon = Salon(house)
        therapist = salon.ids["therapist_staff"]
        create("staff_skill", staff_id=therapist, service_id=salon.ids["hydra"])
        wish = {"customer": salon.ids["anna"], "services": [{"service": salon.ids["hydra"], "staff": therapist}]}
        salon.do(Name.BOOK, **wish, starts_at=NOON + timedelta(days=1))
        salon.do(Name.BOOK, **wish, starts_at=NOON + timedelta(days=1, hours=1))
    assert faults() == {}
    one = "(SELECT min(c.starts_at) FROM booking_claim c)"
    unguarded(f"UPDATE booking_claim SET starts_at = {one} WHERE archived_at IS NULL")
    assert len(faults()["booking overlaps"]) == 2, "the therapist and the customer"
    unguarded("UPDATE booking_claim SET archived_at = starts_at WHERE id <= 2")
    assert "booking overlaps" not in faults()


def test_two_tiers_of_one_person_are_found(house: House) -> None:
    row = "INSERT INTO membership (customer_id, tier, since, version) VALUES (1, 'gold', '2026-01-01', 1)"
    unguarded("DROP INDEX uq_membership_current", row, row)
    assert faults()["one tier each"] == ["customer 1 holds 2 tiers"]


def test_what_was_asked_for_twice_is_found(house: House) -> None:
    """The key is gone, as after a table was brought back from elsewhere."""
    row = "INSERT INTO task (id, source, occasion) VALUES ({}, 'rule', 'once')"
    unguarded(
        "CREATE TABLE loose AS SELECT * FROM task",
        "DROP TABLE task",
        "ALTER TABLE loose RENAME TO task",
        row.format(1),
        row.format(2),
    )
    assert "task rule once stands 2 times" in faults()["occasions"]


def test_every_query_is_tried() -> None:
    tried = {check for check, *_ in FAULTS.values()} | {"booking overlaps", "occasions"}
    assert tried == {*VALUE, "events"}
    assert set(queries()) >= tried
