"""The registry of operations: each a function with a typed input, from which its form and its permission follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

from flask_babel import LazyString
from pydantic import BaseModel, ConfigDict, field_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import ColumnElement

from models.entity import Entity
from models.field import RANGES, Kind, Range
from models.log import EntryKind
from models.names import OPERATIONS, Name

if TYPE_CHECKING:
    from admin_app.operations.kernel import Operation
    from admin_app.security.password_gate import Credential
    from models.actor import Actor

Answer = dict[str, Any]
"""What an operation returns: JSON values, kept with the idempotency key and given again to a retry."""


@dataclass(frozen=True)
class Ask:
    """What a generated form needs to know of an input beside its type.

    ``to`` makes it a reference to rows of an entity (one id, or a list of ids); ``among`` narrows those offered, given
    the rows the operation is done on. What is seldom needed stands ``aside``, folded. Staff are offered where they are
    ``at_work``: those of the store, today.

    An ``archived`` row is taken only where this says so. ``own``: whoever gives services finds their own record chosen.
    """

    label: LazyString
    to: type[Entity] | None = None
    help: LazyString | None = None
    kind: Kind | None = None
    choices: Callable[[], list[tuple[str, str]]] | None = None
    among: Callable[[Sequence[int]], ColumnElement[bool]] | None = None
    aside: bool = False
    at_work: bool = False
    archived: bool = False
    own: bool = False


class Bounded(BaseModel):
    """What inputs and their rows share: no field but those declared, and every number and date within its range."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    @field_validator("*", mode="after", check_fields=False)
    @classmethod
    def _within_range(cls, value: Any) -> Any:
        kind = _KIND_OF_VALUE.get(type(value))
        if kind is not None and not INPUT_RANGES[kind].includes(value):
            raise PydanticCustomError("out_of_range", "out of range", {"message": INPUT_RANGES[kind].message(kind)})
        return value


_KIND_OF_VALUE: dict[type, Kind] = {int: Kind.NUMBER, date: Kind.DAY, datetime: Kind.INSTANT}
INPUT_RANGES = {
    Kind.NUMBER: Range(-(2**53), 2**53),
    Kind.DAY: RANGES[Kind.DAY],
    Kind.INSTANT: RANGES[Kind.INSTANT],
}
"""What any number, day or moment of an input may be; ``Field(ge=…, le=…)`` at the field narrows it."""


class Row(Bounded):
    """One row of a list within an input: a line of a bill, a payment. A row left empty is none."""


class Input(Bounded):
    """The base of every input. ``version`` is the version of the subject that the person saw."""

    version: int | None = None


@dataclass(frozen=True)
class Asked:
    """One field of an input, as a form sees it."""

    name: str
    ask: Ask
    annotation: Any
    required: bool
    default: Any
    bounds: tuple[Any, ...] = ()

    @property
    def range(self) -> Range | None:
        """The least and the greatest value that its type takes; None for what is neither number nor date."""
        kinds = (*get_args(self.annotation), self.annotation)
        kind = next((_KIND_OF_VALUE[one] for one in kinds if one in _KIND_OF_VALUE), None)
        if kind is None or self.ask.to is not None:
            return None
        least, most = INPUT_RANGES[kind].least, INPUT_RANGES[kind].most
        for bound in self.bounds if kind is Kind.NUMBER else ():
            least = max(least, getattr(bound, "ge", least), getattr(bound, "gt", least - 1) + 1)
            most = min(most, getattr(bound, "le", most))
        return Range(least, most)

    @property
    def many(self) -> bool:
        return self.ask.to is not None and "list" in str(self.annotation)

    @property
    def rows(self) -> list[Asked]:
        """What each row asks, where the field is a list of rows."""
        row = next(
            (part for part in get_args(self.annotation) if isinstance(part, type) and issubclass(part, Row)), None
        )
        return asked_of(row) if row is not None else []


def asked_of(model: type[BaseModel]) -> list[Asked]:
    """What a form asks for an input or a row, in the order of declaration."""
    return [*_asked_of(model)]


