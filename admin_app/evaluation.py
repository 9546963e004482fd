"""Running the rules: what differs is found by one statement a stratum, and applied by operations of at most 5,000
customers under one run, each whole or not at all. A run that was cut short goes on where it stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, and_, delete, func, insert, select, update
from sqlalchemy.orm import Session

from admin_app import pending
from admin_app.operations.giving import deliver_waiting
from admin_app.operations.kernel import Operation, now, perform
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Input, operation, the_machine
from admin_app.rule_effects import NEEDED, give
from admin_app.rulebook import rulebook, versions
from admin_app.tag_effects import set_tags
from admin_app.tier_moves import move_tiers
from admin_app.todo_effects import ask_staff
from models.actor import SYSTEM, Actor
from models.clock import EvaluationRun, ScheduleClaim
from models.customers import Customer
from models.entity import db, rows_changed, table_of, writing
from models.log import EntryKind
from models.names import Name
from models.rulebook import MASK_BITS, MASKS, ChangedCustomer, RuleActivation, RuleMatch, RuleSlot, RuleState
from rules.book import DecisionRow, Rulebook, strata
from rules.documents.rules import Rule
from rules.evaluation import interpreter
from rules.evaluation.frame import Frame
from rules.evaluation.statement import Slotted, counts, differing
from rules.language.conditions import NEVER, Condition
from rules.language.reading import places_in

CHUNK = 5_000
FEW = 500
"""Customers by name in one statement: each source binds them anew, and databases bind so many values only."""

FULL_ABOVE = 0.3
"""Above this share of changed customers the full pass is cheaper."""


class TooEarlyError(Refused):
    """The day asked for lies before the last one that was evaluated."""


@dataclass(frozen=True)
class Claim:
    """The right to make one due run; every write proves that it is still held."""

    schedule_id: int
    due_at: datetime
    epoch: int

    def own(self) -> ColumnElement[bool]:
        """Which row of ``schedule_claim`` this is, as long as nobody has taken it over."""
        return and_(
            ScheduleClaim.schedule_id == self.schedule_id,
            ScheduleClaim.due_at == self.due_at,
            ScheduleClaim.epoch == self.epoch,
        )


@dataclass
class Report:
    """What a run did. ``rules`` and ``tiers`` count customers after the run."""

    as_of: date
    customers: int = 0
    gained: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    moved: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    given: int = 0

    def add(self, answer: dict[str, Any]) -> None:
        self.customers += answer["customers"]
        self.gained.update(answer["gained"])
        self.lost.update(answer["lost"])
        self.moved.update(answer["moved"])
        self.asked += answer["asked"]
        self.given += answer["given"]

    def counts(self) -> dict[str, Any]:
        return {
            "customers": self.customers,
            "gained": dict(sorted(self.gained.items())),
            "lost": dict(sorted(self.lost.items())),
            "moved": dict(sorted(self.moved.items())),
            "asked": self.asked,
            "given": self.given,
        }


def evaluate(
    as_of: date,
    *,
    full: bool = True,
    claim: Claim | None = None,
    actor: Actor = SYSTEM,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Evaluate every rule as of a day, for all customers or for those marked as changed.

    :raises TooEarlyError: a later day has been evaluated already.
    """
    last = db.session.scalar(select(func.max(EvaluationRun.as_of)).where(EvaluationRun.ended_at.is_not(None)))
    if last is not None and as_of < last:
        raise TooEarlyError(
            _l("The rules were evaluated as of %(day)s; an earlier day can only be tried out.", day=str(last))
        )
    marks = _marks()
    total = db.session.scalar(select(func.count()).select_from(Customer)) or 0
    changed = sorted(_with_kin({*marks.values(), *pending.due(db.session(), as_of)}))
    full = full or len(changed) > FULL_ABOVE * total or _rules_changed()
    run_id, after = _open_run(as_of, full)
    report = Report(as_of)
    parts: list[tuple[int, int, list[int] | None]] = []
    if full:
        parts += [(low, high, None) for low, high in _ranges(after)]
    again = [one for one in changed if not full or one <= after]  # a run taken up again has passed these already
    parts += [(part[0], part[-1], part) for part in (again[i : i + FEW] for i in range(0, len(again), FEW))]
    for done, (low, high, ids) in enumerate(parts, 1):
        data = ApplyInput(
            as_of=as_of,
            first=low,
            last=high,
            ids=ids,
            claim=None if claim is None else [claim.schedule_id, claim.due_at.isoformat(), claim.epoch],
            run=run_id,
        )
        report.add(perform(Name.APPLY_RULES, data, actor=actor, run_id=run_id))
        if progress:
            progress(done, len(parts))
    _close_run(run_id, report, list(marks), full)
    deliver_waiting(actor, run_id)
    return report


