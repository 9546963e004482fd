"""A rule as a form: its condition as rows that may be nested, its effects one by one. No YAML is typed here.

The form's fields are named by their way: ``when.0.1.value``, ``then.2.text``. What is posted becomes plain values, and
these a rule in its document; faults of that document find their way back to the field they are about.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from rules.documents.rules import (
    KINDS,
    AlertEffect,
    CouponEffect,
    Effect,
    FieldEffect,
    GiftEffect,
    MessageEffect,
    PointsEffect,
    Rule,
    TaskEffect,
)
from rules.language.conditions import OPERATORS, All, Comparison, Condition, Not, Operator
from rules.language.conditions import Any as AnyOf
from rules.language.facts import FAMILIES_OF, Fact, FactType, Family, Subject, fact_named
from rules.language.reading import Part
from rules.language.writing import Lines, value_plain

Options = list[tuple[str, str]]
Posted = dict[str, Any]

GROUPS: dict[str, LazyString] = {
    "all": _l("all of these hold"),
    "any": _l("any of these holds"),
    "none": _l("none of these holds"),
}
OPERATOR_WORDS: dict[Operator, LazyString] = {
    Operator.AT_LEAST: _l("at least"),
    Operator.AT_MOST: _l("at most"),
    Operator.MORE_THAN: _l("more than"),
    Operator.LESS_THAN: _l("less than"),
    Operator.BETWEEN: _l("from … to"),
    Operator.IS: _l("is"),
    Operator.IS_NOT: _l("is not"),
    Operator.IN: _l("is one of"),
    Operator.NOT_IN: _l("is none of"),
}
KIND_WORDS: dict[str, LazyString] = {
    "tag": _l("Put on a tag"),
    "untag": _l("Take away a tag"),
    "tier": _l("Give a tier"),
    "alert": _l("Raise an alert"),
    "task": _l("Give a task"),
    "field": _l("Write into the customer's record"),
    "points": _l("Give points"),
    "coupon": _l("Give a coupon"),
    "gift": _l("Give a gift"),
    "message": _l("Send a message"),
}
ONCE_WORDS: dict[str, LazyString] = {
    "time": _l("each time the rule begins to hold"),
    "ever": _l("once ever"),
    "year": _l("once a year"),
    "birthday": _l("once a birthday"),
    "absence": _l("once an absence"),
    "card": _l("once a card"),
}
LIMITS = {"most": "customers_per_run", "quiet": "quiet", "per_customer": "per_customer", "holdout": "holdout"}
"""The form's fields of limits, and how they are written."""
NEW_TAG = "+"
"""What the form says for a tag that is made with the rule and has its name."""
HOURS = ("daily_at", "on", "missed")
"""The form's fields of a rule's own hours."""
LISTED = (FactType.CHOICE, FactType.TIER, FactType.TAG, FactType.ROLE, FactType.OPERATION)
UNITS: dict[FactType, LazyString] = {
    FactType.MONEY: _l("yuan"),
    FactType.DAYS: _l("days"),
    FactType.PERCENT: LazyString(str, "%"),
}
EFFECT_NUMBERS = ("within", "valid", "worth", "amount")
"""The form's fields of an effect that are numbers."""
MOST_PARTS = 40


@dataclass
class Leaf:
    """One row of a condition."""

    path: str
    pattern: str = ""
    n: str = ""
    slug: str = ""
    operator: str = ""
    values: list[str] = field(default_factory=list)
    never: bool = False
    subject: Subject = Subject.CUSTOMER

    @property
    def family(self) -> Family | None:
        return next((one for one in FAMILIES_OF[self.subject] if one.pattern == self.pattern), None)

    @property
    def fact(self) -> Fact | None:
        name = self.pattern.replace("{n}", self.n.strip()).replace("{slug}", self.slug.strip())
        return fact_named(name, self.subject)

    @property
    def operators(self) -> Options:
        family = self.family
        if family is None:
            return []
        fitting = OPERATORS[family.type]
        if family.type in LISTED:
            fitting = fitting & {Operator.IN, Operator.NOT_IN}
        return [(one.value, str(word)) for one, word in OPERATOR_WORDS.items() if one in fitting]

    @property
    def unit(self) -> str:
        return str(UNITS.get(self.family.type, "")) if self.family else ""

    def value(self, place: int) -> str:
        return self.values[place] if place < len(self.values) else ""


