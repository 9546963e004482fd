"""What the form of a rule offers to choose from: facts by shelf, tiers, tags, coupons, roles."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin_app.i18n import in_her_language
from admin_app.operations.registry import specs
from admin_app.rulebook import words_of
from models.customers import Stage
from models.standing import Severeness
from rules.book import Rulebook
from rules.language.facts import FAMILIES_OF, SUBJECT_WORDS, FactType, Family, Subject
from views.rule_form import GROUPS, KIND_WORDS, ONCE_WORDS, Leaf, Options


@dataclass(frozen=True)
class Choices:
    """The lists that the form offers."""

    facts: dict[Subject, list[tuple[str, Options]]]
    groups: Options
    kinds: Options
    roles: Options
    tiers: Options
    tags: Options
    coupons: Options
    parameters: Options
    festivals: Options
    once: Options
    severities: Options
    stages: Options
    operations: Options

    def slugs(self, leaf: Leaf) -> Options:
        """What the name in a fact may be."""
        return self.festivals if leaf.pattern == "days_to_{slug}" else self.parameters

    def of(self, leaf: Leaf) -> Options:
        """What a fact may be, where that is a closed list."""
        family = leaf.family
        if family is None:
            return []
        match family.type:
            case FactType.TIER:
                return self.tiers
            case FactType.TAG:
                return self.tags
            case FactType.ROLE:
                return self.roles
            case FactType.OPERATION:
                return self.operations
            case FactType.FLAG:
                return [("yes", _("Yes")), ("no", _("No"))]
            case FactType.CHOICE if family.choices is not None:
                return [(str(one), str(one.label)) for one in family.choices]
        return []


SHELVES: tuple[tuple[LazyString, tuple[str, ...]], ...] = (
    (_l("Customer"), ("customer", "membership", "tags", "birthday", "referrals", "dangers", "readings")),
    (_l("Visits and bookings"), ("visits", "bookings")),
    (_l("Money and sales"), ("payments", "sales", "services", "trial", "recharges")),
    (_l("Cards and balances"), ("cards", "balances", "debts")),
)


def choices(book: Rulebook, tags: Options, parameters: Options) -> Choices:
    """What there is to choose from now."""
    return Choices(
        facts={subject: _shelves(subject) for subject in Subject},
        groups=[(key, str(word)) for key, word in GROUPS.items()],
        kinds=[(key, str(word)) for key, word in KIND_WORDS.items()],
        roles=words_of("roles"),
        tiers=words_of("tiers"),
        tags=tags,
        coupons=[(one.id, one.name) for one in book.campaigns.coupons],
        parameters=parameters,
        festivals=[(one.id, in_her_language(one.name, one.name_en)) for one in book.festivals.festivals],
        once=[(key, str(word)) for key, word in ONCE_WORDS.items()],
        severities=[(str(one), str(one.label)) for one in Severeness],
        stages=[(str(one), str(one.label)) for one in Stage],
        operations=[(str(spec.name), str(spec.label)) for spec in specs()],
    )


def _shelves(subject: Subject) -> list[tuple[str, Options]]:
    """The facts of a subject, by shelf."""
    families = FAMILIES_OF[subject]
    if subject is not Subject.CUSTOMER:
        return [(str(SUBJECT_WORDS[subject]), _patterns(families))]
    return [(str(label), _patterns(one for one in families if one.source in sources)) for label, sources in SHELVES]


def _patterns(families: Iterable[Family]) -> Options:
    return [(one.pattern, str(one.label) % {"n": "N", "slug": "…"}) for one in families]
