"""Two languages: whatever the owner opens speaks one of them and not the other; a choice is remembered."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir, extract_from_file
from babel.messages.pofile import read_po
from sqlalchemy import select

from admin_app.i18n import CATALOGUE, chosen_language
from admin_app.settings import HOUSE
from models.entity import db, entities
from models.log import Operation, RowValue
from models.rulebook import RuleVersion
from rules.language.nodes import read_nodes
from rules.language.writing import plain_of
from tests.conftest import House
from tests.views.pages import texts
from tests.views.test_security import addresses

HAN = re.compile(r"[㐀-鿿]")
PLACE = re.compile(r"%\((\w+)\)[sd]")
SENTENCE = re.compile(r"\b[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}\b")
"""Three English words in a row: a sentence that was forgotten, in the catalogue or not."""
HASH = re.compile(r"\b[0-9a-f]{32,}\b")
FOLDERS = ("models", "rules", "admin_app", "views", "seed")
OWN_NAMES = ("中文", "English", "Excel (.xlsx)", "CSV", "Peony", "Microsoft Authenticator", "Google Authenticator")
"""Said as they are in both languages."""


@cache
def catalogue() -> Catalog:
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="zh_Hans_CN")


def strings(value: object) -> Iterator[str]:
    """Every text within a value."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield from (str(name), *strings(one))
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from strings(one)
    elif isinstance(value, str):
        yield " ".join(value.split())


def data() -> list[str]:
    """What is written in the database, longest first: data is shown as it was written."""
    db.session.rollback()
    found: set[str] = set()
    for entity in entities():
        for row in db.session.scalars(select(entity)):
            for name, one in entity.fields().items():
                if one.kind != "choice":
                    said = list(strings(getattr(row, name)))
                    found |= {*said, "、".join(said)}
    for text in db.session.scalars(select(RuleVersion.text)):  # the owner's own words stand in her rules
        words = strings(plain_of(read_nodes(text, "rules")))
        found |= {piece.strip() for word in words for piece in re.split(r"\{[^{}]*\}", word)}
    for entry in db.session.scalars(select(Operation)):
        found |= set(strings([entry.actor_name, entry.reason, entry.detail]))
    for old, new in db.session.execute(select(RowValue.old, RowValue.new)):
        found |= {text for part in (old, new) if part for text in re.findall(r'"([^"]*)"', part)}
    return sorted(filter(None, found), key=len, reverse=True)


def without(text: str, known: list[str]) -> str:
    """The rest of a text where the known are taken out; of a link's hash the digits alone would leave words."""
    text = HASH.sub(" ", text)
    for one in known:
        text = text.replace(one, " ")
    return text


def pages(house: House, language: str) -> Iterator[tuple[str, list[str]]]:
    """Every page the owner can open, with its texts."""
    everywhere = list(addresses(house))
    browser = house.browser("owner")
    for address in everywhere:
        answer = browser.get(address, headers={"Accept-Language": language})
        if answer.mimetype == "text/html" and answer.status_code in {200, 404, 422}:
            yield address, texts(answer.text)


def test_no_page_of_the_owner_in_english_speaks_chinese(sqlite_house: House) -> None:
    found: dict[str, str] = {}
    opened = list(pages(sqlite_house, "en"))
    known = [*OWN_NAMES, *data()]
    for address, said in opened:
        for text in said:
            if len(text) > 1 and HAN.search(without(text, known)):
                found.setdefault(text, address)
    assert len(opened) > 200
    assert found == {}


def test_no_page_of_the_owner_in_chinese_speaks_english(sqlite_house: House) -> None:
    translated = {str(one.id) for one in catalogue() if isinstance(one.id, str) and one.id and one.string != one.id}
    patterns = [_pattern(text) for text in translated if PLACE.search(text)]
    found: dict[str, str] = {}
    opened = list(pages(sqlite_house, "zh-CN"))
    known = [*OWN_NAMES, *data()]
    for address, said in opened:
        for text in set(said).difference(known, found):
            if (
                text in translated
                or any(pattern.fullmatch(text) for pattern in patterns)
                or SENTENCE.search(without(text, known))
            ):
                found[text] = address
    assert len(opened) > 200
    assert found == {}


def _pattern(text: str) -> re.Pattern[str]:
    """A text with blanks in it, as a pattern; one that would be nothing but blanks fits nothing."""
    if not re.search(r"[A-Za-z]{3}", PLACE.sub("", text)):
        return re.compile(r"(?!)")
    return re.compile("".join(".+" if place % 2 else re.escape(part) for place, part in enumerate(PLACE.split(text))))


# ---------------------------------------------------------------------------------------------- catalogue


Message = tuple[str | None, str]
"""A text by its context, if it has one, and its singular, as the catalogue finds it."""
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    **dict.fromkeys(("_", "_l", "gettext", "lazy_gettext")),
    **dict.fromkeys(("ngettext", "lazy_ngettext"), (1, 2)),
    **dict.fromkeys(("pgettext", "lazy_pgettext"), ((1, "c"), 2)),
}


