"""All documents together: what one says of another is checked here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

from flask_babel import lazy_gettext as _l

from models.actor import command_actor
from models.entity import entities
from models.names import OPERATIONS, OWNER
from rules.documents.calls import CallsDocument
from rules.documents.festivals import FestivalsDocument
from rules.documents.roles import Role, RolesDocument, Sees
from rules.documents.rules import (
    AlertsDocument,
    CampaignsDocument,
    Layers,
    MessageEffect,
    Rule,
    RulesDocument,
    TagsDocument,
    WatchRule,
)
from rules.documents.security import SecurityDocument
from rules.documents.tiers import TiersDocument
from rules.documents.till import CommissionsDocument, PointsDocument, RechargeDocument, TillDocument
from rules.language.conditions import (
    Comparison,
    Condition,
    comparisons,
    implies,
    read_value_of,
)
from rules.language.facts import Fact, FactType, Source, Subject, fact_named, no_such_fact
from rules.language.faults import MOST_FAULTS, Fault, Faults, Place, unknown
from rules.language.reading import Document, places_in, read_document, wrong_place
from rules.order import DecisionRow, decision_rows, stage_that_returns, strata

DOCUMENTS: dict[str, type[Document]] = {
    "roles": RolesDocument,
    "tiers": TiersDocument,
    "tags": TagsDocument,
    "alerts": AlertsDocument,
    "calls": CallsDocument,
    "campaigns": CampaignsDocument,
    "recharge": RechargeDocument,
    "points": PointsDocument,
    "till": TillDocument,
    "commissions": CommissionsDocument,
    "festivals": FestivalsDocument,
    "security": SecurityDocument,
}

AT_THE_CONSOLE = command_actor("").role
"""The role of whoever types commands: no role of the rules, yet one that an operation may have been done by."""


class Own(NamedTuple):
    """What a salon has made itself and rules may name: tags, and what it measures (None: not known, not looked at)."""

    tags: frozenset[str] = frozenset()
    readings: frozenset[str] | None = None


NOTHING_OWN = Own()


class Aside(NamedTuple):
    """A rule that this release cannot read: nobody gains or loses it until it is mended."""

    id: str
    document: str
    faults: tuple[Fault, ...]


@dataclass(frozen=True, eq=False)
class Rulebook:
    """The documents in force, and what rules may name beside them; the same as no other book."""

    roles: RolesDocument
    tiers: TiersDocument
    tags: TagsDocument
    alerts: AlertsDocument
    calls: CallsDocument
    campaigns: CampaignsDocument
    recharge: RechargeDocument
    points: PointsDocument
    till: TillDocument
    commissions: CommissionsDocument
    festivals: FestivalsDocument
    security: SecurityDocument
    own: Own = NOTHING_OWN
    aside: tuple[Aside, ...] = ()

    def is_aside(self, name: str) -> bool:
        """Whether a rule, or the table that a row belongs to, is set aside."""
        return any(one.id == name.partition(":")[0] for one in self.aside)

    def rules(self) -> list[Rule]:
        return [rule for document in self.rule_documents().values() for rule in document.rules]

    def tested(self) -> list[Rule | WatchRule]:
        """Every rule that may have tests of its own: those about customers, and the others."""
        return [rule for document in self.rule_documents().values() for rule in document.tested()]

    def rule_documents(self) -> dict[str, RulesDocument]:
        """The documents that hold rules, by name."""
        return {"tags": self.tags, "alerts": self.alerts, "campaigns": self.campaigns}

    def document_of(self, rule_id: str) -> str:
        """The document that a rule (or a row of a decision table) stands in."""
        documents = self.rule_documents().items()
        return next((name for name, document in documents if any(r.id == rule_id for r in document.rules)), "tags")

    def layer_rules(self) -> list[DecisionRow]:
        return [row for layers in self.tags.layers for row in decision_rows(layers)]

    def with_documents(self, documents: Mapping[str, Document]) -> Rulebook:
        """The same book with some of its documents exchanged.

        :raises Faults: what does not fit together now, and did before.
        """
        left = tuple(one for one in self.aside if one.document not in documents)
        book = replace(self, aside=left, **documents)  # type: ignore[arg-type]  # each name has its model in DOCUMENTS
        before = {(fault.place, str(fault.message)) for fault in self.faults()}
        fresh = (fault for fault in book.each_fault() if (fault.place, str(fault.message)) not in before)
        if faults := list(islice(fresh, MOST_FAULTS)):
            raise Faults(faults)
        return book

    def faults(self) -> list[Fault]:
        """What does not fit together."""
        return list(self.each_fault())

    def each_fault(self) -> Iterator[Fault]:
        """The same, found out one by one."""
        for found in (
            _twice(self.roles.roles),
            _twice(self.tiers.tiers),
            _twice(self.tags.tags),
            _twice(self.campaigns.coupons),
            _twice(self.festivals.festivals),
            _twice([*self.tested(), *self.tags.layers]),
            self._roles(),
            self._tiers(),
            self._tags(),
            self._effects(),
            self._watch(),
            self._giving(),
            self._names(),
            self._tests(),
            self._cycles(),
            self._stages(),
            self.calls.misfits(),
            self.recharge.misfits(),
            self.campaigns.misfits(),
            self._prices(),
        ):
            yield from found

    def _roles(self) -> Iterator[Fault]:
        known = _named(self.roles.roles)
        if OWNER not in known:
            yield Fault(self.roles.place, _l("There must be a role called %(name)s.", name=OWNER))
        for role in self.roles.roles:
            yield from _role_faults(role, known)
        asked = [one for rule in self.rules() for effect in rule.then if (one := effect.alert or effect.task)]
        for place, to in [
            (self.tiers.place, self.tiers.notice_to),
            *((one.place, one.to) for one in asked),
            *((effect.alert.place, effect.alert.to) for rule in self.alerts.watch for effect in rule.then),
        ]:
            if to not in known:
                yield Fault(place, unknown(to, known, _l("role")))

    def _giving(self) -> Iterator[Fault]:
        """Rules that hold out, or give by cards, where there is nothing of the kind."""
        for rule in self.rules():
            if rule.holdout and rule.limits is not None and not rule.given():
                message = _l(
                    "holdout compares what customers are given: this rule gives no points, coupon, gift or message."
                )
                yield Fault(rule.limits.place, message)
            asks_for_cards = any(leaf.fact.source is Source.CARDS for leaf in comparisons(rule.when))
            for _place, one in rule.given():
                if one.once_per == "card" and not asks_for_cards:
                    message = _l("once_per: card needs a condition on the cards, such as fewest_sessions_left.")
                    yield Fault(one.place, message)

    def _effects(self) -> Iterator[Fault]:
        """Tiers and coupons that effects name; a rule never gives what is not there."""
        tiers, coupons = _named(self.tiers.tiers), _named(self.campaigns.coupons)
        for effect in (effect for rule in self.rules() for effect in rule.then):
            given = effect.given
            for tier in [*([effect.tier] if effect.tier else []), *(given.tiers if given else ())]:
                if tier not in tiers:
                    yield Fault(effect.place, unknown(tier, tiers, _l("tier")))
            for template in effect.coupon.all_values() if effect.coupon else ():
                if template not in coupons:
                    yield Fault(effect.place, unknown(template, coupons, _l("coupon")))
            if effect.message is not None and effect.message.by is not None:
                yield from self._texts(effect.message)

    def _watch(self) -> Iterator[Fault]:
        """Roles that rules about staff, products and operations name, and the places of their texts."""
        roles, names = {role.id: role for role in self.roles.roles}, _named(self.roles.roles)
        for rule in self.alerts.watch:
            for leaf in comparisons(rule.when):
                if leaf.fact.type is FactType.ROLE and leaf.place is not None:
                    yield from (
                        Fault(leaf.place, unknown(str(one), names, _l("role")))
                        for one in leaf.values
                        if one not in (*roles, AT_THE_CONSOLE)
                    )
            for alert in (effect.alert for effect in rule.then):
                if alert.to in roles and roles[alert.to].sees not in (Sees.ALL, Sees.STORE):
                    message = _l("%(role)s sees customers of their own only, and would not see this.", role=alert.to)
                    yield Fault(alert.place, message)
                for text in alert.texts:
                    if (wrong := wrong_place(text, rule.subject)) is not None:
                        yield Fault(alert.place, wrong)

    def _texts(self, message: MessageEffect) -> Iterator[Fault]:
        for text in message.tiers.values():
            if (wrong := wrong_place(text)) is not None:
                yield Fault(message.place, wrong)

    def _tiers(self) -> Iterator[Fault]:
        *upper, last = self.tiers.tiers
        if last.enter is not None:
            yield Fault(last.place, _l("The last tier is for everybody: take out enter, or some would have none."))
        for tier in upper:
            if tier.enter is None:
                yield Fault(
                    tier.place, _l("Without enter this tier takes everybody, and those below are never reached.")
                )
        for place, below in enumerate(upper):
            for above in upper[:place]:
                if below.enter is not None and above.enter is not None and implies(below.enter, above.enter):
                    message = _l(
                        "This tier is never reached: whoever fulfils it fulfils %(above)s too.", above=above.name
                    )
                    yield Fault(below.place, message)
                    break
        known = _named(self.tiers.tiers)
        for leaf in self._leaves():
            if leaf.fact.type is FactType.TIER and leaf.place is not None:
                for value in leaf.values:
                    if value not in known:
                        yield Fault(leaf.place, unknown(str(value), known, _l("tier")))

    def _prices(self) -> Iterator[Fault]:
        """Tiers that pay less than the lowest price: mostly what is taken off in place of what is left."""
        floor = self.till.floor
        for tier in self.tiers.tiers:
            for key, share in (("services", tier.services), ("products", tier.products)):
                if share >= floor:
                    continue
                said = _l(
                    "%(key)s is the share that is paid: %(share)s%% is below the lowest price, %(floor)s%% (floor in"
                    " till.yaml).",
                    key=key,
                    share=f"{share / 10:g}",
                    floor=f"{floor / 10:g}",
                )
                left = f"{(1000 - share) / 10:g}%"
                off = _l("%(said)s For %(share)s%% off write %(left)s.", said=said, share=f"{share / 10:g}", left=left)
                yield Fault(tier.place, off if 1000 - share >= floor else said)

    def _names(self) -> Iterator[Fault]:
        """The names of festivals and readings in the facts of conditions and texts."""
        for leaf in self._leaves():
            if leaf.place is not None:
                yield from self._named_in(leaf.fact, leaf.place)
        for effect in (effect for rule in self.rules() for effect in rule.then):
            for place in (place for text in effect.texts for place in places_in(text)):
                if (fact := fact_named(place)) is not None:
                    yield from self._named_in(fact, effect.place)

    def _named_in(self, fact: Fact, place: Place) -> Iterator[Fault]:
        """The festival or the reading whose name a fact carries."""
        known = _named(self.festivals.festivals)
        if fact.festival is not None and fact.festival not in known:
            yield Fault(place, unknown(fact.festival, known, _l("festival")))
        readings = self.own.readings
        if readings is not None and fact.reading is not None and fact.reading not in readings:
            yield Fault(place, unknown(fact.reading, sorted(readings), _l("reading")))

    def _leaves(self) -> Iterator[Comparison]:
        for condition in self.conditions():
            yield from comparisons(condition)

    def conditions(self) -> Iterator[Condition]:
        """Every condition that decides something of a customer: those of rules, layers and tiers."""
        for rule in self.rules():
            yield rule.when
        for layers in self.tags.layers:
            yield from (row.when for row in layers.first_match if row.when is not None)
        yield from self.tiers.conditions()

    def _known_tags(self) -> dict[str, tuple[str, ...]]:
        return dict.fromkeys(self.own.tags, ()) | _named(self.tags.tags)

    def _tags(self) -> Iterator[Fault]:
        known = self._known_tags()
        layered = {row.tag: layers for layers in self.tags.layers for row in layers.first_match}
        for leaf in self._leaves():
            if leaf.fact.type is FactType.TAG and leaf.place is not None:
                for slug in leaf.values:
                    if slug not in known:
                        yield Fault(leaf.place, unknown(str(slug), known, _l("tag")))
        for rule in self.rules():
            for effect in rule.then:
                named = effect.tag or effect.untag
                if named is not None and named not in known:
                    yield Fault(effect.place, unknown(named, known, _l("tag")))
                if named in layered:
                    message = _l(
                        "%(tag)s is set by the table %(table)s alone, or somebody could have two of its tags.",
                        tag=named,
                        table=layered[named].id,
                    )
                    yield Fault(effect.place, message)
        for layers in self.tags.layers:
            yield from self._layers(layers, known)

    def _layers(self, layers: Layers, known: Mapping[str, tuple[str, ...]]) -> Iterator[Fault]:
        *upper, last = layers.first_match
        seen: set[str] = set()
        for row in layers.first_match:
            if row.tag not in known:
                yield Fault(row.place, unknown(row.tag, known, _l("tag")))
            if row.tag in seen:
                yield Fault(row.place, _l("There are two rows for %(name)s; join them with any.", name=row.tag))
            seen.add(row.tag)
        if last.when is not None:
            yield Fault(last.place, _l("The last row takes the rest: take out when, or some would have no layer."))
        for row in upper:
            if row.when is None:
                yield Fault(row.place, _l("Without when this row takes everybody, and those below are never reached."))

    def _tests(self) -> Iterator[Fault]:
        for rule in self.tested():
            for test in rule.tests:
                for name, written in test.given.items():
                    yield from self._given(name, written, test.place, rule.subject)

    def _given(self, name: str, written: object, place: Place, subject: Subject) -> Iterator[Fault]:
        fact = fact_named(name, subject)
        if fact is None:
            yield Fault(place, no_such_fact(name, subject))
            return
        yield from self._named_in(fact, place)
        for word in written if isinstance(written, list) else [written]:
            try:
                value = read_value_of(fact, str(word))
            except Faults as error:
                yield from (Fault(place, fault.message) for fault in error.faults)
                continue
            if fact.type is FactType.TAG and value not in self._known_tags():
                yield Fault(place, unknown(str(value), self._known_tags(), _l("tag")))
            if fact.type is FactType.TIER and self.tiers.rank(str(value)) is None:
                yield Fault(place, unknown(str(value), _named(self.tiers.tiers), _l("tier")))

    def _stages(self) -> Iterator[Fault]:
        """Rules that would move a customer's stage round and round, each asking for what another writes."""
        if (round_about := stage_that_returns(self.rules())) is not None:
            stage, place = round_about
            message = _l("Rules would move a customer on from %(stage)s and back, run after run.", stage=stage)
            yield Fault(place, message)

    def _cycles(self) -> Iterator[Fault]:
        try:
            strata(self)
        except Faults as error:
            yield from error.faults


