"""Settling customers: one operation brings their tiers, tags, alerts, tasks and gifts to what the rules say of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, Select, and_, bindparam, insert, select, update
from sqlalchemy.orm import Session

from admin_app import pending, run_set
from admin_app.asking import asked_always
from admin_app.frames import Look, look_of
from admin_app.held_back import held_out, of
from admin_app.operations.kernel import Operation
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Input, operation, the_machine
from admin_app.rule_effects import NEEDED, give
from admin_app.rulebook import rulebook, versions
from admin_app.tag_effects import Found, Tags, set_tags
from admin_app.tier_moves import move_tiers, standing_of
from admin_app.todo_effects import ask_staff
from models.clock import ScheduleClaim
from models.connection import lock_rules
from models.entity import AnySelect, rows_changed, table_of
from models.log import EntryKind
from models.names import Name
from models.rulebook import MASK_BITS, MASKS, RuleMatch, RuleSlot, RuleState
from rules.book import Rulebook
from rules.documents.rules import Rule
from rules.evaluation import interpreter
from rules.evaluation.dialect import Some, among, listed
from rules.evaluation.frame import Frame
from rules.evaluation.statement import Slotted, differing
from rules.language.conditions import NEVER, Condition
from rules.language.reading import places_in
from rules.order import DecisionRow, strata

LEASE = timedelta(minutes=2)


@dataclass(frozen=True)
class Claim:
    """The right to make one due run; every write proves that it is still held."""

    schedule_id: int
    due_at: datetime
    epoch: int

    def own(self) -> ColumnElement[bool]:
        """Which row of ``schedule_claim`` this is, as long as nobody has taken it over."""
        return and_(
            ScheduleClaim.schedule_id == self.schedule_id,
            ScheduleClaim.due_at == self.due_at,
            ScheduleClaim.epoch == self.epoch,
        )


@dataclass
class Report:
    """What a run did: how many were looked at, who gained and lost which rule, who moved into which tier."""

    as_of: date
    customers: int = 0
    gained: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    moved: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    given: int = 0

    def add(self, answer: dict[str, Any]) -> None:
        self.gained.update(answer["gained"])
        self.lost.update(answer["lost"])
        self.moved.update(answer["moved"])
        self.asked += answer["asked"]
        self.given += answer["given"]

    def counts(self) -> dict[str, Any]:
        return {
            "customers": self.customers,
            "gained": dict(sorted(self.gained.items())),
            "lost": dict(sorted(self.lost.items())),
            "moved": dict(sorted(self.moved.items())),
            "asked": self.asked,
            "given": self.given,
        }


class ApplyInput(Input):
    """A range of a run's customers to settle as of a day, perhaps under a claim.

    ``rules``: by which; None for all that have no hours of their own.
    """

    as_of: date
    first: int
    last: int
    run: int
    claim: list[int | str] | None = None
    rules: list[str] | None = None


@operation(
    Name.APPLY_RULES,
    label=_l("Apply the rules"),
    kind=EntryKind.RUN,
    permitted=the_machine,
    form=False,
)
def apply_rules(op: Operation, data: ApplyInput) -> Answer:
    """Bring tiers, tags, alerts and tasks of a chunk of customers to what the rules say, stratum by stratum.

    :raises TooEarlyError: another run has settled a later day meanwhile.
    """
    lock_rules(op.session.connection())
    run_set.ensure_not_past(op.session, data.as_of)
    _hold_claim(op, data)
    book, version = rulebook(op.session), versions()
    staged = run_set.staged(op.session, data.run, data.first, data.last)
    here = listed(staged)
    look = look_of(op.session, data.as_of, here.among)
    report = Report(data.as_of)
    report.moved.update(move_tiers(op, look, here.values, version["tiers"]))
    slots = slots_of(op.session, book)
    for work in _strata(book, slots, version, data.rules):
        _apply_stratum(op, look, here, work, report)
    report.customers = len(staged)
    run_set.drop(op.session, data.run, staged)
    op.detail = {"as_of": data.as_of.isoformat(), "first": data.first, "last": data.last, **report.counts()}
    return report.counts()


def make_ready(session: Session, as_of: date, rules: list[str] | None = None) -> None:
    """Ask of nobody what settling asks first, so that it has been made before a write keeps others out."""
    book, version, here = rulebook(session), versions(), listed(())
    look, slots = look_of(session, as_of, here.among), {slot.rule: slot for slot in session.scalars(select(RuleSlot))}
    session.execute(standing_of(look), here.values)
    for work in _strata(book, slots, version, rules):
        session.execute(_asked_of(look, work), here.values)


def _hold_claim(op: Operation, data: ApplyInput) -> None:
    """Every write of a scheduled run proves that the claim is still this process's own.

    :raises Refused: another process has taken the run over.
    """
    if data.claim is None:
        return
    schedule, due, epoch = data.claim
    claim = Claim(int(schedule), datetime.fromisoformat(str(due)), int(epoch))
    lease = update(ScheduleClaim).where(claim.own()).values(lease_until=op.at + LEASE)
    if rows_changed(op.session, lease) != 1:
        raise Refused(_l("Another process has taken this run over."), None, "lost_claim")


@dataclass(frozen=True)
class Retired:
    """A rule that is no longer in the book: it holds for nobody, and lets go of its tags."""

    id: str
    tags: tuple[str, ...]
    when: Condition = NEVER


AnyRule = Rule | DecisionRow | Retired


def everything(book: Rulebook) -> list[Rule | DecisionRow]:
    """Every rule, the rows of decision tables among them."""
    return [*book.rules(), *book.layer_rules()]


def retired(book: Rulebook, slots: Mapping[str, RuleSlot]) -> list[Retired]:
    """The rules that still have a bit, and are in the book no longer, not even set aside."""
    known = {rule.id for rule in everything(book)}
    gone = {name: slot for name, slot in slots.items() if name not in known and not book.is_aside(name)}
    return [Retired(name, tuple(slot.tags or ())) for name, slot in gone.items()]


def tags_of(rule: AnyRule) -> list[str]:
    """The tags a rule sets."""
    match rule:
        case Rule():
            return rule.tags()
        case DecisionRow():
            return [rule.tag]
        case Retired():
            return list(rule.tags)


def _tags(rule: AnyRule, slot: RuleSlot) -> Tags:
    now = set(tags_of(rule))
    return Tags(now if slot.tags is None else set(slot.tags), now)


def retagged(rules: Iterable[AnyRule], slots: Mapping[str, RuleSlot]) -> list[str]:
    """The rules that set other tags than when they were last evaluated: whoever has them has to be looked at too."""
    return [rule.id for rule in rules if (tags := _tags(rule, slots[rule.id])).before != tags.now]


def holders(rules: Iterable[str]) -> Select[str, int]:
    """Who has these rules now: rule and number."""
    return select(RuleMatch.rule, RuleMatch.customer_id).where(RuleMatch.rule.in_(rules), RuleMatch.until.is_(None))


def condition_of(rule: AnyRule) -> Condition:
    condition: Condition = NEVER if isinstance(rule, Rule) and not rule.enabled else rule.when
    return condition


def version_of(book: Rulebook, version: dict[str, int], rule: str) -> int:
    return version[book.document_of(rule)]


def slots_of(session: Session, book: Rulebook) -> dict[str, RuleSlot]:
    """The bit of each rule; new rules get the next free ones.

    :raises Refused: there are more rules than bits.
    """
    known = {slot.rule: slot for slot in session.scalars(select(RuleSlot))}
    free = iter(sorted(set(range(MASKS * MASK_BITS)) - {slot.position for slot in known.values()}))
    for rule in everything(book):
        if rule.id not in known:
            position = next(free, None)
            if position is None:
                raise Refused(_l("There are more rules than this version can hold (248)."))
            known[rule.id] = RuleSlot(rule=rule.id, position=position)
            session.add(known[rule.id])
    session.flush()
    return known


@dataclass(frozen=True)
class _Work:
    """The rules of one stratum with their bits and versions."""

    rules: dict[str, AnyRule]
    slots: dict[str, RuleSlot]
    book: Rulebook
    versions: dict[str, int]

    @cached_property
    def version_of(self) -> dict[str, int]:
        """The version that each rule is of; those that are gone have none."""
        standing = {name: rule for name, rule in self.rules.items() if not isinstance(rule, Retired)}
        return {name: version_of(self.book, self.versions, name) for name in standing}

    @property
    def tags(self) -> dict[str, Tags]:
        return {name: _tags(rule, self.slots[name]) for name, rule in self.rules.items()}

    def told(self) -> tuple[str, ...]:
        """The facts that the rules' texts and occasions speak of."""
        return tuple(
            sorted({name for rule in self.rules.values() if isinstance(rule, Rule) for name in facts_told(rule)})
        )

    def new_rules(self) -> set[str]:
        """Rules that everybody is evaluated by for the first time: their alerts and tasks spare those they find."""
        return {rule for rule in self.rules if self.slots[rule].rule_version_id is None}


