"""Running the rules: once is enough, those who changed are enough, and what a hand decided stands."""

from __future__ import annotations

import re
from datetime import timedelta
from random import Random
from typing import Any

import pytest
import time_machine
from flask_babel import force_locale
from sqlalchemy import select

from admin_app import applying, evaluation, run_set, tier_moves
from admin_app.evaluation import evaluate
from admin_app.operations.kernel import perform
from admin_app.operations.refusals import Refused
from admin_app.rulebook import refresh
from admin_app.run_set import TooEarlyError
from models.actor import SYSTEM
from models.clock import EvaluationRun
from models.entity import db
from models.names import Name
from models.standing import Alert, Membership, Task
from tests import conftest
from tests.cast import NOON, TODAY, create, raw_operation
from tests.conftest import ON_BOTH
from tests.engines import sent_by
from tests.properties.history import (
    LAYERS,
    Salon,
    activate,
    changed_only,
    crowded,
    everything,
    long_ago,
    marked,
    rules_of,
    something,
    step,
    tags_of,
    tier_of,
)
from tests.rules.texts import SHIPPED, replaced

HOUSES = ("sqlite",)

WRITES = re.compile(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)")
NOTHING = {"gained": {}, "lost": {}, "moved": {}, "asked": 0, "given": 0}


# ------------------------------------------------------------------------------------------------ again and again


@ON_BOTH
@pytest.mark.parametrize("full", [True, False])
def test_a_second_run_changes_nothing(salon: Salon, full: bool) -> None:
    people = salon.people(20)
    salon.past(long_ago(people, Random(7)))
    evaluate(TODAY)
    before = everything()
    again = evaluate(TODAY, full=full).counts()
    assert again == {"customers": 23 if full else 0, **NOTHING}
    assert everything() == before
    assert marked() == set()


def test_a_run_of_an_earlier_day_is_refused(salon: Salon) -> None:
    evaluate(TODAY)
    with pytest.raises(TooEarlyError):
        evaluate(TODAY - timedelta(1))


@ON_BOTH
def test_a_run_sends_as_many_statements_for_many_as_for_few_and_writes_nothing_that_is_the_same(salon: Salon) -> None:
    sent = []
    for count in (10, 40):
        salon.past(long_ago(salon.people(count, count * 1000), Random(count)))
        evaluate(TODAY)
        sent.append(sent_by(lambda: evaluate(TODAY)))
    assert len(sent[0]) == len(sent[1])
    written = {found.group(1) for one in sent[1] if (found := WRITES.match(one))}
    itself, kept = {"evaluation_run", "log_link", "operation"}, {"customer_fact", "watch_match", "watch_state"}
    assert written == itself | kept | {"rule_pending", "run_customer"}, "the run itself, facts kept anew, and who waits"


def test_no_statement_of_a_run_asks_the_clock_or_for_those_who_are_not_in_a_query(salon: Salon) -> None:
    salon.past(long_ago(salon.people(20), Random(7)))
    sent = sent_by(lambda: evaluate(TODAY))
    assert any("customer_tag" in one for one in sent)
    for word in ("CURRENT_", "now(", "'now'", "localtime", "clock_timestamp", "NOT IN (SELECT"):
        assert [one for one in sent if word.lower() in one.lower()] == []


def test_what_stands_beside_the_facts_of_a_few_is_read_of_these_alone(salon: Salon) -> None:
    """PostgreSQL read the states of everybody for each few, where only the facts were narrowed."""
    people = salon.people(40)
    evaluate(TODAY)
    salon.buy(people[0], TODAY, 9000)
    sent = [" ".join(one.split()) for one in sent_by(lambda: evaluate(TODAY, full=False))]
    for table in ("rule_state", "membership"):
        beside = [found for one in sent for found in re.findall(rf"LEFT OUTER JOIN {table} ON (.*?) WHERE", one)]
        assert beside
        assert [one for one in beside if not re.search(rf"\b{table}\.customer_id (IN|= ANY|BETWEEN)", one)] == []


