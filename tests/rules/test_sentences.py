"""What a rule says of itself is what a person would say, in Chinese and English."""

from __future__ import annotations

import pytest
from flask_babel import force_locale

from rules.documents.said import rule_said
from rules.language.facts import Subject
from rules.language.sentences import Words, condition_said, either
from tests.rules.texts import book, condition

pytestmark = pytest.mark.usefixtures("bare")

TIERS = {"gold": "金卡", "platinum": "铂金卡", "diamond": "钻石卡"}
CUSTOMER = [
    (
        "days_since_visit: {between: [60, 179]}",
        "距上次到店 60 天至 179 天",
        "it is 60 to 179 days since the last visit",
    ),
    ("days_since_visit: {at_least: 1000}", "距上次到店至少 1,000 天", "it is at least 1,000 days since the last visit"),
    ("birthday_in_days: {at_most: 7}", "距生日不超过 7 天", "it is at most 7 days to the birthday"),
    ("days_since_visit: {less_than: 7}", "距上次到店不到 7 天", "it is less than 7 days since the last visit"),
    ("days_since_visit: {more_than: 7}", "距上次到店超过 7 天", "it is more than 7 days since the last visit"),
    ("days_since_visit: 7", "距上次到店正好 7 天", "it is 7 days since the last visit"),
    ("days_since_visit: {is_not: 7}", "距上次到店不是 7 天", "it is not 7 days since the last visit"),
    ("visits_90d: {at_least: 6}", "近 90 天到店至少 6 次", "there are at least 6 visits in 90 days"),
    ("visits_90d: {at_most: 0}", "近 90 天到店为 0", "there are no visits in 90 days"),
    ("visits_90d: {between: [2, 4]}", "近 90 天到店 2 次至 4 次", "there are 2 to 4 visits in 90 days"),
    ("visits_90d: {less_than: 4}", "近 90 天到店少于 4 次", "there are fewer than 4 visits in 90 days"),
    ("paid_365d: {at_least: 20000}", "近 365 天实付至少 ¥20,000", "at least ¥20,000 was paid in 365 days"),
    ("used_90d: {less_than: 800}", "近 90 天消耗少于 ¥800", "less than ¥800 was used in 90 days"),
    (
        "stored_value: {at_most: 10.50}",
        "储值余额（含赠送）不超过 ¥10.50",
        "stored value, bonus included is at most ¥10.50",
    ),
    ("month: 3", "月份为3", "month of the year is 3"),
    ("booked: no", "没有预约下次到店", "she has no booking to come"),
    ("not: {booked: yes}", "没有预约下次到店", "she has no booking to come"),
    ("not: {has_allergy: no}", "有过敏史", "she has an allergy"),
    ("tag: [a, b]", "有标签「甲」或「乙」", "she has the tag “甲” or “乙”"),
    ("not: {tag: a}", "没有标签「甲」", "she does not have the tag “甲”"),
    ("tier: [gold, platinum, diamond]", "会员等级为金卡、铂金卡或钻石卡", "tier is 金卡, 铂金卡 or 钻石卡"),
    (
        "any: [{month: 3}, {all: [{booked: yes}, {month: 4}]}]",
        "月份为3，或（已预约下次到店，且月份为4）",
        "month of the year is 3, or (she has a booking to come, and month of the year is 4)",
    ),
]


@pytest.mark.parametrize(("written", "chinese", "english"), CUSTOMER)
def test_a_condition_as_a_person_would_say_it(written: str, chinese: str, english: str) -> None:
    tree, words = condition(f"{{{written}}}"), Words(tiers=TIERS, tags={"a": "甲", "b": "乙"})
    with force_locale("zh_Hans_CN"):
        assert condition_said(tree, words) == chinese
    with force_locale("en"):
        assert condition_said(tree, words) == english


@pytest.mark.parametrize(
    ("subject", "written", "chinese", "english"),
    [
        (
            Subject.OPERATION,
            "difference: {at_most: -50}",
            "钱箱差额不超过 -¥50",
            "difference in the drawer is at most -¥50",
        ),
        (Subject.OPERATION, "refused: no", "未被拒绝", "it was not refused"),
        (Subject.PRODUCT, "on_sale: yes", "在售", "it is on sale"),
        (Subject.STAFF, "employed: no", "已离职", "she does not work here"),
    ],
)
def test_of_others_than_customers(subject: Subject, written: str, chinese: str, english: str) -> None:
    tree = condition(f"{{{written}}}", subject)
    with force_locale("zh_Hans_CN"):
        assert condition_said(tree, Words()) == chinese
    with force_locale("en"):
        assert condition_said(tree, Words()) == english


def test_lists_are_joined_as_in_speech() -> None:
    with force_locale("en"):
        assert [either(["a"]), either(["a", "b"]), either(["a", "b", "c"])] == ["a", "a or b", "a, b or c"]


@pytest.mark.parametrize("language", ["zh_Hans_CN", "en"])
def test_no_shipped_rule_speaks_like_a_machine(language: str) -> None:
    with force_locale(language):
        for rule in book().tested():
            said = rule_said(rule, Words())
            assert not any(word in said for word in ("不满足", "not (", "not:", "天数至", "次数至", "天 天")), said
