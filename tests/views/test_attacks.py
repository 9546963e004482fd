"""Ways around, as somebody with an account and patience would try them: each was open once."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select

from admin_app.operations import reading
from admin_app.operations.customers import EraseInput
from admin_app.operations.entities import CreateInput, EditInput, RowInput
from admin_app.operations.kernel import perform
from admin_app.operations.refusals import Refused
from admin_app.security import password_gate
from models.accounts import SignInThrottle, User
from models.actor import SYSTEM
from models.cards import Card
from models.customers import Customer, CustomerAssignment, Preference, Relation
from models.entity import db
from models.log import Operation, RowChange, RowValue
from models.names import Name
from models.rulebook import EffectKind, RuleEffect
from models.standing import Alert, CustomerTag, Tag, Task
from tests.cast import NOON, TODAY, create, password_of, raw_operation
from tests.conftest import House
from views.navigation import is_ours

HOUSES = ("sqlite",)


def logged(name: str, result: str = "done") -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).where(Operation.name == name, Operation.result == result)) or 0


# ---------------------------------------------------------------------------------------------- what is masked


def test_a_conflict_does_not_show_what_is_masked(house: House) -> None:
    """Somebody else's change is shown beside her own, as far as she may see it."""
    anna = house.ids["anna"]
    wanted = {"phone": "13800000000", "name": "安娜", "version": "0", "stage": "lead", "store_id": house.ids["first"]}
    answer = house.browser("reception").post(f"/customer/edit/?id={anna}", wanted)
    assert answer.status_code == 409
    assert "139••••0001" in answer.text
    assert "13900000001" not in answer.text


@pytest.mark.parametrize("way", ["/contraindication/edit/?id={}", "/contraindication/details/?id={}"])
def test_a_health_value_in_clear_is_logged_wherever_it_stands(house: House, way: str) -> None:
    number = create("contraindication", customer_id=house.ids["anna"], kind="allergy", substance="青霉素")
    assert "青霉素" in house.browser("manager").get(way.format(number)).text
    assert logged("read_record") == 1


def test_of_what_kind_a_danger_is_stays_with_those_who_serve_her(house: House) -> None:
    create("contraindication", customer_id=house.ids["anna"], kind="pregnancy")
    page = house.browser("finance").get(f"/customer/details/?id={house.ids['anna']}").text
    assert "怀孕" not in page
    assert 'class="dangers"' in page


# ------------------------------------------------------------------------------------------ the same key again


def test_a_reveal_counts_each_time_whatever_its_key(house: House) -> None:
    browser, one = house.browser("reception"), {"id": house.ids["anna"], "field": "phone", "op_id": "k1"}
    for _ in range(3):
        assert browser.post("/customer/reveal/", one, json=True).status_code == 200
    assert logged("reveal_field") == 3


def test_searches_by_number_under_one_key_are_counted_all_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(reading.MOST_AN_HOUR, Name.SEARCH_NUMBER, 2)
    browser = house.browser("reception")
    codes = [browser.post("/customer/", {"q": f"000{n}", "op_id": "k"}).status_code for n in range(4)]
    assert codes == [200, 200, 422, 422]


def test_looking_up_has_a_limit_that_misses_count_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(reading.MOST_AN_HOUR, Name.LOOK_UP_CUSTOMER, 3)
    browser = house.browser("reception")
    codes = [browser.post("/do/look_up_customer/", {"number": f"V99{n}"}).status_code for n in range(3)]
    assert codes == [422, 422, 422]
    assert browser.post("/do/look_up_customer/", {"number": "V003"}).status_code == 422, "right, but too late"
    assert browser.get(f"/customer/details/?id={house.ids['cora']}").status_code == 404


def test_the_same_new_user_twice_has_one_password(house: House) -> None:
    browser = house.browser("owner")
    new = {"login": "newbie", "name": "新人", "role": "reception", "op_id": "u1"}
    first = browser.post("/do/create_user/", new)
    stored = db.session.scalars(select(User.password_hash).where(User.login == "newbie")).one()
    assert first.status_code == 200
    assert browser.post("/do/create_user/", new).status_code == 302
    db.session.rollback()
    assert db.session.scalars(select(User.password_hash).where(User.login == "newbie")).one() == stored


# ------------------------------------------------------------------------------------------------ whose it is


def test_an_alert_for_others_is_not_finances(house: House) -> None:
    with raw_operation():
        db.session.add(Alert(source="t", occasion="1", text="看", to_role="manager", raised_at=NOON))
    number = db.session.scalars(select(Alert.id)).one()
    browser = house.browser("finance")
    assert browser.get(f"/alert/details/?id={number}").status_code == 404
    assert browser.post("/do/close_alert/", {"alert": number, "outcome": "x"}).status_code == 422
    db.session.rollback()
    assert db.session.get_one(Alert, number).closed_at is None


