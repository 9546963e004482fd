"""The clock of the stores: when a time of day last came, and when a message may leave, never within quiet hours."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


def last_time(clock: str, at: datetime, zone: ZoneInfo) -> datetime:
    """The last moment up to ``at``, told in its zone, when it was this time of day (``10:00``)."""
    day = at.astimezone(zone).date()
    days = (datetime.combine(day - timedelta(n), time.fromisoformat(clock), zone) for n in (0, 1))
    return next(one for one in days if one.astimezone(UTC) <= at.astimezone(UTC)).astimezone(at.tzinfo)


def may_leave(at: datetime, quiet: str | None, zone: ZoneInfo) -> datetime:
    """The moment itself, or the end of the quiet hours (``21:00-09:00``) in which it lies.

    An end that the clock passes twice when summer ends counts the second time; one that it leaps over when summer
    begins counts as late as it would have been without the leap.
    """
    if quiet is None:
        return at
    begins, ends = (time.fromisoformat(edge) for edge in quiet.split("-"))
    local = at.astimezone(zone)
    clock = local.time()
    if not (begins <= clock < ends if begins < ends else clock >= begins or clock < ends):
        return at
    day = local.date() + timedelta(clock >= ends)
    over = max(datetime.combine(day, ends.replace(fold=fold), zone).astimezone(UTC) for fold in (0, 1))
    return may_leave(over, quiet, zone)
