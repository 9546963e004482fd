"""Running the rules. A run looks at whoever may stand otherwise than stored, without locking anything, and settles her
by operations of few customers each, whole or not at all. A run that was cut short goes on where it stopped.

To look at are those whom a change has marked and those whom time took across an edge; everybody, when rules changed,
when that is nearly everybody anyhow, or when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from admin_app import pending, run_set
from admin_app.applying import (
    ApplyInput,
    Claim,
    Report,
    condition_of,
    everything,
    retired,
    slots_of,
    slotted,
    tags_of,
    version_of,
)
from admin_app.frames import frame_of
from admin_app.operations.giving import deliver_waiting
from admin_app.operations.kernel import now, perform
from admin_app.operations.refusals import Refused
from admin_app.rulebook import rulebook, versions
from models.actor import SYSTEM, Actor
from models.clock import EvaluationRun
from models.customers import Customer
from models.entity import EVERYBODY, db, writing
from models.names import Name
from models.rulebook import ChangedCustomer, RuleActivation, RulePending, RuleSlot
from rules.book import Rulebook
from rules.evaluation.crossing import Passed, crossed
from rules.evaluation.statement import Slotted, counts, standing, unsettled

CHUNK = 500
"""Customers settled by one operation; a till waits for no more."""

LOOK = 20_000
"""Customers looked at by one statement."""

FULL_ABOVE = 0.3
"""Above this share of customers to look at, looking at all of them is cheaper."""

LONG = timedelta(days=31)
"""After so long without a run nearly everybody has crossed some edge."""


class TooEarlyError(Refused):
    """The day asked for lies before the last one that was evaluated."""


def evaluate(
    as_of: date,
    *,
    full: bool = True,
    claim: Claim | None = None,
    actor: Actor = SYSTEM,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Bring every customer to what the rules say as of a day, by looking at all or at those who may have moved.

    :raises TooEarlyError: a later day has been evaluated already.
    """
    last = db.session.scalar(select(func.max(EvaluationRun.as_of)).where(EvaluationRun.ended_at.is_not(None)))
    if last is not None and as_of < last:
        raise TooEarlyError(
            _l("The rules were evaluated as of %(day)s; an earlier day can only be tried out.", day=str(last))
        )
    marks = _marks()
    touched = None if full or EVERYBODY in marks.values() else _touched(as_of, set(marks.values()))
    run = _open_run(as_of, full=touched is None, anew=EVERYBODY in marks.values())
    report = Report(as_of)
    if touched is None:
        report.customers = _look(run, progress)
        _settle(run, report, claim, actor, progress)
        touched = {one for one in marks.values() if one <= run.last_customer_id}  # of a run that is taken up again
    run_set.put(run.id, touched)
    run_set.put_kin(run.id)
    report.customers += _settle(run, report, claim, actor, progress)
    _close_run(run, report, list(marks))
    deliver_waiting(actor, run.id)
    return report


def _marks() -> dict[int, int]:
    """Marks by their number, read before the first statement: later ones stay for the next run."""
    return dict(db.session.execute(select(ChangedCustomer.seq, ChangedCustomer.customer_id)).all())


# ------------------------------------------------------------------------------------------ whom to look at


def _touched(as_of: date, marked: set[int]) -> set[int] | None:
    """Who has changed, who crossed an edge since the last run, and for whom something that waited is due.

    None for everybody.
    """
    whole = (EvaluationRun.whole, EvaluationRun.ended_at.is_not(None))
    since = db.session.scalar(select(func.max(EvaluationRun.as_of)).where(*whole))
    if since is None or as_of - since > LONG or _rules_changed():
        return None
    queries = _crossing(rulebook(), since, as_of)
    if queries is None:
        return None
    found = marked | set(pending.due(db.session(), as_of))
    for query in queries:
        found.update(one for one in db.session.scalars(query) if one is not None)
    total = db.session.scalar(select(func.count()).select_from(Customer)) or 0
    return None if len(found) > FULL_ABOVE * total else found


def _crossing(book: Rulebook, since: date, as_of: date) -> list[Any] | None:
    if since == as_of:
        return []
    asked = [condition_of(rule) for rule in everything(book)]
    asked += [tier.enter for tier in book.tiers.tiers if tier.enter is not None]
    return crossed(Passed(since, as_of), frame_of(db.session(), as_of).merges, asked)


