"""The demo's own time: days are counted back from the one it is made on, and nothing has happened after its moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class When:
    """The day the demo is made, its moment, and the zone of its stores."""

    today: date
    zone: ZoneInfo
    moment: datetime

    @classmethod
    def of(cls, today: date, zone: ZoneInfo, moment: datetime | None = None) -> When:
        """Without a moment the day is told to its end."""
        return cls(today, zone, moment or datetime.combine(today + timedelta(days=1), time(), zone))

    def day(self, ago: int) -> date:
        return self.today - timedelta(days=ago)

    def at(self, day: date, minute: int) -> datetime:
        """A minute of a day in the stores, in UTC."""
        return datetime.combine(day, time(minute // 60, minute % 60), self.zone).astimezone(UTC)

    def has_been(self, at: datetime) -> bool:
        return at <= self.moment
