"""The SQL by which the database itself keeps the ledger: balances as entries come in, reversals whole, and no operation
whose entries do not come to nothing. That is asked when the operation takes its link of the log's chain, which is the
last thing every operation does.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

from models.value import IN_LOTS, OWED_BY_HER

NOT_BALANCED = "entries do not come to nothing"
NOT_A_REVERSAL = "not the entry it takes back"

_OWES = " OR ".join(f"NEW.kind = '{kind.value}'" for kind in OWED_BY_HER)
_IN_LOTS = ", ".join(f"'{kind.value}'" for kind in IN_LOTS)
_OPEN_ACCOUNT = (
    f"INSERT INTO account_balance (account_id, balance, owes) SELECT NEW.id, 0, ({_OWES})"
    " WHERE NEW.customer_id IS NOT NULL"
)
_OPEN_LOT = "INSERT INTO lot_balance (lot_id, remaining) VALUES (NEW.id, 0)"
_ADD = (
    "UPDATE account_balance SET balance = balance + NEW.amount WHERE account_id = NEW.account_id",
    "UPDATE lot_balance SET remaining = remaining + NEW.amount WHERE lot_id = NEW.lot_id",
)
_WRONG_REVERSAL = (
    "NEW.reverses_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ledger_entry o WHERE o.id = NEW.reverses_id"
    " AND o.amount = -NEW.amount AND o.account_id = NEW.account_id AND o.store_id = NEW.store_id"
    " AND o.reverses_id IS NULL AND o.lot_id IS NOT DISTINCT FROM NEW.lot_id)"
)
_WRONG_OWNER = (
    "NOT EXISTS (SELECT 1 FROM account a WHERE a.id = NEW.account_id"
    " AND a.customer_id IS NOT DISTINCT FROM NEW.customer_id"
    f" AND (a.kind IN ({_IN_LOTS})) = (NEW.lot_id IS NOT NULL))"
    " OR (NEW.lot_id IS NOT NULL AND NOT EXISTS"
    " (SELECT 1 FROM lot l WHERE l.id = NEW.lot_id AND l.account_id = NEW.account_id))"
)
_UNBALANCED = (
    "EXISTS (SELECT 1 FROM ledger_entry e JOIN account a ON a.id = e.account_id"
    " WHERE e.operation_id = NEW.operation_id GROUP BY a.commodity, e.store_id HAVING sum(e.amount) <> 0)"
)
NOT_ITS_OWN = "neither her account nor its lot"

_REBUILD = (
    "DELETE FROM account_balance",
    "DELETE FROM lot_balance",
    "INSERT INTO account_balance (account_id, balance, owes)"
    f" SELECT a.id, coalesce(e.amount, 0), ({_OWES.replace('NEW.', 'a.')}) FROM account a"
    " LEFT JOIN (SELECT account_id, sum(amount) AS amount FROM ledger_entry GROUP BY account_id) e"
    " ON e.account_id = a.id WHERE a.customer_id IS NOT NULL",
    "INSERT INTO lot_balance (lot_id, remaining) SELECT l.id, coalesce(e.amount, 0) FROM lot l"
    " LEFT JOIN (SELECT lot_id, sum(amount) AS amount FROM ledger_entry GROUP BY lot_id) e ON e.lot_id = l.id",
)


def rebuild_balances(connection: Connection) -> None:
    """Sum the entries up anew, after rows came in with the triggers down.

    :raises sqlalchemy.exc.IntegrityError: an account or a lot would stand below zero.
    """
    for statement in _REBUILD:
        connection.execute(text(statement))


def sqlite() -> Iterator[str]:
    """Statements for SQLite."""
    yield f"CREATE TRIGGER value_account_insert AFTER INSERT ON account BEGIN\n  {_OPEN_ACCOUNT};\nEND"
    yield f"CREATE TRIGGER value_lot_insert AFTER INSERT ON lot BEGIN\n  {_OPEN_LOT};\nEND"
    added = "".join(f"  {statement};\n" for statement in _ADD)
    yield f"CREATE TRIGGER value_entry_insert AFTER INSERT ON ledger_entry BEGIN\n{added}END"
    for name, message, condition in (
        ("reversal", NOT_A_REVERSAL, _WRONG_REVERSAL),
        ("owner", NOT_ITS_OWN, _WRONG_OWNER),
    ):
        yield (
            f"CREATE TRIGGER value_{name} BEFORE INSERT ON ledger_entry BEGIN\n"
            f"  SELECT RAISE(ABORT, '{message}') WHERE {condition.replace('IS NOT DISTINCT FROM', 'IS')};\nEND"
        )
    by_index = "ledger_entry e INDEXED BY ix_ledger_entry_operation_id"  # even where one operation made most entries
    unbalanced = _UNBALANCED.replace("ledger_entry e", by_index)
    yield (
        "CREATE TRIGGER value_balanced BEFORE INSERT ON log_link BEGIN\n"
        f"  SELECT RAISE(ABORT, '{NOT_BALANCED}') WHERE {unbalanced};\nEND"
    )


POSTGRES_FUNCTIONS = {
    "peony_open_account": f"\nBEGIN\n  {_OPEN_ACCOUNT};\n  RETURN NULL;\nEND",
    "peony_open_lot": f"\nBEGIN\n  {_OPEN_LOT};\n  RETURN NULL;\nEND",
    "peony_add_entry": f"\nBEGIN\n  {_ADD[0]};\n  {_ADD[1]};\n  RETURN NULL;\nEND",
    "peony_check_entry": f"""
BEGIN
  IF {_WRONG_REVERSAL} THEN RAISE EXCEPTION '{NOT_A_REVERSAL}'; END IF;
  IF {_WRONG_OWNER} THEN RAISE EXCEPTION '{NOT_ITS_OWN}'; END IF;
  RETURN NEW;
END""",
    "peony_balanced": f"""
BEGIN
  IF {_UNBALANCED} THEN RAISE EXCEPTION '{NOT_BALANCED}'; END IF;
  RETURN NEW;
END""",
}

POSTGRES_TRIGGERS = (
    ("account", "value_account_insert", "AFTER INSERT", "peony_open_account"),
    ("lot", "value_lot_insert", "AFTER INSERT", "peony_open_lot"),
    ("ledger_entry", "value_entry_insert", "AFTER INSERT", "peony_add_entry"),
    ("ledger_entry", "value_check", "BEFORE INSERT", "peony_check_entry"),
    ("log_link", "value_balanced", "BEFORE INSERT", "peony_balanced"),
)
"""Table, trigger, when, function."""
