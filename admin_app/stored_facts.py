"""The facts kept of everybody: which, made anew for whom a change or time has moved, and told to whoever asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Delete, FromClause, Insert, delete, select, update
from sqlalchemy.orm import Session

from admin_app.frames import are_merged, frame_by, frame_of
from admin_app.kin import with_kin
from admin_app.operations.patience import patient
from admin_app.rulebook import rulebook
from admin_app.run_set import ensure_not_past, settled_on
from models.connection import lock_facts
from models.entity import EVERYBODY, table_of, writing
from models.rulebook import ChangedCustomer, CustomerFact, FactSlot
from rules.book import Rulebook
from rules.evaluation.dialect import Among, Some, among
from rules.evaluation.frame import Frame
from rules.evaluation.sources import facts_of
from rules.evaluation.statement import facts_in
from rules.evaluation.stored import filling, kept_for, room_for, stored_facts_of
from rules.language.facts import Fact

Columns = tuple[tuple[str, str], ...]
"""Facts, and where each is kept."""

FEW = 500
"""Changed customers whose facts are worked out anew beside the kept ones; where there are more, all are."""


def claim(session: Session, book: Rulebook) -> bool:
    """Give each fact that the rules ask for a column, while there is room; whether all of them are kept already."""
    slots = {slot.fact: slot for slot in session.scalars(select(FactSlot))}
    wanted = {fact.name: fact for fact in kept_for(facts_in(book.conditions()))}
    for name in slots.keys() - wanted.keys():
        session.delete(slots.pop(name))
    session.flush()
    taken = {slot.kept_in for slot in slots.values()}
    for name in sorted(wanted.keys() - slots.keys()):
        free = next((column for column in room_for(wanted[name]) if column not in taken), None)
        if free is not None:
            slots[name] = FactSlot(fact=name, kept_in=free, filled=False)
            session.add(slots[name])
            taken.add(free)
    session.flush()
    return all(slot.filled for slot in slots.values())


def columns(session: Session, *, filled: bool) -> dict[str, str]:
    """Where each fact is kept; ``filled``: of those only that are kept of everybody."""
    query = select(FactSlot.fact, FactSlot.kept_in)
    return dict(session.execute(query.where(FactSlot.filled) if filled else query).all())


def all_filled(session: Session) -> None:
    """Every customer's facts have been kept."""
    session.execute(update(FactSlot).values(filled=True))


@patient
def refresh(as_of: date, some: Some) -> None:
    """Keep the facts of some customers anew.

    :raises TooEarlyError: another run has settled a later day meanwhile.
    """
    session = writing()
    lock_facts(session.connection())
    ensure_not_past(session, as_of)
    where = tuple(columns(session, filled=False).items())
    for statement in _keeping(rulebook(session), as_of, are_merged(session), some.among, where):
        session.execute(statement, some.values)
    session.commit()


@lru_cache(maxsize=8)
def _keeping(book: Rulebook, as_of: date, merges: bool, of: Among, where: Columns) -> tuple[Delete, Insert]:
    """How facts are kept anew; made once for a book and a day, since that takes as long as executing it for a few."""
    frame, table = frame_by(book, as_of, merges, of), table_of(CustomerFact)
    return delete(table).where(of(table.c.customer_id)), filling(frame, dict(where))


def facts_at(
    session: Session, as_of: date, facts: Sequence[Fact], of: Among | None = None, *, ready: bool = False
) -> FromClause:
    """Facts of customers as of a day: as they are kept where all of them are, else worked out.

    Who has changed since they were kept is not told anew: see ``facts_today``. ``ready`` says that those asked for have
    just been kept, whether or not all others have.
    """
    return told_from(frame_of(session, as_of, of), facts, columns(session, filled=not ready))


def told_from(frame: Frame, facts: Sequence[Fact], kept: Mapping[str, str]) -> FromClause:
    """Facts from where they are kept, if all of them are; else worked out."""
    if kept and all(fact.name in kept for fact in kept_for(facts)):
        return stored_facts_of(frame, facts, kept)
    return facts_of(frame, facts)


def facts_today(session: Session, as_of: date, facts: Sequence[Fact]) -> FromClause:
    """Everybody's facts exactly as they are now: kept, but for those who have changed since."""
    changed = _changed(session, as_of)
    if changed is None:
        return facts_of(frame_of(session, as_of), facts)
    if not changed:
        return facts_at(session, as_of, facts)
    rest = facts_at(session, as_of, facts, lambda column: ~among(changed)(column))
    anew = facts_of(frame_of(session, as_of, among(changed)), facts)
    same = [anew.c[column.name] for column in rest.columns]  # a union goes by the places of columns, not by their names
    return select(rest).union_all(select(*same)).subquery("facts")


def hers_today(session: Session, as_of: date, facts: Sequence[Fact], customer_id: int) -> FromClause:
    """One customer's facts exactly as they are now."""
    changed = _changed(session, as_of)

    def her(column: Any) -> ColumnElement[bool]:
        return column == customer_id  # type: ignore[no-any-return]

    if changed is None or customer_id in changed:
        return facts_of(frame_of(session, as_of, her), facts)
    return facts_at(session, as_of, facts, her)


def _changed(session: Session, as_of: date) -> list[int] | None:
    """Whose facts may be others than the kept ones; None for everybody."""
    marks = set(session.scalars(select(ChangedCustomer.customer_id).distinct().limit(FEW + 1)))
    if settled_on(session) != as_of or EVERYBODY in marks or len(marks) > FEW:
        return None
    return sorted(with_kin(session, marks))
