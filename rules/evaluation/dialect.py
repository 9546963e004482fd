"""What the two engines say differently, in one place."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, ColumnElement
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


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
