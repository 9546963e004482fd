"""Whom a run has still to settle: their numbers stand in ``run_customer`` until an operation has done with them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, select, union, update
from sqlalchemy.orm import Session

from models.clock import EvaluationRun
from models.customers import Customer
from models.entity import db, insert_new, table_of, writing
from models.rulebook import RunCustomer
from rules.evaluation.dialect import among

BATCH = 1_000

_staged = table_of(RunCustomer).c


def put(run: int, customers: Collection[int], upto: int | None = None) -> None:
    """Stage customers, and note how far a full run has looked; in short writes, for no till may wait."""
    ids = sorted(customers)
    for start in range(0, max(len(ids), 1), BATCH):
        session = writing()
        part = [{"run_id": run, "customer_id": one} for one in ids[start : start + BATCH]]
        if part:
            insert_new(session, RunCustomer, part)
        if upto is not None and start + BATCH >= len(ids):
            reached = table_of(EvaluationRun).c
            session.execute(update(EvaluationRun).where(reached.id == run).values(last_customer_id=upto))
        session.commit()


def put_kin(run: int) -> None:
    """Stage whom the staged ones were merged into, and whoever sent any of them: what befell them counts there too."""
    while kin := list(db.session.scalars(_kin(run))):
        put(run, kin)


def _kin(run: int) -> Any:
    kin = table_of(RunCustomer).alias("kin").c
    pairs = (Customer.merged_into_id, Customer.referrer_id)
    there = (exists().where(kin.run_id == run, kin.customer_id == one) for one in pairs)
    ours = select(_staged.run_id).join(Customer, Customer.id == _staged.customer_id).where(_staged.run_id == run)
    found = (
        ours.with_only_columns(one).where(one.is_not(None), ~known) for one, known in zip(pairs, there, strict=True)
    )
    old = table_of(Customer).alias("old")  # what befell her befalls whoever sent an old card of hers
    merged = old.c
    cards = select(merged.id).join_from(table_of(RunCustomer), old, merged.merged_into_id == _staged.customer_id)
    known = exists().where(kin.run_id == run, kin.customer_id == merged.id)
    return union(*found, cards.where(_staged.run_id == run, ~known))


def staged(session: Session, run: int, first: int = 0, last: int | None = None) -> list[int]:
    """The numbers of the staged customers (of a range), in order."""
    query = select(_staged.customer_id).where(_staged.run_id == run, _staged.customer_id >= first)
    upto = query if last is None else query.where(_staged.customer_id <= last)
    return list(session.scalars(upto.order_by(_staged.customer_id)))


def spans(ids: Sequence[int], size: int) -> Iterator[tuple[int, int]]:
    """First and last of each ``size`` of some numbers in order."""
    return ((ids[at], ids[min(at + size, len(ids)) - 1]) for at in range(0, len(ids), size))


def between(first: int, last: int) -> Callable[[Any], ColumnElement[bool]]:
    """Which customers lie in a range of numbers."""
    return lambda column: column.between(first, last)


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


def sweep(session: Session, live: Collection[int]) -> None:
    """Forget what runs that will not be taken up again have left."""
    session.execute(delete(RunCustomer).where(RunCustomer.run_id.not_in(live)))
