"""From plain values back to YAML: one part of a document is exchanged, and every other line stays as it was.

Plain values are dicts, lists and texts, as ``read_nodes`` tells them apart; every scalar is text.
"""

from __future__ import annotations

from typing import Any

import yaml

from models.numbers import yuan_of
from rules.language.conditions import All, Comparison, Condition, Not, Operator, Value
from rules.language.conditions import Any as AnyOf
from rules.language.facts import Fact, FactType
from rules.language.nodes import Mapping, Node, Scalar, Sequence, read_nodes

WIDTH = 120


class _Plain(yaml.SafeDumper):
    """Quotes only what would not be read as the same text."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


class Lines(dict[str, Any]):
    """A mapping whose keys stand on lines of their own."""


def _lines(dumper: yaml.SafeDumper, data: Lines) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", data, flow_style=False)


_Plain.add_representer(Lines, _lines)


def emit(plain: Any) -> str:
    """The YAML of plain values: short lists and mappings on one line, longer ones on lines of their own."""
    return yaml.dump(
        plain, Dumper=_Plain, allow_unicode=True, sort_keys=False, width=WIDTH, default_flow_style=None, indent=2
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


def with_item(text: str, key: str, item_id: str | None, plain: dict[str, Any] | None) -> str:
    """The document with one item of the list ``key`` exchanged, added (no id) or taken out (no value).

    :raises Faults: the text is no document.
    :raises KeyError: there is no such item.
    """
    root = read_nodes(text, "")
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    listed = root.get(key)
    if not isinstance(listed, Sequence) or not listed.items:
        assert plain is not None
        if listed is not None:
            begin = next(name.place.line - 1 for name, _ in root.pairs if name.text == key)
            del lines[begin : _end_of_list(root, key, len(lines))]
        return "".join(lines) + ("" if not lines or lines[-1] == "\n" else "\n") + emit({key: [Lines(plain)]})
    starts = [item.place.line - 1 for item in listed.items]
    end = _end_of_list(root, key, len(lines))
    ends = [_block_end(lines, start, stop) for start, stop in zip(starts, [*starts[1:], end], strict=True)]
    if item_id is None:
        assert plain is not None
        fresh = _item(plain, lines[starts[0]])
        between = [] if len(fresh) == 1 else ["\n"]
        return "".join([*lines[: ends[-1]], *between, *fresh, *lines[ends[-1] :]])
    at = next((place for place, item in enumerate(listed.items) if _id_of(item) == item_id), None)
    if at is None:
        raise KeyError(item_id)
    own = listed.items[at]
    assert isinstance(own, Mapping)
    fresh = [] if plain is None else _changed(lines, own, ends[at], plain)
    stop = ends[at]
    while plain is None and stop < len(lines) and not lines[stop].strip():
        stop += 1
    return "".join([*lines[: starts[at]], *fresh, *lines[stop:]])


def _id_of(item: Node) -> str | None:
    found = item.get("id") if isinstance(item, Mapping) else None
    return found.text if isinstance(found, Scalar) else None


def _end_of_list(root: Mapping, key: str, last: int) -> int:
    names = [name for name, _ in root.pairs]
    place = next(number for number, name in enumerate(names) if name.text == key)
    return names[place + 1].place.line - 1 if place + 1 < len(names) else last


def _block_end(lines: list[str], start: int, stop: int) -> int:
    """Where an item ends: blank lines and comments before the next one belong to that one."""
    while stop > start + 1 and (not lines[stop - 1].strip() or lines[stop - 1].lstrip().startswith("#")):
        stop -= 1
    return stop


def _item(plain: dict[str, Any], like: str) -> list[str]:
    """The lines of a whole item, written and indented as another one of its list."""
    indent = " " * (len(like) - len(like.lstrip()))
    if like.lstrip().startswith("- {"):
        line = yaml.dump(
            plain, Dumper=_Plain, allow_unicode=True, sort_keys=False, width=10**6, default_flow_style=True
        )
        return [f"{indent}- {line}"]
    first, *more = emit(Lines(plain)).splitlines(keepends=True)
    return [f"{indent}- {first}", *(f"{indent}  {row}" for row in more)]


def _changed(lines: list[str], own: Mapping, end: int, plain: dict[str, Any]) -> list[str]:
    """The item's lines with its changed keys exchanged; a key that says the same keeps its lines and comments."""
    start = own.place.line - 1
    keys = [(name, value) for name, value in own.pairs]
    on_lines = [name.place.line - 1 for name, _ in keys]
    block = on_lines[0] == start and len(set(on_lines)) == len(on_lines)
    if not block or keys[0][0].text not in plain:
        return _item(plain, lines[start])
    indent = " " * (own.place.column - 1)
    stops = [*on_lines[1:], end]
    kept: list[str] = []
    for (name, value), begin, stop in zip(keys, on_lines, stops, strict=True):
        if name.text not in plain:
            continue
        if plain_of(value) == plain[name.text]:
            kept += lines[begin:stop]
            continue
        fresh = [indent + row for row in emit(Lines({name.text: plain[name.text]})).splitlines(keepends=True)]
        if begin == start:
            fresh[0] = lines[start][: own.place.column - 1] + fresh[0][len(indent) :]
        kept += fresh
    known = {name.text for name, _ in keys}
    for added, value in plain.items():
        if added not in known:
            kept += [indent + row for row in emit(Lines({added: value})).splitlines(keepends=True)]
    return kept


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
