"""Care given: what was done in a treatment, how the skin was, and who asks after it."""

from __future__ import annotations

from datetime import date, datetime

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as pgettext
from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped

from models.entity import Record
from models.field import Choice, Privacy, choice, field, reference
from models.invariants import holds
from models.names import Name
from models.screen import Screen, Section, WrittenBy
from models.types import Big, Day, Encrypted, Instant, Items, LongText, Text


class Effect(Choice):
    """How well a treatment did."""

    GOOD = "good", _l("Good")
    FAIR = "fair", _l("Fair")
    NONE = "none", _l("No effect")
    ADVERSE = "adverse", _l("Adverse reaction")


class Treatment(Record):
    """One service given: by whom, where, with what, how the skin was before, and what came of it."""

    label = _l("Treatment")
    plural = _l("Treatments")
    written_by = WrittenBy.by(Name.RECORD_TREATMENT, also=(Name.ERASE_CUSTOMER,))
    imports = False
    title = ("service_id", "business_day")
    screen = Screen(
        Section.CUSTOMERS,
        "drop",
        ("business_day", "customer_id", "service_id", "staff_id", "effect", "store_id"),
        "-id",
    )

    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    store_id: Mapped[int] = reference("store", label=_l("Store"))
    business_day: Mapped[date] = field(Day, label=_l("Business day"), index=True)
    visit_id: Mapped[int | None] = reference("visit", label=_l("Visit"))
    sale_line_id: Mapped[int | None] = reference("sale_line", label=_l("Sale line"), unique=True, index=False)
    service_id: Mapped[int] = reference("service", label=_l("Service"))
    staff_id: Mapped[int] = reference("staff", label=_l("Staff member"))
    bed_id: Mapped[int | None] = reference("bed", label=_l("Bed"))
    area: Mapped[str | None] = field(Text(60), label=_l("Area"))
    steps_done: Mapped[str | None] = field(LongText, label=_l("Steps done"))
    products_used: Mapped[list[str] | None] = field(Items, label=_l("Products used"))
    skin_before: Mapped[str | None] = field(Encrypted(LongText()), label=_l("Skin before"), privacy=Privacy.SENSITIVE)
    effect: Mapped[Effect | None] = field(choice(Effect), label=_l("Effect"))
    adverse_reaction: Mapped[str | None] = field(
        Encrypted(LongText()), label=_l("Adverse reaction"), privacy=Privacy.SENSITIVE
    )
    advice: Mapped[str | None] = field(LongText, label=_l("Advice"))


class FollowUp(Record):
    """After a treatment somebody asks how it is: planned when the treatment is recorded."""

    label = _l("Follow-up")
    plural = _l("Follow-ups")
    written_by = WrittenBy.by(
        Name.RECORD_TREATMENT, Name.FINISH_FOLLOW_UP, also=(Name.ERASE_CUSTOMER, Name.MERGE_CUSTOMERS)
    )
    imports = False
    title = ("due_on", "customer_id")
    screen = Screen(
        Section.CUSTOMERS,
        "phone",
        ("due_on", "customer_id", "treatment_id", "staff_id", "done_at", "outcome"),
        "-due_on",
    )
    __table_args__ = (
        UniqueConstraint("treatment_id", "days_after"),
        holds("(done_at IS NULL) = (outcome IS NULL)", "outcome", "outcome", _l("What came of it must be said.")),
    )

    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    treatment_id: Mapped[int] = reference("treatment", label=_l("Treatment"))
    staff_id: Mapped[int | None] = reference("staff", label=_l("Staff member"))
    days_after: Mapped[int] = field(Big, label=pgettext("follow-up", "After"), unit=_l("days"), most=3_650)
    due_on: Mapped[date] = field(Day, label=_l("Due on"), index=True)
    done_at: Mapped[datetime | None] = field(Instant, label=_l("Done at"))
    outcome: Mapped[str | None] = field(Text(200), label=_l("Outcome"))
