"""The pages of the day as they are seen and used: booking day, my day, call list, a customer's page, a receipt."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

import pytest
from playwright.sync_api import expect

from admin_app.operations.kernel import business_day, now
from models.booking import Appointment, AppointmentSource, AppointmentStatus, Segment
from models.customers import Contraindication, Customer, DangerKind
from models.entity import db
from tests.cast import raw_operation
from tests.conftest import House
from tests.e2e.conftest import Street
from tests.e2e.test_look import BY_WIDTH, serious, serious_by_day_and_night
from tests.views.salon_day import card, recharged, redeemed, service, sold

STATES = ("booked", "confirmed", "arrived", "finished")


def comes(house: House, of: int, hour: int, status: str) -> None:
    """A booking today, whatever the hour is now."""
    today = business_day(now())
    begins = datetime.combine(today, time(hour), house.settings.zone)
    place = {"customer_id": house.ids["anna"], "store_id": house.ids["first"], "business_day": today}
    times = {"starts_at": begins, "ends_at": begins + timedelta(hours=1), "booked_on": today}
    row = Appointment(**place, **times, source=AppointmentSource.PHONE, status=AppointmentStatus(status))
    db.session.add(row)
    db.session.flush()
    given = {"appointment_id": row.id, "service_id": of, "staff_id": house.ids["therapist_staff"], "asked_for": True}
    times = {"starts_at": begins, "busy_until": begins + timedelta(minutes=45), "ends_at": row.ends_at}
    db.session.add(Segment(**given, **times))


@pytest.fixture
def busy(street: Street) -> Street:
    """A house with value, a card, a debt, a danger, and a booking in each state."""
    house = street.house
    of = service(house)
    recharged(house, 1000)
    sale = redeemed(house, card(house, of, sessions=3, days=20))
    house.ids["sale"] = sale.id
    street.receipt = f"/receipt/{sale.public_id}/"  # type: ignore[attr-defined]
    sold(house, of, method="on_account")
    today = business_day(now())
    with raw_operation():
        db.session.add(Contraindication(customer_id=house.ids["anna"], kind=DangerKind.ALLERGY, substance="酒精"))
        anna = db.session.get_one(Customer, house.ids["anna"])
        anna.birth_month, anna.birth_day = today.month, today.day if (today.month, today.day) != (2, 29) else 28
        for place, status in enumerate(STATES):
            comes(house, of, 11 + 2 * place, status)
    return street


@pytest.mark.parametrize("width", [1280, 360])
def test_they_can_be_heard_and_fit_and_keep_to_the_policy(busy: Street, width: int) -> None:
    receipt, found = busy.receipt, {}  # type: ignore[attr-defined]
    pages = {
        "therapist": ["/my-day", "/bookings"],
        "reception": ["/bookings", "/call-list", f"/customer/details/?id={busy.house.ids['anna']}", receipt],
        "owner": [f"{receipt}?paper=58", "/my-day"],
    }
    for role, addresses in pages.items():
        page = busy.window(role, width=width)
        for address in addresses:
            page.goto(address)
            if faults := serious_by_day_and_night(page) if width == 1280 else serious(page, runOnly=BY_WIDTH):
                found[f"{role} {address}"] = faults
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                found[f"{role} {address}, width"] = page.evaluate("document.documentElement.scrollWidth")
    assert found == {}
    assert busy.complaints == []


def test_a_press_on_a_booking_opens_its_acts(busy: Street) -> None:
    page = busy.window("reception")
    page.goto("/bookings")
    block = page.locator("details.block.info")
    assert not block.locator("a[href*='/do/arrive/']").is_visible()
    block.locator("summary").click()
    assert block.locator("a[href*='/do/arrive/']").is_visible()
    assert serious(page) == []
    heights = [page.locator(f"details.block.{tone}").bounding_box()["height"] for tone in ("info", "good")]  # type: ignore[index]
    assert heights == [pytest.approx(9 * 7 - 2, abs=1)] * 2, "45 minutes are nine rows"


def test_the_text_is_copied_by_its_button_and_selected_by_a_press(busy: Street) -> None:
    page = busy.window("reception")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/call-list")
    said = page.locator(".call-text").first.inner_text().strip()
    page.locator("[data-copy]").first.click()
    expect(page.locator("[data-copy] [data-said]").first).not_to_be_empty()
    assert page.evaluate("navigator.clipboard.readText()") == said
    page.locator(".call-text").first.click()
    assert page.evaluate("getSelection().toString()").strip() == said


def test_a_receipt_prints_alone_on_its_paper(busy: Street) -> None:
    page = busy.window("reception")
    page.goto(busy.receipt + "?paper=58")  # type: ignore[attr-defined]
    page.emulate_media(media="print")
    for part in (".bar", ".side", ".crumbs", ".tools"):
        assert not page.locator(part).first.is_visible(), part
    assert page.locator(".slip").is_visible()
    printed = page.pdf(prefer_css_page_size=True)
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ", printed)
    assert box is not None
    assert float(box[1]) == pytest.approx(58 * 72 / 25.4, abs=1)
    assert len(re.findall(rb"/Type /Page\b", printed)) == 1, "all of it on one piece of the roll"
