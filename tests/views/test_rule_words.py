"""What rules asked and gave stands on screen in the reader's words: no codes, no keys, with links to its subject."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from sqlalchemy import text

from models.entity import db
from models.rulebook import RuleEffect
from models.standing import Alert, Severeness, Task, TierChange, TierMove
from tests.cast import NOON, TODAY, raw_operation
from tests.conftest import House
from tests.views.pages import main_part, words

HOUSES = ("sqlite",)


@pytest.fixture(autouse=True)
def _today() -> Iterator[None]:
    with time_machine.travel(NOON, tick=False):
        yield


def put(row: Any) -> int:
    with raw_operation():
        db.session.add(row)
        db.session.flush()
        return int(row.id)


def alert(house: House, **values: Any) -> int:
    texts = {"text": "安娜（金卡）很久没来", "text_en": "Anna (Gold) has been away"}
    fixed = {"occasion": f"1:{TODAY}:1", "to_role": "owner", "severity": Severeness.WARNING, "raised_at": NOON}
    return put(Alert(**{"source": "valued-customer-away-long", **texts, **fixed, **values}))


def in_language(house: House, path: str, language: str) -> str:
    with raw_operation():
        db.session.execute(text('UPDATE "user" SET language = :language'), {"language": language})
    return main_part(house.browser("owner").get(path).text)


def test_an_alert_is_read_in_the_readers_language_and_links_to_its_subject(house: House) -> None:
    anna = house.ids["anna"]
    number = alert(house, about="customer", about_id=anna, customer_id=anna, also_to=["auditor"])
    for language, sentence, source, roles in (
        ("zh_Hans_CN", "安娜（金卡）很久没来", "贵客久未到店", "审计"),
        ("en", "Anna (Gold) has been away", "Valued customer long away", "Auditor"),
    ):
        page = in_language(house, f"/alert/details/?id={number}", language)
        shown = words(page)
        assert sentence in shown
        assert source in shown
        assert roles in shown
        assert f"/customer/details/?id={anna}" in page
        assert "valued-customer-away-long" not in page
        assert f"1:{TODAY}:1" not in page
        listed = in_language(house, "/alert/", language)
        assert sentence in words(listed)
        assert f"/customer/details/?id={anna}" in listed
        today = in_language(house, "/", language)
        assert sentence in words(today)
        assert f"/customer/details/?id={anna}" in today


def test_an_alert_about_what_was_done_links_to_the_log_and_one_without_english_is_read_as_it_is(house: House) -> None:
    number = alert(house, about="operation", about_id=1, text_en=None)
    page = in_language(house, f"/alert/details/?id={number}", "en")
    assert "/log/1" in page
    assert "安娜（金卡）很久没来" in words(page)


def test_a_task_too_on_her_page_and_in_the_call_list(house: House) -> None:
    values = {"source": "trial-call", "occasion": "x", "to_role": "consultant", "due_on": TODAY}
    put(Task(text="请回访", text_en="Please call", customer_id=house.ids["anna"], **values))
    assert "Please call" in words(in_language(house, f"/customer/details/?id={house.ids['anna']}", "en"))
    assert "请回访" in words(in_language(house, "/call-list", "zh_Hans_CN"))
    assert "Please call" in words(in_language(house, "/call-list", "en"))


def test_what_the_house_writes_when_it_closes_one_is_translated(house: House) -> None:
    number = alert(house, closed_at=NOON, closed_by="system", outcome="依据的那笔收银已撤销。")
    assert "What it rested on was taken back." in words(in_language(house, f"/alert/details/?id={number}", "en"))


def test_effects_and_evidence_have_no_short_names(house: House) -> None:
    effect = {"customer_id": house.ids["anna"], "made_on": TODAY, "rule_version_id": 1, "occasion": "birthday 2027"}
    coupon = put(RuleEffect(rule="birthday-gift", kind="coupon", place=1, what="birthday-30", **effect))
    points = put(RuleEffect(rule="thanks-for-a-friend", kind="points", place=1, what="points", amount=500, **effect))
    because = [
        {"fact": "paid_365d", "value": 800_000, "operator": "at_least", "than": [800_000], "holds": True},
        {"fact": "tier", "value": "gold", "operator": "in", "than": ["gold"], "holds": True},
    ]
    change = {"customer_id": house.ids["anna"], "on": TODAY, "from_tier": "gold", "to_tier": "basic"}
    evidence = {"because": because, "taken_back": True, "rule": "birthday-gift"}
    moved = put(TierChange(move=TierMove.DOWN, evidence=evidence, rule_version_id=1, **change))
    shown = words(in_language(house, f"/rule_effect/details/?id={coupon}", "zh_Hans_CN"))
    assert "生日礼 30 元" in shown
    assert "birthday" not in shown
    assert "500 积分" in words(in_language(house, f"/rule_effect/details/?id={points}", "zh_Hans_CN"))
    shown = words(in_language(house, f"/tier_change/details/?id={moved}", "zh_Hans_CN"))
    assert "有一笔收银已撤销；按规则“生日礼”；近 365 天实付 ¥8,000；会员等级 金卡" in shown