def _marks() -> dict[int, int]:
    """Marks by their number, read before the first statement: later ones stay for the next run."""
    return dict(db.session.execute(select(ChangedCustomer.seq, ChangedCustomer.customer_id)).all())


def _with_kin(customers: set[int]) -> set[int]:
    """These customers, whom they were merged into, and whoever sent any of them: what befell them counts there too."""
    found, fresh = set(customers), set(customers)
    while fresh:
        ids, kin = sorted(fresh), set[int]()
        for start in range(0, len(ids), FEW):
            part = Customer.id.in_(ids[start : start + FEW])
            for pair in db.session.execute(select(Customer.merged_into_id, Customer.referrer_id).where(part)):
                kin.update(one for one in pair if one is not None)
        fresh = kin - found
        found |= fresh
    return found


def _ranges(after: int) -> list[list[int]]:
    """First and last id of each chunk of customers."""
    ids = db.session.scalars(select(Customer.id).where(Customer.id > after).order_by(Customer.id)).all()
    return [[ids[start], ids[min(start + CHUNK, len(ids)) - 1]] for start in range(0, len(ids), CHUNK)]


def _open_run(as_of: date, full: bool) -> tuple[int, int]:
    """A new run, or the full one of this day that was cut short, with the last customer it reached."""
    session = writing()
    cut = select(EvaluationRun).where(
        EvaluationRun.as_of == as_of, EvaluationRun.ended_at.is_(None), EvaluationRun.full
    )
    run = session.scalars(cut.order_by(EvaluationRun.id.desc())).first() if full else None
    if run is None or not _resumable(session, run):
        run = EvaluationRun(as_of=as_of, full=full, started_at=now())
        session.add(run)
        session.flush()
    found = run.id, run.last_customer_id
    session.commit()
    return found


def _resumable(session: Session, run: EvaluationRun) -> bool:
    """Whether those already done need no second look, but for the marked ones: the rules are still the same."""
    fresh = now() - run.started_at < timedelta(hours=6)
    return run.last_customer_id > 0 and fresh and not _activated_since(session, run.id)


def _activated_since(session: Session, run_id: int) -> bool:
    """Whether rules changed while a run lasted: then its first customers do not know them yet."""
    run = session.get_one(EvaluationRun, run_id)
    return session.scalar(select(RuleActivation.id).where(RuleActivation.at >= run.started_at).limit(1)) is not None


def _close_run(run_id: int, report: Report, read: list[int], full: bool) -> None:
    session = writing()
    counts = report.counts()
    if full and not _activated_since(session, run_id):
        _remember_rules(session)
    session.execute(update(EvaluationRun).where(EvaluationRun.id == run_id).values(ended_at=now(), counts=counts))
    for start in range(0, len(read), 500):
        session.execute(delete(ChangedCustomer).where(ChangedCustomer.seq.in_(read[start : start + 500])))
    session.commit()


def _rules_changed() -> bool:
    """Whether some rule has not yet been evaluated for everybody as it is now, or is gone."""
    book, version = rulebook(), versions()
    done = dict(db.session.execute(select(RuleSlot.rule, RuleSlot.rule_version_id)).all())
    return done != {rule.id: version_of(book, version, rule.id) for rule in everything(book)}


def _remember_rules(session: Session) -> None:
    """Everybody has been evaluated by the rules as they are now; those that are gone have let go of their tags."""
    book, version = rulebook(session), versions()
    known = {rule.id: rule for rule in everything(book)}
    for slot in session.scalars(select(RuleSlot)):
        if slot.rule in known:
            slot.rule_version_id, slot.tags = version_of(book, version, slot.rule), tags_of(known[slot.rule])
        else:
            session.delete(slot)
    pending.forget(session, set(known))


def try_out(as_of: date, rule_id: str | None = None) -> dict[str, Any]:
    """How many customers each rule (or the one named) would find as of a day; changes nothing, empty when unknown."""
    book = rulebook()
    conditions = {rule.id: condition_of(rule) for rule in everything(book) if rule_id in (None, rule.id)}
    if not conditions:
        return {}
    found = dict(db.session.execute(counts(Frame(as_of, None, _merges(db.session())), conditions)).mappings().one())
    return {
        "customers": found.pop("customers"),
        "matching": {rule: count or 0 for rule, count in sorted(found.items())},
    }


