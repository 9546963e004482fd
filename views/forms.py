"""Forms made from fields and from the inputs of operations: one generator for both."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import UnionType
from typing import Any, Union, get_args, get_origin

from flask import current_app, request
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from sqlalchemy import ColumnElement, select
from wtforms import (
    BooleanField,
    Form,
    HiddenField,
    PasswordField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms import Field as WtField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the stubs
from wtforms.validators import ValidationError

from admin_app.operations.kernel import business_day, now
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Asked, Spec
from admin_app.rulebook import words_of
from admin_app.staffing import at_work
from admin_app.values import Unreadable, check_range, is_empty, read_kind, read_value, write_value
from models.entity import Entity, db, entity_named
from models.field import Choice, Field, Kind, Range
from rules.decisions.access import Access, Sight, masked
from views.choices import offered
from views.chosen import chosen_ids
from views.form_rows import RowForm, RowsField, faults_of, folded, tell
from views.unsent import is_redisplay

SHORT_LIST = 20
"""A relation with so few rows is a plain list; beyond, its list is searched on the server."""

LONG_LIST = 200
"""What belongs to the rows an operation is done on is listed whole, as far as that."""

_INPUT = {
    Kind.DAY: {"type": "date"},
    Kind.TIME: {"type": "time"},
    Kind.INSTANT: {"type": "datetime-local"},
    Kind.PHONE: {"type": "tel", "autocomplete": "off"},
    Kind.NUMBER: {"inputmode": "numeric"},
    Kind.MONEY: {"inputmode": "decimal"},
}


SHORT_FORM = 12


class HouseForm(FlaskForm):
    """The base of every form: its key is born here, so that sending it twice does the thing once."""

    op_id = HiddenField()
    version = HiddenField()

    def validate_on_submit(self, extra_validators: Any = None) -> bool:
        """Whether to do what the form asks; not where it is only shown again as it was sent."""
        return not is_redisplay() and bool(super().validate_on_submit(extra_validators))

    def fresh(self) -> None:
        """Give the form a new key."""
        self.op_id.data = secrets.token_hex(16)

    @property
    def asked(self) -> list[WtField]:
        """The fields that a person fills in."""
        return [one for one in self if not isinstance(one, HiddenField)]

    @property
    def faults(self) -> list[tuple[str, str, str]]:
        """What is wrong, by field: its id, its label, the message."""
        return faults_of(self)

    @property
    def parts(self) -> tuple[list[WtField], list[WtField]]:
        """What an operation asks first, and what stands folded below."""
        return folded(self.asked)

    def first(self, usual: Collection[str]) -> tuple[list[WtField], list[WtField]]:
        """Of a long form, what is usual, must be said or is wrong; and what may stand folded below."""
        if len(self.asked) <= SHORT_FORM:
            return self.asked, []
        top = [one for one in self.asked if one.name in usual or one.flags.required or one.errors]
        return top, [one for one in self.asked if one not in top]


class ReferenceField(SelectField):
    """A row of another entity: a list where there are few, else searched on the server."""

    entity: str = ""
    searched: bool = False


@dataclass(frozen=True)
class Blueprint:
    """What is needed to make one form field."""

    name: str
    label: Any
    kind: Kind
    required: bool
    help: Any = None
    unit: Any = None
    field: Field | None = None
    target: type[Entity] | None = None
    many: bool = False
    choices: Sequence[tuple[str, str]] = ()
    default: Any = None
    masked: str = ""
    rows: tuple[Blueprint, ...] = ()
    among: ColumnElement[bool] | None = None
    aside: bool = False
    at_work: bool = False
    range: Range | None = None


def entity_blueprints(entity: type[Entity], access: Access, row: Entity | None = None) -> list[Blueprint]:
    """The form of an entity, as this person may fill it in."""
    made: list[Blueprint] = []
    for one in entity.fields().values():
        if not access.writes(one, creating=row is None):
            continue
        hidden_value = row is not None and access.sight(one) is Sight.MASKED
        default = one.column.default.arg if one.column.default is not None and one.column.default.is_scalar else None  # type: ignore[attr-defined]  # scalar defaults have arg
        made.append(
            Blueprint(
                name=one.name,
                label=one.label,
                kind=one.kind,
                required=one.required and one.kind is not Kind.FLAG and not (row is None and one.name == "store_id"),
                help=one.info.help,
                unit=one.info.unit,
                field=one,
                target=entity_named(one.target) if one.kind is Kind.REFERENCE else None,
                choices=_choices_of(one),
                default=default,
                masked=(masked(getattr(row, one.name), one.kind) or "") if hidden_value else "",
                range=one.range,
            )
        )
    return made


def _choices_of(one: Field) -> Sequence[tuple[str, str]]:
    if one.kind is Kind.CHOICE:
        return [(member.value, str(member.label)) for member in one.choices]
    return words_of(one.info.words) if one.info.words else ()


def operation_blueprints(spec: Spec, ids: Sequence[int] = ()) -> list[Blueprint]:
    """The form of an operation's input, for these rows."""
    return [_asked_blueprint(asked, ids) for asked in spec.asked()]


