"""How many rows a second an import takes in: read, checked, written through operations, logged and chained."""

from __future__ import annotations

from pathlib import Path

from admin_app import create_app
from admin_app.importing.files import import_file
from admin_app.settings import Settings
from admin_app.start import open_house
from models.actor import SYSTEM
from models.entity import db
from tests.bench.place import Figure, Place, seconds

DATA = Path(__file__).parents[1] / "data"


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
        db.session.remove()
        db.engine.dispose()
    return figures
