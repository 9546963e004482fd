"""Sudden death of a run of the rules: killed again and again and begun again until it is done, it leaves what it would
have left undisturbed: no tag, tier, alert, task, coupon or point is lost, none is there twice.

Each run of the tests kills 8 times on SQLite and 3 on PostgreSQL; ``PEONY_TEST_KILLS=50 python -m pytest
tests/admin_app/test_kill_run.py`` does it as often as it says on both engines.
"""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select

from admin_app import evaluation
from models.clock import EvaluationRun
from models.entity import db
from models.rulebook import RuleEffect
from models.value import Account, AccountBalance, AccountKind, LedgerEntry
from tests import conftest
from tests.admin_app import at_work
from tests.admin_app.houses import faults
from tests.cast import TODAY
from tests.conftest import House
from tests.processes import Process
from tests.properties.history import Salon, activate, everything, long_ago, something
from tests.rules.texts import SHIPPED

KILLS = {"sqlite": 8, "postgresql": 3}
STATEMENTS = {True: 200, False: 70}
PARTS = {True: 6, False: 3}
"""About so many has a run over everybody, and one over those who changed."""


def generous() -> str:
    """The shipped campaigns, but whoever a rule finds at first gets what it gives, and November is a season too."""
    text = SHIPPED["campaigns"].replace("    existing_customers: all\n", "")
    return text.replace("    tests:\n", "    existing_customers: all\n    tests:\n").replace("month: 9", "month: 11")


def begun(house: House) -> tuple[Salon, list[int]]:
    """A salon of twelve with a past; some were sent by the first of them, and some have their birthday soon."""
    house.app.extensions.pop("peony_rules", None)
    salon, chance = Salon(house), random.Random(5)
    people = salon.people(12)
    activate("campaigns", generous())
    of_customers, watch, rest = SHIPPED["alerts"].partition("\nwatch:\n")
    eager = of_customers.replace("    tests:\n", "    existing_customers: all\n    tests:\n")
    activate("alerts", eager + watch + rest)
    rich = [(one, TODAY - timedelta(days), 9000) for one, days in zip(people, (29, 44, 50), strict=False)]
    salon.past(rich + long_ago(people[3:8], chance))
    for place, one in enumerate(people[8:]):
        salon.change(one, referrer_id=people[0], birth_month=11, birth_day=23 + place)
    return salon, people


def happens(salon: Salon, people: list[int], day: date, chance: random.Random) -> None:
    """What a day brings: three things to anybody; every other day the first payment of somebody who was sent."""
    for _ in range(3):
        something(salon, people[:8], day, chance)
    days = (day - TODAY).days
    if days % 2:
        salon.buy(people[8 + days // 2 % 4], day, 300)


def all_given() -> dict[str, list[Any]]:
    """All that rules have made, with what they gave and what of it stands in the books."""
    db.session.rollback()
    asked = {
        "effects": select(
            *(RuleEffect.rule, RuleEffect.place, RuleEffect.customer_id, RuleEffect.occasion, RuleEffect.kind),
            *(RuleEffect.what, RuleEffect.amount, RuleEffect.made_on, RuleEffect.valid_until, RuleEffect.state),
        ),
        "points": select(Account.customer_id, AccountBalance.balance)
        .join(Account, Account.id == AccountBalance.account_id)
        .where(Account.kind == AccountKind.POINTS, Account.customer_id.is_not(None)),
        "entries": select(Account.customer_id, LedgerEntry.amount)
        .join(Account, Account.id == LedgerEntry.account_id)
        .where(Account.kind == AccountKind.POINTS, Account.customer_id.is_not(None)),
    }
    return (
        everything()
        | {"faults": faults()}
        | {name: sorted(map(repr, db.session.execute(query).all())) for name, query in asked.items()}
    )


def differences(mine: list[Any], its: list[Any]) -> list[Any]:
    """What one of them holds more often than the other."""
    first, second = Counter(mine), Counter(its)
    return [*((first - second).elements()), *((second - first).elements())]


class Killer:
    """Lets processes run the rules of a day: up to three are killed, then one comes to its end."""

    def __init__(self, house: House, kills: int) -> None:
        self.house, self.left, self.chance = house, kills, random.Random(1123)
        self.in_the_middle = 0

    def run(self, day: date, full: bool) -> None:
        for _ in range(self.chance.randrange(1, 4)):
            if self.left and self._killed(day, full):
                self.left -= 1
                cut = select(EvaluationRun.last_customer_id).order_by(EvaluationRun.id.desc()).limit(1)
                self.in_the_middle += (db.session.scalar(cut) or 0) > 0
                db.session.rollback()
        worker = Process(self.house.settings, at_work.evaluate, day, full, 0)
        assert worker.everything()[-1:] == ["done"]
        assert worker.end() == 0

    def _killed(self, day: date, full: bool) -> bool:
        """Whether it died before its end: by itself at some statement, or from outside after some part."""
        inside = self.chance.random() < 0.6
        worker = Process(
            self.house.settings,
            at_work.evaluate,
            day,
            full,
            self.chance.randrange(1, STATEMENTS[full]) if inside else 0,
        )
        said = []
        if not inside:
            said = worker.everything(self.chance.randrange(1, PARTS[full]))
            worker.process.join(self.chance.uniform(0, 0.02))  # so long it goes on
            worker.process.kill()
        said += worker.everything()
        return worker.end() == -signal.SIGKILL and said[-1:] != ["done"]


def weeks(house: House, run: Callable[[date, bool], object], over: Callable[[int], bool]) -> int:
    """A first run; then days, each with a run over everybody, something that happens and a run over those who changed,
    until it is over; how many.
    """
    salon, people = begun(house)
    chance = random.Random(9)
    run(TODAY, True)
    for days in count(1):
        db.session.remove()
        if over(days):
            return days
        day = TODAY + timedelta(days)
        run(day, True)
        happens(salon, people, day, chance)
        run(day, False)
    raise AssertionError


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_a_run_that_is_killed_again_and_again_leaves_what_it_would_have_left_undisturbed(house: House) -> None:
    killer = Killer(house, int(os.environ.get("PEONY_TEST_KILLS") or KILLS[house.engine]))
    days = weeks(house, killer.run, lambda _: killer.left == 0)
    killed = all_given()
    assert killer.in_the_middle > 0, "some died between two parts"
    db.session.remove()
    conftest._templates[house.engine].fresh()
    weeks(house, lambda day, full: evaluation.evaluate(day, full=full), lambda done: done == days)
    undisturbed = all_given()
    assert [kind for kind, found in undisturbed.items() if not found] == [], "there is some of everything"
    assert {kind: differences(killed[kind], found) for kind, found in undisturbed.items()} == {k: [] for k in killed}


def test_two_runs_at_once_give_nothing_twice(house: House) -> None:
    """The night's run and one that somebody starts by hand: the second finds what the first has left."""
    begun(house)
    db.session.remove()
    both = [Process(house.settings, at_work.evaluate, TODAY, True, 0) for _ in range(2)]
    assert [worker.everything()[-1:] for worker in both] == [["done"], ["done"]]
    assert [worker.end() for worker in both] == [0, 0]
    together = all_given()
    db.session.remove()
    conftest._templates[house.engine].fresh()
    begun(house)
    evaluation.evaluate(TODAY)
    assert {kind: differences(together[kind], found) for kind, found in all_given().items()} == {
        kind: [] for kind in together
    }
