"""How far the runs are: the days that are settled, and whom a run has still to settle."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, delete, exists, func, select, update
from sqlalchemy.orm import Session

from admin_app.operations.patience import patient
from admin_app.operations.refusals import Refused
from models.clock import EvaluationRun
from models.entity import insert_new, table_of, writing
from models.rulebook import RunCustomer
from rules.evaluation.dialect import among

BATCH = 1_000

_staged = table_of(RunCustomer).c


class TooEarlyError(Refused):
    """The day asked for lies before the last one that was evaluated."""


def ensure_not_past(session: Session, as_of: date) -> None:
    """The day never goes back.

    :raises TooEarlyError: a later one has been evaluated already.
    """
    last = session.scalar(select(func.max(EvaluationRun.as_of)).where(EvaluationRun.ended_at.is_not(None)))
    if last is not None and as_of < last:
        raise TooEarlyError(
            _l("The rules were evaluated as of %(day)s; an earlier day can only be tried out.", day=str(last))
        )


def settled_on(session: Session) -> date | None:
    """The last day on which everybody stood as the rules say."""
    return session.scalar(select(func.max(EvaluationRun.as_of)).where(EvaluationRun.whole))


def put(run: int, customers: Collection[int], upto: int | None = None) -> None:
    """Stage customers, and note how far a full run has looked; in short writes, for no till may wait."""
    ids = sorted(customers)
    for start in range(0, max(len(ids), 1), BATCH):
        _put_some(run, ids[start : start + BATCH], upto if start + BATCH >= len(ids) else None)


@patient
def _put_some(run: int, ids: Sequence[int], upto: int | None) -> None:
    session = writing()
    if rows := [{"run_id": run, "customer_id": one} for one in ids]:
        insert_new(session, RunCustomer, rows)
    if upto is not None:
        reached = table_of(EvaluationRun).c
        session.execute(update(EvaluationRun).where(reached.id == run).values(last_customer_id=upto))
    session.commit()


def staged(session: Session, run: int, first: int = 0, last: int | None = None) -> list[int]:
    """The numbers of the staged customers (of a range), in order."""
    query = select(_staged.customer_id).where(_staged.run_id == run, _staged.customer_id >= first)
    upto = query if last is None else query.where(_staged.customer_id <= last)
    return list(session.scalars(upto.order_by(_staged.customer_id)))


def spans(ids: Sequence[int], size: int) -> Iterator[tuple[int, int]]:
    """First and last of each ``size`` of some numbers in order."""
    return ((ids[at], ids[min(at + size, len(ids)) - 1]) for at in range(0, len(ids), size))


@patient
def keep(run: int, looked_at: Sequence[int], customers: Collection[int]) -> None:
    """Of those looked at only these have to be settled."""
    session = writing()
    drop(session, run, looked_at)
    if rows := [{"run_id": run, "customer_id": one} for one in customers]:
        insert_new(session, RunCustomer, rows)
    session.commit()


def drop(session: Session, run: int, customers: Sequence[int]) -> None:
    """These are settled; whoever was staged beside them meanwhile is not."""
    session.execute(delete(RunCustomer).where(RunCustomer.run_id == run, among(customers)(_staged.customer_id)))


def sweep(session: Session, alive: ColumnElement[bool]) -> None:
    """Forget what runs have left that are not ``alive``, for they will not be taken up again."""
    living = exists().where(EvaluationRun.id == _staged.run_id, alive)
    session.execute(delete(table_of(RunCustomer)).where(~living))
