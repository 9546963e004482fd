"""The demo's 800 customers: by distribution, and 25 with a story so that each tag, tier and alert has somebody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from random import Random
from typing import Any

from models.customers import Calendar, Customer, Sex, SkinType, SourceChannel, Stage
from models.search import blind_indexes
from seed.names import name_of, phone_of

CUSTOMERS = 800
HISTORY_DAYS = 730
KNOWN_BEFORE = 670
"""Who was there more days ago than this has been coming since before the history begins."""
STORY = "story"


@dataclass
class Habit:
    """How a customer comes and spends: visits and yuan a year, since when, and how long ago last."""

    tier: str
    visits: float
    yuan: float
    since: int  # days ago
    away: int  # days since the last visit
    trial: bool = False
    steady: bool = True


@dataclass
class Person:
    """A customer with her habit, and her visits in days ago, the first of them first."""

    id: int
    row: dict[str, Any]
    habit: Habit
    days_ago: list[int]
    told: Story | None = None

    @property
    def story(self) -> bool:
        """Her visits and spending are told, not drawn."""
        return self.told is not None

    @property
    def allergic(self) -> bool:
        return self.id % 14 == 5


SHARES = (("basic", 420), ("silver", 200), ("gold", 128), ("platinum", 40), ("diamond", 12))
"""How many customers the rules are to find in each tier."""

PACE = {
    "basic": (7.8, 1_200),
    "silver": (16.0, 4_800),
    "gold": (25.0, 11_600),
    "platinum": (38.0, 26_500),
    "diamond": (50.0, 65_000),
}
"""Visits and yuan a year."""


@dataclass(frozen=True)
class Story:
    """What the rules are to say of her, her visits in days ago, yuan a visit; and what she does on some of them.

    ``opens`` is a card by its number on the menu, ``recharges`` yuan, ``owes`` leaves the bill on account; a card that
    she has is redeemed, and stored value spent, on the other visits.
    """

    about: str
    days_ago: tuple[int, ...]
    yuan: int
    opens: Mapping[int, int] = field(default_factory=dict)
    recharges: Mapping[int, int] = field(default_factory=dict)
    owes: frozenset[int] = frozenset()


STORIES: tuple[Story, ...] = (
    Story("new", (3,), 298),
    Story("trial-not-converted", (6,), 99),
    Story("trial-not-converted", (29,), 99),
    Story("active", (85, 70, 55, 40, 25, 10, 3), 298),
    Story("high-value", (300, 200, 100, 12), 5_200),
    Story("promising", (75, 44, 9), 598),
    Story("slipping", (110, 96, 82, 68, 30), 198),
    Story("dormant", (400, 300, 200, 75), 298),
    Story("lost", (600, 450, 240), 298),
    Story("ambassador", (200, 150, 100, 50, 8), 298),
    Story("valued-customer-away", (300, 260, 220, 180, 140, 100, 70, 33), 1_280),
    Story("valued-customer-away", (310, 270, 230, 190, 150, 110, 80, 36), 1_280),
    Story("valued-customer-away-long", (320, 280, 240, 200, 160, 120, 90, 47), 1_280),
    Story("layer-a", (80, 55, 30, 6), 6_000),
    Story("sensitive-skin", (90, 45, 11), 198),
    Story("birthday", (120, 60, 18), 298),
    Story("card-running-out", (70, 61, 53, 45, 37, 29, 21, 13, 5), 198, opens={70: 4}),
    Story("card-running-out", (105, 92, 83, 74, 65, 56, 43, 32, 23, 8), 298, opens={105: 1}),
    Story("idle-balance", (210, 140, 48), 298, recharges={210: 5_000, 140: 2_000}),
    Story("idle-balance", (170, 110, 52), 298, recharges={170: 3_000}, opens={110: 2}),
    Story("card-ending", (340, 250, 130, 40, 10), 198, opens={340: 4}),
    Story("card-ending", (360, 270, 160, 70, 20), 298, opens={360: 1}),
    Story("overdue-debt", (80, 50, 20), 328, owes=frozenset({20})),
    Story("overdue-debt", (120, 85, 40), 598, owes=frozenset({40})),
    Story("large-idle-balance", (300, 190, 75), 598, recharges={300: 5_000, 190: 5_000, 75: 3_000}),
)
HERS = ("birthday", "card-running-out", "card-ending")
"""Stories of customers who are looked after by the first therapist."""
ODD_LUNAR = 12
"""One customer in twelve keeps her birthday by the lunar calendar."""


def people(random: Random, today: date) -> list[Person]:
    """Everybody, the stories first."""
    found = [_story(random, today, number, story) for number, story in enumerate(STORIES, 1)]
    habits = [habit for tier, count in SHARES for habit in _habits(random, tier, count)]
    random.shuffle(habits)
    for number, habit in enumerate(habits[: CUSTOMERS - len(found)], len(found) + 1):
        found.append(_regular(random, today, number, habit))
    _refer(random, found)
    return found


def _habits(random: Random, tier: str, count: int) -> list[Habit]:
    visits, yuan = PACE[tier]
    found: list[Habit] = []
    for _ in range(count):
        spread = random.uniform(0.8, 1.25) if tier != "basic" else random.uniform(0.4, 1.5)
        lost = tier == "basic" and random.random() < 0.35
        since = _since(random, regular=tier != "basic", visits=visits)
        away = min(random.randint(60, 420), since) if lost else random.randint(0, max(2, int(365 / visits)))
        trial = random.random() < 0.25
        found.append(Habit(tier, visits * min(spread, 1.15), yuan * spread, since, min(away, since), trial))
    return found


def _since(random: Random, regular: bool, visits: float) -> int:
    """Most regulars were there before the two years began, and come for the first time told within one round."""
    if random.random() < (0.75 if regular else 0.5):
        return HISTORY_DAYS - random.randint(0, int(365 / visits))
    return random.randint(380 if regular else 8, KNOWN_BEFORE)


def _regular(random: Random, today: date, number: int, habit: Habit) -> Person:
    """Her habit as her visits bear it out."""
    days_ago = _days(random, habit)
    lived = replace(habit, since=days_ago[0], away=days_ago[-1])
    return Person(number, _row(random, today, number, lived.since), lived, days_ago)


def _days(random: Random, habit: Habit) -> list[int]:
    """Days ago, about evenly spread between her first visit and her last; an only visit was not today."""
    span = habit.since - habit.away
    count = max(1, round(habit.visits * (span + 1) / 365))
    if count == 1:
        return [max(1, habit.away)]
    step, days = span / (count - 1), {habit.since, habit.away}
    for place in range(1, count - 1):
        ago = round(habit.away + place * step + random.uniform(-0.35, 0.35) * step)
        days.add(max(habit.away, min(habit.since, ago)))
    return sorted(days, reverse=True)


def _story(random: Random, today: date, number: int, told: Story) -> Person:
    days = [*told.days_ago]
    habit = Habit(STORY, len(days), told.yuan, days[0], days[-1], trial=told.about == "trial-not-converted")
    row = _row(random, today, number, days[0]) | {"store_id": 1}
    if told.about == "sensitive-skin":
        row["skin_type"] = SkinType.SENSITIVE
    if told.about == "birthday":
        soon = today + timedelta(days=5)
        row |= {"birth_calendar": Calendar.SOLAR, "birth_month": soon.month, "birth_day": min(soon.day, 28)}
    return Person(number, row, habit, days, told)


def _row(random: Random, today: date, number: int, since: int) -> dict[str, Any]:
    male = random.random() < 0.06
    first = today - timedelta(days=since)
    phone = phone_of(number)
    birthday = date(random.randint(1962, 2004), 1, 1) + timedelta(days=random.randint(0, 364))
    lunar = number % ODD_LUNAR == 0
    return {
        "id": number,
        "name": name_of(random, male),
        "member_no": f"P{number:05d}",
        "phone": phone,
        **blind_indexes(Customer.fields()["phone"], phone),
        "wechat": f"wx_{number:05d}",
        "sex": Sex.MALE if male else Sex.FEMALE,
        "birth_calendar": Calendar.LUNAR if lunar else Calendar.SOLAR,
        "birth_month": birthday.month,
        "birth_day": min(birthday.day, 29) if lunar else birthday.day,
        "birth_year": birthday.year,
        "stage": Stage.TRIAL if since < 30 else Stage.MEMBER,
        "store_id": random.choice((1, 1, 2, 2, 3)),
        "skin_type": random.choice([kind for kind in SkinType if kind is not SkinType.SENSITIVE]),
        "goals": random.sample(("补水", "美白", "祛痘", "抗衰", "舒缓", "塑形"), k=random.randint(1, 2)),
        "source_channel": random.choice(list(SourceChannel)),
        "first_visit_on": first,
        "registered_on": first,
        "public_id": f"{random.getrandbits(96):024x}",
        "referrer_id": None,
    }


def _refer(random: Random, everybody: list[Person]) -> None:
    """Some came through a friend who knew the salon already; the ambassador of the stories sent three who pay."""
    ambassador = next(person for person, story in zip(everybody, STORIES, strict=False) if story.about == "ambassador")
    others = everybody[len(STORIES) :]
    friends = [p for p in others if p.habit.since < ambassador.habit.since and not p.habit.trial][:3]
    for person in friends:
        _came_through(ambassador, person)
    newer = [p for p in others[50:] if p.habit.since < KNOWN_BEFORE and p not in friends]
    for person in newer[::7]:
        known = [p for p in others if p.id < person.id and p.habit.since > person.habit.since]
        _came_through(random.choice(known), person)


def _came_through(referrer: Person, person: Person) -> None:
    person.row |= {"referrer_id": referrer.id, "source_channel": SourceChannel.FRIEND}
