"""The call list: whom to call today and why, with a text to copy; each customer once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import Flask, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select

from admin_app.calling import Call, Reason, Why, calls
from admin_app.consents import refusing_marketing
from admin_app.operations.kernel import begin_of_day, business_day, now
from admin_app.operations.refusals import Forbidden, Missing
from admin_app.operations.registry import spec_named
from admin_app.titles import titles_by
from admin_app.values import money
from models.customers import Customer, Interaction, current_id, records_of
from models.entity import db
from models.names import Name
from rules.documents.roles import Action
from views.addresses import BadAddress, number_in
from views.cells import Cells
from views.helpers import in_days
from views.person import access, actor, refuse

PAGE = 20
"""So many customers on one page."""
SENTENCES = 2
"""A text says no more than so many things at once."""

LABELS = {
    Why.FOLLOW_UP: _l("Follow-up"),
    Why.TASK: _l("Task"),
    Why.BIRTHDAY: _l("Birthday"),
    Why.CARD_ENDS: _l("Card ends soon"),
    Why.ALMOST_USED: _l("Card almost used"),
    Why.OWES: _l("Owes"),
    Why.DORMANT: _l("Dormant"),
}
MARKETING = frozenset({Why.BIRTHDAY, Why.CARD_ENDS, Why.ALMOST_USED, Why.DORMANT})
"""What is said only to those who have not asked to be left alone."""
TONES = {Why.OWES: "bad", Why.CARD_ENDS: "warn", Why.ALMOST_USED: "warn", Why.BIRTHDAY: "tag-rose", Why.TASK: "info"}


@dataclass(frozen=True)
class Told:
    """A reason in words, and the button that settles it."""

    label: str
    tone: str
    words: str
    act: str
    address: str


@dataclass(frozen=True)
class Entry:
    """A customer to call: why, and a text to send; ``spoken`` when somebody has talked with her today."""

    customer: Customer
    reasons: list[Told]
    text: str
    quiet: bool
    spoken: bool


def register(app: Flask) -> None:
    app.add_url_rule("/call-list", "call_list", call_list_page)


def call_list_page() -> Any:
    """Whom to call today; ``?why=`` keeps one reason."""
    if not access().opens("call_list"):
        raise refuse(Forbidden, "call_list")
    today = business_day(now())
    found = calls(db.session(), access(), today)
    counts = Counter(why for call in found for why in {one.why for one in call.reasons})
    wanted = next((why for why in Why if why.value == request.args.get("why")), None)
    if wanted is None and request.args.get("why"):
        raise BadAddress("why", _l("This is not one of the choices."))
    chosen = [call for call in found if wanted is None or wanted in {one.why for one in call.reasons}]
    page = number_in({"page": "1", **request.args}, "page") or 0
    if page < 1 or (page > 1 and (page - 1) * PAGE >= len(chosen)):
        raise refuse(Missing, "call_list")
    entries = _entries(chosen, today, (page - 1) * PAGE)
    phone = Customer.fields()["phone"]
    return render_template(
        "call_list.html",
        today=today,
        entries=entries,
        page=page,
        more=max(len(chosen) - page * PAGE, 0),
        reasons=[(why.value, LABELS[why], counts[why]) for why in Why if counts[why]],
        wanted=wanted.value if wanted else "",
        phone=phone,
        cells=Cells([one.customer for one in entries], [phone], access()),
        may_reveal=access().may(Action.REVEAL, Customer),
    )


def _entries(chosen: Sequence[Call], today: date, start: int) -> list[Entry]:
    """One page from ``start`` on, those not spoken to yet first; so many statements however many they are."""
    ids = [call.customer_id for call in chosen]
    spoken = _spoken(ids, today)
    order = sorted(chosen, key=lambda call: call.customer_id in spoken)[start : start + PAGE]
    ids = [call.customer_id for call in order]
    rows = {row.id: row for row in db.session.scalars(select(Customer).where(Customer.id.in_(ids)))}
    salons, quiet = _salons(rows.values()), refusing_marketing(db.session(), ids)
    return [
        Entry(
            rows[call.customer_id],
            [told(one) for one in call.reasons],
            text_for(rows[call.customer_id], call.reasons, salons[call.customer_id], call.customer_id in quiet),
            call.customer_id in quiet,
            call.customer_id in spoken,
        )
        for call in order
    ]


def _salons(customers: Collection[Customer]) -> dict[int, str]:
    """Which store speaks to each: her own where the caller works in it or nowhere, else the caller's."""
    mine = sorted(actor().stores)
    speaks = {row.id: row.store_id if not mine or row.store_id in mine else mine[0] for row in customers}
    names = titles_by({"store": set(speaks.values())}, access())
    return {number: names["store", store] for number, store in speaks.items()}


