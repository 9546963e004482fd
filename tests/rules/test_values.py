"""Values in conditions: money, days, percentages, flags, short names; and what is none of them."""

from __future__ import annotations

import pytest

from rules.language.conditions import Value, read_value_of
from rules.language.facts import fact_named
from rules.language.faults import Faults, Place
from rules.language.reading import _flag, _same
from tests.rules.texts import book_faults, leaf, only, only_at, refused, replaced, some

pytestmark = pytest.mark.usefixtures("bare")


@pytest.mark.parametrize(
    ("written", "fen"),
    [
        ("3000", 300_000),
        ("3,000", 300_000),
        ("1,000,000.5", 100_000_050),
        ("10_000", 1_000_000),
        ("¥3000", 300_000),
        ("￥3,000", 300_000),
        ("3000元", 300_000),
        ("0.01", 1),
        ("19.9", 1990),
        ("1.10", 110),
        ("-5", -500),
        ("0", 0),
    ],
)
def test_money_is_written_in_yuan_and_kept_in_fen(written: str, fen: int) -> None:
    assert leaf(f'{{paid_90d: {{at_least: "{written}"}}}}').values == (fen,)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("paid_90d", "much"),
        ("paid_90d", "0.001"),
        ("paid_90d", ""),
        ("paid_90d", "1.2.3"),
        ("paid_90d", "19,9"),  # would be 199
        ("paid_90d", "1,00"),
        ("paid_90d", "1,0000"),
        ("paid_90d", ",100"),
        ("paid_90d", "1_0"),
        ("paid_90d", "30d"),
        ("paid_90d", "99999999999999"),
        ("paid_90d", "NaN"),
        ("paid_90d", "sNaN"),
        ("paid_90d", "Infinity"),
        ("paid_90d", "1e999999"),
        ("visits_90d", "2.5"),
        ("visits_90d", "three"),
        ("visits_90d", "3d"),
        ("visits_90d", "-sNaN"),
        ("days_since_visit", "1.5d"),
        ("away_percent", "12.5%"),
        ("away_percent", "150d"),
    ],
)
def test_a_bad_number_is_refused_at_its_place(name: str, written: str) -> None:
    only(refused(f'{{{name}: {{at_least: "{written}"}}}}'), 1, 21 + len(name), "is not a number")


@pytest.mark.parametrize(("written", "days"), [("30", 30), ("30d", 30), ("0d", 0), ("1,000d", 1000)])
def test_days_may_carry_a_d(written: str, days: int) -> None:
    assert leaf(f'{{days_since_visit: {{at_most: "{written}"}}}}').values == (days,)


@pytest.mark.parametrize(("written", "value"), [("150%", 150), ("150", 150)])
def test_a_percentage_may_carry_its_sign(written: str, value: int) -> None:
    assert leaf(f"{{away_percent: {{at_least: {written}}}}}").values == (value,)


@pytest.mark.parametrize(
    ("word", "value"), [("yes", True), ("no", False), ("true", True), ("false", False), ("是", True), ("否", False)]
)
def test_a_flag_is_yes_or_no(word: str, value: Value) -> None:
    assert leaf(f"{{has_allergy: {word}}}").values == (value,)


@pytest.mark.parametrize("word", ["on", "NO", "1", "maybe"])
def test_a_flag_is_nothing_else(word: str) -> None:
    only(refused(f"{{has_allergy: {word}}}"), 1, 21, "has_allergy is yes or no")


@pytest.mark.parametrize("word", ["金卡", "Golden", "1st"])
def test_a_tier_is_one_of_those_declared(word: str) -> None:
    text = replaced("tags", "{visits_90d: {at_least: 6}}", f"{{tier: {word}}}")
    only_at(book_faults({"tags": text}), text, word, f"There is no tier called {word}")


def test_a_tier_has_a_name() -> None:
    only(refused('{tier: ""}'), 1, 14, "A short name is needed here")


def test_between_wants_the_smaller_first() -> None:
    only(refused("{visits_90d: {between: [5, 3]}}"), 1, 30, "the smaller one first")


@pytest.mark.parametrize("operand", ["[]", "[1]", "[1, 2, 3]"])
def test_between_wants_two(operand: str) -> None:
    only(refused(f"{{visits_90d: {{between: {operand}}}}}"), 1, 30, "between needs two values")


def test_between_wants_a_list() -> None:
    only(refused("{visits_90d: {between: 3}}"), 1, 30, "between needs a list")


@pytest.mark.parametrize("text", ["{tier: []}", "{tier: {in: []}}", "{tag: {in: []}}", "{skin_type: {not_in: []}}"])
def test_an_empty_list_is_refused(text: str) -> None:
    some(refused(text), "The list is empty")


@pytest.mark.parametrize(
    "text", ["{visits_90d: {at_least: [1, 2]}}", "{tier: {is: [gold, silver]}}", "{has_allergy: {is: [yes, no]}}"]
)
def test_one_value_is_one_value(text: str) -> None:
    some(refused(text), "takes one value")


@pytest.mark.parametrize("text", ["{visits_90d: {at_least: {x: 1}}}", "{tier: {in: [[gold]]}}", "{tag: [{a: b}]}"])
def test_a_value_is_no_mapping_and_no_list(text: str) -> None:
    some(refused(text), "A single value is needed here")


def test_one_value_of_a_fact_is_read_alone() -> None:
    paid = fact_named("paid_90d")
    assert paid is not None
    assert read_value_of(paid, "¥12.5") == 1250
    with pytest.raises(Faults) as found:
        read_value_of(paid, "much")
    assert [fault.place for fault in found.value.faults] == [Place("test", 1, 1)]


@pytest.mark.parametrize(
    ("word", "flag"), [("yes", True), ("true", True), ("是", True), ("no", False), ("false", False), ("否", False)]
)
def test_a_flag_is_said_in_either_language(word: str, flag: bool) -> None:
    assert _flag(word) is flag


def test_a_list_is_never_the_same_as_no_list() -> None:
    assert _same([1, 2], [1, 2])
    assert not _same([1], [1, 2])
    assert not _same([], None)
    assert not _same(None, [])
