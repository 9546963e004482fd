"""The shipped rules over everybody: the compiled statement beside the same asked in hand-written SQL, in one run."""

from __future__ import annotations

import statistics
from datetime import date
from typing import Any

from sqlalchemy import text

from admin_app.evaluation import CHUNK, condition_of, evaluate, everything, slots_of
from admin_app.rulebook import rulebook
from models.connection import WRITES
from models.entity import db
from rules.book import strata
from rules.evaluation.frame import Frame
from rules.evaluation.statement import Slotted, differing
from tests.bench.place import Figure, Place, seconds

AS_OF = date(2026, 11, 22)

HAND = """
WITH v AS (
  SELECT customer_id, count(*) AS n, {days}(:d, max(business_day)) AS away, {days}(:d, min(business_day)) AS since,
         sum(CASE WHEN business_day > :d90 THEN 1 ELSE 0 END) AS n90, min(business_day) AS first_on, max(business_day) AS last_on
    FROM visit WHERE business_day <= :d AND customer_id BETWEEN :a AND :b GROUP BY customer_id),
p AS (
  SELECT customer_id, sum(CASE WHEN business_day > :d365 THEN amount ELSE 0 END) AS paid FROM payment
   WHERE business_day <= :d AND method IN ('cash','wechat','alipay','bank_card','unknown') AND customer_id BETWEEN :a AND :b
   GROUP BY customer_id),
s AS (
  SELECT customer_id, max(CASE WHEN business_day > :d365 THEN total ELSE 0 END) AS largest FROM sale
   WHERE business_day <= :d AND customer_id BETWEEN :a AND :b GROUP BY customer_id),
u AS (
  SELECT sale.customer_id, sum(CASE WHEN business_day > :d90 THEN l.amount ELSE 0 END) AS used FROM sale
    JOIN sale_line l ON l.sale_id = sale.id
   WHERE l.kind = 'service' AND business_day <= :d AND sale.customer_id BETWEEN :a AND :b GROUP BY sale.customer_id),
t AS (
  SELECT f.customer_id, max(CASE WHEN y.method = 'voucher' OR sv.grade = 'trial' THEN 1 ELSE 0 END) AS trial
    FROM (SELECT customer_id, min(business_day) AS first_on FROM sale WHERE business_day <= :d
           AND customer_id BETWEEN :a AND :b GROUP BY customer_id) f
    JOIN sale x ON x.customer_id = f.customer_id AND x.business_day = f.first_on
    LEFT JOIN payment y ON y.sale_id = x.id LEFT JOIN sale_line l ON l.sale_id = x.id
    LEFT JOIN service sv ON sv.id = l.service_id GROUP BY f.customer_id),
g AS (
  SELECT DISTINCT customer_id FROM contraindication WHERE kind = 'allergy' AND archived_at IS NULL
    AND (since IS NULL OR since <= :d) AND (until IS NULL OR until >= :d)),
r AS (
  SELECT customer_id, max(value) AS value FROM (
    SELECT a.customer_id, r.value, row_number() OVER (PARTITION BY a.customer_id ORDER BY a.assessed_on DESC, r.id DESC) AS n
      FROM reading r JOIN assessment a ON a.id = r.assessment_id JOIN assessment_parameter q ON q.id = r.parameter_id
     WHERE q.slug = 'sensitivity' AND a.assessed_on <= :d) z WHERE n = 1 GROUP BY customer_id),
w AS (
  SELECT referrer_id AS customer_id, sum(CASE WHEN first_on > :d365 THEN 1 ELSE 0 END) AS n FROM (
    SELECT c.referrer_id, y.customer_id, min(y.business_day) AS first_on FROM payment y JOIN customer c ON c.id = y.customer_id
     WHERE c.referrer_id BETWEEN :a AND :b AND y.amount > 0 AND y.business_day <= :d
       AND y.method IN ('cash','wechat','alipay','bank_card','unknown') GROUP BY c.referrer_id, y.customer_id) z GROUP BY referrer_id),
b AS (
  SELECT c.id,
    (CASE WHEN v.since <= 30 THEN 1 ELSE 0 END)
    + (CASE WHEN coalesce(t.trial, 0) = 1 AND v.since BETWEEN 3 AND 30 AND coalesce(v.n, 0) <= 1 THEN 2 ELSE 0 END)
    + (CASE WHEN v.n90 >= 6 THEN 4 ELSE 0 END)
    + (CASE WHEN p.paid >= 2000000 OR s.largest >= 500000 THEN 8 ELSE 0 END)
    + (CASE WHEN u.used >= 150000 AND v.n90 >= 3 AND coalesce(p.paid, 0) < 800000 THEN 16 ELSE 0 END)
    + (CASE WHEN v.n >= 4 AND v.away BETWEEN 21 AND 59
            AND v.away * 100 * (v.n - 1) >= 150 * nullif({days}(v.last_on, v.first_on), 0) THEN 32 ELSE 0 END)
    + (CASE WHEN v.away BETWEEN 60 AND 179 THEN 64 ELSE 0 END)
    + (CASE WHEN v.away >= 180 THEN 128 ELSE 0 END)
    + (CASE WHEN c.skin_type = 'sensitive' OR g.customer_id IS NOT NULL OR r.value >= 60 THEN 256 ELSE 0 END)
    + (CASE WHEN w.n >= 2 THEN 512 ELSE 0 END)
    + (CASE WHEN v.away >= 60 THEN 1024
            WHEN p.paid >= 2000000 AND v.n90 >= 4 THEN 2048
            WHEN p.paid >= 500000 OR v.n90 >= 3 THEN 4096 ELSE 8192 END)
    + (CASE WHEN m.tier IN ('gold','platinum','diamond') AND v.away BETWEEN 30 AND 44 THEN 16384 ELSE 0 END) AS bits
    FROM customer c LEFT JOIN v ON v.customer_id = c.id LEFT JOIN p ON p.customer_id = c.id
    LEFT JOIN s ON s.customer_id = c.id LEFT JOIN u ON u.customer_id = c.id LEFT JOIN t ON t.customer_id = c.id
    LEFT JOIN g ON g.customer_id = c.id LEFT JOIN r ON r.customer_id = c.id LEFT JOIN w ON w.customer_id = c.id
    LEFT JOIN membership m ON m.customer_id = c.id AND m.ended_on IS NULL
   WHERE c.merged_into_id IS NULL AND c.erased_at IS NULL AND c.archived_at IS NULL AND c.id BETWEEN :a AND :b)
SELECT b.id, b.bits FROM b LEFT JOIN rule_state x ON x.customer_id = b.id WHERE b.bits <> coalesce(x.mask_3, -1)
"""
"""The same fifteen rules, written by hand for these thresholds; the last comparison never holds, so every row comes back
neither here nor there: both sides are asked for what differs, and are given nothing."""


