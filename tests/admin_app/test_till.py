"""At the till: what she pays and why, in which ways, and what a bill does to the books."""

from __future__ import annotations

from typing import Any

import pytest

from admin_app.operations.kernel import quote
from admin_app.operations.refusals import Missing
from admin_app.values import money
from models.customers import Customer
from models.log import Operation
from models.names import Name
from models.sales import SaleLine, StaffShare, Visit
from models.till import Voucher
from models.value import AccountKind, Lot
from tests.cast import NOON, TODAY, create
from tests.engines import sent_by
from tests.rules.texts import SHIPPED
from tests.salon_day import CREAM, EYE, HYDRA, TRIAL, Salon, days_on

HOUSES = ("sqlite",)
"""What differs between the engines is tried in the neighbours and in ``tests/models``."""

K = AccountKind


def priced(line: SaleLine) -> tuple[int | None, int, int, int, str | None]:
    return line.unit_price, line.quantity, line.discount, line.amount, line.discount_reason


# ----------------------------------------------------------------------------------------------------- prices


TIERS = {
    None: (HYDRA, CREAM),
    "basic": (HYDRA, CREAM),
    "silver": (28_310, 19_600),
    "gold": (26_820, 19_000),
    "platinum": (26_224, 18_000),
    "diamond": (25_330, 17_600),
}


@pytest.mark.parametrize("tier", TIERS)
def test_each_tier_pays_its_share_of_the_list_price(salon: Salon, tier: str | None) -> None:
    if tier is not None:
        salon.give_tier(tier)
    service, product = salon.lines_of(salon.sell("hydra", "cream"))
    assert (service.amount, product.amount) == TIERS[tier]
    assert (service.unit_price, product.unit_price) == (HYDRA, CREAM)
    named = {"silver": "银卡", "gold": "金卡", "platinum": "铂金卡", "diamond": "钻石卡"}.get(tier or "")
    assert (service.discount_reason, product.discount_reason) == (named, named)


def test_a_trial_has_no_discount_of_the_tier(salon: Salon) -> None:
    salon.give_tier("diamond")
    [line] = salon.lines_of(salon.sell("trial"))
    assert priced(line) == (TRIAL, 1, 0, TRIAL, None)


def test_a_discount_is_rounded_for_one_piece(salon: Salon) -> None:
    """The tier pays 90 % of 0.05 yuan: 4.5 fen are 5, ten of them 50."""
    salon.give_tier("gold")
    salon.ids["cotton"] = create("service", name="修眉", price="0.05", busy_minutes=5)
    [line] = salon.lines_of(salon.sell(salon.line("cotton", 10)))
    assert line.amount == 50


def test_who_is_nobody_pays_the_list_price(salon: Salon) -> None:
    sale = salon.sell("hydra", customer=None)
    assert salon.last_sale().customer_id is None
    assert salon.last_sale().visit_id is None
    assert salon.paid(sale) == [("cash", HYDRA)]
    assert salon.books() == {K.CASH: -HYDRA, K.REVENUE: HYDRA}


def test_a_lower_price_of_somebody_who_may_allow_it_stands_with_its_reason(salon: Salon) -> None:
    cheaper = salon.line("hydra", price=20_000, why="周年庆")
    [line] = salon.lines_of(salon.sell(cheaper, role="manager"))
    assert priced(line) == (HYDRA, 1, 9_800, 20_000, "周年庆")


def test_another_price_of_the_same_amount_needs_nothing(salon: Salon) -> None:
    [line] = salon.lines_of(salon.sell(salon.line("hydra", price=HYDRA)))
    assert priced(line) == (HYDRA, 1, 0, HYDRA, None)


def test_something_for_nothing_is_no_payment(salon: Salon) -> None:
    sale = salon.sell(salon.line("hydra", price=0, why="致歉"), role="manager")
    assert salon.paid(sale) == []
    assert salon.entries() == 0


REFUSED_LINES: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "another price without a reason": ({"price": 20_000}, ("empty", "lines-0-why")),
    "a price above the list": ({"price": HYDRA + 1, "why": "x"}, ("above_list", "lines-0-price")),
    "nobody gave it": ({"performer": None}, ("empty", "lines-0-performer")),
}


@pytest.mark.parametrize("kind", REFUSED_LINES)
def test_a_line_is_refused(salon: Salon, kind: str) -> None:
    values, answer = REFUSED_LINES[kind]
    assert salon.refused(Name.SELL, role="manager", **salon.bill(salon.line("hydra", **values))) == answer


