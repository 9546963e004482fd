"""The promise of the kernel: a twenty-line entity is a screen, a ten-line operation is a form, with no other line.

The entity is declared in a process of its own, since every declaration stands for the whole process.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from admin_app.settings import HOUSE

TWENTY_LINES = """
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Mapped
from models.entity import Record
from models.field import Choice, Search, choice, field, reference
from models.screen import Screen, Section, WrittenBy
from models.types import Money, Text

class Petal(Choice):
    RED = "red", _l("Red")
    WHITE = "white", _l("White")

class Bouquet(Record):
    label, plural, written_by = _l("Bouquet"), _l("Bouquets"), WrittenBy.FORM
    screen = Screen(Section.CATALOGUE, "gift", ("name", "price", "petal", "store_id"), "name", inline=("price",))

    name: Mapped[str] = field(Text(40), label=_l("Name"), unique=True, search=Search.WORDS)
    price: Mapped[int] = field(Money, label=_l("Price"), index=True)
    petal: Mapped[Petal] = field(choice(Petal), label=_l("Petal"), default=Petal.RED)
    store_id: Mapped[int] = reference("store", label=_l("Store"))
"""

PROOF = """
import re
from pathlib import Path
from admin_app import create_app
from admin_app.settings import Settings
from admin_app.start import open_house
from tests.cast import build_cast
from tests.conftest import House, copy_rules
from views import register_screens
from models.entity import db
from models.log import Operation, RowChange
from sqlalchemy import select, text

folder = Path(__import__("sys").argv[1])
(folder / "rules").mkdir(parents=True)
copy_rules(folder / "rules")
app = create_app(Settings(data_dir=folder / "data", rules_dir=folder / "rules", scheduler=False))
register_screens(app)
with app.app_context():
    open_house()
    house = House(app, "sqlite", build_cast())
    owner, reception = house.browser("owner"), house.browser("reception")
    first, second = house.ids["first"], house.ids["second"]

    made = owner.post("/bouquet/new/", {"name": "牡丹花束", "price": "298.50", "petal": "white", "store_id": first})
    assert made.status_code == 302, made.text
    row = int(re.search(r"id=(\\d+)", made.location)[1])
    other = int(re.search(r"id=(\\d+)", owner.post("/bouquet/new/", {"name": "月季", "price": "9", "store_id": second}).location)[1])
    assert db.session.execute(text("SELECT price, petal FROM bouquet WHERE id = :id"), {"id": row}).one() == (29850, "white")

    listed = owner.get("/bouquet/").text
    assert "牡丹花束" in listed and "¥298.50" in listed
    assert "牡丹花束" in owner.get(owner.post("/bouquet/", {"q": "mudan"}).location).text, "found by pinyin"
    assert "月季" not in owner.get("/bouquet/?price.from=100").text
    assert owner.post("/bouquet/new/", {"name": "牡丹花束", "price": "1", "store_id": first}).status_code == 422
    assert 'class="fault"' in owner.post("/bouquet/new/", {"name": "x", "price": "abc", "store_id": first}).text

    for path in ("/bouquet/", "/bouquet/new/", f"/bouquet/details/?id={row}"):
        assert reception.get(path).status_code == 403, "deny by default"
    assert house.browser("manager").get(f"/bouquet/details/?id={row}").status_code == 200, "hers by her store"
    assert house.browser("manager").get(f"/bouquet/details/?id={other}").status_code == 404, "another store's"
    assert house.browser("manager").post("/bouquet/delete/", {"id": row}).status_code == 403

    inline = owner.post("/bouquet/ajax/update/", {"id": row, "field": "price", "value": "300", "version": 1}, json=True)
    assert inline.json["text"] == "¥300.00", inline.data
    entry = db.session.scalars(select(Operation).where(Operation.subject_kind == "bouquet").order_by(Operation.id.desc())).first()
    assert entry.name == "edit_entity" and entry.actor_id == house.ids["owner"]
    changed = db.session.scalars(select(RowChange.columns).where(RowChange.operation_id == entry.id)).one()
    assert changed == "price,version"
    history = owner.get(f"/bouquet/history/?id={row}").text
    assert "¥298.50" in history and "¥300.00" in history
    assert "牡丹花束" in owner.get("/bouquet/export/csv/").data.decode("utf-8-sig")
    assert owner.get("/bouquet/export/xlsx/").data[:2] == b"PK"
    assert owner.post("/bouquet/delete/", {"id": row}).status_code == 302
    assert "牡丹花束" not in owner.get("/bouquet/").text.split("<table")[1]
    owner.post("/bouquet/restore/", {"id": row})
    assert "牡丹花束" in owner.get("/bouquet/").text
    assert "/bouquet/" in owner.get("/").text, "in the navigation"
    from admin_app.doctor import examine
    faults = [fault for finding in examine() if finding.name != "sessions" for fault in finding.faults]
    assert not faults, faults  # its browsers come in without the door
    print("proved")
