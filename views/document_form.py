"""A rule document as a form beside its YAML: what is filled in is kept as a draft, and every other line as it was."""

from __future__ import annotations

import difflib
from collections.abc import Sequence as Seq
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, abort, redirect, render_template, request, url_for
from sqlalchemy import select

from admin_app.i18n import in_her_language
from admin_app.operations.refusals import Forbidden, Missing, Refused
from admin_app.rule_trials import words
from models.catalogue import Service
from models.entity import db
from models.names import Name
from models.organisation import Staff
from models.rulebook import RuleVersion
from rules.book import DOCUMENTS
from rules.documents.rules import RulesDocument
from rules.language.faults import Fault
from rules.language.nodes import Mapping, read_nodes
from rules.language.rewriting import rewritten
from views.document_fields import (
    Slot,
    change,
    every_slot,
    field_at,
    has_form,
    name_new_rows,
    opened,
    plain_part,
    sent,
    without_blank_rows,
)
from views.examples import examples
from views.person import do, refuse, renew_form_key
from views.rule_choices import Choices
from views.rule_form import Group, Options, negative_days, tree_of
from views.rule_studio import (
    ensure_opened,
    faults_of,
    fresh_id,
    label_of,
    may_edit,
    offered_choices,
    standing_version,
    unlisted,
    ways_in,
)
from views.unsent import is_redisplay

AS_YAML = frozenset({"roles"})
"""Documents that are changed as YAML alone."""


def register(app: Flask) -> None:
    app.add_url_rule("/rules/<document>/form", "rules.form", form_page, methods=["GET", "POST"])
    app.jinja_env.globals["has_rule_form"] = offers_form


def offers_form(document: str) -> bool:
    """Whether a document has a form of its own, beside those of its rules."""
    return document in DOCUMENTS and document not in AS_YAML and has_form(DOCUMENTS[document])


@dataclass
class DocumentForm:
    """A document as it is edited: the version it was opened with, and its fields then and now."""

    document: str
    base: RuleVersion
    was: list[Slot]
    slots: list[Slot]
    faults: dict[str, list[str]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The document with what the form says."""
        return rewritten(self.base.text, plain_part(self.slots, self.was, self._root))

    @property
    def _root(self) -> Mapping:
        return read_nodes(self.base.text, "")

    @property
    def tags(self) -> Options:
        """The tags it declares, or is about to."""
        rows = next((slot.rows for slot in self.slots if slot.path == "tags"), [])
        return [(row.id, in_her_language(row.name, text_of(row.slot("name_en")))) for row in rows if row.id]


def text_of(slot: Slot | None) -> str:
    return "" if slot is None else slot.text


def form_page(document: str) -> Any:
    """The form of a whole document; its rules have forms of their own."""
    ensure_opened()
    if not offers_form(document):
        abort(404)
    if not may_edit():
        raise refuse(Forbidden, "rules")
    standing = standing_version(document)
    if request.method == "GET":
        return _page(_opened(document, standing))
    form = _opened(document, _base(document, standing))
    form.slots = sent(form.was, tree_of(request.form.to_dict(flat=False)))
    name_new_rows(form.slots, fresh_id)
    if is_redisplay():
        return _page(form), 422
    action = request.form.get("action", "refresh")
    if action != "save":
        change(form.slots, action)
        return _page(form)
    if form.base.id != standing.id:
        return _page(form, standing), 409
    return _saved(form)


def _opened(document: str, base: RuleVersion) -> DocumentForm:
    model, root = DOCUMENTS[document], read_nodes(base.text, "")
    return DocumentForm(document, base, opened(model, root), opened(model, root))


def _base(document: str, standing: RuleVersion) -> RuleVersion:
    """The version that the form was opened with."""
    number = request.form.get("base", "")
    if number == str(standing.id):
        return standing
    version = db.session.get(RuleVersion, int(number)) if number.isdecimal() and len(number) < 10 else None
    if version is None or version.document != document:
        raise refuse(Missing, "rules")
    return version


def _saved(form: DocumentForm) -> Any:
    without_blank_rows(form.slots)
    for slot in every_slot(form.slots):
        if slot.group is not None:
            form.faults |= {path: [str(message)] for path, message in negative_days(slot.group).items()}
    if form.faults:
        return _page(form), 422
    text = form.text
    if found := faults_of(form.document, text):
        _place_faults(form, text, found)
        return _page(form), 422
    try:
        data = {"document": form.document, "text": text, "why": request.form.get("why", "")[:200]}
        made = do(Name.DRAFT_RULES, data)
    except Refused as refusal:
        form.faults.setdefault("", []).append(str(refusal))
        renew_form_key()
        return _page(form), 422
    return redirect(url_for("rules.version", number=made["id"]))


def _place_faults(form: DocumentForm, text: str, found: Seq[Fault]) -> None:
    """Put each fault at its field; those of other documents, and of what no field shows, stand above the form."""
    ways = dict(ways_in(read_nodes(text, ""), ()))
    for fault in found:
        own = fault.place.file == f"rules/{form.document}.yaml"
        way = ways.get((fault.place.line, fault.place.column), ()) if own else ()
        path = field_at(form.slots, way) if way else ""
        form.faults.setdefault(path, []).append(str(fault.message if path else fault))


def _page(form: DocumentForm, moved: RuleVersion | None = None) -> str:
    document, offered = form.document, offered_choices(form.tags)
    return render_template(
        "document_form.html",
        document=document,
        label=label_of(document),
        form=form,
        with_rules=issubclass(DOCUMENTS[document], RulesDocument),
        offered=offered,
        named=_named(form, offered),
        examples=examples(_conditions(form), words(db.session())),
        unlisted=unlisted,
        pieces=_pieces(form.base.text, form.text),
        moved=moved,
        between=_between(form.base.text, moved.text) if moved is not None else [],
    )


def _conditions(form: DocumentForm) -> list[Group]:
    return [slot.group for slot in every_slot(form.slots) if slot.group is not None]


def _pieces(before: str, after: str) -> list[tuple[str, bool]]:
    """The text as it would be, in pieces, each with whether it is new."""
    lines = after.splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, before.splitlines(keepends=True), lines, autojunk=False)
    pieces = (("".join(lines[start:end]), tag != "equal") for tag, _, _, start, end in matcher.get_opcodes())
    return [(text, fresh) for text, fresh in pieces if text]


def _between(before: str, after: str) -> list[str]:
    return list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=1, lineterm=""))[2:]


def _named(form: DocumentForm, offered: Choices) -> dict[str, Options]:
    """The lists of which fields choose a name."""
    known = {"tags": offered.tags, "roles": offered.roles, "tiers": offered.tiers, "coupons": offered.coupons}
    columns = {"services": Service.name, "levels": Staff.level}
    wanted = {slot.shape.names for slot in every_slot(form.slots)}
    for kind in wanted & columns.keys():
        column = columns[kind]
        live = column.class_.archived_at.is_(None)
        names = db.session.scalars(select(column).where(live, column.is_not(None)).distinct().order_by(column))
        known[kind] = [(name, name) for name in names if name]
    return known
