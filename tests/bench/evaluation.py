"""The shipped rules over everybody: the compiled statement beside the same asked in hand-written SQL, in one run."""

from __future__ import annotations

import gc
import re
import resource
import statistics
from collections.abc import Callable
from datetime import date, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

from sqlalchemy import func, insert, select, text, true

from admin_app.applying import condition_of, everything, slots_of
from admin_app.evaluation import evaluate
from admin_app.frames import frame_of
from admin_app.operations.kernel import perform
from admin_app.operations.rules import ActivateInput
from admin_app.rule_trials import explain, preview
from admin_app.rulebook import refresh, rulebook
from models.actor import SYSTEM
from models.catalogue import Service
from models.clock import EvaluationRun
from models.connection import WRITES
from models.customers import Customer
from models.entity import db, table_of, writing
from models.names import Name
from models.organisation import Staff
from models.rulebook import ChangedCustomer, RuleVersion
from rules.book import Rulebook
from rules.documents.rules import Rule, TagsDocument
from rules.evaluation.dialect import ranged
from rules.evaluation.frame import Frame
from rules.evaluation.sources import facts_of
from rules.evaluation.statement import Slotted, differing, facts_in
from rules.language.reading import read_document
from rules.order import strata
from tests.bench import rivals
from tests.bench.place import Figure, Place, seconds, spread
from tests.processes import Process, barrier

AS_OF = date(2026, 11, 22)
TOMORROW = AS_OF + timedelta(1)
STEP = 5_000

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


RULES = 100
NEW = "  - {{id: bench-{n}, name: 量{n}, when: {{{when}}}, then: [{{tag: active}}]}}\n"
CONDITIONS = (
    "days_since_visit: {{at_least: {n}}}, paid_365d: {{at_least: {m}}}",
    "visits_90d: {{at_least: {k}}}, used_90d: {{less_than: {m}}}",
    "paid_90d: {{between: [{m}, 90000]}}, sales_365d: {{at_least: {k}}}",
    "largest_sale_365d: {{at_least: 590}}, days_since_sale: {{at_most: {k}}}, visits_90d: {{at_least: {k}}}",
)
"""As rules are in life: most of them find a few customers in a hundred, and days are round."""
AWAY, AGO = (30, 45, 60, 90, 180), (5, 7, 10)


def run(place: Place) -> list[Figure]:
    """What the night, a change, an owner's trial and a look at one customer take, with a hundred rules in force."""
    with place.app.app_context():
        _forget_peak()
        _hundred_rules()
        figures = [Figure("rules in force", len(everything(rulebook())), "")]
        size = f"{place.customers:,} customers, {place.sales:,} sales"

        def note(name: str, work: Callable[[], object], unit: str = "s", more: str = "") -> None:
            took = seconds(work)
            figures.append(Figure(name, took * (1000 if unit == "ms" else 1), unit, more))

        note("first evaluation: every tag, tier and match written", lambda: evaluate(AS_OF), more=size)
        note(
            "full pass: all facts worked out, all rules, exact difference",
            lambda: evaluate(AS_OF),
            more="asked: < 15 / 30 s at a million",
        )
        _other_threshold()
        note("a changed threshold: all rules over the facts kept", lambda: evaluate(AS_OF, full=False))
        for count, most in ((1_000, "1 s"), (1, "50 / 20 ms")):
            took = statistics.median(_changed(count) for _ in range(5))
            figures.append(Figure(f"{count:,} changed, median of 5", 1000 * took, "ms", f"asked: < {most}"))
        note("the day turns: whom time moved", lambda: evaluate(TOMORROW, full=False), more="asked: < 5 s at a million")
        figures += _trials(place)
        figures += _sale_at_night(place)
        ours, hand = _side_by_side(place)
        figures += [
            Figure("15 rules, compiled statement, all customers", ours, "s"),
            Figure("the same by hand-written SQL", hand, "s"),
            Figure("ratio compiled / hand-written", ours / hand, "×", "asked: ≤ 1.5"),
        ]
        figures.append(Figure("most memory of this process", _memory(), "MB", "asked: < 500"))
        figures += rivals.columnar(_by_hand_for("postgresql"), _bounds(1, place.customers))
        figures += rivals.one_by_one(
            [condition_of(rule) for rule in everything(rulebook())], _people(2_000), place.customers
        )
    return figures