def test_somebody_remains_who_signs_in_as_owner(house: House) -> None:
    owner = house.ids["owner"]
    for change in ({"active": "no"}, {"role": "reception"}):
        with pytest.raises(Refused):
            perform(Name.EDIT_ENTITY, EditInput(entity="user", id=owner, values=change), actor=SYSTEM)
    with pytest.raises(Refused):
        perform(Name.ARCHIVE_ENTITY, RowInput(entity="user", id=owner), actor=SYSTEM)


def test_an_edit_without_a_version_is_no_way_around_a_conflict(house: House) -> None:
    anna, browser = house.ids["anna"], house.browser("reception")
    inline = {"id": anna, "field": "stage", "value": "trial"}
    assert browser.post("/customer/ajax/update/", inline, json=True).status_code == 409
    db.session.rollback()
    assert db.session.get_one(Customer, anna).stage.value == "lead"


# -------------------------------------------------------------------------------------------------- the erased


def erase(house: House) -> int:
    anna = house.ids["anna"]
    perform(Name.ERASE_CUSTOMER, EraseInput(customer=anna, confirm="安娜", why="她要求"), actor=house.actor("owner"))
    db.session.rollback()
    return anna


def test_whoever_was_erased_stays_erased(house: House) -> None:
    anna = erase(house)
    with pytest.raises(Refused):
        perform(Name.EDIT_ENTITY, EditInput(entity="customer", id=anna, values={"name": "x"}), actor=SYSTEM)
    with pytest.raises(Refused):
        perform(Name.RESTORE_ENTITY, RowInput(entity="customer", id=anna), actor=SYSTEM)


def test_no_word_about_the_erased_is_left(house: House) -> None:
    """Notes on her kin, what she likes, why she was tagged or assigned: in rows and in the log."""
    anna, berta, secret = house.ids["anna"], house.ids["berta"], "她怕疼"
    for customer, other in ((anna, berta), (berta, anna)):
        create("relation", customer_id=customer, other_id=other, kind="family", notes=secret)
    create("preference", customer_id=anna, kind="touch", value=secret)
    tag = db.session.scalars(select(Tag.id).where(Tag.slug == "do-not-contact")).one()
    perform(Name.TAG_CUSTOMERS, {"customers": [anna], "tag": tag, "why": secret}, actor=house.actor("owner"))
    erase(house)
    said: list[Any] = []
    for column in (Relation.notes, Preference.value, CustomerTag.reason, CustomerAssignment.reason):
        said += db.session.scalars(select(column)).all()
    values = select(RowValue.new).join(RowChange, RowChange.id == RowValue.row_change_id)
    said += db.session.scalars(values.where(RowChange.entity.in_(["relation", "preference", "customer_tag"]))).all()
    assert [one for one in said if one and secret in one] == []


def test_what_a_card_and_a_gift_are_called_stays(house: House) -> None:
    """That is the house's word; what a message says to the person is not."""
    hers = {"customer_id": house.ids["anna"], "rule": "x", "made_on": TODAY, "rule_version_id": 1}
    package = create("package", name="补水10次", price="1980")
    with raw_operation():
        place = {"store_id": house.ids["first"], "opened_on": TODAY, "customer_id": house.ids["anna"]}
        db.session.add(Card(name="补水10次", package_id=package, sold_for=198_000, **place))
        db.session.add(Card(name="安娜的旧卡", sold_for=198_000, **place))
        for kind, what in ((EffectKind.GIFT, "面膜"), (EffectKind.MESSAGE, "安娜您好")):
            db.session.add(RuleEffect(kind=kind, what=what, occasion=what, place=1, **hers))
    erase(house)
    assert db.session.scalars(select(Card.name).order_by(Card.id)).all() == ["补水10次", "–"]
    assert db.session.scalars(select(RuleEffect.what).order_by(RuleEffect.id)).all() == ["面膜", "–"]


def test_alerts_of_one_day_do_not_stand_in_the_way_of_an_erasure(house: House) -> None:
    about = {"occasion": f"{house.ids['anna']}:2026-11-22:1", "customer_id": house.ids["anna"], "to_role": "manager"}
    with raw_operation():
        for source in ("valued-customer-away", "valued-customer-away-long"):
            db.session.add(Alert(source=source, text="安娜 45 天未到店", raised_at=NOON, **about))
            db.session.add(Task(source=source, text="联系安娜", due_on=TODAY, **about))
    erase(house)
    for entity in (Alert, Task):
        rows = db.session.execute(select(entity.source, entity.text).order_by(entity.source)).all()
        assert rows == [("valued-customer-away", "–"), ("valued-customer-away-long", "–")]


