"""Lists too long to be shown whole are searched on the server; what was chosen from them stays chosen."""

from __future__ import annotations

import re

import pytest

from tests.cast import TODAY, create
from tests.conftest import House
from tests.views.pages import sent_as_shown


@pytest.fixture
def large(sqlite_house: House) -> House:
    """25 services and more than 21 staff."""
    house = sqlite_house
    for number in range(25):
        house.ids[f"service{number}"] = create("service", name=f"护理{number}", price="100", busy_minutes=60)
    for number in range(21):
        house.ids[f"staff{number}"] = create("staff", name=f"技师{number}", store_id=house.ids["first"])
    return house


def service(number: int) -> str:
    """What a list calls a service: its name, price and time."""
    return f"护理{number} · ¥100.00 · 60 分钟"


def chosen(page: str, name: str) -> str:
    """The label that a select of the page stands at."""
    select = re.search(rf'<select[^>]*name="{name}"[^>]*>(.*?)</select>', page, re.DOTALL)
    assert select is not None, name
    labels = re.findall(r'<option[^>]* selected value="[^"]+">([^<]*)</option>', select[1])
    return "、".join(labels)


def test_a_refused_sale_keeps_every_choice(large: House) -> None:
    bill = {
        "customer": large.ids["anna"],
        "store": large.ids["first"],
        "lines-0-service": large.ids["service24"],
        "lines-0-quantity": "1",
        "lines-0-performer": large.ids["staff20"],
        "lines-0-manner": "in_turn",
        "lines-0-price": "三十",
        "lines-1-service": large.ids["service23"],
        "lines-1-quantity": "1",
        "lines-1-performer": large.ids["staff19"],
        "lines-1-manner": "in_turn",
        "method": "cash",
    }
    answer = large.browser("reception").post(f"/do/sell/?on={large.ids['anna']}", bill)
    assert answer.status_code == 422
    names = ("lines-0-service", "lines-0-performer", "lines-1-service", "lines-1-performer")
    assert [chosen(answer.text, name) for name in names] == [
        service(24),
        "技师20",
        service(23),
        "技师19",
    ]
    sent = sent_as_shown(answer.text)
    assert {name: sent[name] for name in names} == {name: [str(bill[name])] for name in names}


def test_a_second_row_and_a_refusal_keep_what_was_booked(large: House) -> None:
    browser, address = large.browser("reception"), f"/do/book/?on={large.ids['anna']}"
    wish = {
        "customer": large.ids["anna"],
        "starts_at": f"{TODAY}T15:00",
        "store": large.ids["first"],
        "source": "phone",
        "services-0-service": large.ids["service22"],
        "services-0-staff": large.ids["staff18"],
    }
    grown = browser.post(address, {**wish, "more": "services"}).text
    assert (chosen(grown, "services-0-service"), chosen(grown, "services-0-staff")) == (
        service(22),
        "技师18",
    )
    both = {**wish, "services-1-service": large.ids["service21"], "services-1-staff": large.ids["staff17"]}
    refused = browser.post(address, both)
    assert refused.status_code == 422, "nobody has the skill"
    names = ("services-0-service", "services-0-staff", "services-1-service", "services-1-staff")
    assert [chosen(refused.text, name) for name in names] == [
        service(22),
        "技师18",
        service(21),
        "技师17",
    ]


def test_a_choice_by_the_address_is_shown(large: House) -> None:
    page = large.browser("reception").get(f"/do/book/?services-0-staff={large.ids['staff20']}").text
    assert chosen(page, "services-0-staff") == "技师20"


def test_a_list_of_rows_keeps_each_of_them(large: House) -> None:
    """Without rows chosen in a list, the staff of a shift are chosen in its form."""
    staff = [large.ids["staff20"], large.ids["staff19"]]
    answer = large.browser("owner").post("/do/plan_shift/", {"staff": staff, "first_day": "gibberish"})
    assert answer.status_code == 422
    assert sorted(sent_as_shown(answer.text)["staff"]) == sorted(map(str, staff))


def test_an_entity_form_keeps_the_rows_it_refers_to(large: House) -> None:
    skill = {"staff_id": large.ids["staff20"], "service_id": large.ids["service24"], "since": "gibberish"}
    page = large.browser("owner").post("/staff_skill/new/", skill).text
    assert (chosen(page, "staff_id"), chosen(page, "service_id")) == ("技师20", service(24))


def test_a_row_of_somebody_else_is_not_named(large: House) -> None:
    """What is not hers to see is not shown because a form names it."""
    page = large.browser("reception").post("/do/book/", {"customer": large.ids["cora"]}).text
    assert "柯拉" not in page


def test_a_filter_by_several_rows_of_a_long_list_keeps_them(large: House) -> None:
    wanted = f"{large.ids['service20']},{large.ids['service24']}"
    page = large.browser("owner").get(f"/staff_skill/?service_id={wanted}").text
    select = re.search(r'<select[^>]*name="service_id"[^>]*>(.*?)</select>', page, re.DOTALL)
    assert select is not None
    assert "multiple" in select[0].split(">", 1)[0]
    assert re.findall(r"selected>([^<]*)", select[1]) == ["护理20", "护理24"]
