"""The safety rule of every channel: what is contraindicated is neither booked, sold nor given without a reason."""

from __future__ import annotations

from collections.abc import Iterable

from flask_babel import lazy_gettext as _l
from sqlalchemy import or_, select

from admin_app.i18n import join_clauses, join_words
from admin_app.operations.kernel import Operation
from admin_app.operations.refusals import Refused
from admin_app.values import said_in_every_language
from models.catalogue import Service
from models.customers import Contraindication, kin_of
from rules.decisions.safety import ALSO_CALLED, OF_SOMETHING, Known, dangers


def ensure_safe(op: Operation, customer_id: int | None, services: Iterable[int], override: str) -> None:
    """Let it pass, or let it pass for a reason that stands in the log.

    :raises Refused: something known of her forbids a service, and no reason was given.
    """
    wanted = set(services)
    if customer_id is None or not wanted:
        return
    rows = op.rows_of(Service, wanted)
    forbidden = {row.name: row.contraindicated_by or [] for row in rows if row.contraindicated_by}
    if not forbidden:
        return
    known = _known(op, customer_id)
    found = {name: words for name, forbids in forbidden.items() if (words := dangers(forbids, known))}
    if not found:
        return
    if override:
        op.detail = {**op.detail, "overrides": sorted(found)}
        op.reason = override
        return
    said = join_clauses(f"{name}: {join_words(_said(words, known))}" for name, words in sorted(found.items()))
    message = _l(
        "This is contraindicated for this customer: %(what)s. Do it only for a reason, and say which.", what=said
    )
    raise Refused(message, "override", "contraindicated")


def _said(words: list[str], known: list[Known]) -> list[str]:
    """The words, and of those that hold only because something is unknown, that it is so."""
    sure = dangers(words, [one for one in known if not one.open])
    perhaps = _l("it is not written down what is not tolerated")
    return [word if word in sure else f"{word} ({perhaps})" for word in words]


def _known(op: Operation, customer_id: int) -> list[Known]:
    lasting = or_(Contraindication.until.is_(None), Contraindication.until >= op.day)
    live = (Contraindication.customer_id.in_(kin_of(customer_id)), Contraindication.archived_at.is_(None), lasting)
    rows = op.session.scalars(select(Contraindication).where(*live))
    return [
        Known(
            (*said_in_every_language(row.kind.label), *ALSO_CALLED.get(row.kind, ())),
            row.substance,
            open=row.kind in OF_SOMETHING and not (row.substance or "").strip(),
        )
        for row in rows
    ]
