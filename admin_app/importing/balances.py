"""The members' sheet of a salon: tier, stored value, points and sessions left become opening entries."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from pydantic import ValidationError

from admin_app.importing.report import RowFault, SheetReport
from admin_app.importing.tables import Row, Table, plain
from admin_app.operations.kernel import perform
from admin_app.operations.opening import OpenBalancesInput, Opening
from admin_app.rulebook import rulebook
from models.actor import Actor
from models.names import Name
from models.numbers import day_of, fen_of

NUMBER = ("会员编号", "会员号", "卡号", "member number", "member no")
TIER = ("等级", "会员等级", "tier", "level")
BALANCE = ("储值余额", "余额", "stored value", "balance")
POINTS = ("积分", "points")
SESSIONS = ("剩余次数", "次数", "sessions left")
UNTIL = ("有效期", "到期日", "valid until")
FOR_GOOD = {"长期", "永久", "无期限", "for good", "none"}
LOWEST = {"普通", "普通会员", "会员", "regular", "basic"}
CHUNK = 500


def is_balances(table: Table) -> bool:
    """Whether a sheet tells what members have: their numbers, and a balance or sessions."""
    return table.column(*NUMBER) is not None and table.column(*BALANCE, *SESSIONS) is not None


def import_balances(table: Table, store_id: int, actor: Actor, dry_run: bool) -> SheetReport:
    """Take the members of a sheet. Who has opening entries already is left as she is."""
    report = SheetReport(table, "balance")
    rows: list[Opening] = []
    for row in table.rows:
        read = _Reader(table, row).opening()
        if isinstance(read, RowFault):
            report.refused.append(read)
        else:
            rows.append(read)
    heading = table.headings[table.column(*NUMBER) or 0]
    by_number = {row.number: row for row in table.rows}
    operations: list[int] = []
    for start in range(0, len(rows), CHUNK):
        part = OpenBalancesInput(store=store_id, rows=rows[start : start + CHUNK])
        answer = perform(Name.OPEN_BALANCES, part, actor=actor, rehearse=dry_run)
        report.created += answer["created"]
        report.unchanged += answer["unchanged"]
        reason = str(_l("No customer has this number; import the customers first."))
        report.refused += [RowFault(by_number[number], heading, reason) for number in answer["missing"]]
        operations.append(answer["operation"])
    if not dry_run:
        report.also["operations"] = operations
    return report


class _Reader:
    """Reads one row."""

    def __init__(self, table: Table, row: Row) -> None:
        self.table, self.row = table, row

    def _cell(self, names: tuple[str, ...]) -> Any:
        place = self.table.column(*names)
        return None if place is None or place >= len(self.row.cells) else self.row.cells[place]

    def _fault(self, names: tuple[str, ...], reason: Any) -> RowFault:
        place = self.table.column(*names)
        return RowFault(self.row, names[0] if place is None else self.table.headings[place], str(reason))

    def opening(self) -> Opening | RowFault:
        """What the row says, or what is wrong with it."""
        number, tier = plain(self._cell(NUMBER)), plain(self._cell(TIER))
        if not number:
            return self._fault(NUMBER, _l("This must not be empty."))
        known = {name: one.id for one in rulebook().tiers.tiers for name in (one.id, one.name, one.name_en)}
        known |= dict.fromkeys(LOWEST, rulebook().tiers.tiers[-1].id)
        if tier and tier not in known:
            return self._fault(TIER, _l("There is no tier called %(name)s.", name=tier))
        amounts = {}
        for name, names in (("principal", BALANCE), ("points", POINTS), ("sessions", SESSIONS)):
            written = plain(self._cell(names)) or "0"
            value = fen_of(written) if name == "principal" else int(written) if written.isdigit() else None
            if value is None or value < 0:
                return self._fault(names, _l("This is not an amount that can be brought over."))
            amounts[name] = value
        until = plain(self._cell(UNTIL))
        day = day_of(self._cell(UNTIL)) if until and until not in FOR_GOOD else None
        if until and until not in FOR_GOOD and day is None:
            return self._fault(UNTIL, _l("There is no such day: %(written)s.", written=until))
        try:
            return Opening(
                row=self.row.number,
                member_no=number,
                tier=known.get(tier) if tier else None,
                valid_until=day,
                lasts=until in FOR_GOOD,
                **amounts,
            )
        except ValidationError as error:  # outside its range
            columns = {"principal": BALANCE, "points": POINTS, "sessions": SESSIONS, "valid_until": UNTIL}
            fault = error.errors()[0]
            reason = fault.get("ctx", {}).get("message", _l("This is not an amount that can be brought over."))
            return self._fault(columns[str(fault["loc"][0])], reason)