"""


def test_a_twenty_line_entity_is_a_whole_screen(tmp_path: Path) -> None:
    lines = [line for line in TWENTY_LINES.splitlines() if line.strip()]
    assert len(lines) <= 20
    (tmp_path / "bouquets.py").write_text(TWENTY_LINES, encoding="utf-8")
    code = f"import sys; sys.path[:0] = [{str(HOUSE)!r}, {str(tmp_path)!r}]; import bouquets\n{PROOF}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data")],
        capture_output=True,
        text=True,
        check=False,
        encoding="utf-8",
    )
    assert done.stdout.strip().endswith("proved"), done.stderr[-3000:]


TEN_LINES = """
class NapInput(Input):
    customer: Annotated[int, Ask(_l("Customer"), to=Customer)]
    minutes: Annotated[int, Ask(_l("Minutes")), Field(ge=1, le=90)]
    quiet: Annotated[bool, Ask(_l("Quiet"))] = True

@operation("take_nap", label=_l("Take a nap"), on=Customer)
def take_nap(op: Operation, data: NapInput) -> Answer:
    op.subject.notes = f"{data.minutes} {data.quiet}"
    return {"id": op.subject.id}
"""

NAP_PROOF = f"""
import re, secrets, shutil
from pathlib import Path
from typing import Annotated
from flask_babel import lazy_gettext as _l
from pydantic import Field
from admin_app.operations.kernel import Operation
from admin_app.operations.registry import Answer, Ask, Input, operation
from models.customers import Customer
{TEN_LINES}
from admin_app import create_app
from admin_app.settings import HOUSE, Settings
from admin_app.start import open_house
from tests.cast import build_cast
from tests.conftest import House, copy_rules
from views import register_screens
from models.entity import db
from models.log import Operation as Entry
from sqlalchemy import select

folder = Path(__import__("sys").argv[1])
(folder / "rules").mkdir()
copy_rules(folder / "rules")
roles = folder / "rules" / "roles.yaml"
roles.write_text(roles.read_text(encoding="utf-8").replace("- look_up_customer\\n      - record_consent", "- look_up_customer\\n      - take_nap\\n      - record_consent", 1), encoding="utf-8")
app = create_app(Settings(data_dir=folder / "data", rules_dir=folder / "rules", scheduler=False))
register_screens(app)
with app.app_context():
    open_house()
    house = House(app, "sqlite", build_cast())
    anna, cora = house.ids["anna"], house.ids["cora"]
    allowed = house.browser("reception")
    page = allowed.get(f"/customer/details/?id={{anna}}").text
    assert f"/do/take_nap/?on={{anna}}" in page, "a row action"
    assert 'value="take_nap"' in allowed.get("/customer/").text, "a bulk action"
    form = allowed.get(f"/do/take_nap/?on={{anna}}").text
    assert 'name="minutes"' in form and 'name="quiet"' in form
    values = {{"customer": anna, "minutes": "20", "quiet": "y", "op_id": secrets.token_hex(16)}}
    for _ in range(2):
        assert allowed.post("/do/take_nap/", values).status_code == 302
    entries = list(db.session.scalars(select(Entry).where(Entry.name == "take_nap")))
    assert [(e.subject_id, e.actor_role) for e in entries] == [(anna, "reception")], "logged, once"
    assert db.session.get_one(Customer, anna).notes == "20 True"
    assert allowed.post("/do/take_nap/", {{"customer": anna, "minutes": "abc"}}).status_code == 422
    assert 'class="fault"' in allowed.post("/do/take_nap/", {{"customer": anna, "minutes": "999"}}).text
    assert allowed.post("/do/take_nap/", {{"customer": cora, "minutes": "5"}}).status_code == 422, "not hers"
    stale = allowed.post("/do/take_nap/", {{"customer": anna, "minutes": "5", "version": "1"}})
    assert stale.status_code == 422 and 'class="notice bad"' in stale.text
    stranger = house.browser("therapist")
    assert stranger.get("/do/take_nap/").status_code == 403
    assert stranger.post("/do/take_nap/", {{"customer": anna, "minutes": "5"}}).status_code == 403
    assert "take_nap" not in stranger.get(f"/customer/details/?id={{anna}}").text
    print("proved")
"""


def test_a_ten_line_operation_is_a_form_and_a_row_action(tmp_path: Path) -> None:
    assert len([line for line in TEN_LINES.splitlines() if line.strip()]) <= 10
    code = f"import sys; sys.path[:0] = [{str(HOUSE)!r}]\n{NAP_PROOF}"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False, encoding="utf-8"
    )
    assert done.stdout.strip().endswith("proved"), done.stderr[-3000:]
