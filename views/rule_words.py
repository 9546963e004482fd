"""What rules gave and asked, in the reader's words: no short names and no keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import url_for
from flask_babel import gettext as _

from admin_app.i18n import in_her_language, join_clauses, join_words
from admin_app.operations.todo import OUTCOMES
from admin_app.rulebook import rulebook, words_of
from admin_app.titles import titles_by
from admin_app.values import said_in_every_language
from models.entity import entity_named
from models.rulebook import EffectKind, RuleEffect
from models.standing import Alert
from rules.decisions.access import MASK, Access
from rules.documents.roles import Action
from rules.language.facts import fact_named
from rules.language.sentences import Words, fact_said, value_said


def effect_said(effect: RuleEffect) -> str:
    """What a rule gave: a coupon by its name, points by their number."""
    if effect.kind is EffectKind.POINTS:
        return f"{effect.amount:,} {EffectKind.POINTS.label}"
    if effect.kind is EffectKind.COUPON:
        coupons = {one.id: in_her_language(one.name, one.name_en) for one in rulebook().campaigns.coupons}
        return coupons.get(effect.what, _("a coupon that is no longer offered"))
    return effect.what


def evidence_said(evidence: Mapping[str, Any], words: Words) -> str:
    """The values by which a rule decided: «paid in 365 days ¥8,000; visits in 365 days 3»."""
    parts: list[str] = []
    if evidence.get("taken_back"):
        parts.append(_("a sale was taken back"))
    if "brought_over" in evidence:
        tier = str(evidence["brought_over"])
        parts.append(_("brought over: %(what)s", what=words.tiers.get(tier, tier)))
    if (rule := evidence.get("rule")) is not None:
        parts.append(_("by the rule %(rule)s", rule=dict(words_of("rules")).get(rule, rule)))
    comparisons = {item["fact"]: item["value"] for item in evidence.get("because", ())}
    return join_clauses([*parts, *(_value_said(name, value, words) for name, value in comparisons.items())])


def _value_said(name: str, value: Any, words: Words) -> str:
    fact = fact_named(name)
    if fact is None:
        return _("something that rules no longer ask for")
    label = fact_said(fact, words)
    if value is None or value == []:
        return f"{label} –"
    values = value if isinstance(value, list) else [value]
    return f"{label} " + join_words(value_said(fact, one, words) for one in values)


def outcome_said(outcome: str) -> str:
    """What came of an alert or a task: the house's own sentences in the reader's language, others as written."""
    own = (sentence for sentence in OUTCOMES if outcome in said_in_every_language(sentence))
    return next((str(sentence) for sentence in own), outcome)


def subjects_of(alerts: Sequence[Alert], access: Access) -> dict[int, tuple[str, str]]:
    """What each alert is about, with the address of its page where she may open it."""
    wanted: dict[str, set[int]] = {}
    for alert in alerts:
        if alert.about is not None and alert.about_id is not None and alert.about != "operation":
            wanted.setdefault(alert.about, set()).add(alert.about_id)
    titles = titles_by(wanted, access)
    return {alert.id: _subject(alert, access, titles) for alert in alerts}


def _subject(alert: Alert, access: Access, titles: Mapping[tuple[str, int], str]) -> tuple[str, str]:
    if alert.about is None or alert.about_id is None:
        return "", ""
    if alert.about == "operation":
        opens = access.opens("log")
        return f"#{alert.about_id}", url_for("log.entry", number=alert.about_id) if opens else ""
    entity = entity_named(alert.about)
    title = titles[alert.about, alert.about_id]
    opens = title != MASK and entity.screen is not None and access.may(Action.VIEW, entity)
    return f"{entity.label} {title}", url_for(f"{alert.about}.details_view", id=alert.about_id) if opens else ""
