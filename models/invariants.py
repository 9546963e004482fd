"""Rules between rows that the database itself keeps, on both engines (see ``models/triggers.py`` for the SQL)."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import LazyString
from sqlalchemy import CheckConstraint, ColumnElement, Index, text


@dataclass(frozen=True)
class NoOverlap:
    """No two live rows of one ``owner`` may cover the same moment; a span includes its start, not its end."""

    owner: str
    starts: str
    ends: str
    when: str = "archived_at IS NULL"


@dataclass(frozen=True)
class NoGaps:
    """``number`` counts 1, 2, 3 … within equal values of ``per``, without a gap."""

    number: str
    per: tuple[str, ...]


@dataclass(frozen=True)
class OneStep:
    """``column`` refers to a row of the same table that refers to no further one, and is referred to by none itself."""

    column: str


def holds(condition: str, name: str, at: str, message: LazyString) -> CheckConstraint:
    """A CHECK that says, in people's words, what is wrong and at which field."""
    return CheckConstraint(condition, name=name, info={"field": at, "message": message})


def one_where(name: str, *columns: str, condition: str | ColumnElement[bool]) -> Index:
    """A partial unique index: at most one row of these columns fulfils the condition."""
    return found_where(name, *columns, condition=condition, unique=True)


def found_where(name: str, *columns: str, condition: str | ColumnElement[bool], unique: bool = False) -> Index:
    """An index of the rows that fulfil a condition, where they are few."""
    where = text(condition) if isinstance(condition, str) else condition
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)
