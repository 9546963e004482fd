"""The rules in force: the database holds the truth, files are taken up when they change, each process keeps a copy.

A file whose hash differs from the one last seen becomes a new version and goes live at once, if it fits; a broken one
is told once, as an alert, and the last good version stays in force.
"""

from __future__ import annotations

import getpass
import hashlib
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from babel import Locale
from flask import current_app
from flask_babel import get_locale
from flask_babel import lazy_gettext as _l
from pydantic import ConfigDict
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from admin_app.operations.kernel import Operation, now, perform
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Input, operation
from models.actor import SYSTEM, Actor, ActorKind
from models.entity import db
from models.names import Name
from models.rulebook import RuleActivation, RuleVersion
from models.standing import Alert, Severeness, Tag
from rules.book import DOCUMENTS, Rulebook, read_book, read_documents
from rules.decisions.access import Access
from rules.language.faults import Faults
from rules.language.reading import Document, read_document

LOOK_EVERY = 2.0
"""Seconds between two looks at what other processes have activated, and at the files."""


@dataclass
class Active:
    """What this process knows to be in force."""

    book: Rulebook | None = None
    versions: dict[str, int] = field(default_factory=dict)  # document → rule_version.id
    newest: int = -1
    looked_at: float = 0.0
    hashes: dict[str, str] = field(default_factory=dict)  # document → content hash of its version in force
    seen: dict[str, str] = field(default_factory=dict)  # document → hash of the file last taken up or refused


_LOCK = threading.RLock()


def _active() -> Active:
    found: Active = current_app.extensions.setdefault("peony_rules", Active())
    return found


def rulebook(session: Session | None = None) -> Rulebook:
    """The rules in force. Within an operation, pass its session: nothing else is opened."""
    with _LOCK:
        active = _active()
        if session is None and time.monotonic() - active.looked_at > LOOK_EVERY:
            active.looked_at = time.monotonic()
            _look(active)
        if active.book is None:
            _load(active, session or db.session())
        assert active.book is not None
        return active.book


def versions() -> dict[str, int]:
    """The version in force of each document, as ``rulebook()`` last saw it."""
    return dict(_active().versions)


def access_for(actor: Actor, session: Session | None = None) -> Access:
    """The permission answers for an actor under the roles in force."""
    return Access(actor, None if actor.unrestricted else rulebook(session).roles, now())


def words_of(kind: str, session: Session | None = None) -> list[tuple[str, str]]:
    """The closed list that the rules give under this name (``roles``, ``tiers``, ``rules``), with labels."""
    book = rulebook(session)
    parts: dict[str, list[Any]] = {
        "roles": list(book.roles.roles),
        "tiers": list(book.tiers.tiers),
        "rules": [*book.rules(), *book.tags.layers],
    }
    english = (get_locale() or Locale("zh")).language == "en"
    return [(part.id, part.name_en if english and part.name_en else part.name) for part in parts[kind]]


def refresh() -> None:
    """Look at what is in force now, whatever the time since the last look."""
    _active().looked_at = 0.0
    rulebook()


# ------------------------------------------------------------------------------------- files and versions


def path_of(document: str) -> Path:
    folder: Path = current_app.config["PEONY"].rules_dir
    return folder / f"{document}.yaml"


def read_files(hand_tags: frozenset[str] = frozenset()) -> Rulebook:
    """All files as they stand, together.

    :raises Faults: everything that is wrong with any of them.
    :raises OSError: a file cannot be read.
    """
    return read_book(_text_of, hand_tags=hand_tags)


def _text_of(document: str) -> str:
    return path_of(document).read_text(encoding="utf-8")


def hand_tags(session: Session) -> frozenset[str]:
    """The slugs of the tags that people made in the salon."""
    return frozenset(session.scalars(select(Tag.slug).where(~Tag.by_rule)))


def adopt_first() -> None:
    """Take the files up in a new database. Every one must be whole.

    :raises Faults: everything that is wrong.
    """
    if db.session.scalar(select(func.count()).select_from(RuleActivation)):
        return
    read_files()
    texts = {document: _text_of(document) for document in DOCUMENTS}
    perform(Name.ACTIVATE_RULES, ActivateInput(texts=texts, why="first start"), actor=SYSTEM)
    _active().book = None


def _look(active: Active) -> None:
    """Has another process (or the watch over the files) put something else in force?"""
    session = db.session()
    newest = session.scalar(select(func.max(RuleActivation.id))) or 0
    if newest != active.newest:
        _load(active, session)


