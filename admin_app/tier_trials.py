"""What other tiers would do before they do it: who would move whither, and how many would hold each tier."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Date, case, func, literal, select
from sqlalchemy.orm import Session

from admin_app.stored_facts import facts_today
from rules.decisions.tiers import Held, decide
from rules.documents.tiers import TiersDocument
from rules.evaluation.statement import beside_tiers, facts_in


@dataclass(frozen=True)
class TierTrial:
    """How many hold each tier (by its id) now and would then; how many would move from which (None: none) to which."""

    now: dict[str, int]
    then: dict[str, int]
    moves: dict[tuple[str | None, str], int]

    @property
    def moved(self) -> int:
        return sum(self.moves.values())


def try_tiers(session: Session, document: TiersDocument, as_of: date) -> TierTrial:
    """Exact, of the salon as it is today: counted by the database in one pass over everybody."""
    facts = facts_today(session, as_of, facts_in(document.conditions()))
    rows, held, _rank, entered, keeps = beside_tiers(facts, None, document)
    over = held.c.valid_until < literal(as_of, Date)
    past_grace = held.c.valid_until < literal(as_of - timedelta(document.grace), Date)
    ended = case((held.c.valid_until.is_(None), 0), (past_grace, 3), (over, 2), else_=1)
    kinds = (held.c.tier, entered.label("entered"), keeps.label("keeps"), ended.label("ended"))
    inner = select(*kinds).select_from(rows).subquery("stand")
    counted = session.execute(select(*inner.c, func.count().label("many")).group_by(*inner.c)).mappings().all()
    validity = {0: None, 1: as_of, 2: as_of - timedelta(1), 3: as_of - timedelta(document.grace + 1)}
    now, then, moves = Counter[str](), Counter[str](), Counter[tuple[str | None, str]]()
    for row in counted:
        tier, many = row["tier"], row["many"]
        her = None if tier is None else Held(tier, validity[row["ended"]])
        move = decide(document, her, row["entered"], bool(row["keeps"]), as_of)
        if tier is not None:
            now[tier] += many
        if move is not None and move.tier != tier:
            moves[tier, move.tier] += many
        then[tier if move is None else move.tier] += many
    return TierTrial(dict(now), dict(then), dict(moves))
