"""What customers had before: tiers, balances, debts, points and sessions, brought over as opening entries; and taken
back whole.
"""

from __future__ import annotations

import secrets
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import date
from typing import Annotated, Any

from flask_babel import lazy_gettext as _l
from pydantic import Field
from sqlalchemy import Select, exists, func, insert, select
from sqlalchemy.orm import aliased

from admin_app.operations.kernel import Operation
from admin_app.operations.ledger import Ledger
from admin_app.operations.opening_debts import take_debts_back, write_debts
from admin_app.operations.refusals import Refused
from admin_app.operations.registry import Answer, Ask, Input, Row, operation
from admin_app.rulebook import rulebook, versions
from models.cards import Card, CardItem, CardStatus
from models.catalogue import Service
from models.customers import Customer
from models.entity import PUBLIC_ID_BYTES, Entity
from models.log import Operation as LogOperation
from models.log import RowChange
from models.names import Name
from models.organisation import Store
from models.rulebook import ChangedCustomer
from models.standing import Membership, TierChange, TierMove
from models.value import Account, AccountKind, LedgerEntry, Lot
from rules.decisions.tiers import months_later
from rules.decisions.value import points_until
from rules.documents.tiers import TiersDocument


class Opening(Row):
    """What one row of a book says of a customer; money in fen. ``lasts`` says that the tier has no end.

    A customer may have several rows: a card each.
    """

    row: int
    member_no: str
    tier: str | None = None
    principal: Annotated[int, Field(ge=0, le=10**11)] = 0
    bonus: Annotated[int, Field(ge=0, le=10**11)] = 0
    debt: Annotated[int, Field(ge=0, le=10**11)] = 0
    points: Annotated[int, Field(ge=0, le=10**11)] = 0
    sessions: Annotated[int, Field(ge=0, le=10**6)] = 0
    card: Annotated[str, Field(max_length=60)] = ""
    service: str = ""
    valid_until: date | None = None
    lasts: bool = False


class OpenBalancesInput(Input):
    """Opening balances, and the store that answers for them. All rows of a customer belong into one input."""

    store: int
    rows: Annotated[list[Opening], Field(max_length=1_000)]


OLD_CARD = _l("Old card")
OLD_SESSION = _l("Session of an old card")


@operation(Name.OPEN_BALANCES, label=_l("Bring balances over"), form=False)
def open_balances(op: Operation, data: OpenBalancesInput) -> Answer:
    """Write opening entries for customers who have none yet. Known by their member numbers. A debt is a receipt on
    account, which is paid at the till.

    The answer names the rows of numbers that nobody has, of customers whose entries stand already, and of those whose
    entries say otherwise than the rows.
    """
    store = op.find(Store, data.store)
    people = _people(op, {row.member_no for row in data.rows})
    standing = _standing(op, [customer.id for customer in people.values()])
    missing = [row.row for row in data.rows if row.member_no not in people]
    rows = [row for row in data.rows if row.member_no in people]
    asked: dict[int, Counter[AccountKind]] = defaultdict(Counter)
    for row in rows:
        asked[people[row.member_no].id].update(_amounts(row))
    stands = [row for row in rows if people[row.member_no].id in standing]
    differing = [row.row for row in stands if standing[people[row.member_no].id] != +asked[people[row.member_no].id]]
    there = [row.row for row in stands if row.row not in set(differing)]
    new = [(people[row.member_no], row) for row in rows if people[row.member_no].id not in standing]
    op.store_id = store.id
    _Books(op, Ledger(op, store.id, op.day)).open([(customer, row) for customer, row in new if _amounts(row)])
    moved = _open_tiers(op, [(customer, row) for customer, row in new if row.tier is not None])
    there += [row.row for _, row in new if not _amounts(row) and row.row not in moved]
    created = len(rows) - len(differing) - len(there)
    op.detail = {"customers": created, "total": sum(row.principal for _, row in new)}
    unchanged = {"unchanged": len(there), "there": there, "differing": differing}
    return {"created": created, "missing": missing, "operation": op.number, **unchanged}


