"""What becomes of a person's standing when two of her records become one.

What is open or holds now moves to the record that stays: tasks, alerts, tags, tier, assignments, what is known of her;
bookings that are not over as well (``merged_bookings``).
What happened stays where it was written, and everything reads it through the record that stays (``records_of``).
``tests/admin_app/test_merging.py`` holds that each entity with a customer is one or the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from admin_app.operations.kernel import Operation
from admin_app.rulebook import rulebook
from models.booking import Waitlist
from models.cards import Card
from models.care import FollowUp
from models.customers import Concern, Contraindication, Customer, CustomerAssignment, Preference, Relation
from models.entity import Entity
from models.standing import Alert, CustomerTag, Membership, Task

MOVED: frozenset[type[Entity]] = frozenset(
    {
        Alert,
        Card,
        Concern,
        Contraindication,
        CustomerAssignment,
        CustomerTag,
        FollowUp,
        Membership,
        Preference,
        Relation,
        Task,
        Waitlist,
    }
)
"""Entities whose rows move; cards move with what the ledger says of them."""

Rows = list[Any]


def move_standing(op: Operation, lost: Customer, kept: Customer) -> None:
    """Move all of it; where both records have what only one may have, the better or the older decision stands."""
    for entity in sorted(MOVED - {Card, Relation}, key=lambda one: one.named()):
        _end_doubles(op, entity, lost, kept)
        for row in _rows(op, entity, lost.id):
            row.customer_id = kept.id
    _move_relations(op, lost, kept)
    for row in op.session.scalars(select(Customer).where(Customer.referrer_id == lost.id)):
        row.referrer_id = None if row.id == kept.id else kept.id
    days = [day for day in (lost.first_visit_on, kept.first_visit_on) if day is not None]
    kept.first_visit_on = min(days, default=None)
    op.session.flush()


def _rows(op: Operation, entity: type[Entity], customer_id: int, *conditions: Any) -> Rows:
    of_her = entity.fields()["customer_id"].column == customer_id
    return list(op.session.scalars(select(entity).where(of_her, *conditions).order_by(entity.id)))


def _end_doubles(op: Operation, entity: type[Entity], lost: Customer, kept: Customer) -> None:
    ending = _ENDS.get(entity)
    if ending is not None:
        ending(op, lost, kept)
        op.session.flush()


def _end_tags(op: Operation, lost: Customer, kept: Customer) -> None:
    """Of one tag on both records the decision by hand stands, else that of the record that stays."""
    standing = {row.tag_id: row for row in _rows(op, CustomerTag, kept.id, CustomerTag.until.is_(None))}
    for row in _rows(op, CustomerTag, lost.id, CustomerTag.until.is_(None)):
        other = standing.get(row.tag_id)
        if other is not None:
            ended = other if row.by_hand and not other.by_hand else row
            ended.until = op.at


def _end_memberships(op: Operation, lost: Customer, kept: Customer) -> None:
    """The higher tier stands; of equal ones that which lasts longer."""
    held = [_rows(op, Membership, one.id, Membership.ended_on.is_(None)) for one in (kept, lost)]
    if all(held):
        best = min((rows[0] for rows in held), key=lambda row: _worth(op, row))
        for rows in held:
            if rows[0] is not best:
                rows[0].ended_on = op.day


def _worth(op: Operation, row: Membership) -> tuple[int, int]:
    """Small is better: the rank of the tier, 0 the highest, then how soon it ends."""
    tiers = rulebook(op.session).tiers
    rank = tiers.rank(row.tier)
    return len(tiers.tiers) if rank is None else rank, -(row.valid_until.toordinal() if row.valid_until else 10**7)


def _end_assignments(op: Operation, lost: Customer, kept: Customer) -> None:
    """Whoever looks after the record that stays goes on."""
    live = CustomerAssignment.until.is_(None)
    taken = {row.care_role for row in _rows(op, CustomerAssignment, kept.id, live)}
    for row in _rows(op, CustomerAssignment, lost.id, live):
        if row.care_role in taken:
            row.until = op.at


_ENDS: dict[type[Entity], Callable[[Operation, Customer, Customer], None]] = {
    CustomerTag: _end_tags,
    Membership: _end_memberships,
    CustomerAssignment: _end_assignments,
}


def _move_relations(op: Operation, lost: Customer, kept: Customer) -> None:
    """A relation that is known already, or that would be with herself, is put away."""
    rows = op.session.scalars(
        select(Relation)
        .order_by(Relation.id)
        .where((Relation.customer_id.in_((lost.id, kept.id))) | (Relation.other_id.in_((lost.id, kept.id))))
    )
    every = list(rows)
    pairs = {(row.customer_id, row.other_id) for row in every}
    for row in every:
        if lost.id not in (row.customer_id, row.other_id):
            continue
        pair = tuple(kept.id if one == lost.id else one for one in (row.customer_id, row.other_id))
        if pair[0] == pair[1] or pair in pairs:
            row.archived_at = row.archived_at or op.at
        else:
            row.customer_id, row.other_id = pair
            pairs.add((pair[0], pair[1]))