# --------------------------------------------------------------------------------------------------- the door


def test_many_at_once_pass_the_throttle_no_more_than_one_by_one(house: House) -> None:
    """An attempt counts before its password is looked at."""
    allowed = [password_gate.attempt(["account:owner", "address:10.0.0.1"], NOON) for _ in range(9)]
    assert allowed == [True] * 6 + [False] * 3
    for _ in range(2):  # a double click succeeds twice
        password_gate.succeeded(["account:owner", "address:10.0.0.1"], signed_in=True)
    left = {row.subject: row.failures for row in db.session.scalars(select(SignInThrottle))}
    assert left == {"address:10.0.0.1": 4}


def test_guessing_the_old_password_is_slowed_down_and_logged(house: House) -> None:
    browser = house.browser("reception")
    new = "quite another long sentence"
    for _ in range(6):
        browser.post("/account/password", {"old": "wrong", "new": new})
    assert logged("change_password", "wrong_password") == 6
    assert browser.post("/account/password", {"old": password_of("reception"), "new": new}).status_code == 422
    assert logged("change_password", "waiting") == 1


def test_a_password_from_somebody_else_is_not_kept(house: House) -> None:
    old = password_of("reception")
    assert house.browser("reception").post("/account/password", {"old": old, "new": old}).status_code == 422


@pytest.mark.parametrize("address", ["/", "/customer/?q=a", "/customer/details/?id=1", "/log?what=x&on=%E5%AE%A2"])
def test_a_place_of_ours(address: str) -> None:
    assert is_ours(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "//evil.example",
        "/\\evil.example",
        "/\t\\evil.example",
        "/x\ny",
        "/x\r\nSet-Cookie: a",
        "https://evil.example",
    ],
)
def test_a_place_that_is_not_ours(address: str) -> None:
    assert not is_ours(address)


def test_a_line_end_in_the_way_back_loses_nothing(house: House) -> None:
    tag = db.session.scalars(select(Tag.id).where(Tag.slug == "do-not-contact")).one()
    data = {"customers": house.ids["anna"], "tag": tag, "next": "/x\ny"}
    assert house.browser("owner").post("/do/tag_customers/", data).status_code == 302


# ------------------------------------------------------------------------------------------------- odd numbers

ODD = ["²", "9" * 20, "9" * 5000, "-1", "1.5", "", "x"]


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_number_is_refused_at_its_field_or_not_there(house: House, odd: str) -> None:
    browser, anna = house.browser("owner"), house.ids["anna"]
    sent = [
        browser.post("/do/tag_customers/", {"customers": odd, "tag": odd}),
        browser.post(f"/do/tag_customers/?on={odd}", {"customers": anna, "tag": "1", "version": odd}),
        browser.post("/do/hand_over_customers/", {"staff": odd, "to": odd}),
        browser.post("/customer/action/", {"action": "tag_customers", "ids": odd}),
        browser.post(f"/customer/edit/?id={anna}", {"version": odd, "store_id": odd, "name": "x"}),
        browser.post("/customer/new/", {"name": "x", "store_id": odd, "referrer_id": odd}),
        browser.post("/customer/delete/", {"id": odd, "version": odd}),
        browser.post(f"/account/sessions/{odd or 0}/end"),
        browser.get(f"/customer/new/?store_id={odd}"),
        browser.get(f"/do/tag_customers/?on={odd}"),
        browser.get(f"/log/{odd or 0}"),
        browser.get(f"/customer/?store_id={odd}"),
    ]
    assert [answer.status_code for answer in sent if answer.status_code >= 500] == []


@pytest.mark.parametrize("address", ["/customer/?q=%00", "/%00", "/log?who=%00", "/search?q=a%00b"])
def test_a_nul_is_refused_before_anything_reads_it(house: House, address: str) -> None:
    assert house.browser("owner").get(address).status_code == 400


def test_a_form_opened_by_a_link_has_a_key_of_its_own(sqlite_house: House) -> None:
    page = sqlite_house.browser("owner").get("/customer/new/?op_id=evil&version=9").text
    assert "evil" not in page


def test_a_novel_does_not_fit_into_a_note(house: House) -> None:
    values = {"name": "x", "store_id": house.ids["first"], "notes": "x" * 10_001}
    with pytest.raises(Refused):
        perform(Name.CREATE_ENTITY, CreateInput(entity="customer", values=values), actor=SYSTEM)


def test_two_of_one_name_and_phone_are_pointed_out(house: House) -> None:
    values = {"name": "安娜", "phone": "13900000001", "store_id": house.ids["first"], "stage": "lead"}
    browser = house.browser("reception")
    made = browser.post("/customer/new/", values)
    assert "已有同名同电话" in browser.get(made.location).text
