"""Rows of an entity out of the house: the fields she may see, as she may see them, in a file that is logged first."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from flask import current_app
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, func, select

from admin_app.documents.sheets import write_csv, write_sheets
from admin_app.operations.kernel import perform
from admin_app.operations.reading import ExportInput
from admin_app.operations.refusals import Refused
from admin_app.references import reference_names
from admin_app.rulebook import access_for, words_of
from admin_app.titles import money_accounts
from admin_app.values import show_value
from models.actor import Actor
from models.entity import AnySelect, Entity, db
from models.field import Field, Kind
from models.names import Name
from models.value import LedgerEntry
from rules.decisions.access import Access, Sight, masked

PAGE = 2_000


@dataclass(frozen=True)
class Extra:
    """A column that no row stores, behind the stored column ``after`` or in place of the stored one of its own name:
    ``values`` are cells by the ids of rows.
    """

    name: str
    label: LazyString
    after: str
    values: Callable[[Sequence[int]], dict[int, Any]]


@dataclass(frozen=True)
class Selection:
    """What of an entity: further conditions, how they were said, and columns beside the stored ones."""

    entity: type[Entity]
    conditions: Sequence[ColumnElement[bool]] = ()
    said: dict[str, Any] = field(default_factory=dict)
    extra: Sequence[Extra] = ()


def export_to(path: Path, chosen: Selection, actor: Actor) -> int:
    """Write the rows to an .xlsx or .csv file and log it; how many there were.

    :raises Refused: more rows than may leave at once, or she may not export.
    """
    access = access_for(actor)
    columns = _columns(access, chosen)
    query = select(chosen.entity).where(access.rows(chosen.entity), *chosen.conditions)
    most = current_app.config["PEONY"].export_rows
    if (db.session.scalar(select(func.count()).select_from(query.limit(most + 1).subquery())) or 0) > most:
        raise Refused(_l("More than %(most)s rows; narrow the filter.", most=most), None, "too_many")
    headings = [str(one.label) for one in columns]
    body = _body(query, chosen.entity, columns, access)
    if path.suffix.lower() == ".csv":
        rows = write_csv(path, headings, body)
    else:
        rows = write_sheets(path, [(str(chosen.entity.plural), headings, body)])
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    data = ExportInput(
        entity=chosen.entity.named(),
        format=path.suffix.lower().lstrip("."),
        rows=rows,
        columns=[one.name for one in columns],
        filter=chosen.said,
        sha256=digest,
    )
    try:
        perform(Name.EXPORT_ROWS, data, actor=actor)
    except Refused:
        path.unlink()
        raise
    return rows


def exported_fields(access: Access, entity: type[Entity]) -> list[Field]:
    """What she sees of the entity, save what the house keeps for itself."""
    kept = {"id", "version", "source_key", "public_id"}
    return [one for one in entity.fields().values() if one.name not in kept and access.sight(one) is not Sight.HIDDEN]


def _columns(access: Access, chosen: Selection) -> list[Field | Extra]:
    """The columns of a file in the order of the declaration, each extra one behind the stored one that it follows."""
    stored = {one.name: one for one in exported_fields(access, chosen.entity)}
    columns: list[Field | Extra] = []
    instead = {one.name for one in chosen.extra}
    for name in chosen.entity.fields():
        if name in stored and name not in instead:
            columns.append(stored[name])
        columns += [one for one in chosen.extra if one.after == name]
    return columns


def _body(
    query: AnySelect, entity: type[Entity], columns: Sequence[Field | Extra], access: Access
) -> Iterator[list[Any]]:
    """Rows by pages of ids, so that memory does not grow with the file."""
    fields = [one for one in columns if isinstance(one, Field)]
    labels = {one.name: dict(words_of(one.info.words)) for one in fields if one.info.words}
    writer = _CellWriter(access, current_app.config["PEONY"].zone, labels)
    titles: dict[tuple[str, int], str] = {}
    last = 0
    while True:
        page = list(db.session.scalars(query.where(entity.id > last).order_by(entity.id).limit(PAGE)))
        if not page:
            return
        titles |= reference_names(_referred(page, fields, titles), access)
        in_money, ids = money_accounts(page), [row.id for row in page]
        extra = {one.name: one.values(ids) for one in columns if isinstance(one, Extra)}
        for row in page:
            yield [
                extra[one.name].get(row.id, "") if isinstance(one, Extra) else writer.cell(row, one, titles, in_money)
                for one in columns
            ]
        last = page[-1].id
        db.session.expunge_all()


def _referred(
    rows: Sequence[Entity], fields: Sequence[Field], titled: dict[tuple[str, int], str]
) -> dict[str, set[int]]:
    """The rows that these refer to and that have no title yet, by entity."""
    wanted: dict[str, set[int]] = {}
    for one in fields:
        if one.kind is Kind.REFERENCE:
            ids = {value for row in rows if (value := getattr(row, one.name)) is not None}
            wanted.setdefault(one.target, set()).update(number for number in ids if (one.target, number) not in titled)
    return {target: ids for target, ids in wanted.items() if ids}


@dataclass(frozen=True)
class _CellWriter:
    """What a person's file holds of a value; ``labels`` are the words of the short names, by field."""

    access: Access
    zone: ZoneInfo
    labels: dict[str, dict[str, str]]

    def cell(self, row: Entity, one: Field, titles: dict[tuple[str, int], str], in_money: set[int]) -> Any:
        """The value as its own type where a spreadsheet has one: yuan, dates, times, numbers; else its text."""
        value = getattr(row, one.name)
        if value is None:
            return ""
        if self.access.sight(one) is Sight.MASKED:
            return masked(value, one.kind)
        if one.kind is Kind.REFERENCE:
            return titles.get((one.target, value), f"#{value}")
        if one.kind is Kind.MONEY or _is_money_entry(row, one, in_money):
            return Decimal(value) / 100
        if one.kind is Kind.INSTANT:
            return value.astimezone(self.zone).replace(tzinfo=None, microsecond=0)
        if one.kind in {Kind.NUMBER, Kind.DAY, Kind.TIME} and not isinstance(value, dict):
            return value
        if one.info.words:
            return self.labels[one.name].get(value, value)
        return show_value(one.kind, value, self.zone)


def _is_money_entry(row: Entity, one: Field, in_money: set[int]) -> bool:
    return isinstance(row, LedgerEntry) and one.name == "amount" and row.account_id in in_money