@cache
def _asked_of(model: type[BaseModel]) -> tuple[Asked, ...]:
    hints = get_type_hints(model, include_extras=True)
    found: list[Asked] = []
    for name, info in model.model_fields.items():
        ask = next((part for part in info.metadata if isinstance(part, Ask)), None)
        if ask is None:
            ask = next((part for part in getattr(hints[name], "__metadata__", ()) if isinstance(part, Ask)), None)
        if ask is not None:
            default = info.get_default(call_default_factory=True)
            found.append(Asked(name, ask, info.annotation, info.is_required(), default, tuple(info.metadata)))
    return tuple(found)


@dataclass(frozen=True)
class Spec:
    """A registered operation."""

    name: str
    function: Callable[[Operation, Any], Answer]
    input: type[Input]
    label: LazyString
    on: type[Entity] | None
    kind: EntryKind
    permitted: Callable[[Operation, Any], bool] | None
    form: bool
    danger: bool
    page: type[Entity] | None
    consequences: bool = False
    credential: Callable[[Any, Actor], Credential | None] | None = None
    confirmed: bool | Callable[[Any], bool] = False

    def asked(self) -> list[Asked]:
        """What the form asks, in the order of declaration."""
        return asked_of(self.input)

    def subject_field(self) -> Asked | None:
        """The input that names the rows the operation is done on."""
        return next((asked for asked in self.asked() if self.on is not None and asked.ask.to is self.on), None)


def anybody(op: Operation, data: Input) -> bool:
    """For what needs no permission: signing in, signing out, and reads that the page has already answered for."""
    return True


def somebody(op: Operation, data: Input) -> bool:
    """For what everybody who is signed in may do with her own account."""
    return op.actor.id is not None


def the_machine(op: Operation, data: Input) -> bool:
    """For what only the house itself does: commands at the console and the scheduler."""
    return op.actor.unrestricted


_specs: dict[str, Spec] = {}


def operation(
    name: Name | str,
    *,
    label: LazyString,
    on: type[Entity] | None = None,
    kind: EntryKind = EntryKind.WRITE,
    permitted: Callable[[Operation, Any], bool] | None = None,
    form: bool = True,
    danger: bool = False,
    page: type[Entity] | None = None,
    consequences: bool = False,
    credential: Callable[[Any, Actor], Credential | None] | None = None,
    confirmed: bool | Callable[[Any], bool] = False,
) -> Callable[[Callable[[Operation, Any], Answer]], Callable[[Operation, Any], Answer]]:
    """Register a function as an operation.

    ``on`` gives it a row action on that entity's screen, ``page`` a button above its list; without ``form`` it is done
    by code only. Without ``permitted`` a role needs the operation's name in its ``does``. ``consequences``: its form
    shows what falls with it, which only a rehearsal finds; of others a quote says all that is shown. ``credential``
    gives the password that the input holds, if any: it is checked before the operation begins. ``confirmed``: whether
    it pays out, exports, changes rights or wipes, so that whoever does it confirms first who they are.
    """

    def register(function: Callable[[Operation, Any], Answer]) -> Callable[[Operation, Any], Answer]:
        input_type = get_type_hints(function)["data"]
        OPERATIONS.add(str(name))
        shape = (function, input_type, label, on, kind, permitted, form, danger, page)
        _specs[str(name)] = Spec(str(name), *shape, consequences, credential, confirmed)
        return function

    return register


def unregister(name: str) -> None:
    """Forget an operation (tests register their own)."""
    del _specs[name]
    OPERATIONS.discard(name)


def spec_named(name: str) -> Spec:
    """:raises KeyError: no operation has that name."""
    return _specs[str(name)]


def specs() -> list[Spec]:
    """Every operation, by name."""
    return [_specs[name] for name in sorted(_specs)]


def row_actions(entity: type[Entity]) -> list[Spec]:
    """The operations that can be started from rows of an entity."""
    return [spec for spec in specs() if spec.on is entity and spec.form]


def page_actions(entity: type[Entity]) -> list[Spec]:
    """The operations that can be started from an entity's list without choosing rows."""
    return [spec for spec in specs() if spec.page is entity and spec.form]


__all__ = [
    "Annotated",
    "Answer",
    "Ask",
    "Asked",
    "Input",
    "Spec",
    "operation",
    "page_actions",
    "row_actions",
    "spec_named",
    "specs",
]