def _named(parts: Iterable[Any]) -> dict[str, tuple[str, ...]]:
    """Short names with what people call it, which may have been written in their stead."""
    return {part.id: (part.name, part.name_en) for part in parts}


def _role_faults(role: Role, roles: Iterable[str]) -> Iterator[Fault]:
    """A misspelt name would allow or show what should be refused or hidden."""
    tables = {entity.named(): entity for entity in entities()}
    for entity in role.may:
        if entity != "*" and entity not in tables:
            yield Fault(role.place, unknown(entity, tables, _l("entity")))
    for operation in role.does:
        if operation != "*" and operation not in OPERATIONS:
            yield Fault(role.place, unknown(operation, OPERATIONS, _l("operation")))
    for other in role.hears:
        if other != "*" and other not in roles:
            yield Fault(role.place, unknown(other, roles, _l("role")))
    fields = [f"{name}.{field}" for name, entity in tables.items() for field in entity.fields()]
    for named in (*role.masked, *role.hidden, *role.read_only):
        if named not in fields:
            yield Fault(role.place, unknown(named, fields, _l("field")))


def _twice(parts: Iterable[object]) -> Iterator[Fault]:
    seen: set[str] = set()
    for part in parts:
        name: str = part.id  # type: ignore[attr-defined]  # every part listed here has one
        if name in seen:
            yield Fault(part.place, _l("There are two called %(name)s.", name=name))  # type: ignore[attr-defined]
        seen.add(name)


def read_documents(
    read: Callable[[str], str], label: Callable[[str], str] = "rules/{}.yaml".format
) -> dict[str, Document]:
    """Every document by itself; ``read`` gives its text by its name, ``label`` how faults name its file.

    :raises Faults: those of every document, never of the first only.
    """
    documents: dict[str, Document] = {}
    faults: list[Fault] = []
    for name, model in DOCUMENTS.items():
        try:
            documents[name] = read_document(model, read(name), label(name))
        except Faults as error:
            faults.extend(error.faults)
    if faults:
        raise Faults(faults)
    return documents


def read_book(
    read: Callable[[str], str],
    label: Callable[[str], str] = "rules/{}.yaml".format,
    own: Own = NOTHING_OWN,
) -> Rulebook:
    """The whole book, whose documents fit together.

    :raises Faults: everything that is wrong with any of them, or between them.
    """
    book = Rulebook(**read_documents(read, label), own=own)  # type: ignore[arg-type]  # see DOCUMENTS
    if found := book.faults():
        raise Faults(found)
    return book