# --------------------------------------------------------------------------------------------- one chunk


class ApplyInput(Input):
    """A range of customers (or ``ids``) to evaluate as of a day, under a run and perhaps a claim."""

    as_of: date
    first: int
    last: int
    ids: list[int] | None = None
    run: int
    claim: list[int | str] | None = None


@operation(
    Name.APPLY_RULES,
    label=_l("Apply the rules"),
    kind=EntryKind.RUN,
    permitted=the_machine,
    form=False,
)
def apply_rules(op: Operation, data: ApplyInput) -> Answer:
    """Bring tiers, tags, alerts and tasks of a chunk of customers to what the rules say, stratum by stratum."""
    _hold_claim(op, data)
    book, version = rulebook(op.session), versions()
    frame = Frame(data.as_of, _among(data), _merges(op.session))
    report = Report(data.as_of)
    report.moved.update(move_tiers(op, frame, book.tiers, version["tiers"]))
    slots = slots_of(op.session, book)
    for work in _strata(book, slots, version):
        _apply_stratum(op, frame, work, report)
    query = select(func.count()).select_from(Customer).where(_among(data)(table_of(Customer).c.id))
    report.customers = op.session.scalar(query) or 0
    reached = table_of(EvaluationRun).c
    op.session.execute(update(EvaluationRun).where(reached.id == data.run).values(last_customer_id=data.last))
    op.detail = {"as_of": data.as_of.isoformat(), "first": data.first, "last": data.last, **report.counts()}
    return report.counts()


def _among(data: ApplyInput) -> Callable[[ColumnElement[Any]], ColumnElement[bool]]:
    if data.ids is not None:
        ids = data.ids
        return lambda column: column.in_(ids)
    return lambda column: column.between(data.first, data.last)


def _merges(session: Session) -> bool:
    return session.scalar(select(Customer.id).where(Customer.merged_into_id.is_not(None)).limit(1)) is not None


def _hold_claim(op: Operation, data: ApplyInput) -> None:
    """Every write of a scheduled run proves that the claim is still this process's own.

    :raises Refused: another process has taken the run over.
    """
    if data.claim is None:
        return
    schedule, due, epoch = data.claim
    claim = Claim(int(schedule), datetime.fromisoformat(str(due)), int(epoch))
    lease = update(ScheduleClaim).where(claim.own()).values(lease_until=op.at + LEASE)
    if rows_changed(op.session, lease) != 1:
        raise Refused(_l("Another process has taken this run over."), None, "lost_claim")


LEASE = timedelta(minutes=2)


@dataclass(frozen=True)
class Retired:
    """A rule that is no longer in the book: it holds for nobody, and lets go of its tags."""

    id: str
    tags: tuple[str, ...]
    when: Condition = NEVER


AnyRule = Rule | DecisionRow | Retired


def everything(book: Rulebook) -> list[Rule | DecisionRow]:
    """Every rule, the rows of decision tables among them."""
    return [*book.rules(), *book.layer_rules()]


def tags_of(rule: AnyRule) -> list[str]:
    """The tags a rule sets."""
    match rule:
        case Rule():
            return rule.tags()
        case DecisionRow():
            return [rule.tag]
        case Retired():
            return list(rule.tags)


def condition_of(rule: AnyRule) -> Condition:
    condition: Condition = NEVER if isinstance(rule, Rule) and not rule.enabled else rule.when
    return condition


def version_of(book: Rulebook, version: dict[str, int], rule: str) -> int:
    return version[book.document_of(rule)]


def slots_of(session: Session, book: Rulebook) -> dict[str, RuleSlot]:
    """The bit of each rule; new rules get the next free ones.

    :raises Refused: there are more rules than bits.
    """
    known = {slot.rule: slot for slot in session.scalars(select(RuleSlot))}
    free = iter(sorted(set(range(MASKS * MASK_BITS)) - {slot.position for slot in known.values()}))
    for rule in everything(book):
        if rule.id not in known:
            position = next(free, None)
            if position is None:
                raise Refused(_l("There are more rules than this version can hold (248)."))
            known[rule.id] = RuleSlot(rule=rule.id, position=position)
            session.add(known[rule.id])
    session.flush()
    return known


