"""A form that comes too late is not lost: the session has ended, another tab signed in anew, or somebody else did."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from admin_app import create_app
from admin_app.operations.kernel import now, perform
from models.accounts import UserSession
from models.actor import SYSTEM
from models.connection import WRITES
from models.customers import Customer
from models.entity import db
from models.names import Name
from models.rulebook import RuleActivation, RuleVersion
from models.sales import Sale
from tests.cast import create, password_of
from tests.conftest import House
from tests.rules.texts import SHIPPED
from tests.views.pages import sent_as_shown
from views import register_screens
from views.unsent import LASTS, Unsent

PHONE = "15011112222"
NEW = {"name": "单晓明", "phone": PHONE, "stage": "lead", "notes": "周末来\r\n靠窗", "birth_calendar": "solar"}


class Tabs:
    """A browser with one cookie jar and as many tabs as one likes: forms are sent as their pages hold them."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.client = house.app.test_client()

    def open(self, address: str) -> str:
        with self.house.app.app_context():
            answer = self.client.get(address, buffered=True)
        assert answer.status_code == 200, answer.status
        return answer.text

    def send(self, address: str, values: dict[str, Any]) -> TestResponse:
        with self.house.app.app_context():
            answer = self.client.post(address, data=values, buffered=True)
        db.session.rollback()
        return answer

    def sign_in(self, role: str) -> None:
        page = self.open("/sign-in")
        answer = self.send("/sign-in", {"csrf_token": hidden(page, "csrf_token"), **credentials(role)})
        assert answer.status_code == 302

    def sign_out(self) -> None:
        page = self.open("/")
        self.send("/sign-out", {"csrf_token": hidden(page, "csrf_token")})


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', page)
    assert found is not None, name
    return unescape(found[1])


def credentials(role: str) -> dict[str, str]:
    return {"login": role, "password": password_of(role)}


def end_sessions(house: House) -> None:
    """Every session ends at the server; the cookies stay."""
    session = db.session()
    session.rollback()
    session.connection(execution_options={WRITES: True})
    session.execute(update(UserSession).values(ended_at=now(), ended_why="idle"))
    session.commit()


def back_in(tabs: Tabs, asked: TestResponse, role: str = "reception") -> str:
    """Sign in on the page that came instead, and go where it leads."""
    page, address = asked.text, unescape(re.search(r'<form method="post" action="([^"]*)"', asked.text)[1])  # type: ignore[index]
    fields = {name: hidden(page, name) for name in ("csrf_token", "sealed")}
    resumed = tabs.send(address, {**fields, **credentials(role)})
    assert resumed.status_code == 200, resumed.status
    return resumed.text


def go_on(tabs: Tabs, resumed: str) -> TestResponse:
    address = unescape(re.search(r'<form method="post" action="([^"]*)" class="sheet"', resumed)[1])  # type: ignore[index]
    return tabs.send(address, {name: hidden(resumed, name) for name in ("csrf_token", "sealed")})


def customers(name: str = "单晓明") -> list[Customer]:
    return list(db.session.scalars(select(Customer).where(Customer.name == name)))


@pytest.fixture
def tabs(sqlite_house: House) -> Tabs:
    found = Tabs(sqlite_house)
    found.sign_in("reception")
    return found


def filled(tabs: Tabs, address: str = "/customer/new/", values: dict[str, Any] | None = None) -> dict[str, Any]:
    """The form of a page as it would be sent."""
    page = tabs.open(address)
    return {**sent_as_shown(page), **(NEW if values is None else values)}


def test_a_form_outlives_its_session_and_is_saved_once(tabs: Tabs) -> None:
    form = filled(tabs)
    end_sessions(tabs.house)
    asked = tabs.send("/customer/new/", form)
    assert asked.status_code == 401
    assert PHONE not in asked.text
    assert "单晓明" not in asked.text
    resumed = back_in(tabs, asked)
    assert PHONE not in resumed, "sealed until the form itself shows it"
    shown = go_on(tabs, resumed)
    assert shown.status_code == 422
    again = sent_as_shown(shown.text)
    assert {name: "".join(again[name]).strip() for name in NEW} == NEW
    assert again["op_id"] == form["op_id"]
    assert customers() == []
    assert tabs.send("/customer/new/", again).status_code == 302
    assert tabs.send("/customer/new/", again).status_code == 302, "sent twice, saved once"
    assert [row.phone for row in customers()] == [f"+86{PHONE}"]


