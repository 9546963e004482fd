"""Who is held out: a stable share of the customers, another one for each rule; what the limits may say."""

from __future__ import annotations

import pytest

from rules.decisions.holdout import is_held_out
from tests.rules.texts import SHIPPED, book, book_faults, faults_of, only_at, replaced

CUSTOMERS = [f"customer-{number}" for number in range(10_000)]


def out(permille: int, rule: str = "wake-up") -> set[str]:
    return {customer for customer in CUSTOMERS if is_held_out(rule, customer, permille)}


def test_a_tenth_is_a_tenth_and_the_same_for_ever() -> None:
    assert 900 < len(out(100)) < 1_100
    assert sorted(out(100))[:3] == ["customer-1008", "customer-1023", "customer-1030"]


def test_none_and_all() -> None:
    assert out(0) == set()
    assert len(out(1000)) == len(CUSTOMERS)


def test_a_larger_share_holds_the_smaller_one() -> None:
    assert out(50) < out(100) < out(500)


def test_another_rule_holds_out_others() -> None:
    both = out(100) & out(100, "win-back")
    assert 50 < len(both) < 150


OLD = "limits: {customers_per_run: 200}"


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("per_customer: '2'", "such as 2 / 30d"),
        ("per_customer: 0 / 30d", "such as 2 / 30d"),
        ("per_customer: 2 / 0d", "such as 2 / 30d"),
        ("per_customer: 2 / 30", "such as 2 / 30d"),
        ("holdout: 101%", "At most 100% fits here"),
        ("holdout: tenth", "A percentage is needed"),
    ],
)
def test_a_limit_that_is_none_is_told_at_its_place(said: str, words: str) -> None:
    text = SHIPPED["campaigns"].replace(OLD, f"limits: {{{said}}}")
    only_at(faults_of("campaigns", text), text, said.partition(": ")[2], words)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("said", ["{most: 0, days: 30}", "{most: 3, days: 0}", "{most: 3}"])
def test_so_is_a_house_limit(said: str) -> None:
    text = replaced("campaigns", "messages_per_customer: {most: 3, days: 30}", f"messages_per_customer: {said}")
    [fault] = faults_of("campaigns", text)
    assert fault.place.line == text[: text.index(said)].count("\n") + 1


@pytest.mark.usefixtures("bare")
def test_only_what_is_given_can_be_compared() -> None:
    text = replaced(
        "alerts", "  - id: valued-customer-away\n", "  - id: valued-customer-away\n    limits: {holdout: 10%}\n"
    )
    only_at(book_faults({"alerts": text}), text, "{holdout: 10%}", "gives no points, coupon, gift or message")


@pytest.mark.usefixtures("bare")
def test_limits_as_a_rule_has_them() -> None:
    said = "limits: {per_customer: 2/30d, holdout: 12.5%}"
    rule = next(
        one for one in book({"campaigns": SHIPPED["campaigns"].replace(OLD, said)}).rules() if one.id == "win-back"
    )
    assert rule.per_customer is not None
    assert (rule.per_customer.most, rule.per_customer.days, rule.holdout) == (2, 30, 125)
