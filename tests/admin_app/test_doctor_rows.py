"""The log proves the rows: whatever was changed behind its back is named by table, row and column."""

from __future__ import annotations

import re

import pytest
import time_machine
from sqlalchemy import text

from admin_app.doctor import examine
from admin_app.doctor.rows import check_rows
from admin_app.operations.customers import EraseInput, InteractionInput
from admin_app.operations.kernel import perform
from admin_app.security.second_factor import new_seed
from models.customers import Channel
from models.entity import db
from models.names import Name
from tests.admin_app.test_doctor import behind_the_back
from tests.cast import NOON, create
from tests.conftest import House
from tests.salon_day import Salon

pytestmark = pytest.mark.usefixtures("in_english")

SESSION = "user_id, address, agent, started_at, last_seen_at"
SWAP = (
    "CREATE TABLE aside AS SELECT id, phone FROM customer; UPDATE customer SET phone = (SELECT aside.phone FROM aside"
    " WHERE aside.id = 3 - customer.id) WHERE id IN (1, 2); DROP TABLE aside"
)
EDITS: dict[str, tuple[str, str]] = {
    "a name": ("UPDATE customer SET name = '安妮' WHERE id = 3", "customer, row 3, name"),
    "a member number": ("UPDATE customer SET member_no = 'V999' WHERE id = 3", "customer, row 3, member_no"),
    "a customer's store": ("UPDATE customer SET store_id = 1 WHERE id = 3", "customer, row 3, store_id"),
    "a stage": ("UPDATE customer SET stage = 'given_up' WHERE id = 3", "customer, row 3, stage"),
    "notes where there were none": ("UPDATE customer SET notes = 'x' WHERE id = 3", "customer, row 3, notes"),
    "an archived customer": (
        "UPDATE customer SET archived_at = '2026-11-22 04:00:00' WHERE id = 3",
        "customer, row 3, archived_at",
    ),
    "a first customer's telephone swapped": (SWAP, "customer, row 1, phone"),
    "a second customer's telephone swapped": ("", "customer, row 2, phone"),
    "an index of a telephone": ("UPDATE customer SET phone_index = 'x' WHERE id = 3", "customer, row 3, phone_index"),
    "an address emptied": ("UPDATE customer SET address = NULL WHERE id = 3", "customer, row 3, address"),
    "a version": ("UPDATE customer SET version = 9 WHERE id = 3", "customer, row 3, version"),
    "a role": ("UPDATE \"user\" SET role = 'owner' WHERE login = 'reception'", "user, row 3, role"),
    "a password hash": (
        'UPDATE "user" SET password_hash = (SELECT o.password_hash FROM "user" AS o WHERE o.id = 3) WHERE id = 1',
        "user, row 1, password_hash",
    ),
    "a login": ("UPDATE \"user\" SET login = 'boss' WHERE id = 2", "user, row 2, login"),
    "whose account": ('UPDATE "user" SET staff_id = NULL WHERE id = 4', "user, row 4, staff_id"),
    "an account opened again": ('UPDATE "user" SET active = false WHERE id = 5', "user, row 5, active"),
    "a forged session": (
        f"INSERT INTO user_session (token_hash, {SESSION})"
        " VALUES ('forged', 1, '', '', '2026-11-22 04:00:00', '2026-11-22 04:00:00')",
        "session 1 of user 1",
    ),
    "the roles": ("UPDATE rule_version SET text = 'owner' WHERE document = 'roles'", "rule_version, row \\d+, text"),
    "which version holds": (
        "UPDATE rule_activation SET activated_by = 'nobody' WHERE id = 1",
        "rule_activation, row 1, activated_by",
    ),
    "a staff name": ("UPDATE staff SET name = '别人' WHERE id = 1", "staff, row 1, name"),
    "a staff position": ("UPDATE staff SET position = 'manager' WHERE id = 2", "staff, row 2, position"),
    "a price": ("UPDATE service SET price = 1 WHERE id = 1", "service, row 1, price"),
    "a price of goods": ("UPDATE product SET price = 1 WHERE id = 1", "product, row 1, price"),
    "a package's size": ("UPDATE package_item SET quantity = 99 WHERE id = 1", "package_item, row 1, quantity"),
    "how long a package lasts": ("UPDATE package SET valid_days = 9999 WHERE id = 1", "package, row 1, valid_days"),
    "a store's hours": ("UPDATE store SET opens_at = '09:59:00' WHERE id = 1", "store, row 1, opens_at"),
    "a balanced gift": (
        "INSERT INTO ledger_entry (operation_id, account_id, amount, store_id, business_day)"
        " SELECT operation_id, account_id, x.sign * 1000000, store_id, business_day FROM ledger_entry,"
        " (SELECT 1 AS sign UNION ALL SELECT -1) AS x WHERE id = 1",
        "ledger_entry, row \\d+: stands in the table; the log knows of no such row",
    ),
    "an enlarged recharge": ("UPDATE ledger_entry SET amount = amount * 2 WHERE id = 1", "ledger_entry, row 1, amount"),
    "a day moved": (
        "UPDATE ledger_entry SET business_day = '2026-11-01' WHERE id = 2",
        "ledger_entry, row 2, business_day",
    ),
    "a lot's end": ("UPDATE lot SET expires_on = '2036-01-01' WHERE id = 1", "lot, row 1, expires_on"),
    "a sale's total": ("UPDATE sale SET total = total + 100 WHERE id = 1", "sale, row 1, total"),
    "a sale's customer": ("UPDATE sale SET customer_id = 2 WHERE id = 1", "sale, row 1, customer_id"),
    "a line": ("UPDATE sale_line SET item = '别的' WHERE id = 1", "sale_line, row 1, item"),
    "a discount": (
        "UPDATE sale_line SET discount = 100, amount = amount - 100, discount_reason = 'x' WHERE id = 2",
        "sale_line, row 2, discount",
    ),
    "a way of paying": ("UPDATE payment SET method = 'wechat' WHERE id = 1", "payment, row 1, method"),
    "a day-close difference": (
        "UPDATE day_close SET difference = 0, counted_cash = expected_cash WHERE id = 1",
        "day_close, row 1, difference",
    ),
    "what was said": ("UPDATE interaction SET digest = NULL WHERE id = 1", "interaction, row 1, digest"),
    "a follow-up's staff": ("UPDATE staff SET store_id = 2 WHERE id = 3", "staff, row 3, store_id"),
    "an assignment deleted": ("DELETE FROM customer_assignment WHERE id = 1", "customer_assignment, row 1: is gone"),
    "the last sale deleted": (
        "DELETE FROM payment WHERE sale_id = {last}; DELETE FROM staff_share WHERE sale_line_id IN"
        " (SELECT id FROM sale_line WHERE sale_id = {last}); DELETE FROM ledger_entry WHERE sale_line_id IN"
        " (SELECT id FROM sale_line WHERE sale_id = {last}); DELETE FROM sale_line WHERE sale_id = {last};"
        " DELETE FROM sale WHERE id = {last}",
        "sale, row {last}: is gone; the log knows of no deletion",
    ),
    "a customer put in": (
        "INSERT INTO brand (name, version) VALUES ('没人记过', 1)",
        "brand, row 1: stands in the table; the log knows of no such row",
    ),
    "a schedule": ("UPDATE schedule SET paused = true WHERE id = 1", "schedule, row 1, paused"),
    "a setting": ("UPDATE setting SET value = 'x' WHERE id = 1", "setting, row 1, value"),
}
"""Statements that an edit by hand may be, and what the doctor says of it."""