def run(place: Place) -> list[Figure]:
    """The first evaluation, one that finds nothing new, one of few changed, and the statement beside a hand-written one."""
    with place.app.app_context():
        first = seconds(lambda: evaluate(AS_OF))
        again = seconds(lambda: evaluate(AS_OF))
        _mark(1_000)
        changed = seconds(lambda: evaluate(AS_OF, full=False))
        ours, hand = _side_by_side(place)
    size = f"{place.customers:,} customers, {place.customers * 5:,} sales"
    return [
        Figure("first evaluation: every tag, tier and match written", first, "s", size),
        Figure("full pass that finds nothing new", again, "s", size),
        Figure("1,000 changed customers", changed, "s"),
        Figure("compiled statement, all customers", ours, "s"),
        Figure("hand-written SQL for the same rules", hand, "s"),
        Figure("ratio compiled / hand-written", ours / hand, "×", "asked for later: ≤ 1.5"),
    ]


def _mark(count: int) -> None:
    session = db.session()
    session.rollback()
    session.connection(execution_options={WRITES: True})
    session.execute(
        text("INSERT INTO changed_customer (customer_id) SELECT id FROM customer WHERE id <= :n"), {"n": count}
    )
    session.commit()


def _side_by_side(place: Place) -> tuple[float, float]:
    """Medians of five turns each, in turn, over the same ranges of customers."""
    book = rulebook()
    session = db.session()
    session.connection(execution_options={WRITES: True})
    positions = {name: slot.position for name, slot in slots_of(session, book).items()}
    session.rollback()
    rules = {rule.id: rule for rule in everything(book)}
    slotted = [Slotted(name, condition_of(rules[name]), positions[name]) for name in strata(book)[0]]
    hand = HAND.replace("{days}", "pg_days" if place.engine == "postgresql" else "lite_days")
    hand = _days(hand, place.engine)
    ours_took, hand_took = [], []
    for _ in range(5):
        ours_took.append(seconds(lambda: _compiled(place, slotted)))
        hand_took.append(seconds(lambda: _by_hand(place, hand)))
    return statistics.median(ours_took), statistics.median(hand_took)


def _days(statement: str, engine: str) -> str:
    """The engines' own word for days between two days."""
    import re

    if engine == "postgresql":
        return re.sub(
            r"pg_days\(([^,()]+(?:\([^()]*\))?), ([^,()]+(?:\([^()]*\))?)\)",
            r"(CAST(\1 AS date) - CAST(\2 AS date))",
            statement,
        )
    pattern = r"lite_days\(([^,()]+(?:\([^()]*\))?), ([^,()]+(?:\([^()]*\))?)\)"
    return re.sub(pattern, r"CAST(julianday(\1) - julianday(\2) AS INTEGER)", statement)


def _ranges(place: Place) -> list[tuple[int, int]]:
    return [(start, start + CHUNK - 1) for start in range(1, place.customers + 1, CHUNK)]


def _compiled(place: Place, slotted: list[Slotted]) -> None:
    for low, high in _ranges(place):
        frame = Frame(AS_OF, lambda column: column.between(low, high))  # noqa: B023 - used at once
        db.session.execute(differing(frame, slotted)).all()


def _by_hand(place: Place, statement: str) -> None:
    from datetime import timedelta

    for low, high in _ranges(place):
        days: dict[str, Any] = {
            "d": AS_OF,
            "d90": AS_OF - timedelta(90),
            "d365": AS_OF - timedelta(365),
            "a": low,
            "b": high,
        }
        if place.engine == "sqlite":
            days = {name: value.isoformat() if isinstance(value, date) else value for name, value in days.items()}
        db.session.execute(text(statement), days).all()
