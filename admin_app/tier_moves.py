"""Tiers as rules move them: each change with the values that decided it and the version of the rules."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Any, NamedTuple

from flask_babel import format_date
from flask_babel import gettext as _
from sqlalchemy import insert, select, update

from admin_app.frames import Look, look_of
from admin_app.i18n import in_both_languages
from admin_app.operations.kernel import Operation
from admin_app.rulebook import rulebook, versions, words_of
from admin_app.todo_effects import carers_of, once
from models.entity import AnySelect, insert_new, rows_changed, table_of
from models.rulebook import ChangedCustomer
from models.standing import Membership, Task, TierChange, TierMove
from rules.decisions.tiers import Held, Move, decide, until, will_fall
from rules.documents.tiers import TiersDocument
from rules.evaluation import interpreter
from rules.evaluation.dialect import listed
from rules.evaluation.frame import Frame
from rules.evaluation.sources import facts_of
from rules.evaluation.statement import facts_in, standing
from rules.language.conditions import All


def raise_at_once(op: Operation, customer_id: int) -> None:
    """Give a customer the tier that she has just earned at the till: her next sale is priced by it. Whatever else moves
    tiers waits for the next run.
    """
    document, look = rulebook(op.session).tiers, look_of(op.session, op.day, listed(()).among)
    hers = op.session.execute(standing_of(look), listed([customer_id]).values).mappings().all()
    lowest = len(document.tiers) - 1
    for row in hers:
        rank = lowest if row["tier"] is None else document.rank(row["tier"])
        if rank is not None and row["entered"] < rank:
            move_tiers(op, look, listed([customer_id]).values, versions()["tiers"])


def move_tiers(op: Operation, look: Look, values: Mapping[str, Any], version: int) -> Counter[str]:
    """Give, raise, lower and renew the tiers of the customers looked at; how many moved into each tier.

    ``values`` is what says who they are. A membership that somebody else has ended meanwhile (a till does so at once)
    is left alone.
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
            ended = update(Membership).where(Membership.id == row["membership_id"], Membership.ended_on.is_(None))
            if not rows_changed(op.session, ended.values(ended_on=frame.as_of, version=Membership.version + 1)):
                continue
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
        insert_new(op.session, Membership, [{"version": 1, **one} for one in memberships])
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
    tasks: list[dict[str, Any]] = []
    for one in falling:
        told = update(Membership).where(Membership.id == one.membership)
        op.session.execute(told.values(told_on=frame.as_of, version=Membership.version + 1))
        tasks.append(
            {
                "source": "tiers",
                "occasion": f"end:{one.membership}",
                **in_both_languages(partial(_notice, op, one.held)),
                "to_role": document.notice_to,
                "customer_id": one.customer,
                "staff_id": carers.get((one.customer, document.notice_to)),
                "due_on": frame.as_of,
            }
        )
    once(op, Task, tasks)


def _notice(op: Operation, held: Held) -> str:
    """What she is to be told of her tier, in the reader's language."""
    tier = dict(words_of("tiers", op.session)).get(held.tier, held.tier)
    ends = format_date(held.valid_until, "medium")
    return str(_("%(tier)s ends on %(day)s and is not kept as things stand: tell her.", tier=tier, day=ends))


def raise_tiers(
    op: Operation, frame: Frame, document: TiersDocument, wanted: Mapping[int, tuple[str, str]], version: int
) -> None:
    """Give customers (by id) the tier that a rule (both by id) gives them, unless they hold it or a higher one."""
    held = (Membership.customer_id.in_(wanted), Membership.ended_on.is_(None))
    now = {row.customer_id: row for row in op.session.scalars(select(Membership).where(*held))} if wanted else {}
    for customer, (rule, tier) in sorted(wanted.items()):
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
                evidence={"because": [], "rule": rule},
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
