"""Rules come into force: each text a version of its document, signed with who and why, checked against the others."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from flask_babel import lazy_gettext as _l
from pydantic import ConfigDict
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from admin_app.operations.kernel import Operation
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Input, operation
from admin_app.rulebook import book_of, in_force
from models.names import Name
from models.rulebook import RuleActivation, RuleVersion
from models.standing import Tag
from rules.book import DOCUMENTS, read_book, read_documents
from rules.language.faults import Faults
from rules.language.reading import Document, read_document


def content_hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


class ActivateInput(Input):
    """Texts of documents by name, to become their next versions and to come into force together, to the last space."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)

    texts: dict[str, str]
    why: str = ""


@operation(Name.ACTIVATE_RULES, label=_l("Activate rules"), form=False)
def activate_rules(op: Operation, data: ActivateInput) -> Answer:
    """Make a version of each text and put it in force, if all fit together. Tags declared in them are made."""
    try:
        documents = _fitted(op.session, data.texts)
    except Faults as faults:
        raise Refused(_l("The rules have faults: %(faults)s", faults=str(faults)), "texts", "faults") from faults
    last = select(func.coalesce(func.max(RuleVersion.number), 0))
    numbers: dict[str, int] = {}
    for name, text in data.texts.items():
        version = RuleVersion(
            document=name,
            number=(op.session.scalar(last.where(RuleVersion.document == name)) or 0) + 1,
            content_hash=content_hash(text),
            text=text,
            made_at=op.at,
            made_by=op.actor.name,
            why=data.why or None,
        )
        op.session.add(version)
        op.session.flush()
        op.session.add(RuleActivation(document=name, rule_version_id=version.id, at=op.at, activated_by=op.actor.name))
        op.concerns(version)
        numbers[name] = version.number
    if "tags" in data.texts:
        _declare_tags(op, documents["tags"])
    op.detail = {"versions": numbers}
    return {"versions": numbers}


def _fitted(session: Session, texts: Mapping[str, str]) -> dict[str, Document]:
    """The documents of these texts, which fit with one another and with what stays in force.

    :raises Faults: everything that is wrong with them.
    """
    standing = {version.document: version.text for version, _ in in_force(session)}
    if not standing:
        read_book(texts.__getitem__)
        return read_documents(texts.__getitem__)
    documents = {name: read_document(DOCUMENTS[name], text, f"rules/{name}.yaml") for name, text in texts.items()}
    book_of(standing, session).with_documents(documents)
    return documents


def _declare_tags(op: Operation, document: Document) -> None:
    from rules.documents.rules import TagsDocument

    assert isinstance(document, TagsDocument)
    known = {tag.slug: tag for tag in op.session.scalars(select(Tag))}
    groups = {row.tag: layers.name for layers in document.layers for row in layers.first_match}
    set_by_rule = {effect.tag for rule in document.rules for effect in rule.then if effect.tag} | set(groups)
    for declared in document.tags:
        tag = known.get(declared.id) or Tag(slug=declared.id)
        tag.name, tag.name_en, tag.colour = declared.name, declared.name_en or None, declared.colour
        tag.group, tag.exclusive = groups.get(declared.id), declared.id in groups
        tag.by_rule = declared.id in set_by_rule
        op.session.add(tag)
