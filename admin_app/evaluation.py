"""Running the rules. A run looks at whoever may stand otherwise than stored, without locking anything, and settles her
by operations of few customers each, whole or not at all. A run that was cut short goes on where it stopped.

To look at are those whom a change has marked and those whom time took across an edge; everybody, when rules changed,
when that is nearly everybody anyhow, or when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from admin_app import pending, run_set, stored_facts
from admin_app.applying import (
    ApplyInput,
    Claim,
    Report,
    condition_of,
    everything,
    holders,
    make_ready,
    retagged,
    retired,
    slots_of,
    slotted,
    tags_of,
    version_of,
)
from admin_app.asking import Apart, Asking, apart, asked_always, heard_by, with_hours
from admin_app.frames import Look, frame_of, look_of
from admin_app.kin import with_kin
from admin_app.operations.giving import deliver_waiting
from admin_app.operations.kernel import now, perform
from admin_app.operations.patience import patient
from admin_app.rulebook import refresh, rulebook, versions
from admin_app.watching import watch
from models.actor import SYSTEM, Actor
from models.clock import EvaluationRun
from models.connection import give_way, keeps_others_waiting, lock_facts, lock_rules
from models.customers import Customer
from models.entity import EVERYBODY, AnySelect, db, table_of, writing
from models.names import Name
from models.rulebook import MASK_BITS, ChangedCustomer, RuleActivation, RuleMatch, RulePending, RuleSlot, RuleState
from rules.book import Rulebook
from rules.documents.rules import Rule
from rules.evaluation.crossing import Passed, crossed
from rules.evaluation.dialect import Among, Some, listed, ranged
from rules.evaluation.sources import facts_of
from rules.evaluation.statement import Slotted, counts, facts_in, standing, unsettled
from rules.order import DecisionRow

CHUNK = {"sqlite": 50, "postgresql": 500}
"""Customers settled by one operation. On SQLite a till waits for it."""

STRIDE = 500
"""Customers whose facts are kept by one write."""

LOOK = 20_000
"""Customers looked at by one statement."""

FULL_ABOVE = 0.3
"""Above this share of customers to look at, looking at all of them is cheaper."""

LONG = timedelta(days=31)
"""After so long without a run nearly everybody has crossed some edge."""


def evaluate(
    as_of: date,
    *,
    full: bool = True,
    claim: Claim | None = None,
    actor: Actor = SYSTEM,
    progress: Callable[[int, int], None] | None = None,
    at: datetime | None = None,
) -> Report:
    """Bring every customer to what the rules say as of a day, by looking at all or at those who may have moved.

    Rules with hours of their own are asked if it is their hour ``at`` this moment; all of them, where none is given.

    :raises TooEarlyError: a later day has been evaluated already.
    """
    run_set.ensure_not_past(db.session(), as_of)
    refresh()
    newest = _newest_activation()
    marks, known, since = _Marks.read_all(), _keep_room(), run_set.settled_on(db.session())
    aside = apart(db.session(), rulebook(), at or now(), marks.by_table, everything=at is None)
    anew = full or not known or EVERYBODY in marks.customers
    moved = None if anew or since is None else _moved(since, as_of, marks.customers)
    run = _open_run(as_of, full=moved is None or _rules_changed(), anew=EVERYBODY in marks.customers)
    report = Report(as_of)
    passed_by = {one for one in marks.customers if EVERYBODY < one <= run.last_customer_id}  # of a run taken up again
    run_set.put(run.id, with_kin(db.session(), passed_by if moved is None else moved))
    judging = _judging()
    report.customers = _look_at_staged(run, judging)
    if run.full:
        report.customers = _look_at_all(run, judging, progress, anew=moved is None)
    run_set.put(run.id, pending.due(db.session(), run.id, as_of, judging.rules()))
    _settle(run, report, claim, actor, progress)
    for asking in aside.asking:
        _ask(run, asking, report, claim, actor)
    _close_run(run, report, marks, newest, aside, filled=moved is None and not known)
    deliver_waiting(actor, run.id)
    watch(as_of, run.full or since != as_of, actor, run.id)
    return report


class _Marks(NamedTuple):
    """Marks as they are before the first statement: their numbers, and whom they name. Later ones stay for the next."""

    read: list[int]
    customers: set[int]
    by_table: dict[str | None, set[int]]

    @classmethod
    def read_all(cls) -> _Marks:
        found = cls([], set(), {})
        rows = select(ChangedCustomer.seq, ChangedCustomer.customer_id, ChangedCustomer.source)
        for seq, customer, source in db.session.execute(rows):
            found.read.append(seq)
            found.customers.add(customer)
            found.by_table.setdefault(source, set()).add(customer)
        return found


@patient
def _keep_room() -> bool:
    """Make room for the facts that the rules ask for; whether all of them have been kept for everybody."""
    session = writing()
    lock_facts(session.connection())
    known = stored_facts.claim(session, rulebook(session))
    session.commit()
    return known


# ------------------------------------------------------------------------------------------ whom to look at


def _moved(since: date, as_of: date, marked: set[int]) -> set[int] | None:
    """Who has changed and who crossed an edge since a day; None for everybody."""
    if as_of - since > LONG:
        return None
    queries = _crossing(rulebook(), since, as_of)
    if queries is None:
        return None
    found = set(marked)
    for query in queries:
        found.update(one for one in db.session.scalars(query) if one is not None)
    counted = select(Customer.id).limit(int(len(found) / FULL_ABOVE) + 1).subquery()  # no further than it matters
    total = db.session.scalar(select(func.count()).select_from(counted)) or 0
    return None if len(found) > FULL_ABOVE * total else found


def _crossing(book: Rulebook, since: date, as_of: date) -> list[Any] | None:
    if since == as_of:
        return []
    return crossed(Passed.between(since, frame_of(db.session(), as_of)), book.conditions(), book.tiers.notice)


def _look_at_staged(run: EvaluationRun, judging: _Judging) -> int:
    """Keep the facts of whoever is staged anew, and let go of those who stand as the rules say; how many there were."""
    staged = run_set.staged(db.session(), run.id)
    for start in range(0, len(staged), STRIDE):
        part = staged[start : start + STRIDE]
        stored_facts.refresh(run.as_of, listed(part))
        run_set.keep(run.id, part, _unsettled(run.as_of, listed(part), judging, ready=True))
    return len(staged)


def _look_at_all(
    run: EvaluationRun, judging: _Judging, progress: Callable[[int, int], None] | None, *, anew: bool
) -> int:
    """Stage whoever does not stand as the rules say, range by range, the facts kept ``anew``; how many there are."""
    size = STRIDE if anew else LOOK
    ids = db.session.scalars(select(Customer.id).where(Customer.id > run.last_customer_id).order_by(Customer.id)).all()
    spans = list(run_set.spans(ids, size))
    for done, (low, high) in enumerate(spans, 1):
        here = ranged(low, high)
        if anew:
            stored_facts.refresh(run.as_of, here)
        run_set.put(run.id, _unsettled(run.as_of, here, judging, ready=anew), high)
        if progress:
            progress(done, 2 * len(spans))
    return len(ids)


def _unsettled(as_of: date, here: Some, judging: _Judging, *, ready: bool) -> set[int]:
    """Who of these stands otherwise than the rules say by the facts kept, and does not wait for just that."""
    session = db.session()
    where = tuple(stored_facts.columns(session, filled=not ready).items())
    look = look_of(session, as_of, here.among)._replace(book=judging.book)
    asked = _asking_whom(judging, look, here.among, where)
    found = {customer for statement in asked.whole for customer in session.scalars(statement, here.values)}
    off, masks = dict[int, int](), judging.masks()
    for customer, *bits in session.execute(asked.off, here.values):
        pairs = zip(masks, bits[::2], bits[1::2], strict=True)
        off[customer] = sum((stored ^ fresh) << (MASK_BITS * mask) for mask, stored, fresh in pairs)
    waits: dict[int, int] = {}
    position = {rule.id: rule.position for rule in judging.bits}
    for customer, rule in session.execute(asked.waits, here.values):
        waits[customer] = waits.get(customer, 0) | 1 << position[rule]
    return found | {who for who in off.keys() | waits.keys() if off.get(who, 0) != waits.get(who, 0)}


class _AskingWhom(NamedTuple):
    """Statements: the bits in which customers are off; the rules for which they wait; who is to be settled anyhow."""

    off: AnySelect
    waits: AnySelect
    whole: tuple[AnySelect, ...]


@lru_cache(maxsize=8)
def _asking_whom(judging: _Judging, look: Look, of: Among, where: stored_facts.Columns) -> _AskingWhom:
    """What is asked for that; made once for a judging and a look."""
    book = judging.book
    facts = stored_facts.told_from(look.frame(), facts_in(book.conditions()), dict(where))
    hers, waiting = of(RulePending.customer_id), select(RulePending.customer_id)
    retagged = holders(judging.retagged).with_only_columns(RuleMatch.customer_id)
    whole = [standing(facts, of, look.as_of, book.tiers).with_only_columns(facts.c.customer_id)]
    whole += [waiting.where(hers, RulePending.rule.in_(judging.anew))] if judging.anew else []
    whole += [retagged.where(of(RuleMatch.customer_id))] if judging.retagged else []
    waits = waiting.add_columns(RulePending.rule).where(hers, RulePending.rule.in_(judging.same))
    return _AskingWhom(unsettled(facts, of, judging.bits), waits, tuple(whole))


class _Judging(NamedTuple):
    """The book as it was when a run began to look, the rules asked with their bits, those gone among them, whose tags
    are others now, and which rules are the ``same`` as when everybody was last asked; the others are asked ``anew``.
    """

    book: Rulebook
    bits: tuple[Slotted, ...]
    retagged: tuple[str, ...]
    same: tuple[str, ...]
    anew: tuple[str, ...]

    def masks(self) -> list[int]:
        """The masks that the rules' bits are in."""
        return sorted({rule.mask for rule in self.bits})

    def rules(self) -> list[Rule]:
        """The rules asked, decision tables apart."""
        asked = {rule.id for rule in self.bits}
        return [rule for rule in self.book.rules() if rule.id in asked]


