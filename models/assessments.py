"""Skin and body over time: what is measured, and the readings."""

from __future__ import annotations

from datetime import date

from flask_babel import lazy_gettext as _l
from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped

from models.entity import Record
from models.field import Choice, Privacy, Search, choice, field, reference
from models.invariants import holds
from models.names import Name
from models.screen import Screen, Section, WrittenBy
from models.types import Big, Day, Encrypted, LongText, Text


class AssessmentTemplate(Record):
    """A form by which skin or body is assessed."""

    label = _l("Assessment template")
    plural = _l("Assessment templates")
    written_by = WrittenBy.FORM
    shared = True
    screen = Screen(Section.CATALOGUE, "list", ("name", "about"), "name")

    name: Mapped[str] = field(Text(60), label=_l("Name"), unique=True, search=Search.WORDS)
    about: Mapped[str | None] = field(LongText, label=_l("About"))


class Better(Choice):
    """Which way is an improvement."""

    UP = "up", _l("Higher is better")
    DOWN = "down", _l("Lower is better")


class AssessmentParameter(Record):
    """One thing that a template measures."""

    label = _l("Assessment parameter")
    plural = _l("Assessment parameters")
    written_by = WrittenBy.FORM
    shared = True
    moves_all = ("slug",)
    screen = Screen(Section.CATALOGUE, "list", ("name", "slug", "template_id", "unit", "minimum", "maximum", "better"))
    __table_args__ = (
        UniqueConstraint("template_id", "slug"),
        holds("minimum < maximum", "range", "maximum", _l("The most must be above the least.")),
    )

    template_id: Mapped[int] = reference("assessment_template", label=_l("Template"))
    slug: Mapped[str] = field(
        Text(40), label=_l("Short name"), index=True, help=_l("Rules name it by this"), fixed=True
    )
    name: Mapped[str] = field(Text(60), label=_l("Name"), index=True, search=Search.WORDS)
    unit: Mapped[str | None] = field(Text(20), label=_l("Unit"))
    minimum: Mapped[int] = field(Big, label=_l("Least"), default=0, least=-1_000_000, most=1_000_000)
    maximum: Mapped[int] = field(Big, label=_l("Most"), default=100, least=-1_000_000, most=1_000_000)
    better: Mapped[Better] = field(choice(Better), label=_l("Better"), default=Better.UP)


class Assessment(Record):
    """One sitting: a template filled in for a customer."""

    label = _l("Assessment")
    plural = _l("Assessments")
    written_by = WrittenBy.by(Name.RECORD_ASSESSMENT)
    title = ("customer_id", "assessed_on")
    screen = Screen(Section.CUSTOMERS, "chart", ("customer_id", "template_id", "assessed_on", "staff_id"))

    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    template_id: Mapped[int] = reference("assessment_template", label=_l("Template"))
    staff_id: Mapped[int | None] = reference("staff", label=_l("Staff member"))
    assessed_on: Mapped[date] = field(Day, label=_l("Assessed on"), index=True)
    notes: Mapped[str | None] = field(Encrypted(LongText()), label=_l("Notes"), privacy=Privacy.SENSITIVE)


class Reading(Record):
    """One measured value."""

    label = _l("Reading")
    plural = _l("Readings")
    written_by = WrittenBy.by(Name.RECORD_ASSESSMENT)
    within = "assessment_id"
    title = ("parameter_id", "value")
    screen = Screen(Section.CUSTOMERS, "chart", ("assessment_id", "parameter_id", "value"))
    __table_args__ = (UniqueConstraint("assessment_id", "parameter_id"),)

    assessment_id: Mapped[int] = reference("assessment", label=_l("Assessment"))
    parameter_id: Mapped[int] = reference("assessment_parameter", label=_l("Parameter"))
    value: Mapped[int] = field(Big, label=_l("Value"), least=-1_000_000, most=1_000_000)
