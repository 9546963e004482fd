"""Conditions: ``all``, ``any``, ``not`` over comparisons of facts, as a typed tree."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from models.names import OPERATIONS
from rules.language import spellings
from rules.language.facts import Fact, FactType, Subject, fact_named, no_such_fact
from rules.language.faults import Fault, Faults, Place, instead, misfit, short, unknown
from rules.language.nodes import Mapping, Node, Scalar, Sequence

Value = int | str | bool


class Operator(StrEnum):
    """How a fact is compared; thresholds are inclusive in ``at_least``, ``at_most`` and ``between``."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    MORE_THAN = "more_than"
    LESS_THAN = "less_than"
    BETWEEN = "between"
    IS = "is"
    IS_NOT = "is_not"
    IN = "in"
    NOT_IN = "not_in"


_NUMERIC = (FactType.MONEY, FactType.NUMBER, FactType.DAYS, FactType.PERCENT)
_ORDER = {
    Operator.AT_LEAST,
    Operator.AT_MOST,
    Operator.MORE_THAN,
    Operator.LESS_THAN,
    Operator.BETWEEN,
    Operator.IS,
    Operator.IS_NOT,
}
_MEMBER = {Operator.IS, Operator.IS_NOT, Operator.IN, Operator.NOT_IN}
OPERATORS: dict[FactType, set[Operator]] = {
    **dict.fromkeys(_NUMERIC, _ORDER),
    FactType.CHOICE: _MEMBER,
    FactType.TIER: _MEMBER,
    FactType.FLAG: {Operator.IS},
    FactType.TAG: {Operator.IS, Operator.IN},
    FactType.ROLE: _MEMBER,
    FactType.OPERATION: _MEMBER,
}


@dataclass(frozen=True)
class Comparison:
    """One fact against one or more values; ``never`` is the answer where the fact is empty."""

    fact: Fact
    operator: Operator
    values: tuple[Value, ...]
    never: bool = False
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True)
class All:
    """Every part must hold; nothing at all always holds."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Any:
    """At least one part must hold."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class Not:
    """The part must not hold."""

    part: Condition


Condition = Comparison | All | Any | Not
ALWAYS = All(())
NEVER = Any(())


def comparisons(condition: Condition) -> Iterator[Comparison]:
    """The leaves of a tree, in the order they were written."""
    match condition:
        case Comparison():
            yield condition
        case Not(part):
            yield from comparisons(part)
        case All(parts) | Any(parts):
            for part in parts:
                yield from comparisons(part)


def tags_in(condition: Condition) -> set[str]:
    """The slugs of the tags that a condition asks for."""
    return {str(value) for leaf in comparisons(condition) if leaf.fact.type is FactType.TAG for value in leaf.values}


def implies(first: Condition, second: Condition) -> bool:
    """Whether whoever fulfils the first fulfils the second, as far as thresholds and equal parts tell."""
    if first == second:
        return True
    if isinstance(second, All):
        return all(implies(first, part) for part in second.parts)
    if isinstance(first, Any):
        return all(implies(part, second) for part in first.parts)
    if isinstance(first, All) and any(implies(part, second) for part in first.parts):
        return True
    if isinstance(second, Any):
        return any(implies(first, part) for part in second.parts)
    return isinstance(first, Comparison) and isinstance(second, Comparison) and _tighter(first, second)


def _tighter(first: Comparison, second: Comparison) -> bool:
    if (first.fact, first.operator, first.never) != (second.fact, second.operator, second.never):
        return False
    mine, its = first.values[0], second.values[0]
    if not (isinstance(mine, int) and isinstance(its, int)):
        return False
    if first.operator in (Operator.AT_LEAST, Operator.MORE_THAN):
        return mine >= its
    return first.operator in (Operator.AT_MOST, Operator.LESS_THAN) and mine <= its


def read_condition(node: Node, subject: Subject = Subject.CUSTOMER) -> Condition:
    """The tree a node stands for, over facts of the subject.

    :raises Faults: every fault found, each at its place.
    """
    faults: list[Fault] = []
    condition = _condition(node, subject, faults)
    if faults or condition is None:
        raise Faults(faults)
    return condition


def _condition(node: Node, subject: Subject, faults: list[Fault]) -> Condition | None:
    if not isinstance(node, Mapping) or not node.pairs:
        faults.append(Fault(node.place, _l("A condition is a key with a value, such as visits_90d: {at_least: 3}.")))
        return None
    parts = [_entry(key, value, subject, faults) for key, value in node.pairs]
    whole = tuple(part for part in parts if part is not None)
    return whole[0] if len(whole) == 1 else All(whole)


def _entry(key: Scalar, value: Node, subject: Subject, faults: list[Fault]) -> Condition | None:
    if key.text == "not":
        part = _condition(value, subject, faults)
        return None if part is None else Not(part)
    if key.text in ("all", "any"):
        if not isinstance(value, Sequence) or not value.items:
            faults.append(Fault(value.place, _l("%(key)s needs a list of conditions.", key=key.text)))
            return None
        parts = tuple(part for item in value.items if (part := _condition(item, subject, faults)) is not None)
        return All(parts) if key.text == "all" else Any(parts)
    return _comparisons(key, value, subject, faults)


