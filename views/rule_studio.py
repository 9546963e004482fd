"""The rule studio: every rule in words and whom it finds; changed as a form or as YAML, looked at, activated."""

from __future__ import annotations

import difflib
import re
import secrets
from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace
from typing import Any

from flask import Flask, abort, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from pypinyin import lazy_pinyin
from sqlalchemy import func, select

from admin_app.i18n import in_her_language
from admin_app.operations.kernel import business_day, now
from admin_app.operations.refusals import Forbidden, Missing, Refused
from admin_app.operations.rules import SECOND_PERSON
from admin_app.rule_files import write_back
from admin_app.rule_trials import Preview, explain, preview, words
from admin_app.rulebook import in_force, refresh, rulebook, words_of
from admin_app.scheduler import run_now
from admin_app.titles import titles_by
from admin_app.values import whole_number
from models.assessments import AssessmentParameter
from models.customers import Customer
from models.entity import db
from models.names import Name
from models.rulebook import RuleActivation, RuleMatch, RuleVersion
from models.standing import Tag
from rules.book import DOCUMENTS, Rulebook
from rules.documents.rules import Rule, RulesDocument
from rules.documents.said import rule_said
from rules.evaluation.boundaries import boundary_cases
from rules.evaluation.trial import failing_tests
from rules.language.faults import Fault, Faults
from rules.language.nodes import Mapping, Node, Sequence, read_nodes
from rules.language.reading import read_document
from rules.language.sentences import value_said
from rules.language.writing import emit, plain_of, with_item
from views.navigation import list_address
from views.person import access, actor, do, refuse
from views.rule_form import (
    Before,
    Leaf,
    Options,
    RuleForm,
    change,
    choices,
    field_of,
    form_of,
    plain_rule,
    read_form,
    row_of,
)

AT_ONCE = 20_000
"""Up to so many customers a changed rule is evaluated while she waits; beyond that within minutes."""
NEW_TAG = "+"
"""What the form says for a tag that is to be made with the rule, by its name."""


def register(app: Flask) -> None:
    app.add_url_rule("/rules", "rules", rules_page)
    app.add_url_rule("/rules/<document>/rule", "rules.rule", rule_page, methods=["GET", "POST"])
    app.add_url_rule("/rules/<document>/yaml", "rules.yaml", yaml_page, methods=["GET", "POST"])
    app.add_url_rule("/rules/<document>/check", "rules.check", check_text, methods=["POST"])
    app.add_url_rule("/rules/<document>/versions", "rules.versions", versions_page)
    app.add_url_rule("/rules/version/<int:number>", "rules.version", version_page, methods=["GET", "POST"])
    app.add_url_rule("/why/<int:customer>", "why", why_page)


DOCUMENT_WORDS: dict[str, LazyString] = {
    "tags": _l("Tags and layers"),
    "alerts": _l("Alerts and tasks"),
    "campaigns": _l("Campaigns"),
    "tiers": _l("Tiers"),
    "points": _l("Points"),
    "recharge": _l("Recharge"),
    "till": _l("Till and bookings"),
    "commissions": _l("Commissions"),
    "roles": _l("Roles"),
}


@dataclass(frozen=True)
class Line:
    """One rule on the list."""

    rule: Rule
    name: str
    said: str
    members: int


@dataclass(frozen=True)
class Shelf:
    """One document with its rules, and the version in force."""

    document: str
    label: str
    version: RuleVersion
    lines: list[Line]
    drafts: int
    with_rules: bool


def _opened() -> None:
    if not access().opens("rules"):
        raise refuse(Forbidden, "rules")


def _may_edit() -> bool:
    return access().does(Name.DRAFT_RULES)


def rules_page() -> Any:
    """Every document with its rules in words."""
    _opened()
    session, book = db.session(), rulebook()
    known = words(session, book)
    members = dict(
        session.execute(
            select(RuleMatch.rule, func.count()).where(RuleMatch.until.is_(None)).group_by(RuleMatch.rule)
        ).all()
    )
    standing = {version.document: version for version, _id in in_force(session)}
    shelves = []
    for document, label in DOCUMENT_WORDS.items():
        rules = book.rule_documents()[document].rules if document in book.rule_documents() else []
        version = standing.get(document)
        if version is None:
            continue
        lines = [
            Line(rule, in_her_language(rule.name, rule.name_en), rule_said(rule, known), members.get(rule.id, 0))
            for rule in rules
        ]
        waiting = select(func.count()).where(RuleVersion.document == document, RuleVersion.number > version.number)
        drafts = session.scalar(waiting) or 0
        shelves.append(Shelf(document, str(label), version, lines, drafts, document in book.rule_documents()))
    return render_template("rules.html", shelves=shelves, may_edit=_may_edit(), list_address=list_address)