def _spoken(customers: Collection[int], today: date) -> set[int]:
    """With whom somebody has talked today."""
    since = begin_of_day(today)
    query = select(current_id()).join(Interaction, Interaction.customer_id == Customer.id)
    query = query.where(Interaction.customer_id.in_(records_of(customers)), Interaction.at >= since)
    return set(db.session.scalars(query))


# ------------------------------------------------------------------------------------------------- in words


def told(reason: Reason) -> Told:
    """A reason for whoever calls, with the button that settles it where she may press it."""
    act, label, address = SETTLES.get(reason.why), "", ""
    if act is not None and access().does(act):
        label, back = str(spec_named(act).label), url_for("call_list")
        address = url_for("operation", name=act, on=reason.row_id, version=reason.version, next=back)
    return Told(str(LABELS[reason.why]), TONES.get(reason.why, ""), WORDS[reason.why](reason), label, address)


SETTLES = {Why.FOLLOW_UP: Name.FINISH_FOLLOW_UP, Why.TASK: Name.FINISH_TASK}

WORDS: dict[Why, Callable[[Reason], str]] = {
    Why.FOLLOW_UP: lambda one: one.what + (" · " + _("%(days)s days late", days=one.number) if one.number else ""),
    Why.TASK: lambda one: one.what,
    Why.BIRTHDAY: lambda one: in_days(one.number),
    Why.CARD_ENDS: lambda one: _("%(card)s sessions left, ends %(when)s", card=one.what, when=in_days(one.number)),
    Why.ALMOST_USED: lambda one: _("%(card)s: %(left)s sessions left", card=one.what, left=one.number),
    Why.OWES: lambda one: money(one.number),
    Why.DORMANT: lambda one: (
        _("not here for %(days)s days, with value left", days=one.number)
        if one.what
        else _("not here for %(days)s days", days=one.number)
    ),
}

SENTENCE: dict[Why, Callable[[Reason], str]] = {
    Why.FOLLOW_UP: lambda one: _("How does your skin feel after your %(service)s?", service=one.what),
    Why.BIRTHDAY: lambda one: (
        _("Happy birthday! A little present is waiting for you here.")
        if one.number == 0
        else _("Your birthday is near: a little present is waiting for you here.")
    ),
    Why.CARD_ENDS: lambda one: _(
        "Your card %(card)s ends %(when)s. Shall we find a time for you?",
        card=one.what.partition(" · ")[0],
        when=in_days(one.number),
    ),
    Why.ALMOST_USED: lambda one: _(
        "%(left)s sessions are left on your card %(card)s. When would you like to come?",
        left=one.number,
        card=one.what,
    ),
    Why.OWES: lambda one: _(
        "There is still a bill of %(amount)s open; it can wait for your next visit.", amount=money(one.number)
    ),
    Why.DORMANT: lambda one: _("We have not seen you for a while. When would it suit you to come again?"),
}


def text_for(customer: Customer, reasons: Sequence[Reason], salon: str, quiet: bool = False) -> str:
    """What can be sent to her; empty where there is nothing to say, or she wants to be left alone."""
    fit = [one for one in reasons if one.why in SENTENCE and not (quiet and one.why in MARKETING)]
    said = list(dict.fromkeys(SENTENCE[one.why](one) for one in fit))[:SENTENCES]
    if not said:
        return ""
    greeting = _("Hello %(name)s, this is %(salon)s.", name=customer.name, salon=salon)
    return ("" if greeting.endswith("。") else " ").join([greeting, *said])
