"""What rules gave on the evidence of a sale that is now taken back: tiers fall, promises are withdrawn, points go back,
tasks and alerts are closed, fields and tags are put back, each unless its document says ``keep``.

Who takes back asks what the rules say before and after, with what is taken back as if it had never been sold. What they
said on the day of the gift and would not say now, of that day or of today, rested on it. What was decided by hand or
brought over from another system stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from admin_app.frames import frame_of
from admin_app.i18n import join_clauses
from admin_app.kin import with_kin
from admin_app.operations.kernel import Operation
from admin_app.operations.ledger import Ledger
from admin_app.operations.registry import Answer
from admin_app.operations.todo import EVIDENCE_GONE
from admin_app.put_back import Matches, PutBack, changing
from admin_app.rulebook import rulebook, versions, words_of
from models.customers import Customer
from models.rulebook import EffectKind, EffectState, RuleEffect, RuleMatch
from models.standing import Alert, CustomerTag, Membership, Tag, Task, TierChange, TierMove
from rules.book import Rulebook
from rules.decisions.tiers import tier_for, until
from rules.documents.rules import Rule
from rules.documents.tiers import TakenBack
from rules.evaluation import interpreter
from rules.evaluation.dialect import among
from rules.evaluation.sources import facts_of
from rules.evaluation.statement import facts_in
from rules.language.conditions import All
from rules.order import DecisionRow, strata


@dataclass(frozen=True)
class Judgement:
    """What the rules say of one customer: which hold, the tier she reaches, the tiers whose ``keep`` she fulfils."""

    facts: dict[str, Any]
    rules: frozenset[str]
    entered: int
    keeps: frozenset[str]


Judged = dict[tuple[date, int], Judgement]
"""By day and customer."""


@dataclass
class Evidence:
    """The gifts of rules that may rest on sales since a day, and what the rules said before these were taken back."""

    op: Operation
    since: date
    customers: set[int]
    before: Judged = field(default_factory=dict)

    @classmethod
    def of(cls, op: Operation, customer: int | None, since: date) -> Evidence:
        """Of a customer and of whoever her purchases count for; ``since``: the day of the sale."""
        evidence = cls(op, since, set() if customer is None else with_kin(op.session, [customer]))
        if not (evidence._memberships() or evidence._effects() or evidence._asked() or evidence._changed()):
            evidence.customers = set()
        evidence.before = evidence._judged()
        return evidence

    def settle(self, ledger: Ledger) -> Answer:
        """Take back what rested on what has been taken back since; the sentence that a page shows of it."""
        if not self.customers:
            return {}
        self.op.session.flush()
        fallen = self._fall()
        after = self._judged()
        effects = [one for one in self._effects() if self._is_lost(after, one.rule, one.customer_id, one.made_on)]
        closed = [
            one for one in self._asked() if self._is_lost(after, one.source, one.customer_id or 0, day_of(one.occasion))
        ]
        lost = [one for one in self._changed() if self._is_lost(after, one.rule, one.customer_id, one.since)]
        undoing = PutBack(self.op, lost, lambda rule, customer: self._stands(after, rule, customer))
        undoing.settle()
        for effect in effects:
            if effect.kind is EffectKind.POINTS and effect.state is EffectState.DONE:
                ledger.reclaim_points(effect.customer_id, effect.amount)
            effect.state = EffectState.WITHDRAWN
        for one in closed:
            self._close(one)
        words = [*fallen, *_said(Counter(effect.kind for effect in effects), len(closed)), *undoing.back]
        if words:
            self.op.detail |= {"withdrawn": len(effects), "closed": len(closed), "tiers_fallen": len(fallen)}
        if undoing.back:
            self.op.detail["put_back"] = len(undoing.back)
        sentences = [str(_("What rules gave for it goes too: %(what)s.", what=join_clauses(words)))] if words else []
        if undoing.stays:
            what = join_clauses(undoing.stays)
            sentences.append(str(_("What rules did for it was changed since, and stays: %(what)s.", what=what)))
        return {"warning": " ".join(sentences)} if sentences else {}

    # ------------------------------------------------------------------------------------------------ judging

    def _judged(self) -> Judged:
        if not self.customers:
            return {}
        days = {self.op.day, *(one.since for one in self._memberships()), *(one.made_on for one in self._effects())}
        days |= {day_of(one.occasion) for one in self._asked()} | {one.since for one in self._changed()}
        return {
            (day, customer): judgement
            for day in days
            for customer, judgement in judged(self.op, self.customers, day, self.op.day).items()
        }

    def _is_lost(self, after: Judged, rule: str, customer: int, day: date) -> bool:
        """Whether the rule held on that day, and neither would have then nor does now without what is taken back."""
        then, since, today = self.before.get((day, customer)), after.get((day, customer)), (self.op.day, customer)
        if then is None or since is None:
            return False
        return rule in then.rules and rule not in since.rules and rule not in after[today].rules

    def _stands(self, after: Judged, rule: str, customer: int) -> bool:
        """Whether a rule that holds now goes on holding; one that today's facts never gave is left as it is."""
        key = (self.op.day, customer)
        falls = key in after and rule in self.before[key].rules and rule not in after[key].rules
        return not falls

    def _withdrawing(self) -> set[str]:
        return {rule.id for rule in rulebook(self.op.session).rules() if rule.taken_back == "withdraw"}

    # -------------------------------------------------------------------------------------------------- gifts

    def _effects(self) -> list[RuleEffect]:
        """What is promised, and points that were given."""
        query = select(RuleEffect).where(
            among(self.customers)(RuleEffect.customer_id),
            RuleEffect.made_on >= self.since,
            RuleEffect.state.in_((EffectState.WAITING, EffectState.DONE)),
            RuleEffect.rule.in_(self._withdrawing()),
        )
        rows = self.op.session.scalars(query.order_by(RuleEffect.id)).all()
        return [one for one in rows if one.state is EffectState.WAITING or one.kind is EffectKind.POINTS]

    def _asked(self) -> list[Alert | Task]:
        """Alerts and tasks that wait."""
        names, waiting = self._withdrawing(), list[Alert | Task]()
        for entity, done in ((Alert, Alert.closed_at), (Task, Task.finished_at)):
            hers = (entity.customer_id.in_(self.customers), done.is_(None), entity.source.in_(names))
            rows: Iterable[Alert | Task] = self.op.session.scalars(select(entity).where(*hers).order_by(entity.id))
            waiting += [row for row in rows if day_of(row.occasion) >= self.since]
        return waiting

    def _changed(self) -> Matches:
        """What holds, or held, since the day of the sale of rules that set a field or take a tag off."""
        names = changing(rulebook(self.op.session).rules()) & self._withdrawing()
        if not names:
            return []
        query = (
            select(RuleMatch)
            .join(Customer, Customer.id == RuleMatch.customer_id)
            .where(RuleMatch.customer_id.in_(self.customers), RuleMatch.since >= self.since, RuleMatch.rule.in_(names))
            .where(Customer.merged_into_id.is_(None))
        )
        return self.op.session.scalars(query.order_by(RuleMatch.id)).all()

    def _close(self, one: Alert | Task) -> None:
        outcome = str(EVIDENCE_GONE)
        if isinstance(one, Alert):
            one.closed_at, one.closed_by, one.outcome = self.op.at, self.op.actor.name, outcome
        else:
            one.finished_at, one.finished_by, one.outcome = self.op.at, self.op.actor.name, outcome

    # -------------------------------------------------------------------------------------------------- tiers

    def _memberships(self) -> list[Membership]:
        """Tiers that began since the day of the sale, the newest first."""
        own = (Membership.customer_id.in_(self.customers), Membership.since >= self.since)
        return list(self.op.session.scalars(select(Membership).where(*own).order_by(Membership.id.desc())))

    def _fall(self) -> list[str]:
        """Let every tier fall that rested on what is taken back."""
        document = rulebook(self.op.session).tiers
        if document.taken_back is TakenBack.KEEP:
            return []
        current = [one for one in self._memberships() if one.ended_on is None]
        after = self._judged() if current else {}
        return [sentence for membership in current if (sentence := self._fallen(after, membership))]

    def _fallen(self, after: Judged, current: Membership) -> str:
        """End a tier that rested on it; the sentence that says so, empty where it did not."""
        op, document, today = self.op, rulebook(self.op.session).tiers, after.get((self.op.day, current.customer_id))
        rank = document.rank(current.tier)
        if rank is None or today is None or today.entered <= rank or not self._rested(after, current):
            return ""
        earlier = self._earlier(after, current, rank)
        tier, valid_until = document.tiers[today.entered].id, until(document, today.entered, op.day)
        if earlier is not None and (document.rank(earlier.tier) or 0) <= today.entered:
            tier, valid_until = earlier.tier, earlier.valid_until and max(earlier.valid_until, op.day)  # maybe in grace
        current.ended_on = op.day
        op.session.flush()
        op.session.add(Membership(customer_id=current.customer_id, tier=tier, since=op.day, valid_until=valid_until))
        asked = All(tuple(document.conditions()))
        change = {"from_tier": current.tier, "to_tier": tier, "rule_version_id": versions()["tiers"]}
        because = {"because": interpreter.evidence(asked, today.facts), "taken_back": True}
        op.session.add(
            TierChange(customer_id=current.customer_id, on=op.day, move=TierMove.DOWN, evidence=because, **change)
        )
        op.session.flush()
        names = dict(words_of("tiers", op.session))
        return str(_("%(tier)s falls back to %(lower)s", tier=names[current.tier], lower=names.get(tier, tier)))

    def _rested(self, after: Judged, membership: Membership) -> bool:
        """Whether rules gave this tier on what is taken back; what a hand gave or was brought over rests on nothing.

        A tier that was entered rests on what entering it asks, one that was held already on its ``keep`` too.
        """
        change = self._change(membership)
        key = (membership.since, membership.customer_id)
        if change is None or "because" not in change.evidence or key not in self.before or key not in after:
            return False
        rank = rulebook(self.op.session).tiers.rank(membership.tier)
        held_already = change.move not in (TierMove.FIRST, TierMove.UP)

        def gives(judgement: Judgement) -> bool:
            reaches = rank is not None and judgement.entered <= rank
            kept = held_already and membership.tier in judgement.keeps
            return reaches or kept or change.evidence.get("rule") in judgement.rules

        return gives(self.before[key]) and not gives(after[key])

    def _change(self, membership: Membership) -> TierChange | None:
        same = (TierChange.customer_id == membership.customer_id, TierChange.on == membership.since)
        query = select(TierChange).where(*same, TierChange.to_tier == membership.tier)
        return self.op.session.scalars(query.order_by(TierChange.id.desc())).first()

    def _earlier(self, after: Judged, current: Membership, rank: int) -> Membership | None:
        """The tier held before, if it did not rest on the same and has not ended meanwhile."""
        document = rulebook(self.op.session).tiers
        query = select(Membership).where(Membership.customer_id == current.customer_id, Membership.id < current.id)
        for one in self.op.session.scalars(query.order_by(Membership.id.desc())):
            lower = document.rank(one.tier)
            lasts = one.valid_until is None or self.op.day <= one.valid_until + timedelta(document.grace)
            if lower is None or lower < rank or not lasts or (one.since >= self.since and self._rested(after, one)):
                continue
            return one
        return None


