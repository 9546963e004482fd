"""Random generators beside the main one, so that what is added to the demo moves nothing that was there before."""

from __future__ import annotations

from random import Random


def beside(random: Random) -> Random:
    """Another generator, seeded from the state of this one, which it leaves as it is."""
    twin = Random()
    twin.setstate(random.getstate())
    return Random(twin.getrandbits(64))
