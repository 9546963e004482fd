"""The ledger is kept by the database: raw SQL cannot bend it, on either engine."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from models.entity import db
from models.value import COMMODITY, IN_LOTS, OF_CUSTOMERS, OWED_BY_HER, AccountKind
from models.value_triggers import NOT_A_REVERSAL, NOT_BALANCED, NOT_ITS_OWN
from tests.cast import raw_operation
from tests.conftest import House
from tests.models import raw

K = AccountKind
OVERDRAWN = "not_overdrawn"


class Books:
    """Accounts with numbers of their own, and statements that move value between them, as one would by hand."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.stores = {"first": house.ids["first"], "second": house.ids["second"]}
        self.accounts: dict[K, int] = {}
        statements = [self._account(place, kind) for place, kind in enumerate(self._kinds(), 1)]
        self.lots = {kind: 10 * place for place, kind in enumerate(IN_LOTS, 1)}
        statements += [self.lot(number, kind) for kind, number in self.lots.items()]
        statements.append(self.lot(11, K.PRINCIPAL))
        assert raw.refusal(*statements) == ""

    def _kinds(self) -> list[K]:
        return [kind for kind in K if kind not in {K.CARD, K.SESSIONS}]

    def _account(self, number: int, kind: K) -> str:
        self.accounts[kind] = number
        owner = self.house.ids["anna"] if kind in OF_CUSTOMERS else "NULL"
        return (
            "INSERT INTO account (id, customer_id, kind, commodity, version)"
            f" VALUES ({number}, {owner}, '{kind.value}', '{COMMODITY[kind].value}', 1)"
        )

    def lot(self, number: int, kind: K) -> str:
        return (
            "INSERT INTO lot (id, account_id, customer_id, store_id, operation_id, granted_on)"
            f" VALUES ({number}, {self.accounts[kind]}, {self.house.ids['anna']}, {self.stores['first']}, 1,"
            " '2026-11-22')"
        )

    def entry(self, kind: K, amount: int, operation: int, **changed: object) -> str:
        values: dict[str, object] = {
            "operation_id": operation,
            "account_id": self.accounts[kind],
            "customer_id": self.house.ids["anna"] if kind in OF_CUSTOMERS else "NULL",
            "amount": amount,
            "lot_id": self.lots.get(kind, "NULL"),
            "store_id": self.stores["first"],
            "business_day": "'2026-11-22'",
            **changed,
        }
        listed = ", ".join(str(value) for value in values.values())
        return f"INSERT INTO ledger_entry ({', '.join(values)}) VALUES ({listed})"

    def post(self, *movements: tuple[K, int] | tuple[K, int, dict[str, object]]) -> str:
        """What the database says against these entries, written as one operation; "" when it takes them."""
        try:
            with raw_operation() as operation:
                for kind, amount, *more in movements:
                    changed = more[0] if more else {}
                    db.session.execute(text(self.entry(kind, amount, operation, **changed)))  # type: ignore[arg-type]
        except DBAPIError as error:
            return str(error.orig)
        return ""

    def balance(self, kind: K) -> int:
        number = self.accounts[kind]
        return int(raw.one("SELECT balance FROM account_balance WHERE account_id = :number", number=number))

    def left(self, lot: int) -> int:
        return int(raw.one("SELECT remaining FROM lot_balance WHERE lot_id = :lot", lot=lot))

    def last(self, kind: K) -> int:
        """The number of the last entry on an account."""
        number = self.accounts[kind]
        return int(raw.one("SELECT max(id) FROM ledger_entry WHERE account_id = :number", number=number))


@pytest.fixture
def books(house: House) -> Books:
    return Books(house)


# ----------------------------------------------------------------------------------------------------- balances


def test_balances_follow_the_entries(books: Books) -> None:
    assert books.post((K.PRINCIPAL, 1000), (K.CASH, -1000)) == ""
    assert books.post((K.REVENUE, 300), (K.PRINCIPAL, -300)) == ""
    assert books.post((K.PRINCIPAL, 50, {"lot_id": 11}), (K.CASH, -50)) == ""
    assert (books.balance(K.PRINCIPAL), books.left(10), books.left(11)) == (750, 700, 50)


def test_the_houses_own_accounts_keep_no_balance(books: Books) -> None:
    kept = {row[0] for row in raw.rows("SELECT a.kind FROM account_balance b JOIN account a ON a.id = b.account_id")}
    assert kept == {kind.value for kind in OF_CUSTOMERS} - {"card", "sessions"}


