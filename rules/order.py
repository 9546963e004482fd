"""In which order rules are asked: which wait for the tags of others, and which would go round and round."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask_babel import lazy_gettext as _l

from rules.documents.rules import Layers, Rule
from rules.language.conditions import All, Any, Comparison, Condition, Not, Operator, tags_in
from rules.language.faults import Fault, Faults, Place

if TYPE_CHECKING:
    from rules.book import Rulebook


@dataclass(frozen=True)
class DecisionRow:
    """A row of a decision table as a rule of its own: its condition, and none of those above."""

    id: str
    tag: str
    when: Condition


def decision_rows(layers: Layers) -> list[DecisionRow]:
    rows: list[DecisionRow] = []
    above: list[Condition] = []
    for row in layers.first_match:
        own = () if row.when is None else (row.when,)
        condition = All((*(Not(earlier) for earlier in above), *own))
        rows.append(DecisionRow(f"{layers.id}:{row.tag}", row.tag, condition))
        above.extend(own)
    return rows


def strata(book: Rulebook) -> list[list[str]]:
    """Rule ids in layers: a rule stands above every rule whose tag it asks for.

    :raises Faults: rules that wait for one another, with the way round.
    """
    waits, found = _waits(book), list[list[str]]()
    while waits:
        ready = sorted(rule for rule, others in waits.items() if not others & waits.keys())
        if not ready:
            way = _way_round(waits)
            message = _l("These rules wait for one another: %(way)s.", way=" → ".join(way))
            raise Faults([Fault(_place_of(book, way[0]), message)])
        found.append(ready)
        for name in ready:
            del waits[name]
    return found


def listening(book: Rulebook, names: Collection[str]) -> set[str]:
    """Some rules, and those that ask for their tags, however far round."""
    listeners: dict[str, set[str]] = {}
    for rule, others in _waits(book).items():
        for other in others:
            listeners.setdefault(other, set()).add(rule)
    return set(names) | _reached(listeners, names)


def stage_that_returns(rules: Iterable[Rule]) -> tuple[str, Place] | None:
    """A stage that rules would move a customer on from and back to, and where it is written; None where none does."""
    ways: dict[str, dict[str, Place]] = {}
    for rule in rules:
        for effect in rule.then:
            if effect.field is not None:
                for stage in _stages_asked(rule.when) - {effect.field.stage.value}:
                    ways.setdefault(stage, {})[effect.field.stage.value] = effect.place
    turning = (stage for stage in ways if stage in _reached(ways, [stage]))
    return next(((stage, next(iter(ways[stage].values()))) for stage in turning), None)


def _waits(book: Rulebook) -> dict[str, set[str]]:
    """Of each rule those whose tags it asks for."""
    setters: dict[str, set[str]] = {}
    needs = {rule.id: tags_in(rule.when) for rule in book.rules()}
    for rule in book.rules():
        for effect in rule.then:
            if (slug := effect.tag or effect.untag) is not None:
                setters.setdefault(slug, set()).add(rule.id)
    for row in book.layer_rules():
        needs[row.id] = tags_in(row.when)
        setters.setdefault(row.tag, set()).add(row.id)
    return {rule: {setter for tag in tags for setter in setters.get(tag, ())} for rule, tags in needs.items()}


def _place_of(book: Rulebook, name: str) -> Place:
    """Where a rule, or the layers of a row, stand."""
    places = {rule.id: rule.place for rule in book.rules()} | {one.id: one.place for one in book.tags.layers}
    return places[name.partition(":")[0]]


def _stages_asked(condition: Condition) -> set[str]:
    """The stages that a condition asks her to be in."""
    match condition:
        case Comparison(fact=fact, operator=Operator.IS | Operator.IN, values=values) if fact.name == "stage":
            return {str(value) for value in values}
        case All(parts) | Any(parts):
            return {stage for part in parts for stage in _stages_asked(part)}
    return set()


def _reached(ways: Mapping[str, Iterable[str]], starts: Iterable[str]) -> set[str]:
    """Where one comes to from ``starts``, however far."""
    found, fresh = set[str](), set(starts)
    while fresh := {end for start in fresh for end in ways.get(start, ())} - found:
        found |= fresh
    return found


def _way_round(waits: Mapping[str, set[str]]) -> list[str]:
    way = [min(waits)]
    while way[-1] not in way[:-1]:
        way.append(min(waits[way[-1]] & waits.keys()))
    return way[way.index(way[-1]) :]
