"""The shipped files with lines cut, doubled, moved and shifted, and with keys and values exchanged: each is read, or
refused at a place of it, within a bounded time; and of what is read every key and every value counts.
``PEONY_TEST_FUZZ=10000 python -m pytest tests/rules/test_mutations.py`` does as many as it says.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.book import DOCUMENTS
from rules.language.faults import Fault, Faults
from rules.language.nodes import read_nodes
from rules.language.reading import Document, read_document
from rules.language.writing import emit, plain_of
from tests.rules.texts import SHIPPED, book, spoken

pytestmark = [pytest.mark.usefixtures("bare"), pytest.mark.timeout(3600)]

Lines = list[str]
LINES = {name: text.splitlines() for name, text in SHIPPED.items()}
EVERY_LINE = sorted({line for lines in LINES.values() for line in lines if line.strip()})
KEY, WORD = re.compile(r"[\w-]+(?=:( |$))"), re.compile(r"(?<=: )[^,{}\[\]]+")
KEYS = sorted({found.group() for line in EVERY_LINE for found in KEY.finditer(line)})
WORDS = sorted({found.group() for line in EVERY_LINE for found in WORD.finditer(line)})
NOTHING_LIKE_IT = "zq-9"


def exchanged(line: str, what: re.Pattern[str], which: int, other: str) -> str:
    """The line with one of its keys or values exchanged, if it has any."""
    found = list(what.finditer(line))
    if not found:
        return line
    one = found[which % len(found)]
    return line[: one.start()] + other + line[one.end() :]


@st.composite
def change(draw: st.DrawFn) -> Callable[[Lines], Lines]:
    """Something that happens to one of the lines of a file."""
    place, other, which = (draw(st.integers(0, 10_000)) for _ in range(3))
    kind = draw(st.sampled_from(["cut", "double", "move", "shift", "insert", "key", "value"]))
    shift = draw(st.sampled_from([-4, -2, -1, 1, 2, 4]))
    line, key, word = (draw(st.sampled_from(words)) for words in (EVERY_LINE, KEYS, WORDS))

    def done(lines: Lines) -> Lines:
        at, there = place % len(lines), other % len(lines)
        own = lines[at]
        instead = {
            "cut": [],
            "double": [own, own],
            "shift": [" " * shift + own if shift > 0 else own[:-shift].strip() + own[-shift:]],
            "insert": [own, line],
            "key": [exchanged(own, KEY, which, key)],
            "value": [exchanged(own, WORD, which, word)],
            "move": [],
        }[kind]
        fresh = [*lines[:at], *instead, *lines[at + 1 :]]
        return [*fresh[:there], own, *fresh[there:]] if kind == "move" else fresh or [own]

    return done


def told(faults: list[Fault], text: str, name: str) -> None:
    """Every fault speaks, and stands at a place of this file."""
    assert faults
    for fault in faults:
        assert fault.place.file == f"rules/{name}.yaml"
        assert 1 <= fault.place.line <= len(text.splitlines()) + 1
        assert fault.place.column >= 1
        assert spoken(fault)


def read(name: str, text: str) -> Document | None:
    """The document, or nothing where it is refused with places."""
    try:
        return read_document(DOCUMENTS[name], text, f"rules/{name}.yaml")
    except Faults as error:
        told(error.faults, text, name)
        return None


def spots(plain: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to every key (named by a last ``None``) and every value of plain values."""
    if isinstance(plain, dict):
        return [spot for key, value in plain.items() for spot in [(*way, key, None), *spots(value, (*way, key))]]
    if isinstance(plain, list):
        return [spot for place, value in enumerate(plain) for spot in spots(value, (*way, place))]
    return [way]


def spoiled(plain: Any, way: tuple[Any, ...]) -> Any:
    """The same with that key or value exchanged for something that it is not."""
    if not way:
        return NOTHING_LIKE_IT
    first, *rest = way
    if rest == [None]:
        return {NOTHING_LIKE_IT if key == first else key: value for key, value in plain.items()}
    if isinstance(plain, dict):
        return {key: spoiled(value, tuple(rest)) if key == first else value for key, value in plain.items()}
    return [spoiled(value, tuple(rest)) if place == first else value for place, value in enumerate(plain)]


@settings(
    max_examples=int(os.environ.get("PEONY_TEST_FUZZ", "150")),
    deadline=timedelta(seconds=20),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(name=st.sampled_from(sorted(DOCUMENTS)), changes=st.lists(change(), min_size=1, max_size=3), where=st.data())
def test_a_changed_file_is_refused_at_its_place_or_means_all_that_it_says(
    bare: Flask, name: str, changes: list[Callable[[Lines], Lines]], where: st.DataObject
) -> None:
    lines = LINES[name]
    for done in changes:
        lines = done(lines)
    text = "\n".join(lines) + "\n"
    document = read(name, text)
    if document is None:
        return
    plain = plain_of(read_nodes(text, ""))
    again = read(name, emit(plain))
    assert again is not None
    assert document.says_the_same(again)
    spot = where.draw(st.sampled_from(spots(plain)))
    other = read(name, emit(spoiled(plain, spot)))
    assert other is None or not document.says_the_same(other), f"{spot} does not count"
    for fault in replace(BOOK, **{name: document}).faults():
        assert fault.place.file in FILES
        assert fault.place.line >= 1


BOOK = book()
FILES = {f"rules/{name}.yaml" for name in DOCUMENTS}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_key_and_every_value_of_the_shipped_files_counts(name: str) -> None:
    """Exchanged for something else, the file is refused, or it means something else."""
    document, plain = read(name, SHIPPED[name]), plain_of(read_nodes(SHIPPED[name], ""))
    assert document is not None
    for spot in spots(plain)[:: 1 if len(SHIPPED[name]) < 4_000 else 7]:
        other = read(name, emit(spoiled(plain, spot)))
        assert other is None or not document.says_the_same(other), f"{spot} does not count"
