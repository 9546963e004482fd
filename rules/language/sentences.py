"""Rules said in words, made from their trees: what an owner approves is the sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from models.numbers import yuan_of
from rules.language.conditions import All, Any, Comparison, Condition, Not, Operator, Value
from rules.language.facts import Fact, FactType, Subject


@dataclass(frozen=True)
class Words:
    """What tiers, tags, roles, coupons, operations, festivals and measurements are called, by their short names."""

    tiers: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    coupons: Mapping[str, str] = field(default_factory=dict)
    operations: Mapping[str, str] = field(default_factory=dict)
    festivals: Mapping[str, str] = field(default_factory=dict)
    readings: Mapping[str, str] = field(default_factory=dict)


def condition_said(condition: Condition, words: Words) -> str:
    """The condition in the reader's language."""
    return _said(condition, words, nested=False)


def _said(condition: Condition, words: Words, nested: bool) -> str:
    said: str
    match condition:
        case Comparison():
            said = comparison_said(condition, words)
        case Not(Comparison(fact=fact, values=(yes,))) if fact.type is FactType.FLAG:
            said = _flag(fact, not yes, words)
        case Not(Comparison() as leaf) if leaf.fact.type is FactType.TAG:
            said = _("she does not have the tag %(tags)s", tags=_tags(leaf, words))
        case Not(part):
            said = _("not (%(part)s)", part=_said(part, words, nested=False))
        case All(()):
            said = _("everybody")
        case Any(()):
            said = _("nobody")
        case All(parts) | Any(parts):
            joint: str = _(", and ") if isinstance(condition, All) else _(", or ")
            said = joint.join(_said(part, words, nested=True) for part in parts)
            said = _("(%(parts)s)", parts=said) if nested and len(parts) > 1 else said
    return said


def comparison_said(leaf: Comparison, words: Words) -> str:
    """One fact and what it is compared with."""
    said: str
    if leaf.fact.type is FactType.FLAG:
        return _flag(leaf.fact, bool(leaf.values[0]), words)
    if leaf.fact.type is FactType.TAG:
        said = _("she has the tag %(tags)s", tags=_tags(leaf, words))
        return said
    said = _compared(leaf, words)
    if leaf.never and leaf.fact.family.empty is not None:
        said = _("%(comparison)s (or %(empty)s)", comparison=said, empty=leaf.fact.family.empty)
    return said


CLAUSES: dict[str, tuple[LazyString, LazyString]] = {
    "started_with_trial": (
        _l("she began with a trial or a voucher"),
        _l("she did not begin with a trial or a voucher"),
    ),
    "referred": (_l("she was sent by another customer"), _l("she was not sent by another customer")),
    "has_allergy": (_l("she has an allergy"), _l("she has no allergy")),
    "booked": (_l("she has a booking to come"), _l("she has no booking to come")),
    "employed": (_l("she works here"), _l("she does not work here")),
    "on_sale": (_l("it is on sale"), _l("it is not on sale")),
    "refused": (_l("it was refused"), _l("it was not refused")),
    "overridden": (_l("it was done although contraindicated"), _l("it was not done against a contraindication")),
    "outside_hours": (_l("it was outside the opening hours"), _l("it was within the opening hours")),
}
"""Facts that are so or not, as clauses."""


def _flag(fact: Fact, holds: bool, words: Words) -> str:
    clauses = CLAUSES.get(fact.family.pattern)
    if clauses is not None:
        return str(clauses[0 if holds else 1])
    label = fact_said(fact, words)
    return label if holds else str(_("not: %(fact)s", fact=label))


def _tags(leaf: Comparison, words: Words) -> str:
    return either([str(_("“%(tag)s”", tag=value_said(leaf.fact, value, words))) for value in leaf.values])


def either(values: Sequence[str]) -> str:
    """«Gold, Platinum or Diamond»."""
    *others, last = values
    return str(_("%(others)s or %(last)s", others=_(", ").join(others), last=last)) if others else last


def fact_said(fact: Fact, words: Words) -> str:
    """What a fact is called, a festival or a measurement in it by its name."""
    if fact.reading:
        return fact.called(words.readings.get(fact.reading, fact.reading))
    return fact.called(words.festivals.get(fact.festival, fact.festival)) if fact.festival else fact.label


SCALES = frozenset({"month", "weekday", "age", "hour", "times_today", "points", "reading_{slug}", "rows"})
"""Numbers that count no things."""
SUMS = frozenset({"paid_{n}d", "paid_total", "used_{n}d", "used_total"})
"""What a customer paid and used, as a participle: «at least ¥500 was paid in 30 days»."""
ENDINGS = (
    ("的剩余次数", "剩余", "次"),
    ("的天数", "", "天"),
    ("天数", "", "天"),
    ("次数", "", "次"),
    ("爽约数", "爽约", "次"),
    ("反应数", "反应", "次"),
    ("客户数", "客户", "位"),
    ("卡数", "卡", "张"),
    ("预约数", "预约", "个"),
)
"""Of labels that name their own unit: in a sentence it stands behind the number."""


