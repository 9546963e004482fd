"""Whatever changes what the rules know of a customer marks her for the next run, in the same transaction or not at all:
late entries, edits, refunds, merges and imports too.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select

from admin_app.importing.files import import_file
from admin_app.operations import chain
from models.actor import command_actor
from models.booking import Appointment
from models.cards import CardItem
from models.entity import db
from models.names import Name
from models.rulebook import ChangedCustomer
from models.sales import Sale
from rules.evaluation.frame import Frame
from rules.evaluation.sources import facts_of
from rules.language.facts import fact_named
from tests.admin_app.test_booking import TOMORROW
from tests.admin_app.test_importing import sheet
from tests.cast import TODAY, create, raw_operation
from tests.properties.history import marked, tag_id
from tests.salon_day import EYE, HYDRA, TEN, Salon, days_on

Act = Callable[[Salon], object]


def quiet() -> None:
    """Nobody is marked any more, as after a run."""
    with raw_operation():
        db.session.execute(delete(ChangedCustomer))


def skilled(salon: Salon) -> None:
    create("staff_skill", staff_id=salon.ids["therapist_staff"], service_id=salon.ids["hydra"])


def book(salon: Salon) -> int:
    services = [{"service": salon.ids["hydra"], "staff": salon.ids["therapist_staff"]}]
    where = {"customer": salon.ids["anna"], "store": salon.ids["first"], "starts_at": TOMORROW}
    return int(salon.do(Name.BOOK, **where, services=services)["id"])


def booked(salon: Salon) -> None:
    skilled(salon)
    book(salon)


def nothing(salon: Salon) -> None:
    """What needs no beginning."""


def edit(salon: Salon, entity: str, row: int, **values: Any) -> object:
    return salon.do(Name.EDIT_ENTITY, role="system", entity=entity, id=row, values=values)


def allergy(salon: Salon) -> int:
    return create("contraindication", customer_id=salon.ids["anna"], kind="allergy", substance="果酸")


def merge(salon: Salon) -> object:
    ids = {"customer": salon.ids["anna"], "into": salon.ids["berta"], "why": "同一人"}
    return salon.do(Name.MERGE_CUSTOMERS, role="owner", **ids)


def refund(salon: Salon) -> object:
    card = salon.rows(CardItem)[0].card_id
    return salon.do(Name.REFUND_CARD, role="owner", card=card, method="cash", why="搬家", store=salon.ids["first"])


def template(salon: Salon) -> None:
    salon.ids["skin"] = create("assessment_template", name="肤质")
    create("assessment_parameter", template_id=salon.ids["skin"], name="敏感度", slug="sensitivity")


def assess(salon: Salon) -> object:
    values = {"template": salon.ids["skin"], "readings": ["sensitivity 70"]}
    return salon.do(Name.RECORD_ASSESSMENT, role="consultant", customer=salon.ids["anna"], **values)


def bring(salon: Salon, **values: Any) -> object:
    rows = [{"row": 2, "member_no": "V001", **values}]
    return salon.do(Name.OPEN_BALANCES, role="system", store=salon.ids["first"], rows=rows)


def with_days_on(days: int, act: Act) -> Act:
    def later(salon: Salon) -> object:
        with days_on(days):
            return act(salon)

    return later


WAYS: dict[str, tuple[Act, Act]] = {
    "a sale": (nothing, lambda salon: salon.sell("hydra")),
    "a sale taken back": (lambda salon: salon.sell("hydra"), lambda salon: salon.reverse(salon.rows(Sale)[0].id)),
    "a recharge": (nothing, lambda salon: salon.recharge(100_000)),
    "a deposit": (
        nothing,
        lambda salon: salon.do(Name.TAKE_DEPOSIT, customer=salon.ids["anna"], amount=10_000, method="cash"),
    ),
    "a debt paid": (
        lambda salon: salon.sell("hydra", method="on_account"),
        lambda salon: salon.do(Name.PAY_DEBT, customer=salon.ids["anna"], amount=HYDRA, method="cash"),
    ),
    "a card": (nothing, lambda salon: salon.open_card()),
    "a session": (lambda salon: salon.open_card(), lambda salon: salon.redeem(salon.rows(CardItem)[0].id)),
    "a card given back": (lambda salon: salon.open_card(), refund),
    "a card extended": (
        lambda salon: salon.open_card(),
        lambda salon: salon.do(
            Name.EXTEND_CARD,
            role="manager",
            card=salon.rows(CardItem)[0].card_id,
            until=TODAY + timedelta(400),
            why="x",
        ),
    ),
    "a card given to her": (
        lambda salon: salon.open_card(customer="berta"),
        lambda salon: salon.do(
            Name.TRANSFER_CARD, role="manager", card=salon.rows(CardItem)[0].card_id, to=salon.ids["anna"], why="x"
        ),
    ),
    "a booking": (skilled, book),
    "a booking cancelled": (
        booked,
        lambda salon: salon.do(Name.CANCEL_BOOKING, booking=salon.rows(Appointment)[0].id, reason="x"),
    ),
    "a booking not kept": (
        booked,
        with_days_on(2, lambda salon: salon.do(Name.NO_SHOW, booking=salon.rows(Appointment)[0].id)),
    ),
    "her birthday": (nothing, lambda salon: edit(salon, "customer", salon.ids["anna"], birth_month="5", birth_day="6")),
    "an allergy": (nothing, allergy),
    "an allergy that is over": (
        allergy,
        lambda salon: edit(salon, "contraindication", 1, until=str(TODAY - timedelta(1))),
    ),
    "an allergy archived": (
        allergy,
        lambda salon: salon.do(Name.ARCHIVE_ENTITY, role="system", entity="contraindication", id=1),
    ),
    "an assessment": (template, assess),
    "a tag by hand": (
        nothing,
        lambda salon: salon.do(
            Name.TAG_CUSTOMERS, role="system", customers=[salon.ids["anna"]], tag=tag_id("do-not-contact")
        ),
    ),
    "balances brought over": (nothing, lambda salon: bring(salon, points=50)),
    "a record merged": (nothing, merge),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_marks_her_or_changes_nothing(salon: Salon, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first time it fails at the last moment."""
    before, act = WAYS[way]
    before(salon)
    quiet()
    inside: list[int] = []

    def broken(connection: Connection, _: int) -> None:
        inside.extend(connection.scalars(select(ChangedCustomer.customer_id)))
        raise RuntimeError("the light went out")

    with monkeypatch.context() as dark:
        dark.setattr(chain, "link", broken)
        with pytest.raises(RuntimeError):
            act(salon)
    assert salon.ids["anna"] in inside
    assert marked() == set()
    act(salon)
    assert salon.ids["anna"] in marked()