def test_wrong_passwords_and_another_language_lose_nothing(tabs: Tabs) -> None:
    form = filled(tabs)
    end_sessions(tabs.house)
    asked = tabs.send("/customer/new/", form)
    sealed = hidden(asked.text, "sealed")
    wrong = {"csrf_token": hidden(asked.text, "csrf_token"), "sealed": sealed, "login": "reception", "password": "x"}
    refused = tabs.send("/sign-in", wrong)
    assert (refused.status_code, hidden(refused.text, "sealed")) == (401, sealed)
    words = {"csrf_token": hidden(refused.text, "csrf_token"), "sealed": sealed, "language": "en"}
    english = tabs.send("/account/language", words)
    assert "What was typed is kept: sign in as" in english.text
    shown = go_on(tabs, back_in(tabs, english))
    assert sent_as_shown(shown.text)["phone"] == [PHONE]


def test_a_form_of_a_session_that_began_anew_in_another_tab_is_shown_again(tabs: Tabs) -> None:
    form = filled(tabs)
    tabs.sign_out()
    tabs.sign_in("reception")
    shown = tabs.send("/customer/new/", form)
    assert shown.status_code == 422
    again = sent_as_shown(shown.text)
    assert (again["phone"], again["op_id"], customers()) == ([PHONE], form["op_id"], [])
    assert tabs.send("/customer/new/", again).status_code == 302
    assert len(customers()) == 1


def test_a_form_of_somebody_else_is_not_saved_under_the_wrong_name(tabs: Tabs) -> None:
    form = filled(tabs)
    tabs.sign_out()
    tabs.sign_in("owner")
    asked = tabs.send("/customer/new/", form)
    assert asked.status_code == 409
    assert "用户reception" in asked.text
    assert "用户owner" in asked.text
    assert customers() == []
    sealed = {name: hidden(asked.text, name) for name in ("csrf_token", "sealed")}
    assert PHONE not in tabs.send("/customer/new/", sealed).text, "the owner cannot open what is not hers"
    shown = go_on(tabs, back_in(tabs, asked))
    again = sent_as_shown(shown.text)
    assert again["phone"] == [PHONE]
    assert tabs.send("/customer/new/", again).status_code == 302
    [row] = customers()
    ended = db.session.scalars(select(UserSession.ended_at).where(UserSession.user_id == tabs.house.ids["owner"]))
    assert all(ended), "one session in one browser"
    assert row.phone == f"+86{PHONE}"


def test_signing_in_as_somebody_else_than_the_writer_does_not_open_her_form(tabs: Tabs) -> None:
    form = filled(tabs)
    end_sessions(tabs.house)
    asked = tabs.send("/customer/new/", form)
    fields = {name: hidden(asked.text, name) for name in ("csrf_token", "sealed")}
    other = tabs.send("/sign-in", {**fields, **credentials("owner")})
    assert other.status_code == 409
    assert PHONE not in other.text


def test_an_edit_and_an_operation_come_back_too(tabs: Tabs) -> None:
    anna, product = tabs.house.ids["anna"], create("product", name="面膜", price="168")
    edit = f"/customer/edit/?id={anna}"
    changed = filled(tabs, edit, {"job": "小学老师"})
    sell = f"/do/sell/?on={anna}"
    bill = {"lines-0-product": product, "lines-0-quantity": "2", "method": "cash", "store": tabs.house.ids["first"]}
    sold = filled(tabs, sell, bill)
    end_sessions(tabs.house)
    shown = go_on(tabs, back_in(tabs, tabs.send(edit, changed)))
    again = sent_as_shown(shown.text)
    assert (again["job"], again["version"]) == (["小学老师"], changed["version"])
    assert tabs.send(edit, again).status_code == 302
    tabs.sign_out()
    tabs.sign_in("reception")
    shown = tabs.send(sell, sold)
    again = sent_as_shown(shown.text)
    assert (again["lines-0-product"], again["lines-0-quantity"]) == ([str(product)], ["2"])
    assert db.session.scalar(select(Sale.id)) is None
    assert "336" in tabs.send(sell, again).text


