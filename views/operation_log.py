"""The operation log: by who, what, whom and when; readable differences; proof; export with its head."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from flask import Flask, abort, current_app, render_template, request
from flask_babel import gettext as _
from flask_login import login_required
from sqlalchemy import ColumnElement, func, select

from admin_app.doctor.chain import check_anchors, check_chain
from admin_app.documents.sheets import write_csv, write_sheets
from admin_app.operations import chain
from admin_app.operations.reading import LogInput
from admin_app.operations.refusals import Forbidden, Missing
from admin_app.operations.registry import specs
from admin_app.titles import title_of
from admin_app.values import Unreadable, read_kind
from models.entity import AnySelect, db, entities, entity_named
from models.field import Kind
from models.log import EntryKind, LogLink, Operation, RowChange, RowValue
from models.names import Name
from views.downloads import download
from views.history import Difference, difference_texts, differences, label_of
from views.person import access, do, refuse

PAGE = 50
MOST_EXPORTED = 100_000


@dataclass(frozen=True)
class Wanted:
    """What of the log was asked for."""

    said: dict[str, str]
    conditions: list[ColumnElement[bool]]
    before: int | None


def register(app: Flask) -> None:
    app.add_url_rule("/log", "log", login_required(log_page))
    app.add_url_rule("/log/<int:number>", "log.entry", login_required(entry_page))
    app.add_url_rule("/log/export.<kind>", "log.export", login_required(export))
    app.add_url_rule("/log/prove", "log.prove", login_required(prove), methods=["POST"])


def _open_log() -> None:
    if not access().opens("log"):
        raise refuse(Forbidden, "log")


def log_page() -> Any:
    """The newest entries that fit."""
    _open_log()
    wanted = read_wanted(request.args)
    do(Name.READ_LOG, LogInput(filter=wanted.said))
    query = _query(wanted).limit(PAGE + 1)
    rows = list(db.session.scalars(query))
    entries = [(row, label_of(row.name), subject_of(row)) for row in rows[:PAGE]]
    following = {**wanted.said, "before": rows[PAGE - 1].id} if len(rows) > PAGE else None
    return render_template(
        "log.html",
        entries=entries,
        said=wanted.said,
        following=following,
        names=[(spec.name, str(spec.label)) for spec in specs()],
        kinds=[(kind.value, str(kind.label)) for kind in EntryKind],
        subjects=[(entity.named(), str(entity.label)) for entity in entities()],
        proof=None,
        size=db.session.scalar(select(func.max(LogLink.seq))) or 0,
    )


def read_wanted(args: Mapping[str, str]) -> Wanted:
    """Who, what, whom, when."""
    said = {
        name: args[name].strip()
        for name in ("who", "what", "kind", "on", "id", "from", "to", "result")
        if args.get(name, "").strip()
    }
    conditions: list[ColumnElement[bool]] = []
    plain = {"what": Operation.name, "kind": Operation.kind, "on": Operation.subject_kind, "result": Operation.result}
    for name, column in plain.items():
        if name in said and not (name == "kind" and said[name] not in {kind.value for kind in EntryKind}):
            conditions.append(column == said[name])
    if "who" in said:
        conditions.append(Operation.actor_name == said["who"])
    if said.get("id", "").isdigit():
        conditions.append(_concerns(said.get("on"), int(said["id"])))
    for name, shift in (("from", timedelta()), ("to", timedelta(1))):
        edge = _midnight(said.get(name), shift)
        if edge is not None:
            conditions.append(Operation.at >= edge if name == "from" else Operation.at < edge)
    before = args.get("before", "")
    return Wanted(said, conditions, int(before) if before.isdigit() and len(before) < 18 else None)


def _concerns(entity: str | None, row_id: int) -> ColumnElement[bool]:
    """Entries on a row: named as the subject, or changing it on the way."""
    changed = select(RowChange.operation_id).where(RowChange.row_id == row_id)
    if entity is not None:
        changed = changed.where(RowChange.entity == entity)
    return (Operation.subject_id == row_id) | Operation.id.in_(changed)


def _midnight(said: str | None, shift: timedelta) -> datetime | None:
    zone = current_app.config["PEONY"].zone
    try:
        return datetime.combine(read_kind(Kind.DAY, said, zone) + shift, time(), zone) if said else None
    except Unreadable:
        return None


def _query(wanted: Wanted) -> AnySelect:
    query = select(Operation).where(*wanted.conditions).order_by(Operation.id.desc())
    return query if wanted.before is None else query.where(Operation.id < wanted.before)


def subject_of(row: Operation) -> tuple[str, str] | None:
    """What an entry is about: the kind of row and what it is called today."""
    if row.subject_kind is None or row.subject_id is None:
        return None
    try:
        entity = entity_named(row.subject_kind)
    except KeyError:
        return row.subject_kind, f"#{row.subject_id}"
    found = db.session.scalar(select(entity).where(entity.id == row.subject_id, access().rows(entity)))
    return str(entity.label), title_of(found, access()) if found is not None else f"#{row.subject_id}"


def entry_page(number: int) -> Any:
    """One entry: everything the log holds of it, field by field."""
    _open_log()
    row = db.session.get(Operation, number)
    if row is None:
        raise refuse(Missing, "log.entry")
    link = db.session.scalar(select(LogLink).where(LogLink.operation_id == number))
    do(Name.READ_LOG, LogInput(filter={"entry": number}))
    row = db.session.get(Operation, number)
    assert row is not None
    link = db.session.scalar(select(LogLink).where(LogLink.operation_id == number))
    changes = list(_changes(number))
    return render_template(
        "log_entry.html", row=row, label=label_of(row.name), subject=subject_of(row), link=link, changes=changes
    )


def _changes(number: int, most: int = 200) -> Iterator[tuple[str, RowChange, list[Difference]]]:
    query = (
        select(RowChange, RowValue)
        .outerjoin(RowValue, RowValue.row_change_id == RowChange.id)
        .where(RowChange.operation_id == number)
        .order_by(RowChange.id)
        .limit(most)
    )
    for change, value in db.session.execute(query):
        entity = entity_named(change.entity)
        yield str(entity.label), change, differences(entity, change, value, access())


def prove() -> Any:
    """Walk the whole chain now, and say what was found."""
    _open_log()
    begun = perf_counter()
    looked_at, faults = check_chain()
    anchors, more = check_anchors()
    do(Name.READ_LOG, LogInput(format="proof", rows=looked_at))
    proof = {"rows": looked_at, "anchors": anchors, "faults": [*faults, *more], "seconds": perf_counter() - begun}
    return render_template("proof.html", proof=proof)


HEADINGS = ("No.", "Time", "Kind", "Operation", "Who", "Role", "On", "Row", "Result", "Reason", "Address", "Changes")


def export(kind: str) -> Any:
    """The entries that fit as a file, with the filter and the head of the chain written in it."""
    _open_log()
    if kind not in {"xlsx", "csv"}:
        abort(404)
    wanted = read_wanted(request.args)
    rows = list(db.session.scalars(_query(wanted).limit(MOST_EXPORTED)))
    seq, digest = chain.head(db.session.connection())
    filter_text = ", ".join(f"{name}={value}" for name, value in wanted.said.items()) or _("everything")
    head = [[_("Filter"), filter_text], [_("Links"), seq], [_("Head"), digest], []]
    body = [*head, list(HEADINGS), *(_line(row) for row in rows)]

    def write(path: Path) -> None:
        if kind == "csv":
            write_csv(path, [_("Operation log")], body)
        else:
            write_sheets(path, [(_("Operation log"), [_("Operation log")], body)])
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        do(Name.READ_LOG, LogInput(filter=wanted.said, format=kind, rows=len(rows), head=digest, sha256=sha256))

    return download(f"operation-log.{kind}", write)


def _line(row: Operation) -> list[Any]:
    zone = current_app.config["PEONY"].zone
    changed = [difference_texts(found) for _label, _change, found in _changes(row.id, most=20)]
    return [
        row.id,
        f"{row.at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
        str(row.kind.label),
        label_of(row.name),
        row.actor_name,
        row.actor_role,
        row.subject_kind or "",
        row.subject_id or "",
        row.result,
        row.reason or "",
        row.address,
        " | ".join(changed)[:2_000],
    ]
