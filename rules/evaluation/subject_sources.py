"""Facts of staff, products, services and operations: one row each, a column per fact."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, FromClause, case, false, or_, select

from models.actor import ActorKind
from models.cards import GiftIssue
from models.catalogue import Product, Service
from models.entity import AnySelect, table_of
from models.log import LogLink, Operation
from models.organisation import Staff
from models.sales import SaleLine
from rules.evaluation import catalogue_sources, operation_sources, staff_sources
from rules.evaluation.compiler import compiled
from rules.evaluation.frame import Frame, or_zero
from rules.evaluation.statement import facts_in
from rules.language.conditions import Condition
from rules.language.facts import Fact, Source, Subject


@dataclass(frozen=True)
class Watched:
    """Where a subject's rows stand, what each is called, and where its facts come from."""

    rows: FromClause
    id: ColumnElement[int]
    name: ColumnElement[str]
    narrowed: ColumnElement[int]  # what ``Frame.among`` speaks of
    lives: ColumnElement[bool]
    own: Callable[[Frame, Fact], ColumnElement[Any]]
    sources: Mapping[Source, Callable[[Frame, Sequence[Fact]], AnySelect]]


def _kept(entity: type[Staff | Product | Service], own: Any, sources: Any) -> Watched:
    table = table_of(entity)
    return Watched(table, table.c.id, table.c.name, table.c.id, table.c.archived_at.is_(None), own, sources)


WATCHED: dict[Subject, Watched] = {
    Subject.STAFF: _kept(
        Staff,
        staff_sources.own,
        {
            Source.SELLING: staff_sources.selling,
            Source.GIVING: staff_sources.giving,
            Source.LAST_SOLD: staff_sources.last_given,
            Source.TREATMENTS: staff_sources.treatments,
            Source.TAKEN_BACK: staff_sources.lines_taken_back,
            Source.REFUNDS: staff_sources.refunds,
            Source.GIFTS: staff_sources.gifts,
            Source.APPROVALS: staff_sources.approvals,
            Source.BOOKINGS: staff_sources.bookings,
            Source.CARE: staff_sources.care,
        },
    ),
    Subject.PRODUCT: _kept(
        Product,
        catalogue_sources.own(Product),
        catalogue_sources.sources(SaleLine.product_id, GiftIssue.product_id),
    ),
    Subject.SERVICE: _kept(
        Service,
        catalogue_sources.own(Service),
        catalogue_sources.sources(SaleLine.service_id, GiftIssue.service_id),
    ),
    Subject.OPERATION: Watched(
        table_of(Operation).join(table_of(LogLink)),
        table_of(Operation).c.id,
        table_of(Operation).c.actor_name,
        table_of(LogLink).c.seq,
        table_of(Operation).c.actor_kind != ActorKind.SYSTEM.value,  # what the house does by itself is nobody's doing
        operation_sources.own,
        {
            Source.TIMES: operation_sources.times,
            Source.MONEY: operation_sources.money,
            Source.DISCOUNTS: operation_sources.discounts,
            Source.GIFTS: operation_sources.gifts,
            Source.DAY_CLOSE: operation_sources.day_close,
            Source.RECEIPTS: operation_sources.receipts,
        },
    ),
}


def facts_about(subject: Subject, frame: Frame, facts: Sequence[Fact]) -> FromClause:
    """A subquery with ``subject_id``, ``subject_name`` and a column per fact, one row for each one looked at."""
    watched = WATCHED[subject]
    chosen: list[ColumnElement[Any]] = [watched.id.label("subject_id"), watched.name.label("subject_name")]
    joined = watched.rows
    for source in Source:
        wanted = [fact for fact in facts if fact.source is source]
        if source is Source.OWN:
            chosen += [watched.own(frame, fact).label(fact.name) for fact in wanted]
        elif wanted:
            part = watched.sources[source](frame, wanted).subquery(source.value)
            joined = joined.outerjoin(part, part.c.subject_id == watched.id)
            chosen += [or_zero(fact, part.c[fact.name]).label(fact.name) for fact in wanted]
    narrowed = [] if frame.among is None else [frame.among(watched.narrowed)]
    return select(*chosen).select_from(joined).where(watched.lives, *narrowed).subquery("facts")


def fulfilling(subject: Subject, frame: Frame, conditions: Sequence[Condition], more: Iterable[Fact] = ()) -> AnySelect:
    """Whoever fulfils one of the conditions: her facts (``more`` among them), and ``holds_0`` … for each condition."""
    known = {fact.name: fact for fact in (*more, *facts_in(conditions))}
    facts = facts_about(subject, frame, list(known.values()))
    holds = [compiled(one, lambda fact: facts.c[fact.name], lambda _: false()) for one in conditions]
    columns = [case((one, 1), else_=0).label(f"holds_{place}") for place, one in enumerate(holds)]
    return select(*facts.c, *columns).where(or_(false(), *holds))
