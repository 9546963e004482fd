"""Doing again what another write came in the way of: nothing of it has been written, for it is whole or not at all."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm.exc import StaleDataError

from models.entity import db

P = ParamSpec("P")
T = TypeVar("T")

TRIES = 6
AGAIN = {"40001", "40P01", "55P03"}
"""PostgreSQL's serialization failure, deadlock, and a lock that was not to be had in time."""
_RACES = ("no_gaps_", "no_overlap_booking_claim")
"""Constraints that two may run into at once: the second looks again, and says what it then sees."""


def patiently(work: Callable[[], T]) -> T:
    """What a piece of work in one transaction returns, done again where another write came in its way.

    :raises DBAPIError: one came in its way each time, or it is another trouble.
    :raises StaleDataError: a row was changed by somebody else each time.
    """
    for attempt in range(TRIES):
        try:
            return work()
        except (DBAPIError, StaleDataError) as error:
            db.session.rollback()
            if attempt == TRIES - 1 or not _came_in_the_way(error):
                raise
        except BaseException:
            db.session.rollback()
            raise
        time.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 - spreads retries, keeps no secret
    raise AssertionError("the last try returns or raises")


def patient(step: Callable[P, T]) -> Callable[P, T]:
    """A step that is one transaction, made patient."""

    @wraps(step)
    def tried(*args: P.args, **kwargs: P.kwargs) -> T:
        return patiently(lambda: step(*args, **kwargs))

    return tried


def _came_in_the_way(error: DBAPIError | StaleDataError) -> bool:
    """Serialisation failures, locks, rows changed meanwhile, and two tills that took the same receipt number."""
    if isinstance(error, StaleDataError) or getattr(error.orig, "sqlstate", None) in AGAIN:
        return True
    said = str(error.orig)
    return (isinstance(error, OperationalError) and "locked" in said) or any(word in said for word in _RACES)