@dataclass
class Group:
    """Rows and groups that are joined."""

    path: str
    kind: str = "all"
    parts: list[Leaf | Group] = field(default_factory=list)
    subject: Subject = Subject.CUSTOMER


@dataclass
class EffectForm:
    """One effect, with what its kind asks for."""

    path: str
    kind: str
    values: Posted

    def text(self, name: str) -> str:
        return str(self.values.get(name, "") or "")

    @property
    def by_tier(self) -> bool:
        return bool(self.values.get("by"))

    def of_tier(self, tier: str) -> str:
        return str(self.values.get("tiers", {}).get(tier, ""))


@dataclass
class RuleForm:
    """A rule as it is edited."""

    id: str = ""
    values: Posted = field(default_factory=dict)
    when: Group = field(default_factory=lambda: Group("when"))
    then: list[EffectForm] = field(default_factory=list)
    faults: dict[str, list[str]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        return str(self.values.get(name, "") or "")

    @property
    def on(self) -> list[str]:
        """What has to happen for it to be asked at once."""
        return list(self.values.get("on") or [])


# ------------------------------------------------------------------------------------------- from a rule


def form_of(rule: Rule, plain: Mapping[str, Any]) -> RuleForm:
    """The form of a rule that is there; ``plain`` is how it is written."""
    values: Posted = {name: plain.get(name, "") for name in ("name", "name_en", "existing_customers", "taken_back")}
    values["for"], values["keep_for"] = str(rule.hold or ""), str(rule.keep_for or "")
    values["enabled"] = "yes" if rule.enabled else "no"
    limits = plain.get("limits", {})
    values |= {name: str(limits.get(key, "")).removesuffix("%") for name, key in LIMITS.items()}
    values |= {name: plain.get("evaluate", {}).get(name, "") for name in HOURS}
    then = [_effect_form(f"then.{place}", effect, plain["then"][place]) for place, effect in enumerate(rule.then)]
    return RuleForm(rule.id, values, group_of(rule.when, "when"), then)


def _effect_form(path: str, effect: Effect, plain: Mapping[str, Any]) -> EffectForm:
    kind = effect.kind
    written = plain[kind]
    values = {"value": written} if isinstance(written, str) else dict(written)
    for name in ("within", "valid"):
        if name in values:
            values[name] = str(values[name]).rstrip("hd")
    return EffectForm(path, kind, values)


def group_of(condition: Condition, path: str, subject: Subject = Subject.CUSTOMER) -> Group:
    """A condition as rows; a single comparison is a group of one."""
    if isinstance(condition, Not):
        inner = condition.part
        parts: Sequence[Condition] = inner.parts if isinstance(inner, AnyOf) else (inner,)
        return Group(path, "none", _parts(parts, path, subject), subject)
    if isinstance(condition, All | AnyOf):
        kind = "all" if isinstance(condition, All) else "any"
        return Group(path, kind, _parts(condition.parts, path, subject), subject)
    return Group(path, "all", _parts([condition], path, subject), subject)


def _parts(conditions: Sequence[Condition], path: str, subject: Subject) -> list[Leaf | Group]:
    return [_part(condition, f"{path}.{place}", subject) for place, condition in enumerate(conditions)]


def _part(condition: Condition, path: str, subject: Subject) -> Leaf | Group:
    if not isinstance(condition, Comparison):
        return group_of(condition, path, subject)
    fact = condition.fact
    listed = {Operator.IS: Operator.IN, Operator.IS_NOT: Operator.NOT_IN}
    operator = listed.get(condition.operator, condition.operator) if fact.type in LISTED else condition.operator
    return Leaf(
        path,
        fact.family.pattern,
        str(fact.days or ""),
        fact.slug or "",
        operator.value,
        [value_plain(fact, value) for value in condition.values],
        condition.never,
        subject,
    )


# --------------------------------------------------------------------------------------- from what is posted


def read_form(posted: Mapping[str, Sequence[str]], rule_id: str) -> RuleForm:
    """The form as it was sent, whatever is wrong in it."""
    tree = tree_of(posted)
    names = (*PLAIN_KEYS, "daily_at", "missed", *LIMITS)
    values: Posted = {name: first_text(tree.get(name)) for name in names}
    values |= {name: number_text(values[name]) for name in ("for", "keep_for", *LIMITS)}
    values["on"] = tree.get("on", [])
    then = [
        EffectForm(f"then.{place}", kind, _numbers(_flat(one)))
        for place, one in enumerate(numbered(tree.get("then"))[:MOST_PARTS])
        if (kind := first_text(one.get("kind"))) in KINDS
    ]
    return RuleForm(rule_id, values, read_group(tree.get("when"), "when"), then)


_A_NUMBER = re.compile(r"[-+.,%\d\s－＋．，％]*")


def number_text(text: str) -> str:
    """What stands in a field for a number, in plain digits and signs however wide it was typed; other text as it is."""
    return unicodedata.normalize("NFKC", text).strip() if _A_NUMBER.fullmatch(text) else text


def negative_days(group: Group) -> dict[str, LazyString]:
    """The rows of a condition that ask for less than no days, by their path, with what to say there."""
    found: dict[str, LazyString] = {}
    for part in group.parts:
        if isinstance(part, Group):
            found |= negative_days(part)
        elif part.family is not None and part.family.type is FactType.DAYS and any(map(_below_zero, part.values)):
            found[part.path] = _l("A number of days cannot be less than 0.")
    return found


def _below_zero(text: str) -> bool:
    return text.startswith("-") and bool(text.strip("-0.,d"))


def tree_of(posted: Mapping[str, Sequence[str]]) -> Posted:
    """Names with dots as nested dicts; the leaves are lists of texts."""
    root: Posted = {}
    for name, texts in posted.items():
        *way, last = name.split(".")
        node = root
        for step in way[:12]:
            node = node.setdefault(step, {}) if isinstance(node.get(step, {}), dict) else {}
        node[last] = [text.replace("\r\n", "\n").strip() for text in texts]
    return root


def first_text(value: Any) -> str:
    return str(value[0]) if isinstance(value, list) and value else ""


def _flat(tree: Posted) -> Posted:
    return {name: _flat(value) if isinstance(value, dict) else first_text(value) for name, value in tree.items()}


def _numbers(values: Posted) -> Posted:
    """What is said of an effect, its numbers in plain digits."""
    tiers = values.get("tiers")
    plain: Posted = {name: number_text(text) for name in EFFECT_NUMBERS if isinstance(text := values.get(name), str)}
    if isinstance(tiers, dict):
        plain["tiers"] = {tier: number_text(text) if isinstance(text, str) else text for tier, text in tiers.items()}
    return values | plain


def numbered(tree: Any) -> list[Posted]:
    """What was sent under numbers, in their order."""
    if not isinstance(tree, dict):
        return []
    found = ((int(key), value) for key, value in tree.items() if key.isdecimal() and isinstance(value, dict))
    return [value for _, value in sorted(found, key=itemgetter(0))]


def read_group(tree: Any, path: str, subject: Subject = Subject.CUSTOMER) -> Group:
    kind = first_text(tree.get("kind")) if isinstance(tree, dict) else ""
    parts = [_read_part(one, f"{path}.{place}", subject) for place, one in enumerate(numbered(tree)[:MOST_PARTS])]
    return Group(path, kind if kind in GROUPS else "all", parts, subject)


def _read_part(tree: Posted, path: str, subject: Subject) -> Leaf | Group:
    if "kind" in tree:
        return read_group(tree, path, subject)
    fields = {name: first_text(tree.get(name)) for name in ("fact", "n", "slug", "op")}
    fields["n"] = number_text(fields["n"])
    values = [number_text(one) for one in tree.get("value", [])]
    leaf = Leaf(path, fields["fact"], fields["n"], fields["slug"], fields["op"], values)
    leaf.subject = subject
    leaf.never = bool(first_text(tree.get("never")))
    if leaf.family is not None:
        known = [value for value, _word in leaf.operators]
        leaf.operator = leaf.operator if leaf.operator in known else next(iter(known), "")
        if "{n}" in leaf.pattern and not leaf.n:
            leaf.n = "90"
    return leaf


# -------------------------------------------------------------------------------------------- what buttons do


def change(form: RuleForm, action: str) -> None:
    """Add or take out a row, a group or an effect: ``add-row:when.1``, ``drop:when.0``, ``add-effect:coupon``."""
    what, _colon, where = action.partition(":")
    if what == "add-effect" and where in KINDS:
        form.then.append(EffectForm(f"then.{len(form.then)}", where, {}))
    elif what == "drop" and where.startswith("then."):
        form.then = [one for one in form.then if one.path != where]
        for place, one in enumerate(form.then):
            one.path = f"then.{place}"
    elif what in ("add-row", "add-group", "drop"):
        change_group(form.when, what, where)
        number_group(form.when)


def change_group(group: Group, what: str, where: str) -> None:
    if group.path == where and what != "drop":
        row = Leaf("", subject=group.subject)
        group.parts.append(row if what == "add-row" else Group("", "any", [row], group.subject))
        return
    if what == "drop":
        group.parts = [part for part in group.parts if part.path != where]
    for part in group.parts:
        if isinstance(part, Group):
            change_group(part, what, where)


def number_group(group: Group) -> None:
    for place, part in enumerate(group.parts):
        part.path = f"{group.path}.{place}"
        if isinstance(part, Group):
            number_group(part)


# -------------------------------------------------------------------------------------------- to plain values


@dataclass(frozen=True)
class Before:
    """A rule as it stands: how it is written, and how the form shows that."""

    plain: Mapping[str, Any]
    form: RuleForm


PLAIN_KEYS = ("name", "name_en", "for", "keep_for", "existing_customers", "taken_back", "enabled")
DEFAULTS = {"existing_customers": "tag_only", "taken_back": "withdraw", "enabled": "yes"}


def plain_rule(form: RuleForm, before: Before | None) -> dict[str, Any]:
    """The rule as plain values. What says the same as ``before`` is written as it was; so is what no form shows."""
    said: dict[str, Any] = {"id": form.id, "name": form.text("name"), "name_en": form.text("name_en")}
    said["when"] = plain_group(form.when, outermost=True)
    said["for"] = _with_unit(form.text("for"), "d")
    said["keep_for"] = _with_unit(form.text("keep_for"), "d")
    said["evaluate"] = _plain_hours(form)
    said["then"] = [_plain_effect(one) for one in form.then]
    limits = {key: form.text(name) for name, key in LIMITS.items()} | {"holdout": _with_unit(form.text("holdout"), "%")}
    said["limits"] = {key: value for key, value in limits.items() if value} or ""
    said |= {name: form.text(name) if form.text(name) != default else "" for name, default in DEFAULTS.items()}
    if before is None:
        return {key: value for key, value in said.items() if value != ""}
    known = before.plain
    same = _same_keys(form, before.form)
    order = [*known, *(key for key in said if key not in known)]
    kept = {key: known[key] if key not in said or key in same & known.keys() else said[key] for key in order}
    return {key: value for key, value in kept.items() if value != ""}


def _plain_hours(form: RuleForm) -> Any:
    if not any(form.values.get(name) for name in HOURS):
        return ""
    missed = {"missed": "skip"} if form.text("missed") == "skip" else {}
    return {"daily_at": form.text("daily_at"), **({"on": form.on} if form.on else {}), **missed}


def _same_keys(form: RuleForm, was: RuleForm) -> set[str]:
    """The keys of a rule that the form did not change."""
    same = {key for key in PLAIN_KEYS if _equal(key, form, was)}
    if all(_equal(name, form, was) for name in LIMITS):
        same.add("limits")
    if _plain_hours(form) == _plain_hours(was):
        same.add("evaluate")
    if shape_of(form.when) == shape_of(was.when):
        same.add("when")
    if [_effect_shape(one) for one in form.then] == [_effect_shape(one) for one in was.then]:
        same.add("then")
    return same


def _equal(key: str, form: RuleForm, was: RuleForm) -> bool:
    default = DEFAULTS.get(key, "")
    return (form.text(key) or default) == (was.text(key) or default)


def shape_of(part: Leaf | Group) -> Any:
    if isinstance(part, Group):
        return part.kind, [shape_of(one) for one in part.parts]
    return part.pattern, part.n, part.slug, part.operator, sorted(filter(None, part.values)), part.never


def _effect_shape(one: EffectForm) -> Any:
    tiers = {tier: value for tier, value in (one.values.get("tiers") or {}).items() if value}
    usual = {"once_per": "time", "severity": "warning", "kind": one.kind}
    said = {name: value for name, value in one.values.items() if name != "tiers" and value not in ("", usual.get(name))}
    return one.kind, said, tiers


def _with_unit(text: str, unit: str) -> str:
    return f"{text.removesuffix(unit)}{unit}" if text else ""


def plain_group(group: Group, *, outermost: bool = False) -> Any:
    parts = [_plain_leaf(one) if isinstance(one, Leaf) else plain_group(one) for one in group.parts]
    if group.kind == "none":
        return {"not": parts[0] if len(parts) == 1 else {"any": [_on_lines(part) for part in parts]}}
    if len(parts) == 1 and outermost:
        return parts[0]
    return {group.kind: [_on_lines(part) for part in parts]}


def _on_lines(part: Any) -> Any:
    return Lines(part) if isinstance(part, dict) else part


def _plain_leaf(leaf: Leaf) -> dict[str, Any]:
    name = leaf.pattern.replace("{n}", leaf.n).replace("{slug}", leaf.slug)
    values = [value for value in leaf.values if value]
    several = leaf.operator in (Operator.IN, Operator.NOT_IN, Operator.BETWEEN)
    one = values[0] if values else ""
    if leaf.never:
        return {name: {leaf.operator: values if several else one, "never": "yes"}}
    match leaf.operator:
        case Operator.IS:
            return {name: one}
        case Operator.IN:
            return {name: one if len(values) == 1 else values}
        case Operator.NOT_IN if len(values) == 1:
            return {name: {Operator.NOT_IN.value: values}}
    return {name: {leaf.operator: values if several else one}}


UNIT_OF = {"alert": "h", "task": "d"}
PARTS: dict[str, type[Part]] = {
    "alert": AlertEffect,
    "task": TaskEffect,
    "field": FieldEffect,
    "points": PointsEffect,
    "coupon": CouponEffect,
    "gift": GiftEffect,
    "message": MessageEffect,
}


def _plain_effect(one: EffectForm) -> dict[str, Any]:
    if one.kind in ("tag", "untag", "tier"):
        return {one.kind: one.text("value")}
    fields = [name for name in PARTS[one.kind].model_fields if name != "place"]
    said: dict[str, Any] = {}
    for name in fields:
        text = one.text(name) if name != "tiers" else ""
        if name == "within":
            text = _with_unit(text, UNIT_OF[one.kind])
        elif name == "valid":
            text = _with_unit(text, "d")
        elif name == "by":
            text = "tier" if one.by_tier else ""
        elif name == "tiers" and one.by_tier:
            said["tiers"] = {tier: value for tier, value in one.values.get("tiers", {}).items() if value}
        if text and not ((one.by_tier and name in ("amount", "template", "item")) or (name == "text" and one.by_tier)):
            said[name] = text
    return {one.kind: said}


# ------------------------------------------------------------------------------------------------- faults


def row_of(group: Group, path: str) -> str:
    """Where a fault of a group is shown: of a group with a single row, at that row."""
    if group.path == path:
        only = group.parts[0] if len(group.parts) == 1 else None
        return path if only is None else only.path if isinstance(only, Leaf) else row_of(only, only.path)
    inner = (part for part in group.parts if isinstance(part, Group) and path.startswith(part.path))
    return next((row_of(part, path) for part in inner), path)


def field_of(way: Sequence[str | int]) -> str:
    """The form's field that a place in the written rule belongs to."""
    first, *rest = [str(step) for step in way] or [""]
    if first == "when":
        return ".".join(["when", *(step for step in rest if step.isdecimal())])
    if first == "then" and rest:
        return ".".join(["then", *rest[:1]])
    if first == "evaluate":
        return rest[0] if rest and rest[0] in HOURS else HOURS[0]
    if first == "limits":
        return next((name for name, key in LIMITS.items() if rest and key == rest[0]), "most")
    return first
