"""The commands of the first day: seed, bench."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

import click
from flask_babel import gettext as _

from admin_app.commands import fail, house, me, progress
from admin_app.start import open_house
from seed.large import TABLES, make_large


@click.command("seed")
@click.option("--customers", type=click.IntRange(1, 5_000_000), default=1_000, show_default=True)
@click.option("--sales", type=click.IntRange(0, 50_000_000), default=10_000, show_default=True)
@click.pass_context
def seed_command(context: click.Context, customers: int, sales: int) -> None:
    """Fill an empty salon with many plain customers and sales, for measuring."""
    with house(context) as app:
        open_house()
        click.echo(_("Fills: %(tables)s.", tables=TABLES), err=True)
        today = datetime.now(app.config["PEONY"].zone).date()
        with progress(_("Seeding")) as moved:
            counts = make_large(customers, sales, today, me(), moved)
        for table, rows in counts.items():
            click.echo(f"{table:<24} {rows:>12,}")


@click.command("bench")
@click.argument("name", required=False)
@click.option("--customers", type=click.IntRange(2_000, 5_000_000), default=100_000, show_default=True)
@click.option("--sales", type=click.IntRange(10_000, 50_000_000), help="Five for each customer without it.")
@click.option("--engine", type=click.Choice(["sqlite", "postgresql"]), help="One engine only; both without it.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON object, last.")
def bench_command(name: str | None, customers: int, sales: int | None, engine: str | None, as_json: bool) -> None:
    """Measure, side by side: NAME is one of the benchmarks, all of them without one."""
    try:
        from tests.bench import run
    except ImportError:
        fail(_("The benchmarks live in tests/, which is not here."))
    engines = [engine] if engine else ["sqlite", "postgresql"]
    sys.exit(run(name, customers, sales or 5 * customers, engines, as_json=as_json))


COMMANDS: list[Any] = [seed_command, bench_command]
