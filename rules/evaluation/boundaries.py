"""Cases at the edges of a rule's thresholds, made by themselves: just below, at, and just above each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any as Anything

from rules.evaluation import interpreter
from rules.language.conditions import All, Any, Comparison, Condition, Not, Operator, comparisons
from rules.language.facts import Fact, FactType

NUMERIC = (FactType.MONEY, FactType.NUMBER, FactType.DAYS, FactType.PERCENT)


@dataclass(frozen=True)
class Case:
    """A fact at an edge, all else being as the rule asks: whether the rule holds then."""

    fact: Fact
    value: int
    holds: bool


def boundary_cases(condition: Condition) -> list[Case]:
    """For each threshold its neighbours; none where no customer can be made up who fulfils the rest."""
    facts = fulfilling(condition)
    if facts is None:
        return []
    found: dict[tuple[str, int], Case] = {}
    for leaf in comparisons(condition):
        if leaf.fact.type not in NUMERIC:
            continue
        for threshold in leaf.values:
            for value in (int(threshold) - 1, int(threshold), int(threshold) + 1):
                holds = interpreter.holds(condition, {**facts, leaf.fact.name: value})
                found[leaf.fact.name, value] = Case(leaf.fact, value, holds)
    return sorted(found.values(), key=lambda one: (one.fact.name, one.value))


def fulfilling(condition: Condition) -> dict[str, Anything] | None:
    """Facts of somebody who fulfils the condition; None where none was found."""
    for facts in _tries(condition, wanted=True):
        merged = {"tag": (), **facts}
        if interpreter.holds(condition, merged):
            return merged
    return None


def _tries(condition: Condition, *, wanted: bool) -> Iterator[dict[str, Anything]]:
    match condition:
        case Comparison():
            yield from _values(condition, wanted)
        case Not(part):
            yield from _tries(part, wanted=not wanted)
        case All(parts) | Any(parts):
            if isinstance(condition, All) == wanted:
                yield _together([next(_tries(part, wanted=wanted), {}) for part in parts])
            for part in parts:
                yield from _tries(part, wanted=wanted)


def _together(found: list[dict[str, Anything]]) -> dict[str, Anything]:
    merged: dict[str, Anything] = {}
    for facts in found:
        tags = (*merged.get("tag", ()), *facts.get("tag", ()))
        merged |= facts
        if tags:
            merged["tag"] = tags
    return merged


def _values(leaf: Comparison, wanted: bool) -> Iterator[dict[str, Anything]]:
    """Values of one fact that fulfil (or do not fulfil) a comparison."""
    if leaf.fact.type is FactType.TAG:
        yield {"tag": (leaf.values[0],)} if wanted else {}
        return
    candidates: list[Anything] = list(leaf.values)
    if leaf.fact.type in NUMERIC:
        candidates += [int(value) + step for value in leaf.values for step in (-1, 1)]
    elif leaf.fact.type is FactType.FLAG:
        candidates += [True, False]
    elif leaf.fact.family.choices is not None:
        candidates += [str(one) for one in leaf.fact.family.choices]
    else:
        candidates.append("none-of-these")
    for value in [*candidates, None]:
        facts = {leaf.fact.name: value}
        if interpreter.holds(leaf, facts) == wanted and (value is not None or leaf.operator is not Operator.IS):
            yield facts
