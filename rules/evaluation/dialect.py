"""What the two engines say differently, in one place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Select,
    String,
    bindparam,
    cast,
    literal,
    select,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

Among = Callable[[Any], ColumnElement[bool]]
"""Narrows a column of customer ids."""


class days_between(FunctionElement[int]):  # noqa: N801 - SQL functions are written small
    """``days_between(a, b)``: whole days from day ``b`` to day ``a``."""

    type = BigInteger()
    inherit_cache = True


@compiles(days_between, "sqlite")
def _days_between_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    later, earlier = (compiler.process(clause, **options) for clause in element.clauses)
    return f"CAST(julianday({later}) - julianday({earlier}) AS INTEGER)"


@compiles(days_between, "postgresql")
def _days_between_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    later, earlier = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(CAST({later} AS DATE) - CAST({earlier} AS DATE))"


class one_of(FunctionElement[bool]):  # noqa: N801 - SQL functions are written small
    """``one_of(a, "[1, 2, 3]")``: whether a number is one of a list, bound whole as one text: the statement is the same
    however long the list is, and planned for what is in it.
    """

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> one_of:
        """As it stands: SQLAlchemy would make it «… = 1» for SQLite, which then looks for no index."""
        return self


@compiles(one_of, "sqlite")
def _one_of_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    number, listed = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({number} IN (SELECT value FROM json_each({listed})))"


@compiles(one_of, "postgresql")
def _one_of_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    number, listed = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({number} = ANY(CAST(string_to_array(btrim({listed}, '[]'), ', ') AS BIGINT[])))"


def among(numbers: Iterable[int]) -> Among:
    """Which of a column's numbers are among these."""
    listed = json.dumps(sorted(numbers))
    return lambda column: one_of(column, literal(listed, String))


class Some(NamedTuple):
    """Some customers: which numbers of a column are theirs, and what that is bound to when a statement is executed.

    One that has been made for some serves for others, who differ by these values alone.
    """

    among: Among
    values: dict[str, Any]


def listed(numbers: Iterable[int]) -> Some:
    """These customers."""
    return Some(_listed, {"listed": json.dumps(sorted(numbers))})


def _listed(column: Any) -> ColumnElement[bool]:
    return one_of(column, bindparam("listed", type_=String))


def ranged(first: int, last: int) -> Some:
    """The customers whose numbers lie in a range."""
    return Some(_ranged, {"first": first, "last": last})


def _ranged(column: Any) -> ColumnElement[bool]:
    found: ColumnElement[bool] = column.between(
        bindparam("first", type_=BigInteger), bindparam("last", type_=BigInteger)
    )
    return found


class entries(FunctionElement[Any]):  # noqa: N801 - SQL functions are written small
    """``entries('{"a": 1}')``: a table of ``key`` and ``value`` (as text), bound whole as one text like ``one_of``."""

    name = "entries"
    inherit_cache = True


@compiles(entries, "sqlite")
def _entries_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"json_each({compiler.process(*element.clauses, **options)})"


@compiles(entries, "postgresql")
def _entries_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"jsonb_each_text(CAST({compiler.process(*element.clauses, **options)} AS JSONB))"


def looked_up(numbers: Mapping[str, int]) -> Select[str, int]:
    """A statement that gives ``key`` and ``value`` of a table that Python has made."""
    listed = entries(literal(json.dumps(numbers), String)).table_valued("key", "value")
    return select(listed.c.key.label("key"), cast(listed.c.value, BigInteger).label("value"))


class whole_quotient(FunctionElement[int]):  # noqa: N801 - SQL functions are written small
    """``whole_quotient(a, b)``: the quotient of two non-negative whole numbers, rounded down."""

    type = BigInteger()
    inherit_cache = True


@compiles(whole_quotient)
def _whole_quotient(element: Any, compiler: Any, **options: Any) -> str:
    dividend, divisor = (compiler.process(clause, **options) for clause in element.clauses)
    return f"(({dividend}) / ({divisor}))"


def quotient(dividend: ColumnElement[Any], divisor: ColumnElement[Any]) -> ColumnElement[Any]:
    return whole_quotient(dividend, divisor)


class shifted(FunctionElement[Any]):  # noqa: N801 - SQL functions are written small
    """``shifted(at, minutes)``: a moment so many minutes later."""

    type = DateTime(timezone=True)
    inherit_cache = True


@compiles(shifted, "sqlite")
def _shifted_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    at, minutes = (compiler.process(clause, **options) for clause in element.clauses)
    return f"strftime('%Y-%m-%d %H:%M:%f', {at}, ({minutes}) || ' minutes')"


@compiles(shifted, "postgresql")
def _shifted_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    at, minutes = (compiler.process(clause, **options) for clause in element.clauses)
    return f"({at} + ({minutes}) * INTERVAL '1 minute')"


class day_of(FunctionElement[Any]):  # noqa: N801 - SQL functions are written small
    """``day_of(at)``: the day of a moment, as the clock in Greenwich has it."""

    type = Date()
    inherit_cache = True


@compiles(day_of, "sqlite")
def _day_of_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"date({compiler.process(*element.clauses, **options)})"


@compiles(day_of, "postgresql")
def _day_of_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(*element.clauses, **options)} AT TIME ZONE 'UTC' AS DATE)"


class minute_of(FunctionElement[int]):  # noqa: N801 - SQL functions are written small
    """``minute_of(time)``: minutes since midnight of a time of the day."""

    type = BigInteger()
    inherit_cache = True


@compiles(minute_of, "sqlite")
def _minute_of_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    time = compiler.process(*element.clauses, **options)
    return f"(CAST(strftime('%H', {time}) AS INTEGER) * 60 + CAST(strftime('%M', {time}) AS INTEGER))"


@compiles(minute_of, "postgresql")
def _minute_of_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    time = compiler.process(*element.clauses, **options)
    return f"CAST(EXTRACT(HOUR FROM {time}) * 60 + EXTRACT(MINUTE FROM {time}) AS BIGINT)"


class time_of(FunctionElement[Any]):  # noqa: N801 - SQL functions are written small
    """``time_of(at)``: the time of the day of a moment, as the clock in Greenwich has it."""

    inherit_cache = True


@compiles(time_of, "sqlite")
def _time_of_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"time({compiler.process(*element.clauses, **options)})"


@compiles(time_of, "postgresql")
def _time_of_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(*element.clauses, **options)} AT TIME ZONE 'UTC' AS TIME)"