def test_whoever_is_merged_and_whom_she_becomes_are_both_marked(salon: Salon) -> None:
    merge(salon)
    assert {salon.ids["anna"], salon.ids["berta"]} <= marked()


def test_what_comes_in_from_a_sheet_marks_those_it_is_about(salon: Salon, tmp_path: Path) -> None:
    quiet()
    head = ["日期", "会员编号", "姓名", "项目", "金额", "支付方式", "美容师"]
    row = ["2025-04-23", "V001", "安娜", "肩颈舒缓", "198", "微信", None]
    import_file("sales", sheet(tmp_path, head, row, name="消费"), command_actor("tester"))
    assert marked() == {salon.ids["anna"]}


# ------------------------------------------------------------------- what is written is what the facts are made of


def known(salon: Salon, *names: str, days: int = 0) -> list[Any]:
    """What the rules know of Anna, today or so many days later."""
    db.session.rollback()
    facts = [fact for name in names if (fact := fact_named(name)) is not None]
    assert len(facts) == len(names)
    found = facts_of(Frame(TODAY + timedelta(days), None, True), facts)
    row = db.session.execute(select(found).where(found.c.customer_id == salon.ids["anna"])).mappings().one()
    return [row[name] for name in names]


def test_rules_see_what_the_till_wrote_and_what_it_took_back(salon: Salon) -> None:
    """Through the operations themselves, not through rows made up as the facts would like them."""
    money = ("paid_30d", "used_30d", "stored_value", "largest_recharge_30d", "owed")
    came = ("visits_30d", "sales_30d", "services_30d", "days_since_visit", "days_since_recharge", "cards_live")
    assert known(salon, *money, *came) == [0, 0, 0, 0, 0, 0, 0, 0, None, None, 0]
    sale = salon.sell("hydra")
    assert known(salon, *money) == [HYDRA, HYDRA, 0, 0, 0]
    assert known(salon, *came) == [1, 1, 1, 0, None, 0]
    salon.recharge(100_000)
    salon.sell("eye", method="stored_value")
    assert known(salon, *money) == [HYDRA + 100_000, HYDRA + EYE, 105_000 - EYE, 100_000, 0]
    salon.open_card()
    salon.redeem(salon.rows(CardItem)[0].id)
    assert known(salon, "paid_30d", "used_30d", "cards_live", "fewest_sessions_left") == [
        HYDRA + 100_000 + TEN,
        HYDRA + EYE + TEN // 10,
        1,
        9,
    ]
    salon.sell("eye", method="on_account")
    of_silver = EYE * 95 // 100  # more than 3,000 yuan were paid, and the tier counts at once
    assert known(salon, "owed", "owed_days") == [of_silver, 0]
    salon.reverse(sale)
    assert known(salon, "paid_30d", "used_30d") == [100_000 + TEN, EYE + TEN // 10 + of_silver]


def test_rules_see_bookings_and_who_did_not_come(salon: Salon) -> None:
    booked(salon)
    assert known(salon, "booked", "no_shows_30d") == [1, 0]
    with days_on(2):
        salon.do(Name.NO_SHOW, booking=salon.rows(Appointment)[0].id)
    assert known(salon, "booked", "no_shows_30d", days=2) == [0, 1]
    assert known(salon, "booked", "no_shows_30d") == [1, 0], "nothing of later is seen"
