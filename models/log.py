"""The operation log: who did what, on what, when, from where, why — and the rows that changed under it.

``operation``, ``row_change`` and ``log_link`` are never changed. ``row_value`` holds the values themselves, salted,
and is removed when a customer is erased; the chain stands on the digests and outlives it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l
from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, declared_attr, mapped_column

from models.entity import Base, snake
from models.field import Choice, choice
from models.types import Json, LongText


class EntryKind(Choice):
    """What sort of entry the log holds."""

    WRITE = "write", _l("Change")
    READ = "read", _l("Read")
    REFUSAL = "refusal", _l("Refusal")
    EXPORT = "export", _l("Export")
    ACCESS = "access", _l("Sign-in")
    RUN = "run", _l("Run")
    LOAD = "load", _l("Bulk load")


class LogBase(Base):
    """A table of the log itself: append-only, not logged in turn."""

    __abstract__ = True
    append_only: ClassVar[bool] = True

    @declared_attr.directive
    def __tablename__(cls) -> str:
        return snake(cls.__name__)


class Operation(LogBase):
    """One thing done, or refused. Holds no customer's values: only what she is numbered."""

    __table_args__ = (
        Index("ix_operation_actor", "actor_kind", "actor_id", "at"),
        Index("ix_operation_subject", "subject_kind", "subject_id"),
        Index("ix_operation_name", "name", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(String(40))
    kind: Mapped[EntryKind] = mapped_column(choice(EntryKind))
    at: Mapped[datetime] = mapped_column(index=True)
    actor_kind: Mapped[str] = mapped_column(String(10))
    actor_id: Mapped[int | None]
    actor_name: Mapped[str] = mapped_column(String(60))
    actor_role: Mapped[str] = mapped_column(String(30))
    session_id: Mapped[int | None]
    address: Mapped[str] = mapped_column(String(64), default="")
    agent: Mapped[str] = mapped_column(String(200), default="")
    store_id: Mapped[int | None] = mapped_column(index=True)
    subject_kind: Mapped[str | None] = mapped_column(String(40))
    subject_id: Mapped[int | None]
    reason: Mapped[str | None] = mapped_column(String(300))
    result: Mapped[str] = mapped_column(String(40), default="done")
    detail: Mapped[dict[str, Any] | None] = mapped_column(Json)
    run_id: Mapped[int | None] = mapped_column(index=True)


class RowChange(LogBase):
    """That a row changed: which columns, and a salted digest of the values. Written by database triggers."""

    __table_args__ = (Index("ix_row_change_row", "entity", "row_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    operation_id: Mapped[int] = mapped_column(
        ForeignKey("operation.id", deferrable=True, initially="DEFERRED"), index=True
    )
    entity: Mapped[str] = mapped_column(String(40))
    row_id: Mapped[int]
    kind: Mapped[str] = mapped_column(String(6))
    columns: Mapped[str] = mapped_column(LongText)
    digest: Mapped[str] = mapped_column(String(64))


class RowValue(Base):
    """The values of a row change: JSON objects of the changed columns, before and after."""

    __tablename__ = "row_value"

    row_change_id: Mapped[int] = mapped_column(ForeignKey("row_change.id"), primary_key=True, autoincrement=False)
    salt: Mapped[str] = mapped_column(String(32))
    old: Mapped[str | None] = mapped_column(LongText)
    new: Mapped[str | None] = mapped_column(LongText)


class LogLink(LogBase):
    """One link of the chain per operation, in the order of commit."""

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    operation_id: Mapped[int] = mapped_column(ForeignKey("operation.id"), unique=True)
    rows: Mapped[int]
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class OperationKey(Base):
    """An idempotency key, claimed first and answered last in one transaction."""

    __tablename__ = "operation_key"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    actor: Mapped[str] = mapped_column(String(80))
    input_digest: Mapped[str] = mapped_column(String(64))
    operation_id: Mapped[int]
    claimed_at: Mapped[datetime] = mapped_column(index=True)
    answer: Mapped[Any] = mapped_column(Json, nullable=True)
