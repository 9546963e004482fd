"""A book that this release cannot read whole, as an earlier one could: the rules with faults are set aside, each by
itself, and all others go on. A rule that is set aside neither finds nor loses anybody, so nobody's audience widens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from rules.book import DOCUMENTS, NOTHING_OWN, Aside, Own, Rulebook
from rules.documents.rules import RulesDocument
from rules.language.faults import Fault, Faults, Place
from rules.language.nodes import Mapping, Node, Scalar, Sequence, read_nodes
from rules.language.reading import read_tree

SHELVES = ("rules", "watch", "layers")
"""Where the rules of a document stand."""


def read_in_force(read: Callable[[str], str], own: Own = NOTHING_OWN) -> Rulebook:
    """The book of texts that were valid once; ``read`` gives a document's text by its name.

    :raises Faults: what is wrong with a document elsewhere than in a rule, so that it cannot be read at all.
    """
    roots = {name: read_nodes(read(name), f"rules/{name}.yaml") for name in DOCUMENTS}
    aside: list[Aside] = []
    while True:
        book, faults = _book_of(roots, own)
        found = list(_set_aside(roots, faults))
        aside += found
        if book is not None and not found:
            return replace(book, aside=tuple(aside))
        if not found:
            raise Faults(faults)


def _book_of(roots: dict[str, Mapping], own: Own) -> tuple[Rulebook | None, list[Fault]]:
    """The book, where every document can be read, and what is wrong with it or with them."""
    documents: dict[str, Any] = {}
    faults: list[Fault] = []
    for name, root in roots.items():
        try:
            documents[name] = read_tree(DOCUMENTS[name], root)
        except Faults as error:
            faults += error.faults
    if faults:
        return None, faults
    book = Rulebook(**documents, own=own)
    return book, replace(book, own=Own(own.tags)).faults()  # what a salon does not measure it knows of nobody


def _set_aside(roots: dict[str, Mapping], faults: list[Fault]) -> Iterator[Aside]:
    """Take the rules in which faults lie out of their documents."""
    for name, root in roots.items():
        if not issubclass(DOCUMENTS[name], RulesDocument):
            continue
        shelves = {key.text: value for key, value in root.pairs if key.text in SHELVES and isinstance(value, Sequence)}
        for shelf, rules in shelves.items():
            judged = [(rule, _within(rule, faults)) for rule in rules.items]
            shelves[shelf] = replace(rules, items=tuple(rule for rule, wrong in judged if not wrong))
            yield from (Aside(_id_of(rule), name, tuple(wrong)) for rule, wrong in judged if wrong)
        pairs = tuple((key, shelves.get(key.text, value)) for key, value in root.pairs)
        roots[name] = replace(root, pairs=pairs)


def _within(rule: Node, faults: list[Fault]) -> list[Fault]:
    places = set(_places(rule))
    return [fault for fault in faults if fault.place in places]


def _id_of(rule: Node) -> str:
    named = rule.get("id") if isinstance(rule, Mapping) else None
    return named.text if isinstance(named, Scalar) else ""


def _places(node: Node) -> Iterator[Place]:
    yield node.place
    if isinstance(node, Sequence):
        for item in node.items:
            yield from _places(item)
    if isinstance(node, Mapping):
        for key, value in node.pairs:
            yield key.place
            yield from _places(value)
