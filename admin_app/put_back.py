"""What rules changed of a customer is put back with the sale on which they held: a field, and a tag that was taken off.

Each only as long as nothing else has changed it since; otherwise it stays, and a sentence says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from flask_babel import gettext as _
from sqlalchemy import select

from admin_app.i18n import in_her_language
from admin_app.operations.kernel import Operation
from admin_app.rule_effects import write_stage
from admin_app.rulebook import rulebook
from admin_app.tag_effects import put_on, setters_of
from models.customers import Customer, Stage
from models.log import Operation as LogOperation
from models.log import RowChange, RowValue
from models.names import Name
from models.rulebook import ChangedCustomer, RuleMatch
from models.standing import CustomerTag, Tag
from rules.documents.rules import Effect, Rule

Matches = Sequence[RuleMatch]


@dataclass(frozen=True)
class _Change:
    """One change of a customer's stage in the log; ``as_of``: the day of the run of rules that made it."""

    before: Stage
    after: Stage
    as_of: date | None


def changing(rules: Collection[Rule]) -> set[str]:
    """The rules that set a field or take a tag off."""
    return {rule.id for rule in rules if any(effect.field or effect.untag for effect in rule.then)}


class PutBack:
    """Undoes, for one operation, what the rules of ``lost`` matches did; ``stands`` tells which rules hold now."""

    def __init__(self, op: Operation, lost: Matches, stands: Callable[[str, int], bool]) -> None:
        self.op = op
        self.lost = lost
        self.stands = stands
        self.rules = {rule.id: rule for rule in rulebook(op.session).rules()}
        self.back: list[str] = []
        self.stays: list[str] = []

    def settle(self) -> None:
        """Put everything back that may be; ``back`` says what is, ``stays`` what somebody changed since."""
        for customer in sorted({match.customer_id for match in self.lost}):
            self._stage(customer)
            self._tags(customer)

    def _effects(self, customer: int) -> Iterator[tuple[RuleMatch, Effect]]:
        for match in self.lost:
            if match.customer_id == customer and match.rule in self.rules:
                for effect in self.rules[match.rule].then:
                    yield match, effect

    def _otherwise(self, match: RuleMatch, same: Callable[[Effect], bool]) -> bool:
        """Whether another rule did the same since, and still holds."""
        names = [name for name, rule in self.rules.items() if any(same(effect) for effect in rule.then)]
        query = select(RuleMatch.rule).where(
            RuleMatch.customer_id == match.customer_id,
            RuleMatch.rule.in_(names),
            RuleMatch.since >= match.since,
            RuleMatch.until.is_(None),
        )
        return any(self.stands(name, match.customer_id) for name in self.op.session.scalars(query))

    # ------------------------------------------------------------------------------------------------- fields

    def _stage(self, customer: int) -> None:
        set_by = {(one.field.stage, match.since): match for match, one in self._effects(customer) if one.field}
        if not set_by:
            return
        changes = list(_changes(self.op, customer))
        ours = [(one.after, one.as_of) in set_by for one in changes]
        if True not in ours:
            return
        row, label = self.op.session.get_one(Customer, customer), Customer.fields()["stage"].label
        undone = changes[: ours.index(False)] if False in ours else changes
        if not undone and row.stage is not changes[ours.index(True)].before:
            self.stays.append(str(_("%(field)s: %(value)s", field=label, value=row.stage.label)))
        if not undone:
            return
        last = set_by[undone[0].after, undone[0].as_of or date.min]
        back = undone[-1].before
        if back is row.stage or self._otherwise(
            last, lambda one: one.field is not None and one.field.stage is row.stage
        ):
            return
        write_stage(self.op, customer, back)
        self.op.session.refresh(row)
        self.back.append(str(_("%(field)s is %(value)s again", field=label, value=back.label)))

    # --------------------------------------------------------------------------------------------------- tags

    def _tags(self, customer: int) -> None:
        for match, effect in self._effects(customer):
            tag = effect.untag and self.op.session.scalar(select(Tag).where(Tag.slug == effect.untag))
            if tag:
                self._tag(match, tag)

    def _tag(self, match: RuleMatch, tag: Tag) -> None:
        hers = (CustomerTag.customer_id == match.customer_id, CustomerTag.tag_id == tag.id)
        rows = list(self.op.session.scalars(select(CustomerTag).where(*hers).order_by(CustomerTag.id.desc())))
        newest = rows[0] if rows else None
        is_on = newest is not None and newest.until is None and newest.held
        if is_on or not any(self._was_taken_off(match, row) for row in rows) or not self._is_set(match, tag):
            return
        called = in_her_language(tag.name, tag.name_en)
        if newest is None or not self._was_taken_off(match, newest):
            self.stays.append(str(_("tag %(tag)s off", tag=called)))
        elif not self._otherwise(match, lambda one: one.untag == tag.slug) and put_on(
            self.op, tag, [match.customer_id]
        ):
            self.op.session.add(ChangedCustomer(customer_id=match.customer_id))
            self.back.append(str(_("tag %(tag)s is on again", tag=called)))

    def _was_taken_off(self, match: RuleMatch, row: CustomerTag) -> bool:
        """Whether the run that found this match ended the tag."""
        if row.until is None or row.by_hand:
            return False
        runs = select(LogOperation.detail).where(
            LogOperation.name == str(Name.APPLY_RULES), LogOperation.at == row.until
        )
        return any(_as_of(detail) == match.since for detail in self.op.session.scalars(runs))

    def _is_set(self, match: RuleMatch, tag: Tag) -> bool:
        """Whether a rule that holds sets the tag, so that only what is undone keeps it off."""
        holding = select(RuleMatch.rule).where(
            RuleMatch.customer_id == match.customer_id,
            RuleMatch.rule.in_(setters_of(self.op, {tag.slug})[tag.slug]),
            RuleMatch.until.is_(None),
        )
        return any(self.stands(name, match.customer_id) for name in self.op.session.scalars(holding))


def _changes(op: Operation, customer: int) -> Iterator[_Change]:
    """How the customer's stage changed, the newest first, as far as the log still has the values."""
    query = (
        select(RowValue.old, RowValue.new, LogOperation.name, LogOperation.detail)
        .join(RowChange, RowChange.id == RowValue.row_change_id)
        .join(LogOperation, LogOperation.id == RowChange.operation_id)
        .where(RowChange.entity == Customer.named(), RowChange.row_id == customer, RowChange.kind == "update")
        .order_by(RowChange.id.desc())
    )
    for old, new, name, detail in op.session.execute(query):
        before, after = json.loads(old or "{}"), json.loads(new or "{}")
        if "stage" in before and "stage" in after:
            as_of = _as_of(detail) if name == Name.APPLY_RULES else None
            yield _Change(Stage(before["stage"]), Stage(after["stage"]), as_of)


def _as_of(detail: dict[str, object] | None) -> date | None:
    """The day as of which a run settled customers."""
    day = (detail or {}).get("as_of")
    return date.fromisoformat(str(day)) if day else None
