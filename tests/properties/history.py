"""What happens in a salon of forty over a few weeks, and what the rules have made of everybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from admin_app import evaluation
from admin_app.evaluation import Report, evaluate
from admin_app.operations.customers import TagInput, UntagInput
from admin_app.operations.kernel import perform
from admin_app.operations.rules import ActivateInput
from admin_app.rulebook import refresh
from models.actor import SYSTEM
from models.clock import EvaluationRun
from models.customers import Contraindication, Customer, DangerKind, SkinType
from models.entity import db, table_of
from models.names import Name
from models.rulebook import ChangedCustomer, RuleMatch, RuleState
from models.sales import LineKind, Payment, PaymentMethod, Sale, SaleLine, Visit
from models.standing import Alert, CustomerTag, Membership, Tag, Task, TierChange
from tests.cast import NOON, TODAY, raw_operation
from tests.conftest import House

LAYERS = {"layer-a", "layer-b", "layer-c", "layer-d"}


@dataclass
class Salon:
    """A house whose customers come, pay and are tagged."""

    house: House

    def people(self, count: int, first: int = 10_000) -> list[int]:
        values = {"store_id": self.house.ids["first"], "registered_on": TODAY - timedelta(500)}
        ids = list(range(first, first + count))
        with raw_operation():
            db.session.execute(
                insert(table_of(Customer)), [{"id": n, "name": f"客{n}", "public_id": f"p{n}", **values} for n in ids]
            )
        return ids

    def visit(self, customer: int, day: date) -> None:
        with raw_operation():
            self._visit(customer, day)

    def buy(self, customer: int, day: date, yuan: int) -> None:
        """She comes, has a service and pays for it."""
        with raw_operation():
            self._visit(customer, day)
            self._buy(customer, day, yuan)

    def past(self, events: list[tuple[int, date, int]]) -> None:
        """Visits (0 yuan) and sales, all in one operation."""
        with raw_operation():
            for customer, day, yuan in events:
                self._visit(customer, day)
                if yuan:
                    self._buy(customer, day, yuan)

    def _visit(self, customer: int, day: date) -> None:
        values = {"customer_id": customer, "store_id": self.house.ids["first"], "business_day": day}
        db.session.execute(insert(Visit), [values])

    def _buy(self, customer: int, day: date, yuan: int) -> None:
        where = {"store_id": self.house.ids["first"], "business_day": day}
        number = select(func.count()).select_from(Sale).where(Sale.business_day == day)
        sale = Sale(
            **where, number=1 + (db.session.scalar(number) or 0), customer_id=customer, sold_at=NOON, total=yuan * 100
        )
        db.session.add(sale)
        db.session.flush()
        db.session.add(SaleLine(sale_id=sale.id, position=1, kind=LineKind.SERVICE, item="x", amount=yuan * 100))
        paid = {"method": PaymentMethod.CASH, "amount": yuan * 100, "paid_at": NOON}
        db.session.add(Payment(sale_id=sale.id, customer_id=customer, **where, **paid))
        db.session.flush()

    def change(self, customer: int, **values: Any) -> None:
        with raw_operation():
            for name, value in values.items():
                setattr(db.session.get_one(Customer, customer), name, value)

    def allergy(self, customer: int, since: date, until: date | None) -> None:
        with raw_operation():
            values = {"customer_id": customer, "kind": DangerKind.ALLERGY, "since": since, "until": until}
            db.session.add(Contraindication(**values))

    def tag(self, customer: int, slug: str) -> None:
        perform(Name.TAG_CUSTOMERS, TagInput(customers=[customer], tag=tag_id(slug)), actor=SYSTEM)

    def untag(self, customer: int, slug: str, *, back: bool = False) -> None:
        data = UntagInput(customers=[customer], tag=tag_id(slug), back_to_rules=back)
        perform(Name.UNTAG_CUSTOMERS, data, actor=SYSTEM)


def activate(document: str, text: str) -> None:
    perform(Name.ACTIVATE_RULES, ActivateInput(texts={document: text}), actor=SYSTEM)
    refresh()


def step(monkeypatch: pytest.MonkeyPatch, customers: int) -> None:
    """Let a run go so many customers at a step."""
    monkeypatch.setattr(evaluation, "CHUNK", dict.fromkeys(evaluation.CHUNK, customers))
    monkeypatch.setattr(evaluation, "STRIDE", customers)


def changed_only(day: date = TODAY) -> Report:
    """A run over those who changed, and nobody else."""
    report = evaluate(day, full=False)
    db.session.rollback()
    run = db.session.scalars(select(EvaluationRun).order_by(EvaluationRun.id.desc()).limit(1)).one()
    assert not run.full, "so many changed that everybody was looked at"
    return report


def crowded(salon: Salon) -> None:
    """So many customers that one of them is few, and all of them evaluated."""
    salon.people(40)
    evaluate(TODAY)


def something(salon: Salon, people: list[int], day: date, chance: Random) -> None:
    """One thing that happens to somebody on a day."""
    customer, kind = chance.choice(people), chance.randrange(8)
    if kind < 3:
        salon.buy(customer, day, chance.choice([100, 3000, 9000, 21_000]))
    elif kind == 3:
        salon.visit(customer, day - timedelta(chance.choice([0, 1, 40, 70])))
    elif kind == 4:
        salon.allergy(customer, day - timedelta(3), chance.choice([None, day, day + timedelta(9)]))
    elif kind == 5:
        salon.change(customer, skin_type=chance.choice([None, SkinType.SENSITIVE, SkinType.DRY]))
    elif kind == 6:
        salon.tag(customer, chance.choice(["active", "dormant", "lost", "do-not-contact", "layer-a", "layer-d"]))
    else:
        salon.untag(customer, chance.choice(["active", "dormant", "lost", "do-not-contact"]))


def long_ago(people: list[int], chance: Random) -> list[tuple[int, date, int]]:
    """A past of up to 400 days for everybody."""
    yuan = [0, 0, 500, 2500, 5000]
    return [
        (customer, TODAY - timedelta(chance.choice([1, 20, 29, 44, 59, 89, 178, 300, 364, 400])), chance.choice(yuan))
        for customer in people
        for _ in range(chance.randrange(5))
    ]


# ------------------------------------------------------------------------------------------- what has become


def tag_id(slug: str) -> int:
    return db.session.scalars(select(Tag.id).where(Tag.slug == slug)).one()


def tags_of(customer: int) -> set[str]:
    """What she is tagged with now."""
    db.session.rollback()
    query = select(Tag.slug).join(CustomerTag, CustomerTag.tag_id == Tag.id)
    mine = query.where(CustomerTag.customer_id == customer, CustomerTag.until.is_(None), CustomerTag.held)
    found = db.session.scalars(mine).all()
    assert len(found) == len(set(found))
    return set(found)


def tier_of(customer: int) -> str | None:
    db.session.rollback()
    return db.session.scalar(
        select(Membership.tier).where(Membership.customer_id == customer, Membership.ended_on.is_(None))
    )


def rules_of(customer: int) -> set[str]:
    """The rules that hold for her."""
    db.session.rollback()
    mine = select(RuleMatch.rule).where(RuleMatch.customer_id == customer, RuleMatch.until.is_(None))
    return set(db.session.scalars(mine))


def marked() -> set[int]:
    db.session.rollback()
    return set(db.session.scalars(select(ChangedCustomer.customer_id)))


def everything() -> dict[str, list[Any]]:
    """All that rules have made of the customers, moments and row numbers apart."""
    db.session.rollback()
    slug = select(Tag.slug).where(Tag.id == CustomerTag.tag_id).scalar_subquery()
    asked = {
        "tags": select(
            CustomerTag.customer_id, slug, CustomerTag.held, CustomerTag.by_hand, CustomerTag.until.is_(None)
        ),
        "matches": select(RuleMatch.rule, RuleMatch.customer_id, RuleMatch.since, RuleMatch.until),
        "bits": select(RuleState.customer_id, RuleState.mask_0, RuleState.mask_1, RuleState.mask_2, RuleState.mask_3),
        "tiers": select(
            Membership.customer_id, Membership.tier, Membership.since, Membership.valid_until, Membership.ended_on
        ),
        "moves": select(TierChange.customer_id, TierChange.on, TierChange.move, TierChange.to_tier),
        "alerts": select(Alert.source, Alert.occasion, Alert.text),
        "tasks": select(Task.source, Task.occasion, Task.text, Task.due_on),
    }
    return {name: sorted(map(repr, db.session.execute(query).all())) for name, query in asked.items()}
