"""What stands around the sales: vouchers, approvals, what was taken back, the drawer and the day."""

from __future__ import annotations

from datetime import date, datetime

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as pgettext
from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped

from models.entity import Event, Record
from models.field import MOST_MONEY, Choice, Privacy, choice, field, reference
from models.invariants import holds
from models.names import Name
from models.screen import Screen, Section, WrittenBy
from models.types import Big, Day, Instant, Json, LongText, Money, Text


class Platform(Choice):
    """Who sold a group-buying voucher."""

    MEITUAN = "meituan", _l("Meituan")
    DIANPING = "dianping", _l("Dianping")
    DOUYIN = "douyin", _l("Douyin")
    OTHER = "other", _l("Another platform")


class Voucher(Event):
    """A group-buying voucher that was taken: what it stood for, and what the platform will pay. It is taken once; again
    only after it was taken back, where ``rules/till.yaml`` lets it be (``taking`` is 2 then).
    """

    label = _l("Voucher")
    plural = _l("Vouchers")
    written_by = WrittenBy.by(Name.SELL)
    title = ("platform", "code")
    screen = Screen(
        Section.SALES, "tag", ("business_day", "platform", "code", "amount", "settle_price", "sale_id", "store_id")
    )
    __table_args__ = (
        UniqueConstraint("platform", "code", "taking"),
        holds(
            "amount > 0 AND settle_price BETWEEN 0 AND amount",
            "settle_price",
            "settle_price",
            _l("The platform pays at most what the voucher stands for."),
        ),
    )

    sale_id: Mapped[int] = reference("sale", label=_l("Sale"))
    store_id: Mapped[int] = reference("store", label=_l("Store"))
    customer_id: Mapped[int | None] = reference("customer", label=_l("Customer"))
    business_day: Mapped[date] = field(Day, label=_l("Business day"), index=True)
    platform: Mapped[Platform] = field(choice(Platform), label=_l("Platform"))
    code: Mapped[str] = field(Text(40), label=_l("Code"), index=True)
    taking: Mapped[int] = field(Big, label=_l("Taken for the n-th time"), default=1)
    amount: Mapped[int] = field(Money, label=_l("Stands for"))
    settle_price: Mapped[int] = field(Money, label=_l("Platform pays"))


class Approval(Event):
    """Somebody with the right to do so allowed, on the spot, what another asked for. It is good for one sale."""

    label = _l("Approval")
    plural = _l("Approvals")
    written_by = WrittenBy.by(Name.ALLOW, Name.ANSWER_REQUEST)
    title = ("operation", "allowed_by")
    screen = Screen(
        Section.SALES,
        "check",
        ("at", "operation", "asked_by", "allowed_by", "reason", "store_id", "business_day"),
        "-id",
    )

    store_id: Mapped[int] = reference("store", label=_l("Store"))
    business_day: Mapped[date] = field(Day, label=_l("Business day"), index=True)
    at: Mapped[datetime] = field(Instant, label=_l("At"))
    operation: Mapped[str] = field(Text(40), label=pgettext("approval", "For"), words="operations")
    asked_by: Mapped[int] = reference("user", label=_l("Asked by"))
    allowed_by: Mapped[int] = reference("user", label=_l("Allowed by"))
    content: Mapped[str] = field(Text(64), label=_l("Of what"), generated=True)
    reason: Mapped[str] = field(Text(200), label=_l("Reason"))


class RequestState(Choice):
    """What became of a request for an approval."""

    OPEN = "open", pgettext("approval", "Waiting")
    ALLOWED = "allowed", _l("Allowed")
    REFUSED = "refused", _l("Refused")


class ApprovalRequest(Record):
    """Somebody asked for an approval from where they stand, for whoever may give it to answer from theirs.

    ``content`` is the digest of what is to be done (as of an approval), ``working`` what it comes to, line by line.
    """

    label = _l("Request for an approval")
    plural = _l("Requests for approvals")
    written_by = WrittenBy.by(Name.ASK_APPROVAL, Name.ANSWER_REQUEST)
    imports = False
    title = ("operation", "asked_by")
    screen = Screen(
        Section.SALES, "check", ("at", "operation", "total", "asked_by", "why", "state", "answered_by", "store_id")
    )

    store_id: Mapped[int] = reference("store", label=_l("Store"))
    customer_id: Mapped[int | None] = reference("customer", label=_l("Customer"))
    at: Mapped[datetime] = field(Instant, label=_l("Asked at"), index=True)
    operation: Mapped[str] = field(Text(40), label=pgettext("approval", "For"), words="operations")
    asked_by: Mapped[int] = reference("user", label=_l("Asked by"))
    content: Mapped[str] = field(Text(64), label=_l("Of what"), privacy=Privacy.SECRET, generated=True)
    total: Mapped[int | None] = field(Money, label=_l("Total"))
    working: Mapped[str | None] = field(LongText, label=_l("Lines"), generated=True)
    why: Mapped[str] = field(Text(200), label=_l("Reason"))
    state: Mapped[RequestState] = field(choice(RequestState), label=_l("State"), default=RequestState.OPEN)
    answered_by: Mapped[int | None] = reference("user", label=_l("Answered by"))
    answered_at: Mapped[datetime | None] = field(Instant, label=_l("Answered at"))
    answer: Mapped[str | None] = field(Text(200), label=_l("Answer"))
    approval_id: Mapped[int | None] = reference("approval", label=_l("Approval"))