def _asked_blueprint(asked: Asked, ids: Sequence[int]) -> Blueprint:
    plain = _plain_type(asked.annotation)
    choices: Sequence[tuple[str, str]] = asked.ask.choices() if asked.ask.choices else ()
    if not choices and isinstance(plain, type) and issubclass(plain, Choice):
        choices = [(member.value, str(member.label)) for member in plain]
    return Blueprint(
        name=asked.name,
        label=asked.ask.label,
        kind=_kind_of_type(asked, plain, bool(choices)),
        required=asked.required and plain is not bool,
        help=asked.ask.help,
        target=asked.ask.to,
        many=asked.many,
        choices=choices,
        default=asked.default if not asked.required else None,
        rows=tuple(_asked_blueprint(part, ids) for part in asked.rows),
        among=asked.ask.among(ids) if asked.ask.among and ids else None,
        aside=asked.ask.aside,
        at_work=asked.ask.at_work,
        range=asked.range,
    )


def _plain_type(annotation: Any) -> Any:
    """``int | None`` is int, ``list[int]`` is list."""
    if get_origin(annotation) in (Union, UnionType):
        return next(part for part in get_args(annotation) if part is not type(None))
    return get_origin(annotation) or annotation


def _kind_of_type(asked: Asked, plain: Any, has_choices: bool) -> Kind:
    if asked.ask.to is not None:
        return Kind.REFERENCE
    if asked.ask.kind is not None:
        return asked.ask.kind
    if has_choices:
        return Kind.CHOICE
    return {bool: Kind.FLAG, int: Kind.NUMBER, datetime: Kind.INSTANT, date: Kind.DAY, list: Kind.ITEMS}.get(
        plain, Kind.TEXT
    )


def make_form(
    blueprints: Iterable[Blueprint], access: Access, chosen: dict[str, list[Any]] | None = None
) -> type[HouseForm]:
    """A form class; what was sent is chosen, or else ``chosen``: a searched relation shows what it stands at."""
    members: dict[str, Any] = {}
    plans = list(blueprints)
    standing = (chosen or {}) | {name: ids for name, ids in chosen_ids(plans, request.values).items() if ids}
    for plan in plans:
        members[plan.name] = _wt_field(plan, access, standing)
    return type("GeneratedForm", (HouseForm,), members)


def _wt_field(plan: Blueprint, access: Access, chosen: dict[str, list[Any]], within: str = "") -> Any:
    attributes: dict[str, Any] = {**_INPUT.get(plan.kind, {}), **_limits(plan)}
    if plan.required:
        attributes["required"] = True
    if plan.aside:
        attributes["data-aside"] = True
    if plan.masked:
        attributes["placeholder"] = plan.masked
    options: dict[str, Any] = {
        "label": plan.label,
        "description": plan.help or "",
        "validators": [_readable(plan)],
        "render_kw": attributes,
    }
    if plan.rows:
        row = type(
            "GeneratedRow",
            (RowForm,),
            {part.name: _wt_field(part, access, chosen, f"{plan.name}-") for part in plan.rows},
        )
        return RowsField(row, label=plan.label, description=plan.help or "", min_entries=int(plan.required))
    if plan.kind is Kind.REFERENCE:
        return _reference(plan, access, chosen.get(within + plan.name, []), options)
    if plan.choices:
        blank = [] if plan.required and plan.default is not None else [SelectChoice("", "")]
        options["choices"] = [*blank, *(SelectChoice(value, text) for value, text in plan.choices)]
        default = str(plan.default) if plan.default is not None else ""
        return SelectField(default=default, validate_choice=False, **options)
    if plan.kind is Kind.FLAG:
        return BooleanField(default=bool(plan.default), **options)
    if plan.kind is Kind.LONG_TEXT:
        return TextAreaField(**options)
    if plan.kind is Kind.PASSWORD:
        return PasswordField(**options)
    default = write_value(plan.kind, plan.default, current_app.config["PEONY"].zone) if plan.default is not None else ""
    return StringField(default=default, **options)


