"""``perform``: the one door through which the salon's data changes.

It ends any open read, begins the write, claims the idempotency key, reads again, checks permission and scope again,
runs, writes the log and takes the chain's next link, and commits whole or not at all. Serialisation failures are tried
again; a refusal is logged in a transaction of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import event, insert, select, update
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from admin_app import disk
from admin_app.i18n import in_both_languages
from admin_app.operations import chain
from admin_app.operations.confirmation import Unconfirmed, ensure_confirmed
from admin_app.operations.in_use import ensure_in_use
from admin_app.operations.patience import patiently
from admin_app.operations.refusals import (
    DiskFull,
    Forbidden,
    KeyReused,
    Missing,
    Refused,
    Stale,
    refusal_of,
    unavailable,
)
from admin_app.operations.registry import Answer, Asked, Input, Row, Spec, spec_named
from admin_app.rulebook import access_for
from admin_app.security import password_gate
from admin_app.security.password_gate import Credential
from models.actor import SYSTEM, Actor
from models.connection import WRITES, read_only, take_operation
from models.entity import Entity, db, insert_new
from models.log import EntryKind, OperationKey
from models.log import Operation as LogOperation
from models.names import Name
from models.screen import WrittenBy
from rules.decisions.access import Access

E = TypeVar("E", bound=Entity)

LONGEST_REASON = 300


def now() -> datetime:
    """This moment, aware."""
    return datetime.now(UTC)


def business_day(at: datetime) -> date:
    """The calendar day of a moment in the stores' time zone."""
    zone: ZoneInfo = current_app.config["PEONY"].zone
    return at.astimezone(zone).date()


def begin_of_day(day: date) -> datetime:
    """The first moment of a calendar day in the stores' time zone."""
    return datetime.combine(day, datetime.min.time(), current_app.config["PEONY"].zone)


@dataclass
class Operation:
    """What a running operation has at hand."""

    session: Session
    spec: Spec
    actor: Actor
    access: Access
    number: int
    at: datetime
    subjects: Sequence[Any] = ()
    reason: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    logged_subject: tuple[str, int] | None = None
    store_id: int | None = None
    run_id: int | None = None
    marks: list[int] = field(default_factory=list)
    quoting: bool = False
    """It is only asked what it comes to: whatever writes is refused by the database."""
    checked: dict[tuple[type[Entity], int], Any] = field(default_factory=dict)
    """The rows that the input names, found to exist for the actor in this transaction: not read a second time."""

    @property
    def subject(self) -> Any:
        """The one row it is done on."""
        return self.subjects[0]

    @property
    def day(self) -> date:
        """The business day."""
        return business_day(self.at)

    def concerns(self, row: Entity) -> None:
        """Name the row that the log shall show this operation on."""
        self.session.flush()
        self.logged_subject = (row.named(), row.id)

    def find(self, entity: type[E], row_id: int) -> E:
        """A row that exists for the actor.

        :raises Missing: there is none.
        """
        row: E | None = self.checked.get((entity, row_id))
        return row if row is not None else one_of(self.session, self.access, entity, row_id)

    def rows_of(self, entity: type[E], ids: Iterable[int]) -> list[E]:
        """Rows by number, whether or not the actor may see them; those checked already are not read again."""
        wanted = set(ids)
        rows: dict[int, E] = {one: self.checked[entity, one] for one in wanted if (entity, one) in self.checked}
        if missing := wanted - rows.keys():
            rows |= {row.id: row for row in self.session.scalars(select(entity).where(entity.id.in_(missing)))}
        return [rows[one] for one in sorted(rows)]


def one_of(session: Session, access: Access, entity: type[E], row_id: int) -> E:
    """A row that exists for the actor.

    :raises Missing: there is none.
    """
    row = session.scalar(select(entity).where(entity.id == row_id, access.rows(entity)))
    if row is None:
        raise Missing(_l("There is no such row, or it is not yours to see."))
    return row


