"""Forms at the desk: who it is about, who may be chosen, which session first, and the total before paying."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from sqlalchemy import select

from admin_app import rulebook
from models.entity import db
from models.log import Operation
from models.names import Name
from models.sales import Sale
from models.standing import Membership
from tests.cast import TODAY, create, raw_operation
from tests.conftest import ON_BOTH, House
from tests.engines import somebody_writing
from tests.views.pages import main_part, words
from tests.views.salon_day import MORNING, card, recharged, redeemed, service
from tests.web import english
from views import generated

HOUSES = ("sqlite",)


@pytest.fixture(autouse=True)
def _in_the_morning(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(rulebook, "LOOK_EVERY", 1e9)  # whether the rules were looked at lately must not count
    with time_machine.travel(MORNING, tick=False):
        yield


def get(house: House, address: str, role: str = "reception") -> str:
    answer = english(house, role).get(address)
    assert answer.status_code == 200, answer.text[:500]
    return answer.text


def strip(page: str) -> str:
    found = re.search(r'<section class="strip".*?</section>', page, re.DOTALL)
    return words(found[0]) if found else ""


def options(page: str, name: str) -> list[str]:
    found = re.search(rf'<select[^>]*name="{name}"[^>]*>(.*?)</select>', page, re.DOTALL)
    assert found is not None, name
    return [unescape(text) for text in re.findall(r"<option[^>]*>(.*?)</option>", found[1]) if text]


def known_customer(house: House) -> int:
    """Anna with an allergy, gold, 1,050 stored, and a card of three sessions; the number of its item."""
    create("contraindication", customer_id=house.ids["anna"], kind="allergy", substance="青霉素")
    recharged(house, 1000)
    with raw_operation():
        db.session.add(Membership(customer_id=house.ids["anna"], tier="gold", since=TODAY))
    return card(house, service(house))


def test_every_form_about_a_person_begins_with_what_must_be_known(house: House) -> None:
    item = known_customer(house)
    anna = house.ids["anna"]
    addresses = [
        f"/do/sell/?on={anna}",
        f"/do/book/?on={anna}",
        f"/do/redeem_session/?on={anna}",
        f"/do/sell/?customer={anna}",
        f"/customer/edit/?id={anna}",
        f"/concern/new/?customer_id={anna}",
        f"/customer-strip?id={anna}",
    ]
    for address in addresses:
        found = strip(get(house, address))
        assert "Take care Allergy: 青霉素" in found, address
        assert "Gold" in found, address
        assert "Stored value ¥1,050.00" in found, address
        assert "3 of 3 left" in found, address
    redeemed(house, item)
    assert "2 of 3 left" in strip(get(house, f"/do/sell/?on={anna}"))


def test_a_substance_in_the_strip_is_logged(house: House) -> None:
    known_customer(house)
    reads = select(Operation.id).where(Operation.name == Name.READ_RECORD, Operation.actor_role == "reception")
    assert db.session.scalar(reads) is None
    get(house, f"/do/sell/?on={house.ids['anna']}")
    assert db.session.scalar(reads) is not None


def test_the_strip_shows_only_what_may_be_seen(house: House) -> None:
    known_customer(house)
    finance = strip(get(house, f"/customer-strip?id={house.ids['anna']}", "finance"))
    assert "青霉素" not in finance
    assert "Take care: ask who serves this customer" in finance
    assert english(house, "reception").get("/customer-strip?id=999999").status_code == 404
    assert english(house, "reception").get("/customer-strip?id=x").status_code == 404


def test_a_look_up_tells_two_of_one_name_apart(house: House) -> None:
    known_customer(house)
    create("customer", name="安娜", store_id=house.ids["first"], phone="13900005678")
    found = english(house, "reception").post("/customer/ajax/lookup/", {"q": "安娜"}).json
    assert found is not None
    more = {row["id"]: row["more"] for row in found if row["text"].startswith("安娜")}
    assert len(more) == 2
    assert "no. 5678" in more.values()
    assert more[house.ids["anna"]].endswith("Gold · ¥1,050.00")
    services = english(house, "consultant").post("/service/ajax/lookup/", {"q": "补水"}).json
    assert services is not None
    assert services[0]["more"] == "¥298.00 · 60 min"


def test_a_look_up_lists_a_menu_whole_in_its_own_order_and_the_first_of_a_longer_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the plain list of a short menu does, and not by the code points of the names."""
    names = [f"{sign}面护理" for sign in "足手身头背腰"]
    for name in names:
        create("service", name=name, price="98", busy_minutes=30)

    def found(words: str) -> list[str]:
        answer = english(house, "reception").post("/service/ajax/lookup/", {"q": words}).json
        assert answer is not None
        return [row.get("text", "…") for row in answer]  # a note that there are more

    monkeypatch.setattr(generated, "LOOKUP_ROWS", 4)
    assert [name for name in found("") if name in names] == names
    assert found("面护理") == names
    monkeypatch.setattr(generated, "LOOKUP_WHOLE", 5)
    assert found("面护理") == [*names[:4], "…"]


