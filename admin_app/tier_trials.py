"""What other tiers would do before they do it: who would move whither, today and at the end of the tier held."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Date, and_, case, false, func, literal, not_, select, true
from sqlalchemy.orm import Session

from admin_app.stored_facts import facts_today
from models.customers import Customer
from models.entity import AnySelect
from models.standing import TierMove
from rules.decisions.tiers import Held, decide
from rules.documents.tiers import Downgrade, TiersDocument
from rules.evaluation.statement import BesideTiers, beside_tiers, facts_in

SAMPLES = 8


@dataclass
class Later:
    """Customers whose tier would come out otherwise at its end, as things stand: how many of which tier (and to which
    it is lowered, by the draft or by the rules in force), from which day on, and the ids of some of them.
    """

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    first_on: date | None = None
    some: list[int] = field(default_factory=list)

    def add(self, tier: str, lower: str, many: int, day: date) -> None:
        self.counts[tier, lower] = self.counts.get((tier, lower), 0) + many
        self.first_on = day if self.first_on is None else min(day, self.first_on)


@dataclass(frozen=True)
class TierTrial:
    """How many hold each tier (by its id) now and would then; how many would move from which (None: none) to which.

    Later, at the end of their tiers, if all stays as it is: ``losing`` are lowered who by the rules in force
    would not be; ``keeping`` the other way round.
    """

    now: dict[str, int]
    then: dict[str, int]
    moves: dict[tuple[str | None, str], int]
    losing: Later = field(default_factory=Later)
    keeping: Later = field(default_factory=Later)

    @property
    def moved(self) -> int:
        return sum(self.moves.values())


def try_tiers(
    session: Session,
    document: TiersDocument,
    as_of: date,
    in_force: TiersDocument | None = None,
    hers: ColumnElement[bool] | None = None,
) -> TierTrial:
    """Exact, of the salon as it is today: counted by the database in one pass over everybody.

    Samples are of those ``hers`` lets her see.
    """
    in_force = in_force or document
    facts = facts_today(session, as_of, facts_in([*document.conditions(), *in_force.conditions()]))
    draft, before = beside_tiers(facts, None, document), beside_tiers(facts, None, in_force)
    validity = {0: None, 1: as_of, 2: as_of - timedelta(1), 3: as_of - timedelta(document.grace + 1)}
    now, then, moves = Counter[str](), Counter[str](), Counter[tuple[str | None, str]]()
    trial = TierTrial(now, then, moves)
    for row in session.execute(_counted(draft, before, as_of, document.grace)).mappings():
        tier, many = row["tier"], row["many"]
        her = None if tier is None else Held(tier, validity[row["ended"]])
        move = decide(document, her, row["entered"], bool(row["keeps"]), as_of)
        if tier is not None:
            now[tier] += many
        if move is not None and move.tier != tier:
            moves[tier, move.tier] += many
        elif tier is not None and row["first"] is not None and row["ended"] < 3:
            _later(trial, row, document, in_force)
        then[tier if move is None else move.tier] += many
    falls, fell = _falls(draft, document), _falls(before, in_force)
    visible = true() if hers is None else hers
    if trial.losing.counts:
        trial.losing.some = _some(session, draft, and_(falls, not_(fell)), visible)
    if trial.keeping.counts:
        trial.keeping.some = _some(session, draft, and_(fell, not_(falls)), visible)
    return trial


def _counted(draft: BesideTiers, before: BesideTiers, as_of: date, grace: int) -> AnySelect:
    """How many stand alike: the tier held, whether it has ended, and what each of the documents says of it."""
    until = draft.held.c.valid_until
    past_grace = until < literal(as_of - timedelta(grace), Date)
    ended = case((until.is_(None), 0), (past_grace, 3), (until < literal(as_of, Date), 2), else_=1)
    kinds = {
        "tier": draft.held.c.tier,
        "entered": draft.entered,
        "keeps": draft.keeps,
        "entered_before": before.entered,
        "keeps_before": before.keeps,
        "ended": ended,
    }
    columns = [column.label(name) for name, column in kinds.items()]
    inner = select(*columns, until.label("valid_until")).select_from(draft.rows).subquery("stand")
    alike = [inner.c[name] for name in kinds]
    return select(*alike, func.count().label("many"), func.min(inner.c.valid_until).label("first")).group_by(*alike)


def _later(trial: TierTrial, row: Any, document: TiersDocument, in_force: TiersDocument) -> None:
    """What becomes of a tier at its end, by the draft and by the rules in force, if all stays as it is."""
    held = Held(row["tier"], row["first"])
    last = row["first"] + timedelta(max(document.grace, in_force.grace) + 1)
    then = decide(document, held, row["entered"], bool(row["keeps"]), last)
    otherwise = decide(in_force, held, row["entered_before"], bool(row["keeps_before"]), last)
    falls, fell = (move is not None and move.kind is TierMove.DOWN for move in (then, otherwise))
    if falls and not fell and then is not None:
        trial.losing.add(held.tier, then.tier, row["many"], row["first"] + timedelta(document.grace + 1))
    if fell and not falls and otherwise is not None:
        trial.keeping.add(held.tier, otherwise.tier, row["many"], row["first"] + timedelta(in_force.grace + 1))


def _falls(beside: BesideTiers, document: TiersDocument) -> ColumnElement[bool]:
    """Whose tier is lowered at its end, as things stand."""
    if document.downgrade is Downgrade.NEVER:
        return false()
    return and_(beside.keeps == 0, beside.entered > beside.rank)


def _some(session: Session, draft: BesideTiers, which: ColumnElement[bool], visible: ColumnElement[bool]) -> list[int]:
    """Some of those of whom this is so and whose tier stays today, the soonest first."""
    held = draft.held
    stays = and_(held.c.valid_until.is_not(None), draft.entered >= draft.rank)
    seen = held.c.customer_id.in_(select(Customer.id).where(visible))
    some = select(held.c.customer_id).select_from(draft.rows).where(stays, which, seen)
    return list(session.scalars(some.order_by(held.c.valid_until, held.c.customer_id).limit(SAMPLES)))
