"""The drawer and the day: what should be in it, what is, and nothing more once it is closed."""

from __future__ import annotations

from typing import Any

from models.names import Name
from models.till import DayClose, TillShift
from tests.cast import TODAY
from tests.salon_day import EYE, HYDRA, Salon, days_on

HOUSES = ("sqlite",)
"""What differs between the engines is tried in the neighbours and in ``tests/models``."""

CHANGE = 50_000


def opened(salon: Salon, **values: Any) -> None:
    salon.do(Name.OPEN_TILL, store=salon.ids["first"], opening_cash=CHANGE, **values)


def closing(salon: Salon, counted: int, **values: Any) -> dict[str, Any]:
    return {"store": salon.ids["first"], "counted": counted, **values}


def test_the_drawer_holds_its_change_and_what_came_in_less_what_went_back(salon: Salon) -> None:
    opened(salon)
    sale = salon.sell("hydra")
    salon.sell("eye")
    salon.sell("eye", method="wechat")
    salon.sell("hydra", role="owner", store=salon.ids["second"])
    salon.reverse(sale)
    answer = salon.do(Name.CLOSE_DAY, **closing(salon, CHANGE + EYE))
    assert (answer["expected"], answer["difference"]) == (CHANGE + EYE, 0)
    [row] = salon.rows(DayClose)
    assert (row.receipts, row.totals, row.reason) == (3, {"cash": EYE, "wechat": EYE}, None)
    assert row.closed_by == "用户reception"
    assert salon.rows(TillShift)[0].closed_at is not None


def test_a_difference_needs_a_reason(salon: Salon) -> None:
    salon.sell("hydra")
    short = closing(salon, HYDRA - 500)
    assert salon.refused(Name.CLOSE_DAY, **short) == ("difference", "why")
    assert "¥-5.00" in salon.said(Name.CLOSE_DAY, **short) or "-¥5.00" in salon.said(Name.CLOSE_DAY, **short)
    assert salon.do(Name.CLOSE_DAY, **short, why="找错零")["difference"] == -500
    [row] = salon.rows(DayClose)
    assert (row.expected_cash, row.counted_cash, row.reason) == (HYDRA, HYDRA - 500, "找错零")


def test_without_a_drawer_opened_there_is_no_change_in_it(salon: Salon) -> None:
    """Neither that of another store nor that of another day."""
    salon.do(Name.OPEN_TILL, role="owner", store=salon.ids["second"], opening_cash=CHANGE)
    with days_on(-1):
        opened(salon)
    salon.sell("hydra")
    assert salon.do(Name.CLOSE_DAY, **closing(salon, HYDRA))["difference"] == 0


def test_a_day_is_closed_once(salon: Salon) -> None:
    salon.do(Name.CLOSE_DAY, **closing(salon, 0))
    assert salon.refused(Name.CLOSE_DAY, **closing(salon, 0)) == ("closed", None)
    salon.do(Name.CLOSE_DAY, role="owner", **{**closing(salon, 0), "store": salon.ids["second"]})


def test_a_day_left_open_is_closed_later_as_it_stood(salon: Salon) -> None:
    salon.sell("hydra")
    with days_on(1):
        salon.sell("eye")
        salon.do(Name.CLOSE_DAY, **closing(salon, HYDRA, day=TODAY))
        salon.do(Name.CLOSE_DAY, **closing(salon, EYE))
    assert [(row.business_day, row.receipts) for row in salon.rows(DayClose)] == [
        (TODAY, 1),
        (TODAY.replace(day=23), 1),
    ]


def test_a_day_to_come_is_not_closed(salon: Salon) -> None:
    ahead = closing(salon, 0, day=TODAY.replace(day=23))
    assert salon.refused(Name.CLOSE_DAY, **ahead) == ("to_come", "day")


def test_a_drawer_is_opened_once_a_day(salon: Salon) -> None:
    opened(salon)
    again = {"store": salon.ids["first"], "opening_cash": 0}
    assert salon.refused(Name.OPEN_TILL, **again)[0] == "taken"
    with days_on(1):
        opened(salon)
    assert [row.opening_cash for row in salon.rows(TillShift)] == [CHANGE, CHANGE]


def test_what_is_paid_back_for_a_card_left_the_drawer(salon: Salon) -> None:
    opened(salon)
    card = salon.open_card(method="wechat")
    salon.do(Name.REFUND_CARD, role="manager", card=card, method="cash", why="搬家")
    answer = salon.do(Name.CLOSE_DAY, **closing(salon, 0), why="从备用金退")
    assert answer["expected"] == CHANGE - 198_000
