"""What is done with customers: assign, hand over, tag, look up, record, erase."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated

from flask_babel import lazy_gettext as _l
from pydantic import Field
from sqlalchemy import delete, or_, select

from admin_app.i18n import join_words
from admin_app.operations.broken_bookings import broken_by
from admin_app.operations.kernel import Operation
from admin_app.operations.reading import hold_back
from admin_app.operations.refusals import Missing, Refused
from admin_app.operations.registry import Answer, Ask, Input, operation
from admin_app.tag_effects import hold_by_rules
from models.assessments import Assessment, AssessmentParameter, AssessmentTemplate, Reading
from models.cards import Card
from models.customers import (
    CareRole,
    Channel,
    ConsentEvent,
    Customer,
    CustomerAssignment,
    Interaction,
    Purpose,
    current_id,
    kin_of,
)
from models.entity import Entity, db, entities, table_of
from models.field import Field as EntityField
from models.field import Kind, Privacy
from models.log import EntryKind, RowChange, RowValue
from models.names import Name
from models.numbers import phone_number
from models.organisation import Staff
from models.plain_text import visible
from models.rulebook import ChangedCustomer, EffectKind, RuleEffect, RuleMatch
from models.search import same_number, without_title
from models.standing import Alert, CustomerTag, Tag, Task
from rules.decisions.access import Access

Customers = Annotated[list[int], Ask(_l("Customers"), to=Customer), Field(min_length=1, max_length=10_000)]
OneCustomer = Annotated[int, Ask(_l("Customer"), to=Customer)]
PerhapsArchived = Annotated[int, Ask(_l("Customer"), to=Customer, archived=True)]
"""The law's rights do not end when a record is put away."""
Why = Annotated[str, Ask(_l("Reason")), Field(max_length=200)]


class AssignInput(Input):
    """Who shall look after these customers."""

    customers: Customers
    staff: Annotated[int, Ask(_l("Staff member"), to=Staff)]
    care_role: Annotated[CareRole, Ask(_l("As"))] = CareRole.CONSULTANT
    why: Why = ""


@operation(Name.ASSIGN_CUSTOMERS, label=_l("Assign"), on=Customer)
def assign_customers(op: Operation, data: AssignInput) -> Answer:
    """Give customers to somebody; whoever had them in this role has them no longer."""
    ids = [customer.id for customer in op.subjects]
    current = _current(op, CustomerAssignment.customer_id.in_(ids), CustomerAssignment.care_role == data.care_role)
    kept = {a.customer_id for a in current if a.staff_id == data.staff}
    _reassign(op, [a for a in current if a.customer_id not in kept])
    for customer_id in ids:
        if customer_id not in kept:
            op.session.add(_assignment(op, customer_id, data.staff, data.care_role, data.why))
    return {"assigned": len(ids) - len(kept)}


class HandOverInput(Input):
    """Everything one person looks after, to another."""

    staff: Annotated[int, Ask(_l("From"), to=Staff, archived=True)]
    to: Annotated[int, Ask(_l("To"), to=Staff)]
    why: Why


@operation(Name.HAND_OVER_CUSTOMERS, label=_l("Hand over customers"), on=Staff)
def hand_over_customers(op: Operation, data: HandOverInput) -> Answer:
    """Hand all customers and open tasks of one person to another, as when she leaves."""
    if data.staff == data.to:
        raise Refused(_l("Choose somebody else."), "to")
    current = _current(op, CustomerAssignment.staff_id == data.staff)
    _reassign(op, current)
    for old in current:
        op.session.add(_assignment(op, old.customer_id, data.to, old.care_role, data.why))
    tasks = list(op.session.scalars(select(Task).where(Task.staff_id == data.staff, Task.finished_at.is_(None))))
    for task in tasks:
        task.staff_id = data.to
    op.reason = data.why
    return {"customers": len(current), "tasks": len(tasks)}


def _current(op: Operation, *conditions: object) -> list[CustomerAssignment]:
    query = select(CustomerAssignment).where(CustomerAssignment.until.is_(None), *conditions)  # type: ignore[arg-type]
    return list(op.session.scalars(query.with_for_update()))


def _reassign(op: Operation, ended: list[CustomerAssignment]) -> None:
    for assignment in ended:
        assignment.until = op.at
    op.session.flush()  # the end must stand before the new beginning: one at a time


