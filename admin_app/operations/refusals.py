"""Why something was not done: a word for the log, a sentence for the person, the field it is about."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from sqlalchemy import CheckConstraint, Table, UniqueConstraint
from sqlalchemy.exc import DBAPIError, IntegrityError

from admin_app.operations.patience import AGAIN
from models.connection import FILE_REPLACED
from models.entity import Base
from models.triggers import NO_ACTOR


class Refused(Exception):
    """Not done, and nothing changed."""

    code = "refused"
    status = 422

    def __init__(self, message: LazyString, field: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code or self.code

    def __str__(self) -> str:
        return str(self.message)


class Forbidden(Refused):
    """Her role does not allow it."""

    code = "forbidden"
    status = 403


class Missing(Refused):
    """No such row, or none that exists for her: the two look the same."""

    code = "missing"
    status = 404


class KeyReused(Refused):
    """The same key came with other input."""

    code = "key_reused"
    status = 409


class Stale(Refused):
    """Somebody else changed the row since she saw it.

    ``differences``: field → (what stands now, what she wanted).
    """

    code = "stale"
    status = 409

    def __init__(
        self, message: LazyString, version: int, differences: dict[str, tuple[Any, Any]] | None = None
    ) -> None:
        super().__init__(message)
        self.version = version
        self.differences = differences or {}


class AnotherTotal(Refused):
    """What it comes to is not what she was shown; she has to look again."""

    code = "another_total"
    status = 409


class Busy(Refused):
    """The database did not get to it in time; nothing was lost, try again."""

    code = "busy"
    status = 503


class FileReplaced(Busy):
    """The database file is not the one that the program opened; only a restart helps."""

    code = "file_replaced"


class DiskFull(Busy):
    """The database had no room to write; nothing was changed."""

    code = "disk_full"


DISK_FULL_STATE = "53100"
"""PostgreSQL's ``disk_full``."""


def unavailable(error: DBAPIError) -> Busy | None:
    """A database that did not get to the work, as a person is told of it; None where it is another trouble."""
    reason, state = str(error.orig), getattr(error.orig, "sqlstate", None)
    if FILE_REPLACED in reason:
        return FileReplaced(
            _l("The database file was deleted or replaced under the running program. Nothing was saved; restart it.")
        )
    if "disk is full" in reason or state == DISK_FULL_STATE:
        return DiskFull(_l("The disk is full. Nothing was changed; make room and try again."))
    if state in AGAIN or "locked" in reason:
        return Busy(_l("The database is busy. Nothing was changed; try again."))
    return None


_SQLITE_UNIQUE = re.compile(r"UNIQUE constraint failed: (?:index '\w+'|(?:\w+\.\w+, )*\w+\.(?P<column>\w+))")
_SQLITE_NULL = re.compile(r"NOT NULL constraint failed: (?P<table>\w+)\.(?P<column>\w+)")
_NAMED = re.compile(r"(?:ck|uq|fk|no_overlap|no_gaps|one_step)_\w+")


def refusal_of(error: DBAPIError) -> Refused | None:
    """What a database error means to a person; None where it means nothing to one."""
    text = str(error.orig)
    diagnosis = getattr(error.orig, "diag", None)
    name = getattr(diagnosis, "constraint_name", None) or ""
    if not name and (match := _NAMED.search(text)):
        name = match.group()
    if match := _SQLITE_NULL.search(text):
        return Refused(_l("This must not be empty."), match["column"], "empty")
    if getattr(error.orig, "sqlstate", None) == "23502":
        return Refused(_l("This must not be empty."), getattr(diagnosis, "column_name", None), "empty")
    if match := _SQLITE_UNIQUE.search(text):
        return Refused(TAKEN, match["column"], "taken")
    if name.startswith("uq_"):
        return Refused(TAKEN, _unique_field(name), "taken")
    if name.startswith("ck_"):
        return _check(name)
    if name.startswith("no_overlap_"):
        return Refused(_l("This overlaps with another one."), "starts_at", "overlap")
    if name.startswith("one_step_"):
        return Refused(_l("This refers to one that stands for another; refer to that other one."), None, "one_step")
    if name.startswith("fk_") or "FOREIGN KEY" in text:
        return Refused(_l("Something this refers to does not exist, or is still in use."), None, "reference")
    if NO_ACTOR in text or "append-only" in text or "cannot be emptied" in text:
        return None
    return Refused(_l("The database refused this."), None, "constraint") if isinstance(error, IntegrityError) else None


TAKEN = _l("This value cannot be used here; choose another.")


def _constraints() -> Iterator[tuple[Table, Any]]:
    for table in Base.metadata.tables.values():
        for constraint in (*table.constraints, *table.indexes):
            yield table, constraint


def _unique_field(name: str) -> str | None:
    for table, constraint in _constraints():
        if constraint.name == name:
            return str(list(constraint.columns)[-1].name)
        if isinstance(constraint, UniqueConstraint) and name == f"uq_{table.name}_" + "_".join(
            column.name for column in constraint.columns
        ):
            return str(list(constraint.columns)[-1].name)
    return None


def _check(name: str) -> Refused:
    for table, constraint in _constraints():
        if isinstance(constraint, CheckConstraint) and name in {constraint.name, f"ck_{table.name}_{constraint.name}"}:
            if constraint.info:
                return Refused(constraint.info["message"], constraint.info["field"], "check")
            field = name.removeprefix(f"ck_{table.name}_").removesuffix("_choice")
            return Refused(_l("This is not one of the choices."), field, "choice")
    return Refused(_l("The database refused this."), None, "check")


RESULTS = {
    "done": _l("done"),
    "forbidden": _l("not allowed"),
    "missing": _l("not there, or not theirs"),
    "stale": _l("changed meanwhile"),
    "busy": _l("busy"),
    "file_replaced": _l("database file replaced"),
    "disk_full": _l("disk full"),
    "key_reused": _l("form sent twice with other values"),
    "empty": _l("something missing"),
    "taken": _l("value taken"),
    "overlap": _l("overlap"),
    "reference": _l("reference"),
    "too_many": _l("too many"),
    "wrong_password": _l("wrong password"),
    "waiting": _l("too many attempts"),
    "forged": _l("form from somewhere else"),
}
"""How the log's results are said; whatever else was refused is just that."""


def result_said(result: str) -> LazyString:
    """The result of an entry in words."""
    return RESULTS.get(result, _l("refused"))
