"""The demo's ledger: accounts, lots and entries as rows, each movement with both its sides."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from models.value import COMMODITY, AccountKind

Key = tuple[AccountKind, int | None, int | None]


@dataclass(frozen=True)
class Place:
    """In whose books, and on which business day."""

    store: int
    day: date


@dataclass(frozen=True)
class Terms:
    """When a lot ends, from when it can be used, and the principal it stands beside."""

    expires_on: date | None = None
    pending_until: date | None = None
    beside: int | None = None


@dataclass
class Books:
    """Rows of account, lot and ledger_entry; all of them belong to one entry of the log, ``operation``."""

    operation: int
    accounts: list[dict[str, Any]] = field(default_factory=list)
    lots: list[dict[str, Any]] = field(default_factory=list)
    entries: list[dict[str, Any]] = field(default_factory=list)
    known: dict[Key, int] = field(default_factory=dict)

    def account(self, kind: AccountKind, customer: int | None = None, item: int | None = None) -> int:
        """The number of an account, opened when it is first needed."""
        key = (kind, customer, item)
        if key not in self.known:
            self.known[key] = len(self.accounts) + 1
            self.accounts.append(
                {
                    "id": self.known[key],
                    "customer_id": customer,
                    "kind": kind,
                    "commodity": COMMODITY[kind],
                    "card_item_id": item,
                }
            )
        return self.known[key]

    def lot(self, account: int, place: Place, terms: Terms = Terms()) -> int:
        """A new lot on an account."""
        self.lots.append(
            {
                "id": len(self.lots) + 1,
                "account_id": account,
                "customer_id": self.accounts[account - 1]["customer_id"],
                "store_id": place.store,
                "operation_id": self.operation,
                "granted_on": place.day,
                "expires_on": terms.expires_on,
                "pending_until": terms.pending_until,
                "beside_id": terms.beside,
            }
        )
        return len(self.lots)

    def move(
        self,
        given: int,
        taken: int,
        amount: int,
        place: Place,
        *,
        line: int | None = None,
        given_lot: int | None = None,
        taken_lot: int | None = None,
        rule: int | None = None,
    ) -> None:
        """Move ``amount`` to ``given`` from ``taken``; nothing moves nothing."""
        if amount:
            self._entry(given, amount, place, given_lot, line, None, rule)
            self._entry(taken, -amount, place, taken_lot, line, None, rule)

    def reverse(self, first: int, place: Place) -> None:
        """Take back every entry from the ``first``, counted from 0, on; the last of them first."""
        for entry in self.entries[: first - 1 if first else None : -1]:
            self._entry(
                entry["account_id"],
                -entry["amount"],
                place,
                entry["lot_id"],
                entry["sale_line_id"],
                entry["id"],
                entry["rule_version_id"],
            )

    def _entry(
        self,
        account: int,
        amount: int,
        place: Place,
        lot: int | None,
        line: int | None,
        reverses: int | None,
        rule: int | None,
    ) -> None:
        self.entries.append(
            {
                "id": len(self.entries) + 1,
                "operation_id": self.operation,
                "account_id": account,
                "customer_id": self.accounts[account - 1]["customer_id"],
                "amount": amount,
                "lot_id": lot,
                "sale_line_id": line,
                "reverses_id": reverses,
                "rule_version_id": rule,
                "store_id": place.store,
                "business_day": place.day,
            }
        )