def _judging(only: frozenset[str] | None = None) -> _Judging:
    """The rules without hours of their own, or those named."""
    book, version = rulebook(), versions()
    slots = {slot.rule: slot for slot in db.session.scalars(select(RuleSlot))}
    names = asked_always(book, slots) if only is None else only
    known = [rule for rule in everything(book) if rule.id in slots and rule.id in names]
    gone = retired(book, slots) if only is None else []
    same = [rule.id for rule in known if slots[rule.id].rule_version_id == _judged_by(book, version, rule)]
    anew = [rule.id for rule in known if rule.id not in same]
    bits = slotted([*known, *gone], slots)
    return _Judging(book, tuple(bits), tuple(retagged(known, slots)), tuple(same), tuple(anew))


def _ask(run: EvaluationRun, asking: Asking, report: Report, claim: Claim | None, actor: Actor) -> None:
    """Settle whoever stands otherwise than rules with hours of their own say, by the facts as they are kept now."""
    judging = _judging(asking.rules)
    if asking.customers is None:
        ids = db.session.scalars(select(Customer.id).order_by(Customer.id)).all()
        places = [ranged(low, high) for low, high in run_set.spans(ids, LOOK)]
    else:
        ids = sorted(with_kin(db.session(), asking.customers))
        places = [listed(ids[start : start + LOOK]) for start in range(0, len(ids), LOOK)]
    for here in places:
        run_set.put(run.id, _unsettled(run.as_of, here, judging, ready=False))
    for hers in [None] if asking.customers is None else places:
        run_set.put(run.id, pending.due(db.session(), run.id, run.as_of, judging.rules(), hers))
    _settle(run, report, claim, actor, rules=heard_by(judging.book, asking.rules))