# ------------------------------------------------------------------------------------------------- one rule


def rule_page(document: str) -> Any:
    """``?id=dormant`` edits a rule, without it a new one is made; the YAML of the same stands beside the form."""
    _opened()
    if document not in rulebook().rule_documents():
        abort(404)
    if not _may_edit():
        raise refuse(Forbidden, "rules")
    text = _text_of(document)
    before = _plain_rules(text)
    rule_id = request.values.get("id", "")
    if rule_id and rule_id not in before:
        raise refuse(Missing, "rules")
    if request.method == "GET":
        return _rule_page(document, rule_id, _first_form(document, rule_id))
    form = read_form(request.form.to_dict(flat=False), rule_id)
    action = request.form.get("action", "refresh")
    if action not in ("look", "save"):
        change(form, action)
        return _rule_page(document, rule_id, form)
    form.id = rule_id or _fresh_id(form.text("name"), set(before))
    fresh = _composed(document, text, form)
    shown: Preview | None = None
    try:
        parsed = read_document(DOCUMENTS[document], fresh, f"rules/{document}.yaml")
        rulebook().with_documents({document: parsed})
    except Faults as faults:
        _place_faults(form, fresh, faults.faults)
        return _rule_page(document, rule_id, form), 422
    assert isinstance(parsed, RulesDocument)
    rule = next(one for one in parsed.rules if one.id == form.id)
    if action == "look":
        shown = preview(db.session(), rule.id, rule.when, business_day(now()), access().rows(Customer))
        return _rule_page(document, rule_id, form, rule, shown)
    try:
        made = do(Name.DRAFT_RULES, {"document": document, "text": fresh, "why": request.form.get("why", "")[:200]})
    except Refused as refusal:
        form.faults.setdefault("", []).append(str(refusal))
        return _rule_page(document, rule_id, form), 422
    return redirect(url_for("rules.version", number=made["id"]))


def _first_form(document: str, rule_id: str) -> RuleForm:
    if (before := _before(document, rule_id)) is not None:
        return before.form
    form = read_form({"when.0.fact": ["days_since_visit"], "when.0.op": ["at_least"], "existing_customers": [""]}, "")
    change(form, {"tags": "add-effect:tag", "alerts": "add-effect:task"}.get(document, "add-effect:coupon"))
    if document == "tags":
        form.then[0].values["value"] = NEW_TAG
    return form


def _rule_page(
    document: str, rule_id: str, form: RuleForm, rule: Rule | None = None, shown: Preview | None = None
) -> str:
    book, session = rulebook(), db.session()
    tags = [(tag.slug, in_her_language(tag.name, tag.name_en)) for tag in session.scalars(select(Tag).order_by(Tag.id))]
    parameters = session.execute(select(AssessmentParameter.slug, AssessmentParameter.name)).all()
    offered = choices(book, tags, [(slug, name) for slug, name in parameters])
    plain = plain_rule(form, _before(document, rule_id))
    return render_template(
        "rule.html",
        document=document,
        label=_label(document),
        rule_id=rule_id,
        form=form,
        offered=offered,
        yaml=emit([plain]),
        rule=rule,
        said=rule_said(rule, words(session, book)) if rule is not None else "",
        preview=shown,
        people=_people(shown),
        cases=boundary_cases(rule.when) if rule is not None else [],
        known=words(session, book),
        value_said=value_said,
        new_tag=NEW_TAG,
        unlisted=unlisted,
    )


def unlisted(leaf: Leaf, listed: Options) -> Options:
    """What a row asks for that is on no list (any more): shown by its short name, never lost."""
    return [(value, value) for value in leaf.values if value and value not in dict(listed)]


def _people(shown: Preview | None) -> dict[tuple[str, int], str]:
    if shown is None:
        return {}
    return titles_by({"customer": {*shown.gaining, *shown.losing}}, access())


def _text_of(document: str) -> str:
    version = next((version for version, _id in in_force(db.session()) if version.document == document), None)
    if version is None:
        abort(404)
    return version.text


def _plain_rules(text: str) -> dict[str, dict[str, Any]]:
    listed = read_nodes(text, "").get("rules")
    items = [plain_of(item) for item in listed.items] if isinstance(listed, Sequence) else []
    return {item["id"]: item for item in items}


