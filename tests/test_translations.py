"""Chinese is complete: every text of the code has words, with the same places in them, and none is left over."""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from flask_babel import force_locale, gettext

from admin_app.settings import HOUSE
from models.care import FollowUp
from models.customers import ConcernKind
from models.standing import Alert
from models.till import Approval

FOLDERS = ("admin_app", "models", "rules", "seed", "views")
CATALOGUE = HOUSE / "admin_app/translations/zh_Hans_CN/LC_MESSAGES/messages.po"
KEYWORDS: dict[str, Any] = {"_": None, "_l": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2)}
KEYWORDS |= {"pgettext": ((1, "c"), 2)}
PLACES = re.compile(r"%\((\w+)\)")


@cache
def said() -> set[tuple[str, str]]:
    """Every message of the code, with the context that tells it from its homonyms."""
    methods = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
    found: set[tuple[str, str]] = set()
    places = [(HOUSE / folder, None) for folder in FOLDERS] + [(HOUSE, _not_deeper)]
    for folder, deeper in places:
        extracted = extract_from_dir(folder, methods, keywords=KEYWORDS, directory_filter=deeper)
        for _name, _line, message, _comments, context in extracted:
            found.add((context or "", message if isinstance(message, str) else message[0]))
    return found


def _not_deeper(folder: str) -> bool:
    return False


@cache
def catalogue() -> Catalog:
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="zh_Hans_CN")


def _texts(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string)


def singular(message: Message) -> str:
    """What a message is known by; one with a plural by its singular."""
    return message.id if isinstance(message.id, str) else message.id[0]


def key(message: Message) -> tuple[str, str]:
    return message.context or "", singular(message)


def test_every_message_has_chinese_words() -> None:
    known = {key(message) for message in catalogue() if message.id and all(_texts(message))}
    assert sorted(said() - known) == []


def test_nothing_is_left_over() -> None:
    known = {key(message) for message in catalogue() if message.id}
    assert len(known) > 500
    assert sorted(known - said()) == []


def test_no_message_stands_within_an_f_string() -> None:
    """Babel does not look there on Python 3.11, so that such a message would stay English."""
    hidden = []
    for path in [*HOUSE.glob("*.py"), *(file for folder in FOLDERS for file in (HOUSE / folder).rglob("*.py"))]:
        for text in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(text, ast.JoinedStr):
                calls = [part.func for part in ast.walk(text) if isinstance(part, ast.Call)]
                if any(isinstance(call, ast.Name) and call.id in KEYWORDS for call in calls):
                    hidden.append(f"{path.relative_to(HOUSE)}:{text.lineno}")
    assert hidden == []


def test_the_places_are_the_same() -> None:
    unlike = [
        message.id
        for message in catalogue()
        if message.id and set(PLACES.findall(str(message.id))) != set(PLACES.findall(str(message.string)))
    ]
    assert unlike == []


def test_nothing_is_doubtful() -> None:
    assert [message.id for message in catalogue() if message.fuzzy and message.id] == []


@pytest.mark.parametrize("language", ["zh_Hans_CN", "en"])
def test_homonyms_are_told_apart(bare: object, language: str) -> None:
    """One English word, two Chinese ones: a body has a figure, a report another."""
    with force_locale(language):
        pairs = {
            str(ConcernKind.FIGURE.label): str(gettext("Figure")),
            str(FollowUp.fields()["days_after"].label): str(gettext("After")),
            str(Approval.fields()["operation"].label): str(Alert.fields()["to_role"].label),
        }
    alike = [word for word, other in pairs.items() if word == other]
    assert len(alike) == (0 if language != "en" else 3)