@pytest.mark.parametrize("kind", [kind for kind in OF_CUSTOMERS if kind not in {*OWED_BY_HER, K.CARD, K.SESSIONS}])
def test_an_account_below_nothing_is_refused(books: Books, kind: K) -> None:
    house = K.POINTS_ISSUED if kind is K.POINTS else K.CASH
    assert books.post((kind, 100), (house, -100)) == ""
    assert OVERDRAWN in books.post((kind, -101), (house, 101))
    assert books.post((kind, -100), (house, 100)) == ""
    assert books.balance(kind) == 0


@pytest.mark.parametrize("kind", OWED_BY_HER)
def test_what_is_owed_is_never_above_nothing(books: Books, kind: K) -> None:
    house = K.POINTS_ISSUED if kind is K.POINTS_OWED else K.REVENUE
    assert books.post((house, 100), (kind, -100)) == ""
    assert OVERDRAWN in books.post((kind, 101), (house, -101))
    assert books.post((kind, 100), (house, -100)) == ""
    assert books.balance(kind) == 0


def test_a_lot_below_nothing_is_refused_however_much_the_account_holds(books: Books) -> None:
    assert books.post((K.PRINCIPAL, 100), (K.PRINCIPAL, 100, {"lot_id": 11}), (K.CASH, -200)) == ""
    assert OVERDRAWN in books.post((K.PRINCIPAL, -101), (K.CASH, 101))
    assert books.balance(K.PRINCIPAL) == 200


def test_nothing_is_no_movement(books: Books) -> None:
    assert "ck_ledger_entry_amount" in books.post((K.CASH, 0))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET amount = 2 * amount",
        "DELETE FROM ledger_entry",
        "UPDATE lot SET expires_on = '2030-01-01'",
        "DELETE FROM lot",
    ],
)
def test_what_was_written_stays(books: Books, statement: str) -> None:
    assert books.post((K.PRINCIPAL, 100), (K.CASH, -100)) == ""
    assert "append-only" in raw.refusal(statement)


def test_one_account_of_a_kind(books: Books) -> None:
    columns = "customer_id, kind, commodity"
    again = f"INSERT INTO account ({columns}, version) SELECT {columns}, 1 FROM account"
    hers, house = f"{again} WHERE kind = 'principal'", f"{again} WHERE kind = 'cash'"
    said = raw.refusals({"hers": hers, "the house's": house})
    assert {who for who, what in said.items() if "unique" in what.lower()} == {"hers", "the house's"}


# ------------------------------------------------------------------------------------------------------ ownership


