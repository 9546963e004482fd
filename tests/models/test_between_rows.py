"""What must always be true between rows is kept by the database itself, whoever writes, on either engine."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests import factory
from tests.cast import NOON
from tests.conftest import House
from tests.models import raw

STARTS, ENDS = NOON + timedelta(days=1), NOON + timedelta(days=1, hours=8)
"""The hours of the factory's own shift and leave."""
MICROSECOND, HOUR = timedelta(microseconds=1), timedelta(hours=1)
OVERLAPPING = {
    "the same hours": (STARTS, ENDS),
    "within": (STARTS + HOUR, ENDS - HOUR),
    "around": (STARTS - HOUR, ENDS + HOUR),
    "a microsecond of its beginning": (STARTS - HOUR, STARTS + MICROSECOND),
    "a microsecond of its end": (ENDS - MICROSECOND, ENDS + HOUR),
}
APART = {"up to its beginning": (STARTS - HOUR, STARTS), "from its end on": (ENDS, ENDS + HOUR)}
KEYS = (
    "store",
    "customer",
    "bed",
    "reading",
    "staff_skill",
    "user",
    "alert",
    "attendance",
    "sale_line",
    "service_supply",
    "account",
    "card_item",
    "voucher",
    "reversal",
    "till_shift",
    "day_close",
    "appointment",
    "card",
    "treatment",
    "follow_up",
)

OWNERS = {"shift": "staff_id", "leave": "staff_id", "booking_claim": "resource_id"}
over_hours = pytest.mark.parametrize("entity", OWNERS)


@pytest.fixture
def known(house: House) -> factory.Rows:
    return factory.fill(house)


def second(entity: str, row: int, starts: str, ends: str, **values: str) -> str:
    return raw.copied(entity, row, starts_at=starts, ends_at=ends, **values)


def spans(entity: str, row: int, hours: dict[str, tuple[object, object]], **values: str) -> dict[str, str]:
    """What is said of a second row at each of these hours."""
    literal = raw.instant
    return raw.refusals(
        {name: second(entity, row, literal(starts), literal(ends), **values) for name, (starts, ends) in hours.items()}  # type: ignore[arg-type]
    )


def owner(known: factory.Rows, entity: str, side: str) -> str:
    """Whose hours they are: somebody's of the staff, or those of a person, bed or device that can be booked."""
    return str(known[OWNERS[entity].removesuffix("_id")][side])


def refusal_of(entity: str) -> str:
    return f"no_overlap_{entity}_{OWNERS[entity]}"


# -------------------------------------------------------------------------------------------------- hours of staff


@over_hours
def test_nobody_is_planned_twice_for_the_same_moment(house: House, known: factory.Rows, entity: str) -> None:
    said = spans(entity, known[entity]["own"], OVERLAPPING)
    assert {name: what for name, what in said.items() if refusal_of(entity) not in what} == {}


@over_hours
def test_one_may_begin_as_the_other_ends(house: House, known: factory.Rows, entity: str) -> None:
    assert set(spans(entity, known[entity]["own"], APART).values()) == {""}


@over_hours
def test_two_people_have_the_same_hours(house: House, known: factory.Rows, entity: str) -> None:
    other = {OWNERS[entity]: owner(known, entity, "foreign")}
    assert set(spans(entity, known[entity]["own"], OVERLAPPING, **other).values()) == {""}


@over_hours
def test_what_is_archived_stands_in_nobodys_way(house: House, known: factory.Rows, entity: str) -> None:
    row = known[entity]["own"]
    archive = f"UPDATE {entity} SET archived_at = {raw.MOMENT} WHERE id = {row}"
    again = raw.copied(entity, row, archived_at="NULL")
    assert raw.refusal(raw.copied(entity, row, archived_at=raw.MOMENT)) == ""
    assert raw.refusal(archive, again) == ""


@over_hours
def test_bringing_one_back_over_another_is_refused(house: House, known: factory.Rows, entity: str) -> None:
    assert raw.refusal(raw.copied(entity, known[entity]["own"], archived_at=raw.MOMENT)) == ""
    said = raw.refusal(f"UPDATE {entity} SET archived_at = NULL")
    assert refusal_of(entity) in said


@over_hours
def test_moving_one_over_another_is_refused(house: House, known: factory.Rows, entity: str) -> None:
    later = second(entity, known[entity]["own"], raw.instant(ENDS), raw.instant(ENDS + HOUR))
    moved = f"UPDATE {entity} SET starts_at = {raw.instant(STARTS + HOUR)} WHERE starts_at = {raw.instant(ENDS)}"
    assert refusal_of(entity) in raw.refusal(later, moved)