def _fresh_id(name: str, taken: set[str]) -> str:
    """A short name made of the name's letters, or its pinyin."""
    letters = re.sub(r"[^a-z0-9]+", "-", "-".join(lazy_pinyin(name)).lower()).strip("-")[:32].strip("-")
    base = letters if re.match(r"[a-z]", letters) else f"rule-{letters}".strip("-")
    return next(one for n in range(1, 1_000) if (one := base if n == 1 else f"{base}-{n}") not in taken)


def _before(document: str, rule_id: str) -> Before | None:
    rules = rulebook().rule_documents()[document].rules
    rule = next((one for one in rules if one.id == rule_id), None)
    if rule is None:
        return None
    plain = _plain_rules(_text_of(document))[rule_id]
    return Before(plain, form_of(rule, plain))


def _composed(document: str, text: str, form: RuleForm) -> str:
    """The document's text with the rule of the form in it; a tag of the rule's own is declared where it is not yet."""
    form = replace(form, then=[replace(one, values=dict(one.values)) for one in form.then])
    for effect in form.then:
        if effect.kind == "tag" and effect.text("value") == NEW_TAG and document == "tags":
            effect.values["value"] = form.id
            text = with_item(text, "tags", None, {"id": form.id, "name": form.text("name"), "colour": "blue"})
    before = _before(document, form.id)
    return with_item(text, "rules", None if before is None else form.id, plain_rule(form, before))


def _place_faults(form: RuleForm, text: str, faults: Seq[Fault]) -> None:
    """Put each fault at the field it is about; those of no field stand above the form."""
    ways = {}
    with_faults = False
    try:
        listed = read_nodes(text, "").get("rules")
        own = next(one for one in listed.items if _id_of(one) == form.id) if isinstance(listed, Sequence) else None
        ways = dict(_ways(own, ())) if own is not None else {}
    except (Faults, StopIteration):
        with_faults = True
    for fault in faults:
        way = None if with_faults else ways.get((fault.place.line, fault.place.column))
        place = row_of(form.when, field_of(way)) if way else ""
        form.faults.setdefault(place, []).append(str(fault.message))


def _id_of(node: Node) -> str:
    return str(plain_of(node).get("id", "")) if isinstance(node, Mapping) else ""


def _ways(node: Node, way: tuple[str | int, ...]) -> list[tuple[tuple[int, int], tuple[str | int, ...]]]:
    """Each place of a node with the way to it; the outermost way of a place comes last, and stays."""
    found: list[tuple[tuple[int, int], tuple[str | int, ...]]] = []
    if isinstance(node, Mapping):
        for key, value in node.pairs:
            found += _ways(value, (*way, key.text))
            found.append(((key.place.line, key.place.column), (*way, key.text)))
    elif isinstance(node, Sequence):
        for place, item in enumerate(node.items):
            found += _ways(item, (*way, place))
    if way:
        found.append(((node.place.line, node.place.column), way))
    return found


# ------------------------------------------------------------------------------------------------- as YAML


def yaml_page(document: str) -> Any:
    """The whole document as YAML, each fault at its line."""
    _opened()
    if document not in DOCUMENTS:
        abort(404)
    text = _text_of(document)
    if request.method == "GET":
        return render_template("rules_yaml.html", document=document, label=_label(document), text=text, faults=[])
    if not _may_edit():
        raise refuse(Forbidden, "rules")
    text = request.form.get("text", "").replace("\r\n", "\n")
    faults = _faults_of(document, text)
    if not faults:
        data = {"document": document, "text": text, "why": request.form.get("why", "")[:200]}
        try:
            return redirect(url_for("rules.version", number=do(Name.DRAFT_RULES, data)["id"]))
        except Refused as refusal:
            flash(str(refusal), "danger")
    return render_template("rules_yaml.html", document=document, label=_label(document), text=text, faults=faults), 422


def check_text(document: str) -> Any:
    """The faults of a text, for the editor: line, column and message of each."""
    _opened()
    if document not in DOCUMENTS:
        abort(404)
    found = _faults_of(document, request.form.get("text", "").replace("\r\n", "\n"))
    return jsonify([{"line": f.place.line, "column": f.place.column, "message": str(f.message)} for f in found])


def _faults_of(document: str, text: str) -> list[Fault]:
    try:
        rulebook().with_documents({document: read_document(DOCUMENTS[document], text, f"rules/{document}.yaml")})
    except Faults as faults:
        return faults.faults
    return []


def _label(document: str) -> str:
    return str(DOCUMENT_WORDS[document])


# ------------------------------------------------------------------------------------------------ versions


