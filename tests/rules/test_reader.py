"""The reader: every scalar stays text, whatever is refused is refused at its place, and nothing else ever comes out."""

from __future__ import annotations

import os

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.book import DOCUMENTS
from rules.language.faults import Faults
from rules.language.nodes import Mapping, Scalar, read_nodes
from rules.language.reading import read_document
from tests.rules.texts import SHIPPED, faults_of, only, spoken

pytestmark = pytest.mark.usefixtures("bare")


def refused(text: str, line: int, column: int, *words: str) -> None:
    with pytest.raises(Faults) as raised:
        read_nodes(text, "rules/x.yaml")
    assert raised.value.faults[0].place.file == "rules/x.yaml"
    only(raised.value.faults, line, column, f"rules/x.yaml line {line}, column {column}:", *words)


def scalar(written: str) -> str:
    node = read_nodes(f"key: {written}", "x.yaml").get("key")
    assert isinstance(node, Scalar)
    return node.text


# ------------------------------------------------------------------------------------------------ what is refused


def test_a_key_that_stands_twice_names_the_first_line() -> None:
    refused("a: 1\nb: 2\na: 3\n", 3, 1, "a stands twice", "first in line 1")


def test_a_key_twice_in_a_mapping_within_a_list() -> None:
    refused("a:\n  - x: 1\n  - x: 1\n    y: 2\n    x: 3\n", 5, 5, "first in line 3")


def test_an_alias() -> None:
    refused("a: 1\nb: *a\n", 2, 4, "not allowed")


def test_an_anchor() -> None:
    refused("a: &here 1\n", 1, 4, "Anchors")


def test_an_anchor_on_a_mapping() -> None:
    refused("a: &here {x: 1}\n", 1, 4, "Anchors")


def test_a_merge_key_is_an_alias_like_any_other() -> None:
    refused("a: {<<: *x}\n", 1, 9, "aliases")


@pytest.mark.parametrize("tag", ["!!str", "!!python/object:os.system", "!mine", "!<tag:yaml.org,2002:int>", "!"])
def test_a_tag(tag: str) -> None:
    refused(f"a: {tag} 1\n", 1, 4, "Tags (!) are not allowed")


def test_two_documents() -> None:
    refused("a: 1\n---\nb: 2\n", 2, 1, "one document")


def test_a_first_line_of_dashes_is_no_second_document() -> None:
    assert [key.text for key, _ in read_nodes("---\na: 1\n", "x").pairs] == ["a"]


def test_more_than_a_megabyte() -> None:
    refused("a: " + "x" * 1_000_000, 1, 1, "larger than 1 MB")


def test_a_megabyte_is_counted_in_bytes() -> None:
    refused("a: " + "客" * 333_334, 1, 1, "larger than 1 MB")


def test_twenty_deep_is_allowed_and_more_is_not() -> None:
    deep = "a: " + "[" * 19 + "x" + "]" * 19
    assert isinstance(read_nodes(deep, "x"), Mapping)
    refused("a: " + "[" * 21 + "x" + "]" * 21, 1, 24, "nested more than 20 deep")


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: 'open\n", 1, 4, "opens here is never closed"),
        ("a: b: c\n", 1, 5, "A colon stands within a text"),
        ("a: [1, 2\nb: 3\n", 2, 2, "or the ] at the end, is missing"),
        ("a:\n\t- x\n", 2, 1, "A tab stands here"),
        ("a: @x\n", 1, 4, "begins with such a character"),
        ('a: "x\\y"\n', 1, 6, "a backslash is written twice"),
        ("a: *VIP*\n", 1, 4, "begins with * or &"),
        ("a: * b\n", 1, 4, "begins with * or &"),
    ],
)
def test_what_is_not_yaml(text: str, line: int, column: int, words: str) -> None:
    refused(text, line, column, words)


def test_a_control_character_is_told_where_it_stands() -> None:
    refused("a: 1\nb: x\x00y\n", 2, 5, "This is not YAML")


def test_a_root_that_is_a_list() -> None:
    refused("\n- a\n- b\n", 2, 1, "keys with values")


def test_a_root_that_is_a_word() -> None:
    refused("hello", 1, 1, "keys with values")


def test_a_key_that_is_a_list() -> None:
    refused("[a, b]: 1\n", 1, 1, "A key must be one word")


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing but a remark\n"])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_empty_file_misses_its_keys(name: str, text: str) -> None:
    found = faults_of(name, text)
    assert {(fault.place.line, fault.place.column) for fault in found} == {(1, 1)}
    assert "The key version is missing" in spoken(found[0])


def test_a_mark_of_byte_order_is_no_fault() -> None:
    assert [key.text for key, _ in read_nodes("\ufeffversion: 1\n", "x").pairs] == ["version"]


# ------------------------------------------------------------------------------------------- what comes through


@pytest.mark.parametrize(
    "word", ["NO", "on", "12:30", "0123", "1.10", "~", "null", "1e3", "0x1F", "2026-01-01", ".inf"]
)
def test_scalars_stay_text(word: str) -> None:
    assert scalar(word) == word


def test_quotes_and_folds_are_read_as_yaml_says() -> None:
    assert scalar("\"a\\nb 'c'\"") == "a\nb 'c'"
    assert scalar(">\n  one\n  two\n") == "one two\n"


def test_every_node_knows_its_place() -> None:
    root = read_nodes("a: 1\n会员:\n  - 甲\n  - b: x\n", "f.yaml")
    [(_, first), (name, items)] = root.pairs
    assert (first.place.line, first.place.column) == (1, 4)
    assert (name.place.line, name.place.column, name.place.file) == (2, 1, "f.yaml")
    [word, mapping] = items.items  # type: ignore[union-attr]
    assert (word.place.line, word.place.column) == (3, 5)
    assert (mapping.place.line, mapping.place.column) == (4, 5)


