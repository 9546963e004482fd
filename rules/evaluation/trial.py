"""The tests inside rule files: run on the compiled SQL, in a database of their own, and on the interpreter too."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import BigInteger, ColumnElement, String, create_engine, false, literal, null, select, true

from rules.book import Rulebook
from rules.documents.rules import Rule, RuleTest, WatchRule
from rules.evaluation import interpreter
from rules.evaluation.compiler import compiled
from rules.language.conditions import read_value_of
from rules.language.facts import Fact, FactType, Subject, fact_named
from rules.language.faults import Fault, short


def failing_tests(book: Rulebook, among: Collection[str] | None = None) -> tuple[int, list[Fault]]:
    """How many tests there are (of these rules only, if said), and a fault for each that comes out otherwise."""
    engine = create_engine("sqlite://")
    count, failed = 0, []
    with engine.connect() as connection:
        for rule in book.tested() if among is None else [rule for rule in book.tested() if rule.id in among]:
            for test in rule.tests:
                count += 1
                found = bool(connection.scalar(select(_predicate(rule, test))))
                plain = interpreter.holds(rule.when, given(test, rule.subject))
                if found != plain:
                    message = _l("The two ways of evaluating %(rule)s disagree: please report this.", rule=rule.id)
                    failed.append(Fault(test.place, message))
                if found != (test.expect == "matches"):
                    message = _l(
                        "This test of %(rule)s expects «%(expect)s», but with %(given)s it is «%(found)s».",
                        rule=rule.id,
                        expect=test.expect,
                        given=short(", ".join(f"{name}: {value}" for name, value in test.given.items())),
                        found="matches" if found else "no match",
                    )
                    failed.append(Fault(test.place, message))
    engine.dispose()
    return count, failed


def given(test: RuleTest, subject: Subject = Subject.CUSTOMER) -> dict[str, Any]:
    """The facts of a test, typed; a fact that is not given is empty."""
    facts: dict[str, Any] = {"tag": ()}
    for name, written in test.given.items():
        fact = fact_named(name, subject)
        assert fact is not None
        if fact.type is FactType.TAG:
            facts["tag"] = tuple(written) if isinstance(written, list) else (str(written),)
        else:
            facts[name] = read_value_of(fact, str(written))
    return facts


def _predicate(rule: Rule | WatchRule, test: RuleTest) -> ColumnElement[bool]:
    facts = given(test, rule.subject)

    def column(fact: Fact) -> ColumnElement[Any]:
        value = facts.get(fact.name)
        if value is None:
            return null()
        return literal(value, String) if isinstance(value, str) else literal(int(value), BigInteger)

    def has_tag(slugs: tuple[str, ...]) -> ColumnElement[bool]:
        return true() if set(slugs) & set(facts["tag"]) else false()

    return compiled(rule.when, column, has_tag)
