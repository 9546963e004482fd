"""Every screen × role × own and foreign row × every way of getting at it: what may be seen is, and nothing else.

Generated from the registry of entities and the text of ``rules/roles.yaml`` (see ``oracle.py``), never written by hand.
"""

from __future__ import annotations

import io
import json
import re

import pytest
from openpyxl import load_workbook
from sqlalchemy import select
from werkzeug.routing import IntegerConverter

from admin_app.operations.registry import row_actions, specs
from models.accounts import User
from models.entity import Entity, db, entities, table_of
from models.field import Kind, Privacy
from models.log import Operation
from models.screen import WrittenBy
from tests.cast import ROLES
from tests.conftest import House
from tests.factory import fill
from tests.views import oracle
from tests.web import Browser

SCREENS = [entity for entity in entities() if entity.screen is not None]
every_screen = pytest.mark.parametrize("entity", SCREENS, ids=lambda entity: entity.named())


def refusals() -> int:
    db.session.rollback()
    return len(list(db.session.scalars(select(Operation.id).where(Operation.name == "open_page"))))


@every_screen
def test_reading(sqlite_house: House, entity: type[Entity], subtests: pytest.Subtests) -> None:
    """List, details, history, export, look-up, search: rows that exist for her, and only those.

    A hidden field is nowhere, a masked one only masked: list, details, export, sort, filter, form.
    """
    rows = fill(sqlite_house)[entity.named()]
    for role in ROLES:
        with subtests.test(role=role):
            browser = sqlite_house.browser(role)
            pages = _rows(browser, entity, role, rows)
            if oracle.exists_for(role, entity, "own"):
                _fields(browser, entity, role, rows["own"], pages)


def _rows(browser: Browser, entity: type[Entity], role: str, rows: dict[str, int]) -> dict[str, str]:
    """The pages on which she may see what is hers, by name."""
    base = f"/{entity.named()}"
    listed = browser.get(f"{base}/?size=100")
    assert listed.status_code == (200 if oracle.may(role, "view", entity.named()) else 403)
    linked = {int(one) for one in re.findall(rf'href="{base}/details/\?id=(\d+)"', listed.text)}
    looked_up = browser.get(f"{base}/ajax/lookup/")
    found = {row["id"] for row in looked_up.json} if looked_up.status_code == 200 else set()
    pages = {"list": listed.text}
    exporting = oracle.may(role, "export", entity.named())
    exported = browser.get(f"{base}/export/csv/")
    assert (exported.status_code == 200) == exporting
    if exporting:
        pages["export"] = exported.get_data(as_text=True)
        if not entity.shared:
            assert _exported(browser, entity) == len(linked)
    for side, row_id in rows.items():
        seen = oracle.exists_for(role, entity, side)
        assert (row_id in linked) == seen
        assert (row_id in found) == seen
        single = _single(browser, entity, role, row_id, seen)
        pages |= single if side == "own" else {}
    return pages


def _single(browser: Browser, entity: type[Entity], role: str, row_id: int, seen: bool) -> dict[str, str]:
    """One row's pages, by name."""
    base = f"/{entity.named()}"
    viewing = oracle.may(role, "view", entity.named())
    before = refusals()
    details = browser.get(f"{base}/details/?id={row_id}")
    assert details.status_code == (200 if seen else 404 if viewing else 403)
    assert refusals() == before + (0 if seen else 1), "a refusal stands in the log"
    history = browser.get(f"{base}/history/?id={row_id}")
    reading = oracle.may(role, "history", entity.named())
    assert history.status_code == (403 if not reading else 200 if seen else 404)
    return {"details": details.text, "history": history.text}


def _exported(browser: Browser, entity: type[Entity]) -> int:
    answer = browser.get(f"/{entity.named()}/export/xlsx/")
    assert answer.status_code == 200
    sheet = load_workbook(io.BytesIO(answer.data)).active
    assert sheet is not None
    return sheet.max_row - 1