@dataclass(frozen=True)
class _Work:
    """The rules of one stratum with their bits and versions."""

    rules: dict[str, AnyRule]
    slots: dict[str, RuleSlot]
    book: Rulebook
    versions: dict[str, int]

    def version_of(self, rule: str) -> int:
        return version_of(self.book, self.versions, rule)

    def new_rules(self) -> set[str]:
        """Rules that everybody is evaluated by for the first time: their alerts and tasks spare those they find."""
        return {rule for rule in self.rules if self.slots[rule].rule_version_id is None}


def _strata(book: Rulebook, slots: dict[str, RuleSlot], version: dict[str, int]) -> Iterator[_Work]:
    known: dict[str, AnyRule] = {rule.id: rule for rule in everything(book)}
    retired = {name: Retired(name, tuple(slot.tags or ())) for name, slot in slots.items() if name not in known}
    if retired:
        yield _Work(dict(retired), slots, book, version)
    for names in strata(book):
        yield _Work({name: known[name] for name in names}, slots, book, version)


def _apply_stratum(op: Operation, frame: Frame, work: _Work, report: Report) -> None:
    rules = work.rules
    slotted = [Slotted(rule.id, condition_of(rule), work.slots[rule.id].position) for rule in rules.values()]
    more = {name for rule in rules.values() if isinstance(rule, Rule) for name in facts_told(rule)}
    rows = op.session.execute(differing(frame, slotted, sorted(more))).mappings().all()
    found = pending.cross(op, frame, rules, slotted, rows, work.new_rules())
    _write_matches(op, frame, work, found.gained, found.lost)
    _write_states(op, found.moved)
    set_tags(op, {name: tags_of(rule) for name, rule in rules.items()}, found.gained, found.lost)
    asking = [(name, facts) for name, facts in found.gained if not _is_spared(rules[name], found, name, facts)]
    report.asked += ask_staff(op, frame, rules, asking)
    report.given += give(op, frame, work.book, rules, asking, work.versions)
    report.gained.update(rule for rule, _ in found.gained)
    report.lost.update(rule for rule, _ in found.lost)


def _is_spared(rule: AnyRule, found: pending.Crossed, name: str, facts: dict[str, Any]) -> bool:
    """Whether the rule found her at its first evaluation, and only tags those it finds then."""
    everyone = isinstance(rule, Rule) and rule.existing_customers == "all"
    return not everyone and (name, facts["customer_id"]) in found.spared


def facts_told(rule: Rule) -> set[str]:
    """The facts that a rule's texts and occasions speak of."""
    texts = [asked.text for effect in rule.then if (asked := effect.alert or effect.task) is not None]
    texts += [text for effect in rule.then if effect.message for text in effect.message.all_values()]
    occasions = {NEEDED[given.once_per] for e in rule.then if (given := e.given) and given.once_per in NEEDED}
    return occasions | {name for text in texts for name in places_in(text)}


def _write_matches(op: Operation, frame: Frame, work: _Work, gained: list[Any], lost: list[Any]) -> None:
    rules = work.rules
    for rule_id, facts in lost:
        why_not = interpreter.evidence(rules[rule_id].when, facts)
        ended = (RuleMatch.rule == rule_id, RuleMatch.customer_id == facts["customer_id"], RuleMatch.until.is_(None))
        op.session.execute(update(RuleMatch).where(*ended).values(until=frame.as_of, why_not={"because": why_not}))
    fresh = [
        {
            "rule": rule_id,
            "customer_id": facts["customer_id"],
            "since": frame.as_of,
            "why": {"because": interpreter.evidence(rules[rule_id].when, facts)},
            "rule_version_id": work.version_of(rule_id),
        }
        for rule_id, facts in gained
    ]
    if fresh:
        op.session.execute(insert(RuleMatch), fresh)


def _write_states(op: Operation, moved: dict[int, dict[int, int]]) -> None:
    """Add what moved to the bits of each customer; those of other strata stay."""
    ids, known = sorted(moved), set[int]()
    for start in range(0, len(ids), FEW):
        part = RuleState.customer_id.in_(ids[start : start + FEW])
        known.update(op.session.scalars(select(RuleState.customer_id).where(part)))
    if missing := [{"customer_id": customer} for customer in ids if customer not in known]:
        op.session.execute(insert(RuleState), missing)
    table = table_of(RuleState)
    for customer, masks in moved.items():
        values = {table.c[f"mask_{mask}"]: table.c[f"mask_{mask}"] + change for mask, change in masks.items()}
        op.session.execute(update(table).where(table.c.customer_id == customer).values(values))
