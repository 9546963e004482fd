"""The owner's files: whatever changes in them comes into force, if it fits.

A file whose hash differs from the one last seen becomes a new version and goes live at once; a broken one is told once,
as an alert, and the last good version stays in force. What comes into force on a page is written back into its file.
Where the file moved and the database too, nothing is adopted and nothing overwritten: that is a conflict, and is told.
"""

from __future__ import annotations

import getpass
import itertools
import os
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from flask import current_app
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from admin_app.i18n import in_both_languages
from admin_app.operations.kernel import perform
from admin_app.operations.rules import ActivateInput, content_hash
from admin_app.operations.todo import RaiseAlertInput
from admin_app.rulebook import hashes, refresh, rulebook, versions
from admin_app.rulebook import in_force as in_force_now
from models.actor import SYSTEM, Actor, ActorKind
from models.entity import db, writing
from models.names import Name
from models.rulebook import RuleActivation, RuleFile
from models.standing import Alert, Severeness
from rules.book import DOCUMENTS, NOTHING_OWN, Aside, Own, Rulebook, read_book
from rules.language.faults import Fault, Faults, Place
from rules.language.reading import Document, read_document

_LOCK = threading.Lock()


def path_of(document: str) -> Path:
    folder: Path = current_app.config["PEONY"].rules_dir
    return folder / f"{document}.yaml"


def read_files(own: Own = NOTHING_OWN) -> Rulebook:
    """All files as they stand, together.

    :raises Faults: everything that is wrong with any of them, or that one is not there.
    """
    return read_book(_files().__getitem__, own=own)


def document_named(file: Path) -> str | None:
    """The document that a file holds by its name: ``tags`` for tags.yaml, tags-new.yaml and tags (1).yaml."""
    word = re.match("[a-z]+", file.name.lower())
    return word.group() if word and word.group() in DOCUMENTS else None


def read_file(file: Path, document: str, *, salon: bool) -> Rulebook:
    """The rules in force with one document as this file has it; without a salon, beside the other files.

    :raises Faults: what is wrong with it by itself, or beside the others.
    :raises OSError: it cannot be read.
    """
    text = file.read_text(encoding="utf-8-sig", errors="surrogateescape")
    if salon:
        book = rulebook().with_documents({document: read_document(DOCUMENTS[document], text, str(file))})
        if faults := [fault for fault in book.each_fault() if fault.place.file == str(file)]:
            raise Faults(faults)  # even those that are in force already
        return book
    texts = {**_readable(), document: text}
    if missing := [fault for name in DOCUMENTS if name not in texts for fault in _not_there(name).faults]:
        raise Faults(missing)
    return read_book(texts.__getitem__, lambda name: str(file) if name == document else f"rules/{name}.yaml")


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
    _saw({name: content_hash(text) for name, text in texts.items()})
    refresh()


def watch_files() -> list[str]:
    """Take up every file that changed since it was last seen; the names of those now in force.

    Files that fit only together (a tag renamed in two of them) come in together, whichever was saved first.
    """
    with _LOCK:
        seen: dict[str, str] = current_app.extensions.setdefault("peony_rule_files", {})
        refresh()
        _tell_aside()
        write_back()
        in_force, texts = hashes(), _readable()
        found = {name: content_hash(texts[name]) if name in texts else MISSING for name in DOCUMENTS}
        fresh = {name for name, digest in found.items() if digest != seen.get(name, in_force.get(name))}
        if not fresh:
            return []
        moved = _moved(in_force)
        unwritten = {name for name, last in moved.items() if found[name] == last}
        fresh -= unwritten
        waiting = {n: text for n, text in texts.items() if found[n] != in_force.get(n) and n not in moved}
        taken, refused = _fitting(rulebook(), waiting)
        torn = {name for name in moved.keys() - unwritten if name in texts and found[name] != in_force.get(name)}
        refused |= {name: _conflict(name) for name in torn}
        refused |= {name: _not_there(name) for name in DOCUMENTS if name not in texts}
        if taken:
            actor = Actor(ActorKind.COMMAND, name=f"file:{_os_user()}", role="command")
            activation = ActivateInput(texts={name: texts[name] for name in taken}, why="file")
            perform(Name.ACTIVATE_RULES, activation, actor=actor)
            refresh()
        _saw({name: found[name] for name in DOCUMENTS if name in taken or found[name] == in_force.get(name)})
        for name in DOCUMENTS:
            if name in refused:
                if name in fresh:
                    _tell_broken(name, found[name], refused[name])
            elif name in fresh or name in taken:
                perform(Name.SETTLE_ALERTS, {"source": SOURCE, "occasion": f"{name}:"}, actor=SYSTEM)
        seen.update(found)  # last: what failed on the way is tried again at the next look
        return taken


