"""What stands on a page: its texts, its list, its tables; and the SQL that made it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from html import unescape
from html.parser import HTMLParser

from sqlalchemy import func, select

from models.entity import db
from models.sales import Payment, PaymentMethod, Sale, Visit
from tests.cast import NOON, raw_operation
from tests.conftest import House
from tests.engines import sent_by

SAID = ("title", "aria-label", "placeholder", "alt", "data-ask")
"""Attributes that people read or hear."""


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in {"script", "style"}
        self.found += [value for name, value in attrs if name in SAID and value]

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if not self.silent and data.strip():
            self.found.append(" ".join(data.split()))


def texts(page: str) -> list[str]:
    """Everything on a page that is read or heard."""
    parser = _Texts()
    parser.feed(page)
    return parser.found


def words(page: str) -> str:
    """The same as one text."""
    return " ".join(texts(page))


def main_part(page: str) -> str:
    """The page without bar and navigation."""
    return page[page.index('<main id="main"') :]


def count_said(page: str) -> int:
    """How many rows a list says it has."""
    found = re.search(r'<p class="count">(\d+)</p>', page)
    assert found is not None
    return int(found[1])


def rows_linked(page: str, entity: str) -> list[int]:
    """The numbers of the rows of a list."""
    return [int(one) for one in re.findall(rf'row-link" href="/{entity}/details/\?id=(\d+)"', page)]


def tables(page: str) -> list[list[list[str]]]:
    """Every table: rows of cells as text."""
    found = re.findall(r"<table.*?</table>", page, re.DOTALL)
    rows = [re.findall(r"<tr>(.*?)</tr>", table, re.DOTALL) for table in found]
    return [[[_plain(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)] for row in t] for t in rows]


def _plain(cell: str) -> str:
    return unescape(re.sub(r"<[^>]+>", "", cell)).strip()


def sql_of(work: Callable[[], object]) -> list[str]:
    """The SQL that a piece of work sends, the beginnings of transactions apart."""
    return [statement for statement in sent_by(work) if not statement.startswith("BEGIN")]


def visited(house: House, day: date, customer: str = "anna", store: str = "first") -> None:
    """She was in the salon."""
    with raw_operation():
        db.session.add(Visit(customer_id=house.ids[customer], store_id=house.ids[store], business_day=day))


def paid(house: House, day: date, fen: int, method: str = "cash", customer: str = "anna", store: str = "first") -> None:
    """A sale of that day, paid so."""
    place = {"store_id": house.ids[store], "customer_id": house.ids[customer], "business_day": day}
    same = (Sale.store_id == place["store_id"], Sale.business_day == day)
    with raw_operation():
        number = (db.session.scalar(select(func.max(Sale.number)).where(*same)) or 0) + 1
        sale = Sale(**place, number=number, sold_at=NOON, total=fen)
        db.session.add(sale)
        db.session.flush()
        db.session.add(Payment(**place, sale_id=sale.id, paid_at=NOON, method=PaymentMethod(method), amount=fen))


class _Sent(HTMLParser):
    """What a browser would send of each form on a page, its buttons left out."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, list[str]]] = [{}]
        self.select: str | None = None
        self.options: list[tuple[str, bool]] = []
        self.area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append({})
        elif tag == "input" and said.get("type") not in ("submit", "button"):
            if said.get("type") not in ("checkbox", "radio") or "checked" in said:
                self._add(said.get("name", ""), said.get("value", ""))
        elif tag == "select":
            self.select, self.options = said.get("name", ""), []
        elif tag == "option" and self.select is not None:
            self.options.append((said.get("value", ""), "selected" in said))
        elif tag == "textarea":
            self.area = said.get("name", "")
            self._add(self.area, "")

    def handle_data(self, data: str) -> None:
        if self.area is not None:
            self.forms[-1][self.area][-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self.select is not None:
            chosen = [value for value, selected in self.options if selected] or [v for v, _ in self.options[:1]]
            for value in chosen:
                self._add(self.select, value)
            self.select = None
        elif tag == "textarea":
            self.area = None

    def _add(self, name: str, value: str) -> None:
        if name:
            self.forms[-1].setdefault(name, []).append(value)


def sent_as_shown(page: str) -> dict[str, list[str]]:
    """The fields of the largest form in the main part of a page, as they stand in it."""
    reader = _Sent()
    reader.feed(main_part(page))
    return max(reader.forms, key=len)
