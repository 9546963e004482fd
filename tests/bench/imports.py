"""How many rows a second an import takes in: read, checked, written through operations, logged and chained."""

from __future__ import annotations

import csv
import time
from pathlib import Path

from admin_app import create_app
from admin_app.importing.files import import_file
from admin_app.settings import Settings
from admin_app.start import open_house
from models.actor import SYSTEM
from models.entity import db
from tests.bench.place import Figure, Place, seconds

DATA = Path(__file__).parents[1] / "data"
MEMBERS = 5_000


def run(place: Place) -> list[Figure]:
    """The workbook and the purchases of ``tests/data`` into an empty salon, and once more."""
    address = ""
    if place.engine == "postgresql":
        from tests.engines import postgres, sql

        server = str(postgres())
        sql(server, "DROP DATABASE IF EXISTS peony_import", "CREATE DATABASE peony_import")
        address = f"{server}/peony_import"
    app = create_app(Settings(data_dir=place.folder / "import", database_url=address, scheduler=False))
    figures = []
    with app.app_context():
        open_house()
        for kind, name, rows in (("customers", "salon_workbook.xlsx", 3_653), ("sales", "cdnow_sales.csv", 6_919)):
            first = seconds(lambda: import_file(kind, DATA / name, SYSTEM))  # noqa: B023 - run at once
            again = seconds(lambda: import_file(kind, DATA / name, SYSTEM))  # noqa: B023 - run at once
            figures += [
                Figure(f"import {name}", rows / first, "rows/s", "each row with its changes logged and chained"),
                Figure(f"the same again, nothing new in it: {name}", rows / again, "rows/s"),
            ]
        figures.append(_balances(place.folder / "members.csv"))
        db.session.remove()
        db.engine.dispose()
    return figures


def _balances(path: Path) -> Figure:
    """The balances of members who have a tier, money, bonus, points and mostly a card: seconds of work, not of waiting."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("会员号", "姓名", "手机", "等级", "储值余额", "赠送余额", "积分", "剩余次数", "到期日"))
        for number in range(MEMBERS):
            name, phone = f"客{number}", f"137{number:08}"
            has = ("银卡", 100 + number % 5000, number % 4 * 50, number % 900, number % 7, "2099-01-31")
            writer.writerow((f"M{number:06}", name, phone, *has))
    import_file("customers", path, SYSTEM)
    began = time.process_time()
    import_file("balances", path, SYSTEM)
    each = 1000 * (time.process_time() - began) / MEMBERS
    return Figure(
        f"import balances of {MEMBERS:,} members", each, "ms CPU each", "of this process, without the database server"
    )