def write_back() -> list[str]:
    """Write what came into force on a page into its file, as long as nobody touched that; the names of those written.

    Whoever writes holds the row of the file, so that of several processes none writes an older version over a newer.
    """
    moved = _moved(hashes())
    written = [name for name in moved if _write_one(name)]
    for name in written:
        perform(Name.SETTLE_ALERTS, {"source": SOURCE, "occasion": f"{name}:"}, actor=SYSTEM)
    return written


def _moved(in_force: Mapping[str, str]) -> dict[str, str]:
    """Documents whose version in force is not what was last seen in (or written into) their files, with that."""
    last = dict(db.session.execute(select(RuleFile.document, RuleFile.content_hash)).all())
    return {name: last[name] for name, digest in in_force.items() if name in last and last[name] != digest}


def _write_one(name: str) -> bool:
    session = writing()
    row = session.scalar(select(RuleFile).where(RuleFile.document == name).with_for_update())
    version = next((version for version, _ in in_force_now(session) if version.document == name), None)
    path, text = path_of(name), _readable().get(name)
    untouched = row is not None and text is not None and content_hash(text) == row.content_hash
    if row is None or version is None or not untouched:
        session.rollback()
        return False
    try:
        _replace(path, version.text)
    except OSError as error:
        session.rollback()
        _tell(f"{name}:unwritten:{version.id}", partial(_unwritten_said, path, error), version.id)
        return False
    row.content_hash = version.content_hash
    session.commit()
    return True


def _replace(path: Path, text: str) -> None:
    """Whole or not at all: whoever reads it meanwhile reads the old or the new one."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_bytes(text.encode("utf-8", errors="surrogateescape"))
    aside.replace(path)


def _saw(found: Mapping[str, str]) -> None:
    """Keep the content of files that say what is in force."""
    last = dict(db.session.execute(select(RuleFile.document, RuleFile.content_hash)).all())
    fresh = {name: digest for name, digest in found.items() if last.get(name) != digest}
    if not fresh:
        return
    session = writing()
    for name, digest in fresh.items():
        session.merge(RuleFile(document=name, content_hash=digest))
    session.commit()


CONFLICT = _l("The file was changed, and another version came into force meanwhile. Nothing was taken up.")


def _conflict(name: str) -> Faults:
    return Faults([Fault(Place(str(path_of(name)), 1, 1), CONFLICT)])


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
    file = f"{document}.yaml"
    _tell(f"{document}:{digest}", lambda: _("%(file)s was not taken up: %(fault)s", file=file, fault=faults.faults[0]))


def _tell_aside() -> None:
    """Tell the owner, once a version, of each rule that this release cannot read; settle that when it is mended."""
    book, version = rulebook(), versions()
    wrong = {f"aside:{one.document}:{version[one.document]}:{one.id}": one for one in book.aside}
    mine = (Alert.source == SOURCE, Alert.occasion.startswith("aside:"))
    told = dict(db.session.execute(select(Alert.occasion, Alert.closed_at).where(*mine)).all())
    for occasion in wrong.keys() - told.keys():
        one = wrong[occasion]
        _tell(occasion, partial(_aside_said, one), version[one.document])
    for occasion in told.keys() - wrong.keys():
        if told[occasion] is None:
            perform(Name.SETTLE_ALERTS, {"source": SOURCE, "occasion": occasion}, actor=SYSTEM)


def _unwritten_said(path: Path, error: OSError) -> str:
    return str(_("%(file)s could not be written: %(why)s", file=path.name, why=error))


def _aside_said(one: Aside) -> str:
    text = _("The rule %(id)s cannot be read; nobody gains or loses it until it is mended. %(fault)s")
    return str(text % {"id": one.id, "fault": one.faults[0]})


def _tell(occasion: str, say: Callable[[], str], version: int | None = None) -> None:
    texts, about = in_both_languages(say), None if version is None else "rule_version"
    values = {"source": SOURCE, "occasion": occasion[:120], "about": about, "about_id": version, **texts}
    perform(Name.RAISE_ALERT, RaiseAlertInput(severity=Severeness.URGENT, **values), actor=SYSTEM)
