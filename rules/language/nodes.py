"""YAML as nodes: every scalar stays text and every node knows its line and column.

Refused, each at its place: characters that no text has, tags, anchors and aliases, several documents in one file, a
key twice, more than 1 MB, nesting deeper than 20.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from flask_babel import lazy_gettext as _l

from rules.language.faults import Fault, Faults, Place
from rules.language.syntax_faults import (
    ODD_SPACES,
    QUOTES,
    Mistake,
    diagnosed,
    encoding_fault,
    odd_punctuation,
    odd_space,
)

MOST_BYTES = 1_000_000
MOST_DEPTH = 20
MOST_NODES = 60_000
"""About twenty times what the largest of the shipped files has."""
MOST_MENDED = 10
"""How often a text is parsed again behind a mistake of typing."""
BYTES_A_NODE = 600
MOST_CACHED = 32_000_000
"""What the texts and nodes that are kept may weigh together."""
BOM = "\ufeff"

_NO_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_EDGE = re.compile(f"^[{ODD_SPACES}]+|[{ODD_SPACES}]+$")
_LOCK = threading.Lock()
_PARSED: OrderedDict[tuple[str, str], Parsed] = OrderedDict()
"""Of a book mostly one document changes at a time: the texts last read, as nodes."""
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


@dataclass(frozen=True)
class Parsed:
    """A text as nodes: nothing where it cannot be read at all; with what is wrong, as far as that was told."""

    root: Mapping | None
    faults: tuple[Fault, ...]
    weight: int = 0


def read_nodes(text: str, file: str) -> Mapping:
    """The document in ``text``; ``file`` is how faults name it.

    :raises Faults: with the place of what is wrong.
    """
    parsed = parse(text, file)
    if parsed.root is None or parsed.faults:
        raise Faults(parsed.faults)
    return parsed.root


def parse(text: str, file: str) -> Parsed:
    """The document in ``text`` as far as it can be read: behind a mistake of typing the reader goes on."""
    with _LOCK:
        if (parsed := _PARSED.get((file, text))) is not None:
            _PARSED.move_to_end((file, text))
            return parsed
    parsed = _parse(text, file)
    with _LOCK:
        _PARSED[file, text] = parsed
        while len(_PARSED) > 1 and sum(one.weight for one in _PARSED.values()) > MOST_CACHED:
            _PARSED.popitem(last=False)
        if parsed.weight > MOST_CACHED:
            _PARSED.pop((file, text), None)
    return parsed


def _parse(text: str, file: str) -> Parsed:
    if (fault := _unreadable(text, file)) is not None:
        return Parsed(None, (fault,), len(text))
    faults: list[Fault] = []
    mended = text.removeprefix(BOM)
    for _round in range(MOST_MENDED):
        builder = _Builder(file, yaml.parse(mended, Loader=_Loader))
        try:
            root = builder.document()
        except yaml.YAMLError as error:
            mistakes, recognised = diagnosed(mended, error)
            faults += _apart(mistakes, faults, file, recognised)
            lines = mended.split("\n")
            for mistake in mistakes:
                if mistake.line < len(lines):  # to YAML, some rare characters break lines too
                    lines[mistake.line] = mistake.mended
            if not recognised or "\n".join(lines) == mended:
                return Parsed(None, tuple(faults), len(text))
            mended = "\n".join(lines)
        except Faults as error:
            return Parsed(None, (*faults, *_beside(error.faults, faults)), len(text))
        else:
            if not isinstance(root, Mapping):
                faults.append(Fault(root.place, _l("The file must consist of keys with values.")))
                return Parsed(None, tuple(faults), len(text))
            return Parsed(root, (*faults, *_beside(builder.faults, faults)), len(text) + BYTES_A_NODE * builder.count)
    return Parsed(None, tuple(faults), len(text))


def _apart(mistakes: list[Mistake], told: list[Fault], file: str, recognised: bool) -> list[Fault]:
    """Faults of mistakes; what is only described counts where nothing was told yet beside it."""
    lines = {fault.place.line for fault in told}
    near = {line + step for line in lines for step in (-1, 0, 1)}
    return [one.fault(file) for one in mistakes if one.line + 1 not in (lines if recognised else near)]


def _beside(faults: Iterable[Fault], told: list[Fault]) -> list[Fault]:
    """Faults in other lines than those already told."""
    lines = {fault.place.line for fault in told}
    return [fault for fault in faults if fault.place.line not in lines]


def _unreadable(text: str, file: str) -> Fault | None:
    """What keeps a text from being parsed at all."""
    if odd := _NO_TEXT.search(text):
        before = text[: odd.start()]
        place = Place(file, before.count("\n") + 1, len(before) - before.rfind("\n"))
        if "\udc80" <= odd.group() <= "\udcff" or text.count("\0") * 4 > len(text):
            return Fault(place, encoding_fault(text))
        code = f"#x{ord(odd.group()):04x}"
        return Fault(place, _l("This is not YAML: the character %(code)s is not allowed.", code=code))
    if len(text.encode()) > MOST_BYTES:
        return Fault(Place(file, 1, 1), _l("The file is larger than 1 MB."))
    return None


class _Builder:
    def __init__(self, file: str, events: Iterator[yaml.Event]) -> None:
        self.file = file
        self.events = events
        self.count = 0
        self.faults: list[Fault] = []

    def document(self) -> Node:
        root: Node | None = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent) and root is not None:
                raise self.refusal(event, _l("A file holds one document; take out the «---»."))
            if isinstance(event, yaml.NodeEvent):
                root = self.node(event, 0)
        return root or Mapping((), Place(self.file, 1, 1))

    def node(self, event: yaml.Event, depth: int, listed: bool = False) -> Node:
        self.count += 1
        if self.count > MOST_NODES:
            raise self.refusal(event, _l("The file says too much: more than %(most)s words.", most=MOST_NODES))
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            message = _l(
                "Anchors (&) and aliases (*) are not allowed; write it out,"
                " or put a text that begins so in quotation marks."
            )
            raise self.refusal(event, message)
        if getattr(event, "tag", None) is not None:
            raise self.refusal(event, _l("Tags (!) are not allowed."))
        if depth > MOST_DEPTH:
            raise self.refusal(event, _l("This is nested more than 20 deep."))
        if isinstance(event, yaml.ScalarEvent):
            text = self.looked_at(event, listed) if event.style in (None, "") else event.value
            return Scalar(text, self.place(event), _span(event, event, block=event.style in ("|", ">")))
        if isinstance(event, yaml.SequenceStartEvent):
            return self.sequence(event, depth)
        return self.mapping(event, depth)

    def sequence(self, start: yaml.Event, depth: int) -> Sequence:
        items: list[Node] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event, depth + 1, listed=bool(getattr(start, "flow_style", False))))
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

    def looked_at(self, event: yaml.ScalarEvent, listed: bool) -> str:
        """The text of a scalar without quotes; what is meant otherwise than it would be read is a fault."""
        text: str = event.value
        if odd := _EDGE.search(text):
            self.faults.append(Fault(self.place(event), odd_space(odd.group()[0])))
            return text.strip(odd.group() + " ")
        if text[:1] in QUOTES and text:
            around = text[0] + (text[-1] if text[-1] in QUOTES and len(text) > 1 else "")
            self.faults.append(Fault(self.place(event), odd_punctuation(around)))
            return text.strip(QUOTES)
        if listed and (commas := re.findall("[，、]", text)):
            message = _l(
                "The Chinese comma %(typed)s stands in a list: write , between its items,"
                " or put the whole text in quotation marks.",
                typed=commas[0],
            )
            self.faults.append(Fault(self.place(event), message))
        return text

    def place(self, event: yaml.Event) -> Place:
        assert event.start_mark is not None
        return Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def refusal(self, event: yaml.Event, message: Any) -> Faults:
        return Faults([Fault(self.place(event), message)])


def _span(first: Any, last: Any, *, block: bool = False) -> Span:
    return Span(first.start_mark.index, last.end_mark.index, bool(getattr(first, "flow_style", False)), block)