def _comparisons(key: Scalar, value: Node, subject: Subject, faults: list[Fault]) -> Condition | None:
    fact = fact_named(key.text, subject)
    if fact is None:
        joined = spellings.joining(key.text)
        faults.append(Fault(key.place, instead(joined, key.text) if joined else no_such_fact(key.text, subject)))
        return None
    if isinstance(value, Scalar):
        if (sign := _sign_in(fact, value)) is not None:
            faults.append(Fault(value.place, sign))
            return None
        return _leaf(fact, Scalar("is", value.place), value, False, faults)
    if isinstance(value, Sequence):
        return _leaf(fact, Scalar("in", value.place), value, False, faults)
    never = _never(value, faults)
    pairs = [(name, operand) for name, operand in value.pairs if name.text != "never"]
    if (split := _split_number(value)) is not None:
        faults.append(split)
        return None
    if not pairs:
        faults.append(Fault(value.place, _l("Compare %(fact)s with something.", fact=fact.name)))
    leaves = [_leaf(fact, name, operand, never, faults) for name, operand in pairs]
    whole = tuple(leaf for leaf in leaves if leaf is not None)
    return whole[0] if len(whole) == 1 else All(whole)


_SIGNED = re.compile(r"\s*(>=|=>|<=|=<|[≥≤<>＞＜=]|至少|至多|不少于|不超过|大于|小于|超过|少于)\s*(.+)")


def _sign_in(fact: Fact, value: Scalar) -> LazyString | None:
    """``visits_90d: ">= 6"``: the comparison has a name of its own."""
    match = _SIGNED.fullmatch(value.text) if fact.type in _NUMERIC else None
    operator = spellings.operator(match[1]) if match else None
    return instead(f"{{{operator}: {match[2].strip()}}}", value.text) if match and operator else None


def _split_number(value: Mapping) -> Fault | None:
    """``{at_least: 20,000}``: within braces the comma ends the number."""
    for (_key, operand), (following, rest) in pairwise(value.pairs):
        digits = re.fullmatch("[0-9]{3}[元d%]?", following.text)
        if digits and isinstance(operand, Scalar) and isinstance(rest, Scalar) and not rest.text:
            thousands = "".join(key.text for key, _rest in value.pairs if re.fullmatch("[0-9]{3}[元d%]?", key.text))
            typed = f"{operand.text},{thousands}" if len(thousands) <= 4 else operand.text + thousands
            return Fault(operand.place, instead(operand.text + re.sub("[元d]", "", thousands), typed))
    return None


def _never(value: Mapping, faults: list[Fault]) -> bool:
    node = value.get("never")
    if node is None:
        return False
    if isinstance(node, Scalar) and node.text in _FLAGS:
        return _FLAGS[node.text]
    typed = node.text if isinstance(node, Scalar) else ""
    faults.append(Fault(node.place, misfit(typed, _l("never is yes or no."), spellings.flag)))
    return False


def _leaf(fact: Fact, name: Scalar, operand: Node, never: bool, faults: list[Fault]) -> Comparison | None:
    fitting = OPERATORS[fact.type]
    if name.text not in [operator.value for operator in fitting]:
        known = [operator.value for operator in Operator]
        if name.text in known:
            message = _l(
                "%(operator)s does not fit %(fact)s; use one of: %(fitting)s.",
                operator=name.text,
                fact=fact.name,
                fitting=", ".join(sorted(fitting)),
            )
        else:
            message = _no_such_comparison(name.text, known)
        faults.append(Fault(name.place, message))
        return None
    operator = Operator(name.text)
    values = _values(fact, operator, operand, faults)
    return None if values is None else Comparison(fact, operator, values, never, operand.place)


def _no_such_comparison(word: str, known: list[str]) -> LazyString:
    meant = spellings.operator(word)
    return unknown(word, known, _l("comparison")) if meant is None else instead(meant, word)


def _values(fact: Fact, operator: Operator, node: Node, faults: list[Fault]) -> tuple[Value, ...] | None:
    several = operator in (Operator.IN, Operator.NOT_IN, Operator.BETWEEN)
    if several and not isinstance(node, Sequence):
        typed = node.text if isinstance(node, Scalar) else ""
        need = _l("%(operator)s needs a list.", operator=operator.value)
        spelling = _range if operator is Operator.BETWEEN else _listed
        faults.append(Fault(node.place, misfit(typed, need, spelling)))
        return None
    items = node.items if isinstance(node, Sequence) else (node,)
    if not several and len(items) != 1:
        faults.append(Fault(node.place, _l("%(operator)s takes one value.", operator=operator.value)))
        return None
    values: list[Value] = []
    for item in items:
        value = _value(fact, item, faults)
        if value is None:
            return None
        values.append(value)
    if operator is Operator.BETWEEN and (len(values) != 2 or not _ordered(values)):
        faults.append(Fault(node.place, _not_between(items)))
        return None
    if not values:
        faults.append(Fault(node.place, _l("The list is empty.")))
        return None
    return tuple(values)


