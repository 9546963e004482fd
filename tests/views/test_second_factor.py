"""Signing in with a second factor, and confirming who one is before what pays out, exports or changes rights."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pyotp
import pytest
import time_machine
from sqlalchemy import select

from admin_app.doctor.sessions import check_sessions
from admin_app.operations.accounts import ResetPasswordInput
from admin_app.operations.confirmation import is_powerful
from admin_app.operations.kernel import now, perform
from admin_app.rulebook import access_for, refresh
from admin_app.security import passwords
from admin_app.security.password_gate import FREE
from admin_app.security.second_factor import codes_left, factors_of
from models.accounts import FactorKind, RecoveryCode, SecondFactor, User, UserSession
from models.entity import db
from models.log import EntryKind
from models.log import Operation as LogOperation
from models.names import Name
from tests.cast import NOON, password_of
from tests.conftest import House
from tests.web import Browser

REQUIRED = "version: 1\nsecond_factor: required\nconfirm_again: 10min\ninitial_password: 7d\nown_words: [牡丹]\n"
STEP = timedelta(seconds=30)
TEN_MINUTES = timedelta(minutes=10)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def strict(sqlite_house: House) -> House:
    """A house that asks its powerful roles for a second factor."""
    texts = {"security": REQUIRED}
    perform(Name.ACTIVATE_RULES, {"texts": texts, "why": "test"}, actor=sqlite_house.actor("owner"))
    refresh()
    return sqlite_house


def add_app(house: House, role: str) -> tuple[pyotp.TOTP, list[str]]:
    """Add an authenticator app on the pages; the app and the recovery codes."""
    browser = house.browser(role)
    page = browser.get("/account/factors/app").text
    seed = re.search(r'name="seed" type="hidden" value="([^"]+)"', page) or re.search(
        r'name="seed".*?value="([^"]+)"', page
    )
    shown = re.search(r'<code class="seed">([^<]+)</code>', page)
    assert seed is not None
    assert shown is not None
    app = pyotp.TOTP(shown[1].replace(" ", ""))
    answer = browser.post("/account/factors/app", {"seed": seed[1], "name": "手机", "code": app.at(now())})
    assert answer.status_code == 200, answer.text
    return app, re.findall(r"<li><code>([^<]+)</code></li>", answer.text)


def password_step(browser: Browser, role: str) -> Any:
    return browser.post("/sign-in", {"login": role, "password": password_of(role)})


def through_the_door(house: House, role: str) -> Browser:
    """A browser whose session began with the password."""
    browser = house.browser()
    assert password_step(browser, role).status_code == 302
    return browser


def code_step(browser: Browser, code: str) -> int:
    return browser.post("/sign-in/code", {"code": code}).status_code


def signed_in(browser: Browser) -> bool:
    return browser.get("/").status_code == 200


def refusals(name: Name) -> list[str]:
    db.session.rollback()
    query = select(LogOperation.result).where(LogOperation.name == name, LogOperation.kind == EntryKind.REFUSAL)
    return list(db.session.scalars(query.order_by(LogOperation.id)))


# --------------------------------------------------------------------------------------------------- signing in


def test_a_password_alone_no_longer_opens(sqlite_house: House, clock: time_machine.Traveller) -> None:
    app, codes = add_app(sqlite_house, "owner")
    assert len(codes) == len(set(codes)) == 10
    clock.shift(STEP)
    browser = sqlite_house.browser()
    page = password_step(browser, "owner")
    assert page.status_code == 200
    assert 'name="code"' in page.text
    assert not signed_in(browser)
    assert code_step(browser, "000000") == 401
    assert not signed_in(browser)
    assert code_step(browser, app.at(now())) == 302
    assert signed_in(browser)


def test_a_code_opens_once(sqlite_house: House, clock: time_machine.Traveller) -> None:
    app, _codes = add_app(sqlite_house, "owner")
    other = sqlite_house.browser()
    password_step(other, "owner")
    assert code_step(other, app.at(now())) == 401  # the one by which it was added
    clock.shift(STEP)
    first, second = sqlite_house.browser(), sqlite_house.browser()
    for browser in (first, second):
        password_step(browser, "owner")
    assert code_step(first, app.at(now())) == 302
    assert code_step(second, app.at(now())) == 401
    assert code_step(second, app.at(now() - STEP)) == 401  # an earlier one, though its time is near


def test_a_recovery_code_opens_once(sqlite_house: House) -> None:
    _app, codes = add_app(sqlite_house, "owner")
    browser = sqlite_house.browser()
    password_step(browser, "owner")
    assert code_step(browser, f" {codes[3].upper()} ") == 302
    again = sqlite_house.browser()
    password_step(again, "owner")
    assert code_step(again, codes[3]) == 401
    assert code_step(again, codes[4]) == 302
    assert codes_left(db.session(), sqlite_house.ids["owner"]) == 8
    stored = {row.digest for row in db.session.scalars(select(RecoveryCode))}
    assert not any(code.replace("-", "") in digest for code in codes for digest in stored)


def test_codes_cannot_be_guessed_by_somebody_with_the_password(sqlite_house: House) -> None:
    """Each right password would clear the count of the account; codes have a count of their own."""
    add_app(sqlite_house, "owner")
    for guess in range(FREE["code"] + 10):
        browser = sqlite_house.browser()
        password_step(browser, "owner")
        code_step(browser, f"{guess:06}")
    looked_at = refusals(Name.SIGN_IN).count("wrong_password")
    assert looked_at <= FREE["code"] + 1
    assert "waiting" in refusals(Name.SIGN_IN)


def test_the_second_step_ends_with_the_password_or_after_minutes(
    sqlite_house: House, clock: time_machine.Traveller
) -> None:
    app, _codes = add_app(sqlite_house, "owner")
    browser = sqlite_house.browser()
    password_step(browser, "owner")
    clock.shift(timedelta(minutes=6))
    assert browser.post("/sign-in/code", {"code": app.at(now())}).headers["Location"].endswith("/sign-in")
    assert not signed_in(browser)
    password_step(browser, "owner")
    given = ResetPasswordInput(
        user=sqlite_house.ids["owner"], password_hash=passwords.hashed("another sentence of all")
    )
    perform(Name.RESET_PASSWORD, given, actor=sqlite_house.actor("owner"))
    assert code_step(browser, app.at(now())) == 302
    assert not signed_in(browser)


def test_what_was_typed_comes_through_the_second_step(sqlite_house: House, clock: time_machine.Traveller) -> None:
    app, _codes = add_app(sqlite_house, "owner")
    clock.shift(STEP)
    browser = sqlite_house.browser("owner")
    db.session.scalars(select(UserSession).order_by(UserSession.id.desc())).first()
    browser.post("/sign-out")
    anna = sqlite_house.ids["anna"]
    page = Browser.post(browser, "/sign-in?next=/customer/", {"login": "owner", "password": password_of("owner")})
    assert 'action="/sign-in/code?next=/customer/"' in page.text
    answer = browser.post("/sign-in/code?next=/customer/", {"code": app.at(now())})
    assert answer.headers["Location"] == "/customer/"
    assert anna


# ------------------------------------------------------------------------------------------------- who needs one


def test_who_may_pay_out_adds_one_before_anything_else(strict: House) -> None:
    for role, asked in {
        "owner": True,
        "manager": True,
        "auditor": True,
        "reception": True,
        "therapist": False,
    }.items():
        answer = strict.browser(role).get("/")
        assert (answer.headers.get("Location") == "/account/factors") is asked, role
        assert is_powerful(access_for(strict.actor(role))) is asked, role
    add_app(strict, "owner")
    assert strict.browser("owner").get("/").status_code == 200


def test_the_last_one_cannot_be_done_without_where_it_is_required(strict: House) -> None:
    add_app(strict, "owner")
    browser = strict.browser("owner")
    number = factors_of(db.session(), strict.ids["owner"])[0].id
    browser.post(f"/account/factors/{number}/remove")
    assert browser.get("/").headers["Location"] == "/account/factors"


def test_another_can_be_reset_and_oneself_not(strict: House) -> None:
    add_app(strict, "owner")
    add_app(strict, "manager")
    manager, owner = strict.browser("manager"), strict.browser("owner")
    assert owner.post("/do/reset_second_factors/", {"user": str(strict.ids["owner"])}).status_code == 422
    assert owner.post("/do/reset_second_factors/", {"user": str(strict.ids["manager"])}).status_code == 302
    assert factors_of(db.session(), strict.ids["manager"]) == []
    assert manager.get("/").status_code == 302  # that session is over
    assert strict.browser("manager").get("/").headers["Location"] == "/account/factors"


# ---------------------------------------------------------------------------------------------------- confirming


GUARDED = {
    "an export": ("GET", "/customer/export/csv/", {}),
    "an export of the log": ("GET", "/log/export.csv", {}),
    "taking back": ("GET", "/do/reverse_sale/?on=1", {}),
    "a new user": ("POST", "/do/create_user/", {"login": "nobody2", "name": "某人", "role": "reception"}),
    "a new second factor": ("GET", "/account/factors/app", {}),
}


@pytest.mark.parametrize("act", GUARDED)
def test_after_ten_minutes_one_confirms_first(sqlite_house: House, clock: time_machine.Traveller, act: str) -> None:
    method, address, values = GUARDED[act]
    browser = through_the_door(sqlite_house, "owner")
    send = (lambda: browser.get(address)) if method == "GET" else (lambda: browser.post(address, dict(values)))
    clock.shift(TEN_MINUTES)
    assert "confirm" not in send().headers.get("Location", "")
    clock.shift(timedelta(seconds=1))
    values = {**values, "login": "nobody3"} if values else values
    answer = send()
    if method == "GET":
        assert answer.headers["Location"].startswith("/account/confirm?next=")
    else:
        assert answer.status_code == 403
        assert 'action="/account/confirm"' in answer.text
    asked = answer.headers.get("Location", "/account/confirm")
    assert browser.post(asked, {"password": "wrong"}).status_code == 422
    sealed = re.search(r'name="sealed" value="([^"]+)"', answer.text)
    answer = browser.post(asked, {"password": password_of("owner"), "sealed": sealed[1] if sealed else ""})
    assert answer.status_code == (200 if sealed else 302)
    assert "confirm" not in send().headers.get("Location", "")


def test_with_a_second_factor_it_is_that_which_confirms(sqlite_house: House, clock: time_machine.Traveller) -> None:
    app, _codes = add_app(sqlite_house, "owner")
    browser = sqlite_house.browser("owner")
    clock.shift(TEN_MINUTES + STEP)
    assert browser.post("/account/confirm", {"password": password_of("owner")}).status_code == 422
    assert browser.post("/account/confirm?next=/customer/export/csv/", {"code": app.at(now())}).status_code == 302
    assert browser.get("/customer/export/csv/").status_code == 200


def test_a_form_that_a_script_sent_is_told_what_to_do(sqlite_house: House, clock: time_machine.Traveller) -> None:
    browser = sqlite_house.browser("owner")
    clock.shift(TEN_MINUTES + STEP)
    values = {"login": "nobody2", "name": "某人", "role": "reception"}
    answer = browser.post("/do/create_user/", values, json=True)
    assert answer.status_code == 403
    assert "error" in (answer.json or {})


# ------------------------------------------------------------------------------------------- passwords and sessions


def test_the_session_gets_a_new_token_with_the_password(sqlite_house: House) -> None:
    browser = sqlite_house.browser("reception")
    with browser.client.session_transaction() as session:
        stolen = dict(session)
    new = "quite another sentence 7"
    browser.post("/account/password", {"old": password_of("reception"), "new": new})
    assert signed_in(browser)
    thief = sqlite_house.browser()
    with thief.client.session_transaction() as session:
        session.update(stolen)
    assert not signed_in(thief)


def test_a_password_that_was_handed_out_ends_after_a_week(sqlite_house: House, clock: time_machine.Traveller) -> None:
    from admin_app.start import create_user

    card = create_user("newcomer", "新人", "reception", sqlite_house.actor("owner"))
    clock.shift(timedelta(days=7, minutes=1))
    late = sqlite_house.browser()
    assert late.post("/sign-in", {"login": "newcomer", "password": card.password}).status_code == 401
    assert refusals(Name.SIGN_IN) == ["expired"]
    clock.shift(timedelta(minutes=-2))
    assert late.post("/sign-in", {"login": "newcomer", "password": card.password}).status_code == 302


def test_secrets_are_sealed_in_the_database_and_left_out_of_the_log(sqlite_house: House) -> None:
    app, codes = add_app(sqlite_house, "owner")
    raw = db.session.connection().exec_driver_sql("SELECT secret FROM second_factor").scalar_one()
    assert app.secret.encode() not in bytes(raw)
    log = " ".join(str(row) for row in db.session.connection().exec_driver_sql("SELECT old, new FROM row_value"))
    assert app.secret not in log
    assert not any(code in log for code in codes)
    factor = db.session.scalars(select(SecondFactor)).one()
    assert (factor.kind, factor.name) == (FactorKind.APP, "手机")
    assert db.session.get_one(User, sqlite_house.ids["owner"]).pin_hash is None


def test_a_proof_takes_the_code_itself(sqlite_house: House) -> None:
    """The pages are not the only door: the operation asks for the second factor too."""
    from admin_app.operations.accounts import SignInInput
    from admin_app.operations.refusals import Refused

    add_app(sqlite_house, "owner")
    with pytest.raises(Refused) as refused:
        given = SignInInput(user=sqlite_house.ids["owner"], token_hash="0" * 64)
        perform(Name.SIGN_IN, given, actor=sqlite_house.actor("owner"))
    assert refused.value.code == "wrong_password"


def test_the_doctor_knows_the_session_by_its_new_token(sqlite_house: House) -> None:
    browser = through_the_door(sqlite_house, "reception")
    browser.post("/account/password", {"old": password_of("reception"), "new": "quite another sentence 7"})
    assert signed_in(browser)
    assert check_sessions() == (1, [])
