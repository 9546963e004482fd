"""What rules gave is delivered: points go into the books as soon as the customer's store takes entries."""

from __future__ import annotations

from datetime import timedelta

from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin_app.operations.kernel import Operation, perform
from admin_app.operations.ledger import Grant, Ledger
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Input, operation, the_machine
from admin_app.rulebook import rulebook
from models.actor import Actor
from models.customers import Customer, current_id
from models.entity import db
from models.log import EntryKind
from models.names import Name
from models.rulebook import EffectKind, EffectState, RuleEffect
from rules.decisions import value

BATCH = 500


class DeliverInput(Input):
    """Effects that wait, all of customers of one store."""

    store: int
    effects: list[int]


def deliver_waiting(actor: Actor, run_id: int) -> int:
    """Deliver the points that wait, store by store; a store whose day is closed gets them on the next. How many."""
    query = (
        select(Customer.store_id, RuleEffect.id)
        .join(Customer, Customer.id == RuleEffect.customer_id)
        .where(RuleEffect.kind == EffectKind.POINTS, RuleEffect.state == EffectState.WAITING)
        .order_by(Customer.store_id, RuleEffect.id)
    )
    by_store: dict[int, list[int]] = {}
    for store, effect in db.session.execute(query):
        by_store.setdefault(store, []).append(effect)
    done = 0
    for store, effects in by_store.items():
        for start in range(0, len(effects), BATCH):
            data = DeliverInput(store=store, effects=effects[start : start + BATCH])
            try:
                done += perform(Name.DELIVER_EFFECTS, data, actor=actor, run_id=run_id)["delivered"]
            except Refused as refusal:
                if refusal.code != "closed":
                    raise
                break
    return done


@operation(
    Name.DELIVER_EFFECTS,
    label=_l("Deliver what rules gave"),
    kind=EntryKind.RUN,
    permitted=the_machine,
    form=False,
)
def deliver_effects(op: Operation, data: DeliverInput) -> Answer:
    """Grant the points of effects that still wait.

    :raises Refused: the store's day is closed.
    """
    op.store_id = data.store
    ledger, points = Ledger(op, data.store, op.day), rulebook(op.session).points
    terms = Grant(value.points_until(op.day, points), op.day + timedelta(days=points.pending))
    waiting = (RuleEffect.id.in_(data.effects), RuleEffect.state == EffectState.WAITING)
    found = op.session.scalars(select(RuleEffect).where(*waiting).order_by(RuleEffect.id)).all()
    by_now = select(Customer.id, current_id()).where(Customer.id.in_({effect.customer_id for effect in found}))
    owners: dict[int, int] = dict(op.session.execute(by_now).all())  # of a merged record, the one that stays
    for effect in found:
        ledger.earn_points(owners[effect.customer_id], [(None, effect.amount)], terms, effect.rule_version_id)
        effect.state = EffectState.DONE
    op.detail = {"delivered": len(found)}
    return {"delivered": len(found)}
