"""What must be true of the salon's own rows, as SQL: each query finds what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from sqlalchemy import text

from models.entity import db, entities
from models.names import Name


@dataclass(frozen=True)
class Query:
    """How many rows are looked at, what is wrong with any, and how that is said."""

    label: LazyString
    counting: str
    finding: str
    said: LazyString


SALES: dict[str, Query] = {
    "receipt numbers": Query(
        _l("receipt numbers"),
        "SELECT count(*) FROM sale",
        "SELECT store_id, business_day, max(number), count(*) FROM sale GROUP BY store_id, business_day"
        " HAVING max(number) <> count(*) OR min(number) <> 1",
        _l("store {0}, {1}: {3} receipts, numbered up to {2}"),
    ),
    "receipt totals": Query(
        _l("receipt totals"),
        "SELECT count(*) FROM sale_line",
        "SELECT s.id, s.total, coalesce(sum(l.amount), 0) FROM sale s LEFT JOIN sale_line l ON l.sale_id = s.id"
        " GROUP BY s.id, s.total HAVING s.total <> coalesce(sum(l.amount), 0)",
        _l("sale {0}: total {1} fen, lines {2} fen"),
    ),
    "payments": Query(
        _l("payments"),
        "SELECT count(*) FROM payment",
        "SELECT s.id, s.total - coalesce(b.amount, 0) - coalesce(c.amount, 0), coalesce(p.amount, 0) FROM sale s"
        " LEFT JOIN (SELECT sale_id, sum(amount) AS amount FROM payment GROUP BY sale_id) p ON p.sale_id = s.id"
        " LEFT JOIN (SELECT sale_id, sum(amount) AS amount FROM reversal GROUP BY sale_id) b ON b.sale_id = s.id"
        " LEFT JOIN (SELECT l.sale_id, sum(h.amount) AS amount FROM card_change h JOIN sale_line l"
        " ON l.card_id = h.card_id WHERE h.kind = 'refunded' GROUP BY l.sale_id) c ON c.sale_id = s.id"
        " WHERE s.total - coalesce(b.amount, 0) - coalesce(c.amount, 0) <> coalesce(p.amount, 0)",
        _l("sale {0}: total {1} fen, paid {2} fen"),
    ),
    "staff shares": Query(
        _l("staff shares"),
        "SELECT count(*) FROM staff_share",
        "SELECT sale_line_id, share_role, sum(permille) FROM staff_share GROUP BY sale_line_id, share_role"
        " HAVING sum(permille) <> 1000",
        _l("sale line {0}: shares of {1} come to {2} thousandths"),
    ),
    "exclusive tags": Query(
        _l("exclusive tags"),
        "SELECT count(*) FROM customer_tag WHERE until IS NULL",
        'SELECT c.customer_id, t."group", count(*) FROM customer_tag c JOIN tag t ON t.id = c.tag_id'
        ' WHERE t.exclusive AND c.held AND c.until IS NULL GROUP BY c.customer_id, t."group" HAVING count(*) > 1',
        _l("customer {0}: {2} tags of the group {1}"),
    ),
    "one tier each": Query(
        _l("one tier each"),
        "SELECT count(*) FROM membership WHERE ended_on IS NULL",
        "SELECT customer_id, count(*) FROM membership WHERE ended_on IS NULL GROUP BY customer_id HAVING count(*) > 1",
        _l("customer {0} holds {1} tiers"),
    ),
}

_ENTRIES = "SELECT count(*) FROM ledger_entry"
VALUE: dict[str, Query] = {
    "ledger balance": Query(
        _l("ledger: every operation comes to nothing"),
        _ENTRIES,
        "SELECT e.operation_id, a.commodity, e.store_id, sum(e.amount) FROM ledger_entry e JOIN account a"
        " ON a.id = e.account_id GROUP BY e.operation_id, a.commodity, e.store_id HAVING sum(e.amount) <> 0",
        _l("operation {0}: entries of {1} in store {2} come to {3}"),
    ),
    "ledger accounts": Query(
        _l("ledger: balances are their entries"),
        "SELECT count(*) FROM account_balance",
        "SELECT a.id, coalesce(b.balance, 0), coalesce(e.amount, 0) FROM account a"
        " LEFT JOIN account_balance b ON b.account_id = a.id"
        " LEFT JOIN (SELECT account_id, sum(amount) AS amount FROM ledger_entry GROUP BY account_id) e"
        " ON e.account_id = a.id WHERE a.customer_id IS NOT NULL"
        " AND (b.account_id IS NULL OR b.balance <> coalesce(e.amount, 0))",
        _l("account {0}: balance {1}, entries {2}"),
    ),
    "ledger lots": Query(
        _l("ledger: lots are their entries"),
        "SELECT count(*) FROM lot_balance",
        "SELECT l.id, coalesce(b.remaining, 0), coalesce(e.amount, 0) FROM lot l"
        " LEFT JOIN lot_balance b ON b.lot_id = l.id"
        " LEFT JOIN (SELECT lot_id, sum(amount) AS amount FROM ledger_entry GROUP BY lot_id) e ON e.lot_id = l.id"
        " WHERE b.lot_id IS NULL OR b.remaining <> coalesce(e.amount, 0)",
        _l("lot {0}: left {1}, entries {2}"),
    ),
    "ledger debts": Query(
        _l("ledger: nobody is overdrawn"),
        "SELECT count(*) FROM account_balance",
        "SELECT a.id, a.kind, sum(e.amount) FROM account a JOIN ledger_entry e ON e.account_id = a.id"
        " WHERE a.customer_id IS NOT NULL GROUP BY a.id, a.kind"
        " HAVING CASE WHEN a.kind = 'receivable' OR a.kind = 'points_owed' THEN sum(e.amount) > 0"
        " ELSE sum(e.amount) < 0 END",
        _l("account {0} ({1}) stands at {2}"),
    ),
    "ledger lot sums": Query(
        _l("ledger: accounts are their lots"),
        "SELECT count(*) FROM lot",
        "SELECT e.id, a.kind, e.amount FROM ledger_entry e JOIN account a ON a.id = e.account_id"
        " LEFT JOIN lot l ON l.id = e.lot_id"
        " WHERE (a.kind = 'principal' OR a.kind = 'bonus' OR a.kind = 'points' OR a.kind = 'deposit')"
        " AND (l.id IS NULL OR l.account_id <> e.account_id)",
        _l("entry {0} ({1}, {2}) belongs to no lot of its account"),
    ),
    "ledger reversals": Query(
        _l("ledger: reversals mirror what they take back"),
        "SELECT count(*) FROM ledger_entry WHERE reverses_id IS NOT NULL",
        "SELECT r.id, r.reverses_id, r.amount FROM ledger_entry r JOIN ledger_entry o ON o.id = r.reverses_id"
        " WHERE o.amount <> -r.amount OR o.account_id <> r.account_id OR o.store_id <> r.store_id"
        " OR o.reverses_id IS NOT NULL OR coalesce(o.lot_id, 0) <> coalesce(r.lot_id, 0) UNION ALL"
        " SELECT min(id), reverses_id, count(*) FROM ledger_entry WHERE reverses_id IS NOT NULL"
        " GROUP BY reverses_id HAVING count(*) > 1",
        _l("entry {0} does not mirror entry {1}"),
    ),
    "reversed lines": Query(
        _l("lines taken back are taken back whole"),
        "SELECT count(*) FROM reversal",
        "SELECT v.sale_line_id, count(*) FROM reversal v JOIN ledger_entry e ON e.sale_line_id = v.sale_line_id"
        " AND e.reverses_id IS NULL LEFT JOIN ledger_entry r ON r.reverses_id = e.id WHERE r.id IS NULL"
        " GROUP BY v.sale_line_id",
        _l("sale line {0}: {1} of its entries still stand"),
    ),
    "tenders": Query(
        _l("payments tie to the ledger"),
        "SELECT count(*) FROM payment",
        "SELECT p.store_id, p.business_day, p.method, p.amount, coalesce(e.amount, 0) FROM"
        " (SELECT p.store_id, p.business_day, p.method, sum(p.amount) AS amount FROM payment p JOIN sale s"
        " ON s.id = p.sale_id WHERE (NOT s.imported"
        " OR s.id IN (SELECT sale_id FROM payment WHERE method = 'on_account'))"
        " AND (p.method = 'cash' OR p.method = 'wechat' OR p.method = 'alipay' OR p.method = 'bank_card')"
        " GROUP BY p.store_id, p.business_day, p.method) p"
        " LEFT JOIN (SELECT e.store_id, e.business_day, a.kind, -sum(e.amount) AS amount FROM ledger_entry e"
        " JOIN account a ON a.id = e.account_id GROUP BY e.store_id, e.business_day, a.kind) e"
        " ON e.store_id = p.store_id AND e.business_day = p.business_day AND e.kind = p.method"
        " WHERE p.amount <> coalesce(e.amount, 0)",
        _l("store {0}, {1}, {2}: paid {3} fen, in the ledger {4} fen"),
    ),
    "day closes": Query(
        _l("closed days stand as they were closed"),
        "SELECT count(*) FROM day_close",
        "SELECT d.store_id, d.business_day, d.receipts, count(s.id) FROM day_close d LEFT JOIN sale s"
        " ON s.store_id = d.store_id AND s.business_day = d.business_day"
        " GROUP BY d.id, d.store_id, d.business_day, d.receipts HAVING d.receipts <> count(s.id)",
        _l("store {0}, {1}: closed with {2} receipts, now {3}"),
    ),
    "booking overlaps": Query(
        _l("no two bookings on one person, bed or device"),
        "SELECT count(*) FROM booking_claim WHERE archived_at IS NULL",
        "SELECT a.id, b.id, a.resource_id FROM booking_claim a JOIN booking_claim b ON b.resource_id = a.resource_id"
        " AND b.id > a.id AND b.starts_at < a.ends_at AND b.ends_at > a.starts_at"
        " WHERE a.archived_at IS NULL AND b.archived_at IS NULL",
        _l("claims {0} and {1} overlap on resource {2}"),
    ),
    "occasions": Query(
        _l("nothing asked for twice"),
        "SELECT (SELECT count(*) FROM alert) + (SELECT count(*) FROM task)",
        "SELECT 'alert', source, occasion, count(*) FROM alert GROUP BY source, occasion HAVING count(*) > 1 UNION ALL"
        " SELECT 'task', source, occasion, count(*) FROM task GROUP BY source, occasion HAVING count(*) > 1 UNION ALL"
        " SELECT 'key', k.key, k.actor, count(*) FROM operation_key k GROUP BY k.key, k.actor HAVING count(*) > 1",
        _l("{0} {1} {2} stands {3} times"),
    ),
}


def _events() -> Query:
    events = " OR ".join(f"c.entity = '{entity.named()}'" for entity in entities() if entity.append_only)
    return Query(
        _l("events never change"),
        "SELECT count(*) FROM row_change",
        "SELECT c.id, c.entity, c.row_id, c.kind FROM row_change c JOIN operation o ON o.id = c.operation_id"
        f" WHERE c.kind <> 'insert' AND o.name NOT IN ('{Name.ERASE_CUSTOMER}', '{Name.UPGRADE}') AND ({events})",
        _l("row change {0}: {1} {2}: {3}"),
    )


def _check(query: Query) -> Callable[[], tuple[int, list[str]]]:
    def run() -> tuple[int, list[str]]:
        with db.engine.connect() as connection:
            looked_at: int = connection.scalar(text(query.counting))
            wrong = connection.execute(text(f"SELECT * FROM ({query.finding}) AS found LIMIT 20")).all()
        return looked_at, [str(query.said).format(*row) for row in wrong]

    return run


def queries() -> dict[str, Query]:
    """Every query, by the name it keeps in JSON."""
    return {**SALES, **VALUE, "events": _events()}


def book_checks() -> dict[str, tuple[LazyString, Callable[[], tuple[int, list[str]]]]]:
    """Each query as a check, with its label."""
    return {name: (query.label, _check(query)) for name, query in queries().items()}
