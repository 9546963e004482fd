"""The door: who gets in, how long, and what a guesser sees."""

from __future__ import annotations

from datetime import timedelta
from http.cookies import SimpleCookie
from types import SimpleNamespace

import pytest
import time_machine
from argon2.exceptions import VerifyMismatchError
from flask import url_for
from sqlalchemy import func, select

from admin_app.operations.kernel import perform
from admin_app.security import passwords, sessions
from models.accounts import SignInThrottle, User, UserSession
from models.actor import SYSTEM
from models.entity import db
from models.log import Operation
from models.names import Name
from tests.cast import ROLES, create, password_of, raw_operation
from tests.conftest import ON_BOTH, House
from tests.web import Browser

HOUSES = ("sqlite",)


def knock(browser: Browser, login: str, password: str, address: str = "127.0.0.1") -> int:
    environ = {"REMOTE_ADDR": address}
    return browser.post("/sign-in", {"login": login, "password": password}, environ_base=environ).status_code


def entries(result: str) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).where(Operation.name == "sign_in", Operation.result == result)) or 0


@pytest.mark.parametrize("role", ROLES)
def test_everybody_of_the_cast_gets_in(sqlite_house: House, role: str) -> None:
    browser = sqlite_house.browser()
    assert knock(browser, role, password_of(role)) == 302
    assert browser.get("/").status_code == 200
    assert entries("done") == 1


def test_the_name_is_taken_in_any_case(sqlite_house: House) -> None:
    assert knock(sqlite_house.browser(), "  OWNER ", password_of("owner")) == 302


@pytest.mark.parametrize("pair", [("owner", "wrong"), ("nobody", "wrong"), ("", ""), ("owner", "")])
def test_whatever_is_wrong_sounds_the_same(house: House, pair: tuple[str, str]) -> None:
    browser = house.browser()
    answer = browser.post("/sign-in", {"login": pair[0], "password": pair[1]})
    assert answer.status_code == 401
    assert "登录名或密码" in answer.text
    assert entries("wrong_password") == 1


def test_what_was_typed_is_not_logged(house: House) -> None:
    knock(house.browser(), "my password by mistake", "x")
    row = db.session.scalars(select(Operation).where(Operation.name == "sign_in")).one()
    assert (row.actor_name, row.actor_id) == ("nobody", None)
    assert "mistake" not in str(row.detail)


