"""A sale and the closing of its day on PostgreSQL: sales share the day, closing has it alone and waits for them."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from admin_app.operations import chain
from models.connection import lock_day
from models.entity import db
from models.names import Name
from tests.salon_day import HYDRA, Salon

HOUSES = ("postgresql",)
"""On SQLite whoever writes is alone."""

LOCKS = text(
    "SELECT mode FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND classid = 7367 AND objid = :s"
)


def test_a_sale_shares_the_day_and_closing_has_it_alone(salon: Salon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read from PostgreSQL's own list at the last moment of each transaction."""
    modes: list[list[str]] = []
    link = chain.link

    def listing(connection: Connection, number: int) -> None:
        modes.append(list(connection.scalars(LOCKS, {"s": salon.ids["first"]})))
        link(connection, number)

    monkeypatch.setattr(chain, "link", listing)
    salon.sell("hydra")
    salon.recharge(100_000)
    salon.do(Name.CLOSE_DAY, store=salon.ids["first"], counted=HYDRA + 100_000)
    assert modes == [["ShareLock"], ["ShareLock"], ["ExclusiveLock"]]


@pytest.mark.parametrize(
    ("closes_first", "closes_second", "waits"), [(False, False, False), (False, True, True), (True, False, True)]
)
def test_closing_waits_for_a_sale_and_a_sale_for_closing(
    salon: Salon, *, closes_first: bool, closes_second: bool, waits: bool
) -> None:
    store = salon.ids["first"]
    db.session.rollback()
    with db.engine.begin() as first, db.engine.begin() as second:
        lock_day(first, store, closing=closes_first)
        second.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
        with pytest.raises(OperationalError, match="lock timeout") if waits else nullcontext():
            lock_day(second, store, closing=closes_second)
        second.rollback()
