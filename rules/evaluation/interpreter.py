"""The same trees for one customer, in plain Python: at the counter, for «why», and as the oracle of the tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any as Anything

from rules.language.conditions import All, Any, Comparison, Condition, Not, Operator, comparisons
from rules.language.facts import FactType

Facts = Mapping[str, Anything]
"""Values by fact name; ``tag`` is the collection of her tags; an absent or ``None`` value is empty."""


def holds(condition: Condition, facts: Facts) -> bool:
    """Whether the condition is fulfilled."""
    match condition:
        case All(parts):
            return all(holds(part, facts) for part in parts)
        case Any(parts):
            return any(holds(part, facts) for part in parts)
        case Not(part):
            return not holds(part, facts)
        case Comparison():
            return _compare(condition, facts)


def _compare(leaf: Comparison, facts: Facts) -> bool:
    if leaf.fact.type is FactType.TAG:
        return any(value in (facts.get("tag") or ()) for value in leaf.values)
    found = facts.get(leaf.fact.name)
    if found is None:
        return leaf.never
    values: tuple[Anything, ...] = leaf.values
    if leaf.fact.type is FactType.FLAG:
        found = bool(found)
    match leaf.operator:
        case Operator.AT_LEAST:
            return bool(found >= values[0])
        case Operator.AT_MOST:
            return bool(found <= values[0])
        case Operator.MORE_THAN:
            return bool(found > values[0])
        case Operator.LESS_THAN:
            return bool(found < values[0])
        case Operator.BETWEEN:
            return bool(values[0] <= found <= values[1])
        case Operator.IS:
            return bool(found == values[0])
        case Operator.IS_NOT:
            return bool(found != values[0])
        case Operator.IN:
            return found in values
        case Operator.NOT_IN:
            return found not in values


def evidence(condition: Condition, facts: Facts) -> list[dict[str, Anything]]:
    """Each comparison with her value, the threshold and whether it holds: what is stored at a gain or a loss."""
    found: list[dict[str, Anything]] = []
    for leaf in comparisons(condition):
        value = sorted(facts.get("tag") or ()) if leaf.fact.type is FactType.TAG else facts.get(leaf.fact.name)
        found.append(
            {
                "fact": leaf.fact.name,
                "value": value,
                "operator": leaf.operator.value,
                "than": list(leaf.values),
                "holds": _compare(leaf, facts),
            }
        )
    return found
