"""From plain values back to YAML.

Plain values are dicts, lists and texts, as ``read_nodes`` tells them apart; every scalar is text.
"""

from __future__ import annotations

from typing import Any

import yaml

from models.numbers import yuan_of
from rules.language.conditions import All, Comparison, Condition, Not, Operator, Value
from rules.language.conditions import Any as AnyOf
from rules.language.facts import Fact, FactType
from rules.language.nodes import Mapping, Node, Scalar, Sequence

WIDTH = 120


class PlainDumper(yaml.SafeDumper):
    """Quotes only what would not be read as the same text."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


class Lines(dict[str, Any]):
    """A mapping whose keys stand on lines of their own."""


def _lines(dumper: yaml.SafeDumper, data: Lines) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=False)


PlainDumper.add_representer(Lines, _lines)


def emit(plain: Any) -> str:
    """The YAML of plain values: short lists and mappings on one line, longer ones on lines of their own."""
    return yaml.dump(
        plain, Dumper=PlainDumper, allow_unicode=True, sort_keys=False, width=WIDTH, default_flow_style=None, indent=2
    )


def plain_of(node: Node) -> Any:
    """A node as plain values."""
    match node:
        case Scalar():
            return node.text
        case Sequence():
            return [plain_of(item) for item in node.items]
        case Mapping():
            return {key.text: plain_of(value) for key, value in node.pairs}


# ------------------------------------------------------------------------------------------------ conditions


def condition_plain(condition: Condition) -> dict[str, Any]:
    """The condition as plain values, as an owner would write it."""
    match condition:
        case Comparison():
            return _leaf_plain(condition)
        case Not(part):
            return {"not": condition_plain(part)}
        case All(parts):
            return {"all": [Lines(condition_plain(part)) for part in parts]}
        case AnyOf(parts):
            return {"any": [Lines(condition_plain(part)) for part in parts]}


def _leaf_plain(leaf: Comparison) -> dict[str, Any]:
    values = [value_plain(leaf.fact, value) for value in leaf.values]
    several = leaf.operator in (Operator.IN, Operator.NOT_IN, Operator.BETWEEN)
    if not leaf.never and leaf.operator is Operator.IS:
        return {leaf.fact.name: values[0]}
    if not leaf.never and leaf.operator is Operator.IN:
        return {leaf.fact.name: values}
    said: dict[str, Any] = {leaf.operator.value: values if several else values[0]}
    return {leaf.fact.name: said | ({"never": "yes"} if leaf.never else {})}


def value_plain(fact: Fact, value: Value) -> str:
    """One value as it is written: money in yuan, flags as yes and no."""
    if fact.type is FactType.FLAG:
        return "yes" if value else "no"
    if fact.type is FactType.MONEY:
        return yuan_of(int(value)).removesuffix(".00")
    return str(value)