def _assignment(op: Operation, customer: int, staff: int, role: CareRole, why: str) -> CustomerAssignment:
    return CustomerAssignment(customer_id=customer, staff_id=staff, care_role=role, since=op.at, reason=why or None)


# ----------------------------------------------------------------------------------------------------- tags


class TagInput(Input):
    """Customers and the tag they shall have."""

    customers: Customers
    tag: Annotated[int, Ask(_l("Tag"), to=Tag)]
    why: Why = ""


@operation(Name.TAG_CUSTOMERS, label=_l("Tag"), on=Customer)
def tag_customers(op: Operation, data: TagInput) -> Answer:
    """Put a tag on by hand: it stays, whatever the rules say."""
    tag = op.find(Tag, data.tag)
    if tag.exclusive:
        others = select(Tag.id).where(Tag.group == tag.group, Tag.id != tag.id)
        for other in _tags(op, CustomerTag.tag_id.in_(others)):
            if other.held:
                other.until = op.at
    return {"tagged": _decide(op, tag, held=True, why=data.why)}


class UntagInput(TagInput):
    """Customers and the tag they shall not have, or about which the rules shall decide again."""

    back_to_rules: Annotated[bool, Ask(_l("Leave it to the rules again"))] = False


@operation(Name.UNTAG_CUSTOMERS, label=_l("Take off a tag"), on=Customer)
def untag_customers(op: Operation, data: UntagInput) -> Answer:
    """Take a tag off by hand: it stays off, whatever the rules say, until it is left to them again."""
    tag = op.find(Tag, data.tag)
    if not data.back_to_rules:
        return {"untagged": _decide(op, tag, held=False, why=data.why)}
    ended = [row for row in _tags(op, CustomerTag.tag_id == tag.id) if row.by_hand]
    for row in ended:
        row.until = op.at
        op.session.add(ChangedCustomer(customer_id=row.customer_id))
    op.session.flush()
    hold_by_rules(op, tag, [row.customer_id for row in ended])
    return {"untagged": len(ended)}


def _tags(op: Operation, *conditions: object) -> list[CustomerTag]:
    ids = [customer.id for customer in op.subjects]
    query = select(CustomerTag).where(CustomerTag.customer_id.in_(ids), CustomerTag.until.is_(None), *conditions)  # type: ignore[arg-type]
    return list(op.session.scalars(query.with_for_update()))


def _decide(op: Operation, tag: Tag, held: bool, why: str) -> int:
    current = {row.customer_id: row for row in _tags(op, CustomerTag.tag_id == tag.id)}
    decided: list[int] = []
    for customer in op.subjects:
        row = current.get(customer.id)
        if row is not None and row.by_hand and row.held == held:
            continue
        if row is not None:
            row.until = op.at
        if held or tag.by_rule:
            decided.append(customer.id)
        op.session.add(ChangedCustomer(customer_id=customer.id))
    op.session.flush()
    for customer_id in decided:
        values = {"customer_id": customer_id, "tag_id": tag.id, "held": held, "by_hand": True, "since": op.at}
        op.session.add(CustomerTag(**values, reason=why or None))
    return len(decided)


# -------------------------------------------------------------------------------------------------- look up


class LookUpInput(Input):
    """The whole phone number or the member number of a customer of any store."""

    number: Annotated[str, Ask(_l("Whole phone number or member number"))]


@operation(Name.LOOK_UP_CUSTOMER, label=_l("Look up a customer of another store"), kind=EntryKind.READ, page=Customer)
def look_up_customer(op: Operation, data: LookUpInput) -> Answer:
    """Find one customer by an exact number; the log entry opens her to the asker for half an hour.

    :raises Missing: nobody, or more than one, has that number.
    """
    hold_back(op)
    whole = phone_number(data.number)
    ways = [Customer.member_no == visible(data.number).strip()]
    if whole is not None:
        ways.append(same_number(Customer, Customer.fields()["phone"], whole))
    by_now = select(current_id()).where(or_(*ways), Customer.erased_at.is_(None)).distinct().limit(2)
    found = list(op.session.scalars(by_now))
    if len(found) != 1:
        raise Missing(_l("Exactly one customer must have this number; none or several have."), "number")
    op.logged_subject = ("customer", found[0])
    return {"id": found[0]}