def test_a_run_is_of_its_day_whatever_the_clock_says(salon: Salon) -> None:
    salon.past(long_ago(salon.people(20), Random(7)))
    with time_machine.travel(NOON + timedelta(days=900), tick=False):
        evaluate(TODAY)
    far = everything()
    db.session.remove()
    conftest._templates[salon.house.engine].fresh()
    evaluation.rulebook()
    salon.past(long_ago(salon.people(20), Random(7)))
    evaluate(TODAY)
    assert everything() == far


def travel(salon: Salon, seed: int, *, full: bool) -> dict[str, list[Any]]:
    """Some weeks: every new day everybody is evaluated at night, and after each thing that happens those it changed."""
    chance = Random(seed)
    people = salon.people(40)
    salon.past(long_ago(people, chance))
    day = TODAY
    evaluate(day)
    for _ in range(5):
        if chance.random() < 0.7:
            day += timedelta(chance.choice([1, 1, 7, 15, 31]))
            evaluate(day)
        for _ in range(chance.randint(1, 4)):
            something(salon, people, day, chance)
        if full:
            evaluate(day)
        else:
            changed_only(day)
        for customer in people:
            assert len(tags_of(customer) & LAYERS) == 1
    return everything()


@ON_BOTH
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_evaluating_those_who_changed_is_as_good_as_evaluating_everybody(salon: Salon, seed: int) -> None:
    of_changed = travel(salon, seed, full=False)
    db.session.remove()
    conftest._templates[salon.house.engine].fresh()
    evaluation.rulebook()
    of_all = travel(salon, seed, full=True)
    assert of_changed == of_all


# --------------------------------------------------------------------------------- what changes another customer


def test_a_friends_first_payment_is_seen_by_whoever_sent_her(salon: Salon, anna: int) -> None:
    people = salon.people(40)
    for friend in people[:2]:
        salon.change(friend, referrer_id=anna)
    evaluate(TODAY)
    for friend in people[:2]:
        salon.buy(friend, TODAY, 300)
    changed_only()
    assert "ambassador" in tags_of(anna)


@ON_BOTH
def test_whoever_is_merged_brings_her_visits_along_at_once(salon: Salon, anna: int) -> None:
    people = salon.people(40)
    salon.past([(people[0], TODAY - timedelta(days), 0) for days in range(6)])
    evaluate(TODAY)
    salon.change(people[0], merged_into_id=anna)
    changed_only()
    assert "active" in tags_of(anna)


# ----------------------------------------------------------------------------------------- when a run is cut short


def cut_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies when the first two customers are done."""
    real, done = evaluation.perform, []

    def once(*args: Any, **options: Any) -> Any:
        if done:
            raise KeyboardInterrupt
        done.append(1)
        return real(*args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(evaluation, "perform", once)
        with pytest.raises(KeyboardInterrupt):
            evaluate(TODAY)
    db.session.rollback()


@ON_BOTH
def test_a_run_that_was_cut_short_goes_on_where_it_stopped(
    salon: Salon, anna: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    salon.people(4)
    step(monkeypatch, 2)
    cut_after_the_first(monkeypatch)
    assert (tier_of(anna), tier_of(10_003)) == ("basic", None)
    assert evaluate(TODAY).moved == {"basic": 5}
    db.session.rollback()
    [run] = db.session.scalars(select(EvaluationRun))
    assert run.ended_at is not None
    assert tier_of(10_003) == "basic"


def cut_while_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies when the first two customers have been looked at."""
    real, done = run_set.put, []

    def some(run: int, customers: Any, upto: int | None = None) -> None:
        if done:
            raise KeyboardInterrupt
        if upto is not None:
            done.append(1)
        real(run, customers, upto)

    with monkeypatch.context() as patched:
        patched.setattr(run_set, "put", some)
        with pytest.raises(KeyboardInterrupt):
            evaluate(TODAY)
    db.session.rollback()


