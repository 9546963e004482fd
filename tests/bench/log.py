"""The operation log: how fast its proof reads, and what its chain costs eight writers at once."""

from __future__ import annotations

import threading
from unittest import mock

from sqlalchemy import func, select

from admin_app.doctor.chain import check_chain
from admin_app.doctor.rows import check_rows
from admin_app.operations import chain
from admin_app.operations.entities import EditInput
from admin_app.operations.kernel import perform
from models.actor import SYSTEM
from models.customers import Customer
from models.entity import db
from models.log import Operation
from models.names import Name
from tests.bench.place import Figure, Place, seconds

WRITERS, EACH = 8, 60
BULK = 200_000


def run(place: Place) -> list[Figure]:
    """Proof of the whole chain, and of every row against it; eight writers with the chain, and the same without it."""
    with place.app.app_context():
        _fill(place)
        took = seconds(check_chain)
        looked_at, faults = check_chain()
        assert faults == []
        rows_took = seconds(check_rows)
        rows_looked_at, faults = check_rows()
        assert faults == []
        with_chain, wrong = _write(place)
        assert wrong == []
        with mock.patch.object(chain, "link", return_value=""):
            without, wrong = _write(place)
        assert wrong == []
        operations = db.session.scalar(select(func.count()).select_from(Operation)) or 0
    return [
        Figure(
            "proof of the chain",
            looked_at / took,
            "rows/s",
            f"{looked_at:,} rows of {operations:,} operations; asked: 150,000",
        ),
        Figure(
            "proof of the rows against the log",
            rows_looked_at / rows_took,
            "rows/s",
            f"{rows_looked_at:,} rows and row changes; asked: 150,000",
        ),
        Figure(f"{WRITERS} writers, chained", with_chain, "operations/s"),
        Figure(f"{WRITERS} writers, the chain left out", without, "operations/s"),
        Figure("what the chain leaves of the rate", 100 * with_chain / without, "%", "asked for: ≥ 40 on PostgreSQL"),
    ]


def _fill(place: Place) -> None:
    """Rows to read: one bulk update of every customer is one operation with as many row changes."""
    from sqlalchemy import text

    from tests.cast import raw_operation

    rounds = max(1, BULK // place.customers)
    for number in range(rounds):
        with raw_operation():
            db.session.execute(text("UPDATE customer SET notes = :note"), {"note": f"round {number}"})


def _write(place: Place) -> tuple[float, list[BaseException]]:
    """Operations a second by all writers together, and what went wrong."""
    wrong: list[BaseException] = []
    start = threading.Barrier(WRITERS)

    def writer(number: int) -> None:
        with place.app.app_context():
            try:
                start.wait()
                for turn in range(EACH):
                    customer = number * EACH + turn + 1
                    data = EditInput(entity="customer", id=customer, values={"job": f"{number}-{turn}-{start.parties}"})
                    perform(Name.EDIT_ENTITY, data, actor=SYSTEM)
            except BaseException as error:  # noqa: BLE001 - told to the caller
                wrong.append(error)
            finally:
                db.session.remove()

    assert db.session.scalar(select(Customer.id).limit(1))
    db.session.remove()
    threads = [threading.Thread(target=writer, args=(number,)) for number in range(WRITERS)]

    def all_of_them() -> None:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return WRITERS * EACH / seconds(all_of_them), wrong