def perform(
    name: Name | str,
    data: Input | dict[str, Any] | None = None,
    *,
    actor: Actor,
    key: str | None = None,
    reason: str | None = None,
    run_id: int | None = None,
    rehearse: bool = False,
) -> Answer:
    """Do an operation, whole or not at all, and say what came of it. ``rehearse`` takes it all back, and logs nothing.

    ``key`` is born with the form: the same key with the same input gets the first answer again. A read is done anew
    each time, so that each stands in the log and counts.

    :raises Refused: nothing changed; the refusal stands in the log.
    :raises Unconfirmed: nothing changed; whoever asks has to confirm first who they are.
    """
    spec = spec_named(str(name))
    given = data if isinstance(data, Input) else spec.input.model_validate(data or {})
    kept = key if spec.kind is EntryKind.WRITE else None
    call = _Call(spec, given, actor, kept, (reason or "")[:LONGEST_REASON] or None, run_id, rehearse)
    credential = spec.credential(given, actor) if spec.credential else None
    if credential is not None:
        prove(name, credential, actor=actor)
    try:
        return _with_patience(call)
    except Unconfirmed:
        db.session.rollback()
        raise
    except Refused as refusal:
        db.session.rollback()
        if not rehearse:
            log_refusal(call, refusal)
        raise


def prove(name: Name | str, credential: Credential, *, actor: Actor) -> None:
    """Check the password that an operation needs.

    :raises Refused: it is wrong, has to be changed first, or was tried too often; logged as a refusal of the operation.
    """
    try:
        password_gate.check(credential, actor, now())
    except Refused as refusal:
        db.session.rollback()
        log_refusal(_Call(spec_named(str(name)), Input(), actor, None, None, None), refusal, credential.row)
        if refusal.code == "waiting":
            _tell_of_guessing(credential, actor)
        raise


def _tell_of_guessing(credential: Credential, actor: Actor) -> None:
    """Raise an alert for the owner, once a day for each account and each who guesses."""
    entity, row = credential.row or (None, None)
    guesser = actor.name if actor.id is not None and not credential.at_door else actor.address
    words = in_both_languages(
        lambda: str(_("Too many wrong passwords: for %(whose)s, by %(who)s.", whose=credential.called, who=guesser))
    )
    subject = credential.subject if entity else "nobody"  # names that nobody has are told once for all of them
    occasion = f"{subject}:{guesser}:{business_day(now())}"[:120]
    about = {"about": entity, "about_id": row}
    perform(Name.RAISE_ALERT, {"source": "password_tries", "occasion": occasion, **words, **about}, actor=SYSTEM)


def quote(name: Name | str, data: Input | dict[str, Any], *, actor: Actor, rehearse: bool = False) -> Answer:
    """What an operation would come to, found by reading alone: nobody who writes waits for it. ``rehearse`` does it and
    takes it back instead, for what only writing shows.

    :raises Refused: it would not be done.
    """
    try:
        return _with_patience(_asked(name, data, actor, rehearse=rehearse))
    except Refused:
        db.session.rollback()
        raise


def ask_first(name: Name | str, data: Input | dict[str, Any], *, actor: Actor, rehearse: bool = False) -> Answer:
    """The first step of a form of two: ``quote`` for somebody who has asked for the operation.

    :raises Refused: it would not be done; the refusal stands in the log, as that of the second step would.
    """
    try:
        return quote(name, data, actor=actor, rehearse=rehearse)
    except Refused as refusal:
        log_refusal(_asked(name, data, actor, rehearse=rehearse), refusal)
        raise


def _asked(name: Name | str, data: Input | dict[str, Any], actor: Actor, *, rehearse: bool) -> _Call:
    spec = spec_named(str(name))
    given = data if isinstance(data, Input) else spec.input.model_validate(data)
    return _Call(spec, given, actor, None, None, None, rehearse, quoting=not rehearse)


