"""One gate for every password: wrong tries count on whose it is, on who asks and on the address, together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import select

from admin_app.operations.approvals import signed
from admin_app.operations.kernel import perform
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import spec_named
from admin_app.security.password_gate import FREE
from models.accounts import SignInThrottle, User
from models.cards import CardItem
from models.customers import Customer
from models.entity import db
from models.log import EntryKind
from models.log import Operation as LogOperation
from models.names import Name
from models.standing import Alert
from tests.cast import NOON, password_of, raw_operation
from tests.conftest import House
from tests.rules.texts import SHIPPED
from tests.salon_day import HYDRA, Salon
from tests.web import Browser

HOUSES = ("sqlite",)


@pytest.fixture(autouse=True)
def standing_clock(request: pytest.FixtureRequest) -> Iterator[None]:
    """What has to wait does not come through because a test takes its time."""
    if "salon" in request.fixturenames:
        request.getfixturevalue("salon")  # which lets the clock run
    with time_machine.travel(NOON, tick=False):
        yield


def sign(salon: Salon, by: str, password: str, asker: str = "reception", address: str = "") -> str:
    """Somebody signs for a cheaper bill; what became of it."""
    bill = salon.bill(salon.line("hydra", price=HYDRA - 1, why="老客"))
    values = {**bill, "approver": by, "approver_password": password}
    try:
        signed(spec_named(Name.SELL), values, salon.house.actor(asker, address=address))
    except Refused as refusal:
        db.session.rollback()
        return refusal.code
    return "done"


def refusals(name: Name) -> list[tuple[str, str | None, int | None, str]]:
    """What the log says of them: why, about which row, and who asked."""
    db.session.rollback()
    columns = (LogOperation.result, LogOperation.subject_kind, LogOperation.subject_id, LogOperation.actor_name)
    query = select(*columns).where(LogOperation.name == name, LogOperation.kind == EntryKind.REFUSAL)
    return [tuple(row) for row in db.session.execute(query.order_by(LogOperation.id))]


def test_an_accomplice_who_signs_in_between_buys_no_guesses(salon: Salon) -> None:
    became = []
    for guess in range(40):
        became.append(sign(salon, "owner", f"guess {guess}"))
        became.append(sign(salon, "manager", password_of("manager")))
    assert became.count("wrong_password") <= FREE["asker"] + 1
    assert "done" in became
    assert became[-2:] == ["waiting", "waiting"]


def test_guesses_count_on_whose_password_it_is_whoever_asks(salon: Salon) -> None:
    became = [sign(salon, "owner", "guess", asker) for asker in ("reception", "therapist", "consultant") * 3]
    assert became.count("wrong_password") == FREE["account"] + 1
    assert became[-1] == "waiting"


def test_guesses_count_on_the_address_too(salon: Salon) -> None:
    address = "10.0.0.7"
    with raw_operation():
        db.session.add(
            SignInThrottle(
                subject=f"address:{address}",
                failures=21,
                last_failed_at=NOON,
                blocked_until=NOON + timedelta(minutes=1),
            )
        )
    assert sign(salon, "manager", password_of("manager"), address=address) == "waiting"
    assert sign(salon, "manager", password_of("manager"), address="10.0.0.8") == "done"


def test_the_log_says_whose_password_was_tried_by_whom_and_the_owner_is_told_once(salon: Salon) -> None:
    for _ in range(9):
        sign(salon, "manager", "guess")
    manager = salon.house.ids["manager"]
    assert refusals(Name.ALLOW) == [
        *[("wrong_password", "user", manager, "用户reception")] * 6,
        *[("waiting", "user", manager, "用户reception")] * 3,
    ]
    [alert] = salon.rows(Alert)
    assert (alert.source, alert.to_role, alert.about, alert.about_id) == ("password_tries", "owner", "user", manager)
    assert "manager" in alert.text
    assert "用户reception" in alert.text


def test_a_password_that_was_handed_out_signs_for_nothing(salon: Salon) -> None:
    with raw_operation():
        db.session.get_one(User, salon.house.ids["manager"]).must_change_password = True
    assert sign(salon, "manager", password_of("manager")) == "must_change"
    assert sign(salon, "manager", "guess") == "wrong_password", "whether it is right, only who knows it is told"


def test_who_may_not_sign_in_signs_for_nothing(salon: Salon) -> None:
    with raw_operation():
        db.session.get_one(User, salon.house.ids["manager"]).active = False
    assert sign(salon, "manager", password_of("manager")) == "wrong_password"
    assert sign(salon, "nobody", password_of("manager")) == "wrong_password"


def test_a_member_password_cannot_be_guessed(salon: Salon) -> None:
    card = salon.open_card()
    [item] = salon.rows(CardItem, card_id=card)
    salon.do(Name.SET_MEMBER_PASSWORD, customer=salon.ids["anna"], password="246810")
    by_password: dict[str, Any] = {"confirmed_by": "password"}
    became = []
    for guess in range(40):
        values = salon.redemption(item.id, password=f"{guess:06}", **by_password)
        became.append(salon.refused(Name.REDEEM_SESSION, **values)[0])
    assert became.count("wrong_password") == FREE["member"] + 1
    [alert] = salon.rows(Alert)
    assert (alert.about, alert.about_id) == ("customer", salon.ids["anna"])
    assert str(salon.rows(Customer, id=salon.ids["anna"])[0].member_no) in alert.text
    right = salon.redemption(item.id, password="246810", **by_password)
    assert salon.refused(Name.REDEEM_SESSION, **right) == ("waiting", "password")
    with time_machine.travel(NOON + timedelta(minutes=16)):
        assert salon.do(Name.REDEEM_SESSION, **right)["left"] == 9
    assert {row[1:3] for row in refusals(Name.REDEEM_SESSION)} == {("customer", salon.ids["anna"])}


def test_the_second_look_at_a_rule_about_money_cannot_be_guessed(salon: Salon) -> None:
    owner = salon.house.actor("owner")
    kept = perform(Name.DRAFT_RULES, {"document": "points", "text": SHIPPED["points"] + "# 试\n"}, actor=owner)
    became = []
    for guess in range(20):
        with pytest.raises(Refused) as refusal:
            values = {"version_id": kept["id"], "password": f"guess {guess}"}
            perform(Name.ACTIVATE_VERSION, values, actor=owner)
        db.session.rollback()
        became.append(refusal.value.code)
    assert became == ["wrong_password"] * 6 + ["waiting"] * 14


def knock(browser: Browser, login: str, password: str, address: str) -> int:
    answer = browser.post(
        "/sign-in", {"login": login, "password": password}, environ_base={"REMOTE_ADDR": address}, content_type=None
    )
    return answer.status_code


def test_strangers_keep_nobody_out_who_has_signed_in_on_this_device(house: House) -> None:
    with time_machine.travel(NOON, tick=False):
        known, stranger, new = house.browser(), house.browser(), house.browser()
        assert knock(known, "owner", password_of("owner"), "10.0.0.1") == 302
        known.post("/sign-out")
        for attempt in range(30):
            knock(stranger, "owner", f"guess {attempt}", f"10.0.1.{attempt % 5}")
        assert knock(new, "owner", password_of("owner"), "10.0.0.2") == 401, "from elsewhere it has to wait"
        assert knock(known, "owner", password_of("owner"), "10.0.1.1") == 302
        known.post("/sign-out")
        became = [knock(known, "owner", f"guess {attempt}", "10.0.0.1") for attempt in range(7)]
        assert became == [401] * 7
        assert knock(known, "owner", password_of("owner"), "10.0.0.1") == 401, "guesses from there count there"


def test_a_device_is_known_for_its_user_alone_and_no_longer_after_a_new_password(house: House) -> None:
    with time_machine.travel(NOON, tick=False):
        device, stranger = house.browser(), house.browser()
        assert knock(device, "reception", password_of("reception"), "10.0.0.1") == 302
        device.post("/sign-out")
        for login in ("owner", "reception"):
            for _attempt in range(8):
                knock(stranger, login, "guess", f"10.0.{login == 'owner'}.1")
        assert knock(device, "owner", password_of("owner"), "10.0.0.1") == 401
        with raw_operation():
            user = db.session.get_one(User, house.ids["reception"])
            user.password_hash = db.session.get_one(User, house.ids["manager"]).password_hash
        assert knock(device, "reception", password_of("manager"), "10.0.0.1") == 401