def self_check(as_of: date, *, claim: Claim | None = None, actor: Actor = SYSTEM) -> dict[str, int]:
    """Look at everybody and count who stands otherwise than the rules say, though no change, no edge and no waiting
    explains it: there should be nobody. Whoever is found is settled.
    """
    evaluate(as_of, full=False, claim=claim, actor=actor, at=now())
    ids, bits = db.session.scalars(select(Customer.id).order_by(Customer.id)).all(), _judging().bits
    explained, drifted = _explained(), 0
    for low, high in run_set.spans(ids, LOOK):
        here = ranged(low, high)
        frame = frame_of(db.session(), as_of, here.among)
        asked = unsettled(facts_of(frame, facts_in(rule.when for rule in bits)), here.among, bits)
        found = set(db.session.scalars(asked, here.values))
        explained |= _explained()
        drifted += 0 if EVERYBODY in explained else len(found - explained)
    if drifted:
        evaluate(as_of, claim=claim, actor=actor, at=now())
    return {"customers": len(ids), "drifted": drifted}


def _explained() -> set[int]:
    """Who may stand otherwise than the rules say: the marked, and those who wait."""
    return set(db.session.scalars(select(ChangedCustomer.customer_id).union(select(RulePending.customer_id))))


# ------------------------------------------------------------------------------------------------- settling