def same_person(row_id: int, access: Access) -> Customer | None:
    """Another customer, of those that exist for her, with the same name and phone."""
    row, other = db.session.get_one(Customer, row_id), table_of(Customer).c
    if row.phone is None:
        return None
    phone = same_number(Customer, Customer.fields()["phone"], row.phone)
    others = (phone, other.id != row_id, other.merged_into_id.is_(None), access.rows(Customer))
    name = without_title(row.name)
    sharing = db.session.scalars(select(Customer).where(*others).order_by(other.id).limit(50))
    return next((person for person in sharing if without_title(person.name) == name), None)


# ------------------------------------------------------------------------------------------------- recording


class InteractionInput(Input):
    """A conversation, digested."""

    customer: OneCustomer
    channel: Annotated[Channel, Ask(_l("Channel"))]
    digest: Annotated[str, Ask(_l("What was said"), kind=Kind.LONG_TEXT), Field(min_length=1, max_length=4000)]
    complaint: Annotated[bool, Ask(_l("Complaint"))] = False
    handling: Annotated[str, Ask(_l("Handling"), kind=Kind.LONG_TEXT), Field(max_length=4000)] = ""
    outcome: Annotated[str, Ask(_l("Outcome")), Field(max_length=200)] = ""


@operation(Name.RECORD_INTERACTION, label=_l("Record an interaction"), on=Customer)
def record_interaction(op: Operation, data: InteractionInput) -> Answer:
    """Write down what was said."""
    row = Interaction(
        customer_id=data.customer,
        staff_id=op.actor.staff_id,
        at=op.at,
        channel=data.channel,
        complaint=data.complaint,
        digest=data.digest,
        handling=data.handling or None,
        outcome=data.outcome or None,
    )
    op.session.add(row)
    op.session.flush()
    return {"id": row.id}


class ConsentInput(Input):
    """Consent given or withdrawn."""

    customer: PerhapsArchived
    purpose: Annotated[Purpose, Ask(_l("Purpose"))]
    given: Annotated[bool, Ask(_l("Given"))] = True
    text_version: Annotated[str, Ask(_l("Version of the text")), Field(min_length=1, max_length=40)]
    channel: Annotated[Channel, Ask(_l("Channel"))] = Channel.VISIT


@operation(Name.RECORD_CONSENT, label=_l("Record consent"), on=Customer)
def record_consent(op: Operation, data: ConsentInput) -> Answer:
    """Write down that she agreed, or agrees no longer."""
    values = data.model_dump(include={"purpose", "given", "text_version", "channel"})
    row = ConsentEvent(customer_id=data.customer, at=op.at, witness_id=op.actor.staff_id, **values)
    op.session.add(row)
    op.session.flush()
    return {"id": row.id}


class AssessmentInput(Input):
    """A template filled in. ``readings`` are «name value», such as «水分 42»."""

    customer: OneCustomer
    template: Annotated[int, Ask(_l("Template"), to=AssessmentTemplate)]
    readings: Annotated[
        list[str],
        Ask(_l("Readings"), help=_l("A name and a whole number each, such as 水分 42"), kind=Kind.ITEMS),
        Field(min_length=1, max_length=60),
    ]
    assessed_on: Annotated[date | None, Ask(_l("Assessed on"))] = None
    notes: Annotated[str, Ask(_l("Notes"), kind=Kind.LONG_TEXT), Field(max_length=4000)] = ""


@operation(Name.RECORD_ASSESSMENT, label=_l("Record an assessment"), on=Customer)
def record_assessment(op: Operation, data: AssessmentInput) -> Answer:
    """Write down a sitting and its readings, each within its parameter's range."""
    parameters = op.session.scalars(
        select(AssessmentParameter).where(AssessmentParameter.template_id == data.template)
    ).all()
    by_name = {word: parameter for parameter in parameters for word in (parameter.slug, parameter.name)}
    row = Assessment(
        customer_id=data.customer,
        template_id=data.template,
        staff_id=op.actor.staff_id,
        assessed_on=data.assessed_on or op.day,
        notes=data.notes or None,
    )
    op.session.add(row)
    op.session.flush()
    for written in data.readings:
        parameter, value = _reading(written, by_name)
        op.session.add(Reading(assessment_id=row.id, parameter_id=parameter.id, value=value))
    return {"id": row.id}


