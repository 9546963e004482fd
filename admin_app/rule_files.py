"""The owner's files: whatever changes in them comes into force, if it fits.

A file whose hash differs from the one last seen becomes a new version and goes live at once; a broken one is told once,
as an alert, and the last good version stays in force.
"""

from __future__ import annotations

import getpass
import itertools
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from admin_app.operations.kernel import perform
from admin_app.operations.rules import ActivateInput, content_hash
from admin_app.operations.todo import RaiseAlertInput
from admin_app.rulebook import hashes, refresh, rulebook
from models.actor import SYSTEM, Actor, ActorKind
from models.entity import db
from models.names import Name
from models.rulebook import RuleActivation
from models.standing import Severeness
from rules.book import DOCUMENTS, Rulebook, read_book
from rules.language.faults import Fault, Faults, Place
from rules.language.reading import Document, read_document

_LOCK = threading.Lock()


def path_of(document: str) -> Path:
    folder: Path = current_app.config["PEONY"].rules_dir
    return folder / f"{document}.yaml"


def read_files(hand_tags: frozenset[str] = frozenset()) -> Rulebook:
    """All files as they stand, together.

    :raises Faults: everything that is wrong with any of them, or that one is not there.
    """
    return read_book(_files().__getitem__, hand_tags=hand_tags)


def _files() -> dict[str, str]:
    """:raises Faults: a file is missing or cannot be read."""
    texts = _readable()
    if missing := [fault for name in DOCUMENTS if name not in texts for fault in _not_there(name).faults]:
        raise Faults(missing)
    return texts


NOT_THERE = _l("The file is not there, or cannot be read.")


def adopt_first() -> None:
    """Take the files up in a new database. Every one must be whole.

    :raises Faults: everything that is wrong.
    """
    if db.session.scalar(select(func.count()).select_from(RuleActivation)):
        return
    texts = _files()
    read_book(texts.__getitem__)
    perform(Name.ACTIVATE_RULES, ActivateInput(texts=texts, why="first start"), actor=SYSTEM)
    refresh()


def watch_files() -> list[str]:
    """Take up every file that changed since it was last seen; the names of those now in force.

    Files that fit only together (a tag renamed in two of them) come in together, whichever was saved first.
    """
    with _LOCK:
        seen: dict[str, str] = current_app.extensions.setdefault("peony_rule_files", {})
        refresh()
        in_force, texts = hashes(), _readable()
        found = {name: content_hash(texts[name]) if name in texts else MISSING for name in DOCUMENTS}
        fresh = {name for name, digest in found.items() if digest != seen.get(name, in_force.get(name))}
        if not fresh:
            return []
        waiting = {name: text for name, text in texts.items() if found[name] != in_force.get(name)}
        taken, refused = _fitting(rulebook(), waiting)
        refused |= {name: _not_there(name) for name in DOCUMENTS if name not in texts}
        if taken:
            actor = Actor(ActorKind.COMMAND, name=f"file:{_os_user()}", role="command")
            activation = ActivateInput(texts={name: texts[name] for name in taken}, why="file")
            perform(Name.ACTIVATE_RULES, activation, actor=actor)
            refresh()
        for name in DOCUMENTS:
            if name in refused:
                if name in fresh:
                    _tell_broken(name, found[name], refused[name])
            elif name in fresh or name in taken:
                perform(Name.SETTLE_ALERTS, {"source": SOURCE, "occasion": f"{name}:"}, actor=SYSTEM)
        seen.update(found)  # last: what failed on the way is tried again at the next look
        return taken


MISSING = "missing"
SOURCE = "rules"


def _not_there(name: str) -> Faults:
    return Faults([Fault(Place(str(path_of(name)), 1, 1), NOT_THERE)])


def _readable() -> dict[str, str]:
    """Texts by document. Bytes that are no UTF-8 stay what they are: the reader tells where they stand."""
    texts: dict[str, str] = {}
    for document in DOCUMENTS:
        with suppress(OSError):
            texts[document] = path_of(document).read_text(encoding="utf-8-sig", errors="surrogateescape")
    return texts


def _fitting(book: Rulebook, texts: dict[str, str]) -> tuple[list[str], dict[str, Faults]]:
    """Which of these documents can come into force: as many together as fit, and why not the others."""
    whole: dict[str, Document] = {}
    refused: dict[str, Faults] = {}
    for name, text in texts.items():
        try:
            whole[name] = read_document(DOCUMENTS[name], text, f"rules/{name}.yaml")
        except Faults as faults:
            refused[name] = faults
    for count in range(len(whole), 0, -1):
        for names in itertools.combinations(whole, count):
            with suppress(Faults):
                book = book.with_documents({name: whole[name] for name in names})
                return [*names], refused | _misfits(book, {n: d for n, d in whole.items() if n not in names})
    return [], refused | _misfits(book, whole)


def _misfits(book: Rulebook, documents: Mapping[str, Document]) -> dict[str, Faults]:
    """Why none of these documents fits into the book."""
    found: dict[str, Faults] = {}
    for name, document in documents.items():
        try:
            book.with_documents({name: document})
        except Faults as faults:
            found[name] = faults
    return found


def _os_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"


def _tell_broken(document: str, digest: str, faults: Faults) -> None:
    """Tell the owner, once per content, that a file is broken and what stays in force."""
    text = _("%(file)s was not taken up: %(fault)s", file=f"{document}.yaml", fault=faults.faults[0])
    alert = RaiseAlertInput(source=SOURCE, occasion=f"{document}:{digest}", text=text, severity=Severeness.URGENT)
    perform(Name.RAISE_ALERT, alert, actor=SYSTEM)