def _settle(
    run: EvaluationRun,
    report: Report,
    claim: Claim | None,
    actor: Actor,
    progress: Callable[[int, int], None] | None = None,
    rules: list[str] | None = None,
) -> None:
    """Settle whoever is staged, by some rules or by those without hours of their own."""
    held = None if claim is None else [claim.schedule_id, claim.due_at.isoformat(), claim.epoch]
    parts = list(run_set.spans(run_set.staged(db.session(), run.id), CHUNK[db.engine.dialect.name]))
    if parts and keeps_others_waiting(db.engine):
        make_ready(db.session(), run.as_of, rules)
    for done, (low, high) in enumerate(parts, 1):
        data = ApplyInput(as_of=run.as_of, first=low, last=high, claim=held, run=run.id, rules=rules)
        report.add(perform(Name.APPLY_RULES, data, actor=actor, run_id=run.id))
        give_way(db.engine)
        if progress:
            progress(done + len(parts) * run.full, len(parts) * (1 + run.full))


# ------------------------------------------------------------------------------------------------- the run


@patient
def _open_run(as_of: date, *, full: bool, anew: bool) -> EvaluationRun:
    """A new run, or the full one of this day that was cut short; as it stands, of no session."""
    session = writing()
    lock_rules(session.connection())
    cut = select(EvaluationRun).where(
        EvaluationRun.as_of == as_of, EvaluationRun.ended_at.is_(None), EvaluationRun.full
    )
    run = session.scalars(cut.order_by(EvaluationRun.id.desc())).first() if full and not anew else None
    if run is None or not _resumable(session, run):
        run = EvaluationRun(as_of=as_of, full=full, started_at=now())
        session.add(run)
    slots_of(session, rulebook(session))
    session.flush()
    alive = or_(EvaluationRun.id == run.id, EvaluationRun.started_at > now() - FRESH)
    run_set.sweep(session, alive)
    session.refresh(run)
    session.expunge(run)
    session.commit()
    return run


FRESH = timedelta(hours=6)
"""How long a run that was cut short can be taken up again."""


def _resumable(session: Session, run: EvaluationRun) -> bool:
    """Whether those already looked at need no second look, but for the marked ones: the rules are still the same."""
    fresh = now() - run.started_at < FRESH
    return run.last_customer_id > 0 and fresh and not _activated_since(session, run)


def _activated_since(session: Session, run: EvaluationRun) -> bool:
    """Whether rules changed while a run lasted: then its first customers do not know them yet."""
    return session.scalar(select(RuleActivation.id).where(RuleActivation.at >= run.started_at).limit(1)) is not None


def _newest_activation() -> int | None:
    return db.session.scalar(select(func.max(RuleActivation.id)))


