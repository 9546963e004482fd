"""The rule studio: every rule in words and whom it finds; changed as a form or as YAML, looked at, activated."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Sequence as Seq
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from flask import Flask, abort, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import func, select

from admin_app.i18n import in_her_language
from admin_app.operations.kernel import business_day, now
from admin_app.operations.refusals import Forbidden, Missing, Refused
from admin_app.rule_trials import Outlay, Preview, preview, words
from admin_app.rulebook import in_force, rulebook
from admin_app.titles import titles_by
from admin_app.values import money
from admin_app.word_lists import DOCUMENT_WORDS
from models.assessments import AssessmentParameter
from models.clock import EvaluationRun
from models.customers import Customer
from models.entity import db
from models.names import Name
from models.rulebook import EffectKind, RuleMatch, RuleVersion, WatchMatch
from models.search import spoken
from models.standing import Tag
from rules.book import DOCUMENTS, Rulebook
from rules.documents.rules import Rule, RulesDocument, WatchRule
from rules.documents.said import HAPPENING_WORDS, rule_said
from rules.evaluation.boundaries import boundary_cases
from rules.language.facts import Subject
from rules.language.faults import MOST_FAULTS, Fault, Faults
from rules.language.nodes import Mapping, Node, Sequence, read_nodes
from rules.language.reading import read_document
from rules.language.rewriting import with_item
from rules.language.sentences import Words, fact_said, value_said
from rules.language.writing import emit, plain_of
from views.examples import examples
from views.navigation import list_address
from views.person import access, do, form_key, refuse, renew_form_key
from views.rule_choices import Choices, choices
from views.rule_form import (
    NEW_TAG,
    Before,
    Leaf,
    Options,
    RuleForm,
    change,
    field_of,
    form_of,
    negative_days,
    plain_rule,
    read_form,
    row_of,
)
from views.rule_templates import form_from, template_asked
from views.unsent import is_redisplay


def register(app: Flask) -> None:
    app.jinja_env.globals["outlay_said"] = outlay_said
    app.jinja_env.globals["form_key"] = form_key
    app.add_url_rule("/rules", "rules", rules_page)
    app.add_url_rule("/rules/<document>/rule", "rules.rule", rule_page, methods=["GET", "POST"])
    app.add_url_rule("/rules/<document>/yaml", "rules.yaml", yaml_page, methods=["GET", "POST"])
    app.add_url_rule("/rules/<document>/check", "rules.check", check_text, methods=["POST"])


@dataclass(frozen=True)
class Line:
    """One rule on the list; how many it finds now, where somebody can be found again."""

    rule: Rule | WatchRule
    name: str
    said: str
    members: int | None


@dataclass(frozen=True)
class Shelf:
    """One document with its rules, and the version in force."""

    document: str
    label: str
    version: RuleVersion
    lines: list[Line]
    drafts: int
    with_rules: bool
    watched: list[Line]


@dataclass(frozen=True)
class LastRun:
    """The last run of the rules: when, of what day, how many were looked at; who gained and lost each rule."""

    ended_at: datetime
    as_of: date
    customers: int
    gained: dict[str, int]
    lost: dict[str, int]


def _last_run() -> LastRun | None:
    ended = select(EvaluationRun).where(EvaluationRun.ended_at.is_not(None)).order_by(EvaluationRun.id.desc())
    run = db.session.scalars(ended.limit(1)).first()
    if run is None or run.ended_at is None:
        return None
    counts = run.counts or {}
    return LastRun(run.ended_at, run.as_of, counts["customers"], counts["gained"], counts["lost"])


def outlay_said(outlay: Outlay) -> str:
    """«1,204 messages, about ¥60.20»."""
    many = f"{outlay.count:,}"
    match outlay.kind:
        case EffectKind.POINTS:
            return _("points for %(count)s, %(much)s in all", count=many, much=f"{outlay.much:,}")
        case EffectKind.COUPON:
            return _("%(count)s coupons, %(much)s at most", count=many, much=money(outlay.much))
        case EffectKind.GIFT:
            return _("%(count)s gifts, %(much)s at most", count=many, much=money(outlay.much))
    return _("%(count)s messages, about %(much)s", count=many, much=money(outlay.much))


def ensure_opened() -> None:
    """:raises Forbidden: the studio is not hers to open."""
    if not access().opens("rules"):
        raise refuse(Forbidden, "rules")


def may_edit() -> bool:
    return access().does(Name.DRAFT_RULES)


def rules_page() -> Any:
    """Every document with its rules in words."""
    ensure_opened()
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
        watched = _watched(book, known) if document == "alerts" else []
        waiting = select(func.count()).where(RuleVersion.document == document, RuleVersion.number > version.number)
        drafts = session.scalar(waiting) or 0
        shelves.append(Shelf(document, str(label), version, lines, drafts, document in book.rule_documents(), watched))
    return render_template(
        "rules.html",
        shelves=shelves,
        aside=book.aside,
        last=_last_run(),
        may_edit=may_edit(),
        list_address=list_address,
    )


def _watched(book: Rulebook, known: Words) -> list[Line]:
    """The rules about staff, products and operations, and how many each finds now; operations are over when found."""
    matches = select(WatchMatch.rule, func.count()).group_by(WatchMatch.rule)
    found = dict(db.session.execute(matches).all())
    return [
        Line(
            rule,
            in_her_language(rule.name, rule.name_en),
            rule_said(rule, known),
            None if rule.subject is Subject.OPERATION else found.get(rule.id, 0),
        )
        for rule in book.alerts.watch
    ]


# ------------------------------------------------------------------------------------------------- one rule


def rule_page(document: str) -> Any:
    """``?id=dormant`` edits a rule, without it a new one is made; the YAML of the same stands beside the form."""
    ensure_opened()
    if document not in rulebook().rule_documents():
        abort(404)
    if not may_edit():
        raise refuse(Forbidden, "rules")
    text = _text_of(document)
    before = _plain_rules(text)
    rule_id = request.values.get("id", "")
    if rule_id and rule_id not in before:
        raise refuse(Missing, "rules")
    if request.method == "GET":
        return _rule_page(document, rule_id, _first_form(document, rule_id))
    form = read_form(request.form.to_dict(flat=False), rule_id)
    if is_redisplay():
        return _rule_page(document, rule_id, form), 422
    action = request.form.get("action", "refresh")
    if action not in ("look", "save"):
        change(form, action)
        return _rule_page(document, rule_id, form)
    form.id = rule_id or fresh_id(form.text("name"))
    if odd := negative_days(form.when):
        form.faults |= {path: [str(message)] for path, message in odd.items()}
        return _rule_page(document, rule_id, form), 422
    fresh = _composed(document, text, form)
    shown: Preview | None = None
    try:
        parsed = read_document(DOCUMENTS[document], fresh, f"rules/{document}.yaml")
        book = rulebook().with_documents({document: parsed})
    except Faults as faults:
        _place_faults(form, fresh, faults.faults)
        return _rule_page(document, rule_id, form), 422
    assert isinstance(parsed, RulesDocument)
    rule = next(one for one in parsed.rules if one.id == form.id)
    if action == "look":
        shown = preview(db.session(), rule, book, business_day(now()), access().rows(Customer))
        return _rule_page(document, rule_id, form, rule, shown)
    try:
        made = do(Name.DRAFT_RULES, {"document": document, "text": fresh, "why": request.form.get("why", "")[:200]})
    except Refused as refusal:
        form.faults.setdefault("", []).append(str(refusal))
        renew_form_key()
        return _rule_page(document, rule_id, form), 422
    return redirect(url_for("rules.version", number=made["id"]))


def _first_form(document: str, rule_id: str) -> RuleForm:
    if (before := _before(document, rule_id)) is not None:
        return before.form
    if (template := template_asked()) is not None and template.document == document:
        return form_from(template, request.args)
    form = read_form({"when.0.fact": ["days_since_visit"], "when.0.op": ["at_least"], "existing_customers": [""]}, "")
    change(form, {"tags": "add-effect:tag", "alerts": "add-effect:task"}.get(document, "add-effect:coupon"))
    if document == "tags":
        form.then[0].values["value"] = NEW_TAG
    return form


def _rule_page(
    document: str, rule_id: str, form: RuleForm, rule: Rule | None = None, shown: Preview | None = None
) -> str:
    known = words(db.session())
    plain = plain_rule(form, _before(document, rule_id))
    return render_template(
        "rule.html",
        document=document,
        label=label_of(document),
        rule_id=rule_id,
        form=form,
        offered=offered_choices(),
        yaml=emit([plain]),
        rule=rule,
        said=_said(rule, known) if rule is not None else "",
        preview=shown,
        people=people_in(shown),
        cases=boundary_cases(rule.when) if rule is not None else [],
        known=known,
        value_said=value_said,
        fact_said=fact_said,
        new_tag=NEW_TAG,
        unlisted=unlisted,
        happenings=HAPPENING_WORDS.items(),
        examples=examples([form.when], known),
    )


def _said(rule: Rule, known: Words) -> str:
    """The rule in words; a tag that is made with it goes by its name."""
    fresh = {tag: in_her_language(rule.name, rule.name_en) for tag in rule.tags() if tag not in known.tags}
    return rule_said(rule, replace(known, tags={**known.tags, **fresh}))


def offered_choices(more_tags: Options | None = None) -> Choices:
    """What the rows of conditions offer; ``more_tags`` are about to be declared."""
    session = db.session()
    tags = {tag.slug: in_her_language(tag.name, tag.name_en) for tag in session.scalars(select(Tag).order_by(Tag.id))}
    parameters = session.execute(select(AssessmentParameter.slug, AssessmentParameter.name)).all()
    listed = list((tags | dict(more_tags or [])).items())
    return choices(rulebook(), listed, [(slug, name) for slug, name in parameters])


def unlisted(leaf: Leaf, listed: Options) -> Options:
    """What a row asks for that is on no list (any more): shown by its short name, never lost."""
    return [(value, value) for value in leaf.values if value and value not in dict(listed)]


def people_in(*shown: Preview | None) -> dict[tuple[str, int], str]:
    """The names of the samples of trials."""
    ids = {one for trial in shown if trial is not None for one in (*trial.gaining, *trial.losing)}
    return titles_by({"customer": ids}, access())


def standing_version(document: str) -> RuleVersion:
    """The version of a document that is in force; 404 where there is none."""
    version = next((version for version, _id in in_force(db.session()) if version.document == document), None)
    if version is None:
        abort(404)
    return version


def _text_of(document: str) -> str:
    return standing_version(document).text


def _plain_rules(text: str) -> dict[str, dict[str, Any]]:
    listed = read_nodes(text, "").get("rules")
    items = [plain_of(item) for item in listed.items] if isinstance(listed, Sequence) else []
    return {item["id"]: item for item in items}


def fresh_id(name: str, also: Iterable[str] = ()) -> str:
    """A short name made of the name's letters, or its pinyin, that no rule, table, tag or any of ``also`` has."""
    book = rulebook()
    taken = set(also) | {rule.id for rule in book.tested()} | {layers.id for layers in book.tags.layers}
    taken |= {tag.id for tag in book.tags.tags} | book.own.tags
    letters = re.sub(r"[^a-z0-9]+", "-", "-".join(spoken(name)).lower()).strip("-")[:32].strip("-")
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
        ways = dict(ways_in(own, ())) if own is not None else {}
    except (Faults, StopIteration):
        with_faults = True
    for fault in faults:
        way = None if with_faults else ways.get((fault.place.line, fault.place.column))
        place = row_of(form.when, field_of(way)) if way else ""
        form.faults.setdefault(place, []).append(str(fault.message))


