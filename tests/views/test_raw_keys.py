"""No page shows a short name of the house's own where people read: «rules-daily», «festivals», «redeem_session»."""

from __future__ import annotations

import re

from sqlalchemy import update

from admin_app.operations.registry import specs
from admin_app.rulebook import words_of
from models.entity import db, entities
from models.field import Kind
from models.standing import Alert, Task
from tests import factory
from tests.cast import raw_operation
from tests.conftest import House
from tests.views.pages import main_part, texts

BY_DESIGN = {"rule_version", "user", "staff", "tag"}
"""The YAML itself; logins, which in the cast are roles; the short name of a tag, by which a rule names it."""
TYPED = {"note", "notes", "value", "content"}
"""What ``tests/factory.py`` puts into free text begins with the field's name."""


def keys_of_the_house() -> set[str]:
    """Every short name that has a label: operations, choices, entities, rules, tiers, roles, documents, schedules."""
    keys = {spec.name for spec in specs()} | {entity.named() for entity in entities()}
    for entity in entities():
        for one in entity.fields().values():
            if one.kind is Kind.CHOICE:
                keys |= {member.value for member in one.choices}
    for kind in ("roles", "tiers", "rules", "documents", "schedules", "sources"):
        keys |= {word for word, _ in words_of(kind)}
    return keys


def addresses(rows: factory.Rows) -> list[str]:
    found = ["/", "/log", "/bookings", "/call-list", "/day-report", "/fees", "/odd-papers", "/schedules", "/rules"]
    for entity in entities():
        name = entity.named()
        if entity.screen is not None and name not in BY_DESIGN:
            row = rows[name]["own"]
            found += [f"/{name}/?archived=all", f"/{name}/details/?id={row}", f"/{name}/history/?id={row}"]
    return [*found, "/tag/", "/staff/"]


def test_no_page_shows_a_key(sqlite_house: House) -> None:
    house = sqlite_house
    rows = factory.fill(house)
    with raw_operation():
        for entity in (Alert, Task):
            db.session.execute(update(entity).values(source="adverse_reaction"))
    browser, keys = house.browser("owner"), keys_of_the_house()
    shown: set[tuple[str, str]] = set()
    for address in addresses(rows):
        answer = browser.get(address)
        assert answer.status_code == 200, address
        for text in texts(main_part(answer.text)):
            for word in re.findall(r"(?<![\w@./#-])[a-z]+(?:[_-][a-z0-9]+)*(?![\w.])", text):
                if word in keys and word not in TYPED and not re.fullmatch(rf"{word} \d+", text):
                    shown.add((address, text))
    assert not shown, sorted(shown)
