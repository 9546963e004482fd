"""Tags as rules set them: a decision by hand is passed over, and of an exclusive group there is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from sqlalchemy import insert, select, update

from admin_app.operations.kernel import Operation
from admin_app.rulebook import rulebook
from models.entity import table_of
from models.rulebook import RuleMatch, RuleSlot
from models.standing import CustomerTag, Tag

Found = list[tuple[str, dict[str, Any]]]
"""Rule ids with the row of facts by which they were gained or lost."""

BATCH = 500


class Tags(NamedTuple):
    """The tags (slugs) of a rule: those it set when it was last evaluated, and those it sets now."""

    before: set[str]
    now: set[str]


def set_tags(op: Operation, tags: Mapping[str, Tags], gained: Found, lost: Found, kept: Found) -> None:
    """Take the tags of lost rules off, put those of gained rules on, and change them for whoever has kept a rule."""
    slugs = {slug for one in tags.values() for slug in one.before | one.now}
    known = {tag.slug: tag for tag in op.session.scalars(select(Tag).where(Tag.slug.in_(slugs)))}
    off = {(facts["customer_id"], slug) for rule, facts in lost for slug in tags[rule].before | tags[rule].now}
    on = {(facts["customer_id"], slug) for rule, facts in gained for slug in tags[rule].now}
    off |= {(facts["customer_id"], slug) for rule, facts in kept for slug in tags[rule].before - tags[rule].now}
    on |= {(facts["customer_id"], slug) for rule, facts in kept for slug in tags[rule].now - tags[rule].before}
    current = _current(op, {customer for customer, _ in off | on})
    off -= on | _still_set(op, off)
    ended = [
        current[c, known[s].id] for c, s in off if (c, known[s].id) in current and not current[c, known[s].id].by_hand
    ]
    _end(op, [row.id for row in ended])
    pinned = {(row.customer_id, row.tag_id) for row in current.values() if row.by_hand and row.held}
    fresh = [
        {"customer_id": customer, "tag_id": known[slug].id, "held": True, "by_hand": False, "since": op.at}
        for customer, slug in sorted(on)
        if (customer, known[slug].id) not in current and not _group_taken(op, known[slug], customer, pinned)
    ]
    if fresh:
        op.session.execute(insert(table_of(CustomerTag)), fresh)


def _current(op: Operation, customers: set[int]) -> dict[tuple[int, int], CustomerTag]:
    found: dict[tuple[int, int], CustomerTag] = {}
    ids = sorted(customers)
    for start in range(0, len(ids), BATCH):
        query = select(CustomerTag).where(
            CustomerTag.customer_id.in_(ids[start : start + BATCH]), CustomerTag.until.is_(None)
        )
        found |= {(row.customer_id, row.tag_id): row for row in op.session.scalars(query)}
    return found


def take_off(op: Operation, off: set[tuple[int, str]]) -> None:
    """End these tags (customer, slug) unless a hand put them on."""
    if not off:
        return
    known = dict(op.session.execute(select(Tag.slug, Tag.id).where(Tag.slug.in_({slug for _, slug in off}))).all())
    current = _current(op, {customer for customer, _ in off})
    wanted = {(customer, known[slug]) for customer, slug in off if slug in known}
    _end(op, [row.id for pair, row in current.items() if pair in wanted and not row.by_hand])


def _end(op: Operation, ids: list[int]) -> None:
    for start in range(0, len(ids), BATCH):
        part = CustomerTag.id.in_(ids[start : start + BATCH])
        op.session.execute(update(CustomerTag).where(part).values(until=op.at, version=CustomerTag.version + 1))


def _still_set(op: Operation, off: set[tuple[int, str]]) -> set[tuple[int, str]]:
    """Of tags about to go, those that another rule still sets."""
    if not off:
        return set()
    setters = setters_of(op, {slug for _, slug in off})
    matches = select(RuleMatch.customer_id, RuleMatch.rule).where(
        RuleMatch.until.is_(None),
        RuleMatch.rule.in_({rule for rules in setters.values() for rule in rules}),
        RuleMatch.customer_id.in_({customer for customer, _ in off}),
    )
    holding = set(op.session.execute(matches).all())
    return {(customer, slug) for customer, slug in off if any((customer, rule) in holding for rule in setters[slug])}


def setters_of(op: Operation, slugs: set[str]) -> dict[str, set[str]]:
    """The rules in force that set each tag."""
    book = rulebook(op.session)
    found: dict[str, set[str]] = {slug: set() for slug in slugs}
    for rule in book.rules():
        for effect in rule.then:
            if effect.tag in found:
                found[effect.tag].add(rule.id)
    for row in book.layer_rules():
        if row.tag in found:
            found[row.tag].add(row.id)
    if book.aside:
        for slot in op.session.scalars(select(RuleSlot)):
            for slug in found.keys() & (slot.tags or []) if book.is_aside(slot.rule) else ():
                found[slug].add(slot.rule)
    return found


def _group_taken(op: Operation, tag: Tag, customer: int, pinned: set[tuple[int, int]]) -> bool:
    """Whether she has another tag of an exclusive group by hand."""
    if not tag.exclusive or not pinned:
        return False
    others = set(op.session.scalars(select(Tag.id).where(Tag.group == tag.group, Tag.id != tag.id)))
    return any((customer, other) in pinned for other in others)


def put_on(op: Operation, tag: Tag, customers: list[int]) -> bool:
    """Put a tag on, by rules, whoever lacks it; whether anybody got it. A decision by hand in its group stands."""
    current = _current(op, set(customers))
    pinned = {(row.customer_id, row.tag_id) for row in current.values() if row.by_hand and row.held}
    values = {"tag_id": tag.id, "held": True, "by_hand": False, "since": op.at}
    lacking = [who for who in customers if (who, tag.id) not in current and not _group_taken(op, tag, who, pinned)]
    if lacking:
        op.session.execute(insert(table_of(CustomerTag)), [{"customer_id": who, **values} for who in lacking])
    return bool(lacking)


def hold_by_rules(op: Operation, tag: Tag, customers: list[int]) -> None:
    """Put on what rules hold of a tag, or of its exclusive group, now that the decision by hand is gone."""
    group = select(Tag).where(Tag.group == tag.group) if tag.exclusive else select(Tag).where(Tag.id == tag.id)
    for one in op.session.scalars(group).all():
        rules = setters_of(op, {one.slug})[one.slug]
        decided = select(CustomerTag.customer_id).where(CustomerTag.tag_id == one.id, CustomerTag.until.is_(None))
        matches = select(RuleMatch.customer_id).where(
            RuleMatch.until.is_(None),
            RuleMatch.rule.in_(rules),
            RuleMatch.customer_id.in_(customers),
            RuleMatch.customer_id.not_in(decided),
        )
        put_on(op, one, sorted(set(op.session.scalars(matches))))