PEAK_FORGOTTEN = Path("/proc/self/clear_refs"), "5"
"""Source: proc(5), «clear_refs»: 5 sets the peak of resident memory to what is resident now."""


def _forget_peak() -> None:
    """What was needed to make the salon, or by rivals on another engine, is nothing that evaluating needs."""
    gc.collect()
    file, word = PEAK_FORGOTTEN
    if file.exists():
        file.write_text(word)


def _memory() -> float:
    """The most that this process has had at once, in MB; where a peak cannot be forgotten, since it began."""
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _changed(count: int) -> float:
    _mark(count)
    return seconds(lambda: evaluate(AS_OF, full=False))


def _hundred_rules() -> None:
    """As many rules of their own beside the shipped ones as make a hundred."""
    missing = RULES - len(everything(rulebook()))
    fresh = "".join(
        NEW.format(n=n, when=CONDITIONS[n % 4].format(n=AWAY[n % 5], m=2000 + 50 * n, k=AGO[n % 3]))
        for n in range(1, missing + 1)
    )
    _activate(rulebook_text().replace("\nrules:\n", f"\nrules:\n{fresh}", 1))


def _other_threshold() -> None:
    _activate(rulebook_text().replace("at_least: 2200}", "at_least: 2201}", 1))


def rulebook_text() -> str:
    found = db.session.scalars(
        select(RuleVersion.text).where(RuleVersion.document == "tags").order_by(RuleVersion.id.desc()).limit(1)
    ).one()
    return str(found)


def _activate(text_: str) -> None:
    perform(Name.ACTIVATE_RULES, ActivateInput(texts={"tags": text_}), actor=SYSTEM)
    refresh()


def _trials(place: Place) -> list[Figure]:
    """An owner's trial of one rule over everybody, and why each rule holds for one customer or not; median of several."""
    figures, session = [], db.session()
    for rule_id, before, after in (("bench-1", "at_least: 5}", "at_least: 4}"), ("dormant", "[60, 179]", "[45, 179]")):
        rule, book = _draft(rule_id, before, after)
        took, _ = spread(lambda: preview(session, rule, book, TOMORROW, true()), 5)  # noqa: B023
        told = preview(session, rule, book, TOMORROW, true())
        note = f"{told.gains:,} gain it, {told.losses:,} lose it; asked: < 300 ms at a million"
        figures.append(Figure(f"exact trial of {rule_id} with another threshold", took, "ms", note))
    chance = Random(1)
    why, _ = spread(lambda: explain(session, chance.randint(1, place.customers), TOMORROW), 20)
    return [*figures, Figure("why, one customer, all rules", why, "ms", "asked: < 20 ms")]


def _draft(rule_id: str, before: str, after: str) -> tuple[Rule, Rulebook]:
    """A rule of the tags with another threshold, and the book with it."""
    book = rulebook()
    head, rules = rulebook_text().split("\nrules:\n")
    changed, times = re.subn(
        rf"(id: {rule_id}\b.*?){re.escape(before)}", rf"\g<1>{after}", rules, count=1, flags=re.DOTALL
    )
    assert times == 1, rule_id
    drafted = book.with_documents({"tags": read_document(TagsDocument, f"{head}\nrules:\n{changed}", "tags.yaml")})
    [rule] = [one for one in drafted.rules() if one.id == rule_id]
    return rule, drafted