def test_a_line_is_of_one_thing_that_is_on_sale(salon: Salon) -> None:
    both = {**salon.line("hydra"), "product": salon.ids["cream"]}
    assert salon.refused(Name.SELL, **salon.bill("hydra", both)) == ("one_thing", "lines-1-service")
    assert salon.refused(Name.SELL, **salon.bill({"quantity": 1})) == ("one_thing", "lines-0-service")
    salon.ids["old"] = create("service", name="旧项目", price="10", busy_minutes=5, on_sale="false")
    assert salon.refused(Name.SELL, **salon.bill("old")) == ("not_on_sale", "lines-0-service")
    salon.do(Name.ARCHIVE_ENTITY, role="system", entity="service", id=salon.ids["eye"])
    assert salon.refused(Name.SELL, **salon.bill("eye")) == ("archived", "lines-0-service")


def test_a_total_that_is_no_longer_the_one_shown_is_refused_with_the_new_one(salon: Salon) -> None:
    assert salon.refused(Name.SELL, **salon.bill("hydra", shown_total=HYDRA - 1)) == ("another_total", None)
    said = salon.said(Name.SELL, **salon.bill("hydra", shown_total=HYDRA - 1))
    assert "¥298.00" in said
    assert "¥297.99" in said
    salon.sell("hydra", shown_total=HYDRA)


# ------------------------------------------------------------------------------------------------- the receipt


def test_the_log_shows_a_sale_on_its_receipt(salon: Salon) -> None:
    sale = salon.sell("hydra")
    logged = salon.rows(Operation)[-1]
    assert (logged.subject_kind, logged.subject_id) == ("sale", sale)
    assert logged.detail == {"total": HYDRA, "number": 1}


def test_receipts_are_numbered_in_each_store_and_the_visit_is_one(salon: Salon) -> None:
    answers = [salon.do(Name.SELL, **salon.bill("hydra")) for _ in range(2)]
    other = salon.do(Name.SELL, role="owner", **salon.bill("hydra", store=salon.ids["second"]))
    assert [answer["number"] for answer in (*answers, other)] == [1, 2, 1]
    visits = [(row.store_id, row.business_day) for row in salon.rows(Visit)]
    assert visits == [(salon.ids["first"], TODAY), (salon.ids["second"], TODAY)]
    assert salon.rows(Customer, id=salon.ids["anna"])[0].first_visit_on == TODAY


def test_the_first_visit_stays_the_first(salon: Salon) -> None:
    salon.sell("hydra")
    with days_on(3):
        salon.sell("hydra")
    assert salon.rows(Customer, id=salon.ids["anna"])[0].first_visit_on == TODAY
    assert salon.last_sale().number == 1


def test_the_answer_shows_the_working(salon: Salon) -> None:
    salon.give_tier("gold")
    answer = salon.do(Name.SELL, **salon.bill(salon.line("hydra", 2), "cream"))
    assert answer["total"] == 2 * 26_820 + 19_000
    assert answer["working"] == [
        ["补水", 2, HYDRA, 2 * (HYDRA - 26_820), "金卡", 2 * 26_820],
        ["面霜", 1, CREAM, 1_000, "金卡", 19_000],
    ]


def test_who_did_what_of_a_line(salon: Salon) -> None:
    therapist, helper, seller = (salon.ids[f"{who}_staff"] for who in ("therapist", "manager", "consultant"))
    alone = salon.line("eye", seller=seller)
    helped = salon.line("hydra", manner="named", assistant=helper)
    first, second = salon.lines_of(salon.sell(alone, helped))

    def shares(line: SaleLine) -> list[tuple[int, str, str, str, int]]:
        rows = salon.rows(StaffShare, sale_line_id=line.id)
        return [(r.staff_id, r.share_role.value, r.manner.value, r.part.value, r.permille) for r in rows]

    assert shares(first) == [
        (therapist, "performer", "in_turn", "lead", 1000),
        (seller, "seller", "in_turn", "lead", 1000),
    ]
    assert shares(second) == [
        (therapist, "performer", "named", "lead", 700),
        (helper, "performer", "named", "assistant", 300),
    ]


def test_an_assistant_helps_somebody_else(salon: Salon) -> None:
    therapist = salon.ids["therapist_staff"]
    herself = salon.bill(salon.line("hydra", assistant=therapist))
    nobody = salon.bill({"product": salon.ids["cream"], "assistant": therapist})
    assert salon.refused(Name.SELL, **herself) == ("assistant", "lines-0-assistant")
    assert salon.refused(Name.SELL, **nobody) == ("assistant", "lines-0-assistant")