def _range(word: str) -> str | None:
    """``[60, 179]`` for 60-179 or 60 到 179."""
    ends = re.split(r"\s*(?:[-~～–—]|至|到)\s*", word.strip())
    return f"[{ends[0]}, {ends[1]}]" if len(ends) == 2 and all(ends) else None


def _listed(word: str) -> str | None:
    return f"[{', '.join(re.split('[,，、 ]+', word.strip()))}]" if word.strip() else None


def _not_between(items: tuple[Node, ...]) -> LazyString:
    need = _l("between needs two values, the smaller one first.")
    words = [item.text for item in items if isinstance(item, Scalar)]
    typed = f"[{', '.join(words)}]"
    if len(words) == 2:
        return misfit(typed, need, lambda _typed: f"[{words[1]}, {words[0]}]")
    return misfit(typed, need)


def _ordered(values: list[Value]) -> bool:
    low, high = values
    return isinstance(low, int) and isinstance(high, int) and low <= high


_FLAGS = {"yes": True, "no": False, "true": True, "false": False, "是": True, "否": False}
MOST_LETTERS = 60
"""Of a name that stands where a short name should."""


def _value(fact: Fact, node: Node, faults: list[Fault]) -> Value | None:
    if not isinstance(node, Scalar):
        faults.append(Fault(node.place, _l("A single value is needed here.")))
        return None
    word, place = node.text.strip(), node.place
    if fact.type is FactType.FLAG:
        if word in _FLAGS:
            return _FLAGS[word]
        need = _l("%(fact)s is yes or no.", fact=fact.name)
        faults.append(Fault(place, misfit(word, need, spellings.flag)))
        return None
    if fact.type is FactType.CHOICE:
        known = {} if fact.family.choices is None else {str(one): (one.label,) for one in fact.family.choices}
        if word in known:
            return word
        faults.append(Fault(place, unknown(word, known, _l("value"))))
        return None
    if fact.type is FactType.OPERATION:
        if word in OPERATIONS:
            return word
        faults.append(Fault(place, unknown(word, OPERATIONS, _l("operation"))))
        return None
    if fact.type in (FactType.TIER, FactType.TAG, FactType.ROLE):
        if word and len(word) <= MOST_LETTERS:
            return word  # whether there is such a one is asked of the whole book, which knows their names
        faults.append(Fault(place, _l("A short name is needed here (a-z, 0-9, -).")))
        return None
    return _number(fact, word, place, faults)


def read_value_of(fact: Fact, word: str) -> Value:
    """One value of a fact as written in a test.

    :raises Faults: it does not fit the fact.
    """
    faults: list[Fault] = []
    value = _value(fact, Scalar(word, Place("test", 1, 1)), faults)
    if value is None:
        raise Faults(faults)
    return value


_LARGEST = 10**12
MOST_DIGITS = 13
_PLAIN_NUMBER = re.compile(r"[+-]?([0-9]{1,15}|[0-9]{1,3}([,_][0-9]{3}){1,4})(\.[0-9]{1,6})?")
_AROUND = {FactType.MONEY: r"[¥￥]?(.*?)元?", FactType.DAYS: r"(.*?)d?", FactType.PERCENT: r"(.*?)%?"}
"""What may stand before and behind the number of such a fact."""
_SPELLINGS = {
    FactType.MONEY: spellings.money,
    FactType.DAYS: spellings.days,
    FactType.PERCENT: spellings.whole_percent,
}
_NEEDED = {
    FactType.DAYS: _l("A number of days is needed, such as 30."),
    FactType.PERCENT: _l("A whole percentage is needed, such as 150%."),
}
A_NUMBER = _l("A whole number is needed here, such as 6.")


def _number(fact: Fact, word: str, place: Place, faults: list[Fault]) -> int | None:
    around = re.fullmatch(_AROUND.get(fact.type, "(.*)"), word, re.DOTALL)
    plain = around[1] if around else word
    if _PLAIN_NUMBER.fullmatch(plain):
        exact = Decimal(re.sub("[,_]", "", plain)) * (100 if fact.type is FactType.MONEY else 1)
        if exact == exact.to_integral_value() and abs(exact) <= _LARGEST:
            return int(exact)
    meant = _SPELLINGS.get(fact.type, spellings.number)(word)
    fits = meant is not None and meant != word and len(meant) <= MOST_DIGITS
    faults.append(Fault(place, instead(meant, word) if meant and fits else _no_number(fact, word, plain)))
    return None


def _no_number(fact: Fact, word: str, plain: str) -> LazyString:
    need = spellings.amount_needed(word) if fact.type is FactType.MONEY else _NEEDED.get(fact.type, A_NUMBER)
    if _PLAIN_NUMBER.fullmatch(plain):
        return _l("%(word)s is not a number that fits here. %(need)s", word=short(word), need=need)
    return _l("%(word)s is not a number. %(need)s", word=short(word), need=need)