def _amounts(row: Opening) -> Counter[AccountKind]:
    """What the row brings over, by the kind of account."""
    amounts = Counter(
        {
            AccountKind.PRINCIPAL: row.principal,
            AccountKind.BONUS: row.bonus,
            AccountKind.POINTS: row.points,
            AccountKind.SESSIONS: row.sessions,
            AccountKind.RECEIVABLE: row.debt,
        }
    )
    return +amounts


def _people(op: Operation, numbers: Collection[str]) -> dict[str, Customer]:
    """The customers by member number; a merged record stands for the one it was merged into."""
    found = list(op.session.scalars(select(Customer).where(Customer.member_no.in_(numbers))))
    merged = {row.merged_into_id for row in found if row.merged_into_id is not None}
    into = {row.id: row for row in op.session.scalars(select(Customer).where(Customer.id.in_(merged)))}
    return {str(row.member_no): into.get(row.merged_into_id or 0, row) for row in found}


def _standing(op: Operation, customers: Sequence[int]) -> dict[int, Counter[AccountKind]]:
    """Whose opening entries stand, and what they come to by the kind of account."""
    reversal = aliased(LedgerEntry)
    query = (
        select(LedgerEntry.customer_id, Account.kind, func.sum(LedgerEntry.amount))
        .join(LogOperation, LogOperation.id == LedgerEntry.operation_id)
        .join(Account, Account.id == LedgerEntry.account_id)
        .where(
            LedgerEntry.customer_id.in_(customers),
            LogOperation.name == Name.OPEN_BALANCES.value,
            LedgerEntry.reverses_id.is_(None),
            ~exists().where(reversal.reverses_id == LedgerEntry.id),
        )
        .group_by(LedgerEntry.customer_id, Account.kind)
    )
    found: dict[int, Counter[AccountKind]] = defaultdict(Counter)
    for customer, kind, amount in op.session.execute(query):
        found[customer or 0][kind] = abs(int(amount))  # none of these entries is the house's; what is owed is negative
    return found


NewRows = Sequence[tuple[Customer, Opening]]


