"""Random conditions over the whole catalogue of facts, and random values that lie near what they ask for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any as Anything

from hypothesis import strategies as st

from rules.language.conditions import OPERATORS, All, Any, Comparison, Condition, Not, Operator, Value
from rules.language.facts import FAMILIES, Fact, FactType, fact_named

WINDOWS = (1, 30, 365)
TIERS = ("gold", "silver", "basic")
TAGS = ("lost", "new", "layer-a")
NUMBERS = (-1, 0, 1, 2, 29, 30, 31, 10**12, -(10**12))
"""Few, so that values and thresholds often meet."""


def _named() -> list[Fact]:
    names = []
    for family in FAMILIES:
        windows = WINDOWS if "{n}" in family.pattern else (0,)
        names += [family.pattern.replace("{n}", str(days)).replace("{slug}", "moisture") for days in windows]
    found = [fact_named(name) for name in names]
    assert None not in found
    return [fact for fact in found if fact is not None]


FACTS = _named()


def values_of(fact: Fact) -> st.SearchStrategy[Value]:
    """What a value of the fact may be."""
    match fact.type:
        case FactType.FLAG:
            return st.booleans()
        case FactType.TIER:
            return st.sampled_from(TIERS)
        case FactType.TAG:
            return st.sampled_from(TAGS)
        case FactType.ROLE:
            return st.sampled_from(["manager", "command", "owner"])
        case FactType.OPERATION:
            return st.sampled_from(["sell", "reverse_sale", "book"])
        case FactType.CHOICE:
            assert fact.family.choices is not None
            return st.sampled_from([str(member) for member in fact.family.choices])
        case _:
            return st.sampled_from(NUMBERS)


@st.composite
def leaves(draw: st.DrawFn, facts: Sequence[Fact] = FACTS) -> Comparison:
    fact = draw(st.sampled_from(facts))
    operator = draw(st.sampled_from(sorted(OPERATORS[fact.type])))
    some = values_of(fact)
    if operator is Operator.BETWEEN:
        values = tuple(sorted(draw(st.lists(some, min_size=2, max_size=2))))
    elif operator in (Operator.IN, Operator.NOT_IN):
        values = tuple(draw(st.lists(some, min_size=1, max_size=3)))
    else:
        values = (draw(some),)
    return Comparison(fact, operator, values, never=draw(st.booleans()))


def conditions_over(facts: Sequence[Fact]) -> st.SearchStrategy[Condition]:
    return st.recursive(
        leaves(facts),
        lambda parts: st.one_of(
            st.lists(parts, max_size=3).map(lambda some: All(tuple(some))),
            st.lists(parts, max_size=3).map(lambda some: Any(tuple(some))),
            parts.map(Not),
        ),
        max_leaves=8,
    )


conditions = conditions_over(FACTS)


@st.composite
def people(draw: st.DrawFn) -> dict[str, Anything]:
    """The facts of one customer, many of them empty."""
    found: dict[str, Anything] = {"tag": tuple(draw(st.lists(st.sampled_from(TAGS), unique=True, max_size=2)))}
    for fact in FACTS:
        if fact.type is not FactType.TAG:
            found[fact.name] = draw(st.one_of(st.none(), values_of(fact)))
    return found


def written(condition: Condition) -> str:
    """The condition as somebody would write it into a file, in flow style."""
    match condition:
        case All(parts):
            return f"{{all: [{', '.join(written(part) for part in parts)}]}}"
        case Any(parts):
            return f"{{any: [{', '.join(written(part) for part in parts)}]}}"
        case Not(part):
            return f"{{not: {written(part)}}}"
        case Comparison(fact, operator, values, never):
            several = operator in (Operator.IN, Operator.NOT_IN, Operator.BETWEEN)
            words = [_word(fact, value) for value in values]
            operand = f"[{', '.join(words)}]" if several else words[0]
            return f"{{{fact.name}: {{{operator}: {operand}, never: {'yes' if never else 'no'}}}}}"


def _word(fact: Fact, value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if fact.type is FactType.MONEY:
        assert isinstance(value, int)
        sign = "-" if value < 0 else ""
        return f"{sign}{abs(value) // 100}.{abs(value) % 100:02}"
    if fact.type is FactType.DAYS:
        return f"{value}d"
    return f"{value}%" if fact.type is FactType.PERCENT else str(value)
