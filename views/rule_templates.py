"""The usual rules of a salon, with their numbers to fill in: what is chosen opens as the form of a new rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Flask, abort, render_template, request
from werkzeug.datastructures import MultiDict

from admin_app.i18n import in_english, in_her_language
from admin_app.operations.refusals import Forbidden
from admin_app.rule_trials import words
from models.entity import db
from rules.documents.said import rule_said
from rules.documents.templates import COUNTED, OWN, RuleTemplate, rule_templates
from rules.language.sentences import Words
from views.examples import leaves
from views.person import access, refuse
from views.rule_form import NEW_TAG, Leaf, RuleForm, form_of


def register(app: Flask) -> None:
    app.add_url_rule("/rules/templates", "rules.templates", templates_page)


def templates_page() -> Any:
    """Every template in words, with its numbers as they are usually set."""
    if not access().does("draft_rules"):
        raise refuse(Forbidden, "rules")
    known = words(db.session())
    return render_template(
        "rule_templates.html",
        templates=[(one, _name(one), _said(one, known), _gaps(form_from(one, MultiDict()))) for one in _all()],
    )


def _all() -> list[RuleTemplate]:
    return list(rule_templates(english=in_english()).values())


def _name(template: RuleTemplate) -> str:
    return in_her_language(template.rule.name, template.rule.name_en)


def _said(template: RuleTemplate, known: Words) -> str:
    return rule_said(template.rule, replace(known, tags={**known.tags, OWN: _name(template)}))


def template_asked() -> RuleTemplate | None:
    """The template that the address names, if it does."""
    name = request.args.get("template")
    if name is None:
        return None
    return rule_templates(english=in_english()).get(name) or abort(404)


def form_from(template: RuleTemplate, filled: MultiDict[str, str]) -> RuleForm:
    """The form of a new rule; ``filled`` has the numbers: ``v0`` (twice for from … to), ``n0`` for a window."""
    form = form_of(template.rule, template.plain)
    form.id = ""
    for number, leaf in enumerate(_gaps(form)):
        leaf.values = filled.getlist(f"v{number}") or leaf.values
        leaf.n = filled.get(f"n{number}", leaf.n)
    for effect in form.then:
        if effect.values.get("value") == OWN:
            effect.values["value"] = NEW_TAG
    return form


def _gaps(form: RuleForm) -> list[Leaf]:
    return [leaf for leaf in leaves(form.when) if leaf.family is not None and leaf.family.type in COUNTED]
