"""What must be true of the salon's own rows, as SQL: each query finds what is wrong."""

from __future__ import annotations

from collections.abc import Callable

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from sqlalchemy import text

from models.entity import db

QUERIES: dict[str, tuple[str, str, LazyString]] = {
    "receipt numbers": (
        "SELECT count(*) FROM sale",
        "SELECT store_id, business_day, max(number), count(*) FROM sale GROUP BY store_id, business_day"
        " HAVING max(number) <> count(*) OR min(number) <> 1",
        _l("store {0}, {1}: {3} receipts, numbered up to {2}"),
    ),
    "receipt totals": (
        "SELECT count(*) FROM sale_line",
        "SELECT s.id, s.total, coalesce(sum(l.amount), 0) FROM sale s LEFT JOIN sale_line l ON l.sale_id = s.id"
        " GROUP BY s.id, s.total HAVING s.total <> coalesce(sum(l.amount), 0)",
        _l("sale {0}: total {1} fen, lines {2} fen"),
    ),
    "payments": (
        "SELECT count(*) FROM payment",
        "SELECT s.id, s.total, coalesce(sum(p.amount), 0) FROM sale s LEFT JOIN payment p ON p.sale_id = s.id"
        " GROUP BY s.id, s.total HAVING s.total <> coalesce(sum(p.amount), 0)",
        _l("sale {0}: total {1} fen, paid {2} fen"),
    ),
    "staff shares": (
        "SELECT count(*) FROM staff_share",
        "SELECT sale_line_id, share_role, sum(permille) FROM staff_share GROUP BY sale_line_id, share_role"
        " HAVING sum(permille) <> 1000",
        _l("sale line {0}: shares of {1} come to {2} thousandths"),
    ),
    "exclusive tags": (
        "SELECT count(*) FROM customer_tag WHERE until IS NULL",
        'SELECT c.customer_id, t."group", count(*) FROM customer_tag c JOIN tag t ON t.id = c.tag_id'
        ' WHERE t.exclusive AND c.held AND c.until IS NULL GROUP BY c.customer_id, t."group" HAVING count(*) > 1',
        _l("customer {0}: {2} tags of the group {1}"),
    ),
    "one tier each": (
        "SELECT count(*) FROM membership WHERE ended_on IS NULL",
        "SELECT customer_id, count(*) FROM membership WHERE ended_on IS NULL GROUP BY customer_id HAVING count(*) > 1",
        _l("customer {0} holds {1} tiers"),
    ),
}
"""How many rows are looked at, what is wrong with any, and how that is said."""


def _check(name: str) -> Callable[[], tuple[int, list[str]]]:
    def run() -> tuple[int, list[str]]:
        counting, finding, said = QUERIES[name]
        with db.engine.connect() as connection:
            looked_at: int = connection.scalar(text(counting))
            wrong = connection.execute(text(f"{finding} LIMIT 20")).all()
        return looked_at, [str(said).format(*row) for row in wrong]

    return run


CHECKS = {name: _check(name) for name in QUERIES}