@over_hours
def test_giving_one_to_somebody_busy_is_refused(house: House, known: factory.Rows, entity: str) -> None:
    column = OWNERS[entity]
    other = raw.copied(entity, known[entity]["own"], **{column: owner(known, entity, "foreign")})
    everything = f"UPDATE {entity} SET {column} = {owner(known, entity, 'own')}"
    assert refusal_of(entity) in raw.refusal(other, everything)


# ------------------------------------------------------------------------------------------------ receipt numbers


def receipt(row: int, **values: str) -> str:
    return raw.copied("sale", row, **{"public_id": "'x'", **values})


def test_receipts_count_on_by_one(house: House, known: factory.Rows) -> None:
    row = known["sale"]["own"]
    assert raw.refusal(receipt(row, number="2"), receipt(row, number="3", public_id="'y'")) == ""


@pytest.mark.parametrize("number", ["0", "1", "3", "-1"])
def test_a_receipt_that_does_not_count_on_is_refused(house: House, known: factory.Rows, number: str) -> None:
    assert "no_gaps_sale" in raw.refusal(receipt(known["sale"]["own"], number=number))


@pytest.mark.parametrize("apart", [{"business_day": "'2026-12-01'"}, {"store_id": "2"}])
def test_each_store_and_day_begins_at_one(house: House, known: factory.Rows, apart: dict[str, str]) -> None:
    row = known["sale"]["own"]
    said = raw.refusals({number: receipt(row, number=number, **apart) for number in ("1", "2")})
    assert said["1"] == ""
    assert "no_gaps_sale" in said["2"]


@pytest.mark.parametrize(
    "change", ["SET number = number + 1", "SET business_day = '2026-12-01'", "SET store_id = 2 WHERE store_id = 1"]
)
def test_a_receipt_is_never_numbered_anew(house: House, known: factory.Rows, change: str) -> None:
    assert "no_gaps_sale" in raw.refusal(f"UPDATE sale {change}")


def test_a_receipt_is_never_deleted(house: House, known: factory.Rows) -> None:
    assert raw.refusal(receipt(known["sale"]["own"], number="2")) == ""
    assert "no_gaps_sale" in raw.refusal("DELETE FROM sale WHERE number = 2")


def test_what_is_not_its_number_may_change(house: House, known: factory.Rows) -> None:
    assert raw.refusal("UPDATE sale SET visit_id = NULL") == ""


# ------------------------------------------------------------------------------------------------------- one step


def test_whoever_was_merged_is_merged_into_by_nobody(house: House) -> None:
    """Anna's rows count for Berta's; were Berta's to count for Cora's, Anna's would have to follow."""
    anna, berta, cora = (house.ids[name] for name in ("anna", "berta", "cora"))
    merged = "UPDATE customer SET merged_into_id = {} WHERE id = {}"
    assert raw.refusal(merged.format(berta, anna)) == ""
    said = raw.refusals(
        {
            "on": merged.format(cora, berta),
            "into": merged.format(anna, cora),
            "another": merged.format(berta, cora),
            "elsewhere": merged.format(cora, anna),
            "apart": merged.format("NULL", anna),
        }
    )
    assert {way: "one_step_customer" in answer for way, answer in said.items() if answer} == {"on": True, "into": True}


# ----------------------------------------------------------------------------------------------------- one at most


def test_every_unique_key_is_kept(house: House, known: factory.Rows) -> None:
    said = raw.refusals({name: raw.copied(name, known[name]["own"]) for name in KEYS})
    told = ("unique", "append-only")
    assert {name: what for name, what in said.items() if not any(word in what.lower() for word in told)} == {}


def test_a_store_has_one_target_of_a_kind_a_month(house: House, known: factory.Rows) -> None:
    assert "unique" in raw.refusal(raw.copied("kpi_target", known["kpi_target"]["own"])).lower()


@pytest.mark.parametrize(
    ("entity", "end"),
    {"customer_assignment": "until", "customer_tag": "until", "membership": "ended_on", "rule_match": "until"}.items(),
)
def test_one_holds_now_beside_any_number_of_the_past(house: House, known: factory.Rows, entity: str, end: str) -> None:
    row = known[entity]["foreign"]
    current = raw.copied(entity, row, **{end: "NULL"})
    assert raw.refusal(raw.changed(entity, row, {end: "since"}), raw.copied(entity, row), current) == ""
    assert "unique" in raw.refusal(current).lower()
