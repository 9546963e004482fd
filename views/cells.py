"""One policy for what is shown of a field, wherever it is shown: list, details, history, search."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from flask import current_app, url_for

from admin_app.i18n import join_words, text_of
from admin_app.rule_trials import words
from admin_app.titles import money_accounts, said, titles_of
from admin_app.values import money, write_value
from models.entity import Entity, db
from models.field import Field, Kind, Privacy
from models.rulebook import RuleEffect, RuleMatch
from models.standing import Alert, TagColour, Task, TierChange
from models.value import LedgerEntry
from rules.decisions.access import Access, Sight, masked
from rules.language.sentences import Words
from views.computed import ComputedField, Part, computed_fields, seen_fields
from views.rule_words import effect_said, evidence_said, outcome_said, subjects_of
from views.tiers import tier_tone

IN_LOG = "operation_id"
"""The column by which a row names its entry in the operation log."""


@dataclass(frozen=True)
class Cell:
    """What stands in a cell: text, and what it is, so that a page can draw it."""

    field: Field
    text: str
    masked: bool = False
    raw: str = ""
    target: str = ""
    target_id: int | None = None
    tone: str = ""
    address: str = ""
    parts: tuple[Part, ...] = ()


def visible_fields(entity: type[Entity], access: Access) -> list[Field]:
    """Every field she may see, in the order of declaration; the house's own bookkeeping last."""
    left_out = {"version", "source_key", "public_id", "occasion", "text_en", "about"}
    fields = [one for one in seen_fields(entity, access) if one.name not in left_out]
    return sorted(fields, key=lambda one: one.info.generated)


def list_fields(entity: type[Entity], access: Access) -> list[Field]:
    """The columns of the list."""
    assert entity.screen is not None
    fields = {one.name: one for one in seen_fields(entity, access)}
    columns: list[Field] = []
    computed = [one for one in computed_fields(entity, access) if one.name not in entity.fields()]
    for name in entity.screen.columns:
        if name in fields:
            columns.append(fields[name])
        columns += [one for one in computed if one.after == name]
    return columns


class Cells:
    """The cells of some rows; what they refer to is looked up once for all of them."""

    def __init__(self, rows: Iterable[Entity], fields: Sequence[Field], access: Access) -> None:
        self.access = access
        rows = list(rows)
        self.titles = titles_of(rows, [one for one in fields if not isinstance(one, ComputedField)], access)
        self.in_money = money_accounts(rows)
        ids = [row.id for row in rows]
        self.computed = {one.name: one.load(ids, access) for one in fields if isinstance(one, ComputedField)}
        self.subjects = subjects_of([row for row in rows if isinstance(row, Alert)], access)
        self.zone = current_app.config["PEONY"].zone

    def of(self, row: Entity, one: Field) -> Cell:
        if isinstance(one, ComputedField):
            return self._computed(row, one)
        value = getattr(row, one.name)
        if value is None or value == []:
            return Cell(one, "")
        if self.access.sight(one) is Sight.MASKED:
            return Cell(one, masked(value, one.kind) or "", masked=True)
        if one.kind is Kind.REFERENCE:
            title = self.titles.get((one.target, value), f"#{value}")
            return Cell(one, title, raw=str(value), target=one.target, target_id=value)
        if one.name == IN_LOG and self.access.opens("log"):
            return Cell(one, f"#{value}", raw=str(value), address=url_for("log.entry", number=value))
        if isinstance(row, LedgerEntry) and one.name == "amount" and row.account_id in self.in_money:
            return Cell(one, money(row.amount), raw=str(value))
        if one.key == "alert.about_id":
            text, address = self.subjects.get(row.id, ("", ""))
            return Cell(one, text, raw=str(value), address=address)
        if isinstance(row, (Alert, Task)) and one.name == "text":
            return Cell(one, text_of(row), raw=row.text)
        if isinstance(row, (Alert, Task)) and one.name == "outcome":
            return Cell(one, outcome_said(value), raw=value)
        if isinstance(row, RuleEffect) and one.name == "what":
            return Cell(one, effect_said(row), raw=row.what)
        if isinstance(row, (TierChange, RuleMatch)) and isinstance(value, dict):
            return Cell(one, evidence_said(value, self.words))
        if isinstance(value, dict):
            return Cell(
                one,
                join_words(f"{name} {count}" for name, count in value.items() if not isinstance(count, (dict, list))),
            )
        return Cell(one, said(one, value), raw=write_value(one.kind, value, self.zone), tone=_tone(one, value))

    @cached_property
    def words(self) -> Words:
        """What the salon calls its tiers, tags and the like."""
        return words(db.session())

    def _computed(self, row: Entity, one: ComputedField) -> Cell:
        parts = tuple(self.computed[one.name].get(row.id, ()))
        return Cell(one, join_words(part.text for part in parts), parts=parts)

    def off(self, row: Entity) -> bool:
        """Whether the row stands no longer: what it says was taken back."""
        return any(part.tone == "taken-back" for loaded in self.computed.values() for part in loaded.get(row.id, ()))


def _tone(one: Field, value: Any) -> str:
    """Colour for state only."""
    if one.key == "alert.severity":
        return {"urgent": "bad", "warning": "warn"}.get(str(value), "")
    if isinstance(value, TagColour):
        return f"tag-{value.value}"
    if one.info.words == "tiers":
        return tier_tone(str(value))
    if one.key in {"schedule_run.state", "user.active"}:
        return {"done": "good", "failed": "bad", "claimed": "warn", "True": "good", "False": "muted"}.get(
            str(value), ""
        )
    return ""


def sensitive_shown(fields: Iterable[Field], access: Access) -> list[str]:
    """The names of sensitive fields that are shown in clear: the log must know of it."""
    return [one.name for one in fields if one.info.privacy is Privacy.SENSITIVE and access.sight(one) is Sight.CLEAR]