class _Books:
    """Writes what many customers bring over, each sort of row in one statement: a salon has thousands of members."""

    def __init__(self, op: Operation, ledger: Ledger) -> None:
        self.op, self.session, self.ledger = op, op.session, ledger
        self.entries: list[dict[str, Any]] = []
        self.against: Counter[AccountKind] = Counter()

    def open(self, rows: NewRows) -> None:
        """Accounts, lots, cards and entries."""
        if not rows:
            return
        amounts = [(customer, row, _amounts(row)) for customer, row in rows]
        kinds = (AccountKind.PRINCIPAL, AccountKind.BONUS, AccountKind.POINTS, AccountKind.RECEIVABLE)
        self.ledger.open_accounts({(kind, c.id, None) for c, _, given in amounts for kind in kinds if given[kind]})
        self._open_cards([(customer, row) for customer, row in rows if row.sessions])
        self._grant(rows)
        self._owe([(customer, row.debt) for customer, row in rows if row.debt])
        for kind, amount in self.against.items():
            self._enter(self.ledger.house(_AGAINST[kind]), -amount, None)
        self.session.execute(insert(LedgerEntry), self.entries)

    def _grant(self, rows: NewRows) -> None:
        """What was paid in has no end, as a named card may have none; bonus ends with its card, points by the rules."""
        points_end = points_until(self.op.day, rulebook(self.session).points)
        principal = [(c, row.principal, None, None) for c, row in rows if row.principal]
        lots = iter(self._lots(AccountKind.PRINCIPAL, principal))
        beside = {row.row: next(lots) for _, row in rows if row.principal}
        bonus = [(c, row.bonus, row.valid_until, beside.get(row.row)) for c, row in rows if row.bonus]
        self._lots(AccountKind.BONUS, bonus)
        self._lots(AccountKind.POINTS, [(c, row.points, points_end, None) for c, row in rows if row.points])

    def _lots(self, kind: AccountKind, given: Sequence[tuple[Customer, int, date | None, int | None]]) -> list[int]:
        """Lots of one kind with their entries, given as customer, amount, end and the lot beside; their ids."""
        if not given:
            return []
        accounts = [self.ledger.hers(customer.id, kind) for customer, *_ in given]
        lots = [
            {
                "account_id": account.id,
                "customer_id": customer.id,
                "store_id": self.ledger.store_id,
                "operation_id": self.op.number,
                "granted_on": self.op.day if expires is None else min(self.op.day, expires),
                "expires_on": expires,
                "beside_id": beside,
            }
            for account, (customer, _, expires, beside) in zip(accounts, given, strict=True)
        ]
        self.session.execute(insert(Lot), lots)
        made = select(Lot.id).join(Account, Account.id == Lot.account_id)
        made = made.where(Lot.operation_id == self.op.number, Account.kind == kind).order_by(Lot.id)
        ids = list(self.session.scalars(made))
        for account, lot, (_, amount, *_rest) in zip(accounts, ids, given, strict=True):
            self._enter(account, amount, lot)
            self.against[kind] += amount
        return ids

    def _owe(self, debts: Sequence[tuple[Customer, int]]) -> None:
        """What is owed is negative; the house's account takes it as brought over."""
        if not debts:
            return
        lines = write_debts(self.op, self.ledger.store_id, debts)
        for (customer, amount), line in zip(debts, lines, strict=True):
            self._enter(self.ledger.hers(customer.id, AccountKind.RECEIVABLE), -amount, None, line)
            self.against[AccountKind.RECEIVABLE] -= amount

    def _enter(self, account: Account, amount: int, lot: int | None, line: int | None = None) -> None:
        self.entries.append(
            {
                "operation_id": self.op.number,
                "account_id": account.id,
                "customer_id": account.customer_id,
                "amount": amount,
                "lot_id": lot,
                "sale_line_id": line,
                "store_id": self.ledger.store_id,
                "business_day": self.op.day,
            }
        )

    def _open_cards(self, rows: NewRows) -> None:
        """A card for each row with sessions. What has ended stays ended."""
        if not rows:
            return
        services = self._services({row.service for _, row in rows})
        cards = [
            {
                "customer_id": customer.id,
                "store_id": self.ledger.store_id,
                "name": row.card or str(OLD_CARD),
                "sold_for": 0,
                "opened_on": self.op.day if row.valid_until is None else min(self.op.day, row.valid_until),
                "expires_on": row.valid_until,
                "public_id": secrets.token_hex(PUBLIC_ID_BYTES),
            }
            for customer, row in rows
        ]
        self.session.execute(insert(Card), cards)
        card_ids = self._ids_of(Card.public_id, [card["public_id"] for card in cards])
        items = [
            {"card_id": card_ids[card["public_id"]], "service_id": services[row.service], "sessions": row.sessions}
            for card, (_, row) in zip(cards, rows, strict=True)
        ]
        self.session.execute(insert(CardItem), [{**item, "value": 0} for item in items])
        item_ids = self._ids_of(CardItem.card_id, list(card_ids.values()))
        owners = [(customer.id, item_ids[item["card_id"]]) for item, (customer, _) in zip(items, rows, strict=True)]
        self.ledger.open_accounts({(AccountKind.SESSIONS, customer, item) for customer, item in owners})
        for (customer_id, item_id), (_, row) in zip(owners, rows, strict=True):
            self._enter(self.ledger.hers(customer_id, AccountKind.SESSIONS, item_id), row.sessions, None)
            self.against[AccountKind.SESSIONS] += row.sessions

    def _ids_of(self, column: Any, values: Sequence[Any]) -> dict[Any, int]:
        """The ids of the rows that have these values."""
        query = select(column, column.class_.id).where(column.in_(values))
        return dict(self.session.execute(query).all())

    def _services(self, names: set[str]) -> dict[str, int]:
        """Services by name; sessions whose service the old book did not say are of one made for them."""
        usual = str(OLD_SESSION)
        known = self.session.scalars(select(Service).where(Service.name.in_({*names, usual})))
        found = {row.name: row.id for row in known}
        if usual not in found and not names <= found.keys():
            service = Service(name=usual, price=0, busy_minutes=60, on_sale=False)
            self.session.add(service)
            self.session.flush()
            found[usual] = service.id
        return {name: found[name] if name in found else found[usual] for name in names}