@ON_BOTH
def test_staff_offered_are_at_work_here_and_say_what_they_give(house: House) -> None:
    of = service(house)
    create("staff", name="离职的人", store_id=house.ids["first"], left_on=(TODAY - timedelta(1)).isoformat())
    create("staff", name="今天最后一天", store_id=house.ids["first"], left_on=TODAY.isoformat())
    create("staff", name="别店的人", store_id=house.ids["second"])
    page = get(house, f"/do/sell/?on={house.ids['anna']}")
    offered = options(page, "lines-0-performer")
    assert "今天最后一天" in offered
    assert "离职的人" not in offered
    assert "别店的人" not in offered
    giving = re.findall(rf'<option[^>]*data-gives="[^"]*\b{of}\b[^"]*"[^>]*>(.*?)</option>', page)
    assert giving
    assert len(set(giving)) == 1, "the therapist alone has the skill"


def test_sessions_that_can_be_used_come_first_with_what_is_left_and_until_when(house: House) -> None:
    of = service(house)
    used = card(house, of, sessions=1, name="用完的卡")
    redeemed(house, used)
    with time_machine.travel(MORNING - timedelta(days=20), tick=False):
        card(house, of, days=10, name="过期的卡")
    card(house, of, days=100, name="晚到期")
    card(house, of, days=50, name="早到期")
    found = options(get(house, f"/do/redeem_session/?on={house.ids['anna']}"), "item")
    assert [one.split(" · ")[1:] for one in found] == [
        ["早到期", "3 of 3 left", "until 2027-01-11"],
        ["晚到期", "3 of 3 left", "until 2027-03-02"],
        ["过期的卡", "ended on 2026-11-12"],
        ["用完的卡", "used up", "until 2027-03-02"],
    ]


def bill(house: House, of: int, **more: object) -> dict[str, object]:
    return {
        "customer": house.ids["anna"],
        "store": house.ids["first"],
        "lines-0-service": of,
        "lines-0-quantity": 2,
        "lines-0-performer": house.ids["therapist_staff"],
        "lines-0-manner": "in_turn",
        **more,
    }


def test_the_total_is_seen_before_the_way_of_paying_is_chosen(house: House) -> None:
    of = service(house)
    browser, address = english(house, "reception"), f"/do/sell/?on={house.ids['anna']}"
    assert browser.get(address).status_code == 200
    shown = browser.post(address, bill(house, of))
    assert shown.status_code == 200
    assert "¥596.00" in main_part(shown.text)
    assert "Now choose how it is paid." in shown.text
    refused = browser.post(address, bill(house, of, shown_total=59_600))
    assert refused.status_code == 422
    assert "Say how it is paid." in refused.text
    assert 'name="shown_total" value="59600"' in refused.text, "the total stays"
    again = main_part(browser.post(address, bill(house, of, shown_total=59_600, method="cash", redisplay="1")).text)
    assert 'name="shown_total" value="59600"' in again, "it stays in another language too"
    assert "Now choose how it is paid." not in again
    assert db.session.scalar(select(Sale.id)) is None
    assert browser.post(address, bill(house, of, shown_total=59_600, method="cash")).status_code == 302
    assert db.session.scalars(select(Sale.total)).all() == [59_600]


def test_the_total_so_far_follows_the_form(house: House) -> None:
    of = service(house)
    browser, address = english(house, "reception"), f"/do/sell/?on={house.ids['anna']}"
    browser.get(address)
    with somebody_writing():
        so_far = browser.post(address, bill(house, of, total_so_far="1", **{"lines-0-performer": ""}))
        worked_out = browser.post(address, bill(house, of, method="cash"))
    assert "¥596.00" in main_part(worked_out.text)
    assert words(so_far.text) == "Total ¥596.00"
    assert browser.post(address, {**bill(house, of), "lines-0-service": "", "total_so_far": "1"}).status_code == 204
    recharge = browser.post(
        f"/do/recharge/?on={house.ids['anna']}",
        {"customer": house.ids["anna"], "store": house.ids["first"], "amount": "1000", "total_so_far": "1"},
    )
    assert words(recharge.text) == "Total ¥1,000.00 Bonus on top: ¥50.00"
    assert db.session.scalar(select(Sale.id)) is None


def test_a_list_with_filters_adds_up_its_money(house: House) -> None:
    of = service(house)
    for _ in range(2):
        english(house, "reception").post(
            f"/do/sell/?on={house.ids['anna']}", bill(house, of, method="cash", shown_total=59_600)
        )
    page = main_part(get(house, f"/sale/?business_day.from={TODAY.isoformat()}", "owner"))
    assert "Total of 2 ¥1,192.00" in words(page.partition("<tfoot>")[2].partition("</tfoot>")[0])
    assert "<tfoot>" not in get(house, "/sale/", "owner"), "without a filter nothing is added up"