@patient
def _close_run(
    run: EvaluationRun, report: Report, marks: _Marks, newest: int | None, aside: Apart, *, filled: bool
) -> None:
    session = writing()
    asked = {name for asking in aside.asking if asking.customers is None for name in asking.rules}
    if heard := asked | aside.left_out:
        session.execute(update(RuleSlot).where(RuleSlot.rule.in_(heard)).values(asked_at=aside.at))
    if newest == _newest_activation() and not _activated_since(session, run):
        _remember(session, asked)
        if run.full:
            book = rulebook(session)
            _remember(session, asked_always(book, (rule.id for rule in everything(book))))
            _let_go_of_gone(session, run.as_of)
        if run.full and filled:
            stored_facts.all_filled(session)
    values = {"ended_at": now(), "whole": True, "counts": report.counts()}
    session.execute(update(EvaluationRun).where(EvaluationRun.id == run.id).values(**values))
    for start in range(0, len(marks.read), 500):
        session.execute(delete(ChangedCustomer).where(ChangedCustomer.seq.in_(marks.read[start : start + 500])))
    session.commit()


def _rules_changed() -> bool:
    """Whether some rule has not yet been evaluated for everybody as it is now, or is gone; one with hours can wait."""
    book, version = rulebook(), versions()
    timed = with_hours(book)
    slots = db.session.execute(select(RuleSlot.rule, RuleSlot.rule_version_id)).all()
    done = {name: by for name, by in slots if name not in timed and not book.is_aside(name)}
    due = {rule.id: _judged_by(book, version, rule) for rule in everything(book) if rule.id not in timed}
    return done != due


def _judged_by(book: Rulebook, version: dict[str, int], rule: Rule | DecisionRow) -> int | None:
    """The version by which everybody is judged; a rule that is switched off has not been tried on anybody yet."""
    switched_off = isinstance(rule, Rule) and not rule.enabled
    return None if switched_off else version_of(book, version, rule.id)


def _remember(session: Session, names: Iterable[str]) -> None:
    """Everybody has been evaluated by these rules as they are now."""
    book, version = rulebook(session), versions()
    known = {rule.id: rule for rule in everything(book)}
    for slot in session.scalars(select(RuleSlot).where(RuleSlot.rule.in_(names))):
        rule = known[slot.rule]
        slot.rule_version_id, slot.tags = _judged_by(book, version, rule), tags_of(rule)


def _let_go_of_gone(session: Session, as_of: date) -> None:
    """Rules that are gone have let go of their tags; now their bits are free."""
    book = rulebook(session)
    slots = {slot.rule: slot for slot in session.scalars(select(RuleSlot))}
    for gone in retired(book, slots):
        _let_go(session, slots.pop(gone.id), as_of)
    pending.forget(session, set(slots))


def _let_go(session: Session, slot: RuleSlot, as_of: date) -> None:
    """A bit that another rule may get is nobody's, not even that of who is archived."""
    mask = table_of(RuleState).c[f"mask_{slot.position // MASK_BITS}"]
    bit = 1 << (slot.position % MASK_BITS)
    session.execute(update(RuleState).where(mask.bitwise_and(bit) != 0).values({mask: mask - bit}))
    held = (RuleMatch.rule == slot.rule, RuleMatch.until.is_(None))
    session.execute(update(RuleMatch).where(*held).values(until=as_of))
    session.delete(slot)


def try_out(as_of: date, rule_id: str | None = None) -> dict[str, Any]:
    """How many customers each rule (or the one named) would find as of a day; changes nothing, empty when unknown."""
    book = rulebook()
    conditions = {rule.id: condition_of(rule) for rule in everything(book) if rule_id in (None, rule.id)}
    if not conditions:
        return {}
    facts = facts_of(frame_of(db.session(), as_of), facts_in(conditions.values()))
    found = dict(db.session.execute(counts(facts, conditions)).mappings().one())
    return {
        "customers": found.pop("customers"),
        "matching": {rule: count or 0 for rule, count in sorted(found.items())},
    }
