"""YAML as nodes: every scalar stays text and every node knows its line and column.

Refused, each at its place: characters that no text has, tags, anchors and aliases, several documents in one file, a
key twice, more than 1 MB, nesting deeper than 20.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml
from flask_babel import lazy_gettext as _l

from rules.language.faults import Fault, Faults, Place

MOST_BYTES = 1_000_000
MOST_DEPTH = 20
BOM = "\ufeff"

_NO_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Span:
    """From where to where a node stands in its text (a leading byte order mark not counted), and in which way."""

    start: int = 0
    end: int = 0
    flow: bool = False  # within brackets or braces of its own
    block: bool = False  # a text after | or >


@dataclass(frozen=True)
class Scalar:
    """One word or text, as it was written."""

    text: str
    place: Place
    span: Span = field(default=Span(), compare=False, repr=False)


@dataclass(frozen=True)
class Sequence:
    """A list."""

    items: tuple[Node, ...]
    place: Place
    span: Span = field(default=Span(), compare=False, repr=False)


@dataclass(frozen=True)
class Mapping:
    """Keys with values, in their order."""

    pairs: tuple[tuple[Scalar, Node], ...]
    place: Place
    span: Span = field(default=Span(), compare=False, repr=False)

    def get(self, key: str) -> Node | None:
        return next((value for name, value in self.pairs if name.text == key), None)


Node = Scalar | Sequence | Mapping


@lru_cache(maxsize=32)
def read_nodes(text: str, file: str) -> Mapping:
    """The document in ``text``; ``file`` is how faults name it. Of a book mostly one document changes at a time.

    :raises Faults: with the place of what is wrong.
    """
    if odd := _NO_TEXT.search(text):
        before = text[: odd.start()]
        place = Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        code = f"#x{ord(odd.group()):04x}"
        message = _l("This is not YAML: the character %(code)s is not allowed.", code=code)
        if "\udc80" <= odd.group() <= "\udcff":
            message = _l("This is not UTF-8. Save the file again as UTF-8.")
        raise Faults([Fault(place, message)])
    if len(text.encode()) > MOST_BYTES:
        raise Faults([Fault(Place(file, 1, 1), _l("The file is larger than 1 MB."))])
    try:
        root = _Builder(file, yaml.parse(text.removeprefix(BOM), Loader=_Loader)).document()
    except yaml.YAMLError as error:
        raise Faults([_yaml_fault(error, file)]) from error
    if not isinstance(root, Mapping):
        raise Faults([Fault(root.place, _l("The file must consist of keys with values."))])
    return root


def _yaml_fault(error: yaml.YAMLError, file: str) -> Fault:
    mark = getattr(error, "problem_mark", None)
    place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
    problem = getattr(error, "problem", None) or str(error)
    return Fault(place, _l("This is not YAML: %(problem)s.", problem=problem))


class _Builder:
    def __init__(self, file: str, events: Iterator[yaml.Event]) -> None:
        self.file = file
        self.events = events

    def document(self) -> Node:
        root: Node | None = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                raise self.refusal(event, _l("A file holds one document; take out the «---»."))
            if isinstance(event, yaml.NodeEvent):
                root = self.node(event, 0)
        return root or Mapping((), Place(self.file, 1, 1))

    def node(self, event: yaml.Event, depth: int) -> Node:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise self.refusal(event, _l("Anchors (&) and aliases (*) are not allowed; write it out."))
        if getattr(event, "tag", None) is not None:
            raise self.refusal(event, _l("Tags (!) are not allowed."))
        if depth > MOST_DEPTH:
            raise self.refusal(event, _l("This is nested more than 20 deep."))
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value, self.place(event), _span(event, event, block=event.style in ("|", ">")))
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(event, depth)
        return self.mapping(event, depth)

    def sequence(self, start: yaml.Event, depth: int) -> Sequence:
        items: list[Node] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event, depth + 1))
        return Sequence(tuple(items), self.place(start), _span(start, event))

    def mapping(self, start: yaml.Event, depth: int) -> Mapping:
        pairs: list[tuple[Scalar, Node]] = []
        seen: dict[str, Place] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.node(event, depth + 1)
            if not isinstance(key, Scalar):
                raise self.refusal(event, _l("A key must be one word."))
            if key.text in seen:
                line = seen[key.text].line
                raise self.refusal(
                    event, _l("The key %(key)s stands twice, first in line %(line)s.", key=key.text, line=line)
                )
            seen[key.text] = key.place
            pairs.append((key, self.node(next(self.events), depth + 1)))
        return Mapping(tuple(pairs), self.place(start), _span(start, event))

    def place(self, event: yaml.Event) -> Place:
        assert event.start_mark is not None
        return Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def refusal(self, event: yaml.Event, message: Any) -> Faults:
        return Faults([Fault(self.place(event), message)])


def _span(first: Any, last: Any, *, block: bool = False) -> Span:
    return Span(first.start_mark.index, last.end_mark.index, bool(getattr(first, "flow_style", False)), block)
