"""Rules said in words, made from their trees: what an owner approves is the sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_babel import gettext as _

from models.numbers import yuan_of
from rules.language.conditions import All, Any, Comparison, Condition, Not, Operator, Value
from rules.language.facts import Fact, FactType


@dataclass(frozen=True)
class Words:
    """What tiers, tags, roles, coupons, operations and festivals are called, by their short names."""

    tiers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    coupons: Mapping[str, str] = field(default_factory=dict)
    operations: Mapping[str, str] = field(default_factory=dict)
    festivals: Mapping[str, str] = field(default_factory=dict)


def condition_said(condition: Condition, words: Words) -> str:
    """The condition in the reader's language."""
    return _said(condition, words, nested=False)


def _said(condition: Condition, words: Words, nested: bool) -> str:
    said: str
    match condition:
        case Comparison():
            said = comparison_said(condition, words)
        case Not(part):
            said = _("not (%(part)s)", part=_said(part, words, nested=False))
        case All(()):
            said = _("everybody")
        case Any(()):
            said = _("nobody")
        case All(parts) | Any(parts):
            joint: str = _(", and ") if isinstance(condition, All) else _(", or ")
            said = joint.join(_said(part, words, nested=True) for part in parts)
            said = f"({said})" if nested and len(parts) > 1 else said
    return said


def comparison_said(leaf: Comparison, words: Words) -> str:
    """One fact and what it is compared with."""
    said: str
    label = fact_said(leaf.fact, words)
    if leaf.fact.type is FactType.FLAG:
        said = label if leaf.values[0] else _("not: %(fact)s", fact=label)
        return said
    values = [value_said(leaf.fact, value, words) for value in leaf.values]
    if leaf.fact.type is FactType.TAG:
        said = _("has the tag %(tags)s", tags=_(" or ").join(f"「{value}」" for value in values))
        return said
    said = _compared(leaf.operator, label, values)
    if leaf.never and leaf.fact.family.empty is not None:
        said = _("%(comparison)s (or %(empty)s)", comparison=said, empty=leaf.fact.family.empty)
    return said


def fact_said(fact: Fact, words: Words) -> str:
    """What a fact is called, a festival in it by its name."""
    return fact.called(words.festivals.get(fact.festival, fact.festival)) if fact.festival else fact.label


def _compared(operator: Operator, fact: str, values: list[str]) -> str:
    text: str
    match operator:
        case Operator.AT_LEAST:
            text = _("%(fact)s at least %(value)s", fact=fact, value=values[0])
        case Operator.AT_MOST:
            text = _("%(fact)s at most %(value)s", fact=fact, value=values[0])
        case Operator.MORE_THAN:
            text = _("%(fact)s more than %(value)s", fact=fact, value=values[0])
        case Operator.LESS_THAN:
            text = _("%(fact)s less than %(value)s", fact=fact, value=values[0])
        case Operator.BETWEEN:
            text = _("%(fact)s from %(low)s to %(high)s", fact=fact, low=values[0], high=values[1])
        case Operator.IS:
            text = _("%(fact)s is %(value)s", fact=fact, value=values[0])
        case Operator.IS_NOT:
            text = _("%(fact)s is not %(value)s", fact=fact, value=values[0])
        case Operator.IN:
            text = _("%(fact)s is %(value)s", fact=fact, value=_(" or ").join(values))
        case Operator.NOT_IN:
            text = _("%(fact)s is none of %(value)s", fact=fact, value="、".join(values))
    return text


def value_said(fact: Fact, value: Value, words: Words) -> str:
    """A value of a fact as people read it: money in yuan, names for short names."""
    said = f"{value:,}" if isinstance(value, int) else str(value)
    match fact.type:
        case FactType.MONEY:
            said = f"¥{yuan_said(int(value))}"
        case FactType.DAYS:
            said = _("%(n)s days", n=value)
        case FactType.PERCENT:
            said = f"{value}%"
        case FactType.FLAG:
            said = _("Yes") if value else _("No")
        case FactType.TIER:
            said = words.tiers.get(said, said)
        case FactType.TAG:
            said = words.tags.get(said, said)
        case FactType.ROLE:
            said = words.roles.get(said, said)
        case FactType.OPERATION:
            said = words.operations.get(said, said)
        case FactType.CHOICE if fact.family.choices is not None:
            said = str(fact.family.choices(said).label)
    return said


def yuan_said(fen: int) -> str:
    """``1,340`` or ``1,340.50``."""
    whole = yuan_of(fen)
    text = f"{abs(fen) // 100:,}" + ("" if fen % 100 == 0 else "." + str(whole).partition(".")[2])
    return f"-{text}" if fen < 0 else text