_AGAINST = {
    AccountKind.PRINCIPAL: AccountKind.OPENING,
    AccountKind.BONUS: AccountKind.OPENING,
    AccountKind.POINTS: AccountKind.POINTS_ISSUED,
    AccountKind.SESSIONS: AccountKind.SESSIONS_ISSUED,
    AccountKind.RECEIVABLE: AccountKind.OPENING,
}
"""The house's account that stands against what a customer brings over."""


def _open_tiers(op: Operation, rows: NewRows) -> set[int]:
    """Give the customers their tiers; the rows that gave one. A tier that has ended is not given."""
    document: TiersDocument = rulebook(op.session).tiers
    wanted = {
        customer.id: row for customer, row in rows if row.valid_until is None or row.lasts or row.valid_until >= op.day
    }
    held = select(Membership).where(Membership.customer_id.in_(wanted), Membership.ended_on.is_(None))
    before = {membership.customer_id: membership for membership in op.session.scalars(held)}
    moving = {c: row for c, row in wanted.items() if c not in before or before[c].tier != row.tier}
    for customer in moving:
        if customer in before:
            before[customer].ended_on = op.day
    op.session.flush()
    if not moving:
        return set()
    tiers = [
        {
            "customer_id": customer,
            "tier": row.tier,
            "since": op.day,
            "valid_until": None if row.lasts else row.valid_until or months_later(op.day, document.valid),
        }
        for customer, row in moving.items()
    ]
    changes = [
        {
            "customer_id": customer,
            "on": op.day,
            "move": TierMove.FIRST,
            "from_tier": before[customer].tier if customer in before else None,
            "to_tier": row.tier,
            "evidence": {"brought_over": row.tier},
            "rule_version_id": versions()["tiers"],
        }
        for customer, row in moving.items()
    ]
    op.session.execute(insert(ChangedCustomer), [{"customer_id": customer} for customer in moving])
    op.session.execute(insert(Membership), tiers)
    op.session.execute(insert(TierChange), changes)
    return {row.row for row in moving.values()}


class UndoBalancesInput(Input):
    """The entry in the log by which balances were brought over, and why it is undone."""

    operation: Annotated[int, Ask(_l("Entry in the log"))]
    why: Annotated[str, Ask(_l("Reason")), Field(min_length=1, max_length=200)]


@operation(Name.UNDO_BALANCES, label=_l("Take brought-over balances back"), page=Lot, danger=True, confirmed=True)
def undo_balances(op: Operation, data: UndoBalancesInput) -> Answer:
    """Reverse every opening entry of one entry in the log.

    :raises Refused: it is no such entry, or something of it has been used since.
    """
    name = op.session.scalar(select(LogOperation.name).where(LogOperation.id == data.operation))
    if name != Name.OPEN_BALANCES.value:
        raise Refused(_l("No balances were brought over by this entry."), "operation", "missing")
    query = select(LedgerEntry).where(LedgerEntry.operation_id == data.operation).order_by(LedgerEntry.id.desc())
    entries = list(op.session.scalars(query))
    gone = select(LedgerEntry.id).where(LedgerEntry.reverses_id.in_([entry.id for entry in entries]))
    if not entries or op.session.scalar(gone.limit(1)) is not None:
        raise Refused(_l("This was taken back already."), "operation", "again")
    op.reason, op.store_id = data.why, entries[0].store_id
    ledger = Ledger(op, entries[0].store_id, op.day)
    take_debts_back(ledger, entries, data.why)
    ledger.reverse(entries)
    people = {entry.customer_id for entry in entries if entry.customer_id is not None}
    for card in op.session.scalars(select(Card).where(Card.id.in_(_made_by(data.operation, Card)))):
        card.status = CardStatus.REVERSED
    for held in op.session.scalars(select(Membership).where(Membership.id.in_(_made_by(data.operation, Membership)))):
        held.ended_on = held.ended_on or op.day  # the rules give her one again
    op.detail = {"operation": data.operation, "customers": len(people)}
    return {"customers": len(people)}


def _made_by(number: int, entity: type[Entity]) -> Select[int]:
    """The rows that an entry in the log made."""
    made = (RowChange.operation_id == number, RowChange.entity == entity.named(), RowChange.kind == "insert")
    return select(RowChange.row_id).where(*made)