def versions_page(document: str) -> Any:
    """Every version of a document, the newest first: who, when, why; which is in force."""
    _opened()
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
        label=_label(document),
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
    _opened()
    version = db.session.get(RuleVersion, number)
    if version is None:
        raise refuse(Missing, "rules")
    fault = ""
    if request.method == "POST":
        document, what, data = version.document, version.number, _activation(number)
        try:
            do(Name.ACTIVATE_VERSION, data)
        except Refused as refusal:
            fault = str(refusal)
        else:
            return _activated(document, what)
    return _version_page(db.session.get_one(RuleVersion, number), fault), 422 if fault else 200


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
    if document in (*rulebook().rule_documents(), "tiers") and many <= AT_ONCE:
        run_now("rules-changed")
    return redirect(url_for("rules"))


def _version_page(version: RuleVersion, fault: str) -> str:
    standing = next((one for one, _id in in_force(db.session()) if one.document == version.document), None)
    before = standing.text if standing is not None else ""
    faults = _faults_of(version.document, version.text)
    changed, failed = ([], []) if faults else _what_changes(version, before)
    lines = list(
        difflib.unified_diff(before.splitlines(), version.text.splitlines(), n=2, lineterm="", fromfile="", tofile="")
    )[2:]
    later = select(RuleActivation.id).where(
        RuleActivation.document == version.document, RuleActivation.at > version.made_at
    )
    return render_template(
        "rules_version.html",
        version=version,
        label=_label(version.document),
        standing=standing,
        is_standing=standing is not None and standing.id == version.id,
        lines=lines,
        changed=changed,
        faults=faults,
        failed=failed,
        moved=db.session.scalar(later.limit(1)) is not None and version.number > (standing.number if standing else 0),
        people=_everybody(changed),
        alone=version.document in SECOND_PERSON and version.made_by == actor().name[:60],
        fault=fault,
        key=secrets.token_hex(16),
        may_activate=access().does(Name.ACTIVATE_VERSION),
    )


def _everybody(changed: Seq[Changed]) -> dict[tuple[str, int], str]:
    ids = {one for each in changed if each.shown for one in (*each.shown.gaining, *each.shown.losing)}
    return titles_by({"customer": ids}, access())


def _what_changes(version: RuleVersion, before: str) -> tuple[list[Changed], list[Fault]]:
    """The rules that differ, and the tests that fail."""
    fresh = read_document(DOCUMENTS[version.document], version.text, f"rules/{version.document}.yaml")
    book = rulebook().with_documents({version.document: fresh})
    if not isinstance(fresh, RulesDocument):
        return [], []
    old = read_document(DOCUMENTS[version.document], before, "") if before else None
    were = {rule.id: rule for rule in old.rules} if isinstance(old, RulesDocument) else {}
    known = words(db.session(), book)
    _count, failed = failing_tests(book, {rule.id for rule in fresh.rules})
    return [
        _changed(rule, were.get(rule.id), known) for rule in fresh.rules if not rule.says_the_same(were.get(rule.id))
    ] + [
        Changed(in_her_language(gone.name, gone.name_en), rule_said(gone, known), "", None)
        for name, gone in were.items()
        if name not in {rule.id for rule in fresh.rules}
    ], failed


def _changed(rule: Rule, was: Rule | None, known: Any) -> Changed:
    shown = preview(db.session(), rule.id, rule.when, business_day(now()), access().rows(Customer))
    return Changed(
        in_her_language(rule.name, rule.name_en),
        "" if was is None else rule_said(was, known),
        rule_said(rule, known),
        shown,
    )


# ----------------------------------------------------------------------------------------------------- why


def why_page(customer: int) -> Any:
    """Which rules hold for a customer and which do not, each comparison with her value and how far it is off."""
    _opened()
    row = db.session.scalar(select(Customer).where(Customer.id == customer, access().rows(Customer)))
    if row is None:
        raise refuse(Missing, "why", "customer", customer)
    today = business_day(now())
    wanted = request.args.get("rule", "")
    book: Rulebook = rulebook()
    among = [rule for rule in book.rules() if not wanted or rule.id == wanted]
    past = select(RuleMatch, RuleVersion.document, RuleVersion.number).join(
        RuleVersion, RuleVersion.id == RuleMatch.rule_version_id
    )
    mine = (RuleMatch.customer_id == customer, RuleMatch.rule.in_([rule.id for rule in among]))
    history = db.session.execute(past.where(*mine).order_by(RuleMatch.id.desc()).limit(60)).all()
    return render_template(
        "why.html",
        customer=row,
        wanted=whole_number(wanted) or wanted,
        explained=sorted(explain(db.session(), customer, today, among), key=lambda one: not one.holds),
        history=history,
        names=dict(words_of("rules")),
    )
