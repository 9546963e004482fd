"""Quiet hours: across midnight and where the clock is put forward or back, against a walk minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules.decisions.clock import last_time, may_leave
from tests.rules.texts import SHIPPED, faults_of, only_at

SHANGHAI, BERLIN = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin")
NIGHT = "21:00-09:00"


def local(said: str, zone: ZoneInfo = SHANGHAI, fold: int = 0) -> datetime:
    return datetime.fromisoformat(said).replace(tzinfo=zone, fold=fold).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "leaves"),
    [
        ("2026-11-22 20:59:59", "2026-11-22 20:59:59"),
        ("2026-11-22 21:00", "2026-11-23 09:00"),
        ("2026-11-22 23:59:59", "2026-11-23 09:00"),
        ("2026-11-23 00:00", "2026-11-23 09:00"),
        ("2026-11-23 08:59:59", "2026-11-23 09:00"),
        ("2026-11-23 09:00", "2026-11-23 09:00"),
    ],
)
def test_a_night_spans_midnight(at: str, leaves: str) -> None:
    assert may_leave(local(at), NIGHT, SHANGHAI) == local(leaves)


@pytest.mark.parametrize(
    ("at", "last"),
    [
        ("2026-11-22 10:00:00", "2026-11-22 10:00:00"),
        ("2026-11-22 09:59:59", "2026-11-21 10:00:00"),
        ("2026-11-22 23:59:00", "2026-11-22 10:00:00"),
    ],
)
def test_when_a_time_of_day_last_came(at: str, last: str) -> None:
    assert last_time("10:00", local(at), SHANGHAI) == local(last)


def test_hours_within_one_day() -> None:
    assert may_leave(local("2026-11-22 13:30"), "13:00-15:00", SHANGHAI) == local("2026-11-22 15:00")
    assert may_leave(local("2026-11-22 15:00"), "13:00-15:00", SHANGHAI) == local("2026-11-22 15:00")


def test_without_quiet_hours_it_leaves_at_once() -> None:
    assert may_leave(local("2026-11-22 23:30"), None, SHANGHAI) == local("2026-11-22 23:30")


def test_a_night_with_an_hour_less_and_one_with_an_hour_more() -> None:
    assert may_leave(local("2027-03-27 22:00", BERLIN), NIGHT, BERLIN) == datetime(2027, 3, 28, 7, tzinfo=UTC)
    assert may_leave(local("2027-10-30 22:00", BERLIN), NIGHT, BERLIN) == datetime(2027, 10, 31, 8, tzinfo=UTC)


def test_an_end_that_the_clock_leaps_over_or_passes_twice() -> None:
    until = "22:00-02:30"
    assert may_leave(local("2027-03-28 01:00", BERLIN), until, BERLIN) == local("2027-03-28 03:30", BERLIN)
    for at in (local("2027-10-31 01:00", BERLIN), local("2027-10-31 02:15", BERLIN, fold=1)):
        assert may_leave(at, until, BERLIN) == local("2027-10-31 02:30", BERLIN, fold=1)


def is_quiet(at: datetime, begins: int, ends: int, zone: ZoneInfo) -> bool:
    """Whether the clock shows a minute of the quiet hours, counted up from their beginning."""
    clock = at.astimezone(zone)
    return (clock.hour * 60 + clock.minute - begins) % 1440 < (ends - begins) % 1440


@given(
    at=st.integers(0, 365 * 86_400).map(lambda second: datetime(2027, 1, 1, tzinfo=UTC) + timedelta(seconds=second)),
    begins=st.integers(0, 1439),
    length=st.integers(1, 1439),
    zone=st.sampled_from([SHANGHAI, BERLIN]),
)
@example(at=datetime(2027, 3, 28, 0, 30, tzinfo=UTC), begins=195, length=1395, zone=BERLIN)
def test_it_leaves_at_the_first_moment_that_is_not_quiet(
    at: datetime, begins: int, length: int, zone: ZoneInfo
) -> None:
    ends = (begins + length) % 1440
    quiet = "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (begins, ends))
    leaves = may_leave(at, quiet, zone)
    assert not is_quiet(leaves, begins, ends, zone)
    walked = at
    while is_quiet(walked, begins, ends, zone):
        walked = walked.replace(second=0, microsecond=0) + timedelta(minutes=1)
    if at.astimezone(zone).utcoffset() == (leaves + timedelta(hours=1)).astimezone(zone).utcoffset():
        assert leaves == walked
    assert timedelta() <= leaves - walked <= timedelta(hours=24)


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        ("21:00-21:00", "have no length"),
        ("21-09", "Two times of day"),
        ("24:00-09:00", "Two times of day"),
        ("21:00", "Two times of day"),
    ],
)
@pytest.mark.usefixtures("bare")
def test_what_are_no_quiet_hours_is_told_at_its_place(hours: str, words: str) -> None:
    text = SHIPPED["campaigns"].replace('quiet: "21:00-09:00"', f'quiet: "{hours}"')
    only_at(faults_of("campaigns", text), text, f'"{hours}"', words)
    text = SHIPPED["campaigns"].replace("limits: {customers_per_run: 200}", f'limits: {{quiet: "{hours}"}}')
    only_at(faults_of("campaigns", text), text, f'"{hours}"', words)
