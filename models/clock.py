"""Schedules as data: what is due, who has claimed it, how it went."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column

from models.entity import Derived, Entity, Record
from models.field import Choice, choice, field, reference
from models.invariants import holds
from models.names import Name
from models.screen import Screen, Section, WrittenBy
from models.types import Big, Day, Flag, Instant, Json, LongText, Text


class Missed(Choice):
    """What becomes of runs that were due while nothing was running."""

    RUN_ONCE = "run_once", _l("Run once")
    SKIP = "skip", _l("Skip")


class Schedule(Record):
    """When something is done by itself: daily at a wall-clock time, or every so many minutes."""

    label = _l("Schedule")
    plural = _l("Schedules")
    written_by = WrittenBy.by(Name.EDIT_ENTITY, Name.START)
    shared = True
    imports = False
    screen = Screen(Section.SYSTEM, "clock", ("name", "daily_at", "every_minutes", "missed", "paused"), "name")
    __table_args__ = (
        holds(
            "(daily_at IS NULL) <> (every_minutes IS NULL)",
            "one_rhythm",
            "every_minutes",
            _l("Give either a time of day or a number of minutes."),
        ),
    )

    name: Mapped[str] = field(Text(40), label=_l("Name"), unique=True, generated=True, words="schedules")
    daily_at: Mapped[str | None] = field(Text(5), label=_l("Daily at"), help=_l("HH:MM in the store's time zone"))
    every_minutes: Mapped[int | None] = field(Big, label=_l("Every"), unit=_l("minutes"), least=1, most=1_440)
    missed: Mapped[Missed] = field(choice(Missed), label=_l("Missed runs"), default=Missed.RUN_ONCE)
    paused: Mapped[bool] = field(Flag, label=_l("Paused"), default=False)
    first_due_at: Mapped[datetime] = field(Instant, label=_l("Counts from"), generated=True)


class ClaimState(Choice):
    """How far a claimed run has come."""

    CLAIMED = "claimed", _l("Running")
    DONE = "done", _l("Done")
    FAILED = "failed", _l("Failed")


class ScheduleClaim(Derived):
    """The right of one process to make one due run: until ``lease_until`` it is nobody else's."""

    schedule_id: Mapped[int] = mapped_column(ForeignKey("schedule.id"), primary_key=True)
    due_at: Mapped[datetime] = mapped_column(primary_key=True)
    state: Mapped[ClaimState] = mapped_column(choice(ClaimState))
    epoch: Mapped[int]
    owner: Mapped[str] = mapped_column(String(80))
    lease_until: Mapped[datetime]


class ScheduleRun(Entity):
    """One run of a schedule: how long it took and what came of it."""

    label = _l("Run")
    plural = _l("Runs")
    written_by = WrittenBy.DERIVED
    shared = True
    title = ("schedule_id", "due_at")
    screen = Screen(
        Section.SYSTEM,
        "clock",
        ("schedule_id", "due_at", "started_at", "ended_at", "state", "counts", "error"),
        "-due_at",
    )

    schedule_id: Mapped[int] = reference("schedule", label=_l("Schedule"))
    due_at: Mapped[datetime] = field(Instant, label=_l("Due at"), index=True)
    started_at: Mapped[datetime] = field(Instant, label=_l("Started at"), index=True)
    ended_at: Mapped[datetime | None] = field(Instant, label=_l("Ended at"))
    state: Mapped[ClaimState] = field(choice(ClaimState), label=_l("State"))
    epoch: Mapped[int] = field(Big, label=_l("Attempt"))
    owner: Mapped[str] = field(Text(80), label=_l("Process"))
    counts: Mapped[dict[str, Any] | None] = field(Json, label=_l("Counts"))
    error: Mapped[str | None] = field(Text(500), label=_l("Error"))


class EvaluationRun(Derived):
    """One evaluation of the rules: the day it speaks of, and how far it has come.

    ``last_customer_id`` is how far a full one has looked. ``whole`` says that after it everybody stood as the rules say
    of its day, be it that all were looked at, or all whom a change or time may have moved.
    """

    id: Mapped[int] = mapped_column(primary_key=True)
    as_of: Mapped[date] = mapped_column(Day, index=True)
    full: Mapped[bool]
    whole: Mapped[bool] = mapped_column(default=False, server_default=false())
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    last_customer_id: Mapped[int] = mapped_column(default=0)
    counts: Mapped[dict[str, Any] | None] = mapped_column(Json)


class ImportRun(Record):
    """A file that was brought in: what came of its rows."""

    label = _l("Import")
    plural = _l("Imports")
    written_by = WrittenBy.by(Name.NOTE_IMPORT)
    shared = True
    imports = False
    title = ("file_name",)
    screen = Screen(
        Section.SYSTEM, "upload", ("at", "file_name", "sheet", "created", "unchanged", "duplicates", "refused"), "-at"
    )

    file_name: Mapped[str] = field(Text(120), label=_l("File"))
    sheet: Mapped[str] = field(Text(60), label=_l("Sheet"))
    content_hash: Mapped[str] = field(Text(64), label=_l("Hash"), index=True)
    at: Mapped[datetime] = field(Instant, label=_l("At"), index=True)
    created: Mapped[int] = field(Big, label=_l("Created"), default=0)
    updated: Mapped[int] = field(Big, label=_l("Updated"), default=0)
    unchanged: Mapped[int] = field(Big, label=_l("Unchanged"), default=0)
    duplicates: Mapped[int] = field(Big, label=_l("Duplicates"), default=0)
    refused: Mapped[int] = field(Big, label=_l("Refused"), default=0)


class SearchKey(Derived):
    """A word by which a row is found: a suffix of its text, its pinyin or its initials, in lower case."""

    entity: Mapped[str] = mapped_column(String(40), primary_key=True)
    key: Mapped[str] = mapped_column(String(60, collation="C").with_variant(String(60), "sqlite"), primary_key=True)
    row_id: Mapped[int] = mapped_column(primary_key=True, index=True)


class Setting(Record):
    """A value that the house keeps for itself and the owner may look at."""

    label = _l("Setting")
    plural = _l("Settings")
    written_by = WrittenBy.by(Name.START, Name.ANCHOR_LOG, Name.UPGRADE, Name.LOAD)
    shared = True
    imports = False
    title = ("key",)
    screen = Screen(Section.SYSTEM, "gear", ("key", "value"), "key")

    key: Mapped[str] = field(Text(60), label=_l("Name"), unique=True)
    value: Mapped[str | None] = field(LongText, label=_l("Value"))