def watch_files() -> list[str]:
    """Take up every file that changed since it was last seen; the names of those now in force.

    Files that fit only together (a tag renamed in two of them) come in together, whichever was saved first.
    """
    with _LOCK:
        active = _active()
        if active.book is None:
            _load(active, db.session())
        assert active.book is not None
        texts = _readable()
        fresh = {name for name, text in texts.items() if active.seen.get(name) != content_hash(text)}
        if not fresh:
            return []
        active.seen.update({name: content_hash(texts[name]) for name in fresh})
        waiting = {name: text for name, text in texts.items() if active.hashes.get(name) != content_hash(text)}
        taken, refused = _fitting(active.book, waiting)
        for name in refused.keys() & fresh:
            tell_broken(name, content_hash(texts[name]), refused[name])
        if taken:
            actor = Actor(ActorKind.COMMAND, name=f"file:{_os_user()}", role="command")
            activation = ActivateInput(texts={name: texts[name] for name in taken}, why="file")
            perform(Name.ACTIVATE_RULES, activation, actor=actor)
            _load(active, db.session())
        return taken


def _readable() -> dict[str, str]:
    texts: dict[str, str] = {}
    for document in DOCUMENTS:
        with suppress(OSError, UnicodeDecodeError):
            texts[document] = _text_of(document)
    return texts


def _fitting(book: Rulebook, texts: dict[str, str]) -> tuple[list[str], dict[str, Faults]]:
    """Which of these documents can come into force: all together, else as many as fit; and why not the others."""
    whole: dict[str, Document] = {}
    refused: dict[str, Faults] = {}
    for name, text in texts.items():
        try:
            whole[name] = read_document(DOCUMENTS[name], text, f"rules/{name}.yaml")
        except Faults as faults:
            refused[name] = faults
    with suppress(Faults):
        book.with_documents(whole)
        return list(whole), refused
    taken: list[str] = []
    for name, document in whole.items():
        try:
            book = book.with_documents({name: document})
            taken.append(name)
        except Faults as faults:
            refused[name] = faults
    return taken, refused


def _os_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def content_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _in_force(session: Session) -> list[tuple[RuleVersion, int]]:
    """The version of each document that its latest activation put in force, with that activation's id."""
    latest = select(func.max(RuleActivation.id)).group_by(RuleActivation.document)
    query = (
        select(RuleVersion, RuleActivation.id)
        .join(RuleActivation, RuleActivation.rule_version_id == RuleVersion.id)
        .where(RuleActivation.id.in_(latest))
    )
    return [(version, activation) for version, activation in session.execute(query)]


def _book_of(texts: Mapping[str, str], session: Session) -> Rulebook:
    documents: dict[str, Any] = read_documents(texts.__getitem__)
    return Rulebook(**documents, hand_tags=hand_tags(session))


def _load(active: Active, session: Session) -> None:
    """The versions in force, read from the database."""
    found = _in_force(session)
    active.book = _book_of({version.document: version.text for version, _ in found}, session)
    active.hashes = {version.document: version.content_hash for version, _ in found}
    active.versions = {version.document: version.id for version, _ in found}
    active.newest = max(activation for _, activation in found)
    for version, _ in found:
        active.seen.setdefault(version.document, version.content_hash)


# -------------------------------------------------------------------------------------------- operations


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
    standing = {version.document: version.text for version, _ in _in_force(session)}
    if not standing:
        read_book(texts.__getitem__)
        return read_documents(texts.__getitem__)
    documents = {name: read_document(DOCUMENTS[name], text, f"rules/{name}.yaml") for name, text in texts.items()}
    _book_of(standing, session).with_documents(documents)
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


class RaiseAlertInput(Input):
    """Something the house itself wants known."""

    source: str
    occasion: Annotated[str, "unique with the source: the same thing is told once"]
    text: str
    to_role: str = "owner"
    severity: Severeness = Severeness.WARNING


@operation(Name.RAISE_ALERT, label=_l("Raise an alert"), form=False)
def raise_alert(op: Operation, data: RaiseAlertInput) -> Answer:
    """Raise the alert, unless this occasion has had one."""
    there = select(Alert.id).where(Alert.source == data.source, Alert.occasion == data.occasion)
    known = op.session.scalar(there)
    if known is not None:
        return {"id": known, "raised": False}
    alert = Alert(
        source=data.source,
        occasion=data.occasion,
        text=data.text[:300],
        to_role=data.to_role,
        severity=data.severity,
        raised_at=op.at,
    )
    op.session.add(alert)
    op.concerns(alert)
    return {"id": alert.id, "raised": True}


def tell_broken(document: str, digest: str, faults: Faults) -> None:
    """Tell the owner, once per content, that a file is broken and what stays in force."""
    text = str(_l("%(file)s was not taken up: %(fault)s", file=f"{document}.yaml", fault=str(faults.faults[0])))
    alert = RaiseAlertInput(source="rules", occasion=f"{document}:{digest}", text=text, severity=Severeness.URGENT)
    perform(Name.RAISE_ALERT, alert, actor=SYSTEM)
