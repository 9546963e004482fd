"""The base of every table: what an entity declares, and what is refused when a declaration contradicts itself."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, ClassVar

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import CheckConstraint, Column, Executable, MetaData, Select, String, Table, select
from sqlalchemy import Enum as SqlEnum
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedColumn, Session, declared_attr, mapped_column

from models.connection import WRITES
from models.field import INFO_KEY, Field, FieldInfo, Privacy, Search, field, kind_of, range_of
from models.invariants import NoGaps, NoOverlap, OneStep
from models.screen import Screen, WrittenBy
from models.types import Big, Encrypted, Instant

RESERVED = frozenset(
    {
        *("meta", "process", "post_process", "populate_obj", "data", "errors", "validate", "is_submitted"),
        *("validate_on_submit", "hidden_tag", "csrf_token", "op_id"),
    }
)
"""Names that a generated WTForms form already uses for itself."""

PUBLIC_ID_BYTES = 12

EVERYBODY = 0
"""The number of no customer: as a mark it says that all of them may have changed."""


class Base(DeclarativeBase):
    """Every table stands on this; each constraint has a name, so that migrations can find it."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {int: Big, datetime: Instant()}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        table = cls.__dict__.get("__table__")
        if isinstance(table, Table):
            _finish(table)


db = SQLAlchemy(metadata=Base.metadata)

AnySelect = Select[*tuple[Any, ...]]
"""A SELECT of whatever columns."""


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _finish(table: Table) -> None:
    """Bind ciphertexts to their column, and let the database hold the closed lists and the ranges."""
    for column in table.columns:
        if isinstance(column.type, Encrypted):
            column.type.context = f"{table.name}.{column.name}"
        if isinstance(column.type, SqlEnum):
            allowed = [member.value for member in column.type.enum_class or ()]
            among = " OR ".join(f"\"{column.name}\" = '{value}'" for value in allowed)  # reads the same after a restore
            table.append_constraint(CheckConstraint(among, name=f"{column.name}_choice"))
        if INFO_KEY in column.info and (bounds := range_of(column)) is not None:
            told = {"field": column.name, "message": bounds.message(kind_of(column))}
            table.append_constraint(
                CheckConstraint(bounds.condition(column.name), name=f"{column.name}_range", info=told)
            )


def _info(column: MappedColumn[Any]) -> FieldInfo:
    return column.column.info.get(INFO_KEY) or FieldInfo(_l("No."), generated=True)


def _add_blind_indexes(cls: type, name: str, label: LazyString) -> None:
    for suffix in ("index", "last4"):
        column = mapped_column(
            String(32), index=True, info={INFO_KEY: FieldInfo(label, privacy=Privacy.SECRET, generated=True)}
        )
        setattr(cls, f"{name}_{suffix}", column)


class Derived(Base):
    """Made by the house from other rows, or its own bookkeeping: not logged row by row, no generated screen."""

    __abstract__ = True
    written_by: ClassVar[WrittenBy] = WrittenBy.DERIVED

    @declared_attr.directive
    def __tablename__(cls) -> str:
        return snake(cls.__name__)


@cache
def _declared() -> dict[str, type[Entity]]:
    """The entities declared up to now, by name."""
    mapped = [mapper.class_ for mapper in Base.registry.mappers if issubclass(mapper.class_, Entity)]
    order = {name: place for place, name in enumerate(Base.metadata.tables)}
    return {entity.named(): entity for entity in sorted(mapped, key=lambda entity: order[entity.named()])}