def test_what_a_bill_names_is_read_once_however_many_lines_there_are(salon: Salon) -> None:
    """Services, goods, staff and the house's accounts; each line costs its writes only."""
    values = {"customer": salon.ids["anna"], "store": salon.ids["first"], "method": "cash"}
    staff, other = salon.ids["therapist_staff"], salon.ids["consultant_staff"]
    bill = [
        {"service": salon.ids["hydra"], "performer": staff, "assistant": other},
        {"service": salon.ids["eye"], "performer": other},
        {"product": salon.ids["cream"], "seller": staff},
    ]
    salon.do(Name.SELL, lines=bill, **values)  # opens her accounts

    def reads(lines: list[dict[str, Any]]) -> dict[str, int]:
        sent = sent_by(lambda: salon.do(Name.SELL, lines=lines, **values))
        return {
            table: sum(one.startswith("SELECT") and f"FROM {table} " in " ".join(one.split()) for one in sent)
            for table in ("service", "product", "account", "day_close")
        } | {"staff": sum("staff.name" in one for one in sent), "customer": sum("customer.name" in one for one in sent)}

    once = {"service": 1, "product": 1, "staff": 1, "customer": 1, "account": 2, "day_close": 1}
    assert reads(bill) == once
    assert reads(bill * 3) == once


def test_of_what_a_bill_names_all_must_be_there(salon: Salon) -> None:
    """Also in the last of many lines, and only what exists for her who sells."""
    line = {"service": salon.ids["hydra"], "performer": salon.ids["therapist_staff"]}
    values = {"customer": salon.ids["anna"], "store": salon.ids["first"], "method": "cash"}
    for field, number in (("service", 999), ("performer", 999), ("performer", salon.ids["other_staff"])):
        with pytest.raises(Missing) as refusal:
            salon.do(Name.SELL, lines=[line, line, {**line, field: number}], **values)
        assert refusal.value.field == f"lines-2-{field}"


def test_the_store_is_said_where_there_are_several(salon: Salon) -> None:
    bill = salon.bill("hydra")
    del bill["store"]
    assert salon.refused(Name.SELL, role="owner", **bill) == ("empty", "store")
    salon.do(Name.SELL, **bill)
    assert salon.last_sale().store_id == salon.ids["first"]


def test_the_same_key_sells_once(salon: Salon) -> None:
    bill = salon.bill("hydra")
    first = salon.do(Name.SELL, key="bill", **bill)
    assert salon.do(Name.SELL, key="bill", **bill) == {**first, "again": True}
    assert salon.books() == {K.CASH: -HYDRA, K.REVENUE: HYDRA, K.POINTS_ISSUED: -298}


def test_a_closed_day_takes_nothing_more(salon: Salon) -> None:
    anna, store = salon.ids["anna"], salon.ids["first"]
    salon.do(Name.CLOSE_DAY, store=store, counted=0)
    money = {"customer": anna, "amount": 10_000, "method": "cash", "store": store}
    asked: dict[Name, dict[str, Any]] = {
        Name.SELL: salon.bill("hydra"),
        Name.RECHARGE: money,
        Name.TAKE_DEPOSIT: money,
        Name.PAY_DEBT: money,
        Name.OPEN_CARD: {"customer": anna, "package": salon.ids["ten"], "method": "cash", "store": store},
        Name.GIVE_GIFT: {"customer": anna, "product": salon.ids["cream"], "why": "生日", "store": store},
        Name.OPEN_TILL: {"opening_cash": 0, "store": store},
        Name.CLOSE_DAY: {"counted": 0, "store": store},
    }
    said = {name: salon.refused(name, **values) for name, values in asked.items()}
    assert set(said.values()) == {("closed", None)}
    salon.sell("hydra", role="owner", store=salon.ids["second"])
    with days_on(1):
        salon.sell("hydra")


# ------------------------------------------------------------------------------------------------ ways of paying


@pytest.mark.parametrize("method", ["cash", "wechat", "alipay", "bank_card"])
def test_money_is_held_where_it_came_in(salon: Salon, method: str) -> None:
    sale = salon.sell("hydra", method=method)
    assert salon.paid(sale) == [(method, HYDRA)]
    assert salon.books() == {K(method): -HYDRA, K.REVENUE: HYDRA, K.POINTS_ISSUED: -298}


