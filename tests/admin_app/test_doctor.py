"""The doctor finds what was done behind the house's back: each kind of tampering is a test, on both engines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, text

from admin_app.doctor import examine
from admin_app.doctor.chain import check_anchors, check_chain
from admin_app.operations import chain
from admin_app.operations.customers import EraseInput, InteractionInput
from admin_app.operations.entities import EditInput
from admin_app.operations.kernel import perform
from models import triggers
from models.actor import SYSTEM
from models.connection import WRITES
from models.customers import Channel, Customer, Interaction
from models.entity import db
from models.log import LogLink, RowChange, RowValue
from models.names import Name
from tests.cast import raw_operation
from tests.conftest import House

pytestmark = pytest.mark.usefixtures("in_english")


def faults() -> dict[str, list[str]]:
    db.session.remove()
    return {finding.name: finding.faults for finding in examine() if finding.faults}


def behind_the_back(*statements: str) -> None:
    """As somebody who takes the triggers off, does as he likes, and puts them back."""
    db.session.remove()
    with db.engine.connect().execution_options(**{WRITES: True}) as connection:
        with connection.begin():
            triggers.uninstall(connection)
        with connection.begin():
            for statement in statements:
                connection.execute(text(statement))
        with connection.begin():
            triggers.install(connection)


def test_a_sound_house_is_found_sound(house: House) -> None:
    assert faults() == {}


TAMPERING: dict[str, tuple[list[str], str]] = {
    "an entry edited": (["UPDATE operation SET actor_name = 'somebody else' WHERE id = 5"], "were altered"),
    "a time moved": (["UPDATE operation SET subject_id = 77 WHERE id = 6"], "were altered"),
    "a row change edited": (["UPDATE row_change SET columns = 'notes' WHERE id = 9"], "were altered"),
    "a row change deleted": (
        ["DELETE FROM row_value WHERE row_change_id = 9", "DELETE FROM row_change WHERE id = 9"],
        "row changes, now",
    ),
    "a value edited": (
        ['UPDATE row_value SET new = \'{"name":"x"}\' WHERE row_change_id = 9'],
        "values of row change 9",
    ),
    "a value deleted": (["DELETE FROM row_value WHERE row_change_id = 9"], "nobody was erased"),
    "an operation deleted": (
        [
            "DELETE FROM row_value WHERE row_change_id IN (SELECT id FROM row_change WHERE operation_id = 9)",
            "DELETE FROM row_change WHERE operation_id = 9",
            "DELETE FROM log_link WHERE operation_id = 9",
            "DELETE FROM operation WHERE id = 9",
        ],
        "is missing",
    ),
    "a row change moved to another operation": (
        ["UPDATE row_change SET operation_id = 8 WHERE operation_id = 9"],
        "row changes, now",
    ),
    "a link deleted": (["DELETE FROM log_link WHERE seq = 4"], "link 4 is missing"),
    "a row change added later": (
        [
            "INSERT INTO row_change (operation_id, entity, row_id, kind, columns, digest)"
            " VALUES (9, 'customer', 1, 'update', 'name', 'x')"
        ],
        "row changes, now",
    ),
}


@pytest.mark.parametrize("kind", TAMPERING)
def test_the_chain_shows(house: House, kind: str) -> None:
    statements, word = TAMPERING[kind]
    behind_the_back(*statements)
    found = faults()
    assert any(word in fault for fault in found["log chain"]), found


def test_the_chain_shows_an_operation_without_a_link(house: House) -> None:
    columns = "name, kind, at, actor_kind, actor_name, actor_role, address, agent, result"
    behind_the_back(f"INSERT INTO operation (id, {columns}) SELECT 9999, {columns} FROM operation WHERE id = 5")
    assert "operation 9999 has no link" in faults()["log chain"]


def test_two_operations_that_change_places_are_found(house: House) -> None:
    """The same rows, in another order: every digest of the two still fits its own content."""
    behind_the_back(
        "UPDATE log_link SET seq = 1000004 WHERE seq = 4",
        "UPDATE log_link SET seq = 4 WHERE seq = 5",
        "UPDATE log_link SET seq = 5 WHERE seq = 1000004",
    )
    assert any("does not hold the link before it" in fault for fault in faults()["log chain"])


def cut_tail() -> None:
    behind_the_back(
        "DELETE FROM row_value WHERE row_change_id IN (SELECT c.id FROM row_change c JOIN log_link l"
        " ON l.operation_id = c.operation_id WHERE l.seq > 10)",
        "DELETE FROM row_change WHERE operation_id IN (SELECT operation_id FROM log_link WHERE seq > 10)",
        "CREATE TABLE gone AS SELECT operation_id FROM log_link WHERE seq > 10",
        "DELETE FROM log_link WHERE seq > 10",
        "DELETE FROM operation WHERE id IN (SELECT operation_id FROM gone)",
        "DROP TABLE gone",
    )


def test_a_cut_tail_is_shown_by_the_anchor_outside(house: House) -> None:
    perform(Name.ANCHOR_LOG, actor=SYSTEM)
    cut_tail()
    assert check_chain()[1] == [], "the rest is whole in itself"
    assert "has been cut off" in check_anchors()[1][0]


def test_a_chain_made_anew_with_the_stolen_key_is_shown_by_the_anchor(house: House) -> None:
    """Somebody edits an entry and re-hashes everything with the real key: only what stands outside tells."""
    perform(Name.ANCHOR_LOG, actor=SYSTEM)
    behind_the_back("UPDATE operation SET actor_name = 'somebody else' WHERE id = 5")
    rehash()
    assert check_chain()[1] == []
    assert "the chain was made anew" in check_anchors()[1][0]


def rehash() -> None:
    from admin_app.doctor.chain import _batches, _changes
    from admin_app.doctor.faults import FirstFaults
    from models.cipher import keyring

    db.session.remove()
    updates, previous = [], chain.START
    with db.engine.connect() as connection:
        for batch in _batches(connection):
            rows = _changes(connection, [link[1] for link in batch], FirstFaults(), [])
            for link in batch:
                content = chain.content_of(chain.operation_text(link[5:]), rows[link[1]])
                fresh = keyring().chain(previous, content)
                updates.append(f"UPDATE log_link SET previous = '{previous}', hash = '{fresh}' WHERE seq = {link[0]}")
                previous = fresh
    behind_the_back(*updates)


def test_a_chain_made_anew_without_the_key_does_not_fit(house: House) -> None:
    from models.cipher import Keyring, keyring, use_keyring

    own = keyring()
    use_keyring(Keyring.fresh())
    try:
        rehash()
    finally:
        use_keyring(own)
    assert len(check_chain()[1]) > 5


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("log_customer", "customer"),
        ("append_only_operation", "operation"),
        ("no_gaps_sale", "sale"),
        ("mark_sale", "sale"),
    ],
)
def test_a_dropped_trigger_is_found(house: House, name: str, table: str) -> None:
    db.session.remove()
    drop = f"DROP TRIGGER {name} ON {table}" if house.engine == "postgresql" else f"DROP TRIGGER {name}_update"
    with db.engine.begin() as connection:
        connection.execute(text(drop))
    assert any(fault.startswith(f"missing: trigger {name}") for fault in faults()["schema"])


def test_erasing_a_customer_leaves_the_chain_whole(house: House) -> None:
    """Her values are gone, here and in the log; the chain, the books and her number stay."""
    anna, actor = house.ids["anna"], house.actor("owner")
    data = InteractionInput(customer=anna, channel=Channel.PHONE, digest="她对酒精过敏")
    perform(Name.RECORD_INTERACTION, data, actor=actor)
    values = {"notes": "住在湖边", "phone": "13911112222"}
    perform(Name.EDIT_ENTITY, EditInput(entity="customer", id=anna, values=values), actor=actor)
    before = db.session.scalar(select(LogLink.seq).order_by(LogLink.seq.desc()).limit(1)) or 0
    perform(Name.ERASE_CUSTOMER, EraseInput(customer=anna, confirm="安娜", why="依法删除"), actor=actor)
    assert faults() == {}
    row = db.session.get_one(Customer, anna)
    assert (row.phone, row.notes, row.address, row.member_no, row.phone_index) == (None, None, None, None, None)
    assert row.name.startswith("#")
    assert [one.digest for one in db.session.scalars(select(Interaction))] == [None]
    assert (db.session.scalar(select(LogLink.seq).order_by(LogLink.seq.desc()).limit(1)) or 0) == before + 1
    left = db.session.scalars(
        select(RowValue.new).join(RowChange).where(RowChange.entity == "customer", RowChange.row_id == anna)
    ).all()
    assert left == []
    everything = db.session.execute(text("SELECT coalesce(old, '') || coalesce(new, '') FROM row_value")).scalars()
    assert not any("安娜" in one or "湖边" in one for one in everything)


def test_erasing_asks_for_her_name(house: House) -> None:
    from admin_app.operations.refusals import Refused

    with pytest.raises(Refused):
        perform(
            Name.ERASE_CUSTOMER,
            EraseInput(customer=house.ids["anna"], confirm="安", why="x"),
            actor=house.actor("owner"),
        )
    assert db.session.get_one(Customer, house.ids["anna"]).erased_at is None


BOOKS: dict[str, tuple[Callable[[dict[str, int]], list[str]], str]] = {
    "receipt numbers": (lambda ids: [sale(ids, 1), sale(ids, 3)], "2 receipts, numbered up to 3"),
    "receipt totals": (lambda ids: [sale(ids, 1, total=500), pay(1, 500, ids)], "total 500 fen, lines 0 fen"),
    "payments": (lambda ids: [sale(ids, 1, total=100), line(1, 100)], "total 100 fen, paid 0 fen"),
    "staff shares": (
        lambda ids: [sale(ids, 1, total=100), line(1, 100), pay(1, 100, ids), share(ids, 400)],
        "come to 400 thousandths",
    ),
}


def sale(ids: dict[str, int], number: int, total: int = 0) -> str:
    return (
        "INSERT INTO sale (store_id, business_day, number, sold_at, total, imported, public_id)"
        f" VALUES ({ids['first']}, '2026-01-01', {number}, '2026-01-01 12:00:00', {total}, false, 'p{number}')"
    )


def line(sale_id: int, amount: int) -> str:
    return (
        "INSERT INTO sale_line (sale_id, position, kind, item, quantity, discount, amount)"
        f" VALUES ({sale_id}, 1, 'service', 'x', 1, 0, {amount})"
    )


def pay(sale_id: int, amount: int, ids: dict[str, int]) -> str:
    return (
        "INSERT INTO payment (sale_id, store_id, business_day, paid_at, method, amount)"
        f" VALUES ({sale_id}, {ids['first']}, '2026-01-01', '2026-01-01 12:00:00', 'cash', {amount})"
    )


def share(ids: dict[str, int], permille: int) -> str:
    return (
        "INSERT INTO staff_share (sale_line_id, staff_id, share_role, manner, part, permille)"
        f" VALUES (1, {ids['therapist_staff']}, 'performer', 'named', 'lead', {permille})"
    )


@pytest.mark.parametrize("check", BOOKS)
def test_the_books_show(house: House, check: str) -> None:
    statements, word = BOOKS[check]
    behind_the_back(*statements(house.ids))
    found: dict[str, Any] = faults()
    assert any(word in fault for fault in found[check]), found


def test_two_tags_of_an_exclusive_group_are_found(house: House) -> None:
    with raw_operation():
        ids = db.session.execute(text("SELECT id FROM tag WHERE slug IN ('layer-a', 'layer-b')")).scalars().all()
        for tag in ids:
            db.session.execute(
                text(
                    "INSERT INTO customer_tag (customer_id, tag_id, held, by_hand, since, version)"
                    f" VALUES ({house.ids['anna']}, {tag}, true, false, '2026-01-01 00:00:00', 1)"
                )
            )
    assert "2 tags of the group" in faults()["exclusive tags"][0]


def test_a_reference_to_nothing_is_found(sqlite_house: House) -> None:
    """PostgreSQL cannot be written so; SQLite can, with foreign keys off."""
    import sqlite3

    db.session.remove()
    db.engine.dispose()
    outside = sqlite3.connect(sqlite_house.folder / "peony.db")
    outside.execute("DELETE FROM search_key")
    session = "99, 'x', 4711, '', '', '2026-01-01', '2026-01-01', NULL, NULL, NULL"
    outside.execute(f"INSERT INTO user_session VALUES ({session})")
    outside.commit()
    outside.close()
    assert "user_session" in faults()["references"][0]
