"""Membership tiers as pages show them: each in its own colour."""

from __future__ import annotations

from admin_app.rulebook import rulebook, words_of

BY_RANK = ("rose", "blue", "amber", "green", "grey")
"""Colours from the highest tier down, for tiers whose colour the rules do not give."""


def tier_colour(tier: str) -> str:
    """A tier's colour in ``rules/tiers.yaml``, else one by its rank."""
    document = rulebook().tiers
    rank, known = document.rank(tier), document.tier(tier)
    colour = getattr(known, "color", None)
    if colour:
        return str(getattr(colour, "value", colour))
    return BY_RANK[-1] if rank is None else BY_RANK[min(rank, len(BY_RANK) - 1)]


def tier_tone(tier: str) -> str:
    """The tone of a tier's chip."""
    return f"tier tag-{tier_colour(tier)}"


def tier_label(tier: str) -> str:
    """The name of a tier; of one that the rules no longer know, its id."""
    return dict(words_of("tiers")).get(tier, tier)
