"""Tier, stored value, last visit and tags as columns of the customers' list: shown, filtered, sorted, by role."""

from __future__ import annotations

from datetime import timedelta

import pytest

from models.customers import Customer
from models.entity import db
from models.standing import CustomerTag, Membership, Tag
from tests.cast import NOON, TODAY, create, raw_operation
from tests.conftest import House
from tests.views.pages import tables, visited
from tests.views.salon_day import recharged

COLUMNS = ["Tier", "Stored value", "Last visit", "Tags"]


@pytest.fixture
def standing(house: House) -> House:
    """Anna: gold, 1,050 stored, here yesterday, tagged. Berta: silver, 100 stored, here a month ago. Others nothing."""
    recharged(house, 1000)
    recharged(house, 100, "berta")
    visited(house, TODAY - timedelta(1))
    visited(house, TODAY - timedelta(30), "berta")
    with raw_operation():
        for customer, tier in (("anna", "gold"), ("berta", "silver")):
            db.session.add(Membership(customer_id=house.ids[customer], tier=tier, since=TODAY))
        tag = Tag(slug="quiet", name="喜欢安静", name_en="Likes it quiet")
        db.session.add(tag)
        db.session.flush()
        db.session.add(CustomerTag(customer_id=house.ids["anna"], tag_id=tag.id, since=NOON))
    house.ids["tag"] = tag.id
    return house


def rows(house: House, address: str = "/customer/", role: str = "owner") -> list[dict[str, str]]:
    answer = house.browser(role).get(address, headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    head, *body = tables(answer.text)[0]
    return [dict(zip(head, row, strict=True)) for row in body if len(row) == len(head)]


def names(house: House, address: str) -> list[str]:
    return [row["Full name"] for row in rows(house, address)]


def name(house: House, who: str) -> str:
    return db.session.get_one(Customer, house.ids[who]).name


def test_each_is_shown(standing: House) -> None:
    found = {row["Full name"]: [" ".join(row[one].split()) for one in COLUMNS] for row in rows(standing)}
    assert found[name(standing, "anna")] == ["Gold", "¥1,050.00", "2026-11-21", "Likes it quiet"]
    assert found[name(standing, "berta")][:3] == ["Silver", "¥100.00", "2026-10-23"]


def test_each_filters_and_the_filters_agree_with_what_is_shown(standing: House) -> None:
    anna, berta = (name(standing, who) for who in ("anna", "berta"))
    every = set(names(standing, "/customer/"))
    for address, expected in {
        "tier=gold": {anna},
        "tier=gold,silver": {anna, berta},
        "tier.empty=yes": every - {anna, berta},
        "balance.from=1000": {anna},
        "balance.from=0.01": {anna, berta},
        "balance.to=100": every - {anna},
        "balance.from=0": every,
        "last_visit.from=2026-11-01": {anna},
        "last_visit.to=2026-11-01": {berta},
        "last_visit.empty=yes": every - {anna, berta},
        f"tags={standing.ids['tag']}": {anna},
        "tags.empty=yes": every - {anna},
    }.items():
        assert set(names(standing, f"/customer/?{address}")) == expected, address


def test_balance_and_last_visit_sort(standing: House) -> None:
    anna, berta = (name(standing, who) for who in ("anna", "berta"))
    for column in ("balance", "last_visit"):
        assert names(standing, f"/customer/?sort=-{column}")[:2] == [anna, berta], column
        assert names(standing, f"/customer/?sort={column}")[-2:] == [berta, anna], column


def test_a_filter_that_does_not_fit_says_so(standing: House) -> None:
    page = standing.browser("owner").get("/customer/?balance.from=viel", headers={"Accept-Language": "en"}).text
    assert "balance.from" in page.partition('class="notice warn"')[2][:120]


def test_who_may_not_see_money_neither_sees_nor_filters_by_it(standing: House) -> None:
    browser = standing.browser("therapist")
    page = browser.get("/customer/?balance.from=1", headers={"Accept-Language": "en"}).text
    assert "This list cannot be filtered by that." in page
    page = browser.get("/customer/", headers={"Accept-Language": "en"}).text
    assert "Stored value" not in page
    assert "Last visit" in page


def test_a_merged_record_counts_for_the_one_that_is_kept(standing: House) -> None:
    lost = create("customer", name="安娜", store_id=standing.ids["first"])
    with raw_operation():
        db.session.get_one(Customer, lost).merged_into_id = standing.ids["anna"]
        db.session.flush()
    standing.ids["lost"] = lost
    visited(standing, TODAY, "lost")
    found = {row["Member number"] or row["Full name"]: row["Last visit"] for row in rows(standing)}
    assert TODAY.isoformat() in found.values()
    assert name(standing, "anna") in names(standing, f"/customer/?last_visit.from={TODAY.isoformat()}")