@dataclass(frozen=True)
class _Call:
    spec: Spec
    data: Input
    actor: Actor
    key: str | None
    reason: str | None
    run_id: int | None
    rehearse: bool = False
    quoting: bool = False

    @property
    def digest(self) -> str:
        content = json.dumps([self.spec.name, self.data.model_dump(mode="json")], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def who(self) -> str:
        return f"{self.actor.kind.value}:{self.actor.id or self.actor.name}"


def _with_patience(call: _Call) -> Answer:
    try:
        answer = patiently(lambda: (_quote if call.quoting else _once)(call))
    except StaleDataError as error:
        raise Stale(_l("Somebody else changed this a moment ago."), 0) from error
    except DBAPIError as error:
        trouble = unavailable(error)
        if isinstance(trouble, DiskFull):
            disk.note_write(disk_full=True)
        raise trouble or refusal_of(error) or error from error
    if not (call.rehearse or call.quoting):
        disk.note_write(disk_full=False)
    return answer


def _quote(call: _Call) -> Answer:
    session = db.session()
    session.rollback()
    try:
        with read_only(session.connection()):
            return call.spec.function(_begin(session, call, 0), call.data)
    finally:
        session.rollback()
        session.info.pop("operation", None)


def _once(call: _Call) -> Answer:
    session = db.session()
    session.rollback()
    deferred = call.rehearse and call.spec.consequences  # what it reads first keeps nobody from writing
    connection = session.connection(execution_options={WRITES: not deferred})
    try:
        number = take_operation(connection, call.spec.name)
        if call.key is not None:
            known = _claim(session, call, number)
            if known is not None:
                session.rollback()
                return known
        op = _begin(session, call, number)
        answer = call.spec.function(op, call.data)
        if call.rehearse:
            session.flush()
            session.rollback()
            return answer
        _write_log(op, call)
        if call.key is not None:
            session.execute(update(OperationKey).where(OperationKey.key == call.key).values(answer=answer))
        chain.link(connection, number)
        session.commit()
        return answer
    finally:
        session.info.pop("operation", None)


def _begin(session: Session, call: _Call, number: int) -> Operation:
    access = access_for(call.actor, session)
    op = Operation(
        session,
        call.spec,
        call.actor,
        access,
        number,
        now(),
        reason=call.reason,
        run_id=call.run_id,
        quoting=call.quoting,
    )
    session.info["operation"] = op
    if not (call.spec.permitted(op, call.data) if call.spec.permitted else access.does(call.spec.name)):
        raise Forbidden(_l("Your role does not allow this."))
    ensure_confirmed(op, call.data)
    _load_references(op, call.data)
    return op


def _load_references(op: Operation, data: Input) -> None:
    """Check that every row the input names exists for the actor; lock and keep those it is done on."""
    subject = op.spec.subject_field()
    others = [one for one in _references_in(op.spec.asked(), data) if one[0] != subject]
    if subject is not None and (value := getattr(data, subject.name)) is not None:
        rows = _locked_subjects(op, subject, [*value] if subject.many else [value])
        op.subjects = rows
        if len(rows) == 1:
            op.logged_subject = (rows[0].named(), rows[0].id)
            check_version(rows[0], data.version)
    wanted: dict[type[Entity], set[int]] = {}
    for asked, _path, ids in others:
        assert asked.ask.to is not None
        wanted.setdefault(asked.ask.to, set()).update(one for one in ids if (asked.ask.to, one) not in op.checked)
    for entity, missing in wanted.items():
        if missing:
            query = select(entity).where(entity.id.in_(missing), op.access.rows(entity))
            op.checked |= {(entity, row.id): row for row in op.session.scalars(query)}
    for asked, path, ids in others:
        assert asked.ask.to is not None
        rows = [op.checked.get((asked.ask.to, one)) for one in ids]
        if None in rows:
            raise Missing(_l("There is no such row, or it is not yours to see."), path)
        _ensure_in_use(op, asked, path, rows)


def _references_in(
    asked_fields: Iterable[Asked], data: Input | Row, prefix: str = ""
) -> Iterator[tuple[Asked, str, list[int]]]:
    """Each field that names rows, its path in the form, and the numbers; those within a list's rows too."""
    for asked in asked_fields:
        value = getattr(data, asked.name)
        for number, row in enumerate(value or () if asked.rows else ()):
            yield from _references_in(asked.rows, row, f"{prefix}{asked.name}-{number}-")
        if asked.ask.to is not None and value is not None:
            yield asked, f"{prefix}{asked.name}", [*value] if asked.many else [value]


def _locked_subjects(op: Operation, asked: Asked, ids: list[int]) -> list[Any]:
    entity = asked.ask.to
    assert entity is not None
    query = select(entity).where(entity.id.in_(ids), op.access.rows(entity)).order_by(entity.id)
    rows = list(op.session.scalars(query if op.quoting else query.with_for_update()))
    if len(rows) != len(set(ids)):
        raise Missing(_l("There is no such row, or it is not yours to see."), asked.name)
    _ensure_in_use(op, asked, asked.name, rows)
    op.checked |= {(entity, row.id): row for row in rows}
    return rows


def _ensure_in_use(op: Operation, asked: Asked, path: str, rows: list[Any]) -> None:
    if op.spec.kind is EntryKind.WRITE:
        ensure_in_use(rows, path, archived=asked.ask.archived)


def check_version(row: Any, seen: int | None) -> None:
    """:raises Stale: the row is no longer what the person saw."""
    if seen is not None and hasattr(row, "version") and row.version != seen:
        raise Stale(_l("Somebody else changed this since you opened it."), row.version)


def _claim(session: Session, call: _Call, number: int) -> Answer | None:
    """Claim the key, or give the answer it got before."""
    values = {
        "key": call.key,
        "actor": call.who,
        "input_digest": call.digest,
        "operation_id": number,
        "claimed_at": now(),
    }
    if insert_new(session, OperationKey, [values]):
        return None
    known = session.scalars(select(OperationKey).where(OperationKey.key == call.key)).one()
    if (known.actor, known.input_digest) != (call.who, call.digest):
        raise KeyReused(_l("This form was saved already, with other values. Save again only if you want one more."))
    return {**known.answer, "again": True}


def _write_log(op: Operation, call: _Call) -> None:
    op.session.flush()
    op.session.execute(insert(LogOperation), _entry(op, call, op.spec.kind, "done"))


def _entry(op: Operation, call: _Call, kind: EntryKind, result: str) -> dict[str, Any]:
    subject = op.logged_subject or (None, None)
    return {
        "id": op.number,
        "name": call.spec.name,
        "kind": kind,
        "at": op.at,
        "actor_kind": call.actor.kind.value,
        "actor_id": call.actor.id,
        "actor_name": call.actor.name[:60],
        "actor_role": call.actor.role[:30],
        "session_id": call.actor.session_id,
        "address": call.actor.address[:64],
        "agent": call.actor.agent[:200],
        "store_id": op.store_id,
        "subject_kind": subject[0],
        "subject_id": subject[1],
        "reason": op.reason,
        "result": result,
        "detail": op.detail or None,
        "run_id": call.run_id or op.run_id,
    }


def log_refusal(call: _Call, refusal: Refused, subject: tuple[str, int] | None = None) -> None:
    """Write down, in a transaction of its own, that something was refused. Holds no value that was given.

    ``subject`` is the entity and number of the row that it was about, where the input does not name it.
    """
    session = db.session()
    try:
        connection = session.connection(execution_options={WRITES: True})
        number = take_operation(connection, call.spec.name)
        op = Operation(session, call.spec, call.actor, None, number, now(), reason=call.reason)  # type: ignore[arg-type]
        op.logged_subject = subject or _named_subject(call)
        op.detail = {"field": refusal.field} if refusal.field else {}
        session.execute(insert(LogOperation), _entry(op, call, EntryKind.REFUSAL, refusal.code))
        chain.link(connection, number)
        session.commit()
    except OperationalError:
        session.rollback()  # what keeps the database from writing keeps it from writing about it


def _named_subject(call: _Call) -> tuple[str, int] | None:
    entity, row = getattr(call.data, "entity", None), getattr(call.data, "row", getattr(call.data, "id", None))
    if entity is not None and row is not None:
        return str(entity), int(row)
    asked = call.spec.subject_field()
    value = getattr(call.data, asked.name, None) if asked else None
    if asked is not None and asked.ask.to is not None and isinstance(value, int):
        return asked.ask.to.named(), value
    return None


# --------------------------------------------------------------------------------- nothing else writes


WRITE_ALL = frozenset({Name.LOAD, Name.ERASE_CUSTOMER, Name.OPEN_SALON})
"""What is said of a person may stand anywhere, a bulk load may bring anything, and a salon that opens begins anew."""


class NotAnOperationError(RuntimeError):
    """Code tried to write outside ``perform``, or an entity that its operation does not write."""


def guard_writes(session: Any) -> None:
    """Refuse a flush that no operation, or not the right one, stands behind."""
    event.listen(session, "before_flush", _before_flush)


def _before_flush(session: Session, context: Any, instances: Any) -> None:
    op: Operation | None = session.info.get("operation")
    for row in [*session.new, *session.dirty, *session.deleted]:
        if not isinstance(row, Entity) or row.written_by == WrittenBy.DERIVED:
            continue
        if op is None:
            raise NotAnOperationError(f"{row.named()} is written outside an operation")
        allowed = row.written_by.operations | row.written_by.also
        if allowed and op.spec.name not in {*allowed, *WRITE_ALL}:
            raise NotAnOperationError(f"{op.spec.name} does not write {row.named()}")
