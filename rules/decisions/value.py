"""Stored value, points and cards at the counter: what is granted, what is taken first, what is given back.

Money is in fen; nothing here reads or writes the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from rules.decisions.tiers import months_later
from rules.documents.till import PointsDocument, RechargeDocument

FAR = date.max


def bonus_for(paid: int, document: RechargeDocument) -> int:
    """What is given on top of a recharge: that of the highest step reached."""
    return max((step.bonus for step in document.steps if paid >= step.pay), default=0)


def bonus_until(day: date, document: RechargeDocument) -> date:
    """The last day of a bonus granted on ``day``."""
    return months_later(day, document.bonus_valid)


def points_for(paid: int, rate: int, document: PointsDocument) -> int:
    """Points for so much money on one line: rounded down, times the tier's rate (thousandths)."""
    return paid * document.per_yuan * rate // (100 * 1000 * 1000)


def points_until(day: date, document: PointsDocument) -> date:
    """Points end with the year, so many years later."""
    return date(day.year + document.years, 12, 31)


@dataclass(frozen=True)
class Purse:
    """A principal lot with the bonus lot beside it: lot ids and what is left of each."""

    principal_lot: int | None
    principal: int
    bonus_lot: int | None = None
    bonus: int = 0
    expires_on: date | None = None

    @property
    def whole(self) -> int:
        return self.principal + self.bonus

    def without(self, taken: Mapping[int, int]) -> Purse:
        """What is left of it after so much (by lot id) is taken; a lot of which nothing is left is none."""
        principal = self.principal - taken.get(self.principal_lot or 0, 0)
        bonus = self.bonus - taken.get(self.bonus_lot or 0, 0)
        return Purse(
            self.principal_lot if principal else None,
            principal,
            self.bonus_lot if bonus else None,
            bonus,
            self.expires_on if bonus else None,
        )


Taken = tuple[int, int]
"""A lot and how much of it."""


def burn(purses: Iterable[Purse], amount: int, *, bonus_too: bool) -> list[Taken] | None:
    """Which lots pay ``amount``: the soonest to end first, bonus in proportion with its principal (rounded down).

    None when there is not enough.
    """
    taken: list[Taken] = []
    for purse in sorted(purses, key=lambda one: (one.expires_on or FAR, one.principal_lot or 0)):
        there = purse.whole if bonus_too else purse.principal
        now = min(amount, there)
        if now == 0:
            continue
        bonus = now * purse.bonus // purse.whole if bonus_too else 0
        taken += [
            (lot, part) for lot, part in ((purse.principal_lot, now - bonus), (purse.bonus_lot, bonus)) if lot and part
        ]
        amount -= now
    return None if amount else taken


def soonest_first(lots: Iterable[tuple[int, int, date | None]], amount: int) -> list[Taken] | None:
    """Which lots (id, left, end) give ``amount``; None when there is not enough."""
    taken: list[Taken] = []
    for lot, left, _ends in sorted(lots, key=lambda one: (one[2] or FAR, one[0])):
        now = min(amount, left)
        if now:
            taken.append((lot, now))
            amount -= now
    return None if amount else taken


def spread(total: int, weights: Sequence[int]) -> list[int]:
    """``total`` in whole parts as near to the weights as can be; what rounding leaves goes to the first parts."""
    whole = sum(weights)
    if whole == 0:
        return [total, *[0] * (len(weights) - 1)]
    parts = [total * weight // whole for weight in weights]
    for place in range(total - sum(parts)):
        parts[place % len(parts)] += 1
    return parts


def package_shares(price: int, weights: Sequence[int], most: Sequence[int | None]) -> list[int] | None:
    """A package's price shared out over its parts by ``weights``; a part with a ``most`` stands for no more than that,
    and the others for the rest. None where all parts together may not stand for so much.
    """
    shares = spread(price, weights)
    rest = sum(max(share - limit, 0) for share, limit in zip(shares, most, strict=True) if limit is not None)
    shares = [share if limit is None else min(share, limit) for share, limit in zip(shares, most, strict=True)]
    for place, limit in enumerate(most):
        room = rest if limit is None else min(rest, limit - shares[place])
        shares[place] += room
        rest -= room
    return None if rest else shares


def session_worth(rest: int, left: int) -> int:
    """What the next of ``left`` sessions takes of the ``rest`` of a card's worth: rounded down, the last takes it all.

    So they come to the card's worth exactly, also when one of them was taken back and is given again.
    """
    return rest // left


COOLING_OFF = 7
"""Days within which an unused prepayment goes back whole.

Source: 最高人民法院关于审理预付式消费民事纠纷案件适用法律若干问题的解释 (in force 2025-05-01).
"""


@dataclass(frozen=True)
class CardRefund:
    """The working of a card's refund: ``paid - used = back``."""

    paid: int
    used: int
    sessions_used: int
    unused_within_days: bool

    @property
    def back(self) -> int:
        return max(self.paid - self.used, 0)


def card_refund(paid: int, worth_left: int, sessions_used: int, opened_on: date, day: date) -> CardRefund:
    """What goes back for a card of which ``worth_left`` is left: sessions given count at their share of the price."""
    fresh = sessions_used == 0 and (day - opened_on).days <= COOLING_OFF
    return CardRefund(paid, paid - worth_left, sessions_used, fresh)
