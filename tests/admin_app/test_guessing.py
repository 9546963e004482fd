"""Guessing passwords: the wait after each failure, when it is forgotten, how long a session lives, what is too weak."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from admin_app.operations.accounts import EndSessionInput, SignInInput
from admin_app.operations.kernel import perform
from admin_app.operations.refusals import Refused
from admin_app.security import password_gate, passwords, sessions
from admin_app.security.password_gate import credential_of
from models.accounts import SignInThrottle, User, UserSession
from models.entity import db
from models.names import Name
from tests.cast import NOON, password_of
from tests.conftest import House

ACCOUNT, ADDRESS = "account:owner", "address:10.0.0.1"
SECOND = timedelta(seconds=1)


def row_of(subject: str) -> SignInThrottle | None:
    db.session.rollback()
    return db.session.get(SignInThrottle, subject)


def failures(subject: str) -> int:
    row = row_of(subject)
    return 0 if row is None else row.failures


def fail(subject: str, times: int, at: datetime) -> None:
    assert [password_gate.attempt([subject], at) for _ in range(times)] == [True] * times


@pytest.mark.parametrize(("subject", "free"), [(ACCOUNT, 5), (ADDRESS, 20)])
def test_each_failure_beyond_the_free_ones_doubles_the_wait(sqlite_house: House, subject: str, free: int) -> None:
    at, waits = NOON, []
    fail(subject, free, at)
    for _ in range(11):
        fail(subject, 1, at)
        row = row_of(subject)
        assert row is not None
        assert row.blocked_until is not None
        waits.append((row.blocked_until - at).total_seconds())
        assert not password_gate.attempt([subject], row.blocked_until - SECOND)
        at = row.blocked_until
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]
    assert failures(subject) == free + 11, "what was not tried is not counted"


def test_whoever_waits_in_one_way_does_not_try_in_another(sqlite_house: House) -> None:
    fail(ACCOUNT, 6, NOON)
    assert not password_gate.attempt([ADDRESS, ACCOUNT], NOON)
    assert failures(ADDRESS) == 0


def test_failures_are_forgotten_after_a_day(sqlite_house: House) -> None:
    fail(ACCOUNT, 3, NOON)
    fail(ACCOUNT, 1, NOON + timedelta(hours=24))
    assert failures(ACCOUNT) == 4
    fail(ACCOUNT, 1, NOON + timedelta(hours=48) + SECOND)
    assert failures(ACCOUNT) == 1


def test_success_forgets_the_account_and_one_attempt_of_the_address(sqlite_house: House) -> None:
    fail(ADDRESS, 20, NOON)
    assert password_gate.attempt([ACCOUNT, ADDRESS], NOON)
    password_gate.succeeded([ACCOUNT, ADDRESS], signed_in=True)
    assert row_of(ACCOUNT) is None
    row = row_of(ADDRESS)
    assert row is not None
    assert (row.failures, row.blocked_until) == (20, None)
    assert password_gate.attempt([ACCOUNT], NOON)
    password_gate.succeeded([ACCOUNT], signed_in=True)
    fail("address:10.0.0.2", 2, NOON)
    for left in (1, 0):
        password_gate.succeeded(["address:10.0.0.2"], signed_in=True)
        assert failures("address:10.0.0.2") == left
    assert row_of("address:10.0.0.2") is None


def test_how_long_a_session_lives(bare: Flask) -> None:
    settings, never = bare.config["PEONY"], timedelta(0)
    idle, whole = timedelta(minutes=settings.idle_minutes), timedelta(hours=settings.session_hours)

    def alive(unseen: timedelta, old: timedelta, ended: datetime | None = None) -> bool:
        session = UserSession(started_at=NOON - old, last_seen_at=NOON - unseen, ended_at=ended)
        return sessions.alive(session, NOON)

    assert alive(idle, idle)
    assert not alive(idle + SECOND, idle + SECOND)
    assert alive(never, whole - SECOND)
    assert not alive(never, whole)
    assert not alive(never, never, NOON)


@pytest.mark.parametrize(
    ("password", "strong"),
    [
        ("qz7wkx4vnj2mbt9", True),
        ("qz7wkx4vnj2mbt", False),  # 14 letters
        ("qz7wkx4vnj2mbt9-" * 8, True),
        ("qz7wkx4vnj2mbt9-" * 8 + "q", False),
        ("qzwxkvqzwxkvqzw", False),  # six letters over and over
        ("qzwxkv123456789", False),  # a row of digits counts for little
        ("nursery7qzwxkv!", True),
        ("nursery-nursery", False),
        ("mudanmeirongyuan2026", False),  # the salon's own name, in letters
        ("zhangsan19900101", False),  # the name of a colleague, and a birthday
        ("woaini1314woaini", False),
        ("correct horse battery staple", True),
    ],
)
def test_what_is_too_easy_to_guess(password: str, strong: bool) -> None:
    assert (passwords.weakness(password, "nursery", ["牡丹美容院", "张三"]) is None) is strong


@pytest.mark.parametrize(
    ("pin", "good"),
    [
        ("730952", True),
        ("73095", False),
        ("730952847", False),
        ("73095a", False),
        ("７３０９５２", False),
        ("123456", False),
        ("987654", False),
        ("121212", False),
        ("888888", False),
        ("520520", False),
    ],
)
def test_a_pin_has_six_digits_that_are_no_row(pin: str, good: bool) -> None:
    assert (passwords.weakness_of_pin(pin) is None) is good


def test_an_invented_password_is_four_groups_of_five_letters() -> None:
    invented = {passwords.invented() for _ in range(20)}
    assert len(invented) == 20
    assert all(re.fullmatch(r"[a-hj-km-np-z2-9]{5}(-[a-hj-km-np-z2-9]{5}){3}", one) for one in invented)


def test_who_may_no_longer_sign_in_gets_no_session(sqlite_house: House) -> None:
    data = SignInInput(user=999, token_hash="x" * 64)
    with pytest.raises(Refused) as refusal:
        perform(Name.SIGN_IN, data, actor=sqlite_house.actor("owner"))
    assert refusal.value.code == "wrong_password"
    db.session.rollback()
    assert db.session.scalars(select(UserSession)).all() == []


def test_a_session_says_who_ended_it(sqlite_house: House) -> None:
    data = SignInInput(user=sqlite_house.ids["owner"], token_hash="x" * 64)
    session = perform(Name.SIGN_IN, data, actor=sqlite_house.actor("owner"))["session"]
    perform(Name.END_SESSION, EndSessionInput(session=session), actor=sqlite_house.actor("owner", name="n" * 60))
    assert db.session.get_one(UserSession, session).ended_why == ("ended by " + "n" * 60)[:40]


def test_of_many_attempts_the_answer_says_why(sqlite_house: House) -> None:
    user, actor = db.session.get_one(User, sqlite_house.ids["owner"]), sqlite_house.actor("owner")

    def tried(typed: str, *, known: bool = True) -> str:
        try:
            password_gate.check(credential_of(user if known else None, "owner", typed, at_door=True), actor, NOON)
        except Refused as refusal:
            return refusal.code
        return ""

    assert tried("wrong") == "wrong_password"
    assert tried(password_of("owner"), known=False) == "wrong_password"
    assert tried(password_of("owner")) == ""
    fail(ACCOUNT, 6, NOON)
    assert tried(password_of("owner")) == "waiting"