def _fields(browser: Browser, entity: type[Entity], role: str, row_id: int, pages: dict[str, str]) -> None:
    base = f"/{entity.named()}"
    if oracle.may(role, "edit", entity.named()) and entity.written_by == WrittenBy.FORM:
        pages["edit"] = browser.get(f"{base}/edit/?id={row_id}").text
    row = db.session.get_one(entity, row_id)
    for one in entity.fields().values():
        how = oracle.sight(role, one.key, one.info.privacy.value)
        value = getattr(row, one.name)
        if (
            one.info.generated
            or how == "clear"
            or value is None
            or one.info.privacy is Privacy.OPEN
            or one.kind in (Kind.REFERENCE, Kind.FLAG)
        ):
            continue
        said = str(value).removeprefix("+86") if one.kind is Kind.PHONE else str(value)
        if one.kind is Kind.MONEY:
            said = f"{value // 100}.{value % 100:02d}"
        spaced = f"{said[:3]} {said[3:7]} {said[7:]}"
        for name, page in pages.items():
            assert said not in page, f"{one.key} in {name}"
            assert one.kind is not Kind.PHONE or spaced not in page, f"{one.key} in {name}"
        if how == "hidden":
            assert f"{one.label}</dt>" not in pages["details"]
        refused = browser.get(f"{base}/?{one.name}={said}").text
        assert 'class="notice warn"' in refused, "no filter by what is hidden or masked"
        refused = browser.get(f"{base}/?sort={one.name}").text
        assert 'class="notice warn"' in refused, "no order by what is hidden or masked"


@every_screen
def test_writing(sqlite_house: House, entity: type[Entity], subtests: pytest.Subtests) -> None:
    """New, edit, inline, archive, restore: 403 without the right, 404 for what is not hers, never a redirect."""
    rows = fill(sqlite_house)[entity.named()]
    for role in ROLES:
        with subtests.test(role=role):
            _written(sqlite_house, entity, role, rows)


def _written(house: House, entity: type[Entity], role: str, rows: dict[str, int]) -> None:
    """What she may not change stays as it was, and what she archived has been restored."""
    browser, base = house.browser(role), f"/{entity.named()}"
    by_form = entity.written_by == WrittenBy.FORM
    named = {name.value for name in entity.written_by.operations}
    may_create = oracle.may(role, "create", entity.named()) and (by_form or "create_entity" in named)
    may_edit = oracle.may(role, "edit", entity.named()) and (by_form or "edit_entity" in named)
    may_archive = oracle.may(role, "archive", entity.named()) and (by_form or "archive_entity" in named)
    assert browser.get(f"{base}/new/").status_code == (200 if may_create else 403)
    assert browser.post(f"{base}/new/", {}).status_code == (422 if may_create else 403)
    sides = rows if may_edit or may_archive else {"own": rows["own"]}  # who may nothing is not asked which row
    for side, row_id in sides.items():
        seen = oracle.exists_for(role, entity, side)
        expected = 403 if not may_edit else 200 if seen else 404
        assert browser.get(f"{base}/edit/?id={row_id}").status_code == expected
        inline = {"id": row_id, "field": "id", "value": "7"}
        assert browser.post(f"{base}/ajax/update/", inline).status_code == (403 if not may_edit or seen else 404)
        for way in ("delete", "restore"):
            answer = browser.post(f"{base}/{way}/", {"id": row_id})
            last = entity is User and row_id == house.ids["owner"] and way == "delete"
            assert answer.status_code == (403 if not may_archive else 422 if last else 302 if seen else 404)
        if not seen or not may_edit:
            _unchanged(entity, row_id, browser)


def _unchanged(entity: type[Entity], row_id: int, browser: Browser) -> None:
    """An edit sent past the page changes nothing."""
    table = table_of(entity)
    before = db.session.execute(select(table).where(table.c.id == row_id)).one()
    browser.post(f"/{entity.named()}/edit/?id={row_id}", {"name": "HACKED", "notes": "HACKED"})
    db.session.rollback()
    assert db.session.execute(select(table).where(table.c.id == row_id)).one() == before


