"""The same conditions asked of others: two engines that take one record after another, and a columnar database."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import text

from models.entity import db
from rules.evaluation import interpreter
from rules.language.conditions import All, Comparison, Condition, Not, Operator
from rules.language.conditions import Any as AnyOf
from rules.language.facts import FactType
from tests.bench.place import Figure, seconds

Facts = Mapping[str, Any]
SYMBOLS = {
    Operator.AT_LEAST: ">=",
    Operator.AT_MOST: "<=",
    Operator.MORE_THAN: ">",
    Operator.LESS_THAN: "<",
    Operator.IS: "==",
    Operator.IS_NOT: "!=",
}
TABLES = (
    *("customer", "visit", "payment", "sale", "sale_line", "service", "contraindication", "reading"),
    *("assessment", "assessment_parameter", "membership", "rule_state"),
)


def one_by_one(conditions: Sequence[Condition], people: Sequence[Facts], everybody: int) -> list[Figure]:
    """Each engine over some customers, and what it would take for all; what they find is what our own finds."""
    plain = [one for one in conditions if not _asks_for_tags(one)]
    figures = []
    for name, engine in (("json-logic", _json_logic), ("rule-engine", _rule_engine), ("interpreter", _ours)):
        try:
            asked = [engine(condition) for condition in plain]
        except ImportError:
            figures.append(Figure(f"{name}: not installed (pip install --group bench)", 0, ""))
            continue
        expected = sum(interpreter.holds(one, facts) for one in plain for facts in people)
        found: list[int] = []
        took = seconds(lambda: found.append(sum(bool(ask(facts)) for ask in asked for facts in people)))  # noqa: B023
        assert found == [expected], name
        rate = len(plain) * len(people) / took
        note = f"{len(people):,} customers × {len(plain)} rules; 100 rules for all: {everybody * 100 / rate:,.0f} s"
        figures.append(Figure(f"{name}, one record after another", rate, "rules/s", note))
    return figures


def _asks_for_tags(condition: Condition) -> bool:
    match condition:
        case Comparison(fact):
            return fact.type is FactType.TAG
        case Not(part):
            return _asks_for_tags(part)
        case All(parts) | AnyOf(parts):
            return any(_asks_for_tags(part) for part in parts)


def _ours(condition: Condition) -> Callable[[Facts], Any]:
    return lambda facts: interpreter.holds(condition, facts)


def _json_logic(condition: Condition) -> Callable[[Facts], Any]:
    from json_logic import jsonLogic

    tree = _as_json(condition)
    return lambda facts: jsonLogic(tree, facts)


def _as_json(condition: Condition) -> Any:
    match condition:
        case All(parts):
            return {"and": [True, *(_as_json(part) for part in parts)]}
        case AnyOf(parts):
            return {"or": [False, *(_as_json(part) for part in parts)]}
        case Not(part):
            return {"!": [_as_json(part)]}
        case Comparison(fact, operator, values):
            found, plain = {"var": fact.name}, [int(v) if isinstance(v, bool) else v for v in values]
            if operator is Operator.BETWEEN:
                compared: Any = {"<=": [plain[0], found, plain[1]]}
            elif operator in (Operator.IN, Operator.NOT_IN):
                inside = {"in": [found, plain]}
                compared = inside if operator is Operator.IN else {"!": [inside]}
            else:
                compared = {SYMBOLS[operator]: [found, plain[0]]}
            return {"and": [{"!=": [found, None]}, compared]}


def _rule_engine(condition: Condition) -> Callable[[Facts], Any]:
    import rule_engine

    rule = rule_engine.Rule(_as_text(condition))
    return rule.matches


def _as_text(condition: Condition) -> str:
    match condition:
        case All(parts):
            return "(" + " and ".join(["true", *(_as_text(part) for part in parts)]) + ")"
        case AnyOf(parts):
            return "(" + " or ".join(["false", *(_as_text(part) for part in parts)]) + ")"
        case Not(part):
            return f"(not {_as_text(part)})"
        case Comparison(fact, operator, values):
            plain = [f'"{v}"' if isinstance(v, str) else str(int(v)) for v in values]
            if operator is Operator.BETWEEN:
                compared = f"{fact.name} >= {plain[0]} and {fact.name} <= {plain[1]}"
            elif operator in (Operator.IN, Operator.NOT_IN):
                inside = f"{fact.name} in [{', '.join(plain)}]"
                compared = inside if operator is Operator.IN else f"not ({inside})"
            else:
                compared = f"{fact.name} {SYMBOLS[operator]} {plain[0]}"
            return f"({fact.name} != null and ({compared}))"


def columnar(statement: str, days: Mapping[str, Any]) -> list[Figure]:
    """The hand-written statement over all customers in DuckDB, once the tables are in its memory."""
    try:
        import duckdb
        import pandas as pd
    except ImportError:
        return [Figure("DuckDB: not installed (pip install --group bench)", 0, "")]
    memory = duckdb.connect()
    memory.execute("SET threads TO 2")
    for table in TABLES:
        frame = pd.read_sql(text(f"SELECT * FROM {table}"), db.session.connection())
        days_of = [name for name in frame.columns if name in DAYS]
        memory.register("frame", frame)
        cast = ", ".join(f"CAST({name} AS DATE) AS {name}" for name in days_of)
        memory.execute(
            f"CREATE TABLE {table} AS SELECT * REPLACE ({cast}) FROM frame"
            if days_of
            else f"CREATE TABLE {table} AS FROM frame"
        )
        memory.unregister("frame")
    asked = re.sub(r"(?<!:):(\w+)", r"$\1", statement)
    took = min(seconds(lambda: memory.execute(asked, dict(days)).fetchall()) for _ in range(3))
    return [
        Figure(
            "DuckDB: the hand-written statement, all customers at once", took, "s", "tables in its memory, 2 threads"
        )
    ]


DAYS = ("business_day", "since", "until", "assessed_on", "ended_on")
