"""A condition tree as SQL over columns of facts: two-valued, an empty fact fulfils nothing unless ``never`` says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any as Anything

from sqlalchemy import BigInteger, ColumnElement, and_, false, func, not_, or_, true, type_coerce

from rules.language.conditions import All, Any, Comparison, Condition, Not, Operator, Value
from rules.language.facts import Fact, FactType

Lookup = Callable[[Fact], ColumnElement[Anything]]
HasTag = Callable[[tuple[str, ...]], ColumnElement[bool]]


def compiled(condition: Condition, column: Lookup, has_tag: HasTag) -> ColumnElement[bool]:
    """``condition`` over the columns that ``column`` gives; ``has_tag`` answers for the tags set so far."""
    match condition:
        case All(parts):
            return and_(true(), *(compiled(part, column, has_tag) for part in parts))
        case Any(parts):
            return or_(false(), *(compiled(part, column, has_tag) for part in parts))
        case Not(part):
            return not_(compiled(part, column, has_tag))
        case Comparison():
            return _comparison(condition, column, has_tag)


def _comparison(leaf: Comparison, column: Lookup, has_tag: HasTag) -> ColumnElement[bool]:
    if leaf.fact.type is FactType.TAG:
        return has_tag(tuple(str(value) for value in leaf.values))
    values = _bound(leaf)
    found = column(leaf.fact)
    if isinstance(values[0], int):
        found = type_coerce(found, BigInteger)  # a threshold may be larger than whatever is counted
    compared = _operator(leaf.operator, found, values)
    return func.coalesce(compared, true() if leaf.never else false())


def _bound(leaf: Comparison) -> tuple[Value, ...]:
    return tuple(int(value) if isinstance(value, bool) else value for value in leaf.values)


def _operator(operator: Operator, found: Anything, values: tuple[Anything, ...]) -> ColumnElement[bool]:
    compared: ColumnElement[bool]
    match operator:
        case Operator.AT_LEAST:
            compared = found >= values[0]
        case Operator.AT_MOST:
            compared = found <= values[0]
        case Operator.MORE_THAN:
            compared = found > values[0]
        case Operator.LESS_THAN:
            compared = found < values[0]
        case Operator.BETWEEN:
            compared = found.between(values[0], values[1])
        case Operator.IS:
            compared = found == values[0]
        case Operator.IS_NOT:
            compared = found != values[0]
        case Operator.IN:
            compared = found.in_(values)
        case Operator.NOT_IN:
            compared = found.not_in(values)
    return compared