RULE = {
    "name": "久未到店",
    "when.kind": "all",
    "when.0.fact": "days_since_visit",
    "when.0.op": "at_least",
    "when.0.value": "61",
    "then.0.kind": "tag",
    "then.0.value": "+",
    "existing_customers": "tag_only",
    "action": "save",
}
STUDIO: dict[str, dict[str, Any]] = {
    "/rules/tags/rule": RULE,
    "/rules/till/yaml": {"text": SHIPPED["till"].replace("gifts_a_month: 500", "gifts_a_month: 600")},
    "/rules/till/form": {"gifts_a_month": "600", "action": "save"},
}


@pytest.mark.parametrize("anew", [False, True], ids=["session over", "signed in anew in another tab"])
@pytest.mark.parametrize("address", STUDIO)
def test_a_form_of_the_rule_studio_comes_back_and_is_kept_once(sqlite_house: House, address: str, anew: bool) -> None:
    tabs, typed = Tabs(sqlite_house), {**STUDIO[address], "why": "试一试"}
    tabs.sign_in("owner")
    form = filled(tabs, address, typed)
    versions = db.session.scalar(select(func.count(RuleVersion.id))) or 0
    if anew:
        tabs.sign_out()
        tabs.sign_in("owner")
        shown = tabs.send(address, form)
    else:
        end_sessions(sqlite_house)
        shown = go_on(tabs, back_in(tabs, tabs.send(address, form), "owner"))
    assert shown.status_code == 422
    again = sent_as_shown(shown.text)
    assert {name: "".join(again[name]) for name in typed if name not in {"action", "text"}} == {
        name: value for name, value in typed.items() if name not in {"action", "text"}
    }
    assert again["op_id"] == form["op_id"]
    assert db.session.scalar(select(func.count(RuleVersion.id))) == versions
    kept = [tabs.send(address, {**again, "action": "save"}) for _ in range(2)]
    assert [one.status_code for one in kept] == [302, 302]
    assert kept[0].location == kept[1].location
    db.session.rollback()
    assert db.session.scalar(select(func.count(RuleVersion.id))) == versions + 1
    text = db.session.scalars(select(RuleVersion.text).order_by(RuleVersion.id.desc())).first()
    assert text is not None
    assert "at_least: 61" in text if "rule" in address.rpartition("/")[2] else "gifts_a_month: 600" in text


def test_a_version_is_put_in_force_only_once_it_is_shown_again(sqlite_house: House) -> None:
    tabs, text = Tabs(sqlite_house), STUDIO["/rules/till/yaml"]["text"]
    tabs.sign_in("owner")
    number = perform(Name.DRAFT_RULES, {"document": "till", "text": text}, actor=SYSTEM)["id"]
    address = f"/rules/version/{number}"
    form = filled(tabs, address, {"why": "商量过"})
    end_sessions(sqlite_house)
    shown = go_on(tabs, back_in(tabs, tabs.send(address, form), "owner"))
    again = sent_as_shown(shown.text)
    assert (shown.status_code, again["why"], again["op_id"]) == (422, ["商量过"], form["op_id"])
    activated = select(RuleActivation.id).where(RuleActivation.rule_version_id == number)
    assert db.session.scalars(activated).all() == []
    assert tabs.send(address, again).status_code == 302
    assert len(db.session.scalars(activated).all()) == 1


def test_a_form_that_cannot_be_shown_again_is_sent_by_a_press(tabs: Tabs) -> None:
    anna = tabs.house.ids["anna"]
    form = {
        "csrf_token": hidden(tabs.open(f"/customer/details/?id={anna}"), "csrf_token"),
        "id": anna,
        "op_id": "k" * 32,
    }
    tabs.sign_out()
    tabs.sign_in("owner")
    tabs.sign_out()
    tabs.sign_in("reception")
    resumed = tabs.send("/customer/delete/", form)
    assert "data-at-once" not in resumed.text
    assert db.session.get_one(Customer, anna).archived_at is None
    done = go_on(tabs, resumed.text)
    assert done.status_code in {302, 403}


