"""Sheets of past sales: what each row means, and what is no sale."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from datetime import date

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin_app.importing.people import Coming
from admin_app.importing.report import RowFault, SheetReport
from admin_app.importing.rows import CHUNK, FIRST_STORE, NEW_STORE, cell_of, existing, text_of, unused
from admin_app.importing.sales import ImportSalesInput, PastSale
from admin_app.importing.tables import Row, Table, plain
from admin_app.operations.kernel import business_day, now, perform
from admin_app.references import References
from admin_app.rulebook import access_for
from admin_app.start import first_store
from admin_app.values import NoChoice, Unreadable
from models.actor import Actor
from models.customers import Customer
from models.entity import db
from models.names import Name
from models.numbers import count_of, day_of, fen_of
from models.organisation import Staff
from models.sales import LineKind, PaymentMethod, Sale, SaleLine
from models.search import without_title

HEADINGS = {
    "day": ("消费日期", "日期", "消费时间", "sold_on", "date"),
    "number": ("会员编号", "会员号", "会员卡号", "卡号", "customer_no", "member_no", "member no", "member number"),
    "name": ("姓名", "客户姓名", "会员姓名", "name"),
    "service": ("项目", "服务", "服务项目", "项目名称", "service"),
    "product": ("产品", "商品", "产品名称", "商品名称", "product", "item"),
    "quantity": ("数量", "quantity"),
    "amount": ("实付金额", "实付", "实收金额", "实收", "消费金额", "金额", "paid", "amount"),
    "method": ("支付方式", "付款方式", "method"),
    "performer": ("美容师", "技师", "员工", "staff"),
    "sort": ("类型", "消费类型", "交易类型", "单据类型", "type"),
    "state": ("状态", "单据状态", "订单状态", "交易状态", "消费状态", "status", "state"),
}
"""What the columns may be called, in the order of preference: what was paid goes before what it would have cost."""

METHODS = {
    **dict.fromkeys(("现金", "cash"), PaymentMethod.CASH),
    **dict.fromkeys(("微信", "微信支付", "wechat"), PaymentMethod.WECHAT),
    **dict.fromkeys(("支付宝", "支付宝支付", "alipay"), PaymentMethod.ALIPAY),
    **dict.fromkeys(("刷卡", "银行卡", "银联", "pos", "card"), PaymentMethod.BANK_CARD),
    **dict.fromkeys(("储值卡", "储值", "会员卡", "余额", "会员余额", "储值余额", "卡扣"), PaymentMethod.STORED_VALUE),
    **dict.fromkeys(("次卡", "划卡", "疗程卡", "耗卡"), PaymentMethod.SESSION),
    **dict.fromkeys(("团购", "团购券"), PaymentMethod.VOUCHER),
    "": PaymentMethod.UNKNOWN,
}
WALK_INS = {"散客", "过客", "路客", "临时客户", "非会员", "walk-in", "walk in", "guest", "-", "--", "/", "无"}
EARLIEST = date(1980, 1, 1)
"""Before it nobody kept sales in a program: the year is a slip of the pen."""

_RECHARGE = re.compile(
    r"(会员|储值|余额|账户)?卡?(充值|续充|储值|充卡|预存|预充|预付)(卡|款|金)?\s*(\d+元?)?([送赠]\d+元?)?|recharge|top.?up",
    re.IGNORECASE,
)
_GIVEN = re.compile(r"(会员|储值|余额|账户)?卡?(充值|续充|储值|预存)?[赠送]+(金|金额|余额|值)?|bonus", re.IGNORECASE)
_CANCELLED = re.compile(r".*(作废|废单|撤单|撤销|冲销|红冲|退单|取消|关闭|void|cancel).*", re.IGNORECASE | re.DOTALL)
_CARD_SOLD = re.compile(r"(开卡|办卡|购卡|买卡|续卡|售卡).*", re.DOTALL)
_REFUND = re.compile(r".*(退款|退货|退卡|退费|refund).*", re.IGNORECASE | re.DOTALL)


def is_sales(table: Table) -> bool:
    """Whether a sheet tells of sales."""
    return all(table.column(*HEADINGS[name]) is not None for name in ("day", "number", "amount"))


def import_sales(table: Table, store_id: int, actor: Actor, dry_run: bool, coming: Coming) -> SheetReport:
    """Take the sales of a sheet. A row is known by its content, and equal rows by their count.

    ``coming`` are the people whom a dry run would have made before; it adds those of this sheet.
    """
    report = SheetReport(table, "sale")
    reader = _Reader(table, report, References(access_for(actor)), coming)
    sales = reader.sales()
    report.unused = unused(table, {column for column in reader.columns.values() if column is not None})
    report.also = {"customers": 0, "staff": 0}
    report.first_store = bool(sales) and store_id == NEW_STORE
    if dry_run:
        _rehearse(sales, report, coming)
        return report
    if report.first_store:
        store_id = first_store(FIRST_STORE, actor)
    for start in range(0, len(sales), CHUNK):
        part = ImportSalesInput(store=store_id, sales=sales[start : start + CHUNK])
        answer = perform(Name.IMPORT_SALES, part, actor=actor)
        report.created += answer["created"]
        report.unchanged += answer["unchanged"]
        for name in report.also:
            report.also[name] += answer[name]
    return report


def _rehearse(sales: list[PastSale], report: SheetReport, coming: Coming) -> None:
    """Count what would come of the sales."""
    known = {sale.source_key for sale in existing(db.session, Sale, "source_key", [s.source_key for s in sales])}
    report.unchanged = len(known)
    fresh = [sale for sale in sales if sale.source_key not in known]
    report.created = len(fresh)
    names = {sale.member_no: sale.name for sale in fresh if sale.member_no is not None}
    numbers = names.keys() - coming.customers.keys()
    numbers -= {str(row.member_no) for row in existing(db.session, Customer, "member_no", sorted(numbers))}
    staff = {sale.performer for sale in fresh if sale.performer} - coming.staff
    staff -= {row.name for row in existing(db.session, Staff, "name", sorted(staff))}
    report.also |= {"customers": len(numbers), "staff": len(staff)}
    coming.customers |= {number: names[number] for number in numbers}
    coming.staff |= staff


class _RefusedRow(Exception):
    """Why a row is no sale that can be brought over."""

    def __init__(self, key: str, reason: LazyString | str) -> None:
        super().__init__(str(reason))
        self.key = key


class _Reader:
    """Reads rows of one table."""

    def __init__(self, table: Table, report: SheetReport, references: References, coming: Coming) -> None:
        self.table, self.report, self.references, self.coming = table, report, references, coming
        self.columns = {key: table.column(*headings) for key, headings in HEADINGS.items()}
        self.today = business_day(now())
        self.seen: Counter[str] = Counter()
        self._load()

    def _load(self) -> None:
        numbers, names = (
            [plain(cell_of(row, self.columns[key])) for row in self.table.rows] for key in ("number", "name")
        )
        self.owners = {str(c.member_no): c for c in existing(db.session, Customer, "member_no", sorted(set(numbers)))}
        unnumbered = {name for number, name in zip(numbers, names, strict=True) if not number}
        self.references.load("customer", unnumbered - WALK_INS)
        self.references.load("staff", ())

    def text(self, row: Row, key: str) -> str:
        """A cell as text.

        :raises _RefusedRow: what stands there has no value.
        """
        try:
            return text_of(row, self.columns[key])
        except Unreadable as error:
            raise _RefusedRow(key, str(error)) from error

    def heading(self, key: str) -> str:
        column = self.columns[key]
        return self.table.headings[column] if column is not None else HEADINGS[key][0]

    def sales(self) -> list[PastSale]:
        found: list[PastSale] = []
        for row in self.table.rows:
            try:
                found.append(self._sale(row))
            except _RefusedRow as refused:
                self.report.refused.append(RowFault(row, self.heading(refused.key), str(refused)))
        return found

    def _sale(self, row: Row) -> PastSale:
        """:raises _RefusedRow: the row is no sale that can be brought over."""
        day, amount = self._day(row), self._amount(row)
        number, name = self._customer(row)
        quantity = count_of(self.text(row, "quantity") or "1", "次", "个", "件")
        if quantity is None or quantity <= 0:
            raise _RefusedRow("quantity", _l("A quantity is more than zero."))
        column = SaleLine.fields()["quantity"]
        if column.range is not None and not column.range.includes(quantity):
            raise _RefusedRow("quantity", column.range.message(column.kind))
        method = METHODS.get(self.text(row, "method").lower())
        if method is None:
            words = {word: (word,) for word in METHODS if word and not word.isascii()}
            reason = _l("This way of paying is not known; there are: %(known)s.", known="、".join(words))
            self.report.outside.add(self.heading("method"), NoChoice(self.text(row, "method"), reason, words))
            raise _RefusedRow("method", reason)
        service, product = self.text(row, "service"), self.text(row, "product")
        performer = self._performer(row)
        written = self.text(row, "number")
        content = [written, day.isoformat(), service, product, str(quantity), str(amount), method, performer]
        if number != written and name:
            content.append(name)
        return PastSale(
            row=row.number,
            source_key=self._key("|".join(content)),
            member_no=number,
            name=name,
            day=day,
            kind=self._kind(row, service or product, bool(service)),
            item=(service or product or _("Sale brought over"))[:80],
            quantity=quantity,
            amount=amount,
            method=method,
            performer=performer,
        )

    def _key(self, content: str) -> str:
        self.seen[content] += 1
        return hashlib.sha256(f"{content}|{self.seen[content]}".encode()).hexdigest()[:40]

    def _day(self, row: Row) -> date:
        written = cell_of(row, self.columns["day"])
        day = day_of(written or "") or day_of(plain(written)[:10])
        if day is None:
            raise _RefusedRow("day", _l("There is no such day: %(written)s.", written=plain(written)))
        if day > self.today:
            raise _RefusedRow("day", _l("This day has not come yet: %(written)s.", written=plain(written)))
        if day < EARLIEST:
            raise _RefusedRow("day", _l("This day is too long ago to be meant: %(written)s.", written=plain(written)))
        return day

    def _amount(self, row: Row) -> int:
        state, sort = self.text(row, "state"), self.text(row, "sort")
        for key, word in (("state", state), ("sort", sort)):
            if _CANCELLED.fullmatch(word):
                raise _RefusedRow(key, _l("This was cancelled («%(word)s»); it is no sale.", word=word))
        amount = fen_of(self.text(row, "amount"))
        if amount is None:
            raise _RefusedRow("amount", _l("This is not an amount of money, such as 298 or 298.50."))
        words = (self.text(row, "service"), self.text(row, "product"), sort, state)
        if amount < 0 or any(_REFUND.fullmatch(word) for word in words):
            reason = _l("A refund is not brought over as a sale; take the sale it belongs to out of the file as well.")
            raise _RefusedRow("amount", reason)
        return amount

    def _kind(self, row: Row, item: str, is_service: bool) -> LineKind:
        """A recharge is money paid in ahead, and no service; a card sold comes with its sessions."""
        words = [word for word in (self.text(row, "sort"), item) if word]
        if any(_GIVEN.fullmatch(word) for word in words):
            reason = _l("What was given on top of a recharge is no money; bring it over with the balances.")
            raise _RefusedRow("sort" if self.columns["sort"] is not None else "service", reason)
        if any(_RECHARGE.fullmatch(word) for word in words):
            return LineKind.RECHARGE
        if any(_CARD_SOLD.fullmatch(word) for word in words):
            key = "sort" if self.columns["sort"] is not None else "service"
            raise _RefusedRow(key, _l("A card sold is no sale of the past; bring its sessions over with the balances."))
        return LineKind.SERVICE if is_service else LineKind.PRODUCT

    def _customer(self, row: Row) -> tuple[str | None, str]:
        """Her member number and name; no number for a walk-in."""
        number, name = self.text(row, "number"), self.text(row, "name")
        if number.lower() in WALK_INS or (not number and (not name or name.lower() in WALK_INS)):
            if not number and not name and self.columns["name"] is None:
                raise _RefusedRow("number", _l("This must not be empty; for a walk-in write: walk-in."))
            if name and name.lower() not in WALK_INS:
                raise _RefusedRow("number", _l("%(name)s has no member number here; write it.", name=name))
            return None, ""
        if not number:
            return self._by_name(name)
        owner = self.owners[number].name if number in self.owners else self.coming.customers.get(number)
        if owner and name and without_title(name) != without_title(owner):
            raise _RefusedRow("number", _l("This member number belongs to %(name)s.", name=owner))
        return number, name

    def _by_name(self, name: str) -> tuple[str | None, str]:
        numbers = self.coming.numbers_of(name)
        if len(numbers) == 1 and not self.references.all("customer", name):
            return numbers[0], name
        try:
            owner = db.session.get_one(Customer, self.references.find("customer", name))
        except Unreadable as error:
            raise _RefusedRow("name", str(error)) from error
        if owner.member_no is None:
            raise _RefusedRow("number", _l("%(name)s has no member number here; write it.", name=name))
        return owner.member_no, name

    def _performer(self, row: Row) -> str:
        """Who did it; of a name that several have, nobody is taken, and that is told."""
        name = self.text(row, "performer")
        if not name:
            return ""
        if (count := len(self.references.all("staff", name))) > 1:
            reason = _("%(count)s have this name or number: %(name)s. Write which.", count=count, name=name)
            self.report.lost.append(RowFault(row, self.heading("performer"), reason))
            return ""
        return name
