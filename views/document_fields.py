"""A document as a form, made from the models that read it: each key a field by its type, each list rows.

The fields are named by their way: ``tiers.2.name``, ``layers.0.first_match.1.when.0.value``. A row says which one it
was (``tiers.2._was``), so that what did not change is written as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from flask_babel import LazyString
from pydantic.fields import FieldInfo

from models.field import Choice
from models.numbers import yuan_of
from rules.documents.labels import help_of, label_of
from rules.documents.rules import Rule, RuleTest, WatchRule
from rules.language.conditions import read_condition
from rules.language.facts import SUBJECT_WORDS, Subject
from rules.language.nodes import Mapping, Node, Scalar
from rules.language.nodes import Sequence as Items
from rules.language.reading import Names, Part, Written
from rules.language.rewriting import Kept
from rules.language.writing import emit, plain_of
from views.rule_form import (
    MOST_PARTS,
    Group,
    Posted,
    change_group,
    first_text,
    group_of,
    number_group,
    number_text,
    numbered,
    plain_group,
    read_group,
    row_of,
    shape_of,
)

ABOUT = "about"
"""The key that says what a rule is about."""
UNSEEN = frozenset({"place", "version", "from_file"})
"""Keys that say how a document is read: the form leaves them as they are."""
MOST_NESTED = 5
"""Groups within groups that a form sends back whole; a condition beyond it is shown and left alone."""
WATCHED: tuple[str, ...] = get_args(WatchRule.model_fields[ABOUT].annotation)
"""What a rule may be about beside customers."""
FLAGS = {"yes": True, "true": True, "是": True}


@dataclass(frozen=True)
class Shape:
    """One key of a part as a form knows it."""

    part: type[Part]
    key: str
    sort: str
    must: bool
    suffix: str = ""
    unit: LazyString | str = ""
    names: str = ""
    usual: str = ""
    inner: type[Part] | None = None
    choices: tuple[tuple[str, LazyString | str], ...] = ()

    @property
    def label(self) -> str:
        return label_of(self.part, self.key)

    @property
    def help(self) -> str:
        return help_of(self.part, self.key)

    @property
    def simple(self) -> bool:
        """Whether one line holds it."""
        return self.sort in ("text", "number", "yuan", "percent", "choice", "flag")


@dataclass
class Row:
    """One part of a list, or a part by itself."""

    path: str
    slots: list[Slot]
    was: int | None = None
    id: str = ""
    node: Node | None = None

    def slot(self, key: str) -> Slot | None:
        return next((one for one in self.slots if one.shape.key == key), None)

    @property
    def name(self) -> str:
        named = self.slot("name")
        return named.text if named is not None else ""


@dataclass
class Slot:
    """One field: its text, its condition, or its rows; what no field can hold stands as it is written."""

    shape: Shape
    path: str
    node: Node | None = None
    text: str = ""
    group: Group | None = None
    rows: list[Row] = field(default_factory=list)

    @property
    def fixed(self) -> bool:
        return self.shape.sort == "fixed"

    @property
    def in_line(self) -> bool:
        """Whether it is a field among others, with a name beside it."""
        return self.shape.simple or self.shape.sort in ("lines", "template")

    @property
    def simple_rows(self) -> bool:
        """Whether its rows fit into the lines of a table."""
        return self.shape.inner is not None and all(shape.simple for shape in shapes_of(self.shape.inner))

    @property
    def count(self) -> int:
        """How many items are written there."""
        return len(self.node.items) if isinstance(self.node, Items) else 0

    @property
    def yaml(self) -> str:
        return "" if self.node is None else emit({self.shape.key: plain_of(self.node)})


# ------------------------------------------------------------------------------------------------- shapes


@cache
def shapes_of(part: type[Part]) -> tuple[Shape, ...]:
    """What a form of this part asks for. A short name that stands beside a name is made, not asked for."""
    fields = part.model_fields
    unseen = UNSEEN | ({"id"} if "name" in fields else set())
    return tuple(_shape(part, info.alias or name, info) for name, info in fields.items() if name not in unseen)


def has_form(part: type[Part]) -> bool:
    """Whether there is anything to fill in, rules apart."""
    return any(shape.sort not in ("rules", "fixed") for shape in shapes_of(part))


def _shape(part: type[Part], key: str, info: FieldInfo) -> Shape:
    kind, said = _unwrapped(info.annotation, tuple(info.metadata))
    written = next((one for one in said if isinstance(one, Written)), None) or Written(_sort(kind))
    names = next((one.kind for one in said if isinstance(one, Names)), "")
    return Shape(
        part,
        key,
        written.sort,
        info.is_required(),
        written.suffix,
        written.unit or "",
        names,
        WATCHED[0] if key == ABOUT else _usual(info, written.sort),
        next((one for one in (kind, *get_args(kind)) if isinstance(one, type) and issubclass(one, Part)), None),
        _choices(key, kind),
    )


def _unwrapped(kind: Any, said: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """A type without «or nothing» and without what is said of it, and that."""
    if get_origin(kind) in (Union, UnionType):
        kinds = [one for one in get_args(kind) if one is not type(None)]
        return _unwrapped(kinds[0], said) if len(kinds) == 1 else (kind, said)
    if get_origin(kind) is Annotated:
        inner, *more = get_args(kind)
        return _unwrapped(inner, (*said, *more))
    return kind, said


def _sort(kind: Any) -> str:
    if get_origin(kind) is list:
        inner, _said = _unwrapped(get_args(kind)[0], ())
        if isinstance(inner, type) and issubclass(inner, Part):
            return "rules" if inner is Rule else "fixed" if inner is RuleTest else "parts"
        return "lines" if inner is str else "fixed"
    if get_origin(kind) is Literal:
        return "choice"
    if not isinstance(kind, type):
        return "fixed"
    known: tuple[tuple[type, str], ...] = ((Enum, "choice"), (Part, "part"), (int, "number"), (str, "text"))
    return next((sort for base, sort in known if issubclass(kind, base)), "fixed")


def _choices(key: str, kind: Any) -> tuple[tuple[str, LazyString | str], ...]:
    if get_origin(kind) is Literal:
        return tuple((str(one), SUBJECT_WORDS[Subject(one)] if key == ABOUT else str(one)) for one in get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return tuple((str(one.value), one.label if isinstance(one, Choice) else str(one.value)) for one in kind)
    return ()


def _usual(info: FieldInfo, sort: str) -> str:
    """What holds where nothing is written, as it would be written."""
    value = None if info.is_required() else info.default
    if value is None or isinstance(value, list | dict):
        return ""
    if sort == "percent":
        return f"{value / 10:g}"
    if sort == "yuan":
        return yuan_of(value).removesuffix(".00")
    if sort == "flag":
        return "yes" if value else "no"
    return str(value.value if isinstance(value, Enum) else value)


# ------------------------------------------------------------------------------- from a document, from what is sent


def opened(part: type[Part], node: Node | None, path: str = "") -> list[Slot]:
    """The fields of a part that is written there; of none, empty ones."""
    known = node if isinstance(node, Mapping) else None
    about = known.get(ABOUT) if known is not None else None
    subject = _subject(part, about.text if isinstance(about, Scalar) else "")
    return [
        _opened(shape, known and known.get(shape.key), _joined(path, shape.key), subject) for shape in shapes_of(part)
    ]


def _subject(part: type[Part], about: str) -> Subject:
    """Whose facts a condition of this part asks for, by what it says it is about."""
    if ABOUT not in part.model_fields:
        return Subject.CUSTOMER
    return Subject(about) if about in WATCHED else Subject(WATCHED[0])


def _opened(shape: Shape, node: Node | None, path: str, subject: Subject) -> Slot:
    slot = Slot(shape, path, node)
    if shape.sort == "parts" and shape.inner is not None:
        items = node.items if isinstance(node, Items) else ()
        slot.rows = [_row(shape.inner, f"{path}.{was}", item, was) for was, item in enumerate(items)]
    elif shape.sort == "part" and shape.inner is not None:
        slot.rows = [_row(shape.inner, path, node, 0)]
    elif shape.sort == "condition":
        empty = Group(path, subject=subject)
        slot.group = empty if node is None else group_of(read_condition(node, subject), path, subject)
        if not _fits(slot.group):
            slot = Slot(replace(shape, sort="fixed"), path, node)
    elif shape.sort == "lines" and isinstance(node, Items) and not all(map(_one_line, node.items)):
        slot.shape = replace(shape, sort="fixed")
    else:
        slot.text = _text(shape, node)
    return slot


def _row(part: type[Part], path: str, node: Node | None, was: int | None) -> Row:
    named = node.get("id") if isinstance(node, Mapping) else None
    return Row(path, opened(part, node, path), was, named.text if isinstance(named, Scalar) else "", node)


def _text(shape: Shape, node: Node | None) -> str:
    """How a field shows what is written."""
    if isinstance(node, Items):
        return "\n".join(item.text.strip() for item in node.items if isinstance(item, Scalar))
    if not isinstance(node, Scalar):
        return shape.usual if shape.sort in ("choice", "flag") else ""
    if shape.sort == "flag":
        return "yes" if node.text in FLAGS else "no"
    return node.text.strip().removesuffix(shape.suffix)


def _one_line(item: Node) -> bool:
    return isinstance(item, Scalar) and len(item.text.split("\n")) == 1 and item.text.strip() != ""


def _fits(group: Group, depth: int = 1) -> bool:
    inner = [part for part in group.parts if isinstance(part, Group)]
    return depth <= MOST_NESTED and len(group.parts) <= MOST_PARTS and all(_fits(part, depth + 1) for part in inner)


def sent(slots: Sequence[Slot], posted: Posted) -> list[Slot]:
    """The fields as they were sent; ``slots`` are those of the document they were opened with."""
    subject = _subject(slots[0].shape.part, first_text(posted.get(ABOUT))) if slots else Subject.CUSTOMER
    return [_sent(slot, posted.get(slot.shape.key), subject) for slot in slots]


def _sent(old: Slot, posted: Any, subject: Subject) -> Slot:
    slot = Slot(old.shape, old.path, old.node)
    if old.fixed or old.shape.sort == "rules":
        return slot
    if old.shape.sort == "parts":
        slot.rows = list(_sent_rows(old, numbered(posted)))
    elif old.shape.sort == "part":
        was = old.rows[0]
        slot.rows = [Row(was.path, sent(was.slots, posted if isinstance(posted, dict) else {}), 0, was.id, was.node)]
    elif old.shape.sort == "condition":
        slot.group = read_group(posted, old.path, subject)
    else:
        slot.text = first_text(posted)
        if slot.shape.sort in ("number", "yuan", "percent"):
            slot.text = number_text(slot.text)
        if slot.shape.sort == "lines":
            slot.text = "\n".join(line.strip() for line in slot.text.split("\n") if line.strip())
    return slot


def _sent_rows(old: Slot, posted: list[Posted]) -> Iterator[Row]:
    assert old.shape.inner is not None
    left = {str(row.was): row for row in old.rows}
    for place, one in enumerate(posted):
        path = f"{old.path}.{place}"
        known = left.pop(first_text(one.get("_was")), None)
        row = known or _row(old.shape.inner, path, None, None)
        name = row.id or first_text(one.get("_id"))
        fresh = Row(path, sent(row.slots, one), row.was, name, row.node)
        _renumbered(fresh.slots, path)
        yield fresh


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _renumbered(slots: Sequence[Slot], path: str) -> None:
    for slot in slots:
        slot.path = _joined(path, slot.shape.key)
        if slot.group is not None:
            slot.group.path = slot.path
            number_group(slot.group)
        for place, row in enumerate(slot.rows):
            row.path = f"{slot.path}.{place}" if slot.shape.sort == "parts" else slot.path
            _renumbered(row.slots, row.path)


# --------------------------------------------------------------------------------------------- what buttons do


def every_slot(slots: Sequence[Slot]) -> Iterator[Slot]:
    """The fields, and those of their rows."""
    for slot in slots:
        yield slot
        for row in slot.rows:
            yield from every_slot(row.slots)


def change(slots: Sequence[Slot], action: str) -> None:
    """Add, move or take out a row or a condition: ``add-item:tiers``, ``up:tiers.2``, ``drop:tiers.0.enter.1``."""
    what, _colon, where = action.partition(":")
    for slot in list(every_slot(slots)):
        if what == "add-item" and slot.path == where and slot.shape.sort == "parts" and slot.shape.inner is not None:
            slot.rows.append(_row(slot.shape.inner, f"{where}.{len(slot.rows)}", None, None))
        if what in ("up", "down", "drop") and slot.shape.sort == "parts":
            _change_rows(slot.rows, what, where)
        if what in ("add-row", "add-group", "drop") and slot.group is not None:
            change_group(slot.group, what, where)
    _renumbered(slots, "")


def _change_rows(rows: list[Row], what: str, where: str) -> None:
    place = next((place for place, row in enumerate(rows) if row.path == where), None)
    if place is None:
        return
    row = rows.pop(place)
    if what != "drop":
        rows.insert(max(place - 1, 0) if what == "up" else place + 1, row)


def without_blank_rows(slots: Sequence[Slot]) -> None:
    """Take out the rows that were added and never filled in."""
    for slot in list(every_slot(slots)):
        if slot.shape.sort == "parts":
            slot.rows = [row for row in slot.rows if row.was is not None or not all(map(_blank, row.slots))]
    _renumbered(slots, "")


def _blank(slot: Slot) -> bool:
    return slot.text in ("", slot.shape.usual) and not slot.rows and not (slot.group and slot.group.parts)


def name_new_rows(slots: Sequence[Slot], fresh_id: Callable[[str, set[str]], str]) -> None:
    """Give each new row that has a name the short name it is known by from now on."""
    for slot in every_slot(slots):
        if slot.shape.inner is None or "id" not in slot.shape.inner.model_fields:
            continue
        taken = {row.id for row in slot.rows}
        for row in slot.rows:
            if row.was is None and not row.id and row.name:
                row.id = fresh_id(row.name, taken)
                taken.add(row.id)


# --------------------------------------------------------------------------------------------- to plain values


def plain_part(slots: Sequence[Slot], was: Sequence[Slot], node: Node | None) -> dict[str, Any]:
    """A part as plain values; what says what it ``was`` stays as it is written, and so does what no field shows."""
    known = plain_of(node) if isinstance(node, Mapping) else {}
    said = {slot.shape.key: _plain(slot, old) for slot, old in zip(slots, was, strict=True)}
    found = {key: said.get(key, value) for key, value in known.items()}
    keys = list(found)
    for place, key in enumerate(said):
        if key not in found:
            before = [keys.index(one) for one in list(said)[:place] if one in keys]
            keys.insert(max(before) + 1 if before else len(keys), key)
    return {key: value for key in keys if (value := said.get(key, found.get(key))) is not None}


def _plain(slot: Slot, was: Slot) -> Any:
    """What a key is to say; None where it is not written."""
    if slot.fixed or slot.shape.sort == "rules" or _same(slot, was):
        return None if slot.node is None else plain_of(slot.node)
    if slot.group is not None:
        return plain_group(slot.group, outermost=True) if slot.group.parts else None
    if slot.shape.sort == "parts":
        return [_plain_row(row, was) for row in slot.rows]
    if slot.shape.sort == "part":
        return plain_part(slot.rows[0].slots, was.rows[0].slots, slot.node) or None
    if slot.shape.sort == "lines":
        return slot.text.split("\n") if slot.text else [] if slot.shape.must else None
    if not slot.text:
        return "" if slot.shape.must else None
    return slot.text.removesuffix(slot.shape.suffix) + slot.shape.suffix


def _plain_row(row: Row, slot: Slot) -> Any:
    if row.was is not None:
        return Kept(row.was, plain_part(row.slots, slot.rows[row.was].slots, row.node))
    assert slot.shape.inner is not None
    said = plain_part(row.slots, opened(slot.shape.inner, None, row.path), None)
    named = "id" in slot.shape.inner.model_fields and "id" not in said
    return {"id": row.id, **said} if named else said


def _same(slot: Slot, was: Slot) -> bool:
    """Whether a field says what it said when it was opened."""
    if slot.group is not None:
        return was.group is not None and shape_of(slot.group) == shape_of(was.group)
    if len(slot.rows) != len(was.rows) or slot.text != was.text:
        return False
    return all(
        row.was == before.was and all(map(_same, row.slots, before.slots))
        for row, before in zip(slot.rows, was.rows, strict=True)
    )


# ------------------------------------------------------------------------------------------------- faults


def field_at(slots: Sequence[Slot], way: Sequence[str | int]) -> str:
    """The field that a place in the written document belongs to; nothing where there is none."""
    first, *rest = way or ("",)
    slot = next((one for one in slots if one.shape.key == first), None)
    if slot is None or slot.fixed or slot.shape.sort == "rules":
        return ""
    if slot.group is not None:
        return row_of(slot.group, ".".join([slot.path, *(str(step) for step in rest if str(step).isdecimal())]))
    if slot.shape.sort == "part":
        return field_at(slot.rows[0].slots, rest) or slot.path
    if rest and isinstance(rest[0], int) and rest[0] < len(slot.rows):
        row = slot.rows[rest[0]]
        return field_at(row.slots, rest[1:]) or row.path
    return slot.path
