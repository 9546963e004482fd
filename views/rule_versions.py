"""Versions of rule documents: what one would change on the real salon, put in force, rolled back."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask, abort, flash, redirect, render_template, request, url_for
from flask_babel import format_date
from flask_babel import gettext as _
from sqlalchemy import func, select

from admin_app.i18n import in_her_language
from admin_app.operations.kernel import business_day, now
from admin_app.operations.refusals import Missing, Refused
from admin_app.operations.rules import is_own
from admin_app.rule_files import write_back
from admin_app.rule_trials import Preview, preview, words
from admin_app.rulebook import in_force, refresh, rulebook, words_of
from admin_app.scheduler import run_now
from admin_app.tier_trials import Later, TierTrial, try_tiers
from admin_app.titles import titles_by
from models.customers import Customer
from models.entity import db
from models.names import Name
from models.rulebook import RuleActivation, RuleMatch, RuleVersion
from rules.book import DOCUMENTS, Rulebook
from rules.documents.rules import Rule, RulesDocument, WatchRule
from rules.documents.said import rule_said
from rules.documents.tiers import TiersDocument
from rules.evaluation.trial import failing_tests
from rules.language.faults import Fault
from rules.language.reading import read_document
from rules.language.sentences import Words
from views.person import access, actor, do, form_key, refuse, renew_form_key
from views.rule_studio import ensure_opened, faults_of, label_of, people_in
from views.unsent import is_redisplay

AT_ONCE = 20_000
"""Up to so many customers a changed rule is evaluated while she waits; beyond that within minutes."""


def register(app: Flask) -> None:
    app.add_url_rule("/rules/<document>/versions", "rules.versions", versions_page)
    app.add_url_rule("/rules/version/<int:number>", "rules.version", version_page, methods=["GET", "POST"])


def versions_page(document: str) -> Any:
    """Every version of a document, the newest first: who, when, why; which is in force."""
    ensure_opened()
    if document not in DOCUMENTS:
        abort(404)
    query = select(RuleVersion).where(RuleVersion.document == document).order_by(RuleVersion.number.desc()).limit(200)
    versions = list(db.session.scalars(query))
    activated = select(RuleActivation.rule_version_id, func.max(RuleActivation.at)).where(
        RuleActivation.document == document
    )
    standing = {version.id for version, _id in in_force(db.session())}
    return render_template(
        "rules_versions.html",
        document=document,
        label=label_of(document),
        versions=versions,
        standing=standing,
        activated=dict(db.session.execute(activated.group_by(RuleActivation.rule_version_id)).all()),
    )


@dataclass(frozen=True)
class Changed:
    """A rule that a version changes: its sentence before and after, and whom that finds."""

    name: str
    before: str
    after: str
    shown: Preview | None


def version_page(number: int) -> Any:
    """What a version would change, on the real salon; from here it is put in force."""
    ensure_opened()
    version = db.session.get(RuleVersion, number)
    if version is None:
        raise refuse(Missing, "rules")
    if request.method == "GET":
        return _version_page(_compared(version))
    compared = _compared(version)
    if is_redisplay():
        return _version_page(compared, many=compared.moves if compared.moves > MANY else 0), 422
    if not request.form.get("sure") and compared.moves > MANY:
        many = compared.moves
        fault = _("This changes something for %(count)s customers: say that you are sure.", count=f"{many:,}")
        return _version_page(compared, fault, many), 422
    document, what = version.document, version.number
    try:
        do(Name.ACTIVATE_VERSION, _activation(number))
    except Refused as refusal:
        renew_form_key()
        return _version_page(_compared(db.session.get_one(RuleVersion, number)), str(refusal)), 422
    return _activated(document, what)


MANY = 200
"""So many customers may gain or lose a rule at once before it is asked whether that is meant."""


@dataclass(frozen=True)
class Compared:
    """A version beside the one in force: what is wrong with it, which rules it changes, which of its tests fail."""

    version: RuleVersion
    standing: RuleVersion | None
    faults: list[Fault]
    changed: list[Changed]
    failed: list[Fault]
    tiers: TierTrial | None = None

    @property
    def before(self) -> str:
        return "" if self.standing is None else self.standing.text

    @property
    def moves(self) -> int:
        """For how many customers something changes, rule by rule."""
        tiers = 0 if self.tiers is None else self.tiers.moved
        return tiers + sum(one.shown.moves for one in self.changed if one.shown is not None)


def _compared(version: RuleVersion) -> Compared:
    standing = next((one for one, _id in in_force(db.session()) if one.document == version.document), None)
    faults = faults_of(version.document, version.text)
    changed, failed = ([], []) if faults else _what_changes(version, "" if standing is None else standing.text)
    return Compared(version, standing, faults, changed, failed, None if faults else _tiers(version))


def _tiers(version: RuleVersion) -> TierTrial | None:
    if version.document != "tiers":
        return None
    draft, hers = read_document(TiersDocument, version.text, ""), access().rows(Customer)
    return try_tiers(db.session(), draft, business_day(now()), rulebook().tiers, hers)


def _tier_lines(trial: TierTrial | None) -> dict[str, Any]:
    """The tiers by name, the highest first: how many hold each now and then; and who moves from where to where."""
    if trial is None:
        return {}
    names = dict(words_of("tiers")) | {None: _("no tier")}
    order = [tier.id for tier in rulebook().tiers.tiers]
    ids = sorted({*trial.now, *trial.then}, key=lambda one: order.index(one) if one in order else len(order))
    moves = [(names.get(old, old), names.get(new, new), many) for (old, new), many in trial.moves.items()]
    return {
        "stand": [(names.get(one, one), trial.now.get(one, 0), trial.then.get(one, 0)) for one in ids],
        "moves": sorted(moves, key=lambda move: -move[2]),
        "losing": _later_lines(trial.losing, names),
        "keeping": _later_lines(trial.keeping, names),
    }


def _later_lines(later: Later, names: Mapping[str | None, str]) -> dict[str, Any]:
    """Who falls, or stays, at the end of the tier held: how many, from which day on, and some of them by name."""
    people = titles_by({"customer": set(later.some)}, access())
    return {
        "many": sum(later.counts.values()),
        "first_on": format_date(later.first_on, "medium") if later.first_on else "",
        "moves": [(names.get(old, old), names.get(new, new), many) for (old, new), many in later.counts.items()],
        "some": [(one, people["customer", one]) for one in later.some],
    }


def _activation(number: int) -> dict[str, Any]:
    return {
        "version_id": number,
        "why": request.form.get("why", "")[:200],
        "password": request.form.get("password", ""),
    }


def _activated(document: str, number: int) -> Any:
    refresh()
    write_back()
    flash(_("Version %(number)s is in force.", number=number), "success")
    many = db.session.scalar(select(func.count()).select_from(Customer)) or 0
    if document in (*rulebook().rule_documents(), "tiers", "festivals") and many <= AT_ONCE:
        run_now("rules-changed")
    return redirect(url_for("rules"))


def _version_page(compared: Compared, fault: str = "", many: int = 0) -> str:
    version, standing = compared.version, compared.standing
    texts = compared.before.splitlines(), version.text.splitlines()
    lines = list(difflib.unified_diff(*texts, n=2, lineterm="", fromfile="", tofile=""))[2:]
    later = select(RuleActivation.id).where(
        RuleActivation.document == version.document, RuleActivation.at > version.made_at
    )
    return render_template(
        "rules_version.html",
        version=version,
        label=label_of(version.document),
        standing=standing,
        is_standing=standing is not None and standing.id == version.id,
        lines=lines,
        changed=compared.changed,
        tiers=_tier_lines(compared.tiers),
        faults=compared.faults,
        failed=compared.failed,
        moved=db.session.scalar(later.limit(1)) is not None and version.number > (standing.number if standing else 0),
        people=people_in(*(one.shown for one in compared.changed)),
        alone=is_own(db.session(), version, actor()),
        fault=fault,
        many=many,
        key=form_key(),
        may_activate=access().does(Name.ACTIVATE_VERSION),
    )


def _what_changes(version: RuleVersion, before: str) -> tuple[list[Changed], list[Fault]]:
    """The rules that differ, and the tests that fail."""
    fresh = read_document(DOCUMENTS[version.document], version.text, f"rules/{version.document}.yaml")
    book = rulebook().with_documents({version.document: fresh})
    if not isinstance(fresh, RulesDocument):
        return [], []
    old = read_document(DOCUMENTS[version.document], before, "") if before else None
    were = {rule.id: rule for rule in old.tested()} if isinstance(old, RulesDocument) else {}
    are = {rule.id: rule for rule in fresh.tested()}
    known = words(db.session(), book)
    _count, failed = failing_tests(book, are.keys())
    fresh_ones = [rule for name, rule in are.items() if not rule.says_the_same(were.get(name))]
    gone = [rule for name, rule in were.items() if name not in are]
    return [
        *(_changed(rule, were.get(rule.id), book, known) for rule in fresh_ones),
        *(Changed(in_her_language(one.name, one.name_en), rule_said(one, known), "", _without(one)) for one in gone),
    ], failed


def _without(rule: Rule | WatchRule) -> Preview | None:
    """What is so when a rule is taken out: all whom it finds now lose it."""
    if not isinstance(rule, Rule):
        return None
    held = (RuleMatch.rule == rule.id, RuleMatch.until.is_(None))
    losses = db.session.scalar(select(func.count()).select_from(RuleMatch).where(*held)) or 0
    return Preview(db.session.scalar(select(func.count()).select_from(Customer)) or 0, 0, 0, losses)


def _changed(rule: Rule | WatchRule, was: Rule | WatchRule | None, book: Rulebook, known: Words) -> Changed:
    shown = None
    if isinstance(rule, Rule):
        shown = preview(db.session(), rule, book, business_day(now()), access().rows(Customer))
    return Changed(
        in_her_language(rule.name, rule.name_en),
        "" if was is None else rule_said(was, known),
        rule_said(rule, known),
        shown,
    )