def slotted(rules: Iterable[AnyRule], slots: Mapping[str, RuleSlot]) -> list[Slotted]:
    """Rules with their bits."""
    return [Slotted(rule.id, condition_of(rule), slots[rule.id].position) for rule in rules]


def _strata(
    book: Rulebook, slots: dict[str, RuleSlot], version: dict[str, int], asked: list[str] | None
) -> Iterator[_Work]:
    known: dict[str, AnyRule] = {rule.id: rule for rule in everything(book)}
    if asked is None and (gone := retired(book, slots)):
        yield _Work({rule.id: rule for rule in gone}, slots, book, version)
    names = asked_always(book, known) if asked is None else set(asked)
    for stratum in strata(book):
        if asked_of := names.intersection(stratum):
            yield _Work({name: known[name] for name in sorted(asked_of)}, slots, book, version)


def _apply_stratum(op: Operation, look: Look, here: Some, work: _Work, report: Report) -> None:
    rules, frame = work.rules, look.frame()
    bits = slotted(rules.values(), work.slots)
    rows = op.session.execute(_asked_of(look, work), here.values).mappings().all()
    found = pending.cross(op, look.as_of, here, rules, bits, rows, work.new_rules())
    kept = _kept(op, here, retagged(rules.values(), work.slots), found)
    if not (found.moved or kept):
        return
    _write_matches(op, frame, work, found.gained, found.lost)
    _write_states(op, found.moved)
    set_tags(op, work.tags, found.gained, found.lost, kept)
    asking = [(name, facts) for name, facts in found.gained if not _is_spared(rules[name], found, name, facts)]
    doing = [(rule, facts) for name, facts in asking if isinstance(rule := rules[name], Rule)]
    out = held_out(op, doing)
    report.asked += ask_staff(op, frame, [one for one in doing if of(one) not in out])
    report.given += give(op, frame, work.book, doing, out, work.versions)
    report.gained.update(rule for rule, _ in found.gained)
    report.lost.update(rule for rule, _ in found.lost)


