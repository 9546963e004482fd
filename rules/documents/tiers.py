"""Membership tiers."""

from __future__ import annotations

from typing import Annotated

from flask_babel import lazy_gettext as _l
from pydantic import Field

from models.field import Choice
from models.standing import TagColour
from rules.language.conditions import Condition
from rules.language.reading import Days, Document, Months, Name, Names, Part, Permille, PriceShare, Ref, Slug, When

MOST_TIERS = 100
"""Each is compared with all those above it."""


class Downgrade(Choice):
    """What becomes of a tier that was not kept."""

    ONE_DOWN = "one_down", _l("one tier down")
    TO_MATCH = "to_match", _l("down to the tier that is fulfilled")
    NEVER = "never", _l("the tier is kept")


class TakenBack(Choice):
    """What becomes of a tier when a sale that it was given for is taken back."""

    FALL = "fall", _l("it falls to the tier that the rest gives")
    KEEP = "keep", _l("it is kept until its end")


class Tier(Part):
    """One tier. Without ``enter`` everybody has it: the last one.

    .. code-block:: yaml

        - id: gold
          name: 金卡
          name_en: Gold
          enter: {paid_365d: {at_least: 8000}}
          keep: {paid_365d: {at_least: 6000}}
          services: 90%
          products: 95%
          points_rate: 120%
          birthday: 生日满 400 减 100
          exclusive: [优先预约]
          color: amber                 # of its chip in lists: grey, green, blue, amber or rose
    """

    id: Slug
    name: Name
    name_en: str = ""
    enter: When | None = None
    keep: When | None = None
    services: PriceShare = 1000
    products: PriceShare = 1000
    points_rate: Permille = 1000
    birthday: str = ""
    exclusive: list[str] = []
    color: TagColour = TagColour.GREY

    @property
    def conditions(self) -> list[Condition]:
        return [condition for condition in (self.enter, self.keep) if condition is not None]


class TiersDocument(Document):
    """``rules/tiers.yaml``: the highest tier first; the first whose ``enter`` holds is hers.

    ``notice`` days before the end of a tier that will not be kept, somebody of ``notice_to`` is asked to tell her.
    ``taken_back`` says what becomes of a tier whose sale is taken back.
    """

    valid: Months
    downgrade: Downgrade
    grace: Days
    notice: Days
    taken_back: TakenBack = TakenBack.FALL
    notice_to: Annotated[Ref, Names("roles")] = "consultant"
    tiers: Annotated[list[Tier], Field(min_length=1, max_length=MOST_TIERS)]

    def conditions(self) -> list[Condition]:
        """Every condition to enter or to keep a tier."""
        return [condition for tier in self.tiers for condition in tier.conditions]

    def tier(self, tier: str | None) -> Tier | None:
        """The tier of that id."""
        return next((known for known in self.tiers if known.id == tier), None)

    def rank(self, tier: str) -> int | None:
        """0 is the highest."""
        return next((rank for rank, known in enumerate(self.tiers) if known.id == tier), None)