WRONG: dict[str, tuple[K, dict[str, object]]] = {
    "without a lot": (K.PRINCIPAL, {"lot_id": "NULL"}),
    "the lot of another account": (K.PRINCIPAL, {"lot_id": 20}),
    "a lot where there are none": (K.RECEIVABLE, {"lot_id": 10}),
    "of nobody": (K.PRINCIPAL, {"customer_id": "NULL"}),
    "of somebody else": (K.PRINCIPAL, {"customer_id": 2}),
    "the house's as hers": (K.CASH, {"customer_id": 1}),
    "a lot of the house": (K.CASH, {"lot_id": 10}),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_entry_is_of_its_account_and_lot(books: Books, case: str) -> None:
    kind, changed = WRONG[case]
    ids = {1: books.house.ids["anna"], 2: books.house.ids["berta"]}
    changed = {name: ids.get(value, value) if name == "customer_id" else value for name, value in changed.items()}  # type: ignore[arg-type]
    assert NOT_ITS_OWN in books.post((kind, 100, changed))


# ------------------------------------------------------------------------------------------------------- reversals


@pytest.fixture
def paid_in(books: Books) -> Books:
    assert books.post((K.PRINCIPAL, 100), (K.PRINCIPAL, 100, {"lot_id": 11}), (K.CASH, -200)) == ""
    assert books.post((K.REVENUE, 40), (K.PRINCIPAL, -40)) == ""
    return books


def taking_back(books: Books, **changed: object) -> str:
    """The mirror of the last two entries, with something else in the one on her account."""
    mirror = {"reverses_id": books.last(K.PRINCIPAL), **changed}
    amount = int(str(mirror.pop("amount", 40)))
    return books.post((K.PRINCIPAL, amount, mirror), (K.REVENUE, -amount, {"reverses_id": books.last(K.REVENUE)}))


def test_a_mirror_is_taken_once(paid_in: Books) -> None:
    of = paid_in.last(K.PRINCIPAL)
    assert taking_back(paid_in) == ""
    assert paid_in.balance(K.PRINCIPAL) == 200
    again = paid_in.post((K.PRINCIPAL, 40, {"reverses_id": of}), (K.REVENUE, -40))
    assert "reverses" in again
    assert "unique" in again.lower() or "append-only" in again


NO_MIRROR: dict[str, dict[str, object]] = {
    "less": {"amount": 39},
    "more": {"amount": 41},
    "the same way": {"amount": -40},
    "another lot": {"lot_id": 11},
    "another store": {"store_id": 2},
    "nothing that is there": {"reverses_id": 9999},
}


@pytest.mark.parametrize("case", NO_MIRROR)
def test_what_is_no_mirror_is_refused(paid_in: Books, case: str) -> None:
    changed = {**NO_MIRROR[case]}
    if "store_id" in changed:
        changed["store_id"] = paid_in.stores["second"]
    assert NOT_A_REVERSAL in taking_back(paid_in, **changed)


def test_another_account_is_no_mirror(paid_in: Books) -> None:
    assert NOT_A_REVERSAL in paid_in.post((K.BONUS, 40, {"reverses_id": paid_in.last(K.PRINCIPAL)}))


def test_what_takes_back_is_not_taken_back(paid_in: Books) -> None:
    assert taking_back(paid_in) == ""
    again = (K.PRINCIPAL, -40, {"reverses_id": paid_in.last(K.PRINCIPAL)})
    assert NOT_A_REVERSAL in paid_in.post(again, (K.REVENUE, 40))


# ------------------------------------------------------------------------------------------------------ in balance


UNBALANCED: dict[str, list[tuple[K, int, dict[str, object]]]] = {
    "one side": [(K.CASH, -100, {})],
    "a fen too much": [(K.PRINCIPAL, 101, {}), (K.CASH, -100, {})],
    "money against points": [(K.PRINCIPAL, 100, {}), (K.POINTS_ISSUED, -100, {})],
    "points against sessions": [(K.POINTS, 1, {}), (K.SESSIONS_ISSUED, -1, {})],
    "one store against another": [(K.PRINCIPAL, 100, {}), (K.CASH, -100, {"store_id": 2})],
    "two wrongs": [
        (K.PRINCIPAL, 100, {}),
        (K.POINTS_ISSUED, -100, {}),
        (K.POINTS, 100, {}),
        (K.CASH, -100, {"store_id": 2}),
    ],
}


@pytest.mark.parametrize("case", UNBALANCED)
def test_an_operation_that_does_not_come_to_nothing_takes_no_link(books: Books, case: str) -> None:
    movements = [
        (kind, amount, {**changed, **({"store_id": books.stores["second"]} if changed else {})})
        for kind, amount, changed in UNBALANCED[case]
    ]
    assert NOT_BALANCED in books.post(*movements)
    assert raw.one("SELECT count(*) FROM ledger_entry") == 0


def test_what_comes_to_nothing_in_each_store_and_commodity_is_taken(books: Books) -> None:
    there: dict[str, object] = {"store_id": books.stores["second"]}
    said = books.post(
        (K.PRINCIPAL, 100),
        (K.BETWEEN_STORES, -100),
        (K.BETWEEN_STORES, 100, there),
        (K.CASH, -100, there),
        (K.POINTS, 7),
        (K.POINTS_ISSUED, -7),
    )
    assert said == ""


def test_each_operation_answers_for_itself(books: Books) -> None:
    """What another one left out is not made up for."""
    assert NOT_BALANCED in books.post((K.CASH, -100))
    assert books.post((K.PRINCIPAL, 100), (K.CASH, -100)) == ""
    assert NOT_BALANCED in books.post((K.CASH, 100), (K.REVENUE, -99))


def test_nobody_opens_an_account_from_outside(house: House) -> None:
    statement = "INSERT INTO account (customer_id, kind, commodity, version) VALUES (NULL, 'cash', 'cny', 1)"
    with raw.outside(house) as connection:
        assert raw.attacks(connection, [statement])[statement] != ""
