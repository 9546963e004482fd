"""What somebody tried at the till to get at money, at a dangerous treatment or around an approval: none of it works."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from pydantic import ValidationError
from sqlalchemy import select

from admin_app.operations.approvals import signed
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import spec_named
from models.accounts import User
from models.customers import Contraindication, DangerKind
from models.entity import db
from models.log import Operation
from models.names import Name
from models.value import AccountKind
from rules.decisions.safety import ALSO_CALLED, Known, dangers
from seed import menu
from tests.cast import NOON, create, password_of, raw_operation
from tests.salon_day import Salon


def dangerous(salon: Salon, who: str, kind: DangerKind, word: str) -> int:
    """A service that her danger forbids, and the danger."""
    service = create("service", name="激光", price="500", busy_minutes=60, contraindicated_by=word)
    with raw_operation():
        db.session.add(Contraindication(customer_id=salon.ids[who], kind=kind))
    salon.ids["laser"] = service
    return service


@pytest.mark.parametrize(("kind", "word"), [(DangerKind.PREGNANCY, "孕期"), (DangerKind.DEVICE, "植入器械")])
def test_the_shipped_menus_words_mean_the_kinds(kind: DangerKind, word: str) -> None:
    assert any(word in service[7] for service in menu.SERVICES)
    assert dangers([word], [Known(ALSO_CALLED[kind], None)]) == [word]


def test_a_kind_without_a_substance_stops_what_the_menu_forbids(salon: Salon) -> None:
    dangerous(salon, "anna", DangerKind.PREGNANCY, "孕期")
    assert salon.refused(Name.SELL, **salon.bill("laser")) == ("contraindicated", "override")
    gift = {"customer": salon.ids["anna"], "service": salon.ids["laser"], "why": "生日"}
    assert salon.refused(Name.GIVE_GIFT, **gift) == ("contraindicated", "override")


def test_a_danger_goes_with_her_when_records_are_merged(salon: Salon) -> None:
    dangerous(salon, "berta", DangerKind.PREGNANCY, "孕期")
    merge = {"customer": salon.ids["berta"], "into": salon.ids["anna"], "why": "同一人"}
    salon.do(Name.MERGE_CUSTOMERS, role="manager", **merge)
    assert salon.refused(Name.SELL, **salon.bill("laser")) == ("contraindicated", "override")


def test_the_reason_to_give_it_all_the_same_stays_in_the_log(salon: Salon) -> None:
    dangerous(salon, "anna", DangerKind.PREGNANCY, "孕期")
    gift = {"customer": salon.ids["anna"], "service": salon.ids["laser"], "why": "生日", "override": "医生书面同意"}
    salon.do(Name.GIVE_GIFT, **gift)
    entry = db.session.scalars(select(Operation).where(Operation.name == "give_gift")).one()
    assert "医生书面同意" in str(entry.reason)


def test_no_cash_for_a_card_that_is_still_owed(salon: Salon) -> None:
    card = salon.open_card("ten", method="on_account")
    away = {"card": card, "to": salon.ids["berta"], "why": "送人"}
    assert salon.refused(Name.TRANSFER_CARD, role="manager", **away) == ("owes", None)
    refund = {"card": card, "method": "cash", "why": "退卡", "store": salon.ids["first"]}
    assert salon.refused(Name.REFUND_CARD, role="manager", **refund) == ("owes", None)


def test_a_refund_takes_points_from_whoever_earned_them(salon: Salon) -> None:
    card = salon.open_card("ten")
    salon.do(Name.TRANSFER_CARD, role="manager", card=card, to=salon.ids["berta"], why="送人")
    salon.do(Name.REFUND_CARD, role="manager", card=card, method="cash", why="退卡", store=salon.ids["first"])
    for who in ("anna", "berta"):
        assert not {AccountKind.POINTS, AccountKind.POINTS_OWED} & {
            kind for kind, much in salon.has(who).items() if much
        }


def test_a_merged_record_takes_nothing_more(salon: Salon) -> None:
    merge = {"customer": salon.ids["berta"], "into": salon.ids["anna"], "why": "同一人"}
    salon.do(Name.MERGE_CUSTOMERS, role="manager", **merge)
    paid = {"customer": salon.ids["berta"], "amount": 50_000, "method": "cash", "store": salon.ids["first"]}
    assert salon.refused(Name.RECHARGE, role="owner", **paid) == ("merged", "customer")
    back = {"entity": "customer", "id": salon.ids["berta"]}
    assert salon.refused(Name.RESTORE_ENTITY, role="owner", **back) == ("merged", None)


def test_an_archived_customer_pays_nothing_in(salon: Salon) -> None:
    salon.do(Name.ARCHIVE_ENTITY, role="owner", entity="customer", id=salon.ids["berta"])
    paid = {"customer": salon.ids["berta"], "amount": 50_000, "method": "cash", "store": salon.ids["first"]}
    assert salon.refused(Name.RECHARGE, role="owner", **paid) == ("archived", "customer")


def test_an_approval_ends_with_its_day_and_with_who_gave_it(salon: Salon) -> None:
    bill = salon.bill(salon.line("cream", price=100, why="老客"))
    asked = {**bill, "approver": "manager", "approver_password": password_of("manager")}
    allowed = signed(spec_named(Name.SELL), asked, salon.house.actor("reception"))
    with time_machine.travel(NOON + timedelta(days=1), tick=False):
        assert salon.refused(Name.SELL, **allowed) == ("needs_approval", "approver")
    with raw_operation():
        db.session.get_one(User, salon.ids["manager"]).active = False
    assert salon.refused(Name.SELL, **allowed) == ("needs_approval", "approver")


def test_guessing_at_the_till_is_written_down_and_shuts_others_out_for_a_moment_only(salon: Salon) -> None:
    bill = {**salon.bill(salon.line("cream", price=100, why="老客")), "approver": "manager", "approver_password": "?"}
    for _ in range(7):
        with pytest.raises(Refused):
            signed(spec_named(Name.SELL), bill, salon.house.actor("reception"))
    db.session.rollback()
    refused = db.session.scalars(select(Operation.result).where(Operation.name == "allow")).all()
    assert len(refused) == 7
    assert set(refused) == {"wrong_password", "waiting"}
    asked = {**bill, "approver_password": password_of("manager")}
    other = salon.house.actor("consultant")
    with time_machine.travel(NOON + timedelta(minutes=1)):
        assert "approval" in signed(spec_named(Name.SELL), asked, other)


def test_a_treatment_stands_on_her_own_line_of_that_service(salon: Salon) -> None:
    sale = salon.sell("hydra", customer="berta")
    [line] = salon.lines_of(sale)
    done = {"customer": salon.ids["anna"], "service": salon.ids["hydra"], "staff": salon.ids["therapist_staff"]}
    wanted = {**done, "line": line.id, "store": salon.ids["first"]}
    assert salon.refused(Name.RECORD_TREATMENT, role="owner", **wanted) == ("other_line", "line")


@pytest.mark.parametrize("written", ["abc1", "ABC 1", "ＡＢＣ１", "abc-1"])
def test_a_voucher_is_the_same_however_it_is_written(salon: Salon, written: str) -> None:
    def paid(code: str) -> list[dict[str, object]]:
        return [{"method": "voucher", "amount": 9_900, "platform": "meituan", "code": code}]

    salon.sell("trial", method=None, payments=paid("ABC1"))
    assert salon.refused(Name.SELL, **salon.bill("trial", method=None, payments=paid(written)))[0] == "taken"


def test_a_booking_at_the_end_of_time_is_refused_in_words(salon: Salon) -> None:
    create("staff_skill", staff_id=salon.ids["therapist_staff"], service_id=salon.ids["hydra"])
    wanted = {"customer": salon.ids["anna"], "services": [{"service": salon.ids["hydra"]}], "store": salon.ids["first"]}
    late = {**wanted, "starts_at": "9999-12-31T15:59:00+00:00"}
    with pytest.raises(ValidationError) as refusal:
        salon.do(Name.BOOK, **late)
    [fault] = refusal.value.errors()
    assert fault["loc"] == ("starts_at",)
    assert "2199" in str(fault["ctx"]["message"])
    late = {**wanted, "starts_at": "2199-12-30T12:00:00+00:00"}
    assert salon.refused(Name.BOOK, **late) == ("too_far", "starts_at")
