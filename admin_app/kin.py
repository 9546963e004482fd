"""Whose facts hang together: what befalls one card counts for others too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import select, union
from sqlalchemy.orm import Session

from models.customers import Customer
from rules.evaluation.dialect import among


def with_kin(session: Session, customers: Iterable[int]) -> set[int]:
    """These customers, their old cards, whom they were merged into, and whoever sent any of them."""
    found, fresh = set(customers), set(customers)
    while fresh:
        hers = among(fresh)
        own = select(Customer.merged_into_id, Customer.referrer_id).where(hers(Customer.id))
        old = select(Customer.id, Customer.referrer_id).where(hers(Customer.merged_into_id))
        pairs: Sequence[Sequence[int | None]] = session.execute(union(own, old)).all()
        fresh = {one for pair in pairs for one in pair if one is not None} - found
        found |= fresh
    return found
