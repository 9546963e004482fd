"""What one of the demo's customers has here: stored value, cards, a deposit, debts."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from models.cards import CardStatus
from rules.decisions import value


@dataclass
class Pot:
    """One recharge: its lots, and what is left in each."""

    principal_lot: int
    principal: int
    bonus_lot: int | None
    bonus: int
    expires_on: date | None


@dataclass
class Held:
    """A card with one kind of session, as far as it is used."""

    card: dict[str, Any]
    item: dict[str, Any]
    left: int
    worth: int
    sale: int
    points: tuple[int, int] | None  # the lot that its sale earned, and how many

    def usable(self, day: date) -> bool:
        return self.left > 0 and self.card["status"] is CardStatus.LIVE and self.card["expires_on"] >= day


@dataclass
class Wallet:
    """What a customer has here, what she has paid so far, and what she means to have paid by now (fen)."""

    customer: int
    store: int
    style: str
    tier: str | None = None
    pots: list[Pot] = field(default_factory=list)
    cards: list[Held] = field(default_factory=list)
    deposit: tuple[int, int] | None = None
    owed: list[tuple[int, int]] = field(default_factory=list)
    paid: int = 0
    plan: int = 0

    def stored(self, day: date, *, bonus_too: bool = True) -> int:
        """Her stored value that is still good."""
        return sum(purse.whole if bonus_too else purse.principal for purse in self.purses(day))

    def purses(self, day: date) -> list[value.Purse]:
        return [
            value.Purse(
                pot.principal_lot,
                pot.principal,
                pot.bonus_lot,
                pot.bonus if pot.expires_on is None or pot.expires_on >= day else 0,
                pot.expires_on,
            )
            for pot in self.pots
            if pot.principal or pot.bonus
        ]

    def card(self, day: date) -> Held | None:
        """The card she uses first."""
        return next((held for held in self.cards if held.usable(day)), None)
