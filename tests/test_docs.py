"""The documentation says what the product does: no setting, command, operation, fact or rule key is left out of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import click
import pytest
from flask import Flask
from pydantic import BaseModel

from admin_app.settings import HOUSE
from models.names import Name
from rules.book import DOCUMENTS
from rules.documents.roles import Action, Page, Sees
from rules.language.reading import Part
from run import main
from tests import docs

READMES = ("README.md", "README.zh-CN.md")
TWO_COMMANDS = (
    "pip install -r requirements.txt && python run.py",
    "pip install -r requirements.txt && python -m pytest",
)


def text(name: str) -> str:
    return (HOUSE / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", docs.PAGES)
def test_a_page_made_from_the_product_is_up_to_date(bare: Flask, name: str) -> None:
    """``python -m tests.docs`` writes it anew."""
    assert text(f"docs/{name}") == docs.PAGES[name]()


def test_every_named_operation_is_registered(bare: Flask) -> None:
    assert [name for name in Name if f"| `{name}` |" not in docs.operations()] == []


@pytest.mark.parametrize("name", READMES)
def test_a_readme_opens_with_a_picture_and_the_two_commands(name: str) -> None:
    opening = text(name)[:2500]
    assert "](docs/pictures/" in opening
    assert all(command in opening for command in TWO_COMMANDS)


def test_the_settings_table_is_that_of_the_settings() -> None:
    assert docs.settings_table(("Setting", "Default", "Meaning")) in text("README.md")


def test_the_chinese_readme_knows_every_setting() -> None:
    rows = docs.settings_table(("", "", "")).splitlines()[2:]
    known = text("README.zh-CN.md")
    assert [row for row in rows if " | ".join(row.split(" | ")[:2]) not in known] == []


@pytest.mark.parametrize("name", READMES)
def test_every_command_is_in_the_readme(name: str) -> None:
    missing = [command for command in main.commands if not re.search(rf"run\.py {command}\b", text(name))]
    assert missing == []


def options() -> list[str]:
    commands: list[click.Command] = [main, *main.commands.values()]
    found = {option for command in commands for param in command.params for option in param.opts if option[:2] == "--"}
    return sorted(found)


@pytest.mark.parametrize("option", options())
def test_every_option_is_documented(option: str) -> None:
    assert any(f"{option}" in text(name) for name in ("README.md", "docs/operating.md"))


def parts() -> list[type[Part]]:
    """Every model that a rule document is made of."""
    found: list[type[Part]] = []
    waiting: list[type[BaseModel]] = [*DOCUMENTS.values()]
    while waiting:
        part = waiting.pop()
        if part in found or not issubclass(part, Part):
            continue
        found.append(part)
        for info in part.model_fields.values():
            waiting += [
                kind for kind in _kinds(info.annotation) if isinstance(kind, type) and issubclass(kind, BaseModel)
            ]
    return found


def _kinds(annotation: object) -> list[object]:
    inner = get_args(annotation)
    return [annotation] if not inner else [kind for one in inner for kind in _kinds(one)]


@pytest.mark.parametrize("part", parts(), ids=lambda part: part.__name__)
def test_every_key_of_a_rule_document_is_documented(part: type[Part]) -> None:
    known = text("docs/rules.md")
    keys = [info.alias or name for name, info in part.model_fields.items() if name != "place"]
    assert [key for key in keys if f"`{key}`" not in known] == []


@pytest.mark.parametrize("word", [str(one) for closed in (Action, Page, Sees) for one in closed])
def test_every_word_of_the_roles_is_documented(word: str) -> None:
    assert f"`{word}`" in text("docs/rules.md")


def links() -> list[tuple[str, str]]:
    pages = [*READMES, "CHANGELOG.md", *(str(page.relative_to(HOUSE)) for page in (HOUSE / "docs").rglob("*.md"))]
    return [(page, link) for page in pages for link in re.findall(r"\]\(([^)#]+)", text(page)) if "://" not in link]


@pytest.mark.parametrize(("page", "link"), links())
def test_every_link_leads_somewhere(page: str, link: str) -> None:
    assert ((HOUSE / page).parent / link).exists()


def test_every_page_is_linked_from_the_readme() -> None:
    pages = {f"docs/{page.name}" for page in Path(HOUSE / "docs").glob("*.md")}
    assert pages - {link for page, link in links() if page == "README.md"} == set()


@pytest.mark.parametrize("name", READMES)
def test_the_guide_shows_every_picture_that_the_tests_make_of_it(name: str) -> None:
    taken = {f"pictures/{picture.name}" for picture in (HOUSE / "docs" / "guide" / "pictures").iterdir()}
    assert {link for page, link in links() if page == f"docs/guide/{name}" and link.endswith(".png")} == taken
