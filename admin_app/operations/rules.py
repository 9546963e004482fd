"""Rules come into force: each text a version of its document, signed with who and why, checked against the others."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import timedelta

from flask_babel import lazy_gettext as _l
from pydantic import ConfigDict, Field, SecretStr
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from admin_app.operations.authors import made_by
from admin_app.operations.kernel import Operation
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Input, operation
from admin_app.rulebook import book_of, in_force, rulebook
from admin_app.security.password_gate import Credential, credential_of
from models.accounts import User
from models.actor import Actor
from models.entity import EVERYBODY, db
from models.names import Name
from models.rulebook import ChangedCustomer, RuleActivation, RuleVersion
from models.standing import Tag
from rules.book import DOCUMENTS, read_book, read_documents
from rules.documents.festivals import FestivalsDocument
from rules.documents.rules import RulesDocument, TagsDocument
from rules.documents.tiers import TiersDocument
from rules.evaluation.trial import failing_tests
from rules.language.faults import Faults
from rules.language.reading import Document, read_document


def content_hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


class ActivateInput(Input):
    """Texts of documents by name, to become their next versions and to come into force together, to the last space."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)

    texts: dict[str, str]
    why: str = ""


def _of_roles(data: ActivateInput) -> bool:
    """Whether rights or how people sign in are changed."""
    return not data.texts.keys().isdisjoint(("roles", "security"))


@operation(Name.ACTIVATE_RULES, label=_l("Activate rules"), form=False, confirmed=_of_roles)
def activate_rules(op: Operation, data: ActivateInput) -> Answer:
    """Make a version of each text and put it in force, if all fit together. Tags declared in them are made."""
    documents = _fitted_or_refused(op.session, data.texts)
    numbers: dict[str, int] = {}
    for name, text in data.texts.items():
        version = _new_version(op, name, text, data.why)
        _put_in_force(op, version, documents[name])
        numbers[name] = version.number
    op.detail = {"versions": numbers}
    return {"versions": numbers}


