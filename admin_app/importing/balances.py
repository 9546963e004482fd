"""The members' sheet of a salon: tier, stored value, debt, points and sessions left become opening entries."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NoReturn

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from pydantic import ValidationError

from admin_app.importing.report import RowFault, SheetReport
from admin_app.importing.rows import NEW_STORE, cell_of, existing, headings_of, text_of, unused
from admin_app.importing.tables import Row, Table, plain
from admin_app.operations.kernel import business_day, now, perform
from admin_app.operations.opening import OpenBalancesInput, Opening
from admin_app.references import References
from admin_app.rule_files import path_of
from admin_app.rulebook import access_for, rulebook
from admin_app.values import NoChoice, Unreadable
from models.actor import Actor
from models.customers import Customer
from models.entity import db
from models.names import Name
from models.numbers import count_of, day_of_moment, fen_of, phone_number
from models.search import without_title

HEADINGS = {
    "tier": ("等级", "会员等级", "tier", "level"),
    "principal": ("储值余额", "余额本金", "本金余额", "卡内余额", "可用余额", "余额", "stored value", "balance"),
    "bonus": ("赠送余额", "余额赠送", "赠送金额", "赠金余额", "赠金", "bonus"),
    "debt": ("欠款", "欠款金额", "欠费", "挂账", "挂账金额", "应收", "应收款", "owed", "debt"),
    "points": ("积分", "可用积分", "points"),
    "sessions": ("剩余次数", "次数", "sessions left"),
    "until": ("有效期", "有效期至", "到期日", "到期日期", "valid until"),
    "card": ("卡类型", "卡名", "卡名称", "卡项", "card"),
    "service": ("项目", "服务项目", "service"),
}
FOR_GOOD = {"长期", "长期有效", "永久", "永久有效", "无期限", "不限", "无", "for good", "none"}
LOWEST = {"普通", "普通会员", "会员", "regular", "basic"}
CHUNK = 500
_LEFT = re.compile(r".*剩余?\s*([0-9]+)\s*次")


def is_balances(table: Table) -> bool:
    """Whether a sheet tells what members have: who they are, and a balance, a debt or sessions."""
    fields = Customer.fields()
    known = table.column(*headings_of(fields["member_no"])) is not None
    known = known or all(table.column(*headings_of(fields[name])) is not None for name in ("name", "phone"))
    return known and table.column(*HEADINGS["principal"], *HEADINGS["sessions"], *HEADINGS["debt"]) is not None


def import_balances(tables: Sequence[Table], store_id: int, actor: Actor, dry_run: bool) -> list[SheetReport]:
    """Take the members of sheets. All rows of a member go together, wherever they stand: each may be a card.

    Who has opening entries already is left as she is; if they say otherwise than the sheets, that is told.
    """
    reports = [SheetReport(table, "balance") for table in tables]
    gathered: list[tuple[SheetReport, Row, Opening]] = []
    incomplete: dict[str, int] = {}
    for report in reports:
        reader = _Reader(report, References(access_for(actor)))
        for row in report.table.rows:
            try:
                gathered.append((report, row, reader.opening(row, len(gathered))))
            except _RefusedRow as refused:
                report.refused.append(RowFault(row, reader.heading(refused.key), str(refused)))
                incomplete.setdefault(plain(cell_of(row, reader.columns["number"])), row.number)
    openings = _complete(gathered, incomplete)
    operations: list[int] = []
    for part in _parts(openings):
        if store_id == NEW_STORE:
            answer: dict[str, Any] = {"missing": [row.row for row in part], "there": [], "differing": []}
        else:
            data = OpenBalancesInput(store=store_id, rows=part)
            answer = perform(Name.OPEN_BALANCES, data, actor=actor, rehearse=dry_run)
            operations.append(answer["operation"])
        _tell(gathered, part, answer)
    if not dry_run:
        for report in reports:
            report.also["operations"] = operations
    return reports


def _complete(gathered: list[tuple[SheetReport, Row, Opening]], incomplete: dict[str, int]) -> list[Opening]:
    """The rows of members of whom every row can be taken: the others come in whole when the bad row is put right."""
    complete: list[Opening] = []
    for report, row, opening in gathered:
        if opening.member_no in incomplete:
            reason = _("Row %(row)s of the same member cannot be taken.", row=incomplete[opening.member_no])
            report.refused.append(RowFault(row, _number_heading(report.table), reason))
        else:
            complete.append(opening)
    return complete


def _parts(openings: list[Opening]) -> list[list[Opening]]:
    """The rows in parts of about the same size; no member stands in two of them."""
    members: dict[str, list[Opening]] = defaultdict(list)
    for opening in openings:
        members[opening.member_no].append(opening)
    parts: list[list[Opening]] = []
    for rows in members.values():
        if not parts or len(parts[-1]) + len(rows) > CHUNK:
            parts.append([])
        parts[-1] += rows
    return parts


def _tell(gathered: list[tuple[SheetReport, Row, Opening]], part: Sequence[Opening], answer: dict[str, Any]) -> None:
    """Put what came of a part into the reports of its sheets."""
    missing, there, differing = (set(answer[name]) for name in ("missing", "there", "differing"))
    for opening in part:
        report, row, _opening = gathered[opening.row]
        heading = _number_heading(report.table)
        if opening.row in missing:
            reason = str(_l("No customer has this number; import the customers first."))
            report.refused.append(RowFault(row, heading, reason))
        elif opening.row in differing:
            reason = _("Other balances were brought over for this customer already. Take those back first.")
            report.refused.append(RowFault(row, heading, reason))
        elif opening.row in there:
            report.unchanged += 1
        else:
            report.created += 1
            _tell_ended(report, row, opening)


def _tell_ended(report: SheetReport, row: Row, opening: Opening) -> None:
    until = opening.valid_until
    if until is None or opening.lasts or until >= business_day(now()):
        return
    ended = [
        str(label)
        for label, value in (
            (_l("Tier"), opening.tier),
            (_l("Bonus"), opening.bonus),
            (_l("Sessions"), opening.sessions),
        )
        if value
    ]
    if ended:
        column = report.table.column(*HEADINGS["until"])
        reason = _("Ended on %(day)s, and stays ended: %(what)s.", day=until.isoformat(), what="、".join(ended))
        report.notes.append(RowFault(row, "" if column is None else report.table.headings[column], reason))


def _number_heading(table: Table) -> str:
    fields = Customer.fields()
    column = table.column(*headings_of(fields["member_no"]))
    column = table.column(*headings_of(fields["name"])) if column is None else column
    return "" if column is None else table.headings[column]


class _RefusedRow(Exception):
    """Why a row cannot be brought over."""

    def __init__(self, key: str, reason: LazyString | str) -> None:
        super().__init__(str(reason))
        self.key = key


class _Reader:
    """Reads the rows of one sheet."""

    def __init__(self, report: SheetReport, references: References) -> None:
        self.table, self.references = report.table, references
        fields = Customer.fields()
        self.columns = {key: self.table.column(*headings) for key, headings in HEADINGS.items()}
        self.columns |= {
            key: self.table.column(*headings_of(fields[field]))
            for key, field in (("number", "member_no"), ("name", "name"), ("phone", "phone"))
        }
        report.unused = unused(self.table, {column for column in self.columns.values() if column is not None})
        self.outside = report.outside
        tiers = rulebook().tiers.tiers
        self.spellings = {tier.name: (tier.id, tier.name, tier.name_en) for tier in tiers}
        self.tiers = {name: tier.id for tier in tiers for name in (tier.id, tier.name, tier.name_en)}
        self.tiers |= dict.fromkeys(LOWEST, tiers[-1].id)
        rows = [row for row in self.table.rows if not plain(cell_of(row, self.columns["number"]))]
        texts = {plain(cell_of(row, self.columns[key])) for row in rows for key in ("phone", "name")}
        self.references.load("customer", texts)
        self.owners = self._owners()

    def _owners(self) -> dict[str, list[Customer]]:
        """By member number: who has it, and the record that stands for it by now. Asked for where the sheet also says
        a name or a phone.
        """
        if self.columns["name"] is None and self.columns["phone"] is None:
            return {}
        numbers = {plain(cell_of(row, self.columns["number"])) for row in self.table.rows} - {""}
        owners: dict[str, list[Customer]] = {}
        for customer in existing(db.session, Customer, "member_no", sorted(numbers)):
            merged = customer.merged_into_id
            records = [customer, *([db.session.get_one(Customer, merged)] if merged is not None else [])]
            owners[str(customer.member_no)] = records
        return owners

    def text(self, row: Row, key: str) -> str:
        """A cell as text.

        :raises _RefusedRow: what stands there has no value.
        """
        try:
            return text_of(row, self.columns[key])
        except Unreadable as error:
            raise _RefusedRow(key, str(error)) from error

    def heading(self, key: str) -> str:
        if key == "number":
            return _number_heading(self.table)
        column = self.columns[key]
        if key == "debt" and column is None:  # a balance below zero
            column = self.columns["principal"]
        return HEADINGS[key][0] if column is None else self.table.headings[column]

    def opening(self, row: Row, place: int) -> Opening:
        """:raises _RefusedRow: something of the row means nothing that can be brought over."""
        number, tier = self._number(row), self.text(row, "tier")
        if tier and tier not in self.tiers:
            self._no_tier(tier)
        lasts = self.text(row, "until").lower() in FOR_GOOD
        values = {
            "row": place,
            "member_no": number,
            "tier": self.tiers[tier] if tier else None,
            **self._balance(row),
            "bonus": self._money(row, "bonus"),
            "points": self._count(row, "points", "分"),
            "sessions": self._count(row, "sessions", "次"),
            "card": self.text(row, "card")[:60],
            "service": self.text(row, "service"),
            "valid_until": None if lasts else self._until(row),
            "lasts": lasts,
        }
        try:
            return Opening.model_validate(values)
        except ValidationError as error:  # outside its range
            fault = error.errors()[0]
            key = {"valid_until": "until"}.get(str(fault["loc"][0]), str(fault["loc"][0]))
            reason = fault.get("ctx", {}).get("message", _l("This is not an amount that can be brought over."))
            raise _RefusedRow(key, reason) from error

    def _no_tier(self, word: str) -> NoReturn:
        """:raises _RefusedRow: the tier is none of the house's; what to add is told beside it."""
        known = "、".join(self.spellings)
        reason = _l("There is no tier called %(name)s; there are: %(known)s.", name=word, known=known)
        todo = _l(
            "Write one of the choices there; or, if it is a tier of your own, add «%(word)s» in its place to the list "
            "«tiers» of %(file)s, with id, name and enter (or in the rule studio under Tiers). Then bring the file "
            "again.",
            file=path_of("tiers"),
            word=word,
        )
        self.outside.add(self.heading("tier"), NoChoice(word, reason, self.spellings), todo)
        raise _RefusedRow("tier", reason)

    def _number(self, row: Row) -> str:
        """Her member number; in a sheet without it that of the customer with this phone and name."""
        number = self.text(row, "number")
        phone, name = self.text(row, "phone"), self.text(row, "name")
        if number:
            self._ensure_same(number, name, phone)
            return number
        for text in filter(None, (phone, name)):
            found = [db.session.get_one(Customer, row_id) for row_id in self.references.all("customer", text)]
            found = [customer for customer in found if not name or without_title(customer.name) == without_title(name)]
            if len(found) == 1 and found[0].member_no is not None:
                return found[0].member_no
        raise _RefusedRow("number", _l("Without a member number nobody can say whose this is; write it."))

    def _ensure_same(self, number: str, name: str, phone: str) -> None:
        """:raises _RefusedRow: the name, or without a name the phone, is that of somebody else."""
        owners = self.owners.get(number, [])
        if not owners:
            return
        if name:
            if without_title(name) not in {without_title(owner.name) for owner in owners}:
                raise _RefusedRow("number", _l("This member number belongs to %(name)s.", name=owners[-1].name))
            return
        written = phone_number(phone)
        known = {owner.phone for owner in owners if owner.phone}
        if written and known and written not in known:
            raise _RefusedRow("number", _l("This member number belongs to somebody with another phone number."))

    def _balance(self, row: Row) -> dict[str, int]:
        """Stored value and debt; a balance below zero is what the customer owes."""
        principal, debt = self._money(row, "principal", below_zero=True), self._money(row, "debt")
        if principal < 0 and debt not in {0, -principal}:
            reason = _l("The balance is below zero, and another debt stands beside it; write in one cell what is owed.")
            raise _RefusedRow("debt", reason)
        return {"principal": max(principal, 0), "debt": debt or max(-principal, 0)}

    def _money(self, row: Row, key: str, *, below_zero: bool = False) -> int:
        fen = fen_of(self.text(row, key) or "0")
        if fen is None:
            raise _RefusedRow(key, _l("This is not an amount that can be brought over."))
        if fen < 0 and not below_zero:
            reason = _l("This cannot be below zero; what is owed stands in the column of debts, without a minus.")
            raise _RefusedRow(key, reason)
        return fen

    def _count(self, row: Row, key: str, unit: str) -> int:
        written = self.text(row, key) or "0"
        left = _LEFT.fullmatch(written) if key == "sessions" else None
        count = int(left[1]) if left else count_of(written, unit)
        if count is None or count < 0:
            raise _RefusedRow(key, _l("Write how many are left, as a number and nothing else."))
        return count

    def _until(self, row: Row) -> Any:
        written = self.text(row, "until")
        day = day_of_moment(cell_of(row, self.columns["until"])) if written else None
        if written and day is None:
            raise _RefusedRow("until", _l("There is no such day: %(written)s.", written=written))
        return day