def _id_of(node: Node) -> str:
    return str(plain_of(node).get("id", "")) if isinstance(node, Mapping) else ""


def ways_in(node: Node, way: tuple[str | int, ...]) -> list[tuple[tuple[int, int], tuple[str | int, ...]]]:
    """Each place of a node with the way to it; the outermost way of a place comes last, and stays."""
    found: list[tuple[tuple[int, int], tuple[str | int, ...]]] = []
    if isinstance(node, Mapping):
        for key, value in node.pairs:
            found += ways_in(value, (*way, key.text))
            found.append(((key.place.line, key.place.column), (*way, key.text)))
    elif isinstance(node, Sequence):
        for place, item in enumerate(node.items):
            found += ways_in(item, (*way, place))
    if way:
        found.append(((node.place.line, node.place.column), way))
    return found


# ------------------------------------------------------------------------------------------------- as YAML


def yaml_page(document: str) -> Any:
    """The whole document as YAML, each fault at its line."""
    ensure_opened()
    if document not in DOCUMENTS:
        abort(404)
    text = _text_of(document)
    if request.method == "GET":
        return render_template("rules_yaml.html", document=document, label=label_of(document), text=text, faults=[])
    if not may_edit():
        raise refuse(Forbidden, "rules")
    text = request.form.get("text", "").replace("\r\n", "\n")
    faults = faults_of(document, text)
    if not faults and not is_redisplay():
        data = {"document": document, "text": text, "why": request.form.get("why", "")[:200]}
        try:
            return redirect(url_for("rules.version", number=do(Name.DRAFT_RULES, data)["id"]))
        except Refused as refusal:
            flash(str(refusal), "danger")
            renew_form_key()
    return render_template(
        "rules_yaml.html", document=document, label=label_of(document), text=text, faults=faults
    ), 422


def check_text(document: str) -> Any:
    """The faults of a text, for the editor: line, column and message of each."""
    ensure_opened()
    if document not in DOCUMENTS:
        abort(404)
    found = faults_of(document, request.form.get("text", "").replace("\r\n", "\n"))
    return jsonify([{"line": f.place.line, "column": f.place.column, "message": str(f.message)} for f in found])


def faults_of(document: str, text: str) -> list[Fault]:
    """What is wrong with a text as this document; nothing when it fits what is in force."""
    try:
        rulebook().with_documents({document: read_document(DOCUMENTS[document], text, f"rules/{document}.yaml")})
    except Faults as faults:
        return faults.faults[:MOST_FAULTS]
    return []


def label_of(document: str) -> str:
    """What a document is called."""
    return str(DOCUMENT_WORDS[document])
