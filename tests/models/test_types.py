"""What a column keeps is what was put in: moments, money, words, and texts that nobody reads in the file."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import StatementError

from models.catalogue import Service
from models.cipher import Keyring
from models.customers import Customer
from models.entity import db
from models.organisation import Shift
from models.standing import TierChange
from tests import factory
from tests.cast import raw_operation
from tests.conftest import House
from tests.models import raw

BEIJING = timezone(timedelta(hours=8))
EARLY = datetime(2026, 11, 22, 0, 30, tzinfo=BEIJING)


def shift_from(house: House, starts_at: datetime) -> int:
    with raw_operation():
        given_ = {"staff_id": house.ids["therapist_staff"], "store_id": house.ids["first"], "starts_at": starts_at}
        row = Shift(**given_, ends_at=starts_at + timedelta(hours=1))
        db.session.add(row)
        db.session.flush()
        return row.id


def service_with(**values: object) -> int:
    with raw_operation():
        row = Service(**{"name": "项目", "price": 1, "busy_minutes": 30, **values})
        db.session.add(row)
        db.session.flush()
        return row.id


def bytes_of(column: str, customer: int) -> bytes:
    return bytes(raw.one(f"SELECT {column} FROM customer WHERE id = {customer}"))


# ------------------------------------------------------------------------------------------------------ moments


def test_a_moment_without_a_zone_is_refused(house: House) -> None:
    with pytest.raises(StatementError, match="time zone"):
        shift_from(house, EARLY.replace(tzinfo=None))


def test_a_moment_comes_back_the_same_and_in_utc(house: House) -> None:
    found = db.session.get_one(Shift, shift_from(house, EARLY)).starts_at
    assert (found, found.tzinfo) == (EARLY, UTC)


def test_microseconds_come_back(house: House) -> None:
    exact = EARLY.replace(microsecond=1)
    assert db.session.get_one(Shift, shift_from(house, exact)).starts_at == exact


def test_sqlite_keeps_a_moment_as_utc_at_fixed_width(sqlite_house: House) -> None:
    shift_from(sqlite_house, EARLY)
    assert raw.one("SELECT starts_at FROM shift") == "2026-11-21 16:30:00.000000"


def test_moments_sort_as_they_happen(house: House) -> None:
    first, second = shift_from(house, EARLY), shift_from(house, EARLY + timedelta(hours=9, microseconds=1))
    assert list(db.session.scalars(select(Shift.id).order_by(Shift.starts_at))) == [first, second]


def test_moments_are_compared_across_zones(house: House) -> None:
    shift_from(house, EARLY)
    same = EARLY.astimezone(timezone(timedelta(hours=-5)))
    assert db.session.scalar(select(Shift.id).where(Shift.starts_at == same)) is not None


# -------------------------------------------------------------------------------------------------------- money


@pytest.mark.parametrize("amount", [1.0, True, Decimal(1), "1"])
def test_money_takes_whole_fen_only(sqlite_house: House, amount: object) -> None:
    with pytest.raises(StatementError, match="int of fen"):
        service_with(price=amount)


def test_money_carries_more_than_32_bits(house: House) -> None:
    assert db.session.get_one(Service, service_with(price=10**10)).price == 10**10


# ------------------------------------------------------------------------------------------- words and documents


@pytest.mark.parametrize("words", [["孕期", 'a"b', "a,b"], [], None])
def test_a_list_of_words_comes_back(house: House, words: list[str] | None) -> None:
    found = service_with(contraindicated_by=words)
    db.session.expire_all()
    assert db.session.get_one(Service, found).contraindicated_by == words


@pytest.mark.parametrize("document", [{"总额": [1, 2.5, None, True], "b": {"c": "“"}}, {}])
def test_a_document_comes_back(house: House, document: dict[str, object]) -> None:
    known = factory.fill(house)
    with raw_operation():
        made = factory.make(TierChange, "own", 3, known, evidence=document)
    db.session.expire_all()
    assert db.session.get_one(TierChange, made).evidence == document


def test_chinese_stands_readable_in_a_document(house: House) -> None:
    service_with(contraindicated_by=["孕期"])
    assert raw.one("SELECT contraindicated_by FROM service") == '["孕期"]'


# --------------------------------------------------------------------------------------------------- ciphertexts


def test_the_same_text_never_looks_the_same_twice(house: House) -> None:
    with raw_operation():
        for customer in db.session.scalars(select(Customer)):
            customer.wechat = "same"
    kept = [bytes(row[0]) for row in raw.rows("SELECT wechat FROM customer")]
    assert len({*kept}) == len(kept) == 3


def test_a_ciphertext_comes_back_as_text(house: House) -> None:
    assert db.session.get_one(Customer, house.ids["anna"]).address == "安娜的家"


def test_the_column_does_not_hold_the_plain_text(house: House) -> None:
    assert b"13900000001" not in bytes_of("phone", house.ids["anna"])


def test_the_database_file_does_not_hold_the_plain_text(sqlite_house: House) -> None:
    db.session.remove()
    db.engine.dispose()
    content = b"".join(file.read_bytes() for file in sqlite_house.folder.glob("peony.db*"))
    assert "安娜".encode() in content
    assert "安娜的家".encode() not in content
    assert b"13900000001" not in content


def test_a_ciphertext_moved_to_another_column_does_not_open(house: House) -> None:
    assert raw.refusal("UPDATE customer SET wechat = address") == ""
    with pytest.raises(InvalidTag):
        db.session.scalars(select(Customer.wechat)).all()


def test_a_ciphertext_may_move_to_another_row(house: House) -> None:
    anna, berta = house.ids["anna"], house.ids["berta"]
    raw.refusal(f"UPDATE customer SET address = (SELECT address FROM customer WHERE id = {anna}) WHERE id = {berta}")
    assert db.session.get_one(Customer, berta).address == "安娜的家"


@pytest.mark.parametrize("place", [0, 1, 2, 13, 14, -1])
def test_an_altered_ciphertext_does_not_open(place: int) -> None:
    ring = Keyring.fresh()
    sealed = bytearray(ring.encrypt("安娜", "customer.address"))
    sealed[place] ^= 0x10
    with pytest.raises(InvalidTag):
        ring.decrypt(bytes(sealed), "customer.address")


def test_another_key_does_not_open() -> None:
    sealed = Keyring.fresh().encrypt("安娜", "customer.address")
    with pytest.raises(InvalidTag):
        Keyring.fresh().decrypt(sealed, "customer.address")


def test_the_newest_key_encrypts_and_older_ones_still_open() -> None:
    old = Keyring.fresh()
    both = Keyring({**old.field_keys, 2: os.urandom(32)}, old.index_key, old.chain_key, old.cookie_key)
    assert both.encrypt("x", "a.b")[1] == 2
    assert both.decrypt(old.encrypt("x", "a.b"), "a.b") == "x"


@given(words=st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_is_sealed_opens(words: str) -> None:
    ring = Keyring({1: b"k" * 32}, b"", b"", b"")
    assert ring.decrypt(ring.encrypt(words, "a.b"), "a.b") == words


# ------------------------------------------------------------------------------------------------------ key file


def test_the_key_file_is_its_owners_alone(tmp_path: Path) -> None:
    Keyring.fresh().save(tmp_path / "keys.json")
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600


def test_the_keys_survive_a_restart(tmp_path: Path) -> None:
    first = Keyring.fresh()
    assert Keyring.load(tmp_path / "keys.json") is None
    first.save(tmp_path / "keys.json")
    assert Keyring.load(tmp_path / "keys.json") == first


def test_keys_are_never_overwritten(tmp_path: Path) -> None:
    first = Keyring.fresh()
    first.save(tmp_path / "keys.json")
    with pytest.raises(FileExistsError):
        Keyring.fresh().save(tmp_path / "keys.json")
    assert Keyring.load(tmp_path / "keys.json") == first


def test_every_house_has_keys_of_its_own() -> None:
    ring, other = Keyring.fresh(), Keyring.fresh()
    keys = {ring.field_keys[1], ring.index_key, ring.chain_key, ring.cookie_key, other.field_keys[1], other.index_key}
    assert len(keys) == 6


GOOD = json.loads(Keyring.fresh().dump())
BAD_FILES = {
    "empty": "",
    "not JSON": "{",
    "another JSON": "[]",
    "null": "null",
    "keys missing": "{}",
    "not hexadecimal": json.dumps(GOOD | {"index": "zz"}),
    "keys in a list": json.dumps(GOOD | {"fields": []}),
    "no key for fields": json.dumps(GOOD | {"fields": {}}),
    "a short key for fields": json.dumps(GOOD | {"fields": {"1": "00"}}),
    "an empty key for the chain": json.dumps(GOOD | {"chain": ""}),
}


@pytest.mark.parametrize("content", BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_key_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "keys.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="key file"):
        Keyring.load(tmp_path / "keys.json")


def test_a_bad_key_file_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("mine", encoding="ascii")
    with pytest.raises(ValueError, match="key file"):
        Keyring.load(tmp_path / "keys.json")
    assert (tmp_path / "keys.json").read_text(encoding="ascii") == "mine"


def test_equal_numbers_have_equal_digests_in_one_column_only() -> None:
    ring = keyring_of(1)
    assert ring.blind("+8613900000001", "customer.phone") == ring.blind("+8613900000001", "customer.phone")
    assert ring.blind("+8613900000001", "customer.phone") != ring.blind("+8613900000001", "staff.phone")
    assert ring.blind("+8613900000001", "customer.phone") != keyring_of(2).blind("+8613900000001", "customer.phone")


def keyring_of(number: int) -> Keyring:
    return Keyring({1: bytes([number] * 32)}, *(bytes([number + place] * 32) for place in range(3)))