@cache
def extracted() -> dict[Message, str]:
    """Every text in the code and templates that asks for a translation, and where it stands."""
    found: dict[Message, str] = {}
    methods = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
    for folder in FOLDERS:
        for file, line, text, _comments, context in extract_from_dir(HOUSE / folder, methods, keywords=KEYWORDS):
            found.setdefault((context, _singular(text)), f"{folder}/{file}:{line}")
    for line, text, _comments, context in extract_from_file("python", HOUSE / "run.py", keywords=KEYWORDS):
        found.setdefault((context, _singular(text)), f"run.py:{line}")
    return found


def _singular(text: str | tuple[str, ...] | list[str]) -> str:
    """What a text is known by; one with a plural by its singular."""
    return text if isinstance(text, str) else text[0]


def _strings(text: str | tuple[str, ...] | list[str]) -> list[str]:
    """A text, or each of its forms."""
    return [text] if isinstance(text, str) else [str(form) for form in text]


def test_every_text_of_the_code_is_in_the_catalogue() -> None:
    assert len(extracted()) > 500
    missing = {message: place for message, place in extracted().items() if not _chinese(message)}
    assert missing == {}


def test_every_text_of_the_code_can_be_extracted() -> None:
    """No extractor looks within an f-string: a text that asks for its translation there would never get it."""
    within = []
    files = [HOUSE / "run.py", *(file for folder in FOLDERS for file in (HOUSE / folder).rglob("*.py"))]
    for file in files:
        strings = (node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.JoinedStr))
        calls = (node for string in strings for node in ast.walk(string) if isinstance(node, ast.Call))
        within += [
            f"{file.relative_to(HOUSE)}:{call.lineno}"
            for call in calls
            if isinstance(call.func, ast.Name) and call.func.id in KEYWORDS
        ]
    assert within == []


def _chinese(message: Message) -> bool:
    """Whether each form of it has its Chinese."""
    context, singular = message
    entry = catalogue().get(singular, context)
    return entry is not None and not entry.fuzzy and all(_strings(entry.string))


def test_no_text_of_the_catalogue_is_left_over() -> None:
    entries = [(entry.context, _singular(entry.id)) for entry in catalogue() if entry.id]
    assert [message for message in entries if message not in extracted()] == []


def test_a_translation_keeps_the_blanks_of_its_text() -> None:
    for entry in catalogue():
        if entry.id:
            blanks = {tuple(sorted(PLACE.findall(form))) for form in _strings(entry.id)}
            assert {tuple(sorted(PLACE.findall(form))) for form in _strings(entry.string)} == blanks, entry.id


def test_every_label_of_every_field_is_chinese_in_chinese(sqlite_house: House) -> None:
    from flask_babel import force_locale

    with force_locale("zh_Hans_CN"):
        labels = {str(one.label): one.key for entity in entities() for one in entity.fields().values()}
        labels |= {str(entity.plural): entity.named() for entity in entities()}
        for entity in entities():
            for one in entity.fields().values():
                if one.kind == "choice":
                    labels |= {str(member.label): one.key for member in one.choices}
    assert {label: key for label, key in labels.items() if not HAN.search(label)} == {}


# ------------------------------------------------------------------------------------------------- choice


@pytest.mark.parametrize(
    ("accepts", "tag"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans-CN"),
        ("zh-TW", "zh-Hans-CN"),
        ("en-GB,en;q=0.9,zh;q=0.1", "en"),
        ("fr-FR,en;q=0.5", "en"),
        ("fr-FR", "zh-Hans-CN"),
        ("", "zh-Hans-CN"),
        ("*", "zh-Hans-CN"),
        (";;;q=x", "zh-Hans-CN"),
    ],
)
def test_the_browser_chooses_until_she_does(sqlite_house: House, accepts: str, tag: str) -> None:
    page = sqlite_house.browser("reception").get("/", headers={"Accept-Language": accepts}).text
    assert f'<html lang="{tag}"' in page


def test_a_language_chosen_is_remembered_on_every_page_and_by_every_device(house: House) -> None:
    browser = house.browser("owner")
    browser.post("/account/language", {"language": "en"})
    for address in ("/", "/customer/", f"/customer/details/?id={house.ids['anna']}", "/log", "/nowhere"):
        for device in (browser, house.browser("owner")):
            page = device.get(address, headers={"Accept-Language": "zh-CN"}).text
            assert '<html lang="en"' in page, address


def test_the_button_offers_the_other_language(sqlite_house: House) -> None:
    browser = sqlite_house.browser("owner")
    assert 'name="language" value="en"' in browser.get("/").text
    browser.post("/account/language", {"language": "en"})
    assert 'name="language" value="zh_Hans_CN"' in browser.get("/").text


def test_a_refusal_speaks_the_readers_language(sqlite_house: House) -> None:
    browser = sqlite_house.browser("reception")
    chinese = texts(browser.get("/user/").text)
    english = texts(browser.get("/user/", headers={"Accept-Language": "en"}).text)
    assert "Your role does not allow this." in english
    assert "Your role does not allow this." not in chinese
    assert str(catalogue()["Your role does not allow this."].string) in chinese


def test_outside_a_request_the_house_speaks_its_own_language(sqlite_house: House) -> None:
    assert chosen_language() == "zh_Hans_CN"