def _asked_of(look: Look, work: _Work) -> AnySelect:
    """What is asked of the customers looked at by the rules of a stratum."""
    return _asked(look, tuple(slotted(work.rules.values(), work.slots)), work.told())


@lru_cache(maxsize=32)
def _asked(look: Look, bits: tuple[Slotted, ...], told: tuple[str, ...]) -> AnySelect:
    """Whose bits differ, and the facts ``told`` of them; made once for a look and a stratum."""
    return differing(look.frame(), bits, told)


def _kept(op: Operation, here: Some, rules: Sequence[str], found: pending.Crossed) -> Found:
    """Who has some rules, and neither gains nor loses them now."""
    if not rules:
        return []
    moved = {(rule, facts["customer_id"]) for rule, facts in (*found.gained, *found.lost)}
    held = op.session.execute(holders(rules).where(here.among(RuleMatch.customer_id)), here.values).all()
    return [(rule, {"customer_id": who}) for rule, who in held if (rule, who) not in moved]


def _is_spared(rule: AnyRule, found: pending.Crossed, name: str, facts: dict[str, Any]) -> bool:
    """Whether the rule found her at its first evaluation, and only tags those it finds then."""
    everyone = isinstance(rule, Rule) and rule.existing_customers == "all"
    return not everyone and (name, facts["customer_id"]) in found.spared


def facts_told(rule: Rule) -> set[str]:
    """The facts that a rule's texts and occasions speak of."""
    texts = [text for effect in rule.then for text in effect.texts]
    occasions = {NEEDED[given.once_per] for e in rule.then if (given := e.given) and given.once_per in NEEDED}
    return occasions | {name for text in texts for name in places_in(text)}


def _write_matches(op: Operation, frame: Frame, work: _Work, gained: list[Any], lost: list[Any]) -> None:
    rules, table = work.rules, table_of(RuleMatch)
    ended = [
        {
            "who": facts["customer_id"],
            "what": name,
            "why_not": {"because": interpreter.evidence(rules[name].when, facts)},
        }
        for name, facts in lost
    ]
    if ended:
        hers = (table.c.rule == bindparam("what"), table.c.customer_id == bindparam("who"), table.c.until.is_(None))
        op.session.connection().execute(update(table).where(*hers).values(until=frame.as_of), ended)
    fresh = [
        {
            "rule": rule_id,
            "customer_id": facts["customer_id"],
            "since": frame.as_of,
            "why": {"because": interpreter.evidence(rules[rule_id].when, facts)},
            "rule_version_id": work.version_of[rule_id],
        }
        for rule_id, facts in gained
    ]
    if fresh:
        op.session.execute(insert(table), fresh)


def _write_states(op: Operation, moved: dict[int, dict[int, int]]) -> None:
    """Add what moved to the bits of each customer; those of other strata stay."""
    known = set(op.session.scalars(select(RuleState.customer_id).where(among(moved)(RuleState.customer_id))))
    if missing := [{"customer_id": customer} for customer in sorted(moved) if customer not in known]:
        op.session.execute(insert(RuleState), missing)
    if not moved:
        return
    table = table_of(RuleState)
    more = {f"mask_{mask}": table.c[f"mask_{mask}"] + bindparam(f"more_{mask}") for mask in range(MASKS)}
    added = update(table).where(table.c.customer_id == bindparam("who")).values(more)
    op.session.execute(
        added,
        [{"who": who, **{f"more_{mask}": masks.get(mask, 0) for mask in range(MASKS)}} for who, masks in moved.items()],
    )