def test_what_happened_while_a_run_lay_cut_short_is_not_lost(
    salon: Salon, anna: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """She was among those already done when she came in and paid."""
    crowded(salon)
    step(monkeypatch, 2)
    cut_while_looking(monkeypatch)
    salon.buy(anna, TODAY, 9000)
    evaluate(TODAY)
    evaluate(TODAY, full=False)
    assert tier_of(anna) == "gold"


def test_rules_that_changed_while_a_run_lay_cut_short_reach_everybody(
    salon: Salon, anna: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    salon.people(4)
    salon.visit(anna, TODAY)
    step(monkeypatch, 2)
    cut_after_the_first(monkeypatch)
    activate("tags", replaced("tags", "when: {visits_90d: {at_least: 6}}", "when: {visits_90d: {at_least: 1}}"))
    evaluate(TODAY)
    evaluate(TODAY, full=False)
    assert "active" in tags_of(anna)


def test_rules_that_change_while_a_run_lasts_reach_everybody_in_the_next(
    salon: Salon, anna: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was done before they changed does not know them yet."""
    salon.people(4)
    salon.visit(anna, TODAY)
    evaluate(TODAY)
    monkeypatch.setattr(evaluation, "LOOK", 2)
    real, done = run_set.put, []

    def changing(*args: Any) -> None:
        real(*args)
        done.append(1)
        if len(done) == 1:
            old, new = "when: {visits_90d: {at_least: 6}}", "when: {visits_90d: {at_least: 1}}"
            activate("tags", replaced("tags", old, new))

    monkeypatch.setattr(run_set, "put", changing)
    evaluate(TODAY)
    evaluate(TODAY, full=False)
    assert "active" in tags_of(anna)


# --------------------------------------------------------------------------------------------- when rules change


def test_changed_rules_reach_everybody_though_nobody_changed(salon: Salon, anna: int) -> None:
    salon.visit(anna, TODAY)
    crowded(salon)
    activate("tags", replaced("tags", "when: {visits_90d: {at_least: 6}}", "when: {visits_90d: {at_least: 1}}"))
    evaluate(TODAY, full=False)
    assert "active" in tags_of(anna)


def test_a_tier_with_another_threshold_reaches_everybody_though_nobody_changed(salon: Salon, anna: int) -> None:
    salon.buy(anna, TODAY, 3500)
    crowded(salon)
    assert tier_of(anna) == "silver"
    activate("tiers", replaced("tiers", "- paid_365d: {at_least: 8000}", "- paid_365d: {at_least: 3400}"))
    evaluate(TODAY, full=False)
    assert tier_of(anna) == "gold"


def test_a_rule_that_is_gone_lets_go_of_its_tag(salon: Salon, anna: int) -> None:
    salon.visit(anna, TODAY)
    evaluate(TODAY)
    text = SHIPPED["tags"]
    start, end = text.index("  - id: new\n"), text.index("  - id: trial-not-converted\n")
    activate("tags", text[:start] + text[end:])
    evaluate(TODAY, full=False)
    assert "new" not in tags_of(anna)
    assert "new" not in rules_of(anna)


MINE = """
  - id: mine
    name: 我的
    when: {days_since_visit: {at_most: 3}}
    then: [EFFECTS]
  - id: hears
    name: 听着
    when: {tag: promising}
    then: [{tag: high-value}]
"""


def with_mine(effects: str) -> None:
    text = SHIPPED["tags"]
    start = text.index("  - id: active\n")
    end = text.index("  - id: ", text.index("  - id: high-value\n") + 4)
    activate("tags", text[:start] + MINE.replace("EFFECTS", effects).lstrip("\n") + "\n" + text[end:])


def test_whoever_has_a_rule_gets_the_tag_that_it_sets_from_now_on(salon: Salon, anna: int) -> None:
    """And the rules that ask for it hear of it; nobody else is touched."""
    other = salon.people(40)[0]
    salon.visit(anna, TODAY)
    with_mine("{tag: active}")
    evaluate(TODAY)
    assert "active" in tags_of(anna)
    with_mine("{tag: promising}")
    evaluate(TODAY, full=False)
    assert {"active", "promising", "high-value"} & tags_of(anna) == {"promising", "high-value"}
    assert {"promising", "high-value"} & tags_of(other) == set()
    report = evaluate(TODAY)
    assert (report.gained, report.lost) == ({}, {})


def test_whoever_loses_a_rule_that_sets_another_tag_now_loses_the_one_it_set(salon: Salon, anna: int) -> None:
    salon.people(40)
    salon.visit(anna, TODAY)
    with_mine("{tag: active}")
    evaluate(TODAY)
    with_mine("{tag: promising}")
    evaluate(TODAY + timedelta(4))
    assert {"active", "promising", "high-value"} & tags_of(anna) == set()


def test_a_tag_taken_off_by_hand_stays_off_when_a_rule_begins_to_set_it(salon: Salon, anna: int) -> None:
    salon.people(40)
    salon.visit(anna, TODAY)
    with_mine("{tag: active}")
    evaluate(TODAY)
    salon.untag(anna, "promising")
    with_mine("{tag: active}, {tag: promising}")
    evaluate(TODAY)
    assert {"active", "promising"} & tags_of(anna) == {"active"}


def test_a_tag_that_two_rules_set_stays_while_one_of_them_holds(salon: Salon, anna: int) -> None:
    activate("tags", replaced("tags", "then: [{tag: active}]", "then: [{tag: active}, {tag: new}]"))
    salon.past([(anna, TODAY - timedelta(days), 0) for days in range(6)])
    evaluate(TODAY)
    evaluate(TODAY + timedelta(40))
    assert rules_of(anna) & {"new", "active"} == {"active"}
    assert "new" in tags_of(anna)
    evaluate(TODAY + timedelta(100))
    assert "new" not in tags_of(anna)


def test_a_tier_that_is_gone_is_held_by_nobody(salon: Salon, anna: int) -> None:
    with raw_operation():
        values = {"tier": "copper", "since": TODAY, "valid_until": TODAY + timedelta(300)}
        db.session.add(Membership(customer_id=anna, **values))
    evaluate(TODAY)
    assert tier_of(anna) == "basic"


# ----------------------------------------------------------------------- when what a rule asks for goes away

PASSED_OVER = """version: 1
rules:
  - {id: writes, name: 写信, when: {all: [{visits_total: {at_least: 0}}, {not: {tag: TAG}}]},
     then: [{gift: {item: x}}], existing_customers: all}
"""


def test_a_tag_that_is_archived_still_keeps_those_out_who_have_it(salon: Salon, anna: int) -> None:
    number = create("tag", slug="keep-out", name="请勿打扰")
    salon.tag(anna, "keep-out")
    salon.people(1)
    activate("campaigns", PASSED_OVER.replace("TAG", "keep-out"))
    perform(Name.ARCHIVE_ENTITY, {"entity": "tag", "id": number}, actor=SYSTEM)
    refresh()
    assert evaluate(TODAY).gained["writes"] == 3
    assert "writes" not in rules_of(anna)


def test_a_tag_that_is_no_longer_declared_still_keeps_those_out_who_have_it(salon: Salon, anna: int) -> None:
    salon.tag(anna, "do-not-contact")
    activate("campaigns", PASSED_OVER.replace("TAG", "do-not-contact"))
    text = SHIPPED["tags"].replace(
        "  - {id: do-not-contact, name: 请勿联系, name_en: Do not contact, colour: grey}\n", ""
    )
    activate("tags", text)
    assert evaluate(TODAY).gained["writes"] == 2
    assert "writes" not in rules_of(anna)


def test_a_tag_set_by_rules_that_others_ask_for_cannot_go(salon: Salon, anna: int) -> None:
    """What is in force stays in force, and whoever takes it away is told where it is asked for."""
    salon.visit(anna, TODAY - timedelta(200))
    activate("campaigns", PASSED_OVER.replace("TAG", "lost"))
    start, end = SHIPPED["tags"].index("  - id: lost\n"), SHIPPED["tags"].index("  - id: sensitive-skin\n")
    text = (SHIPPED["tags"][:start] + SHIPPED["tags"][end:]).replace(
        "  - {id: lost, name: 流失客户", "  - {id: x, name: 流失客户"
    )
    with force_locale("en"), pytest.raises(Refused, match=r"rules/campaigns.yaml line 3.* no tag called lost"):
        activate("tags", text)
    refresh()
    evaluate(TODAY)
    assert "lost" in tags_of(anna)
    assert "writes" not in rules_of(anna)


# --------------------------------------------------------------------------------------------- alerts and tasks


def test_the_first_run_of_a_rule_spares_those_it_finds(salon: Salon, anna: int) -> None:
    salon.past([(anna, TODAY - timedelta(35), 9000)])
    evaluate(TODAY)
    assert "valued-customer-away" in rules_of(anna)
    assert db.session.scalars(select(Task.id)).all() == []


def test_a_rule_that_was_switched_off_spares_those_it_finds_when_it_is_switched_on(salon: Salon, anna: int) -> None:
    rule = "version: 1\nrules:\n  - {id: x, name: X, when: {visits_total: {at_least: 1}}, then: [{gift: {item: 面膜}}]"
    salon.visit(anna, TODAY)
    activate("campaigns", rule + ", enabled: no}\n")
    evaluate(TODAY)
    activate("campaigns", rule + "}\n")
    assert evaluate(TODAY, full=False).given == 0
    assert "x" in rules_of(anna)


def test_a_task_is_asked_for_once_each_time_the_rule_begins_to_hold(salon: Salon, anna: int) -> None:
    salon.past([(anna, TODAY, 9000)])
    for days in (0, 29, 30, 31, 44):
        evaluate(TODAY + timedelta(days))
    [task] = db.session.scalars(select(Task)).all()
    assert (task.to_role, task.due_on) == ("consultant", TODAY + timedelta(31))
    assert task.text == "安娜 已 30 天未到店，请联系。"


def test_a_rule_may_tell_two_people(salon: Salon, anna: int) -> None:
    two = '- alert: {to: manager, text: "一"}\n      - alert: {to: owner, text: "二"}'
    old = SHIPPED["alerts"].partition("- id: valued-customer-away-long")[2]
    old = "- alert:" + old.partition("- alert:")[2].partition("\n    tests:")[0]
    activate("alerts", replaced("alerts", old, f"{two}\n    existing_customers: all"))
    salon.past([(anna, TODAY - timedelta(50), 9000)])
    evaluate(TODAY)
    told = {alert.to_role for alert in db.session.scalars(select(Alert).where(Alert.customer_id == anna))}
    assert told == {"manager", "owner"}


@pytest.mark.parametrize("house", ["sqlite"], indirect=True)
def test_what_settling_asks_has_been_made_before_it_begins_to_write(
    salon: Salon, anna: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To make it takes longer than a till should wait."""
    real, made = evaluation.perform, list[int]()

    def noted(*args: Any, **values: Any) -> Any:
        before = applying._asked.cache_info().misses + tier_moves.standing_of.cache_info().misses
        answer = real(*args, **values)
        made.append(applying._asked.cache_info().misses + tier_moves.standing_of.cache_info().misses - before)
        return answer

    monkeypatch.setattr(evaluation, "perform", noted)
    salon.visit(anna, TODAY)
    evaluate(TODAY)
    assert made
    assert set(made) == {0}
