"""The operation log: by who, what, whom and when; readable differences; proof; export with its head."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from flask import Flask, abort, current_app, render_template, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, and_, func, or_, select

from admin_app.doctor.chain import check_anchors, check_chain
from admin_app.documents.sheets import write_csv, write_sheets
from admin_app.operations import chain
from admin_app.operations.kernel import begin_of_day
from admin_app.operations.reading import LogInput
from admin_app.operations.refusals import Forbidden, Missing
from admin_app.operations.registry import specs
from admin_app.titles import titles_by
from models.entity import AnySelect, Entity, db, entities, entity_named
from models.log import EntryKind, LogLink, Operation, RowChange, RowValue
from models.names import Name
from rules.decisions.access import MASK
from views.addresses import BadAddress, day_in, number_in
from views.downloads import download
from views.history import Difference, Told, difference_texts, label_of
from views.log_details import details_of
from views.person import access, do, refuse

PAGE = 50
BATCH = 500
MOST_EXPORTED = 100_000
FIRST_CHANGES, MOST_CHANGES = 10, 200
"""Changed rows that the page of an entry shows at first, and when all are asked for."""


@dataclass(frozen=True)
class Wanted:
    """What of the log was asked for."""

    said: dict[str, str]
    conditions: list[ColumnElement[bool]]
    before: int | None


def register(app: Flask) -> None:
    app.add_url_rule("/log", "log", log_page)
    app.add_url_rule("/log/<int:number>", "log.entry", entry_page)
    app.add_url_rule("/log/export.<file_type>", "log.export", export)
    app.add_url_rule("/log/prove", "log.prove", prove, methods=["POST"])


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
    subjects = subjects_of(rows[:PAGE])
    entries = [(row, label_of(row.name), subjects.get(row.id)) for row in rows[:PAGE]]
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
    """Who, what, whom, when.

    :raises BadAddress: a day, a number or a kind is none.
    """
    said = {
        name: args[name].strip()
        for name in ("who", "what", "kind", "on", "id", "from", "to", "result")
        if args.get(name, "").strip()
    }
    plain = {"what": Operation.name, "who": Operation.actor_name, "result": Operation.result}
    conditions = [column == said[name] for name, column in plain.items() if name in said]
    if "kind" in said:
        if said["kind"] not in {kind.value for kind in EntryKind}:
            raise BadAddress("kind", _l("This is not one of the choices."))
        conditions.append(Operation.kind == said["kind"])
    row_id = number_in(said, "id")
    if row_id is not None:
        conditions.append(_concerns(said.get("on"), row_id))
    elif "on" in said:
        conditions.append(Operation.subject_kind == said["on"])
    for name, shift in (("from", timedelta()), ("to", timedelta(1))):
        day = day_in(said, name)
        if day is not None:
            edge = begin_of_day(day + shift)
            conditions.append(Operation.at >= edge if name == "from" else Operation.at < edge)
    return Wanted(said, conditions, number_in(args, "before"))


def _concerns(entity: str | None, row_id: int) -> ColumnElement[bool]:
    """Entries on a row: named as the subject, or changing it on the way."""
    changed = select(RowChange.operation_id).where(RowChange.row_id == row_id)
    subject = Operation.subject_id == row_id
    if entity is not None:
        changed = changed.where(RowChange.entity == entity)
        subject = and_(subject, Operation.subject_kind == entity)
    return or_(subject, Operation.id.in_(changed))


def _query(wanted: Wanted) -> AnySelect:
    query = select(Operation).where(*wanted.conditions).order_by(Operation.id.desc())
    return query if wanted.before is None else query.where(Operation.id < wanted.before)


def subjects_of(rows: Iterable[Operation]) -> dict[int, tuple[str, str]]:
    """What entries are about, by their number: the kind of row, and what it is called today."""
    known = {entity.named(): entity for entity in entities()}
    about = {row.id: (row.subject_kind, row.subject_id) for row in rows if row.subject_kind and row.subject_id}
    wanted: dict[str, set[int]] = {}
    for kind, row_id in about.values():
        if kind in known:
            wanted.setdefault(kind, set()).add(row_id)
    titles = titles_by(wanted, access())
    return {
        number: (str(known[kind].label) if kind in known else kind, _title(titles.get((kind, row_id)), row_id))
        for number, (kind, row_id) in about.items()
    }


def _title(found: str | None, row_id: int) -> str:
    return f"#{row_id}" if found in (None, MASK) else found


def entry_page(number: int) -> Any:
    """One entry: everything the log holds of it, field by field."""
    _open_log()
    if db.session.get(Operation, number) is None:
        raise refuse(Missing, "log.entry")
    do(Name.READ_LOG, LogInput(filter={"entry": number}))
    row = db.session.get(Operation, number)
    assert row is not None
    most = MOST_CHANGES if request.args.get("all") else FIRST_CHANGES
    rows = db.session.scalar(select(func.count()).where(RowChange.operation_id == number)) or 0
    link = db.session.scalar(select(LogLink).where(LogLink.operation_id == number))
    said, raw = details_of(row.detail)
    return render_template(
        "log_entry.html",
        row=row,
        said=said,
        raw=raw,
        label=label_of(row.name),
        subject=subjects_of([row]).get(number),
        link=link,
        changes=[(str(entity.label), change, found) for entity, change, found in _changes([number], most)],
        rest=min(rows, MOST_CHANGES) - most if rows > most else 0,
    )


def _changes(numbers: Sequence[int], most: int) -> list[tuple[type[Entity], RowChange, list[Difference]]]:
    """The rows that operations changed, ``most`` of each at most, in their order."""
    place = func.row_number().over(partition_by=RowChange.operation_id, order_by=RowChange.id).label("place")
    first = select(RowChange.id.label("id"), place).where(RowChange.operation_id.in_(numbers)).subquery("first")
    query = (
        select(RowChange, RowValue)
        .join(first, first.c.id == RowChange.id)
        .outerjoin(RowValue, RowValue.row_change_id == RowChange.id)
        .where(first.c.place <= most)
        .order_by(RowChange.id)
    )
    found = [(entity_named(change.entity), change, value) for change, value in db.session.execute(query)]
    told = Told(found, access())
    return [(entity, change, told.differences(entity, change, value)) for entity, change, value in found]


def prove() -> Any:
    """Walk the whole chain now, and say what was found."""
    _open_log()
    begun = perf_counter()
    looked_at, faults = check_chain()
    anchors, more = check_anchors()
    do(Name.READ_LOG, LogInput(format="proof", rows=looked_at))
    proof = {"rows": looked_at, "anchors": anchors, "faults": [*faults, *more], "seconds": perf_counter() - begun}
    return render_template("proof.html", proof=proof)


HEADINGS = (
    *(_l("No."), _l("When"), _l("Kind"), _l("Operation"), _l("Who"), _l("Role"), _l("Subject"), _l("Row number")),
    *(_l("Result"), _l("Reason"), _l("From where"), _l("Changes")),
)


def export(file_type: str) -> Any:
    """The entries that fit as a file, with the filter and the head of the chain written in it."""
    _open_log()
    if file_type not in {"xlsx", "csv"}:
        abort(404)
    wanted = read_wanted(request.args)
    numbers = list(db.session.scalars(_query(wanted).with_only_columns(Operation.id).limit(MOST_EXPORTED)))
    seq, digest = chain.head(db.session.connection())
    filter_text = ", ".join(f"{name}={value}" for name, value in wanted.said.items()) or _("everything")
    head = [[_("Filter"), filter_text], [_("Links"), seq], [_("Head"), digest], [], list(map(str, HEADINGS))]

    def write(path: Path) -> None:
        body = itertools.chain(head, _lines(numbers))
        if file_type == "csv":
            write_csv(path, [_("Operation log")], body)
        else:
            write_sheets(path, [(_("Operation log"), [_("Operation log")], body)])
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        said = LogInput(filter=wanted.said, format=file_type, rows=len(numbers), head=digest, sha256=sha256)
        do(Name.EXPORT_LOG, said)

    return download(f"operation-log.{file_type}", write)


def _lines(numbers: Sequence[int]) -> Iterator[list[Any]]:
    for start in range(0, len(numbers), BATCH):
        part = numbers[start : start + BATCH]
        changed: dict[int, list[str]] = {}
        for _entity, change, found in _changes(part, 20):
            changed.setdefault(change.operation_id, []).append(difference_texts(found))
        for row in db.session.scalars(select(Operation).where(Operation.id.in_(part)).order_by(Operation.id.desc())):
            yield _line(row, " | ".join(changed.get(row.id, []))[:2_000])


def _line(row: Operation, changed: str) -> list[Any]:
    zone = current_app.config["PEONY"].zone
    return [
        row.id,
        row.at.astimezone(zone).replace(tzinfo=None, microsecond=0),
        str(row.kind.label),
        label_of(row.name),
        row.actor_name,
        row.actor_role,
        row.subject_kind or "",
        row.subject_id or "",
        row.result,
        row.reason or "",
        row.address,
        changed,
    ]
