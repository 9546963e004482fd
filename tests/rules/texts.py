"""What the tests of rules share: the shipped files, small documents made from one line, and the faults they have."""

from __future__ import annotations

from collections.abc import Mapping as Words

import pytest
from flask_babel import force_locale

from admin_app.settings import HOUSE
from rules.book import DOCUMENTS, Rulebook, read_book
from rules.language.conditions import Comparison, Condition, read_condition
from rules.language.facts import Subject
from rules.language.faults import Fault, Faults
from rules.language.nodes import read_nodes
from rules.language.reading import read_document

SHIPPED = {name: (HOUSE / "rules" / f"{name}.yaml").read_text(encoding="utf-8") for name in DOCUMENTS}


def condition(text: str, subject: Subject = Subject.CUSTOMER) -> Condition:
    """The condition that ``text`` stands for."""
    node = read_nodes(f"when: {text}", "c.yaml").get("when")
    assert node is not None
    return read_condition(node, subject)


def leaf(text: str, subject: Subject = Subject.CUSTOMER) -> Comparison:
    """The one comparison that ``text`` stands for."""
    found = condition(text, subject)
    assert isinstance(found, Comparison)
    return found


def refused(text: str, subject: Subject = Subject.CUSTOMER) -> list[Fault]:
    """What is wrong with a condition; something must be."""
    with pytest.raises(Faults) as raised:
        condition(text, subject)
    assert raised.value.faults
    return raised.value.faults


def faults_of(name: str, text: str) -> list[Fault]:
    """What is wrong with a document by itself; nothing when it is sound."""
    try:
        read_document(DOCUMENTS[name], text, f"rules/{name}.yaml")
    except Faults as error:
        assert error.faults, "a document was refused without a word"
        return error.faults
    return []


def book(changed: Words[str, str] | None = None) -> Rulebook:
    """The shipped book with some of its documents written anew."""
    return read_book({**SHIPPED, **(changed or {})}.__getitem__)


def book_faults(changed: Words[str, str]) -> list[Fault]:
    """What is wrong with the shipped book once these documents are written anew."""
    try:
        book(changed)
    except Faults as error:
        assert error.faults, "a book was refused without a word"
        return error.faults
    return []


def replaced(name: str, old: str, new: str) -> str:
    """A shipped document with one passage changed; it must be there once."""
    assert SHIPPED[name].count(old) == 1, (name, old)
    return SHIPPED[name].replace(old, new)


def spoken(fault: Fault, language: str = "en") -> str:
    """The fault as somebody reads it."""
    with force_locale(language):
        return str(fault)


def only(faults: list[Fault], line: int, column: int, *words: str) -> None:
    """There is one fault, at this spot, and it says these words in English."""
    assert [(fault.place.line, fault.place.column) for fault in faults] == [(line, column)], [
        spoken(fault) for fault in faults
    ]
    for word in words:
        assert word in spoken(faults[0])


def only_at(faults: list[Fault], text: str, piece: str, *words: str) -> None:
    """There is one fault, where ``piece`` begins in ``text`` (its only place), and it says these words in English."""
    assert text.count(piece) == 1, piece
    before = text[: text.index(piece)]
    only(faults, before.count("\n") + 1, len(before) - before.rfind("\n"), *words)


def some(faults: list[Fault], *words: str) -> None:
    """One of the faults says all these words in English."""
    told = [spoken(fault) for fault in faults]
    assert any(all(word in one for word in words) for one in told), told