def _compared(leaf: Comparison, words: Words) -> str:
    fact, subject = leaf.fact, leaf.fact.family.subject
    label, values = fact_said(fact, words), [value_said(fact, value, words) for value in leaf.values]
    if fact.type in (FactType.DAYS, FactType.NUMBER):
        label, values = _with_unit(label, leaf.values, values)
    match fact.type:
        case FactType.DAYS if label.startswith("days ") or label != fact_said(fact, words):
            return _days_said(leaf.operator, label, values)
        case FactType.NUMBER if fact.family.pattern not in SCALES:
            return _count_said(leaf.operator, label, values)
        case FactType.MONEY if subject is Subject.CUSTOMER and fact.family.pattern in SUMS:
            return _sum_said(leaf.operator, label, values)
    return _value_is(leaf.operator, label, values)


def _with_unit(label: str, numbers: Sequence[Value], values: list[str]) -> tuple[str, list[str]]:
    if label.startswith("days "):
        return label, [f"{number:,}" for number in numbers]
    for ending, rest, unit in ENDINGS:
        if label.endswith(ending):
            return label.removesuffix(ending) + rest, [f"{number:,} {unit}" for number in numbers]
    return label, values


def _days_said(operator: Operator, fact: str, values: list[str]) -> str:
    text: str
    match operator:
        case Operator.AT_LEAST:
            text = _("it is at least %(value)s %(fact)s", fact=fact, value=values[0])
        case Operator.AT_MOST:
            text = _("it is at most %(value)s %(fact)s", fact=fact, value=values[0])
        case Operator.MORE_THAN:
            text = _("it is more than %(value)s %(fact)s", fact=fact, value=values[0])
        case Operator.LESS_THAN:
            text = _("it is less than %(value)s %(fact)s", fact=fact, value=values[0])
        case Operator.BETWEEN:
            text = _("it is %(low)s to %(high)s %(fact)s", fact=fact, low=values[0], high=values[1])
        case Operator.IS_NOT:
            text = _("it is not %(value)s %(fact)s", fact=fact, value=values[0])
        case _:
            text = _("it is %(value)s %(fact)s", fact=fact, value=values[0])
    return text


def _count_said(operator: Operator, fact: str, values: list[str]) -> str:
    text: str
    match operator:
        case Operator.AT_LEAST:
            text = _("there are at least %(value)s %(fact)s", fact=fact, value=values[0])
        case Operator.AT_MOST | Operator.IS if values[0].split(" ")[0] == "0":
            text = _("there are no %(fact)s", fact=fact)
        case Operator.AT_MOST:
            text = _("there are at most %(value)s %(fact)s", fact=fact, value=values[0])
        case Operator.MORE_THAN:
            text = _("there are more than %(value)s %(fact)s", fact=fact, value=values[0])
        case Operator.LESS_THAN:
            text = _("there are fewer than %(value)s %(fact)s", fact=fact, value=values[0])
        case Operator.BETWEEN:
            text = _("there are %(low)s to %(high)s %(fact)s", fact=fact, low=values[0], high=values[1])
        case Operator.IS_NOT:
            text = _("there are not %(value)s %(fact)s", fact=fact, value=values[0])
        case _:
            text = _("there are %(value)s %(fact)s", fact=fact, value=values[0])
    return text


def _sum_said(operator: Operator, fact: str, values: list[str]) -> str:
    text: str
    match operator:
        case Operator.AT_LEAST:
            text = _("at least %(value)s was %(fact)s", fact=fact, value=values[0])
        case Operator.AT_MOST:
            text = _("at most %(value)s was %(fact)s", fact=fact, value=values[0])
        case Operator.MORE_THAN:
            text = _("more than %(value)s was %(fact)s", fact=fact, value=values[0])
        case Operator.LESS_THAN:
            text = _("less than %(value)s was %(fact)s", fact=fact, value=values[0])
        case Operator.BETWEEN:
            text = _("%(low)s to %(high)s was %(fact)s", fact=fact, low=values[0], high=values[1])
        case Operator.IS_NOT:
            text = _("not %(value)s was %(fact)s", fact=fact, value=values[0])
        case _:
            text = _("exactly %(value)s was %(fact)s", fact=fact, value=values[0])
    return text


def _value_is(operator: Operator, fact: str, values: list[str]) -> str:
    text: str
    match operator:
        case Operator.AT_LEAST:
            text = _("%(fact)s is at least %(value)s", fact=fact, value=values[0])
        case Operator.AT_MOST:
            text = _("%(fact)s is at most %(value)s", fact=fact, value=values[0])
        case Operator.MORE_THAN:
            text = _("%(fact)s is more than %(value)s", fact=fact, value=values[0])
        case Operator.LESS_THAN:
            text = _("%(fact)s is less than %(value)s", fact=fact, value=values[0])
        case Operator.BETWEEN:
            text = _("%(fact)s is from %(low)s to %(high)s", fact=fact, low=values[0], high=values[1])
        case Operator.IS | Operator.IN:
            text = _("%(fact)s is %(value)s", fact=fact, value=either(values))
        case Operator.IS_NOT:
            text = _("%(fact)s is not %(value)s", fact=fact, value=values[0])
        case Operator.NOT_IN:
            text = _("%(fact)s is none of %(value)s", fact=fact, value=_(", ").join(values))
    return text


def value_said(fact: Fact, value: Value, words: Words) -> str:
    """A value of a fact as people read it: money in yuan, names for short names."""
    said = f"{value:,}" if isinstance(value, int) else str(value)
    match fact.type:
        case FactType.MONEY:
            said = ("-" if int(value) < 0 else "") + f"¥{yuan_said(abs(int(value)))}"
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
