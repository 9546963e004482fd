"""What stands beside a row of a condition: what kind of thing is asked, and what it looks like in this salon."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin_app.operations.kernel import business_day, now
from admin_app.typical import Typical, typical
from models.entity import db
from rules.language.facts import Fact, FactType, Subject
from rules.language.sentences import Words, value_said
from views.rule_form import Group, Leaf

TYPE_WORDS: dict[FactType, LazyString] = {
    FactType.MONEY: _l("An amount in yuan."),
    FactType.NUMBER: _l("A number."),
    FactType.DAYS: _l("A number of days."),
    FactType.PERCENT: _l("A percentage."),
    FactType.FLAG: _l("Yes or no."),
    FactType.CHOICE: _l("One of a list."),
    FactType.TIER: _l("A tier."),
    FactType.TAG: _l("A tag."),
    FactType.ROLE: _l("A role."),
    FactType.OPERATION: _l("An operation."),
}


def examples(groups: Iterable[Group], known: Words) -> dict[str, str]:
    """For each row of these conditions, by its path: its type, and what is usual among the customers."""
    rows = [(leaf, fact) for group in groups for leaf in leaves(group) if (fact := leaf.fact) is not None]
    hers = [fact for _leaf, fact in rows if fact.family.subject is Subject.CUSTOMER]
    usual = typical(db.session(), hers, business_day(now()))
    return {leaf.path: _said(fact, usual.get(fact.name), known) for leaf, fact in rows}


def leaves(group: Group) -> Iterator[Leaf]:
    """The rows of a group and of those within it."""
    for part in group.parts:
        if isinstance(part, Leaf):
            yield part
        else:
            yield from leaves(part)


def _said(fact: Fact, usual: Typical | None, known: Words) -> str:
    said = str(TYPE_WORDS[fact.type])
    if usual is None:
        return said
    middle = value_said(fact, usual.middle, known)
    if usual.low is None or usual.high is None:
        return said + " " + _("Most usual here: %(value)s.", value=middle)
    values = {"low": value_said(fact, usual.low, known), "high": value_said(fact, usual.high, known)}
    return said + " " + _("Usual here: %(middle)s; half lie from %(low)s to %(high)s.", middle=middle, **values)