def _sale_at_night(place: Place) -> list[Figure]:
    """How long a sale takes while the night's run goes on in another process."""
    service, staff = (db.session.scalar(select(func.min(one.id))) for one in (Service, Staff))
    _mark(min(place.customers // 4, 20_000))
    db.session.remove()
    start = barrier(2)
    settings = place.app.config["PEONY"]
    night = Process(settings, nightly, start)
    till = Process(settings, ring_until, start, [{"service": service, "performer": staff}], place.customers)
    took = night.said()
    spent = sorted(till.said())
    assert (night.end(), till.end()) == (0, 0)
    note = f"{len(spent)} sales in {took:.0f} s; asked: < 100 ms"
    return [
        Figure("a sale while a run goes on, p50", 1000 * spent[len(spent) // 2], "ms", note),
        Figure("a sale while a run goes on, p99", 1000 * spent[len(spent) * 99 // 100], "ms"),
    ]


def nightly(pipe: Connection, start: Any) -> None:
    start.wait()
    took = seconds(lambda: evaluate(TOMORROW, full=True))
    pipe.send(took)


def ring_until(pipe: Connection, start: Any, lines: list[dict[str, Any]], customers: int) -> None:
    """Ring up a sale, wait as long as a customer takes to go, until the run of the other process is over."""
    start.wait()
    spent, running = [], select(EvaluationRun.id).where(EvaluationRun.ended_at.is_(None)).limit(1)
    while len(spent) < 20 or db.session.scalar(running) is not None:
        db.session.rollback()
        data = {"customer": 1 + len(spent) % customers, "store": 1, "lines": lines, "method": "cash"}
        spent.append(seconds(lambda: perform(Name.SELL, data, actor=SYSTEM, key=f"night-{len(spent)}")))  # noqa: B023
        Event().wait(0.05)
    pipe.send(spent)


def _people(count: int) -> list[dict[str, Any]]:
    frame = frame_of(db.session(), AS_OF, lambda column: column.between(1, count))
    facts = facts_of(frame, facts_in(condition_of(rule) for rule in everything(rulebook())))
    return [{**row, "tag": ()} for row in db.session.execute(select(facts)).mappings()]


def _mark(count: int) -> None:
    """Mark so many customers as changed, evenly from the busiest to those who came once."""
    session = db.session()
    session.rollback()
    session.connection(execution_options={WRITES: True})
    every = select(Customer.id, func.row_number().over(order_by=Customer.id).label("place")).subquery()
    step = (session.scalar(select(func.count()).select_from(Customer)) or 0) // count
    spread_out = select(every.c.id).where(every.c.place % step == step // 2)
    session.execute(insert(table_of(ChangedCustomer)).from_select(["customer_id"], spread_out))
    session.commit()


def _side_by_side(place: Place) -> tuple[float, float]:
    """Medians of three turns each, in turn, over the same ranges of customers."""
    book = rulebook()
    session = writing()
    positions = {name: slot.position for name, slot in slots_of(session, book).items()}
    session.rollback()
    rules = {rule.id: rule for rule in everything(book)}
    shipped = [name for name in strata(book)[0] if not name.startswith("bench-")]
    slotted = [Slotted(name, condition_of(rules[name]), positions[name]) for name in shipped]
    hand = _by_hand_for(place.engine)
    ours_took, hand_took = [], []
    for _ in range(3):
        ours_took.append(seconds(lambda: _compiled(place, slotted)))
        hand_took.append(seconds(lambda: _by_hand(place, hand)))
    return statistics.median(ours_took), statistics.median(hand_took)


def _by_hand_for(engine: str) -> str:
    """The hand-written statement, with the engine's own word for days between two days."""
    statement = HAND.replace("{days}", "pg_days" if engine == "postgresql" else "lite_days")
    if engine == "postgresql":
        return re.sub(
            r"pg_days\(([^,()]+(?:\([^()]*\))?), ([^,()]+(?:\([^()]*\))?)\)",
            r"(CAST(\1 AS date) - CAST(\2 AS date))",
            statement,
        )
    pattern = r"lite_days\(([^,()]+(?:\([^()]*\))?), ([^,()]+(?:\([^()]*\))?)\)"
    return re.sub(pattern, r"CAST(julianday(\1) - julianday(\2) AS INTEGER)", statement)


def _ranges(place: Place) -> list[tuple[int, int]]:
    return [(start, start + STEP - 1) for start in range(1, place.customers + 1, STEP)]


def _compiled(place: Place, slotted: list[Slotted]) -> None:
    for low, high in _ranges(place):
        here = ranged(low, high)
        db.session.execute(differing(Frame(AS_OF, here.among), slotted), here.values).all()


def _by_hand(place: Place, statement: str) -> None:
    for low, high in _ranges(place):
        days = _bounds(low, high)
        if place.engine == "sqlite":
            days = {name: value.isoformat() if isinstance(value, date) else value for name, value in days.items()}
        db.session.execute(text(statement), days).all()


def _bounds(low: int, high: int) -> dict[str, Any]:
    return {"d": AS_OF, "d90": AS_OF - timedelta(90), "d365": AS_OF - timedelta(365), "a": low, "b": high}
