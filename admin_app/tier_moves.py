"""Tiers as rules move them: each change with the values that decided it and the version of the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from flask_babel import format_date
from flask_babel import gettext as _
from sqlalchemy import insert, select, update

from admin_app.frames import Look
from admin_app.operations.kernel import Operation
from admin_app.rulebook import words_of
from admin_app.todo_effects import carers_of, once
from models.entity import AnySelect, table_of
from models.rulebook import ChangedCustomer
from models.standing import Membership, Task, TierChange, TierMove
from rules.decisions.tiers import Held, Move, decide, until, will_fall
from rules.documents.tiers import TiersDocument
from rules.evaluation import interpreter
from rules.evaluation.frame import Frame
from rules.evaluation.sources import facts_of
from rules.evaluation.statement import facts_in, standing
from rules.language.conditions import All


def move_tiers(op: Operation, look: Look, values: Mapping[str, Any], version: int) -> Counter[str]:
    """Give, raise, lower and renew the tiers of the customers looked at; how many moved into each tier.

    ``values`` is what says who they are.
    """
    document, frame = look.book.tiers, look.frame()
    moved: Counter[str] = Counter()
    changes: list[dict[str, Any]] = []
    memberships: list[dict[str, Any]] = []
    falling: list[Falling] = []
    for row in op.session.execute(standing_of(look), values).mappings().all():
        held = None if row["tier"] is None else Held(row["tier"], row["valid_until"])
        move = decide(document, held, row["entered"], bool(row["keeps"]), frame.as_of)
        if move is None:
            falls = held is not None and will_fall(document, held, row["entered"], bool(row["keeps"]), frame.as_of)
            if held is not None and falls and row["told_on"] is None:
                falling.append(Falling(row["customer_id"], row["membership_id"], held))
            continue
        if row["membership_id"] is not None:
            ended = update(Membership).where(Membership.id == row["membership_id"])
            op.session.execute(ended.values(ended_on=frame.as_of, version=Membership.version + 1))
        memberships.append(
            {
                "customer_id": row["customer_id"],
                "tier": move.tier,
                "since": frame.as_of,
                "valid_until": move.valid_until,
            }
        )
        changes.append(_change(row, move, document, frame, version))
        moved[move.tier] += 1
    if memberships:
        op.session.execute(insert(table_of(Membership)), memberships)
        op.session.execute(insert(table_of(TierChange)), changes)
    if falling:
        _ask_to_tell(op, frame, document, falling)
    return moved


@lru_cache(maxsize=8)
def standing_of(look: Look) -> AnySelect:
    """Whose tier may have to move; made once for a look."""
    document = look.book.tiers
    facts = facts_of(look.frame(), facts_in(document.conditions()))
    return standing(facts, look.among, look.as_of, document).order_by(facts.c.customer_id)


class Falling(NamedTuple):
    """A customer whose tier will not be kept as things stand."""

    customer: int
    membership: int
    held: Held


def _ask_to_tell(op: Operation, frame: Frame, document: TiersDocument, falling: list[Falling]) -> None:
    """A task for whoever shall tell her, once a membership."""
    carers = carers_of(op, {one.customer for one in falling})
    names = dict(words_of("tiers", op.session))
    tasks: list[dict[str, Any]] = []
    for one in falling:
        told = update(Membership).where(Membership.id == one.membership)
        op.session.execute(told.values(told_on=frame.as_of, version=Membership.version + 1))
        ends = format_date(one.held.valid_until, "medium")
        tier = names.get(one.held.tier, one.held.tier)
        tasks.append(
            {
                "source": "tiers",
                "occasion": f"end:{one.membership}",
                "text": _(
                    "%(tier)s ends on %(day)s and is not kept as things stand: tell the customer.", tier=tier, day=ends
                ),
                "to_role": document.notice_to,
                "customer_id": one.customer,
                "staff_id": carers.get((one.customer, document.notice_to)),
                "due_on": frame.as_of,
            }
        )
    once(op, Task, tasks)


def raise_tiers(op: Operation, frame: Frame, document: TiersDocument, wanted: Mapping[int, str], version: int) -> None:
    """Give customers (by id) the tier that a rule gives them, unless they hold it or a higher one."""
    held = (Membership.customer_id.in_(wanted), Membership.ended_on.is_(None))
    now = {row.customer_id: row for row in op.session.scalars(select(Membership).where(*held))} if wanted else {}
    for customer, tier in sorted(wanted.items()):
        present, rank = now.get(customer), document.rank(tier)
        standing = None if present is None else document.rank(present.tier)
        if rank is None or (standing is not None and standing <= rank):
            continue
        if present is not None:
            present.ended_on = frame.as_of
            op.session.flush()
        ends = until(document, rank, frame.as_of)
        op.session.add(ChangedCustomer(customer_id=customer))  # rules beside this one may ask for her tier
        op.session.add(Membership(customer_id=customer, tier=tier, since=frame.as_of, valid_until=ends))
        op.session.add(
            TierChange(
                customer_id=customer,
                on=frame.as_of,
                move=TierMove.FIRST if present is None else TierMove.UP,
                from_tier=None if present is None else present.tier,
                to_tier=tier,
                evidence={"because": []},
                rule_version_id=version,
            )
        )


def _change(row: Any, move: Move, document: TiersDocument, frame: Frame, version: int) -> dict[str, Any]:
    asked = All(tuple(document.conditions()))
    return {
        "customer_id": row["customer_id"],
        "on": frame.as_of,
        "move": move.kind,
        "from_tier": row["tier"],
        "to_tier": move.tier,
        "evidence": {"because": interpreter.evidence(asked, dict(row))},
        "rule_version_id": version,
    }
