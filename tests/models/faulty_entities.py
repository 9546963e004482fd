"""Entities that contradict themselves, and what is said of each: run in a process of its own, prints JSON by name."""

from __future__ import annotations

import json
import sys

from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Mapped, mapped_column

from models.entity import DeclarationError, Entity, Event, Record, check_declarations
from models.field import Privacy, Search, field
from models.names import Name
from models.screen import Screen, Section, WrittenBy
from models.types import Encrypted, Text

NAME = {"label": _l("Name")}


class Sound(Record):
    label = plural = _l("Tag")
    written_by = WrittenBy.FORM
    screen = Screen(Section.SYSTEM, "tag", ("name",), "name", inline=("name",))
    name: Mapped[str] = field(Text(20), **NAME)


class NoLabel(Record):
    plural = _l("Tag")
    written_by = WrittenBy.FORM


class NoPlural(Record):
    label = _l("Tag")
    written_by = WrittenBy.FORM


class NoWriter(Record):
    label = plural = _l("Tag")


class BareColumn(Record):
    label = plural = _l("Tag")
    written_by = WrittenBy.FORM
    colour: Mapped[str] = mapped_column(Text(20))


class ReservedMeta(Record):
    label = plural = _l("Tag")
    written_by = WrittenBy.FORM
    meta: Mapped[str] = field(Text(20), **NAME)


class ReservedProcess(Record):
    label = plural = _l("Tag")
    written_by = WrittenBy.FORM
    process: Mapped[str] = field(Text(20), **NAME)


class OpenCipher(Record):
    label = plural = _l("Tag")
    written_by = WrittenBy.FORM
    secret: Mapped[str] = field(Encrypted(Text(20)), **NAME)


class CipherWords(Record):
    label = plural = _l("Tag")
    written_by = WrittenBy.FORM
    secret: Mapped[str] = field(Encrypted(Text(20)), privacy=Privacy.PERSONAL, search=Search.WORDS, **NAME)


class PlainLast4(Record):
    label = plural = _l("Tag")
    written_by = WrittenBy.FORM
    number: Mapped[str] = field(Text(20), privacy=Privacy.PERSONAL, search=Search.WHOLE_OR_LAST4, **NAME)


class PrivateWords(Record):
    label = plural = _l("Tag")
    written_by = WrittenBy.FORM
    pay: Mapped[str] = field(Text(20), privacy=Privacy.BUSINESS, search=Search.WORDS, **NAME)


class FormsOnEvents(Event):
    label = plural = _l("Tag")
    written_by = WrittenBy.FORM


class WithinNothing(Record):
    label = plural = _l("Tag")
    written_by = WrittenBy.FORM
    within = "box_id"


class NoSuchColumn(Record):
    label = plural = _l("Tag")
    written_by = WrittenBy.FORM
    title = ("id",)
    screen = Screen(Section.SYSTEM, "tag", ("colour",))


class NoSuchOrder(Record):
    label = plural = _l("Tag")
    written_by = WrittenBy.FORM
    title = ("id",)
    screen = Screen(Section.SYSTEM, "tag", ("id",), "-weight")


class NoSuchInline(Record):
    label = plural = _l("Tag")
    written_by = WrittenBy.FORM
    title = ("id",)
    screen = Screen(Section.SYSTEM, "tag", ("id",), inline=("size",))


class NoSuchTitle(Record):
    label = plural = _l("Tag")
    written_by = WrittenBy.FORM
    title = ("nickname",)
    screen = Screen(Section.SYSTEM, "tag", ("id",))


class SecretShown(Record):
    label = plural = _l("Tag")
    written_by = WrittenBy.FORM
    title = ("id",)
    screen = Screen(Section.SYSTEM, "tag", ("word",))
    word: Mapped[str] = field(Text(20), privacy=Privacy.SECRET, **NAME)


class InlineByOperation(Record):
    label = plural = _l("Tag")
    written_by = WrittenBy.by(Name.LOAD)
    screen = Screen(Section.SYSTEM, "tag", ("name",), inline=("name",))
    name: Mapped[str] = field(Text(20), **NAME)


def said_of(*among: type[Entity]) -> str:
    try:
        check_declarations(list(among))
    except DeclarationError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    own = [one for one in vars(sys.modules["__main__"]).values() if getattr(one, "__module__", "") == "__main__"]
    found = {one.__name__: said_of(one) for one in own if isinstance(one, type)}
    print(json.dumps(found | {"together": said_of(NoLabel, NoWriter)}))  # noqa: T201 - its answer
