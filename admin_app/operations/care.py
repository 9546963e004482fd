"""Care: what was done to her, and who asks how it went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from flask_babel import format_date
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from pydantic import Field
from sqlalchemy import ColumnElement, select

from admin_app.i18n import in_both_languages
from admin_app.operations.kernel import Operation
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Ask, Input, operation
from admin_app.operations.safety import ensure_safe
from admin_app.operations.till import InStore, OneCustomer, Override, store_of
from models.care import Effect, FollowUp, Treatment
from models.catalogue import Service
from models.customers import Customer, kin_of, records_of
from models.field import Kind
from models.names import Name
from models.organisation import Bed, Staff
from models.sales import LineKind, Sale, SaleLine, Visit
from models.standing import Alert, Severeness

Long = Field(max_length=2000)


def _her_lines(ids: Sequence[int]) -> ColumnElement[bool]:
    hers = select(Sale.id).where(Sale.customer_id.in_(records_of(ids)), ~Sale.imported)
    return (
        SaleLine.sale_id.in_(hers)
        & (SaleLine.kind == LineKind.SERVICE)
        & SaleLine.id.not_in(select(Treatment.sale_line_id).where(Treatment.sale_line_id.is_not(None)))
    )


class TreatmentInput(Input):
    """One service given, and what was seen."""

    customer: OneCustomer
    service: Annotated[int, Ask(_l("Service"), to=Service, archived=True)]  # what was given was given
    staff: Annotated[int, Ask(_l("Given by"), to=Staff, at_work=True, archived=True, own=True)]
    line: Annotated[int | None, Ask(_l("Sale line"), to=SaleLine, among=_her_lines)] = None
    bed: Annotated[int | None, Ask(_l("Bed"), to=Bed, aside=True)] = None
    area: Annotated[str, Ask(_l("Area")), Field(max_length=60)] = ""
    skin_before: Annotated[str, Ask(_l("Skin before"), kind=Kind.LONG_TEXT), Long] = ""
    steps_done: Annotated[str, Ask(_l("Steps done"), kind=Kind.LONG_TEXT, aside=True), Long] = ""
    products_used: Annotated[list[str], Ask(_l("Products used"), kind=Kind.ITEMS), Field(max_length=20)] = []
    effect: Annotated[Effect | None, Ask(_l("Effect"))] = None
    adverse_reaction: Annotated[str, Ask(_l("Adverse reaction"), kind=Kind.LONG_TEXT), Long] = ""
    advice: Annotated[str, Ask(_l("Advice"), kind=Kind.LONG_TEXT), Long] = ""
    override: Override = ""
    store: InStore = None


@operation(Name.RECORD_TREATMENT, label=_l("Record a treatment"), on=Customer)
def record_treatment(op: Operation, data: TreatmentInput) -> Answer:
    """Keep what was done, plan who asks after her, and tell the manager of an adverse reaction at once."""
    service = op.find(Service, data.service)
    ensure_safe(op, op.subject.id, [service.id], data.override)
    if data.effect is Effect.ADVERSE and not data.adverse_reaction:
        raise Refused(_l("Say what the reaction was."), "adverse_reaction", "empty")
    _of_this_line(op, data)
    store_id = store_of(op, data.store)
    treatment = Treatment(
        customer_id=op.subject.id,
        store_id=store_id,
        business_day=op.day,
        visit_id=_visit_today(op, store_id),
        sale_line_id=data.line,
        service_id=service.id,
        staff_id=data.staff,
        bed_id=data.bed,
        area=data.area or None,
        steps_done=data.steps_done or None,
        products_used=data.products_used or None,
        skin_before=data.skin_before or None,
        effect=data.effect,
        adverse_reaction=data.adverse_reaction or None,
        advice=data.advice or None,
    )
    op.session.add(treatment)
    op.session.flush()
    _plan(op, treatment, service)
    if data.adverse_reaction:
        _tell(op, treatment)
    op.store_id = store_id
    op.concerns(treatment)
    return {"id": treatment.id}


def _of_this_line(op: Operation, data: TreatmentInput) -> None:
    """:raises Refused: the sale line is somebody else's, or of something else."""
    if data.line is None:
        return
    line = op.session.get_one(SaleLine, data.line)
    sale = op.session.get_one(Sale, line.sale_id)
    hers = sale.customer_id in list(op.session.scalars(kin_of(op.subject.id)))
    if not hers or line.service_id != data.service:
        raise Refused(_l("This sale line is not of this treatment."), "line", "other_line")


def _visit_today(op: Operation, store_id: int) -> int | None:
    today = (Visit.customer_id.in_(kin_of(op.subject.id)), Visit.store_id == store_id, Visit.business_day == op.day)
    return op.session.scalar(select(Visit.id).where(*today).order_by(Visit.id.desc()).limit(1))


def _plan(op: Operation, treatment: Treatment, service: Service) -> None:
    for word in dict.fromkeys(service.follow_up_days or []):
        if word.isdecimal():
            op.session.add(
                FollowUp(
                    customer_id=treatment.customer_id,
                    treatment_id=treatment.id,
                    staff_id=treatment.staff_id,
                    days_after=int(word),
                    due_on=op.day + timedelta(days=int(word)),
                )
            )


def _tell(op: Operation, treatment: Treatment) -> None:
    customer = op.session.get_one(Customer, treatment.customer_id)
    op.session.add(
        Alert(
            source="adverse_reaction",
            occasion=str(treatment.id),
            **in_both_languages(
                lambda: _(
                    "%(name)s had an adverse reaction to a treatment on %(day)s.",
                    name=customer.name,
                    day=format_date(op.day, "medium"),
                )
            ),
            about="treatment",
            about_id=treatment.id,
            customer_id=customer.id,
            to_role="manager",
            severity=Severeness.URGENT,
            raised_at=op.at,
            due_at=op.at + timedelta(hours=2),
        )
    )


class FollowUpInput(Input):
    """What she said."""

    follow_up: Annotated[int, Ask(_l("Follow-up"), to=FollowUp)]
    outcome: Annotated[str, Ask(_l("Outcome")), Field(min_length=1, max_length=200)]


@operation(Name.FINISH_FOLLOW_UP, label=_l("Asked after"), on=FollowUp)
def finish_follow_up(op: Operation, data: FollowUpInput) -> Answer:
    """Somebody has asked her how it went."""
    row: FollowUp = op.subject
    if row.done_at is not None:
        raise Refused(_l("This is done already."), "follow_up", "again")
    row.done_at, row.outcome = op.at, data.outcome
    return {"id": row.id}