class Entity(Base):
    """Something the salon knows. Each row's changes are logged by the database itself.

    ``within`` names the reference through which a row is visible (a reading within its assessment) when it has
    neither a ``customer_id`` nor a ``store_id`` of its own; where it is ``customer_id`` itself, the row goes with her
    into every store. ``shared`` says that every row is for everybody who may see the entity at all. ``marks`` says that
    a change may alter what rules say of the ``customer_id``, ``moves_all`` names the columns whose change may alter it
    of every customer.
    """

    __abstract__ = True

    label: ClassVar[LazyString]
    plural: ClassVar[LazyString]
    title: ClassVar[tuple[str, ...]] = ("name",)
    written_by: ClassVar[WrittenBy]
    screen: ClassVar[Screen | None] = None
    within: ClassVar[str | None] = None
    shared: ClassVar[bool] = False
    append_only: ClassVar[bool] = False
    marks: ClassVar[bool] = True
    moves_all: ClassVar[tuple[str, ...]] = ()
    imports: ClassVar[bool] = True
    no_overlap: ClassVar[tuple[NoOverlap, ...]] = ()
    no_gaps: ClassVar[tuple[NoGaps, ...]] = ()
    one_step: ClassVar[tuple[OneStep, ...]] = ()

    id: Mapped[int] = field(Big, primary_key=True, label=_l("No."), generated=True)

    @declared_attr.directive
    def __tablename__(cls) -> str:
        return snake(cls.__name__)

    def __init_subclass__(cls, **options: Any) -> None:
        for name, column in list(vars(cls).items()):
            if isinstance(column, MappedColumn) and _info(column).search is Search.WHOLE_OR_LAST4:
                _add_blind_indexes(cls, name, _info(column).label)
        super().__init_subclass__(**options)
        _declared.cache_clear()

    @classmethod
    def fields(cls) -> dict[str, Field]:
        """The declared columns by name, in the order of declaration."""
        return _fields(cls)

    @classmethod
    def logged(cls) -> bool:
        """Whether each of its row changes goes into the operation log."""
        return cls.written_by != WrittenBy.DERIVED

    @classmethod
    def named(cls) -> str:
        """How rules, permissions, addresses and the log name this entity."""
        return table_of(cls).name

    @classmethod
    def named_plural(cls) -> str:
        """How a command names all of its rows: ``customers``, ``service_categories``, ``staff``."""
        name = cls.named()
        if name.endswith("staff"):
            return name
        if re.search(r"[^aeiou]y$", name):
            return f"{name[:-1]}ies"
        return f"{name}es" if re.search(r"(s|x|ch|sh)$", name) else f"{name}s"

    def __str__(self) -> str:
        words = [str(getattr(self, name)) for name in self.title if getattr(self, name) is not None]
        return " ".join(words) or f"#{self.id}"


class Record(Entity):
    """A row that people or operations change over time: it has a version, and is archived, never deleted."""

    __abstract__ = True

    version: Mapped[int] = field(Big, label=_l("Version"), generated=True, default=1, server_default="1")
    archived_at: Mapped[datetime | None] = field(Instant, label=_l("Archived at"), generated=True)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.version}


class Event(Entity):
    """Something that happened: inserted once, never updated, never deleted, by anybody."""

    __abstract__ = True
    append_only = True
    imports = False


class PublicId:
    """A random name for rows that leave the house (links, receipts, exports): ids never do."""

    public_id: Mapped[str] = field(
        String(24),
        label=_l("Public number"),
        generated=True,
        unique=True,
        default=lambda: secrets.token_hex(PUBLIC_ID_BYTES),
    )


@cache
def _fields(cls: type[Entity]) -> dict[str, Field]:
    table = table_of(cls)

    def made(column: Column[Any]) -> Field:
        return Field(table.name, column.name, column, column.info[INFO_KEY], kind_of(column))

    return {column.name: made(column) for column in table.columns if INFO_KEY in column.info}


def table_of(mapped: type[Base]) -> Table:
    """The table of a mapped class, as a Table."""
    table = mapped.__table__
    assert isinstance(table, Table)
    return table


def rows_changed(session: Session, statement: Executable) -> int:
    """Run an UPDATE or DELETE; how many rows it touched."""
    count: int = session.execute(statement).rowcount  # type: ignore[attr-defined]  # both have one
    return count


