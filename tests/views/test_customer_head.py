"""The head of a customer's page: dangers first, as far as they may be read; tier, tags, what waits."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from admin_app.operations.customers import TagInput
from admin_app.operations.kernel import perform
from admin_app.rulebook import access_for
from models.entity import db
from models.log import EntryKind, Operation
from models.names import Name
from models.standing import Alert, CustomerTag, Membership, Tag, Task
from tests.cast import NOON, TODAY, create, raw_operation
from tests.conftest import House
from tests.views.pages import main_part, words
from views.customer_head import Head, customer_head

SEEING = ("owner", "manager", "reception", "consultant", "therapist", "auditor", "finance")


def head(house: House, role: str = "owner", customer: str = "anna") -> Head:
    with house.app.test_request_context():
        return customer_head(house.ids[customer], access_for(house.actor(role)))


def page(house: House, role: str = "owner", customer: str = "anna", **headers: str) -> str:
    answer = house.browser(role).get(f"/customer/details/?id={house.ids[customer]}", headers=headers)
    assert answer.status_code == 200
    return main_part(answer.text)


def allergic(house: House, substance: str | None = "青霉素", kind: str = "allergy") -> int:
    return create("contraindication", customer_id=house.ids["anna"], kind=kind, substance=substance)


def reads() -> list[Operation]:
    """Entries that sensitive values were shown."""
    db.session.rollback()
    return list(db.session.scalars(select(Operation).where(Operation.name == "read_record")))


def test_a_danger_is_said_before_anything_else(house: House) -> None:
    allergic(house)
    shown = page(house)
    assert "过敏: 青霉素" in shown
    assert shown.index('class="dangers"') < shown.index('class="facts"')


def test_every_danger_is_said(house: House) -> None:
    allergic(house)
    allergic(house, None, "pregnancy")
    assert head(house).dangers == ["过敏: 青霉素", "怀孕"]


@pytest.mark.parametrize("role", SEEING)
def test_whoever_sees_her_learns_that_there_is_a_danger(sqlite_house: House, role: str) -> None:
    allergic(sqlite_house)
    shown = page(sqlite_house, role)
    dangers = re.search(r'<p class="dangers".*?</p>', shown, re.DOTALL)
    assert dangers is not None
    assert ("过敏" in dangers[0]) == (role != "finance"), "of what kind is for those who may see dangers"


@pytest.mark.parametrize(("role", "clear"), [(role, role not in {"auditor", "finance"}) for role in SEEING])
def test_the_substance_is_for_those_who_see_it_in_clear(sqlite_house: House, role: str, clear: bool) -> None:
    allergic(sqlite_house)
    assert ("青霉素" in page(sqlite_house, role)) == clear


def test_a_substance_shown_is_logged_and_one_kept_back_is_not(house: House) -> None:
    number = allergic(house)
    page(house, "auditor")
    assert reads() == []
    page(house, "therapist")
    [entry] = reads()
    assert (entry.kind, entry.subject_kind, entry.subject_id, entry.actor_name) == (
        EntryKind.READ,
        "contraindication",
        number,
        "用户therapist",
    )
    assert "青霉素" not in str(entry.detail)


def test_a_danger_put_away_is_not_said(house: House) -> None:
    number = allergic(house)
    house.browser("owner").post("/contraindication/delete/", {"id": number})
    assert head(house).dangers == []
    assert 'class="dangers"' not in page(house)


def test_a_danger_that_is_over_is_not_said(house: House) -> None:
    """A pregnancy that ended years ago must not stand in red before one that is."""
    values = {"kind": "pregnancy", "since": "2020-01-01", "until": "2020-10-01"}
    create("contraindication", customer_id=house.ids["anna"], **values)
    assert head(house).dangers == []


def test_another_customers_danger_is_not_hers(house: House) -> None:
    allergic(house)
    assert head(house, customer="berta").dangers == []


def test_a_danger_with_markup_stays_text(sqlite_house: House) -> None:
    allergic(sqlite_house, "<b>青霉素</b>")
    assert "<b>青霉素" not in page(sqlite_house)


def test_her_present_tier_is_said_by_its_name(house: House) -> None:
    with raw_operation():
        for tier, ended in (("diamond", TODAY), ("gold", None)):
            db.session.add(Membership(customer_id=house.ids["anna"], tier=tier, since=TODAY, ended_on=ended))
    assert head(house).tier == "金卡"
    assert head(house, customer="berta").tier == ""
    assert "Gold" in words(page(house, **{"Accept-Language": "en"}))


def test_a_tier_is_not_told_to_who_may_not_see_memberships(sqlite_house: House) -> None:
    with raw_operation():
        db.session.add(Membership(customer_id=sqlite_house.ids["anna"], tier="gold", since=TODAY))
    assert "金卡" in page(sqlite_house, "reception")
    assert "金卡" not in page(sqlite_house, "therapist")


def tagged(house: House, slug: str = "dormant") -> int:
    tag = db.session.scalars(select(Tag.id).where(Tag.slug == slug)).one()
    data = TagInput(customers=[house.ids["anna"]], tag=tag)
    perform(Name.TAG_CUSTOMERS, data, actor=house.actor("owner"))
    return tag


def test_her_tags_are_said_in_their_colours_and_the_readers_language(house: House) -> None:
    tagged(house)
    assert head(house).tags == [("沉睡客户", "tag-amber")]
    assert "Dormant" in words(page(house, **{"Accept-Language": "en"}))


def test_a_tag_taken_off_or_kept_off_is_not_said(house: House) -> None:
    tag = tagged(house)
    with raw_operation():
        db.session.scalars(select(CustomerTag)).one().until = NOON.replace(year=2027)
        off = CustomerTag(customer_id=house.ids["anna"], tag_id=tag, held=False, by_hand=True, since=NOON)
        db.session.add(off)
    assert head(house).tags == []


def test_tags_are_not_told_to_who_may_not_see_them(sqlite_house: House) -> None:
    tagged(sqlite_house)
    assert "沉睡客户" not in page(sqlite_house, "finance")


def waiting(house: House, role: str = "reception") -> None:
    """An open alert and task, and a closed and a finished one."""
    hers = {"source": "test", "customer_id": house.ids["anna"], "to_role": role}
    with raw_operation():
        for text, done in (("开着的", None), ("关掉的", NOON)):
            by = "x" if done else None
            values = {"occasion": text, "raised_at": NOON, "closed_at": done, "closed_by": by}
            db.session.add(Alert(**hers, **values, text=f"预警{text}"))
            values = {"occasion": text, "due_on": TODAY, "finished_at": done, "finished_by": by}
            db.session.add(Task(**hers, **values, text=f"待办{text}"))


def test_what_waits_for_her_is_said_and_what_is_done_is_not(house: House) -> None:
    waiting(house)
    assert [(kind, text) for kind, _id, text in head(house).open] == [("alert", "预警开着的"), ("task", "待办开着的")]
    assert head(house, customer="berta").open == []


def test_what_waits_for_another_role_is_not_said(house: House) -> None:
    waiting(house, "reception")
    assert len(head(house, "reception").open) == 2
    assert head(house, "consultant").open == []


def test_the_head_takes_as_many_statements_however_much_there_is(sqlite_house: House) -> None:
    from tests.views.pages import sql_of

    few = sql_of(lambda: head(sqlite_house))
    waiting(sqlite_house)
    for number in range(5):
        allergic(sqlite_house, f"药{number}")
    for slug in ("dormant", "ambassador", "new"):
        tagged(sqlite_house, slug)
    assert len(sql_of(lambda: head(sqlite_house))) == len(few)
