"""Who is looking: the actor of this request, and what she may."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from flask import g, request
from flask_login import current_user

from admin_app.operations.kernel import now, perform
from admin_app.operations.reading import NumberSearchInput, ReadInput, forged_are_logged
from admin_app.operations.refusals import Forbidden, Missing, Refused
from admin_app.operations.registry import Answer, Input
from admin_app.rulebook import access_for
from models.actor import Actor, ActorKind
from models.entity import db
from models.names import Name
from rules.decisions.access import Access

NOBODY = "nobody"
LONGEST_PATH = 120


def actor() -> Actor:
    """The signed-in user, or nobody."""
    if "actor" not in g:
        address, agent = request.remote_addr or "", request.user_agent.string[:200]
        if current_user.is_authenticated:
            g.actor = current_user.actor(address, agent)
        else:
            g.actor = Actor(ActorKind.USER, name=NOBODY, role=NOBODY, address=address, agent=agent)
    found: Actor = g.actor
    return found


def access() -> Access:
    """Her permissions, looked up once a request."""
    if "access" not in g:
        g.access = access_for(actor())
    found: Access = g.access
    return found


def do(name: Name | str, data: Input | dict[str, Any] | None = None, *, reason: str | None = None) -> Answer:
    """Perform an operation as whoever is looking, with the key that her form brought along."""
    key = request.form.get("op_id") or None
    return perform(name, data, actor=actor(), key=key[:64] if key else None, reason=reason)


def form_key() -> str:
    """The key of the form that was sent, for the same form shown again; else a new one."""
    if "form_key" not in g:
        g.form_key = request.form.get("op_id", "")[:64] or secrets.token_hex(16)
    key: str = g.form_key
    return key


def renew_form_key() -> None:
    """Give the form a new key: what it asked for was refused."""
    g.form_key = secrets.token_hex(16)


def note_number_search(entity: str, words: str, found: int = 0) -> None:
    """Write down that somebody searched by a number, and stop whoever tries them all.

    :raises Refused: she has searched too often.
    """
    whole = len("".join(filter(str.isdecimal, words))) != 4
    do(Name.SEARCH_NUMBER, NumberSearchInput(entity=entity, whole=whole, found=found))


def log_read(entity: str, ids: Collection[int], fields: Collection[str]) -> None:
    """Log what a page shows of these rows before it shows it; parts of one page that show the same are one reading.

    Writing the log ends the transaction: rows that were read before are to be read anew.
    """
    logged: set[tuple[str, int, str]] = g.setdefault("logged_reads", set())
    unlogged = [(row, field) for row in ids for field in fields if (entity, row, field) not in logged]
    if not unlogged:
        return
    rows, names = {row for row, _field in unlogged}, {field for _row, field in unlogged}
    shown = ReadInput(
        entity=entity, ids=[row for row in ids if row in rows], fields=[field for field in fields if field in names]
    )
    do(Name.READ_RECORD, shown)
    logged.update((entity, row, field) for row, field in unlogged)


def refuse(
    refusal: type[Forbidden | Missing], page: str, entity: str | None = None, row_id: int | None = None
) -> Refused:
    """Log that a page was refused, and give the refusal to raise."""
    data = {"page": page, "entity": entity, "row": row_id, "missing": refusal is Missing}
    try:
        perform(Name.OPEN_PAGE, data, actor=actor())
    except Refused as logged:
        return logged
    raise AssertionError("open_page always refuses")


def note_forged() -> None:
    """Log that a form without its CSRF word was refused: who and from where as far as known, and the path."""
    who = actor()
    if forged_are_logged(db.session(), now(), who):
        with suppress(Refused):
            perform(Name.OPEN_PAGE, {"page": request.path[:LONGEST_PATH], "forged": True}, actor=who)