def test_a_form_shown_again_in_another_language_does_nothing(tabs: Tabs) -> None:
    form = filled(tabs)
    shown = tabs.send("/customer/new/", {**form, "redisplay": "1"})
    assert sent_as_shown(shown.text)["phone"] == [PHONE]
    assert customers() == []


def test_what_cannot_be_read_any_more_is_said_to_be_lost(sqlite_house: House) -> None:
    browser = sqlite_house.browser("reception")
    answer = browser.post("/customer/new/", {"sealed": "broken", **NEW})
    assert (answer.status_code, answer.location) == (302, "/")
    assert "没有保存" in browser.get("/").text
    assert db.session.scalar(select(Customer.id).where(Customer.name == NEW["name"])) is None


def test_a_form_of_another_site_is_refused_as_ever(tabs: Tabs) -> None:
    for word in ("", "nonsense", "2.x"):
        answer = tabs.send("/customer/new/", {**NEW, "csrf_token": word})
        assert answer.status_code == 400, word
        assert PHONE not in answer.text
    end_sessions(tabs.house)
    assert tabs.send("/customer/new/", NEW).status_code == 400


def test_passwords_are_not_carried_and_a_seal_grows_old(tabs: Tabs, sqlite_house: House) -> None:
    form = filled(tabs, f"/do/recharge/?on={sqlite_house.ids['anna']}", {"approver_password": "a secret"})
    end_sessions(sqlite_house)
    sealed = hidden(tabs.send(f"/do/recharge/?on={sqlite_house.ids['anna']}", form).text, "sealed")
    with sqlite_house.app.app_context():
        unsent = Unsent.unseal(sealed)
        assert unsent is not None
        assert "approver_password" not in dict(unsent.fields)
        assert Unsent.unseal(sealed[:-4] + "AAAA") is None
        assert Unsent.unseal("x") is None
        with time_machine.travel(now() + LASTS + timedelta(minutes=1)):
            assert Unsent.unseal(sealed) is None
        assert Unsent(1, "/customer/new/", [("notes", "长" * 300_000)]).seal() == ""


def test_an_ended_session_says_so_to_a_script(tabs: Tabs) -> None:
    token = hidden(tabs.open("/customer/new/"), "csrf_token")
    end_sessions(tabs.house)
    with tabs.house.app.app_context():
        headers = {"X-CSRFToken": token, "Accept": "application/json"}
        answer = tabs.client.post("/customer/ajax/update/", data={"id": 1}, headers=headers)
    assert answer.status_code == 401
    assert "登录" in answer.get_json()["error"]


def test_the_first_answer_to_a_form_sent_twice_counts(tabs: Tabs) -> None:
    """Saved, gone back and saved again: the key is the same, and so is the customer."""
    form = filled(tabs)
    first, second = (tabs.send("/customer/new/", form) for _ in range(2))
    assert first.location == second.location
    changed = tabs.send("/customer/new/", {**form, "notes": "别的"})
    assert changed.status_code == 422
    assert sent_as_shown(changed.text)["notes"][0].strip() == "别的"
    assert len(customers()) == 1


def test_a_restart_between_opening_and_saving_loses_nothing(tabs: Tabs) -> None:
    """Another process of the same house, with the same keys, takes the form and what was sealed."""
    form, cookie = filled(tabs), tabs.client.get_cookie("peony")
    assert cookie is not None
    end_sessions(tabs.house)
    sealed = hidden(tabs.send("/customer/new/", form).text, "sealed")
    restarted = create_app(tabs.house.app.config["PEONY"])
    register_screens(restarted)
    with restarted.app_context():
        unsent = Unsent.unseal(sealed)
        assert unsent is not None
        assert dict(unsent.fields)["phone"] == PHONE
        client = restarted.test_client()
        client.set_cookie("peony", cookie.value)
        asked = client.post("/customer/new/", data=form, buffered=True)
    assert asked.status_code == 401, "the form is still known for one of the house"
    assert hidden(asked.text, "sealed")
