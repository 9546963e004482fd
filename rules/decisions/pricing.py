"""What she pays, and why: list price, the tier's share of it, and prices that somebody changed by hand.

Money is in fen. The one rounding rule: a share of a price is rounded half up to the fen, for one piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.sales import LineKind


@dataclass(frozen=True)
class Wanted:
    """One line of a bill before it is priced. ``price`` is what somebody asks for one piece instead of the usual."""

    kind: LineKind
    list_price: int
    quantity: int = 1
    price: int | None = None
    special: bool = False  # trials and the like: no tier discount


@dataclass(frozen=True)
class Priced:
    """One line of a bill: ``amount = quantity x unit_price - discount``; ``usual`` is what her tier would pay."""

    unit_price: int
    quantity: int
    amount: int
    usual: int

    @property
    def discount(self) -> int:
        return self.unit_price * self.quantity - self.amount

    @property
    def changed(self) -> bool:
        return self.amount != self.usual


@dataclass(frozen=True)
class Shares:
    """What a tier pays of list prices, in thousandths, and how low that may go."""

    services: int = 1000
    products: int = 1000
    floor: int = 0


def share_of(amount: int, permille: int) -> int:
    """So many thousandths of an amount in fen, rounded half up."""
    return (amount * permille + 500) // 1000


def usual_price(wanted: Wanted, shares: Shares) -> int:
    """What one piece costs her by her tier: cards, specials, recharges and deposits have no tier discount."""
    of = {LineKind.SERVICE: shares.services, LineKind.PRODUCT: shares.products}.get(wanted.kind, 1000)
    if wanted.special:
        return wanted.list_price
    return share_of(wanted.list_price, max(of, shares.floor))


def price(wanted: Wanted, shares: Shares) -> Priced:
    """A line as her tier or somebody's hand prices it."""
    usual = usual_price(wanted, shares)
    each = usual if wanted.price is None else wanted.price
    return Priced(wanted.list_price, wanted.quantity, each * wanted.quantity, usual * wanted.quantity)


def needs_approval(lines: Sequence[Priced], approval_below: int) -> bool:
    """Whether any line costs less than so many thousandths of what she would usually pay."""
    return any(line.amount < share_of(line.usual, approval_below) for line in lines)