def _look(run: EvaluationRun, progress: Callable[[int, int], None] | None) -> int:
    """Stage whoever does not stand as the rules say, range by range; how many were looked at."""
    book, bits = rulebook(), _bits()
    ids = db.session.scalars(select(Customer.id).where(Customer.id > run.last_customer_id).order_by(Customer.id)).all()
    spans = list(run_set.spans(ids, LOOK))
    for done, (low, high) in enumerate(spans, 1):
        frame = frame_of(db.session(), run.as_of, lambda column: column.between(low, high))  # noqa: B023 - used at once
        waiting = select(RulePending.customer_id).where(RulePending.customer_id.between(low, high))
        found = {row.customer_id for row in db.session.execute(standing(frame, book.tiers))}
        found |= {*db.session.scalars(unsettled(frame, bits)), *db.session.scalars(waiting)}
        run_set.put(run.id, found, high)
        if progress:
            progress(done, 2 * len(spans))
    return len(ids)


def _bits() -> list[Slotted]:
    """Every rule with its bit, those that are gone among them."""
    book = rulebook()
    slots = {slot.rule: slot for slot in db.session.scalars(select(RuleSlot))}
    known = [rule for rule in everything(book) if rule.id in slots]
    return slotted([*known, *retired(book, slots)], slots)


def self_check(as_of: date, *, claim: Claim | None = None, actor: Actor = SYSTEM) -> dict[str, int]:
    """Look at everybody and count who stands otherwise than the rules say, though no change, no edge and no waiting
    explains it: there should be nobody. Whoever is found is settled.
    """
    evaluate(as_of, full=False, claim=claim, actor=actor)
    marked = select(ChangedCustomer.customer_id).union(select(RulePending.customer_id))
    ids, bits = db.session.scalars(select(Customer.id).order_by(Customer.id)).all(), _bits()
    drifted = 0
    for low, high in run_set.spans(ids, LOOK):
        frame = frame_of(db.session(), as_of, lambda column: column.between(low, high))  # noqa: B023 - used at once
        found = set(db.session.scalars(unsettled(frame, bits)))
        drifted += len(found - set(db.session.scalars(marked)))
    if drifted:
        evaluate(as_of, claim=claim, actor=actor)
    return {"customers": len(ids), "drifted": drifted}


# ------------------------------------------------------------------------------------------------- settling


def _settle(
    run: EvaluationRun,
    report: Report,
    claim: Claim | None,
    actor: Actor,
    progress: Callable[[int, int], None] | None,
) -> int:
    """Settle whoever is staged; how many, of a run that has not looked at all."""
    settled = 0
    held = None if claim is None else [claim.schedule_id, claim.due_at.isoformat(), claim.epoch]
    parts = run_set.parts(run.id, CHUNK)
    for done, (low, high) in enumerate(parts, 1):
        data = ApplyInput(as_of=run.as_of, first=low, last=high, claim=held, run=run.id)
        answer = perform(Name.APPLY_RULES, data, actor=actor, run_id=run.id)
        report.add(answer)
        settled += answer["customers"]
        if progress:
            progress(done + len(parts) * run.full, len(parts) * (1 + run.full))
    return 0 if run.full else settled


# ------------------------------------------------------------------------------------------------- the run


def _open_run(as_of: date, *, full: bool, anew: bool) -> EvaluationRun:
    """A new run, or the full one of this day that was cut short; as it stands, of no session."""
    session = writing()
    cut = select(EvaluationRun).where(
        EvaluationRun.as_of == as_of, EvaluationRun.ended_at.is_(None), EvaluationRun.full
    )
    run = session.scalars(cut.order_by(EvaluationRun.id.desc())).first() if full and not anew else None
    if run is None or not _resumable(session, run):
        run = EvaluationRun(as_of=as_of, full=full, started_at=now())
        session.add(run)
    slots_of(session, rulebook(session))
    session.flush()
    fresh = or_(EvaluationRun.id == run.id, EvaluationRun.started_at > now() - FRESH)
    alive = select(EvaluationRun.id).where(EvaluationRun.ended_at.is_(None), fresh)
    run_set.sweep(session, session.scalars(alive).all())
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


def _close_run(run: EvaluationRun, report: Report, read: list[int]) -> None:
    session = writing()
    if run.full and not _activated_since(session, run):
        _remember_rules(session)
    values = {"ended_at": now(), "whole": True, "counts": report.counts()}
    session.execute(update(EvaluationRun).where(EvaluationRun.id == run.id).values(**values))
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
    found = dict(db.session.execute(counts(frame_of(db.session(), as_of), conditions)).mappings().one())
    return {
        "customers": found.pop("customers"),
        "matching": {rule: count or 0 for rule, count in sorted(found.items())},
    }
