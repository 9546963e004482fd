"""The receipt of a sale: what stands on it, and the same as a PDF as wide as the till's paper."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from math import ceil
from typing import Any

from flask import current_app
from flask_babel import gettext as _
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from admin_app.documents.receipt_font import embedded, width_of
from admin_app.holdings import Balances, HeldCard, balances_of, cards_held
from admin_app.i18n import join_words
from admin_app.operations.kernel import business_day, now
from admin_app.taken_back import TakenBack, taken_back
from admin_app.titles import titles_by
from admin_app.values import money
from models.cards import Card
from models.customers import Customer, current_id
from models.organisation import Store
from models.sales import Confirmation, Payment, PaymentMethod, Sale, SaleLine, StaffShare
from models.till import Reversal
from models.value import Account
from rules.decisions.access import Access
from rules.documents.roles import Action

PAPERS = (58, 80)
"""Widths of the till's paper in mm."""


@dataclass(frozen=True)
class SlipLine:
    """A line as it is printed (fen): who served, and whether it was taken back since."""

    row: SaleLine
    by: list[str]
    taken_back: bool


@dataclass(frozen=True)
class Slip:
    """A receipt as it is printed; what is left stands as of now, None where the reader may not see it."""

    sale: Sale
    store: Store
    customer: str
    lines: list[SlipLine]
    payments: list[tuple[PaymentMethod, int]]
    balances: Balances | None
    cards: list[HeldCard]
    returns: list[TakenBack]

    @property
    def off(self) -> bool:
        """Whether nothing of it stands any more."""
        return all(line.taken_back for line in self.lines)

    @property
    def number(self) -> str:
        """Day and number: without gaps in a store."""
        return f"{self.sale.business_day:%Y%m%d}-{self.sale.number:03d}"

    @property
    def time(self) -> str:
        return f"{self.sale.sold_at.astimezone(current_app.config['PEONY'].zone):%Y-%m-%d %H:%M}"

    @property
    def signed(self) -> bool:
        """Whether she confirms by her signature on the paper."""
        return self.sale.confirmed_by is Confirmation.SIGNATURE


def slip_of(session: Session, sale: Sale, access: Access) -> Slip:
    """What stands on the receipt, as far as this person may see it."""
    holder = _holder(session, sale)
    day = business_day(now())
    returns = taken_back(session, sale)
    sees = {entity: holder is not None and access.may(Action.VIEW, entity) for entity in (Account, Card)}
    return Slip(
        sale,
        session.get_one(Store, sale.store_id),
        titles_by({"customer": {sale.customer_id}}, access)["customer", sale.customer_id] if sale.customer_id else "",
        _lines(session, sale, access),
        _payments(session, sale, returns),
        balances_of(session, holder, day) if holder is not None and sees[Account] else None,
        cards_held(session, day, Card.customer_id == holder, access.rows(Card)) if sees[Card] else [],
        returns,
    )


def _holder(session: Session, sale: Sale) -> int | None:
    """Whose balances these are by now: those of the one she was merged into."""
    if sale.customer_id is None:
        return None
    return session.scalar(select(current_id()).where(Customer.id == sale.customer_id))


def _lines(session: Session, sale: Sale, access: Access) -> list[SlipLine]:
    rows = list(session.scalars(select(SaleLine).where(SaleLine.sale_id == sale.id).order_by(SaleLine.position)))
    ids = [row.id for row in rows]
    back = set(session.scalars(select(Reversal.sale_line_id).where(Reversal.sale_line_id.in_(ids))))
    shares = select(StaffShare.sale_line_id, StaffShare.staff_id).where(StaffShare.sale_line_id.in_(ids))
    served: dict[int, list[int]] = defaultdict(list)
    for line, staff in session.execute(shares.order_by(StaffShare.id)):
        served[line].append(staff)
    names = titles_by({"staff": {one for many in served.values() for one in many}}, access)
    return [
        SlipLine(row, [names["staff", one] for one in dict.fromkeys(served[row.id])], row.id in back) for row in rows
    ]


def _payments(session: Session, sale: Sale, returns: Sequence[TakenBack]) -> list[tuple[PaymentMethod, int]]:
    """How it was paid: what was settled since is counted; what went back when it was taken back stands by itself."""
    paid = select(Payment.method, func.sum(Payment.amount)).where(Payment.sale_id == sale.id).group_by(Payment.method)
    found = Counter({method: int(total) for method, total in session.execute(paid)})
    for event in returns:
        found.update(dict(event.paid_back))
    return [(method, found[method]) for method in PaymentMethod if found[method]]


# ------------------------------------------------------------------------------------------------------ as a PDF

SMALL, USUAL, LARGE = 7.5, 9.0, 12.0
LEADING = 1.4
MARGIN = 3 * mm


@dataclass(frozen=True)
class Text:
    """A line of print: words at the left, or in the middle, and an amount at the right."""

    left: str = ""
    right: str = ""
    size: float = USUAL
    middle: bool = False


RULE = Text(size=0)
"""A thin rule across the paper."""


