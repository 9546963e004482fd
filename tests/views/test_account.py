"""One's own account: language, sessions, password."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from sqlalchemy import select

from models.accounts import User, UserSession
from models.entity import db
from models.log import Operation
from tests.cast import password_of, raw_operation
from tests.conftest import House
from tests.views.pages import main_part, tables, words

ENGLISH, CHINESE = '<html lang="en"', '<html lang="zh-Hans-CN"'
NEW = "quite another sentence 7"


def sessions_of(house: House, role: str) -> list[int]:
    """Her living sessions, oldest first."""
    db.session.rollback()
    living = (UserSession.user_id == house.ids[role], UserSession.ended_at.is_(None))
    return list(db.session.scalars(select(UserSession.id).where(*living).order_by(UserSession.id)))


def test_the_page_says_who_she_is(house: House) -> None:
    text = words(main_part(house.browser("reception").get("/account").text))
    for said in ("用户reception", "reception", "前台"):
        assert said in text


@pytest.mark.parametrize("address", ["/account", "/account/password", "/schedules", "/log", "/search", "/customer/"])
def test_a_stranger_is_sent_to_the_door(sqlite_house: House, address: str) -> None:
    answer = sqlite_house.browser().get(address)
    assert answer.status_code == 302
    assert unquote(answer.location or "") == f"/sign-in?next={address}", "and afterwards to where they wanted to go"


def test_a_stranger_who_asked_for_nothing_is_sent_to_the_door(sqlite_house: House) -> None:
    browser = sqlite_house.browser()
    assert browser.get("/").location == "/sign-in"
    assert browser.post("/account/password", {"old": "x", "new": "y"}).location == "/sign-in"


# ---------------------------------------------------------------------------------------------- language


def test_a_language_chosen_is_kept_with_the_user(house: House) -> None:
    browser = house.browser("reception")
    assert CHINESE in browser.get("/").text
    browser.post("/account/language", {"language": "en"})
    assert ENGLISH in browser.get("/").text
    assert ENGLISH in house.browser("reception").get("/", headers={"Accept-Language": "zh-CN"}).text
    assert CHINESE in house.browser("manager").get("/").text
    browser.post("/account/language", {"language": "zh_Hans_CN"})
    assert CHINESE in browser.get("/", headers={"Accept-Language": "en"}).text


def test_a_stranger_keeps_her_language_in_a_cookie(house: House) -> None:
    browser = house.browser()
    browser.post("/account/language", {"language": "en"})
    assert ENGLISH in browser.get("/sign-in", headers={"Accept-Language": "zh-CN"}).text
    assert ENGLISH not in house.browser().get("/sign-in").text


def test_her_own_language_goes_before_the_cookie(house: House) -> None:
    browser = house.browser("reception")
    browser.post("/account/language", {"language": "en"})
    browser.client.set_cookie("language", "zh_Hans_CN")
    assert ENGLISH in browser.get("/").text


def test_a_change_of_language_is_an_entry(house: House) -> None:
    house.browser("reception").post("/account/language", {"language": "en"})
    entry = db.session.scalars(select(Operation).where(Operation.name == "change_language")).one()
    assert (entry.actor_id, entry.subject_kind, entry.subject_id) == (
        house.ids["reception"],
        "user",
        house.ids["reception"],
    )


def test_a_language_that_is_none_changes_nothing(house: House) -> None:
    browser = house.browser("reception")
    for odd in ("fr", "", "../en", "zh"):
        assert browser.post("/account/language", {"language": odd}).status_code == 302
    db.session.rollback()
    assert db.session.get_one(User, house.ids["reception"]).language is None
    assert CHINESE in browser.get("/").text


@pytest.mark.parametrize("referrer", ["http://evil.example/", "http://localhost.evil.example/", "//evil.example", ""])
def test_after_choosing_she_is_sent_nowhere_else(sqlite_house: House, referrer: str) -> None:
    browser = sqlite_house.browser("reception")
    answer = browser.post("/account/language", {"language": "en"}, headers={"Referer": referrer})
    assert answer.location == "/"


def test_after_choosing_she_is_where_she_was(sqlite_house: House) -> None:
    here = "http://localhost/customer/?stage=lead"
    answer = sqlite_house.browser("reception").post("/account/language", {"language": "en"}, headers={"Referer": here})
    assert answer.location == here


# ---------------------------------------------------------------------------------------------- sessions


def test_her_sessions_are_listed_and_this_one_is_marked(house: House) -> None:
    browser, _other, _stranger = house.browser("reception"), house.browser("reception"), house.browser("manager")
    page = main_part(browser.get("/account").text)
    [table] = tables(page)
    assert len(table) == 1 + 2
    mine = sessions_of(house, "reception")
    assert {int(one) for one in re.findall(r"/account/sessions/(\d+)/end", page)} == set(mine)
    marked = next(row for row in re.findall(r"<tr><td class=\"long\">.*?</tr>", page, re.DOTALL) if "chip good" in row)
    assert f"/account/sessions/{mine[0]}/end" in marked


def test_a_device_with_markup_in_its_name_stays_text(sqlite_house: House) -> None:
    browser = sqlite_house.browser("reception")
    with raw_operation():
        db.session.scalars(select(UserSession)).one().agent = "<script>x</script>"
    assert "<script>x" not in browser.get("/account").text


def test_ending_another_session_leaves_this_one(house: House) -> None:
    here, there = house.browser("reception"), house.browser("reception")
    first, second = sessions_of(house, "reception")
    assert here.post(f"/account/sessions/{second}/end").location == "/account"
    assert sessions_of(house, "reception") == [first]
    assert there.get("/account").status_code in {302, 401}
    assert here.get("/account").status_code == 200


def test_ending_this_session_signs_out(house: House) -> None:
    browser = house.browser("reception")
    [number] = sessions_of(house, "reception")
    assert browser.post(f"/account/sessions/{number}/end").location == "/sign-in"
    assert browser.get("/").location == "/sign-in"


def test_nobody_ends_a_session_that_is_not_hers(house: House) -> None:
    house.browser("owner")
    [number] = sessions_of(house, "owner")
    assert house.browser("reception").post(f"/account/sessions/{number}/end").status_code == 404
    assert sessions_of(house, "owner") == [number]


def test_a_session_is_not_ended_by_following_a_link(house: House) -> None:
    browser = house.browser("reception")
    [number] = sessions_of(house, "reception")
    assert browser.get(f"/account/sessions/{number}/end").status_code == 405
    assert browser.client.post(f"/account/sessions/{number}/end").status_code == 400
    assert sessions_of(house, "reception") == [number]


# ---------------------------------------------------------------------------------------------- password


def stored(house: House, role: str = "reception") -> str:
    db.session.rollback()
    return db.session.get_one(User, house.ids[role]).password_hash or ""


def test_a_changed_password_is_the_one_that_counts(house: House) -> None:
    browser = house.browser("reception")
    assert browser.post("/account/password", {"old": password_of("reception"), "new": NEW}).location == "/"
    old = house.browser().post("/sign-in", {"login": "reception", "password": password_of("reception")})
    new = house.browser().post("/sign-in", {"login": "reception", "password": NEW})
    assert (old.status_code, new.status_code) == (401, 302)


def test_her_other_sessions_end_with_the_old_password(house: House) -> None:
    browser, _other = house.browser("reception"), house.browser("reception")
    house.browser("manager")
    mine = sessions_of(house, "reception")
    browser.post("/account/password", {"old": password_of("reception"), "new": NEW})
    assert sessions_of(house, "reception") == mine[:1]
    assert len(sessions_of(house, "manager")) == 1


def test_without_the_old_password_nothing_changes(house: House) -> None:
    before, browser = stored(house), house.browser("reception")
    answer = browser.post("/account/password", {"old": "not this one at all", "new": NEW})
    assert answer.status_code == 422
    assert 'class="fault"' in answer.text
    assert stored(house) == before


def test_the_form_never_gives_a_password_back(house: House) -> None:
    answer = house.browser("reception").post("/account/password", {"old": "what I typed", "new": NEW})
    assert "what I typed" not in answer.text
    assert NEW not in answer.text


def test_the_log_of_a_changed_password_holds_no_hash(house: House) -> None:
    house.browser("reception").post("/account/password", {"old": password_of("reception"), "new": NEW})
    entry = db.session.scalars(select(Operation).where(Operation.name == "change_password")).one()
    assert "argon2" not in str(entry.detail)
    page = house.browser("owner").get(f"/user/history/?id={house.ids['reception']}").text
    assert stored(house) not in page
    assert "argon2" not in page


def test_who_must_choose_a_password_gets_nothing_else(house: House) -> None:
    with raw_operation():
        db.session.get_one(User, house.ids["reception"]).must_change_password = True
    browser = house.browser("reception")
    for address in ("/", "/customer/", "/do/tag_customers/"):
        assert browser.get(address).location == "/account/password", address
    browser.post("/account/password", {"old": password_of("reception"), "new": NEW})
    assert browser.get("/customer/").status_code == 200


def test_who_must_choose_a_password_searches_nobody(sqlite_house: House) -> None:
    with raw_operation():
        db.session.get_one(User, sqlite_house.ids["reception"]).must_change_password = True
    assert sqlite_house.browser("reception").get("/search?q=安娜").location == "/account/password"


def test_the_log_stays_shut_until_a_password_is_chosen(sqlite_house: House) -> None:
    with raw_operation():
        db.session.get_one(User, sqlite_house.ids["auditor"]).must_change_password = True
    for address in ("/log", "/log/1", "/log/export.csv", "/schedules"):
        assert sqlite_house.browser("auditor").get(address).location == "/account/password", address


def test_a_draft_is_opened_for_whoever_typed_it_alone(sqlite_house: House) -> None:
    typed, other = sqlite_house.browser("reception"), sqlite_house.browser("manager")
    sealed = typed.post("/account/draft/seal", {"text": '[["phone", "15011112222"]]'}).json["sealed"]
    assert "15011112222" not in sealed
    assert typed.post("/account/draft/open", {"draft": sealed}).json == {"text": '[["phone", "15011112222"]]'}
    assert other.post("/account/draft/open", {"draft": sealed}).status_code == 404
    assert typed.post("/account/draft/open", {"draft": "nonsense"}).status_code == 404
    assert typed.post("/account/draft/seal", {"text": "x" * 200_001}).status_code == 413
