"""What belongs to a record is read when it is opened: by a script, or by a link where none runs."""

from __future__ import annotations

import re
from html import unescape

from tests.conftest import House
from tests.factory import fill
from tests.views.pages import sql_of, tables


def page_of(house: House, role: str = "owner", more: str = "") -> str:
    return house.browser(role).get(f"/customer/details/?id={house.ids['anna']}{more}").text


def headings(page: str) -> list[str]:
    return re.findall(r'<section class="related" id="([a-z_.]+)"', page)


def test_a_customers_page_names_what_belongs_to_her_and_reads_none_of_it(house: House) -> None:
    fill(house)
    found = headings(page_of(house))
    assert "visit.customer_id" in found
    assert "sale.customer_id" in found
    assert page_of(house).count("data-load=") == len(found)


def test_what_has_no_rows_is_not_named(sqlite_house: House) -> None:
    assert "visit.customer_id" not in headings(page_of(sqlite_house))


def test_what_is_opened_is_the_same_by_script_and_by_link(house: House) -> None:
    fill(house)
    browser, page = house.browser("owner"), page_of(house)
    [link] = re.findall(r'<section class="related" id="visit.customer_id">.*?<p><a href="([^"]+)"', page, re.DOTALL)
    assert link.endswith("#visit.customer_id")
    opened = browser.get(unescape(link).partition("#")[0]).text
    [load] = re.findall(r'id="visit.customer_id">\s*<details data-load="([^"]+)"', page)
    part = browser.get(unescape(load)).text
    assert tables(part)[0] in tables(opened)
    assert "<html" not in part
    assert re.search(r'id="visit.customer_id">\s*<details open>', opened)


def test_a_part_of_a_record_is_shown_at_once(house: House) -> None:
    """The lines of a sale are the sale."""
    rows = fill(house)
    page = house.browser("owner").get(f"/sale/details/?id={rows['sale']['own']}").text
    assert re.search(r'id="sale_line.sale_id">\s*<details open>', page)
    assert re.search(r'id="reversal.sale_id">\s*<details data-load', page)


def test_only_what_she_may_see_is_named_and_loaded(house: House) -> None:
    rows = fill(house)
    for role in ("therapist", "finance", "reception"):
        browser = house.browser(role)
        for key in headings(browser.get(f"/customer/details/?id={house.ids['anna']}").text):
            answer = browser.get(f"/customer/related/?id={house.ids['anna']}&of={key}")
            assert answer.status_code == 200
    therapist = house.browser("therapist")
    assert therapist.get(f"/customer/related/?id={house.ids['anna']}&of=payment.customer_id").status_code == 404
    assert therapist.get(f"/customer/related/?id={house.ids['cora']}&of=visit.customer_id").status_code == 404
    assert therapist.get(f"/customer/related/?id={house.ids['anna']}&of=nothing.at_all").status_code == 404
    assert rows


def test_a_customers_page_takes_one_statement_for_all_that_belongs_to_her(house: House) -> None:
    fill(house)
    browser, address = house.browser("owner"), f"/customer/details/?id={house.ids['anna']}"
    browser.get(address)
    asked = [one for one in sql_of(lambda: browser.get(address)) if one.count("EXISTS (SELECT") > 10]
    assert len(asked) == 1