def lock_row(session: Session, entity: type[Entity], row_id: int) -> None:
    """Let others who lock the same row wait until the transaction ends; SQLite has one writer at a time anyway."""
    if session.get_bind().dialect.name != "sqlite":
        session.execute(select(entity.id).where(entity.id == row_id).with_for_update(key_share=True))


def insert_new(session: Session, mapped: type[Base], rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert those of the rows whose key is not there yet; how many they were."""
    table = table_of(mapped)
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    fresh = dialect.insert(table).on_conflict_do_nothing().returning(*table.primary_key.columns)
    return len(session.execute(fresh, list(rows)).all())


def entities() -> list[type[Entity]]:
    """Every entity, in the order of declaration."""
    return list(_declared().values())


def entity_named(name: str) -> type[Entity]:
    """:raises KeyError: no entity has that name."""
    return _declared()[name]


class DeclarationError(Exception):
    """An entity contradicts itself; the message names entity, field and mend."""


def writing() -> Session:
    """The session at the beginning of a write transaction of the house's own bookkeeping; ends any open read."""
    session = db.session()
    session.rollback()
    session.connection(execution_options={WRITES: True})
    return session


def check_declarations(among: list[type[Entity]] | None = None) -> None:
    """:raises DeclarationError: naming every contradiction at once."""
    faults = [fault for entity in (among or entities()) for fault in _faults(entity)]
    if faults:
        raise DeclarationError("\n".join(faults))


def _faults(entity: type[Entity]) -> Iterator[str]:
    name, fields = entity.named(), entity.fields()
    for attribute in ("label", "plural", "written_by"):
        if not hasattr(entity, attribute):
            yield f"{name}: has no {attribute}; declare {attribute} = …"
    table = table_of(entity)
    for column in table.columns:
        if INFO_KEY not in column.info:
            yield f"{name}.{column.name}: has no label; declare it with field() or reference()"
        if column.name in RESERVED:
            yield f"{name}.{column.name}: a form uses this name for itself; choose another"
    for found in fields.values():
        yield from _field_faults(found)
    yield from _screen_faults(entity)
    if entity.append_only and getattr(entity, "written_by", None) == WrittenBy.FORM:
        yield f"{name}: append-only, yet written by forms; name the operations that insert it"
    if entity.within is not None and entity.within not in fields:
        yield f"{name}: within names {entity.within}, which is not one of its fields"


def _field_faults(found: Field) -> Iterator[str]:
    info = found.info
    if found.encrypted and info.privacy is Privacy.OPEN:
        yield f"{found.key}: encrypted but open to everybody; give it a privacy"
    if found.encrypted and info.search is Search.WORDS:
        yield f"{found.key}: encrypted text has no words to search; use Search.WHOLE_OR_LAST4 or none"
    if info.search is Search.WHOLE_OR_LAST4 and not found.encrypted:
        yield f"{found.key}: Search.WHOLE_OR_LAST4 is for encrypted numbers; use Search.WORDS"
    if info.search is Search.WORDS and info.privacy is not Privacy.OPEN:
        yield f"{found.key}: searching it by words would tell what its privacy hides; drop one of the two"


def _screen_faults(entity: type[Entity]) -> Iterator[str]:
    if entity.screen is None:
        return
    name, fields = entity.named(), entity.fields()
    named = [*entity.screen.columns, *entity.screen.inline, entity.screen.order.lstrip("-"), *entity.title]
    for missing in [column for column in named if column not in fields]:
        yield f"{name}.{missing}: the screen names it, but it is not one of the fields"
    for column in entity.screen.columns:
        if column in fields and fields[column].info.privacy is Privacy.SECRET:
            yield f"{name}.{column}: secret, yet a column of the screen; take it out"
    if entity.screen.inline and getattr(entity, "written_by", None) != WrittenBy.FORM:
        yield f"{name}: columns to edit in the list, yet not written by forms; drop inline or declare WrittenBy.FORM"