def _limits(plan: Blueprint) -> dict[str, str]:
    """The earliest and the latest day, so that the browser's own calendar keeps to them."""
    if plan.range is None or plan.kind not in {Kind.DAY, Kind.INSTANT}:
        return {}
    form = "%Y-%m-%d" if plan.kind is Kind.DAY else "%Y-%m-%dT%H:%M"
    return {"min": f"{plan.range.least:{form}}", "max": f"{plan.range.most:{form}}"}


def _reference(plan: Blueprint, access: Access, chosen: list[Any], options: dict[str, Any]) -> Any:
    assert plan.target is not None
    rows = _first_rows(plan, access)
    searched = plan.among is None and not plan.at_work and len(rows) > SHORT_LIST
    shown = [] if searched else rows
    missing = [one for one in chosen if one not in {row.id for row in shown}]
    if missing:
        found = select(plan.target).where(plan.target.id.in_(missing), access.rows(plan.target))
        shown = [*db.session.scalars(found), *shown]
    listed = [SelectChoice(str(one.row_id), one.label, one.attributes) for one in offered(shown, access)]
    options["render_kw"] |= {"data-lookup": plan.target.named()} if searched else {}
    if plan.many:
        return SelectMultipleField(
            choices=listed, default=[str(one) for one in chosen], validate_choice=False, **options
        )
    return ReferenceField(choices=[SelectChoice("", ""), *listed], default="", validate_choice=False, **options)


def _first_rows(plan: Blueprint, access: Access) -> list[Any]:
    target = plan.target
    assert target is not None
    query = select(target).where(access.rows(target)).order_by(target.id).limit(SHORT_LIST + 1)
    if plan.among is not None:
        query = query.where(plan.among).limit(LONG_LIST)
    if plan.at_work:
        query = query.where(at_work(business_day(now()), access.actor.stores)).limit(LONG_LIST)
    if "archived_at" in target.fields():
        query = query.where(target.fields()["archived_at"].column.is_(None))
    return list(db.session.scalars(query))


def _readable(plan: Blueprint) -> Any:
    """The same reader that the operation uses, so that a fault stands at its field at once."""

    def check(form: Form, one: WtField) -> None:
        if (plan.masked and is_empty(one.data)) or (isinstance(form, RowForm) and form.blank):
            return
        if isinstance(one, BooleanField):
            return
        if plan.required and is_empty(one.data):
            raise ValidationError(_l("This must not be empty."))
        try:
            if plan.field is not None and not (plan.name == "store_id" and is_empty(one.data)):
                read_value(plan.field, one.data, current_app.config["PEONY"].zone)
            elif plan.field is None and not is_empty(one.data) and plan.kind not in {Kind.CHOICE, Kind.PASSWORD}:
                for said in one.data if plan.many else [one.data]:
                    value = read_kind(plan.kind, said, current_app.config["PEONY"].zone)
                    check_range(plan.kind, value, plan.range)
        except Unreadable as error:
            raise ValidationError(error.message) from error

    return check


def written(form: HouseForm) -> dict[str, Any]:
    """What a person wrote, by field."""
    values: dict[str, Any] = {}
    for one in form.asked:
        values[one.name] = ("yes" if one.data else "no") if isinstance(one, BooleanField) else one.data
    return values


def typed(form: Form, blueprints: Iterable[Blueprint]) -> dict[str, Any]:
    """What a person wrote, read into the types of an operation's input; what is empty is left to its default."""
    zone = current_app.config["PEONY"].zone
    values: dict[str, Any] = {}
    for plan in blueprints:
        if plan.rows:
            rows = form[plan.name]
            assert isinstance(rows, RowsField)
            values[plan.name] = [typed(row, plan.rows) for row in rows.filled]
            continue
        data = form[plan.name].data
        if plan.kind is Kind.FLAG:
            values[plan.name] = bool(data)
        elif plan.many:
            values[plan.name] = [read_kind(Kind.REFERENCE, one, zone) for one in data or []]
        elif is_empty(data):
            continue
        elif plan.kind in {Kind.CHOICE, Kind.PASSWORD}:
            values[plan.name] = data
        else:
            values[plan.name] = read_kind(plan.kind, data, zone)
    return values


def show_refusal(form: HouseForm, refusal: Refused) -> None:
    """The message stands at its field; what is about no field, or one she does not see, stands above the form."""
    if not tell(form, refusal.field, str(refusal)):
        form.form_errors = [*form.form_errors, str(refusal)]
    form.fresh()


__all__ = ["HouseForm", "entity_blueprints", "make_form", "operation_blueprints", "show_refusal", "typed", "written"]
