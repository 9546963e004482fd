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
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from rules.language.faults import MOST_FAULTS, Fault, Faults, Place, instead, short
from rules.language.syntax_faults import (
    NO_MAPPING,
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
MOST_NODES = 100_000
"""About thirty times what the largest of the shipped files has."""
MOST_MENDED = 10
"""How often a text is parsed again behind a mistake of typing."""
BYTES_A_NODE = 1_000
MOST_CACHED = 64_000_000
"""What the texts and nodes that are kept may weigh together."""
BOM = "\ufeff"

_NO_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FULL_WIDTH_PLACE = re.compile(r"[｛{]\s*([a-z][a-z0-9_]*)\s*[｝}]")
_REMARK = re.compile(r"[ \t]+(#[^\s#][^\n]*)")
FREE_TEXTS = frozenset({"name", "name_en", "text", "text_en", "item", "birthday"})
"""Keys whose values are words for people, in which a # may be meant as one."""
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
    """A text as nodes: nothing where it cannot be read at all; with what is wrong, as far as that was told.

    ``doubtful`` is YAML, but probably not what was meant. A text that came into force before that was asked stays.
    """

    root: Mapping | None
    faults: tuple[Fault, ...] = ()
    doubtful: tuple[Fault, ...] = ()
    weight: int = 0


def read_nodes(text: str, file: str) -> Mapping:
    """The document in ``text``; ``file`` is how faults name it.

    :raises Faults: with the place of what is wrong; what is only doubtful is read as it stands.
    """
    parsed = parse(text, file)
    if parsed.root is None or parsed.faults:
        raise Faults([*parsed.faults, *parsed.doubtful])
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
        while sum(one.weight for one in _PARSED.values()) > MOST_CACHED:
            _PARSED.popitem(last=False)
    return parsed


def _parse(text: str, file: str) -> Parsed:
    if (fault := _unreadable(text, file)) is not None:
        return Parsed(None, (fault,), weight=len(text))
    faults: list[Fault] = []
    mended, weight = text.removeprefix(BOM), len(text)
    for _round in range(MOST_MENDED):
        builder = _Builder(file, mended)
        try:
            root = builder.document()
            if not isinstance(root, Mapping):
                raise NoMappingError(root.place.line, root.place.column)
        except yaml.YAMLError as error:
            mistakes, recognised = diagnosed(mended, error)
            faults = [*faults, *_apart(mistakes, faults, file, recognised)][:MOST_FAULTS]
            lines = mended.split("\n")
            for mistake in mistakes:
                if mistake.line < len(lines):  # to YAML, some rare characters break lines too
                    lines[mistake.line] = mistake.mended
            if not recognised or "\n".join(lines) == mended:
                return Parsed(None, tuple(faults), weight=weight)
            mended = "\n".join(lines)
        except Faults as error:
            return Parsed(None, (*faults, *_beside(error.faults, faults)), weight=weight)
        else:
            doubtful = tuple(_beside(builder.doubtful, faults)[:MOST_FAULTS])
            return Parsed(root, tuple(faults), doubtful, weight + BYTES_A_NODE * builder.count)
    return Parsed(None, tuple(faults), weight=weight)


class NoMappingError(yaml.MarkedYAMLError):
    """It is YAML, but one text or one list: mostly for want of colons that are such."""

    def __init__(self, line: int, column: int) -> None:
        super().__init__(problem=NO_MAPPING, problem_mark=yaml.Mark("", 0, line - 1, column - 1, None, 0))


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
    def __init__(self, file: str, source: str) -> None:
        self.file = file
        self.source = source
        self.events: Iterator[yaml.Event] = yaml.parse(source, Loader=_Loader)
        self.count = 0
        self.doubtful: list[Fault] = []

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
            for place in _FULL_WIDTH_PLACE.finditer(text) if "｛" in text or "｝" in text else ():
                if place.group()[0] == "｛" or place.group()[-1] == "｝":
                    self.doubt(event, instead(f"{{{place[1]}}}", place.group()))
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
                twice = _l(
                    "The key %(key)s stands twice, first in line %(line)s.", key=key.text, line=seen[key.text].line
                )
                if key.text == pairs[0][0].text and not getattr(start, "flow_style", False):
                    twice = _l("%(twice)s If a new item of a list begins here, write - in front of it.", twice=twice)
                raise self.refusal(event, twice)
            seen[key.text] = key.place
            value = self.node(next(self.events), depth + 1)
            if key.text in ("name", "name_en") and isinstance(value, Scalar) and set(value.text) & set(QUOTES):
                self.doubtful = [fault for fault in self.doubtful if fault.place != value.place]
                self.doubtful.append(Fault(value.place, _quotes_in_a_name(value.text)))
            elif key.text in FREE_TEXTS and isinstance(value, Scalar):
                self.look_behind(value)
            pairs.append((key, value))
        return Mapping(tuple(pairs), self.place(start), _span(start, event))

    def look_behind(self, value: Scalar) -> None:
        """A # that ends a text for people, and was probably meant as part of it."""
        remark = _REMARK.match(self.source, value.span.end)
        if remark is None or self.source[value.span.end - 1 : value.span.end] in ("'", '"'):
            return
        message = _l(
            "What stands behind # is a remark and is not read: this would be “%(text)s”. If it belongs to it, write"
            ' "%(whole)s"; if it is a remark, put a space behind the #.',
            text=short(value.text),
            whole=short(value.text + remark.group().rstrip()),
        )
        self.doubtful.append(Fault(value.place, message))

    def looked_at(self, event: yaml.ScalarEvent, listed: bool) -> str:
        """The text of a scalar without quotes; what is meant otherwise than it would be read is a fault."""
        text: str = event.value
        if odd := _EDGE.search(text):
            self.doubt(event, odd_space(odd.group()[0]))
            return text.strip(odd.group() + " ")
        if text[:1] in QUOTES and text:
            if text[-1] not in QUOTES or set(text[1:-1]) & set(QUOTES) or len(text) == 1:
                message = _l(
                    "A text that begins with %(typed)s is put in quotation marks as a whole, in front of it and"
                    ' at its end: "…"',
                    typed=text[0],
                )
                self.doubt(event, message)
                return text
            self.doubt(event, odd_punctuation(text[0] + text[-1]))
            return text.strip(QUOTES)
        if event.start_mark and event.end_mark and event.start_mark.line != event.end_mark.line:
            message = _l(
                "This text goes on in the next line: put it in quotation marks, or mend the indentation there."
            )
            self.doubt(event, message)
        if listed and (commas := re.findall("[，、]", text)):
            message = _l(
                "The Chinese comma %(typed)s stands in a list: write , between its items,"
                " or put the whole text in quotation marks.",
                typed=commas[0],
            )
            self.doubt(event, message)
        return text

    def doubt(self, event: yaml.Event, message: LazyString) -> None:
        """Note that what stands there may be meant otherwise."""
        self.doubtful.append(Fault(self.place(event), message))

    def place(self, event: yaml.Event) -> Place:
        assert event.start_mark is not None
        return Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def refusal(self, event: yaml.Event, message: Any) -> Faults:
        return Faults([Fault(self.place(event), message)])


def _quotes_in_a_name(name: str) -> LazyString:
    typed = " ".join(dict.fromkeys(sign for sign in name if sign in QUOTES))
    return _l("A name has no quotation marks %(typed)s in it; take them out.", typed=typed)


def _span(first: Any, last: Any, *, block: bool = False) -> Span:
    return Span(first.start_mark.index, last.end_mark.index, bool(getattr(first, "flow_style", False)), block)
