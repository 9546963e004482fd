"""What generated admin screens usually leave open, closed on every registered screen.

Numbers are those of the list of weaknesses these screens were built against: 1 and 2 row scope, 3 and 5 deny by default
and field rights (in ``test_permission_matrix.py``), 4 CSRF, 6 and 7 the log, 8 lost updates, 9 relations, 10 counting,
11 statements a page (in ``test_query_counts.py``), 12 stable paging, 16 export, 18 constraint messages, 20 accessible
markup, 21 CSP, 22 hidden errors, 23 reserved names (in ``tests/models/test_declarations.py``), 24 language.
"""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select

from models.customers import Customer
from models.entity import Entity, db, entities
from models.log import Operation, RowChange
from models.names import Name
from models.screen import WrittenBy
from tests.cast import NOON, create, raw_operation
from tests.conftest import House
from tests.factory import Rows, fill, make
from views.generated import EntityScreen
from views.listing import COUNT_LIMIT, read_listing

SCREENS = [entity for entity in entities() if entity.screen is not None]
FORMS = [entity for entity in SCREENS if entity.written_by == WrittenBy.FORM]
every_screen = pytest.mark.parametrize("entity", SCREENS, ids=lambda entity: entity.named())
every_form = pytest.mark.parametrize("entity", FORMS, ids=lambda entity: entity.named())


def screen_of(house: House, entity: type[Entity]) -> EntityScreen:
    views = house.app.extensions["admin"][0]._views
    return next(view for view in views if getattr(view, "entity", None) is entity)


@every_screen
def test_1_one_restricted_query_stands_behind_every_way(sqlite_house: House, entity: type[Entity]) -> None:
    """Flask-Admin's own hooks answer through the same restriction, should anything ever call them."""
    rows = fill(sqlite_house)[entity.named()]
    screen = screen_of(sqlite_house, entity)
    with sqlite_house.app.test_request_context():
        assert screen.get_one(rows["own"]) is None, "nobody is signed in: no row exists"
        assert db.session.scalar(screen.get_count_query()) == 0
        assert list(db.session.scalars(screen.get_query())) == []


@every_screen
def test_4_nothing_changes_without_the_csrf_word(sqlite_house: House, entity: type[Entity]) -> None:
    rows = fill(sqlite_house)[entity.named()]
    browser = sqlite_house.browser("owner")
    for path in ("new/", f"edit/?id={rows['own']}", "delete/", "restore/", "action/", "ajax/update/", "reveal/"):
        answer = browser.client.post(f"/{entity.named()}/{path}", data={"id": rows["own"], "name": "x"})
        assert answer.status_code == 400, path
        forged = browser.client.post(f"/{entity.named()}/{path}", data={"id": rows["own"], "csrf_token": "forged"})
        assert forged.status_code == 400, path


@every_form
def test_6_and_7_a_change_by_form_is_one_entry_with_its_rows(sqlite_house: House, entity: type[Entity]) -> None:
    rows = fill(sqlite_house)[entity.named()]
    browser = sqlite_house.browser("owner")
    answer = browser.post(f"/{entity.named()}/delete/", {"id": rows["own"]})
    assert answer.status_code == 302
    [entry] = db.session.scalars(select(Operation).where(Operation.name == Name.ARCHIVE_ENTITY.value))
    assert (entry.actor_id, entry.subject_kind, entry.subject_id) == (
        sqlite_house.ids["owner"],
        entity.named(),
        rows["own"],
    )
    [change] = db.session.scalars(select(RowChange).where(RowChange.operation_id == entry.id))
    assert (change.entity, change.row_id, change.columns) == (entity.named(), rows["own"], "archived_at,version")


@every_form
def test_8_a_stale_form_overwrites_nothing(sqlite_house: House, entity: type[Entity]) -> None:
    rows = fill(sqlite_house)[entity.named()]
    browser = sqlite_house.browser("owner")
    page = browser.get(f"/{entity.named()}/edit/?id={rows['own']}").text
    values = form_values(page)
    browser.post(f"/{entity.named()}/delete/", {"id": rows["own"]})
    before = current(entity, rows["own"])
    changed = next((name for name in values if name not in KEPT and _is_text(entity, name)), None)
    if changed is None:
        pytest.fail(f"{entity.named()} has no text to change: give this test another kind")
    answer = browser.post(f"/{entity.named()}/edit/?id={rows['own']}", {**values, changed: _other(entity, changed)})
    assert answer.status_code == 409
    assert current(entity, rows["own"]) == before


KEPT = {"csrf_token", "op_id", "version", "next"}


def _is_text(entity: type[Entity], name: str) -> bool:
    return name in entity.fields() and entity.fields()[name].kind in {
        "text",
        "long_text",
        "number",
        "money",
        "reference",
        "day",
    }


