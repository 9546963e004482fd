"""What holds at the till: recharges and their bonus, points, limits, and what the staff earn by it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated

from flask_babel import lazy_gettext as _l
from pydantic import BeforeValidator, ValidationInfo
from pydantic_core import PydanticCustomError

from models.field import Choice
from models.numbers import yuan_of
from rules.language.faults import Fault, instead
from rules.language.reading import (
    DayCount,
    Days,
    Document,
    Minutes,
    Months,
    Name,
    Names,
    Part,
    Permille,
    PriceShare,
    Share,
    Years,
    Yuan,
)
from rules.language.spellings import percent_of


def _no_share(value: object, info: ValidationInfo) -> object:
    """A bonus is an amount: what a share comes to is told, as far as what is paid in is known."""
    pay: int | None = (info.data or {}).get("pay")
    if pay is not None and (amount := percent_of(pay, str(value))) is not None:
        message = _l(
            "The bonus is an amount in yuan: %(share)s of %(pay)s is %(amount)s. %(mend)s",
            share=str(value),
            pay=yuan_of(pay).removesuffix(".00"),
            amount=amount,
            mend=instead(amount, value),
        )
        raise PydanticCustomError("said", "bonus", {"message": message})
    return value


class RechargeStep(Part):
    """``{pay: 1000, bonus: 50}``: whoever pays in so much at once is given so much on top."""

    pay: Yuan
    bonus: Annotated[Yuan, BeforeValidator(_no_share)]


class RechargeDocument(Document):
    """``rules/recharge.yaml``: the highest step reached counts.

    .. code-block:: yaml

        version: 1
        bonus_valid: 24mo
        warn_above: 5000
        steps:
          - {pay: 1000, bonus: 50}
          - {pay: 2000, bonus: 160}
    """

    bonus_valid: Months
    warn_above: Yuan
    steps: list[RechargeStep]

    def misfits(self) -> Iterator[Fault]:
        """A higher step below a lower one, or one that gives less for more."""
        for lower, higher in pairwise(self.steps):
            if higher.pay <= lower.pay or higher.bonus < lower.bonus:
                yield Fault(higher.place, _l("The steps go up: each asks for more and gives no less."))


class PointsDocument(Document):
    """``rules/points.yaml``: what is earned, when it can be used, and when it ends.

    .. code-block:: yaml

        version: 1
        per_yuan: 100%     # of a point for each yuan paid
        pending: 7d
        years: 1           # good until 31 December, so many years after
    """

    per_yuan: Permille
    pending: Days
    years: Years


class VouchersAgain(Choice):
    """Whether a group-buying voucher can be taken once more after the sale that it paid for was taken back."""

    NEVER = "never", _l("never")
    SAME_DAY = "same_day", _l("on the same day")
    ALWAYS = "always", _l("always")


class TillDocument(Document):
    """``rules/till.yaml``: how far a price may go down, what may be given away, how bookings are laid.

    .. code-block:: yaml

        version: 1
        floor: 65%             # of the list price: a tier's discount never goes below it
        approval_below: 100%   # of what she would pay: a lower price needs somebody's approval
        gifts_a_month: 500     # worth, by one person, without approval
        card_days: 365
        vouchers_again: same_day   # a voucher whose sale was taken back: never, same_day or always
        step: 15min            # bookings begin at full steps
        ahead: 90d             # how far ahead one may book
    """

    floor: PriceShare
    approval_below: PriceShare
    gifts_a_month: Yuan
    card_days: DayCount
    vouchers_again: VouchersAgain = VouchersAgain.NEVER
    step: Minutes
    ahead: Days


class LevelFee(Part):
    """``{level: 高级, of: 120%}``: what this level gets of the manual fee."""

    level: Annotated[Name, Names("levels")]
    of: Permille


class ServiceFee(Part):
    """``{service: 全身 SPA, fee: 50, level: 高级}``: a fee of its own, for everybody or for one level."""

    service: Annotated[Name, Names("services")]
    fee: Yuan
    level: Annotated[Name, Names("levels")] | None = None


class CommissionsDocument(Document):
    """``rules/commissions.yaml``: manual fees by service and level, and shares of the money that came in.

    .. code-block:: yaml

        version: 1
        named: 110%       # of the fee, when she was asked for by name
        assistant: 30%    # of the treatment goes to the assistant
        recharge: 3%
        cards: 5%
        products: 8%
        levels:
          - {level: 高级, of: 120%}
        fees:
          - {service: 全身 SPA, fee: 50}
    """

    named: Permille
    assistant: Share
    recharge: Share
    cards: Share
    products: Share
    levels: list[LevelFee] = []
    fees: list[ServiceFee] = []