def judged(op: Operation, customers: set[int], day: date, hindsight: date) -> dict[int, Judgement]:
    """What the rules say of these customers as of a day, by all that is known later of what was taken back.

    Tags and tiers are worked out anew: those of rules by the rules, and those by hand as they stand.
    """
    book = rulebook(op.session)
    frame = replace(frame_of(op.session, day, among(customers)), hindsight=hindsight)
    rows = op.session.execute(select(facts_of(frame, facts_in(book.conditions())))).mappings().all()
    by_hand = _by_hand(op, customers)
    return {row["customer_id"]: _judgement(book, dict(row), *by_hand.get(row["customer_id"], ((), ()))) for row in rows}


def _judgement(book: Rulebook, facts: dict[str, Any], on: Iterable[str], off: Iterable[str]) -> Judgement:
    every: list[Rule | DecisionRow] = [*book.rules(), *book.layer_rules()]
    known = {rule.id: rule for rule in every}
    tags, holding = set(on), set[str]()
    for name in (name for stratum in strata(book) for name in stratum):
        rule = known[name]
        if interpreter.holds(rule.when, facts | {"tag": tags}) and (not isinstance(rule, Rule) or rule.enabled):
            holding.add(name)
            own = rule.tags() if isinstance(rule, Rule) else [rule.tag]
            tags |= {*own} - {*off}
    facts["tag"] = tags
    document = book.tiers
    entered = document.rank(tier_for(document, facts).id)
    assert entered is not None
    keeps = {tier.id for tier in document.tiers if tier.keep is not None and interpreter.holds(tier.keep, facts)}
    return Judgement(facts, frozenset(holding), entered, frozenset(keeps))


def _by_hand(op: Operation, customers: set[int]) -> dict[int, tuple[set[str], set[str]]]:
    """The tags that hands put on, and those that they took off, of each customer."""
    query = (
        select(CustomerTag.customer_id, Tag.slug, CustomerTag.held)
        .join(Tag, Tag.id == CustomerTag.tag_id)
        .where(CustomerTag.customer_id.in_(customers), CustomerTag.until.is_(None), CustomerTag.by_hand)
    )
    decided: dict[int, tuple[set[str], set[str]]] = {}
    for customer, slug, is_on in op.session.execute(query):
        decided.setdefault(customer, (set(), set()))[0 if is_on else 1].add(slug)
    return decided


def day_of(occasion: str) -> date:
    """The day on which a rule raised an alert or a task; long ago for the occasions of others."""
    try:
        return date.fromisoformat(occasion.split(":")[1])
    except (IndexError, ValueError):
        return date.min


def _said(effects: Counter[EffectKind], closed: int) -> Iterable[str]:
    for kind, count in sorted(effects.items(), key=lambda pair: pair[0].value):
        yield str(_("withdrawn: %(kind)s × %(count)s", kind=kind.label, count=count))
    if closed:
        yield str(_("tasks and alerts closed: %(count)s", count=closed))