# ------------------------------------------------------------------------------------------- in both languages


def test_faults_speak_english_and_chinese() -> None:
    [fault] = faults_of("tags", SHIPPED["tags"] + "tags: []\n")
    line = SHIPPED["tags"].count("\n") + 1
    assert spoken(fault, "en").startswith(f"rules/tags.yaml line {line}, column 1: The key tags stands twice")
    assert spoken(fault, "zh_Hans_CN").startswith(f"rules/tags.yaml 第 {line} 行第 1 列：")


BROKEN = (
    "a: 'open",
    "- a",
    "a: &x 1",
    "a: !x 1",
    "a: 1\n---\nb: 2",
    "a: 1\na: 2",
    "[a]: 1",
    "a: " + "[" * 30,
    "a: " + "x" * 1_000_000,
    "version: x\ntags: []",
    "version: 2\ntags: []",
    "version: 1\ntags: [{id: A, name: x}]",
    "version: 1\ntags: [{id: a}]",
    "version: 1\ntags: x",
    "version: 1\ntags: []\ntogs: []",
    "version: 1\ntags: [{id: a, name: x, colour: pink}]",
    "version: 1\ntags: []\nrules: [{id: r, name: r, when: {paid_365d: {at_leest: 1}}, then: [{tag: a}]}]",
)


@pytest.mark.parametrize("text", BROKEN)
def test_every_refusal_speaks_the_readers_language(text: str) -> None:
    for fault in faults_of("tags", text):
        english, chinese = spoken(fault, "en"), spoken(fault, "zh_Hans_CN")
        assert f"第 {fault.place.line} 行第 {fault.place.column} 列" in chinese
        assert f"line {fault.place.line}, column {fault.place.column}" in english
        assert english.split(": ", 1)[1] != chinese.split("：", 1)[1]


# ---------------------------------------------------------------------------------------------------- anything


def read_or_refuse(name: str, text: str) -> None:
    """The one promise: a document, or faults each at a place of the file."""
    try:
        read_document(DOCUMENTS[name], text, "f.yaml")
    except Faults as error:
        assert error.faults
        lines = len(text.splitlines()) + 1
        for fault in error.faults:
            assert fault.place.file == "f.yaml"
            assert 1 <= fault.place.line <= lines
            assert fault.place.column >= 1
            assert spoken(fault)


PIECES = [
    *["version: 1", "tags:", "rules:", "layers:", "roles:", "tiers:", "- ", "  ", "\n", ": ", "{", "}", "[", "]", ", "],
    *[
        "id: a",
        "name: x",
        "when:",
        "then:",
        "given:",
        "tests:",
        "expect: matches",
        "not:",
        "all:",
        "any:",
        "never: yes",
    ],
    *["paid_365d: ", "at_least: 3", "between: [1, 2]", "tag: a", "tier: gold", "sNaN", "1e999999", "-0", "{x}", "#"],
    *["&a", "*a", "!x", "|\n", ">\n", "'", '"', "---\n", "? ", "\t", "\ufeff", "客", "\x00", "\u2028", "%", "@", "`"],
]
yaml_text = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
ANYTHING = settings(
    max_examples=int(os.environ.get("PEONY_TEST_FUZZ", "300")),  # 10,000 on demand
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@ANYTHING
@given(name=st.sampled_from(sorted(DOCUMENTS)), text=yaml_text)
def test_any_text_is_read_or_refused(bare: Flask, name: str, text: str) -> None:
    read_or_refuse(name, text)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, str]:
    """A shipped file (the roles shortened) in which a few passages are cut, doubled, moved or replaced."""
    name = draw(st.sampled_from(sorted(SHIPPED)))
    text = SHIPPED[name][:3000]
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        piece = draw(st.one_of(st.just(""), st.just(text[start:end] * 2), st.sampled_from(PIECES), st.text(max_size=5)))
        text = text[:start] + piece + text[end:]
    return name, text


@ANYTHING
@given(document=mutated())
def test_any_mutation_of_a_shipped_file_is_read_or_refused(bare: Flask, document: tuple[str, str]) -> None:
    read_or_refuse(*document)


@pytest.mark.parametrize("number", ["sNaN", "1e999999", "-1e999999", "NaN", "inf", "1e-999999", "9" * 5000])
def test_a_monstrous_number_is_refused_like_any_other(number: str) -> None:
    rule = f"{{id: r, name: r, when: {{paid_90d: {{at_least: {number}}}}}, then: [{{tag: a}}]}}"
    only(faults_of("tags", f"version: 1\ntags: []\nrules: [{rule}]\n"), 3, 54, "is not a number")


def test_half_a_character_is_refused_like_any_other_fault() -> None:
    """A lone surrogate, as a JSON request may carry it, cannot be encoded."""
    read_or_refuse("tags", "version: 1\ntags: [{id: a, name: \ud800}]\n")


@pytest.mark.timeout(30)
def test_many_faults_are_found_in_no_time() -> None:
    """A file of nothing but unknown keys, far below a megabyte, takes seconds, not minutes."""
    text = "version: 1\ntags: []\n" + "".join(f"key_{number}: x\n" for number in range(30_000))
    assert len(faults_of("tags", text)) > 0


@pytest.mark.timeout(30)
@pytest.mark.parametrize("piece", ["[", "{", "- ", "? ", "a: ", "'x\n", "&a ", "#", "\n", "!", "|", "\\", '"\\'])
def test_a_long_row_of_the_same_is_answered_at_once(piece: str) -> None:
    read_or_refuse("tags", "a: " + piece * (900_000 // len(piece)))
