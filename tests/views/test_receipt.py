"""The receipt: what stands on it, for whom, on which paper, and the same as a PDF."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO

import pytest
import time_machine
from fontTools.ttLib import TTFont
from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from admin_app import rulebook
from admin_app.documents.receipt_font import width_of
from admin_app.documents.receipts import Slip, receipt_pdf
from models.entity import db
from models.organisation import Store
from models.sales import PaymentMethod, Sale
from tests.cast import ROLES, create
from tests.conftest import House
from tests.views import oracle
from tests.views.pages import main_part, sql_of, words
from tests.views.salon_day import MORNING, card, done, recharged, redeemed, service, sold


@pytest.fixture(autouse=True)
def _in_the_morning(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(rulebook, "LOOK_EVERY", 1e9)  # whether the rules were looked at lately must not count
    with time_machine.travel(MORNING, tick=False):
        yield


def page(house: House, sale: Sale, role: str = "owner", more: str = "") -> str:
    answer = house.browser(role).get(f"/receipt/{sale.public_id}/{more}", headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    return words(main_part(answer.text))


def pdf_words(data: bytes) -> str:
    """The text of a PDF, as a reader copies it."""
    return PdfReader(BytesIO(data)).pages[0].extract_text()


def fonts(data: bytes) -> list[DictionaryObject]:
    """The fonts that a PDF uses."""
    found = PdfReader(BytesIO(data)).pages[0]["/Resources"]["/Font"].get_object()
    used = [font.get_object() for font in found.values()]
    return [font for font in used if "/FontDescriptor" in font or "/DescendantFonts" in font]


def pdf_of(sale: Sale, name: str) -> bytes:
    """A receipt for somebody of this name."""
    slip = Slip(sale, db.session.get_one(Store, sale.store_id), name, [], [(PaymentMethod.CASH, 105_000)], None, [], [])
    return receipt_pdf(slip, 58)


def test_it_says_number_store_lines_payment_and_who_served(house: House) -> None:
    found = page(house, sold(house, service(house)))
    for said in ("第一店", "20261122-001", "补水护理", "¥298.00", "Served by 员工therapist", "安娜", "Cash ¥298.00"):
        assert said in found, said


def test_numbers_go_on_without_gaps(house: House) -> None:
    of = service(house)
    assert [f"20261122-00{n}" in page(house, sold(house, of)) for n in (1, 2, 3)] == [True, True, True]


def test_a_session_says_what_is_left_now_and_has_a_line_to_sign_on(house: House) -> None:
    recharged(house, 1000)
    item = card(house, service(house))
    sale = redeemed(house, item)
    redeemed(house, item)
    assert 'class="signature"' in house.browser("reception").get(f"/receipt/{sale.public_id}/").text
    found = page(house, sale, "reception")
    assert "1 of 3 left" in found
    assert "Stored value ¥1,050.00" in found, "principal and bonus"


def test_without_a_signature_there_is_no_line_to_sign_on(house: House) -> None:
    sale = sold(house, service(house))
    assert 'class="signature"' not in house.browser("owner").get(f"/receipt/{sale.public_id}/").text


def test_a_sale_taken_back_says_so_and_what_went_where(house: House) -> None:
    sale = sold(house, service(house))
    assert "Cash ¥298.00" in page(house, sale)
    assert "Taken back" not in page(house, sale)
    done(house, "reverse_sale", sale=sale.id, why="按错")
    found = page(house, sale)
    slip = found.partition("Receipt 20261122-001 第一店")[2]
    assert slip.strip().startswith("Taken back"), "stamped at its head"
    assert "Total ¥298.00 Cash ¥298.00 Taken back on 2026-11-22 -¥298.00 Given back: Cash ¥298.00" in slip
    assert "按错" in found, "staff see why above the receipt"
    assert "按错" not in slip, "and the customer does not see it on the receipt"
    for role, address in (("owner", f"/sale/details/?id={sale.id}"), ("reception", f"/sale/details/?id={sale.id}")):
        told = words(main_part(house.browser(role).get(address, headers={"Accept-Language": "en"}).text))
        assert "Given back: Cash ¥298.00" in told
        assert "Points -298" in told
    listed = house.browser("owner").get("/sale/", headers={"Accept-Language": "en"}).text
    assert '<tr class="off">' in listed
    lines = house.browser("owner").get("/sale_line/?state=taken_back", headers={"Accept-Language": "en"}).text
    assert '<tr class="off">' in lines
    visits = words(main_part(house.browser("owner").get(f"/customer/details/?id={house.ids['anna']}").text))
    assert "补水护理 已撤单" in visits


def test_the_reason_of_a_discount_stays_in_the_house(house: House) -> None:
    sale = sold(house, service(house), price=20_000, why="老板的朋友")
    found = page(house, sale)
    assert "Discount ¥98.00" in found
    assert "老板的朋友" not in found
    pdf = house.browser("owner").get(f"/receipt/{sale.public_id}/?format=pdf", headers={"Accept-Language": "en"})
    printed = pdf_words(pdf.data)
    assert "Discount ¥98.00" in printed
    assert "老板的朋友" not in printed


@pytest.mark.parametrize("role", ROLES)
def test_it_is_for_those_who_see_the_sale(sqlite_house: House, role: str) -> None:
    sale = sold(sqlite_house, service(sqlite_house))
    seen = oracle.may(role, "view", "sale")
    assert sqlite_house.browser(role).get(f"/receipt/{sale.public_id}/").status_code == (200 if seen else 403)


def test_what_she_has_left_is_not_told_to_who_may_not_see_it(sqlite_house: House) -> None:
    recharged(sqlite_house, 1000)
    sale = sold(sqlite_house, service(sqlite_house))
    assert "¥1,050.00" in page(sqlite_house, sale, "reception")
    assert "¥1,050.00" not in page(sqlite_house, sale, "therapist")


def test_another_stores_receipt_does_not_exist(house: House) -> None:
    of = service(house, skilled=())
    told = {"store": house.ids["second"], "method": "cash", "customer": house.ids["cora"]}
    made = done(house, "sell", lines=[{"service": of, "performer": house.ids["other_staff"]}], **told)
    number = db.session.get_one(Sale, made["sale"]).public_id
    assert house.browser("owner").get(f"/receipt/{number}/").status_code == 200
    assert house.browser("reception").get(f"/receipt/{number}/").status_code == 404
    assert house.browser("reception").get("/receipt/nothing/").status_code == 404


@pytest.mark.parametrize(("paper", "points"), [("58", 164.4), ("80", 226.8), ("7", 226.8), ("", 226.8)])
def test_the_pdf_is_as_wide_as_the_paper(sqlite_house: House, paper: str, points: float) -> None:
    sale = sold(sqlite_house, service(sqlite_house))
    answer = sqlite_house.browser("owner").get(f"/receipt/{sale.public_id}/?format=pdf&paper={paper}")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ", answer.data)
    assert box is not None
    assert float(box[1]) == pytest.approx(points, abs=0.1)


def test_the_pdf_says_what_the_page_says(house: House) -> None:
    recharged(house, 1000)
    sale = redeemed(house, card(house, service(house, "非常非常长的名字的深层补水导入护理项目")))
    answer = house.browser("owner").get(f"/receipt/{sale.public_id}/?format=pdf&paper=58")
    found = pdf_words(answer.data)
    for said in ("第一店", "20261122-003", "员工therapist", "¥200.00", "¥1,050.00", "三次卡", "____"):
        assert said in found, said
    assert "非常非常长的名字的深层补水导入护理项目" not in found, "it is too long for one line of 58 mm"
    assert "非常非常长的名字的深层补水导入护理项目" in found.replace(" ", "").replace("\n", "")


@pytest.mark.parametrize("name", ["𠮷小芳", "阿依古丽·买买提", "Lucy李", "㛃麤", "直骨画"])
def test_the_pdf_brings_its_font_and_shows_rare_characters(sqlite_house: House, name: str) -> None:
    data = pdf_of(sold(sqlite_house, service(sqlite_house)), name)
    used = fonts(data)
    assert used
    assert all("/FontFile2" in font["/FontDescriptor"].get_object() for font in used), "each is embedded"
    assert name in pdf_words(data)
    assert "¥1,050.00" in pdf_words(data)
    assert len(data) < 60_000, "only what is needed"


def test_each_character_of_the_pdf_is_drawn(sqlite_house: House) -> None:
    """What is copied from a page and what is seen on it are two things."""
    data = pdf_of(sold(sqlite_house, service(sqlite_house)), "𠮷小芳")
    drawn = 0
    for font in fonts(data):
        file = TTFont(BytesIO(font["/FontDescriptor"].get_object()["/FontFile2"].get_object().get_data()))
        drawn += sum(file["glyf"][glyph].numberOfContours > 0 for glyph in file.getGlyphOrder())
    assert drawn >= len(set("第一店小芳𠮷") | set("0123456789¥,.-"))


def test_a_character_without_a_shape_is_a_box_and_one_that_is_not_seen_nothing(sqlite_house: House) -> None:
    assert width_of("李娜", 10) == pytest.approx(20)
    assert width_of("李\u200b娜\ufe0f", 10) == pytest.approx(20)
    assert width_of("🌸", 10) > 0
    assert "🌸" in pdf_words(pdf_of(sold(sqlite_house, service(sqlite_house)), "李🌸娜"))


@pytest.mark.parametrize("paper", ["58", "80"])
def test_the_paper_is_said_to_the_printer(sqlite_house: House, paper: str) -> None:
    sale = sold(sqlite_house, service(sqlite_house))
    answer = sqlite_house.browser("owner").get(f"/receipt/{sale.public_id}/?paper={paper}")
    assert re.search(rf"@page {{ size: {paper}mm \d+mm;", answer.text)
    nonce = re.search(r"style-src 'self' 'nonce-([^']+)'", answer.headers["Content-Security-Policy"])
    assert nonce is not None
    assert f'<style nonce="{nonce[1]}">' in answer.text


def test_a_receipt_without_a_customer_has_no_balances(house: House) -> None:
    found = page(house, sold(house, service(house), customer=None))
    assert "安娜" not in found
    assert "¥298.00" in found


def test_the_sales_page_leads_to_it(sqlite_house: House) -> None:
    sale = sold(sqlite_house, service(sqlite_house))
    assert (
        f'href="/receipt/{sale.public_id}/"' in sqlite_house.browser("owner").get(f"/sale/details/?id={sale.id}").text
    )


def test_the_address_of_the_store_stands_at_its_foot(sqlite_house: House) -> None:
    done(
        sqlite_house,
        "edit_entity",
        entity="store",
        id=sqlite_house.ids["first"],
        values={"address": "湖滨路 18 号", "phone": "0571-1"},
    )
    found = page(sqlite_house, sold(sqlite_house, service(sqlite_house)))
    assert found.index("湖滨路 18 号") > found.index("¥298.00")


def test_it_takes_as_many_statements_however_long_it_is(sqlite_house: House) -> None:
    of = service(sqlite_house)
    short = sold(sqlite_house, of)
    browser, lines = sqlite_house.browser("owner"), [{"service": of, "performer": sqlite_house.ids["therapist_staff"]}]
    told = {"store": sqlite_house.ids["first"], "method": "cash", "customer": sqlite_house.ids["anna"]}
    long = db.session.get_one(Sale, done(sqlite_house, "sell", lines=lines * 9, **told)["sale"])
    addresses = [f"/receipt/{sale.public_id}/" for sale in (short, long)]
    browser.get(addresses[0])
    few, many = (len(sql_of(lambda address=address: browser.get(address))) for address in addresses)
    assert few == many


def test_a_product_needs_no_giver(sqlite_house: House) -> None:
    product = create("product", name="面膜", price="168", unit="盒")
    told = {"store": sqlite_house.ids["first"], "method": "wechat", "customer": sqlite_house.ids["anna"]}
    made = done(sqlite_house, "sell", lines=[{"product": product, "quantity": 2}], **told)
    assert "面膜 × 2" in page(sqlite_house, db.session.get_one(Sale, made["sale"]))
