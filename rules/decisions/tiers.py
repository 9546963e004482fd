"""Whether a customer's tier moves, and whither."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from models.standing import TierMove
from rules.documents.tiers import Downgrade, Tier, TiersDocument
from rules.evaluation import interpreter
from rules.evaluation.interpreter import Facts
from rules.language.conditions import All, Any, Comparison, Condition, Operator


@dataclass(frozen=True)
class Held:
    """The tier she holds now, and until when."""

    tier: str
    valid_until: date | None


@dataclass(frozen=True)
class Move:
    """What becomes of her tier; without ``valid_until`` it is held for good (the lowest one is)."""

    kind: TierMove
    tier: str
    valid_until: date | None


def decide(document: TiersDocument, held: Held | None, entered: int, keeps: bool, day: date) -> Move | None:
    """The move that is due on ``day``, or none.

    ``entered`` is the rank of the first tier whose ``enter`` holds, 0 the highest; ``keeps`` says whether the ``keep``
    of the tier held is fulfilled. Up at once; down only after validity and grace have passed.
    """
    if held is None:
        return _to(document, TierMove.FIRST, entered, day)
    rank = document.rank(held.tier)
    if rank is None:
        return _to(document, TierMove.DOWN, entered, day)
    if entered < rank:
        return _to(document, TierMove.UP, entered, day)
    if held.valid_until is None or day <= held.valid_until:
        return None
    if keeps or entered == rank or document.downgrade is Downgrade.NEVER:
        return Move(TierMove.RENEWED, held.tier, until(document, rank, day))
    if day <= held.valid_until + timedelta(document.grace):
        return None
    lower = rank + 1 if document.downgrade is Downgrade.ONE_DOWN else max(entered, rank + 1)
    return _to(document, TierMove.DOWN, lower, day)


def will_fall(document: TiersDocument, held: Held, entered: int, keeps: bool, day: date) -> bool:
    """Whether, so near to its end, her tier would be lowered if all stayed as it is: then she should be told."""
    rank = document.rank(held.tier)
    if held.valid_until is None or rank is None or keeps or entered <= rank or document.downgrade is Downgrade.NEVER:
        return False
    return day >= held.valid_until - timedelta(document.notice)


def tier_for(document: TiersDocument, facts: Facts) -> Tier:
    """The first tier whose ``enter`` these facts fulfil; the last one is everybody's."""
    return next(tier for tier in document.tiers if tier.enter is None or interpreter.holds(tier.enter, facts))


@dataclass(frozen=True)
class Lack:
    """What is missing of one comparison: so much of the fact, in its own unit (money in fen)."""

    leaf: Comparison
    much: int


def lacks(condition: Condition, facts: Facts) -> list[list[Lack]]:
    """The ways to fulfil a condition by having more of something, each with all that it lacks; the easiest told first.

    A part that more of something does not fulfil (a tag, a flag, at most so much) is no way.
    """
    if interpreter.holds(condition, facts):
        return [[]]
    match condition:
        case Comparison(fact=fact, operator=Operator.AT_LEAST | Operator.MORE_THAN as operator, values=values):
            wanted = int(values[0]) + (operator is Operator.MORE_THAN)
            return [[Lack(condition, wanted - int(facts.get(fact.name) or 0))]]
        case All(parts):
            ways: list[list[Lack]] = [[]]
            for part in parts:
                ways = [[*way, *more] for way in ways for more in lacks(part, facts)]
            return ways
        case Any(parts):
            return [way for part in parts for way in lacks(part, facts)]
    return []


@dataclass(frozen=True)
class Benefits:
    """What a tier gives: shares of the price and the points' rate in thousandths, and what is said in words.

    ``rule_version_id`` is the version of the rules that says so.
    """

    tier: str | None
    name: str
    services: int
    products: int
    points_rate: int
    birthday: str
    exclusive: tuple[str, ...]
    rule_version_id: int


def benefits(document: TiersDocument, held: str | None, rule_version_id: int) -> Benefits:
    """What she who holds a tier has of it; a tier that is not there, or none, gives nothing."""
    tier = document.tier(held)
    if tier is None:
        return Benefits(None, "", 1000, 1000, 1000, "", (), rule_version_id)
    rates = tier.services, tier.products, tier.points_rate
    return Benefits(tier.id, tier.name, *rates, tier.birthday, tuple(tier.exclusive), rule_version_id)


def next_tier(document: TiersDocument, held: str | None, facts: Facts) -> tuple[Tier, list[list[Lack]]] | None:
    """The tier above the one held, with the ways to it; None at the top, or where there is none."""
    rank = document.rank(held or "")
    above = (len(document.tiers) if rank is None else rank) - 1
    if above < 0 or (enter := document.tiers[above].enter) is None:
        return None
    ways = lacks(enter, facts)
    return (document.tiers[above], ways) if ways else None


def ways_to_keep(document: TiersDocument, held: Held | None, facts: Facts, day: date) -> list[list[Lack]]:
    """How she would keep a tier that ends so soon that she should be told; none where she need do nothing."""
    tier = document.tier(held.tier if held else None)
    if held is None or tier is None or tier.keep is None:
        return []
    keeps, entered = interpreter.holds(tier.keep, facts), document.rank(tier_for(document, facts).id)
    assert entered is not None
    return lacks(tier.keep, facts) if will_fall(document, held, entered, keeps, day) else []


def _to(document: TiersDocument, kind: TierMove, rank: int, day: date) -> Move:
    return Move(kind, document.tiers[rank].id, until(document, rank, day))


def until(document: TiersDocument, rank: int, day: date) -> date | None:
    """How long a tier that is given on a day is held before it is looked at again; None for the last one."""
    if rank == len(document.tiers) - 1:
        return None
    return months_later(day, document.valid)


def months_later(day: date, months: int) -> date:
    """The same day of the month so many months on, or that month's last day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")