def receipt_pdf(slip: Slip, paper: int) -> bytes:
    """The receipt on one page as long as it needs; ``paper`` is its width in mm."""
    width = paper * mm
    printed = _printed(slip, width)
    height = sum(_height(line) for line in printed) + 2 * MARGIN
    file = BytesIO()
    canvas = Canvas(file, pagesize=(width, height))
    canvas.setTitle(f"{slip.store.name} {slip.number}")
    with embedded("".join(line.left + line.right for line in printed)) as font:
        _draw(canvas, font, printed, width, height)
        canvas.save()
    return file.getvalue()


def _printed(slip: Slip, width: float) -> list[Text]:
    """Every line of print on paper so wide (points)."""
    return [piece for line in content(slip) for piece in wrapped(line, width - 2 * MARGIN)]


def roll_length(slip: Slip, paper: int) -> int:
    """How much of the roll a browser needs for it (mm): its print is larger than the PDF's by half at most."""
    length: float = sum(_height(line) for line in _printed(slip, paper * mm)) / mm
    return ceil(length * 1.5) + 10


def _height(line: Text) -> float:
    return line.size * LEADING if line.size else 2 * mm


def _draw(canvas: Any, font: str, printed: Sequence[Text], width: float, height: float) -> None:
    at = height - MARGIN
    canvas.setLineWidth(0.4)
    for line in printed:
        at -= _height(line)
        if not line.size:
            canvas.line(MARGIN, at + mm, width - MARGIN, at + mm)
            continue
        canvas.setFont(font, line.size)
        base = at + line.size * (LEADING - 1)
        if line.middle:
            canvas.drawCentredString(width / 2, base, line.left)
        else:
            canvas.drawString(MARGIN, base, line.left)
            canvas.drawRightString(width - MARGIN, base, line.right)


def wrapped(line: Text, width: float) -> Iterator[Text]:
    """The same in as many lines as it needs (points); the amount stands in the last."""
    room = width - (width_of(line.right, line.size) + 4 if line.right else 0)
    words = line.left
    while width_of(words, line.size) > room:
        fits = next(n for n in range(len(words), 0, -1) if n == 1 or width_of(words[:n], line.size) <= room)
        yield Text(words[:fits], "", line.size, line.middle)
        words = words[fits:]
    yield Text(words, line.right, line.size, line.middle)


def content(slip: Slip) -> Iterator[Text]:
    """Everything on the paper, from top to bottom."""
    yield Text(slip.store.name, size=LARGE, middle=True)
    yield Text(_("Receipt %(number)s", number=slip.number), middle=True)
    if slip.off:
        yield Text(_("Taken back"), size=LARGE, middle=True)
    yield Text(slip.time, size=SMALL, middle=True)
    if slip.customer:
        yield Text(_("Customer: %(name)s", name=slip.customer), size=SMALL)
    yield RULE
    for line in slip.lines:
        yield from _line(line)
    yield RULE
    yield Text(_("Total"), money(slip.sale.total), LARGE)
    for method, amount in slip.payments:
        yield Text(str(method.label), money(amount))
    for event in slip.returns:
        yield from _returned(event)
    yield from _left(slip)
    if slip.signed:
        yield RULE
        yield Text(size=LARGE)
        yield Text(_("Signature") + " ____________________")
    yield RULE
    yield Text(_("Thank you. We look forward to seeing you again."), size=SMALL, middle=True)
    for said in (slip.store.address, slip.store.phone):
        if said:
            yield Text(said, size=SMALL, middle=True)


def _line(line: SlipLine) -> Iterator[Text]:
    row = line.row
    yield Text(row.item + (f" × {row.quantity}" if row.quantity > 1 else ""), money(row.amount))
    notes = [_("Taken back")] if line.taken_back else []
    if row.discount:
        notes.append(_("Discount %(amount)s", amount=money(row.discount)))
    if line.by:
        notes.append(_("Served by %(names)s", names=join_words(line.by)))
    for note in notes:
        yield Text("  " + note, size=SMALL)


def _returned(event: TakenBack) -> Iterator[Text]:
    """When something was taken back, and where its value went."""
    yield RULE
    yield Text(_("Taken back on %(day)s", day=event.day.isoformat()), money(-event.amount))
    for method, amount in event.paid_back:
        yield Text("  " + _("Given back: %(way)s", way=method.label), money(amount), SMALL)


def _left(slip: Slip) -> Iterator[Text]:
    """What she has left, as of now."""
    if slip.balances is None and not slip.cards:
        return
    yield RULE
    yield Text(_("Left as of now"), size=SMALL)
    if slip.balances is not None:
        yield Text(_("Stored value"), money(slip.balances.stored))
        yield Text(_("Points"), f"{slip.balances.points:,}")
    for held in slip.cards:
        yield Text(held.card.name, held.card.expires_on.isoformat() if held.card.expires_on else "", SMALL)
        for one in held.items:
            yield Text("  " + one.service, _("%(left)s of %(of)s left", left=one.left, of=one.of), SMALL)