def found() -> list[str]:
    db.session.remove()
    return [fault for finding in examine() if finding.name in {"rows", "sessions"} for fault in finding.faults]


@pytest.fixture
def busy(house: House) -> House:
    """A house with a day of sales, and no fault."""

    def a_day() -> None:
        with time_machine.travel(NOON):
            salon = Salon(house)
            salon.recharge(100_000)
            salon.sell("hydra", method="stored_value")
            salon.sell("eye", "hydra")
            perform(
                Name.RECORD_INTERACTION,
                InteractionInput(customer=salon.ids["anna"], channel=Channel.PHONE, digest="她对酒精过敏"),
                actor=house.actor("owner"),
            )
            salon.sell("cream", customer=None)
            salon.do(Name.CLOSE_DAY, store=salon.ids["first"], counted=100_000, why="少数了")

    house.kept("busy_rows", a_day)
    return house


def test_every_edit_by_hand_is_found(busy: House) -> None:
    last = str(db.session.execute(text("SELECT max(id) FROM sale")).scalar_one())
    assert found() == []
    statements = [one for edit, _said in EDITS.values() for one in edit.replace("{last}", last).split("; ") if one]
    behind_the_back(*statements)
    told = found()
    missed = [
        what
        for what, (_, said) in EDITS.items()
        if not any(re.match(said.replace("{last}", last), one) for one in told)
    ]
    assert missed == [], "\n".join(told)
    assert len(EDITS) >= 30
    assert not any("安" in one for one in told), "a person's values are not said"


def test_a_finding_says_both_values(busy: House) -> None:
    behind_the_back("UPDATE service SET price = 1 WHERE id = 1", "UPDATE customer SET name = '别人' WHERE id = 1")
    assert sorted(found()) == [
        "customer, row 1, name: the log has ••••, the row has ••••",
        "service, row 1, price: the log has «29800», the row has «1»",
    ]


def test_who_was_erased_is_no_finding_and_later_changes_are(busy: House) -> None:
    anna, actor = busy.ids["anna"], busy.actor("owner")
    perform(Name.ERASE_CUSTOMER, EraseInput(customer=anna, confirm="安娜", why="依法删除"), actor=actor)
    assert found() == []
    create("brand", name="牌子")
    behind_the_back("UPDATE brand SET name = '假牌子'")
    assert found() == ["brand, row 1, name: the log has «牌子», the row has «假牌子»"]


def test_second_factors_are_proved_with_their_secrets(house: House) -> None:
    """Their counter is a number among the secrets."""
    owner = house.ids["owner"]
    given = {"kind": "app", "name": "手机", "secret": new_seed(), "digests": ["0" * 32]}
    factor = perform(Name.ADD_SECOND_FACTOR, given, actor=house.actor("owner"))["id"]
    use = {"user": owner, "token_hash": "0" * 64, "use": {"factor": factor, "counter": 7}}
    perform(Name.SIGN_IN, use, actor=house.actor("owner"))
    db.session.remove()
    assert check_rows()[1] == []
    behind_the_back("UPDATE second_factor SET counter = 0")
    assert len(check_rows()[1]) == 1
