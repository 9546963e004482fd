"""The demo salon: three stores, twenty people, 800 customers, two years; the same from one seed number and one day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from flask import current_app

from admin_app.evaluation import evaluate
from admin_app.load import Loader, align_sequences, load
from admin_app.operations.kernel import now
from admin_app.start import SignInCard, create_user
from models import search
from models.actor import SYSTEM
from models.customers import Customer
from models.entity import entities, table_of
from models.organisation import Staff
from models.sales import Payment, Sale, SaleLine, StaffShare, Visit
from seed.care import care_rows
from seed.contacts import contact_rows
from seed.history import history
from seed.people import people
from seed.reference import reference_rows
from seed.rota import Rota, rota_rows
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
    load(lambda loader: _fill(loader, Random(seed), day, None if today else moment), "demo", SYSTEM)
    evaluate(day - timedelta(days=10))
    evaluate(day)
    return [create_user(login, name, role, SYSTEM, staff) for login, name, role, staff in CAST]


def _fill(loader: Loader, random: Random, today: date, moment: datetime | None) -> None:
    for entity, rows in rows_of(random, today, moment):
        loader.add(table_of(entity), rows)
    align_sequences(loader.connection)
    for entity in entities():
        search.rebuild(loader.connection, entity)


def rows_of(random: Random, today: date, moment: datetime | None = None) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    """Tables with their rows, in an order in which references exist; nothing has happened after the moment."""
    when = When.of(today, current_app.config["PEONY"].zone, moment)
    reference = reference_rows(random, today)
    yield from reference
    rota = Rota(dict(reference)[Staff], today)
    everybody = people(random, today)
    yield Customer, [person.row for person in everybody]
    yield from care_rows(random, when, everybody, rota)
    apart = Random(random.getrandbits(64))  # the hour shortens today's history, and must change nothing else
    past = history(random, when, everybody, rota)
    yield Visit, past.visits
    yield Sale, past.sales
    yield SaleLine, past.lines
    yield StaffShare, past.shares
    yield Payment, past.payments
    yield from rota_rows(apart, when, rota)
    yield from contact_rows(apart, when, everybody, rota, past.visits)
