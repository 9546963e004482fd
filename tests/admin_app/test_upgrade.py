"""The migration runner: whatever a migration does, the schema text comes out as the models say, or nothing changes."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import CheckConstraint, Column, Index, String, Table, select, text

from admin_app import upgrade as upgrade_module
from admin_app.operations.kernel import perform
from admin_app.upgrade import SCRIPTS, SchemaError, check, newest, standing, upgrade
from models import schema
from models.customers import Customer
from models.entity import Base, db, table_of
from models.field import INFO_KEY, FieldInfo
from models.log import Operation
from models.names import Name
from models.organisation import Room
from tests.admin_app.houses import faults
from tests.conftest import House
from tests.factory import fill

pytestmark = pytest.mark.usefixtures("in_english")
LAST = max(path.name[:4] for path in (SCRIPTS / "versions").glob("[0-9]*.py"))
NEXT = f"{int(LAST) + 1:04}"
MIGRATION = f'''
"""A change as a later release would bring it: a column, an altered CHECK, a partial index, a table."""

import sqlalchemy as sa
from alembic import op

from models.migrations import as_it_stands

revision = "{NEXT}"
down_revision = "{LAST}"


def upgrade() -> None:
    with op.batch_alter_table("room", copy_from=as_it_stands(op.get_bind(), "room")) as batch:
        batch.add_column(sa.Column("floor", sa.String(10), nullable=True))
        batch.drop_constraint(op.f("ck_room_turnover_minutes_range"), type_="check")
        batch.create_check_constraint(op.f("ck_room_turnover_minutes_range"), "turnover_minutes BETWEEN 0 AND 300")
    op.create_index("ix_room_floor_known", "room", ["floor"], sqlite_where=sa.text("floor IS NOT NULL"),
                    postgresql_where=sa.text("floor IS NOT NULL"))
    op.create_table("parking", sa.Column("id", sa.Integer if op.get_bind().dialect.name == "sqlite" else sa.BigInteger,
                    nullable=False), sa.Column("name", sa.String(10), nullable=False),
                    sa.PrimaryKeyConstraint("id", name="pk_parking"))
'''


@pytest.fixture
def later(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The models and scripts of a later release, in this process for one test."""
    monkeypatch.setattr(schema, "_expected", {})
    scripts = tmp_path / "migrations"
    shutil.copytree(SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / f"{NEXT}_rooms.py").write_text(textwrap.dedent(MIGRATION), encoding="utf-8")
    table = table_of(Room)
    old = next(
        c for c in table.constraints if isinstance(c, CheckConstraint) and str(c.sqltext).startswith('"turnover')
    )
    new = CheckConstraint("turnover_minutes BETWEEN 0 AND 300", name="turnover_minutes_range")
    floor = Column("floor", String(10), info={INFO_KEY: FieldInfo(Room.label)})
    known = Index(
        "ix_room_floor_known", floor, sqlite_where=text("floor IS NOT NULL"), postgresql_where=text("floor IS NOT NULL")
    )
    table.append_column(floor)
    table.constraints.discard(old)
    table.append_constraint(new)
    parking = Table(
        "parking",
        Base.metadata,
        Column("id", table.c.id.type, primary_key=True),
        Column("name", String(10), nullable=False),
    )
    yield scripts
    Base.metadata.remove(parking)
    table.indexes.discard(known)
    table.constraints.discard(new)
    table._columns.remove(floor)
    table.append_constraint(old)


def standing_schema() -> dict[str, str]:
    db.session.remove()
    with db.engine.connect() as connection:
        return schema.schema_of(connection)


def test_the_whole_schema_comes_out_as_the_models_say_with_every_row_in_it(house: House, later: Path) -> None:
    """Data in every table; tables, triggers, CHECKs, partial and expression indexes: word for word."""
    rows = fill(house)
    before = {name: db.session.scalar(text(f'SELECT count(*) FROM "{name}"')) for name in rows}
    amiss = faults("schema", "rows")  # the rows of the factory make no sense together
    done = upgrade(later)
    assert done[:2] == (LAST, NEXT)
    assert done[2] is not None
    assert done[2].exists(), "a backup was made first"
    assert schema.differences(standing_schema(), schema.expected_schema(db.engine)) == []
    assert {name: db.session.scalar(text(f'SELECT count(*) FROM "{name}"')) for name in rows} == before
    assert db.session.scalar(text("SELECT count(*) FROM room WHERE floor IS NULL")) == before["room"]
    assert faults() == amiss


def test_the_triggers_work_after_the_upgrade(house: House, later: Path) -> None:
    from admin_app.operations.entities import EditInput

    upgrade(later)
    actor = house.actor("owner")
    perform(
        Name.EDIT_ENTITY, EditInput(entity="customer", id=house.ids["anna"], values={"notes": "仍在记录"}), actor=actor
    )
    db.session.rollback()
    entry = db.session.scalars(select(Operation).order_by(Operation.id.desc())).first()
    assert entry is not None
    changes = text("SELECT columns FROM row_change WHERE operation_id = :id")
    assert db.session.scalar(changes, {"id": entry.id}) == "notes,version"
    with pytest.raises(Exception, match="append-only"), db.engine.begin() as connection:
        connection.execute(text("UPDATE operation SET reason = 'x'"))


def test_an_upgrade_is_written_in_the_log(house: House, later: Path) -> None:
    upgrade(later)
    entry = db.session.scalars(select(Operation).where(Operation.name == "upgrade")).one()
    assert entry.detail == {"before": LAST, "after": NEXT}


def test_a_migration_that_does_not_fit_the_models_changes_nothing(house: House, later: Path) -> None:
    script = later / "versions" / f"{NEXT}_rooms.py"
    script.write_text(
        script.read_text(encoding="utf-8").replace("BETWEEN 0 AND 300", "BETWEEN 0 AND 301"), encoding="utf-8"
    )
    before = standing_schema()
    with pytest.raises(SchemaError, match=r"not this release's"):
        upgrade(later)
    assert standing_schema() == before
    assert standing() == LAST


def test_a_migration_that_fails_half_way_changes_nothing(house: House, later: Path) -> None:
    script = later / "versions" / f"{NEXT}_rooms.py"
    script.write_text(script.read_text(encoding="utf-8") + "    raise RuntimeError('half way')\n", encoding="utf-8")
    before = standing_schema()
    with pytest.raises(RuntimeError, match="half way"):
        upgrade(later)
    assert standing_schema() == before
    db.session.remove()
    assert db.session.get_one(Customer, house.ids["anna"]).name == "安娜"


def test_an_older_database_is_told_to_upgrade(house: House, later: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrade_module, "SCRIPTS", later)
    monkeypatch.setattr(upgrade_module, "newest", lambda scripts=later: newest(later))
    with pytest.raises(SchemaError, match=r"run\.py upgrade"):
        check()


def test_the_newest_needs_no_upgrade(house: House) -> None:
    assert upgrade()[:3] == (LAST, LAST, None)
    assert check() is True
