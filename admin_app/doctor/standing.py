"""Is the schema ours, is the file whole, does every reference lead somewhere?"""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import text

from models.entity import db
from models.schema import differences, expected_schema, schema_of


def check_schema() -> tuple[int, list[str]]:
    """Tables, constraints, indexes, functions and triggers, against the models."""
    with db.engine.connect() as connection:
        standing = schema_of(connection)
    expected = expected_schema(db.engine)
    return len(expected), differences(standing, expected)


def check_references() -> tuple[int, list[str]]:
    """SQLite can be written with foreign keys off, so its rows and pages are checked; PostgreSQL cannot."""
    if db.engine.dialect.name != "sqlite":
        return 0, []
    with db.engine.connect() as connection:
        broken = connection.execute(text("PRAGMA foreign_key_check")).all()
        whole = connection.execute(text("PRAGMA integrity_check(5)")).scalars().all()
    faults = [
        _("%(table)s row %(row)s: refers to a %(target)s that is not there", table=table, row=row, target=target)
        for table, row, target, _key in broken[:20]
    ]
    return len(broken), faults + [_("damaged file: %(line)s", line=line) for line in whole if line != "ok"]
