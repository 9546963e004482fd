"""A whole rule in one sentence: when it holds, how long, and what it then does."""

from __future__ import annotations

from collections.abc import Iterator

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from rules.documents.rules import AlertEffect, CouponEffect, Effect, Given, Rule, WatchRule
from rules.language.facts import SUBJECT_WORDS, Subject, fact_named
from rules.language.reading import filled, places_in
from rules.language.sentences import Words, condition_said, fact_said, yuan_said

HAPPENING_WORDS: dict[str, LazyString] = {
    "visit": _l("comes"),
    "sale": _l("pays"),
    "card": _l("gets or uses a card"),
    "booking": _l("books"),
    "treatment": _l("is treated"),
    "reading": _l("is measured"),
    "contact": _l("is spoken to"),
}


def rule_said(rule: Rule | WatchRule, words: Words) -> str:
    """The rule in the reader's language."""
    said = _watch_said(rule, words) if isinstance(rule, WatchRule) else _customers_said(rule, words)
    return said if rule.enabled else " ".join([_("Resting."), said])


def _customers_said(rule: Rule, words: Words) -> str:
    said: str = _(
        "When %(condition)s: %(effects)s.",
        condition=condition_said(rule.when, words) + _held(rule),
        effects=_("; ").join(effect_said(effect, words) for effect in rule.then),
    )
    return " ".join([said, *_asked(rule), *_limited(rule)])


def _asked(rule: Rule) -> Iterator[str]:
    """When it is asked, where it has hours of its own."""
    if rule.evaluate is None:
        return
    if rule.evaluate.on:
        happenings = _(" or ").join(str(HAPPENING_WORDS[one]) for one in rule.evaluate.on)
        yield _(
            "Asked daily at %(hour)s, and at once of whoever %(happens)s.",
            hour=rule.evaluate.daily_at,
            happens=happenings,
        )
    else:
        yield _("Asked daily at %(hour)s.", hour=rule.evaluate.daily_at)
    if rule.evaluate.missed == "skip":
        yield _("An hour that was missed is left out.")


def _watch_said(rule: WatchRule, words: Words) -> str:
    said: str = _(
        "Of %(subject)s, when %(condition)s: %(effects)s.",
        subject=SUBJECT_WORDS[rule.subject],
        condition=condition_said(rule.when, words),
        effects=_("; ").join(_alert_said(effect.alert, words, rule.subject) for effect in rule.then),
    )
    return said


def _alert_said(alert: AlertEffect, words: Words, subject: Subject = Subject.CUSTOMER) -> str:
    who = words.roles.get(alert.to, alert.to)
    said: str = _("alert %(who)s: “%(text)s”", who=who, text=text_said(alert.text, words, subject))
    return said


def _limited(rule: Rule) -> Iterator[str]:
    """Each of its limits as a sentence."""
    if rule.most:
        yield _("At most %(n)s customers a run.", n=rule.most)
    if rule.quiet:
        yield _("No messages in the hours %(hours)s.", hours=rule.quiet)
    if (often := rule.per_customer) is not None:
        yield _("At most %(most)s messages to one customer in %(days)s days.", most=often.most, days=often.days)
    if rule.taken_back == "keep":
        yield _("What it gave is kept when the sale is taken back.")
    if rule.holdout:
        yield _("%(share)s%% of the customers are only tagged, to compare.", share=f"{rule.holdout / 10:g}")


def _held(rule: Rule) -> str:
    said = ""
    if rule.hold:
        said += _(", for %(n)s days at least", n=rule.hold)
    if rule.keep_for:
        said += _(", and %(n)s days on", n=rule.keep_for)
    return said


def effect_said(effect: Effect, words: Words) -> str:
    """One effect in the reader's language."""
    said: str = ""
    if effect.tag is not None:
        said = _("tag “%(tag)s”", tag=words.tags.get(effect.tag, effect.tag))
    elif effect.untag is not None:
        said = _("take off the tag “%(tag)s”", tag=words.tags.get(effect.untag, effect.untag))
    elif effect.tier is not None:
        said = _("give the tier %(tier)s", tier=words.tiers.get(effect.tier, effect.tier))
    elif effect.alert is not None:
        said = _alert_said(effect.alert, words)
    elif effect.task is not None:
        who = words.roles.get(effect.task.to, effect.task.to)
        said = _("task for %(who)s: “%(text)s”", who=who, text=text_said(effect.task.text, words))
    elif effect.field is not None:
        said = _("set the stage to %(stage)s", stage=effect.field.stage.label)
    elif effect.points is not None:
        said = _("give %(what)s points", what=_what(effect.points, words))
    elif effect.coupon is not None:
        said = _("give the coupon %(what)s", what=_what(effect.coupon, words))
    elif effect.gift is not None:
        worth = f" (¥{yuan_said(effect.gift.worth)})" if effect.gift.worth else ""
        said = _("give %(what)s", what=_what(effect.gift, words)) + worth
    elif effect.message is not None:
        said = _("message: “%(text)s”", text=_what(effect.message, words))
    return said


def _what(given: Given, words: Words) -> str:
    called = words.coupons if isinstance(given, CouponEffect) else {}
    if given.same is not None:
        return called.get(given.same, text_said(given.same, words))
    values = {tier: called.get(value, text_said(value, words)) for tier, value in given.tiers.items()}
    return str(_(", ")).join(
        str(_("%(tier)s: %(value)s", tier=words.tiers.get(tier, tier), value=value)) for tier, value in values.items()
    )


def text_said(template: str, words: Words, subject: Subject = Subject.CUSTOMER) -> str:
    """A text with its places by name: ``{days_since_visit}`` becomes ``[days since the last visit]``."""
    facts = {place: fact for place in places_in(template) if (fact := fact_named(place, subject)) is not None}
    names = {place: fact_said(fact, words) for place, fact in facts.items()}
    return filled(template, {place: f"[{label}]" for place, label in names.items()} | {"name": _("[name]")})