@pytest.mark.parametrize("role", ROLES)
def test_operations(sqlite_house: House, role: str) -> None:
    """Every operation with a form: open to whom ``does`` names it, else 403; not started on foreign rows."""
    rows, browser = fill(sqlite_house), sqlite_house.browser(role)
    for spec in specs():
        allowed = spec.form and oracle.does(role, spec.name)
        assert browser.get(f"/do/{spec.name}/").status_code == (200 if allowed else 403), spec.name
        assert browser.post(f"/do/{spec.name}/", {}).status_code == (422 if allowed else 403), spec.name
        subject = spec.subject_field()
        if not allowed or subject is None or spec.on is None or oracle.exists_for(role, spec.on, "foreign"):
            continue
        foreign = rows[spec.on.named()]["foreign"]
        page = browser.get(f"/do/{spec.name}/?on={foreign}").text
        assert f'name="{subject.name}" value="{foreign}"' not in page, spec.name


@pytest.mark.parametrize("entity", [one for one in SCREENS if row_actions(one)], ids=lambda entity: entity.named())
def test_bulk_actions(sqlite_house: House, entity: type[Entity], subtests: pytest.Subtests) -> None:
    """A bulk action starts only for who may do it."""
    rows = fill(sqlite_house)[entity.named()]
    for role in ROLES:
        browser, viewing = sqlite_house.browser(role), oracle.may(role, "view", entity.named())
        for spec in row_actions(entity):
            with subtests.test(role=role, action=spec.name):
                answer = browser.post(f"/{entity.named()}/action/", {"action": spec.name, "ids": [str(rows["own"])]})
                assert answer.status_code == (302 if viewing and oracle.does(role, spec.name) else 403)


@every_screen
def test_a_stranger_is_sent_to_the_door(sqlite_house: House, entity: type[Entity]) -> None:
    browser = sqlite_house.browser()
    for path in ("", "details/?id=1", "new/", "edit/?id=1", "history/?id=1", "export/csv/", "ajax/lookup/"):
        answer = browser.get(f"/{entity.named()}/{path}")
        assert (answer.status_code, answer.location.split("?")[0]) == (302, "/sign-in")
    for path in ("new/", "edit/?id=1", "delete/", "restore/", "action/", "ajax/update/", "reveal/"):
        answer = browser.post(f"/{entity.named()}/{path}", {"id": 1})
        assert (answer.status_code, answer.location.split("?")[0]) == (302, "/sign-in")


def test_every_route_asks_who_is_there(sqlite_house: House) -> None:
    """No address answers a stranger, but for the door itself, the files of its look, and what machines ask."""
    open_to_all = {"sign_in", "sign_out", "static_files", "vendor", "own_account.language", "static", "admin.static"}
    open_to_all |= {"healthz", "metrics"}
    browser = sqlite_house.browser()
    for rule in sqlite_house.app.url_map.iter_rules():
        if rule.endpoint in open_to_all or "GET" not in (rule.methods or set()) or rule.endpoint.endswith(".static"):
            continue
        values = {name: 1 if isinstance(rule._converters[name], IntegerConverter) else "x" for name in rule.arguments}
        with sqlite_house.app.test_request_context():
            from flask import url_for

            address = url_for(rule.endpoint, **values)
        answer = browser.get(address)
        assert answer.status_code in {302, 401, 404, 405}, rule.endpoint
        assert answer.status_code != 302 or answer.location.startswith("/sign-in"), rule.endpoint


def test_json_is_refused_in_json(sqlite_house: House) -> None:
    answer = sqlite_house.browser("therapist").post("/store/ajax/update/", {"id": 1}, json=True)
    assert answer.status_code == 403
    assert json.loads(answer.data)["error"]
