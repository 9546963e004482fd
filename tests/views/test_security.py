"""Headers, cookies, methods: what every answer carries, and what a GET leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from flask import Flask, url_for
from sqlalchemy import select

from admin_app import create_app
from admin_app.operations import reading
from admin_app.settings import Settings
from models.entity import Base, db
from models.log import EntryKind, Operation
from models.sales import Sale
from tests.cast import NOON
from tests.conftest import House
from tests.factory import fill
from views import register_screens

LOG = {"operation", "log_link"}
"""The tables that reading may write to; and ``user_session`` in its ``last_seen_at``."""


def addresses(house: House) -> Iterator[str]:
    """Every address that can be got, with something sensible in its blanks."""
    rows = fill(house)
    with house.app.test_request_context():
        for rule in house.app.url_map.iter_rules():
            if "GET" not in (rule.methods or set()):
                continue
            blanks = {
                "path": "house.css",
                "filename": "x",
                "name": "echarts.js",
                "export_type": "csv",
                "file_type": "csv",
                "number": 1,
                "staff": 1,
                "kind": "gifts",
                "document": "tags",
                "customer": 1,
                "request_id": 1,
            }
            if rule.endpoint == "operation":
                blanks["name"] = "tag_customers"
            if rule.endpoint == "receipt":
                blanks["number"] = db.session.get_one(Sale, rows["sale"]["own"]).public_id
            values = {name: blanks[name] for name in rule.arguments}
            entity = rule.endpoint.partition(".")[0]
            yield url_for(rule.endpoint, **values) + (f"?id={rows[entity]['own']}" if entity in rows else "")


def snapshot() -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table but the log's."""
    db.session.rollback()
    found: dict[str, list[tuple[object, ...]]] = {}
    for table in Base.metadata.sorted_tables:
        if table.name in LOG:
            continue
        columns = [c for c in table.columns if (table.name, c.name) != ("user_session", "last_seen_at")]
        rows = db.session.execute(select(*columns).order_by(*table.primary_key.columns))
        found[table.name] = [tuple(row) for row in rows]
    return found


@pytest.mark.parametrize("role", ["owner", "therapist", "auditor", None], ids=str)
def test_a_walk_over_every_get_changes_nothing(sqlite_house: House, role: str | None) -> None:
    """Log entries of kind read, refusal and export may come of it; nothing else.

    Who opens all, who has a day of her own, who reads the log, and a stranger: the others open parts of that.
    """
    everywhere = list(addresses(sqlite_house))
    assert len(everywhere) > 300
    browser = sqlite_house.browser(role)
    before, last = snapshot(), db.session.scalar(select(Operation.id).order_by(Operation.id.desc()).limit(1)) or 0
    for address in everywhere:
        assert browser.get(address).status_code < 500 or address == "/healthz", address
    assert snapshot() == before
    kinds = set(db.session.scalars(select(Operation.kind).where(Operation.id > last)))
    assert kinds <= {EntryKind.READ, EntryKind.REFUSAL, EntryKind.EXPORT}


def test_every_answer_carries_the_headers(sqlite_house: House) -> None:
    browser = sqlite_house.browser("owner")
    for address in ("/", "/customer/", "/sign-in", "/nowhere", "/assets/house.css"):
        headers = browser.get(address).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "camera=()" in headers["Permissions-Policy"]
        policy = headers["Content-Security-Policy"]
        for part in (
            "default-src 'none'",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "form-action 'self'",
        ):
            assert part in policy


def test_no_two_answers_share_a_nonce(sqlite_house: House) -> None:
    browser = sqlite_house.browser("owner")
    policies = {browser.get("/").headers["Content-Security-Policy"] for _ in range(3)}
    assert len(policies) == 3


def test_pages_of_the_salon_are_not_kept_by_the_browser(sqlite_house: House) -> None:
    browser = sqlite_house.browser("owner")
    assert browser.get("/customer/").headers["Cache-Control"] == "no-store"
    assert "no-store" not in browser.get("/assets/house.css").headers.get("Cache-Control", "")


@pytest.fixture
def https_app(tmp_path: Path) -> Iterator[Flask]:
    app = create_app(Settings(data_dir=tmp_path / "data", https=True, proxies=1, scheduler=False))
    register_screens(app)
    with app.app_context():
        from admin_app.start import open_house

        open_house()
        yield app
        db.session.remove()
        db.engine.dispose()


def test_over_https_cookies_are_secure_and_the_browser_is_told_to_stay(https_app: Flask) -> None:
    answer = https_app.test_client().get("/sign-in", base_url="https://salon.example", buffered=True)
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert answer.headers["Set-Cookie"].startswith("__Host-peony=")
    assert "Secure" in answer.headers["Set-Cookie"]


def test_nothing_of_the_admin_package_loads_by_itself(sqlite_house: House) -> None:
    """Its scripts and styles are not referred to by any page."""
    page = sqlite_house.browser("owner").get("/customer/").text
    for old in ("jquery", "bootstrap", "select2", "x-editable", "font-awesome"):
        assert old not in page.lower()


def test_a_file_outside_the_static_folder_is_not_served(sqlite_house: House) -> None:
    browser = sqlite_house.browser("owner")
    for path in ("/assets/../security.py", "/assets/%2e%2e/security.py", "/vendor/package.json", "/vendor/..%2fx"):
        assert browser.get(path).status_code == 404


def test_a_fault_of_ours_shows_a_number_and_nothing_of_the_inside(
    sqlite_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from views import dashboard

    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(dashboard, "figures", broken)
    answer = sqlite_house.browser("owner").get("/")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "Traceback" not in answer.text


def test_a_body_beyond_the_limit_is_refused(sqlite_house: House) -> None:
    answer = sqlite_house.browser("owner").post("/customer/new/", {"notes": "x" * (21 * 1024 * 1024)})
    assert answer.status_code == 413


FORGED = {"csrf_token": "x"}


def forged_entries() -> list[tuple[str, str, str, object]]:
    rows = db.session.scalars(select(Operation).where(Operation.result == "forged").order_by(Operation.id))
    return [(row.kind.value, row.actor_name, row.address, row.detail) for row in rows]


def test_a_forged_form_stands_in_the_log(sqlite_house: House) -> None:
    path = "/account/sessions/1/end"
    assert sqlite_house.browser("reception").post(path, FORGED).status_code == 400
    assert sqlite_house.browser().post(path, FORGED).status_code == 400
    assert forged_entries() == [
        ("refusal", "用户reception", "127.0.0.1", {"field": path}),
        ("refusal", "nobody", "127.0.0.1", {"field": path}),
    ]


def test_forged_forms_do_not_fill_the_log(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers take nothing of the room of those who are signed in; after an hour there is room again."""
    monkeypatch.setattr(reading, "FORGED_AN_HOUR", 2)
    stranger, path = sqlite_house.browser(), "/account/sessions/1/end"
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(4):
            assert stranger.post(path, FORGED).status_code == 400
        assert len(forged_entries()) == 2
        sqlite_house.browser("reception").post(path, FORGED)
        assert len(forged_entries()) == 3
        clock.shift(3601)
        stranger.post(path, FORGED)
        assert len(forged_entries()) == 4
