"""The demo salon: three stores, 24 people, 800 customers, two years; the same from one seed number and one day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from flask import current_app

from admin_app.evaluation import evaluate
from admin_app.load import Loader, align_sequences, load
from admin_app.new_salon import DEMO, note_demo
from admin_app.operations.kernel import now
from admin_app.rulebook import rulebook, versions
from admin_app.start import SignInCard, new_password
from models import search
from models.accounts import User
from models.actor import SYSTEM
from models.cards import Card, CardChange, CardItem, GiftIssue
from models.customers import Customer
from models.entity import db, entities, table_of
from models.organisation import Staff
from models.sales import Payment, Sale, SaleLine, StaffShare, Visit
from models.till import Approval, ApprovalRequest, RequestState, Reversal, Voucher
from models.value import Account, LedgerEntry, Lot
from seed.bookings import booking_rows
from seed.care import care_rows
from seed.chance import beside
from seed.contacts import contact_rows
from seed.drawer import drawer_rows
from seed.history import history
from seed.people import people
from seed.reference import reference_rows
from seed.rota import Rota, rota_rows
from seed.seldom import sell_seldom
from seed.team import Rows
from seed.till import Till
from seed.treatments import treatment_rows
from seed.when import When

SEED = 20260520
CAST = (
    ("owner", "老板", "owner", None),
    ("manager", "湖滨店店长", "manager", 13),
    ("reception", "湖滨店前台", "reception", 14),
    ("consultant", "顾问", "consultant", 15),
    ("therapist", "美容师", "therapist", 1),
    ("auditor", "审计员", "auditor", None),
    ("finance", "财务", "finance", 20),
)
"""Sign-in name, name, role, and number among the staff."""


def make_demo(seed: int = SEED, today: date | None = None) -> list[SignInCard]:
    """Fill an empty salon, let the rules look at it twice, and give everybody a way to sign in."""
    moment = now()
    day = today or moment.astimezone(current_app.config["PEONY"].zone).date()
    load(lambda loader: _fill(loader, Random(seed), day, None if today else moment), DEMO, SYSTEM)
    note_demo()
    evaluate(day - timedelta(days=10))
    evaluate(day)
    return [SignInCard(role, login, new_password(number, SYSTEM)) for number, (login, _, role, _) in enumerate(CAST, 1)]


def _fill(loader: Loader, random: Random, today: date, moment: datetime | None) -> None:
    for entity, rows in rows_of(random, today, moment, loader.operation):
        loader.add(table_of(entity), rows)
    align_sequences(loader.connection)
    for entity in entities():
        search.rebuild(loader.connection, entity)


def rows_of(
    random: Random, today: date, moment: datetime | None = None, operation: int = 0
) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    """Tables with their rows, in an order in which references exist; nothing has happened after the moment."""
    when = When.of(today, current_app.config["PEONY"].zone, moment)
    reference = reference_rows(random, today)
    yield from reference
    yield User, [demo_user(number, *one) for number, one in enumerate(CAST, 1)]
    rota = Rota(dict(reference)[Staff], today)
    everybody = people(random, today)
    yield Customer, [person.row for person in everybody]
    yield from care_rows(random, when, everybody, rota)
    apart = Random(random.getrandbits(64))  # the hour shortens today's history, and must change nothing else
    book = rulebook(db.session())
    till = Till(random, book, versions(), operation)
    history(random, when, everybody, rota, till)
    sell_seldom(beside(apart), when, everybody, rota, till.rows)
    yield from till_rows(till)
    yield from drawer_rows(Random(apart.getrandbits(64)), when, rota, till.rows)
    yield from treatment_rows(Random(apart.getrandbits(64)), when, everybody, till.rows)
    yield from booking_rows(Random(apart.getrandbits(64)), when, everybody, rota, till.rows)
    yield from rota_rows(apart, when, rota)
    yield from contact_rows(apart, when, everybody, rota, till.rows.visits)


def demo_user(number: int, login: str, name: str, role: str, staff: int | None) -> dict[str, Any]:
    """A user who cannot sign in until she is given a password."""
    return {"id": number, "login": login, "name": name, "role": role, "staff_id": staff, "password_hash": "-"}


def request_rows(approvals: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every second approval was asked for from elsewhere, and given two minutes later."""
    return [
        {
            "id": number,
            "store_id": approval["store_id"],
            "customer_id": None,
            "at": approval["at"] - timedelta(minutes=2),
            "operation": approval["operation"],
            "asked_by": approval["asked_by"],
            "content": approval["content"],
            "total": None,
            "working": None,
            "why": approval["reason"],
            "state": RequestState.ALLOWED,
            "answered_by": approval["allowed_by"],
            "answered_at": approval["at"],
            "answer": None,
            "approval_id": approval["id"],
        }
        for number, approval in enumerate(approvals[::2], 1)
    ]


def till_rows(till: Till) -> Rows:
    """What the till has written, in an order in which references exist."""
    rows, books = till.rows, till.books
    return [
        (Visit, rows.visits),
        (Approval, rows.approvals),
        (ApprovalRequest, request_rows(rows.approvals)),
        (Card, rows.cards),
        (CardItem, rows.items),
        (Sale, rows.sales),
        (SaleLine, rows.lines),
        (StaffShare, rows.shares),
        (Payment, rows.payments),
        (Voucher, rows.vouchers),
        (Reversal, rows.reversals),
        (CardChange, rows.changes),
        (GiftIssue, rows.gifts),
        (Account, books.accounts),
        (Lot, books.lots),
        (LedgerEntry, books.entries),
    ]