class Reversal(Event):
    """A sale line was taken back, whole: money, value, points. No line is taken back twice."""

    label = _l("Reversal")
    plural = _l("Reversals")
    written_by = WrittenBy.by(Name.REVERSE_SALE, Name.UNDO_BALANCES)
    title = ("sale_line_id",)
    screen = Screen(
        Section.SALES,
        "undo",
        ("business_day", "sale_id", "sale_line_id", "amount", "customer_id", "reason", "store_id"),
        "-id",
    )

    sale_id: Mapped[int] = reference("sale", label=_l("Sale"))
    sale_line_id: Mapped[int] = reference("sale_line", label=_l("Sale line"), unique=True, index=False)
    customer_id: Mapped[int | None] = reference("customer", label=_l("Customer"))
    store_id: Mapped[int] = reference("store", label=_l("Store"))
    business_day: Mapped[date] = field(Day, label=_l("Business day"), index=True)
    at: Mapped[datetime] = field(Instant, label=_l("At"))
    amount: Mapped[int] = field(Money, label=_l("Amount"), least=-MOST_MONEY)
    reason: Mapped[str] = field(Text(200), label=_l("Reason"))


class TillShift(Record):
    """A drawer was opened with some change in it, and counted at the end."""

    label = _l("Till shift")
    plural = _l("Till shifts")
    written_by = WrittenBy.by(Name.OPEN_TILL, Name.CLOSE_DAY)
    title = ("store_id", "business_day")
    imports = False
    screen = Screen(
        Section.SALES, "coin", ("business_day", "store_id", "opening_cash", "opened_at", "closed_at"), "-business_day"
    )
    __table_args__ = (UniqueConstraint("store_id", "business_day"),)

    store_id: Mapped[int] = reference("store", label=_l("Store"))
    business_day: Mapped[date] = field(Day, label=_l("Business day"), index=True)
    opening_cash: Mapped[int] = field(Money, label=_l("Change in the drawer"))
    opened_at: Mapped[datetime] = field(Instant, label=_l("Opened at"))
    closed_at: Mapped[datetime | None] = field(Instant, label=_l("Closed at"))


class DayClose(Event):
    """A store's day is closed: what should be in the drawer, what is, and the totals as they stood. After it, nothing
    is written for that day.
    """

    label = _l("Day close")
    plural = _l("Day closes")
    written_by = WrittenBy.by(Name.CLOSE_DAY)
    title = ("store_id", "business_day")
    screen = Screen(
        Section.SALES,
        "check",
        ("business_day", "store_id", "expected_cash", "counted_cash", "difference", "reason", "closed_by"),
        "-business_day",
    )
    __table_args__ = (
        UniqueConstraint("store_id", "business_day"),
        holds(
            "difference = counted_cash - expected_cash",
            "difference",
            "counted_cash",
            _l("The difference does not follow from what was counted."),
        ),
        holds("difference = 0 OR reason IS NOT NULL", "reason", "reason", _l("A difference needs a reason.")),
    )

    store_id: Mapped[int] = reference("store", label=_l("Store"))
    business_day: Mapped[date] = field(Day, label=_l("Business day"), index=True)
    at: Mapped[datetime] = field(Instant, label=_l("At"))
    expected_cash: Mapped[int] = field(Money, label=_l("Should be there"), least=-MOST_MONEY)
    counted_cash: Mapped[int] = field(Money, label=_l("Counted"))
    difference: Mapped[int] = field(Money, label=_l("Difference"), least=-MOST_MONEY)
    receipts: Mapped[int] = field(Big, label=_l("Receipts"))
    totals: Mapped[dict[str, int]] = field(Json, label=_l("Totals"))
    reason: Mapped[str | None] = field(Text(200), label=_l("Reason"))
    closed_by: Mapped[str] = field(Text(60), label=_l("Closed by"))
