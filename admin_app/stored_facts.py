"""The facts kept of everybody: which, made anew for whom a change or time has moved, and told to whoever asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Delete, FromClause, Insert, delete, select, update
from sqlalchemy.orm import Session

from admin_app.frames import Look, frame_of, look_of
from admin_app.kin import with_kin
from admin_app.operations.patience import patient
from admin_app.run_set import ensure_not_past, settled_on
from models.connection import count_facts_kept, facts_kept, insert_by_driver, keeps_others_waiting, lock_facts
from models.entity import EVERYBODY, AnySelect, db, table_of, writing
from models.rulebook import ChangedCustomer, CustomerFact, FactSlot
from rules.book import Rulebook
from rules.evaluation.dialect import Among, Some, among
from rules.evaluation.frame import Frame
from rules.evaluation.sources import facts_of
from rules.evaluation.statement import facts_in
from rules.evaluation.stored import filling, kept_for, room_for, rows_of, stored_facts_of
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

    Where whoever writes is alone (SQLite), they are worked out before the write, so that no till waits for it, and once
    more within it only if others have been kept meanwhile. Who changes after they were worked out has left a mark.

    :raises TooEarlyError: another run has settled a later day meanwhile.
    """
    ahead = _Ahead.read(as_of, some)
    session = writing()
    connection = session.connection()
    lock_facts(connection)
    ensure_not_past(session, as_of)
    keeping = _keeping_now(session, as_of, some.among)
    session.execute(keeping.away, some.values)
    if ahead is None or not ahead.is_last(connection, keeping):
        session.execute(keeping.anew, some.values)
    else:
        names = keeping.told.selected_columns.keys()
        insert_by_driver(connection, table_of(CustomerFact).name, names, ahead.rows)
    if ahead is not None:
        count_facts_kept(connection)
    session.commit()


class _Keeping(NamedTuple):
    """Statements that keep facts anew: what they are, the rows that go ``away``, and those put there ``anew``."""

    told: AnySelect
    away: Delete
    anew: Insert


def _keeping_now(session: Session, as_of: date, of: Among) -> _Keeping:
    where = tuple(columns(session, filled=False).items())
    return _keeping(look_of(session, as_of, of), of, where)


@lru_cache(maxsize=8)
def _keeping(look: Look, of: Among, where: Columns) -> _Keeping:
    """How facts are kept anew; made once for a look."""
    told, kept = rows_of(look.frame(), dict(where)), table_of(CustomerFact)
    return _Keeping(told, delete(kept).where(of(kept.c.customer_id)), filling(told))


class _Ahead(NamedTuple):
    """Facts worked out before they are written: by which statements, and how often any had been kept until then."""

    keeping: _Keeping
    kept: int
    rows: list[tuple[Any, ...]]

    @classmethod
    def read(cls, as_of: date, some: Some) -> _Ahead | None:
        """None where they are worked out within the write."""
        session = db.session()
        session.rollback()
        if not keeps_others_waiting(db.engine):
            return None
        kept = facts_kept(session.connection())
        keeping = _keeping_now(session, as_of, some.among)
        return cls(keeping, kept, [tuple(row) for row in session.execute(keeping.told, some.values)])

    def is_last(self, connection: Connection, keeping: _Keeping) -> bool:
        """Whether nobody has kept facts since, nor chosen others to be kept."""
        return keeping is self.keeping and facts_kept(connection) == self.kept


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
