"""``python -m tests.mutation GROUP``: how many mutants of a group are killed, and which survive."""

from __future__ import annotations

import random
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path

import click

from tests.mutation.operators import Mutant, mutants_of
from tests.mutation.runner import MutationRun, run_tests

ROOT = Path(__file__).resolve().parents[2]
ACCEPTED = Path(__file__).with_name("accepted.toml")

GROUPS: dict[str, tuple[list[str], list[str]]] = {
    "money": (
        [
            "admin_app/operations/ledger.py",
            "admin_app/operations/payment_plan.py",
            "admin_app/operations/receipts.py",
            "admin_app/operations/till.py",
            "admin_app/operations/cards.py",
            "admin_app/operations/reversing.py",
            "admin_app/operations/day.py",
            "rules/decisions/pricing.py",
            "rules/decisions/value.py",
            "rules/decisions/fees.py",
        ],
        [
            "tests/rules/test_money.py",
            *(
                f"tests/admin_app/test_{name}.py"
                for name in (
                    "till",
                    "till_attacks",
                    "quotes",
                    "tills",
                    "stored_value",
                    "cards",
                    "reversing",
                    "day",
                    "merging",
                    "approvals",
                    "once_a_card",
                    "performance",
                    "opening",
                )
            ),
        ],
    ),
    "booking": (
        [
            "admin_app/operations/booking.py",
            "admin_app/operations/free_times.py",
            "admin_app/operations/safety.py",
            "rules/decisions/times.py",
            "rules/decisions/safety.py",
        ],
        [
            "tests/rules/test_times.py",
            *(f"tests/admin_app/test_{name}.py" for name in ("booking", "care")),
        ],
    ),
    "access": (
        [
            "rules/decisions/access.py",
            "rules/documents/roles.py",
            "admin_app/security/sessions.py",
            "admin_app/security/passwords.py",
            "admin_app/security/password_gate.py",
            "admin_app/operations/kernel.py",
            "admin_app/operations/accounts.py",
            "admin_app/operations/reading.py",
            "views/gate.py",
        ],
        [
            "tests/rules/test_access.py",
            "tests/rules/test_rows.py",
            *(
                f"tests/admin_app/test_{name}.py"
                for name in ("guessing", "perform", "operations", "patience", "approvals", "scheduler")
            ),
            *(
                f"tests/views/test_{name}.py"
                for name in (
                    "sign_in",
                    "unsent",
                    "account",
                    "security",
                    "listing",
                    "search_page",
                    "merged_records",
                    "attacks",
                )
            ),
        ],
    ),
    "rules": (
        [
            "rules/decisions/tiers.py",
            "rules/decisions/birthdays.py",
            "rules/decisions/clock.py",
            "rules/decisions/festivals.py",
            "rules/language/conditions.py",
            "rules/language/facts.py",
            "rules/language/reading.py",
            "rules/evaluation/crossing.py",
            "rules/evaluation/interpreter.py",
            "rules/evaluation/sources.py",
            "rules/evaluation/value_sources.py",
            "admin_app/applying.py",
            "admin_app/run_set.py",
            "admin_app/tier_moves.py",
            "admin_app/tag_effects.py",
            "admin_app/rule_effects.py",
        ],
        ["tests/rules", "tests/properties", "tests/admin_app/test_watching.py"],
    ),
}
"""By group: the files that are changed, and the tests that should notice."""


class Count:
    """Prints the outcomes as they come, and keeps them."""

    def __init__(self, accepted: dict[str, str], total: int) -> None:
        self.accepted = accepted
        self.total = total
        self.outcomes: Counter[str] = Counter()

    def report(self, mutant: Mutant, outcome: str) -> None:
        if outcome != "killed" and mutant.key in self.accepted:
            outcome = "accepted"
        self.outcomes[outcome] += 1
        if outcome not in {"killed", "invalid", "accepted"}:
            click.echo(f"{outcome}: {mutant.key} {mutant.path}:{mutant.line} {mutant.function}")
            click.echo(f"    {mutant.before}\n  → {mutant.after}")


@click.command()
@click.argument("group", type=click.Choice([*GROUPS]))
@click.option("--sample", type=int, default=0, help="So many mutants, drawn by --seed; 0: all.")
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--file", "only", multiple=True, help="Mutate this file of the group alone.")
@click.option("--key", "keys", multiple=True, help="This mutant alone, as it is printed.")
@click.option("--test", "among", multiple=True, help="Run this file of tests instead of all of the group.")
@click.option("--seconds", default=45, show_default=True, help="Processor time for the tests of one mutant.")
@click.option("--engine", default="sqlite", show_default=True, help="Tests of the other engine are left out.")
def main(
    group: str,
    sample: int,
    seed: int,
    only: tuple[str, ...],
    keys: tuple[str, ...],
    among: tuple[str, ...],
    seconds: int,
    engine: str,
) -> None:
    """Run the mutants of a group and say how many its tests kill; exit 1 below 90 %."""
    files, tests = GROUPS[group]
    mutants = [mutant for path in only or files for mutant in mutants_of(path, ROOT)]
    if keys:
        mutants = [mutant for mutant in mutants if mutant.key in keys]
    if sample and sample < len(mutants):
        chosen = set(random.Random(seed).sample(range(len(mutants)), sample))
        mutants = [mutant for place, mutant in enumerate(mutants) if place in chosen]
    accepted = tomllib.loads(ACCEPTED.read_text(encoding="utf-8"))
    count = Count(accepted, len(mutants))
    other = "postgresql" if engine == "sqlite" else "sqlite"
    started = time.monotonic()
    existing = [test for test in among or tests if (ROOT / test).exists()]
    run_tests(["-k", f"not {other}", *existing], MutationRun(ROOT, mutants, count.report, seconds))
    counted = count.outcomes
    valid = counted.total() - counted["invalid"] - counted["accepted"]
    share = counted["killed"] / valid if valid else 0.0
    click.echo(f"{group}: {dict(counted)}; killed {share:.1%} of {valid} in {time.monotonic() - started:.0f} s")
    sys.exit(share < 0.9)


if __name__ == "__main__":
    main()