def test_an_unknown_name_takes_as_long_as_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both verify one hash of the same cost: the work is the same, whoever asks."""
    verified: list[str] = []

    def verify(stored: str, password: str) -> bool:
        verified.append(stored.rsplit("$", 2)[0])
        raise VerifyMismatchError

    monkeypatch.setattr(passwords, "_HASHER", SimpleNamespace(verify=verify, hash=passwords._HASHER.hash))
    stored = passwords.hashed("a sentence that nobody knows")
    assert not passwords.matches(stored, "wrong")
    assert not passwords.matches(None, "wrong")
    assert verified[0] == verified[1]
    assert len(verified) == 2


def test_guessing_an_account_is_slowed_down_and_never_locked(house: House) -> None:
    browser = house.browser()
    with time_machine.travel("2026-11-22 10:00:00", tick=False) as clock:
        for attempt in range(6):
            assert knock(browser, "owner", "wrong", f"10.0.0.{attempt}") == 401
        assert knock(browser, "owner", password_of("owner"), "10.0.0.9") == 401, "right, but too soon"
        assert entries("waiting") == 1
        clock.shift(timedelta(minutes=16))
        assert knock(browser, "owner", password_of("owner"), "10.0.0.9") == 302
    assert db.session.scalar(select(SignInThrottle).where(SignInThrottle.subject == "account:owner")) is None


def test_an_address_that_tries_many_names_is_slowed_down(house: House) -> None:
    browser = house.browser()
    with time_machine.travel("2026-11-22 10:00:00", tick=False):
        for attempt in range(21):
            knock(browser, f"name{attempt}", "wrong", "10.0.0.1")
        assert knock(browser, "owner", password_of("owner"), "10.0.0.1") == 401
        assert knock(browser, "owner", password_of("owner"), "10.0.0.2") == 302, "others come in meanwhile"


def test_a_proxy_header_does_not_hide_the_address(house: House) -> None:
    browser = house.browser()
    with time_machine.travel("2026-11-22 10:00:00", tick=False):
        for attempt in range(21):
            values = {"login": f"name{attempt}", "password": "x"}
            browser.post("/sign-in", values, environ_base={"REMOTE_ADDR": "10.0.0.1"}, content_type=None)
        row = db.session.get(SignInThrottle, "address:10.0.0.1")
    assert row is not None
    assert row.failures == 21


def cookie_of(browser: Browser) -> str:
    cookie = browser.client.get_cookie("peony")
    assert cookie is not None
    return cookie.value


def test_signing_in_begins_a_new_session(house: House) -> None:
    browser = house.browser()
    before = cookie_of(browser)
    knock(browser, "owner", password_of("owner"))
    assert cookie_of(browser) != before
    with browser.client.session_transaction() as session:
        assert session["csrf_token"] != browser.word, "the forms of before are no longer taken"


def test_a_copied_cookie_is_worth_nothing_after_signing_out(house: House) -> None:
    browser = house.browser()
    knock(browser, "owner", password_of("owner"))
    copied = cookie_of(browser)
    answer = browser.post("/sign-out")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
    thief = house.browser()
    thief.client.set_cookie("peony", copied)
    assert thief.get("/").status_code == 302


def test_the_database_holds_no_token(house: House) -> None:
    browser = house.browser()
    knock(browser, "owner", password_of("owner"))
    with browser.client.session_transaction() as session:
        token = session["_user_id"]
    stored = db.session.scalars(select(UserSession.token_hash)).all()
    assert token not in stored
    assert sessions.token_hash(token) in stored
    assert len(token) >= 43, "256 bits"


@ON_BOTH
def test_a_session_ends_when_it_is_left_alone(house: House) -> None:
    with time_machine.travel("2026-11-22 02:00:00", tick=False) as clock:
        browser = house.browser("owner")
        clock.shift(timedelta(minutes=house.settings.idle_minutes - 1))
        assert browser.get("/").status_code == 200
        clock.shift(timedelta(minutes=house.settings.idle_minutes + 1))
        assert browser.get("/").status_code == 302


def test_a_session_ends_after_half_a_day_in_any_case(house: House) -> None:
    with time_machine.travel("2026-11-22 02:00:00", tick=False) as clock:
        browser = house.browser("owner")
        for _hour in range(11):
            clock.shift(timedelta(hours=1))
            assert browser.get("/").status_code == 200
        clock.shift(timedelta(hours=2))
        assert browser.get("/").status_code == 302


def test_last_seen_is_written_once_a_minute_at_most(house: House) -> None:
    with time_machine.travel("2026-11-22 02:00:00", tick=False) as clock:
        browser = house.browser("owner")
        seen = []
        for seconds in (10, 30, 30, 10):
            clock.shift(timedelta(seconds=seconds))
            browser.get("/")
            db.session.rollback()
            seen.append(db.session.scalars(select(UserSession.last_seen_at)).one())
    assert len(set(seen)) == 2


@ON_BOTH
def test_who_may_no_longer_sign_in_is_out_at_once(house: House) -> None:
    browser = house.browser("reception")
    assert browser.get("/").status_code == 200
    with raw_operation():
        db.session.get_one(User, house.ids["reception"]).active = False
    assert browser.get("/").status_code == 302
    assert knock(house.browser(), "reception", password_of("reception")) == 401


def test_sessions_are_listed_and_ended(house: House) -> None:
    first, second = house.browser("reception"), house.browser("reception")
    page = first.get("/account").text
    assert page.count("/account/sessions/") == 2
    number = db.session.scalars(select(UserSession.id).order_by(UserSession.id.desc())).first()
    assert first.post(f"/account/sessions/{number}/end").status_code == 302
    assert second.get("/").status_code == 302
    assert first.get("/").status_code == 200


def test_nobody_ends_somebody_elses_session(house: House) -> None:
    house.browser("owner")
    number = db.session.scalars(select(UserSession.id)).one()
    assert house.browser("reception").post(f"/account/sessions/{number}/end").status_code == 404


def test_a_password_is_changed_and_other_sessions_end(house: House) -> None:
    browser, other = house.browser("reception"), house.browser("reception")
    new = "quite another sentence 7"
    assert browser.post("/account/password", {"old": "wrong", "new": new}).status_code == 422
    assert browser.post("/account/password", {"old": password_of("reception"), "new": new}).status_code == 302
    assert browser.get("/").status_code == 200
    assert other.get("/").status_code == 302
    assert knock(house.browser(), "reception", new) == 302


@pytest.mark.parametrize(
    "weak",
    [
        "short",
        "passwordpassword",
        "123456789012345",
        "aaaaaaaaaaaaaaaa",
        "peonypeony12345",
        "woaini1314520520",
        "x" * 129,
    ],
)
def test_a_weak_password_is_not_taken(house: House, weak: str) -> None:
    answer = house.browser("reception").post("/account/password", {"old": password_of("reception"), "new": weak})
    assert answer.status_code == 422
    assert 'class="fault"' in answer.text


def test_the_names_of_colleagues_make_no_password(sqlite_house: House) -> None:
    password = "simaxiangru20260101"
    assert passwords.weakness(password, "reception") is None, "of itself it is long enough"
    create("staff", name="司马相如", store_id=sqlite_house.ids["first"])
    given = {"old": password_of("reception"), "new": password}
    assert sqlite_house.browser("reception").post("/account/password", given).status_code == 422


@pytest.mark.parametrize(
    "good", ["correct horse battery staple!", "一句只有我自己知道的长长的话呀呀呀", "MyDogEatsRedShoes"]
)
def test_a_long_sentence_is_taken(good: str) -> None:
    assert passwords.weakness(good, "reception") is None


def test_an_invented_password_must_be_changed_before_anything_else(house: House) -> None:
    from admin_app.start import create_user

    card = create_user("newcomer", "新人", "reception", house.actor("owner"))
    browser = house.browser()
    assert knock(browser, "newcomer", card.password) == 302
    for address in ("/", "/customer/", "/do/record_consent/"):
        assert browser.get(address).location == "/account/password"
    browser.post("/account/password", {"old": card.password, "new": "my very own sentence"})
    assert browser.get("/").status_code == 200


def test_the_owner_makes_a_user_and_sees_the_password_once(house: House) -> None:
    browser = house.browser("owner")
    values = {"login": "linda", "name": "琳达", "role": "reception", "staff": ""}
    page = browser.post("/do/create_user/", values).text
    password = page.split('class="secret">')[1].split("<")[0]
    assert knock(house.browser(), "linda", password) == 302
    user = db.session.scalars(select(User).where(User.login == "linda")).one()
    reset = browser.post("/do/reset_password/", {"user": user.id}).text
    assert knock(house.browser(), "linda", password) == 401
    assert knock(house.browser(), "linda", reset.split('class="secret">')[1].split("<")[0]) == 302


def test_the_door_sends_on_to_our_own_pages_only(house: House) -> None:
    for wanted, reached in (
        ("/customer/?stage=lead", "/customer/?stage=lead"),
        ("//evil.example", "/"),
        ("https://evil.example", "/"),
        ("/\\evil", "/"),
    ):
        browser = house.browser()
        values = {"login": "owner", "password": password_of("owner")}
        answer = browser.post("/sign-in?next=" + wanted, values)
        assert answer.location == reached, wanted


def test_cookies_are_kept_from_scripts_and_other_sites(house: House) -> None:
    browser = house.browser()
    values = {"login": "owner", "password": password_of("owner")}
    answer = browser.post("/sign-in", values)
    cookies = {
        name: cookie for one in answer.headers.getlist("Set-Cookie") for name, cookie in SimpleCookie(one).items()
    }
    assert {name: cookie["path"] for name, cookie in cookies.items()} == {"peony": "/", "peony_device": "/sign-in"}
    assert {(bool(cookie["httponly"]), cookie["samesite"]) for cookie in cookies.values()} == {(True, "Lax")}


def test_an_old_hash_is_made_anew_at_sign_in(house: House) -> None:
    from argon2 import PasswordHasher

    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(password_of("owner"))
    with raw_operation():
        db.session.get_one(User, house.ids["owner"]).password_hash = weak
    knock(house.browser(), "owner", password_of("owner"))
    db.session.rollback()
    assert db.session.get_one(User, house.ids["owner"]).password_hash != weak


def test_there_is_a_door(house: House) -> None:
    with house.app.test_request_context():
        assert url_for("sign_in") == "/sign-in"


def test_a_store_that_somebody_works_in_no_longer_is_closed_to_their_session(sqlite_house: House) -> None:
    staff, second = sqlite_house.ids["reception_staff"], sqlite_house.ids["second"]
    browser, cora = sqlite_house.browser("reception"), f"/customer/details/?id={sqlite_house.ids['cora']}"
    assert browser.get(cora).status_code == 404
    link = create("staff_store", staff_id=staff, store_id=second)
    assert browser.get(cora).status_code == 200
    perform(Name.ARCHIVE_ENTITY, {"entity": "staff_store", "id": link}, actor=SYSTEM)
    assert browser.get(cora).status_code == 404