def _reading(written: str, by_name: dict[str, AssessmentParameter]) -> tuple[AssessmentParameter, int]:
    name, _, number = written.replace("：", " ").replace(":", " ").replace("=", " ").rpartition(" ")
    parameter = by_name.get(name.strip())
    if parameter is None:
        known = join_words(sorted({p.name for p in by_name.values()}))
        raise Refused(_l("%(written)s: name one of %(known)s.", written=written, known=known), "readings")
    if not re.fullmatch("-?[0-9]{1,9}", number) or not parameter.minimum <= int(number) <= parameter.maximum:
        low, high = parameter.minimum, parameter.maximum
        raise Refused(
            _l("%(written)s: give a whole number from %(low)s to %(high)s.", written=written, low=low, high=high),
            "readings",
        )
    return parameter, int(number)


# --------------------------------------------------------------------------------------------------- erasure


class EraseInput(Input):
    """The customer whose values shall go; ``confirm`` repeats her member number or name."""

    customer: PerhapsArchived
    confirm: Annotated[str, Ask(_l("Type the customer's name to confirm"))]
    why: Why


@operation(Name.ERASE_CUSTOMER, label=_l("Erase a customer"), on=Customer, danger=True, confirmed=True)
def erase_customer(op: Operation, data: EraseInput) -> Answer:
    """Remove what is known of a person, by law (个人信息保护法 art. 47), and keep the books.

    Every personal and sensitive value of hers goes, here and in the log's values; ids, amounts, dates and the log's
    chain stay. It cannot be undone.
    """
    customer: Customer = op.subject
    if data.confirm not in (customer.name, customer.member_no):
        raise Refused(_l("This is not the customer's name."), "confirm")
    op.reason = data.why
    for record in op.session.scalars(select(Customer).where(Customer.id.in_(kin_of(customer.id)))).all():
        _erase_record(op, record)
    return {"id": customer.id, **broken_by(op, customer)}


def _erase_record(op: Operation, customer: Customer) -> None:
    """One of the customer's records: the one that stands, or one that was merged into it."""
    for field in Customer.fields().values():
        keeps = field.info.generated or field.name in {"store_id", "stage", "birth_calendar", "first_visit_on"}
        if not keeps and field.column.nullable:
            setattr(customer, field.name, None)
    customer.name = f"#{customer.public_id[:6]}"
    customer.erased_at, customer.archived_at = op.at, customer.archived_at or op.at
    op.session.flush()
    erased = {("customer", customer.id)}
    for entity in entities():
        if entity is not Customer:
            erased |= _erase_rows(op, entity, customer.id)
    op.session.flush()
    _erase_values(op, erased)


def _erase_rows(op: Operation, entity: type[Entity], customer_id: int) -> set[tuple[str, int]]:
    """Empty the words in rows about her. Of events the database lets go of ciphertexts only, and only here."""
    fields = entity.fields().values()
    hers = [one for one in fields if one.kind is Kind.REFERENCE and one.target == "customer"]
    if not hers:
        return set()
    rows = list(op.session.scalars(select(entity).where(or_(*(one.column == customer_id for one in hers)))))
    words = [one for one in fields if not one.info.generated and _tells(entity, one)]
    for row in rows:
        for one in words if not _of_the_house(row) else ():
            setattr(row, one.name, None if one.column.nullable else "–")
        if isinstance(row, (Alert, Task)):
            row.text, row.text_en, row.outcome = "–", None, None
        if isinstance(row, RuleEffect) and row.kind is EffectKind.MESSAGE:
            row.what = "–"
        if isinstance(row, RuleMatch):
            row.why, row.why_not = {}, None
    return {(entity.named(), row.id) for row in rows}


def _of_the_house(row: Entity) -> bool:
    """Whether the words in a row are the house's own: what a package is called, what a rule gives."""
    return (isinstance(row, Card) and row.package_id is not None) or (
        isinstance(row, RuleEffect) and row.kind is not EffectKind.MESSAGE
    )


def _tells(entity: type[Entity], one: EntityField) -> bool:
    """Whether a field may say something of a person."""
    if one.info.privacy in (Privacy.PERSONAL, Privacy.SENSITIVE):
        return bool(one.column.nullable)
    told_apart = issubclass(entity, (Alert, Task))  # their text goes, not who raised and who closed them
    words = one.kind in (Kind.TEXT, Kind.LONG_TEXT, Kind.ITEMS) and not one.info.words
    return words and not entity.append_only and not told_apart


def _erase_values(op: Operation, erased: set[tuple[str, int]]) -> None:
    for entity, row_id in erased:
        changes = select(RowChange.id).where(RowChange.entity == entity, RowChange.row_id == row_id)
        op.session.execute(delete(RowValue).where(RowValue.row_change_id.in_(changes)))