class DraftInput(Input):
    """A document's text to become its next version, without coming into force yet; to the last space."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)

    document: str
    text: str
    why: str = Field("", max_length=200)


@operation(Name.DRAFT_RULES, label=_l("Draft rules"), form=False)
def draft_rules(op: Operation, data: DraftInput) -> Answer:
    """Keep a text as the next version of its document, if it fits what is in force.

    :raises Refused: it has faults, or is no document.
    """
    if data.document not in DOCUMENTS:
        raise Refused(_l("There is no such document."), "document", "unknown")
    _fitted_or_refused(op.session, {data.document: data.text})
    version = _new_version(op, data.document, data.text, data.why)
    op.detail = {"versions": {data.document: version.number}}
    return {"id": version.id, "number": version.number}


class ActivateVersionInput(Input):
    """A version that is there, to come into force; for one alone her password stands for the second person."""

    version_id: int
    why: str = Field("", max_length=200)
    password: SecretStr = SecretStr("")


def _own_credential(data: ActivateVersionInput, actor: Actor) -> Credential | None:
    """The password of whoever puts a version in force, where it was typed."""
    user = db.session.get(User, actor.id) if actor.id is not None else None
    typed = data.password.get_secret_value()
    return credential_of(user, user.login, typed, field="password") if user is not None and typed else None


@operation(
    Name.ACTIVATE_VERSION, label=_l("Activate a version"), form=False, credential=_own_credential, confirmed=True
)
def activate_version(op: Operation, data: ActivateVersionInput) -> Answer:
    """Put a version in force, a new one or again an earlier one.

    :raises Refused: it does not fit what is in force by now, one of its tests fails, or a second person is needed.
    """
    version = op.session.get(RuleVersion, data.version_id)
    if version is None:
        raise Refused(_l("There is no such version."), "version_id", "unknown")
    if version.id in {standing.id for standing, _ in in_force(op.session)}:
        raise Refused(_l("This version is in force already."), "version_id", "in_force")
    documents = _fitted_or_refused(op.session, {version.document: version.text})
    _ensure_green(op.session, documents)
    _ensure_second(op, version, data.password.get_secret_value())
    _put_in_force(op, version, documents[version.document])
    op.reason = data.why or None
    op.detail = {"versions": {version.document: version.number}}
    return {"id": version.id, "number": version.number}


SECOND_PERSON = frozenset({"tiers", "points", "recharge", "till", "commissions", "roles", "security"})
"""Documents that say what money is worth and who may do what: a second person puts them in force."""
ALONE_AFTER = timedelta(minutes=10)
"""Where there is no second person, so much time and her password stand for one."""


def _ensure_green(session: Session, documents: Mapping[str, Document]) -> None:
    standing = {version.document: version.text for version, _ in in_force(session)}
    book = book_of(standing, session).with_documents(documents)
    ours = {rule.id for one in documents.values() if isinstance(one, RulesDocument) for rule in one.tested()}
    _count, failed = failing_tests(book, ours)
    if failed:
        raise Refused(_l("A test fails: %(fault)s", fault=str(failed[0])), "text", "red")


def _ensure_second(op: Operation, version: RuleVersion, password: str) -> None:
    """:raises Refused: nobody but its author has looked at it."""
    if op.actor.unrestricted or not is_own(op.session, version, op.actor):
        return
    if op.session.scalar(select(RuleActivation.id).where(RuleActivation.rule_version_id == version.id).limit(1)):
        return  # it was in force before
    roles = [role.id for role in rulebook(op.session).roles.roles if {Name.ACTIVATE_VERSION, "*"} & set(role.does)]
    others = (User.active, User.archived_at.is_(None), User.role.in_(roles), User.id != op.actor.id)
    if op.session.scalar(select(User.id).where(*others).limit(1)) is not None:
        raise Refused(
            _l("This is about money or rights: somebody else has to look at it and activate it."), None, "second_person"
        )
    user = op.session.get(User, op.actor.id) if op.actor.id is not None else None
    if user is None or not password:  # one that was typed has been proved
        message = _l("This is about money or rights, and nobody else may activate it: type your password once more.")
        raise Refused(message, "password", "wrong_password")
    if op.at - version.made_at < ALONE_AFTER:
        message = _l("Sleep on it: nobody else may activate it, so it can come into force ten minutes after its draft.")
        raise Refused(message, "password", "too_soon")


def is_own(session: Session, version: RuleVersion, actor: Actor) -> bool:
    """Whether an actor would put a version of their own in force that a second person has to look at."""
    mine = select(RuleVersion.id).where(RuleVersion.id == version.id, made_by(RuleVersion, actor.id))
    return version.document in SECOND_PERSON and session.scalar(mine) is not None


def _new_version(op: Operation, document: str, text: str, why: str) -> RuleVersion:
    last = select(func.coalesce(func.max(RuleVersion.number), 0)).where(RuleVersion.document == document)
    version = RuleVersion(
        document=document,
        number=(op.session.scalar(last) or 0) + 1,
        content_hash=content_hash(text),
        text=text,
        made_at=op.at,
        made_by=op.actor.name[:60],
        why=why or None,
    )
    op.session.add(version)
    op.session.flush()
    op.concerns(version)
    return version


def _put_in_force(op: Operation, version: RuleVersion, document: Document) -> None:
    before = op.session.scalar(select(RuleActivation.id).where(RuleActivation.document == version.document).limit(1))
    activation = RuleActivation(
        document=version.document, rule_version_id=version.id, at=op.at, activated_by=op.actor.name[:60]
    )
    op.session.add(activation)
    if before is not None and isinstance(document, TiersDocument | FestivalsDocument):
        op.session.add(ChangedCustomer(customer_id=EVERYBODY))
    if isinstance(document, TagsDocument):
        _declare_tags(op, document)


def _fitted_or_refused(session: Session, texts: Mapping[str, str]) -> dict[str, Document]:
    try:
        return _fitted(session, texts)
    except Faults as faults:
        raise Refused(_l("The rules have faults: %(faults)s", faults=str(faults)), "texts", "faults") from faults


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


def _declare_tags(op: Operation, document: TagsDocument) -> None:
    known = {tag.slug: tag for tag in op.session.scalars(select(Tag))}
    groups = {row.tag: layers.name for layers in document.layers for row in layers.first_match}
    set_by_rule = {tag for rule in document.rules for tag in rule.tags()} | set(groups)
    for declared in document.tags:
        tag = known.get(declared.id) or Tag(slug=declared.id)
        tag.name, tag.name_en, tag.colour = declared.name, declared.name_en or None, declared.colour
        tag.group, tag.exclusive = groups.get(declared.id), declared.id in groups
        tag.by_rule = declared.id in set_by_rule
        op.session.add(tag)
