"""The rules in force: the database holds the truth, and each process keeps a copy that it looks after."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from admin_app.i18n import in_her_language
from admin_app.operations.registry import specs
from admin_app.settings import HOUSE
from admin_app.word_lists import DOCUMENT_WORDS, SCHEDULE_WORDS, SOURCE_WORDS
from models.actor import Actor
from models.assessments import AssessmentParameter
from models.entity import db
from models.rulebook import RuleActivation, RuleVersion
from models.standing import Tag
from rules.aside import read_in_force
from rules.book import DOCUMENTS, Own, Rulebook, read_documents
from rules.decisions.access import Access
from rules.documents.rules import RulesDocument

LOOK_EVERY = 2.0
"""Seconds between two looks at what other processes have activated."""


@dataclass
class _Active:
    """What this process knows to be in force."""

    book: Rulebook | None = None
    versions: dict[str, int] = field(default_factory=dict)  # document → rule_version.id
    newest: int = -1
    looked_at: float = 0.0
    hashes: dict[str, str] = field(default_factory=dict)  # document → content hash of its version in force


_LOCK = threading.RLock()


def _active() -> _Active:
    found: _Active = current_app.extensions.setdefault("peony_rules", _Active())
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


def hashes() -> dict[str, str]:
    """The content hash of each document's version in force, as ``rulebook()`` last saw it."""
    return dict(_active().hashes)


def access_for(actor: Actor, session: Session | None = None) -> Access:
    """The permission answers for an actor under the roles in force."""
    return Access(actor, None if actor.unrestricted else rulebook(session).roles, datetime.now(UTC))


def words_of(kind: str, session: Session | None = None) -> list[tuple[str, str]]:
    """A closed list with labels: what the rules give (``roles``, ``tiers``, ``rules``), or the house itself
    (``documents``, ``operations``, ``schedules``, ``sources`` of alerts and tasks).
    """
    if kind == "operations":
        return [(spec.name, str(spec.label)) for spec in specs()]
    if kind in ("documents", "schedules"):
        of_house = DOCUMENT_WORDS if kind == "documents" else SCHEDULE_WORDS
        return [(name, str(label)) for name, label in of_house.items()]
    book = rulebook(session)
    parts: dict[str, list[Any]] = {
        "roles": list(book.roles.roles),
        "tiers": list(book.tiers.tiers),
        "rules": [*book.rules(), *book.tags.layers],
        "sources": [*book.rules(), *book.alerts.watch],
    }
    words = [(part.id, in_her_language(part.name, part.name_en)) for part in parts[kind]]
    if kind == "sources":
        return words + [(source, str(label)) for source, label in SOURCE_WORDS.items()]
    return words + _rows_of_tables(book) if kind == "rules" else words


def _rows_of_tables(book: Rulebook) -> list[tuple[str, str]]:
    """The rows of decision tables are rules too: each goes by the name of its tag."""
    names = {tag.id: in_her_language(tag.name, tag.name_en) for tag in book.tags.tags}
    return [(row.id, names.get(row.tag, row.tag)) for row in book.layer_rules()]


def refresh() -> None:
    """Look at what is in force now, whatever the time since the last look."""
    with _LOCK:
        _active().looked_at = 0.0
        rulebook()


def own_of(session: Session) -> Own:
    """The tags that people made in the salon, and what it measures; a house that is just being opened has neither."""
    tags = frozenset(session.scalars(select(Tag.slug).where(~Tag.by_rule)))
    return Own(tags, frozenset(session.scalars(select(AssessmentParameter.slug))) or None)


def _look(active: _Active) -> None:
    """Has another process (or the watch over the files) put something else in force?"""
    session = db.session()
    newest = session.scalar(select(func.max(RuleActivation.id))) or 0
    if newest != active.newest:
        _load(active, session)


def in_force(session: Session) -> list[tuple[RuleVersion, int]]:
    """The version of each document that its latest activation put in force, with that activation's id."""
    latest = select(func.max(RuleActivation.id)).group_by(RuleActivation.document)
    query = (
        select(RuleVersion, RuleActivation.id)
        .join(RuleActivation, RuleActivation.rule_version_id == RuleVersion.id)
        .where(RuleActivation.id.in_(latest))
    )
    return [(version, activation) for version, activation in session.execute(query)]


def book_of(texts: Mapping[str, str], session: Session) -> Rulebook:
    """The book of these texts, not asked whether they fit."""
    documents: dict[str, Any] = read_documents(_text_of(texts))
    return Rulebook(**documents, own=own_of(session))


def _text_of(texts: Mapping[str, str]) -> Callable[[str], str]:
    return lambda name: texts.get(name) or _shipped(name)


def _shipped(document: str) -> str:
    """What stands in for a document that came with a later release than the salon's first: of rules, none."""
    if issubclass(DOCUMENTS[document], RulesDocument):
        return "version: 1\n"
    return (HOUSE / "rules" / f"{document}.yaml").read_text(encoding="utf-8")


def _load(active: _Active, session: Session) -> None:
    """The versions in force, read from the database."""
    found = in_force(session)
    texts = {version.document: version.text for version, _ in found}
    active.book = read_in_force(_text_of(texts), own_of(session))
    active.hashes = {version.document: version.content_hash for version, _ in found}
    active.versions = {version.document: version.id for version, _ in found}
    active.newest = max(activation for _, activation in found)