def _other(entity: type[Entity], name: str) -> str:
    field = entity.fields()[name]
    if field.kind == "reference":
        newest: int = db.session.scalar(select(func.max(field.column.table.metadata.tables[field.target].c.id))) or 1
        return str(newest)
    return {"number": "9", "money": "9.99", "day": "2026-01-02"}.get(field.kind, "别的")


def form_values(page: str) -> dict[str, Any]:
    """What a browser would send back: inputs, selects and texts of the sheet."""
    sheet = page[page.index('class="sheet"') :]
    values = {}
    for tag in re.findall(r"<input[^>]*>", sheet):
        name, value, kind = (re.search(rf'{key}="([^"]*)"', tag) for key in ("name", "value", "type"))
        if name and not (kind and kind[1] == "checkbox" and "checked" not in tag):
            values[name[1]] = value[1] if value else ""
    for name, body in re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', sheet, re.DOTALL):
        chosen = re.search(r'<option[^>]* selected value="([^"]*)"', body)
        values[name] = chosen[1] if chosen else ""
    return values | dict(re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>\s*(.*?)</textarea>', sheet, re.DOTALL))


def current(entity: type[Entity], row_id: int) -> dict[str, Any]:
    db.session.rollback()
    row = db.session.get_one(entity, row_id)
    return {name: getattr(row, name) for name in entity.fields()}


@every_form
def test_9_a_relation_with_many_rows_is_searched_not_loaded(sqlite_house: House, entity: type[Entity]) -> None:
    """Three hundred more rows of each entity referred to add not one option to the form."""
    rows = fill(sqlite_house)
    browser = sqlite_house.browser("owner")
    targets = {one.target for one in entity.fields().values() if one.kind == "reference" and not one.info.generated}
    many(rows, targets, 60)
    page = browser.get(f"/{entity.named()}/new/").text
    for name, body in re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        if name in entity.fields() and entity.fields()[name].kind == "reference":
            assert body.count("<option") <= 2, name
            assert re.search(rf'name="{name}"[^>]*data-lookup|data-lookup[^>]*name="{name}"', page)


def many(rows: Rows, targets: set[str], count: int) -> None:
    """More rows of these entities, told apart by their numbers."""
    by_name = {entity.named(): entity for entity in entities()}
    with raw_operation():
        for name in sorted(targets):
            for place in range(count):
                unique = {
                    one.name: f"{one.name[:6]}-{place:04d}"
                    for one in by_name[name].fields().values()
                    if one.kind == "text" and one.max_length and not one.info.generated and not one.encrypted
                }
                make(by_name[name], "own", place + 10, rows, **{**unique, **_apart(name, place)})


def _apart(name: str, place: int) -> dict[str, Any]:
    from datetime import timedelta

    if name in {"shift", "leave"}:
        return {"starts_at": NOON + timedelta(days=40 + place), "ends_at": NOON + timedelta(days=40 + place, hours=1)}
    if name == "user":
        return {"login": f"user-{place:04d}", "role": "reception", "staff_id": None}
    if name == "tag":
        return {"slug": f"tag-{place:04d}", "group": None, "exclusive": False}
    if name == "assessment":
        return {"template_id": 1}
    if name in {"till_shift", "day_close"}:
        return {"business_day": NOON.date() + timedelta(days=40 + place)}
    return {}


def test_10_counting_stops_at_a_thousand(sqlite_house: House) -> None:
    with raw_operation():
        store = sqlite_house.ids["first"]
        day = NOON.date()
        db.session.add_all(Customer(name=f"客{n}", store_id=store, registered_on=day) for n in range(COUNT_LIMIT + 5))
    assert "1000+" in sqlite_house.browser("owner").get("/customer/").text


@every_screen
def test_12_the_order_of_a_list_is_whole(sqlite_house: House, entity: type[Entity]) -> None:
    """Whatever it is sorted by, the row's number decides between equals: no row is on two pages, or on none."""
    fill(sqlite_house)
    from rules.decisions.access import Access
    from tests.views.test_listing import owner_access

    access: Access = owner_access(sqlite_house)
    for sort in ("", *(one.name for one in entity.fields().values() if one.sortable)):
        listing = read_listing(entity, access, {"sort": sort})
        order = str(listing.query()).split("ORDER BY")[1]
        assert f"{entity.named()}.id" in order.replace('"', "")


@every_screen
def test_16_an_export_runs_nothing_in_a_spreadsheet(sqlite_house: House, entity: type[Entity]) -> None:
    fill(sqlite_house)
    browser = sqlite_house.browser("owner")
    csv_text = browser.get(f"/{entity.named()}/export/csv/").data.decode("utf-8-sig")
    for row in csv.reader(io.StringIO(csv_text)):
        for cell in row:
            assert not cell.startswith(("=", "+", "@", "\t")), cell
    sheet = load_workbook(io.BytesIO(browser.get(f"/{entity.named()}/export/xlsx/").data)).active
    assert sheet is not None
    assert all(cell.data_type != "f" for cells in sheet.iter_rows() for cell in cells)


def test_16_a_formula_stays_text(sqlite_house: House) -> None:
    create("customer", name='=HYPERLINK("http://x","点我")', store_id=sqlite_house.ids["first"])
    browser = sqlite_house.browser("owner")
    assert "'=HYPERLINK" in browser.get("/customer/export/csv/").data.decode("utf-8-sig")
    sheet = load_workbook(io.BytesIO(browser.get("/customer/export/xlsx/").data)).active
    assert sheet is not None
    cells = {cell.value: cell.data_type for cells in sheet.iter_rows() for cell in cells}
    assert cells['=HYPERLINK("http://x","点我")'] == "s"


def test_16_an_export_has_an_end(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    small = sqlite_house.settings.model_copy(update={"export_rows": 2})
    monkeypatch.setitem(sqlite_house.app.config, "PEONY", small)
    assert sqlite_house.browser("owner").get("/customer/export/csv/").status_code == 422


@every_form
def test_18_a_constraint_speaks_at_its_field_and_shows_no_sql(sqlite_house: House, entity: type[Entity]) -> None:
    rows = fill(sqlite_house)
    browser = sqlite_house.browser("owner")
    page = browser.get(f"/{entity.named()}/edit/?id={rows[entity.named()]['foreign']}").text
    values = form_values(page)
    twin = form_values(browser.get(f"/{entity.named()}/edit/?id={rows[entity.named()]['own']}").text)
    doubled = {**values, **{name: value for name, value in twin.items() if name not in KEPT}}
    answer = browser.post(f"/{entity.named()}/edit/?id={rows[entity.named()]['foreign']}", doubled)
    assert answer.status_code in {302, 422}
    for leak in ("INSERT", "UPDATE", "sqlite3", "IntegrityError", "Traceback", "constraint failed"):
        assert leak not in answer.text
    if answer.status_code == 422:
        assert 'class="fault"' in answer.text or 'class="notice bad"' in answer.text


@every_screen
def test_20_the_markup_can_be_heard(sqlite_house: House, entity: type[Entity]) -> None:
    fill(sqlite_house)
    page = sqlite_house.browser("owner").get(f"/{entity.named()}/").text
    assert '<html lang="zh-Hans-CN"' in page
    assert 'class="skip" href="#main"' in page
    assert page.count("<h1>") == 1
    assert "<caption" in page
    assert page.count("<th ") == page.count('scope="col"') + page.count('scope="row"')
    assert entity.screen is not None
    if (
        entity.fields()[entity.screen.order.lstrip("-")].sortable
        and entity.screen.order.lstrip("-") in entity.screen.columns
    ):
        assert "aria-sort" in page


@every_screen
def test_21_nothing_in_the_page_needs_a_loose_policy(sqlite_house: House, entity: type[Entity]) -> None:
    rows = fill(sqlite_house)[entity.named()]
    browser = sqlite_house.browser("owner")
    paths = ["", f"details/?id={rows['own']}", f"history/?id={rows['own']}"]
    paths += ["new/", f"edit/?id={rows['own']}"] if entity in FORMS else []
    for path in paths:
        answer = browser.get(f"/{entity.named()}/{path}")
        policy = answer.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        nonce = re.search(r"'nonce-([^']+)'", policy)
        assert nonce is not None
        assert not re.search(r"\son\w+=|javascript:|\sstyle=", answer.text)
        for script in re.findall(r"<script[^>]*>", answer.text):
            assert f'nonce="{nonce[1]}"' in script


@every_screen
def test_22_an_error_of_ours_is_not_hidden(
    sqlite_house: House, entity: type[Entity], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A TypeError inside a view is logged as what it is: the view is not called a second time in another way."""
    screen, calls = screen_of(sqlite_house, entity), []

    def broken(*args: Any, **kwargs: Any) -> None:
        calls.append(kwargs)
        raise TypeError("a fault of ours")

    monkeypatch.setattr(type(screen), "details_view", broken)
    with sqlite_house.app.test_request_context(), pytest.raises(TypeError, match="a fault of ours"):
        screen._run_view(broken)
    assert calls == [{}]


@every_screen
def test_24_every_word_is_in_the_readers_language(sqlite_house: House, entity: type[Entity]) -> None:
    fill(sqlite_house)
    browser = sqlite_house.browser("owner")
    chinese = browser.get(f"/{entity.named()}/", headers={"Accept-Language": "zh-CN"}).text
    english = browser.get(f"/{entity.named()}/", headers={"Accept-Language": "en-GB,en;q=0.8"}).text
    assert '<html lang="en"' in english
    title_zh, title_en = (re.search(r"<h1>(.*?)</h1>", page) for page in (chinese, english))
    assert title_zh is not None
    assert title_en is not None
    assert re.search(r"[一-鿿]", title_zh[1])
    assert title_en[1].isascii()