def test_a_bill_is_paid_in_several_ways(salon: Salon) -> None:
    salon.recharge(100_000)
    payments = [
        {"method": "cash", "amount": 20_000},
        {"method": "wechat", "amount": 6_600},
        {"method": "stored_value", "amount": 40_000},
    ]
    sale = salon.sell("hydra", "eye", "cream", payments=payments)
    assert salon.paid(sale) == [("cash", 20_000), ("wechat", 6_600), ("stored_value", 40_000)]
    """The stored value pays the services with bonus in proportion: 5,000 of 105,000 of 40,000."""
    assert salon.has()[K.BONUS] == 5_000 - 40_000 * 5_000 // 105_000
    assert salon.has()[K.PRINCIPAL] == 100_000 - (40_000 - 40_000 * 5_000 // 105_000)
    assert salon.books()[K.REVENUE] == HYDRA + EYE + CREAM


PAID_WRONGLY: dict[str, list[dict[str, Any]]] = {
    "¥0.01 is missing": [{"method": "cash", "amount": HYDRA - 1}],
    "¥0.01 too much": [{"method": "cash", "amount": HYDRA}, {"method": "wechat", "amount": 1}],
}


@pytest.mark.usefixtures("in_english")
@pytest.mark.parametrize("kind", PAID_WRONGLY)
def test_what_is_paid_is_what_it_comes_to(salon: Salon, kind: str) -> None:
    """Both amounts are said, and how they differ."""
    bill = salon.bill("hydra", payments=PAID_WRONGLY[kind])
    assert salon.refused(Name.SELL, **bill) == ("not_paid", "payments")
    said = salon.said(Name.SELL, **bill)
    assert all(part in said for part in (money(HYDRA), money(sum(one["amount"] for one in bill["payments"])), kind))


def test_how_it_is_paid_must_be_said(salon: Salon) -> None:
    assert salon.refused(Name.SELL, **salon.bill("hydra", method=None)) == ("empty", "method")


def test_until_it_is_said_how_it_is_paid_a_quote_is_unpaid(salon: Salon) -> None:
    bill = salon.bill("hydra", method=None)
    answer = quote(Name.SELL, bill, actor=salon.house.actor("reception"))
    assert (answer["total"], answer["unpaid"]) == (HYDRA, True)


@pytest.mark.parametrize("method", ["stored_value", "on_account", "deposit"])
def test_what_is_hers_pays_for_nobody_else(salon: Salon, method: str) -> None:
    bill = salon.bill("hydra", customer=None, method=method)
    assert salon.refused(Name.SELL, **bill) == ("no_customer", "customer")


@pytest.mark.parametrize("method", ["stored_value", "deposit"])
def test_there_must_be_enough_of_it(salon: Salon, method: str) -> None:
    salon.recharge(HYDRA - 1)
    salon.do(Name.TAKE_DEPOSIT, customer=salon.ids["anna"], amount=HYDRA - 1, method="cash")
    assert salon.refused(Name.SELL, **salon.bill("hydra", method=method)) == ("not_enough", "payments")
    said = salon.said(Name.SELL, **salon.bill("hydra", method=method))
    assert money(HYDRA) in said
    assert money(HYDRA - 1) in said


@pytest.mark.parametrize("method", ["session", "unknown"])
def test_some_ways_pay_for_no_bill(salon: Salon, method: str) -> None:
    """A session is taken from a card; how a sale was paid is unknown only where it was brought over."""
    salon.recharge(100_000)
    assert salon.refused(Name.SELL, **salon.bill("hydra", method=method)) == ("does_not_fit", "payments")


def test_bonus_pays_for_services_only(salon: Salon) -> None:
    salon.recharge(100_000)
    salon.sell(salon.line("cream", 2), method="stored_value")
    assert salon.has() == {K.PRINCIPAL: 60_000, K.BONUS: 5_000, K.POINTS: 400}
    goods = salon.bill(salon.line("cream", 4), method="stored_value")
    assert salon.refused(Name.SELL, **goods) == ("not_enough", "payments")
    assert money(60_000) in salon.said(Name.SELL, **goods), "the bonus is no part of what can pay for this"


def test_stored_value_pays_services_before_goods(salon: Salon) -> None:
    """So that the bonus is used: the goods stand first on the bill, and are paid in cash."""
    salon.recharge(100_000)
    payments = [{"method": "stored_value", "amount": HYDRA}, {"method": "cash", "amount": CREAM}]
    salon.sell("cream", "hydra", payments=payments)
    bonus = HYDRA * 5_000 // 105_000
    assert (salon.has()[K.BONUS], salon.has()[K.PRINCIPAL]) == (5_000 - bonus, 100_000 - HYDRA + bonus)


def test_the_soonest_to_end_is_used_first_and_what_has_ended_not_at_all(salon: Salon) -> None:
    salon.recharge(100_000)
    with days_on(40):
        salon.recharge(200_000)
        salon.sell("hydra", method="stored_value")
    ends = [lot.expires_on for lot in salon.rows(Lot) if lot.beside_id is not None]
    assert ends == [TODAY.replace(year=2028), TODAY.replace(year=2029, month=1, day=1)]
    price = HYDRA * 95 // 100  # the second recharge made her silver
    first = price * 5_000 // 105_000
    assert salon.has()[K.BONUS] == 5_000 - first + 16_000, "of the first recharge, whose bonus ends first"
    with days_on(735):
        salon.sell("hydra", method="stored_value")
    second = price * 16_000 // 216_000
    assert salon.has()[K.BONUS] == 5_000 - first + 16_000 - second, "the first bonus has ended: of the second"


def test_bonus_whose_principal_is_used_up_still_pays(salon: Salon) -> None:
    salon.recharge(100_000)
    salon.sell(salon.line("cream", 5), method="stored_value")
    assert salon.has()[K.BONUS] == 5_000
    payments = [{"method": "stored_value", "amount": 5_000}, {"method": "cash", "amount": HYDRA - 5_000}]
    salon.sell("hydra", payments=payments)
    assert K.BONUS not in salon.has()


# ---------------------------------------------------------------------------------------------------- vouchers


def voucher(amount: int = TRIAL, **values: Any) -> list[dict[str, Any]]:
    return [{"method": "voucher", "amount": amount, "platform": "meituan", "code": "MT1", **values}]


@pytest.mark.parametrize(("settle", "kept"), [(None, TRIAL), (8_000, 8_000), (0, 0)])
def test_a_voucher_is_kept_with_what_the_platform_pays(salon: Salon, settle: int | None, kept: int) -> None:
    sale = salon.sell("trial", payments=voucher(settle_price=settle))
    [row] = salon.rows(Voucher, sale_id=sale)
    assert (row.platform.value, row.code, row.amount, row.settle_price) == ("meituan", "MT1", TRIAL, kept)
    assert salon.books() == {K.VOUCHERS: -TRIAL, K.REVENUE: TRIAL}, "and earns no points"


def test_a_voucher_is_taken_once(salon: Salon) -> None:
    salon.sell("trial", payments=voucher())
    assert salon.refused(Name.SELL, **salon.bill("trial", payments=voucher())) == ("taken", "payments")
    salon.sell("trial", payments=voucher(platform="douyin"))


@pytest.mark.parametrize(
    ("policy", "days", "again"),
    [("same_day", 0, True), ("same_day", 1, False), ("always", 30, True), ("never", 0, False)],
)
def test_a_voucher_taken_back_is_taken_again_when_the_policy_says(
    salon: Salon, policy: str, days: int, again: bool
) -> None:
    text = SHIPPED["till"].replace("vouchers_again: same_day", f"vouchers_again: {policy}")
    salon.put_in_force("till", text)
    lines = [salon.line("trial"), salon.line("cream")]
    mixed = [*voucher(TRIAL + 100, settle_price=5_000), {"method": "cash", "amount": CREAM - 100}]
    sale = salon.sell(*lines, payments=mixed)
    salon.reverse(sale, salon.lines_of(sale)[0].id)
    bill = salon.bill("trial", payments=voucher())
    assert salon.refused(Name.SELL, **bill) == ("taken", "payments"), "half of what it paid for stands"
    salon.reverse(sale)
    with days_on(days):
        if not again:
            assert salon.refused(Name.SELL, **bill) == ("taken", "payments")
            return
        second = salon.sell("trial", payments=voucher())
        assert [row.taking for row in salon.rows(Voucher)] == [1, 2]
        assert salon.refused(Name.SELL, **bill) == ("taken", "payments"), "it is taken now"
        salon.reverse(second)
        salon.sell("trial", payments=voucher())


@pytest.mark.parametrize("missing", [{"platform": None}, {"code": ""}])
def test_a_voucher_has_a_platform_and_a_code(salon: Salon, missing: dict[str, Any]) -> None:
    bill = salon.bill("trial", payments=voucher(**missing))
    assert salon.refused(Name.SELL, **bill) == ("empty", f"payments-0-{next(iter(missing))}")


def test_a_platform_pays_no_more_than_the_voucher_stands_for(salon: Salon) -> None:
    bill = salon.bill("trial", payments=voucher(settle_price=TRIAL + 1))
    assert salon.refused(Name.SELL, **bill) == ("check", "settle_price")


def test_noon_is_the_day(salon: Salon) -> None:
    salon.sell("hydra")
    assert salon.last_sale().business_day == TODAY
    assert abs((salon.last_sale().sold_at - NOON).total_seconds()) < 60
