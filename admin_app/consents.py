"""What customers have agreed to."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.customers import ConsentEvent, Customer, Purpose


def refusing_marketing(session: Session, customers: Collection[int]) -> set[int]:
    """Who of them has withdrawn her consent to marketing messages, under whichever of her records."""
    owner = func.coalesce(Customer.merged_into_id, Customer.id)
    asked = (owner.in_(customers), ConsentEvent.purpose == Purpose.MARKETING)
    events = select(func.max(ConsentEvent.id)).join(Customer, Customer.id == ConsentEvent.customer_id)
    newest = events.where(*asked).group_by(owner)
    query = select(owner).join(ConsentEvent, Customer.id == ConsentEvent.customer_id)
    return set(session.scalars(query.where(ConsentEvent.id.in_(newest), ~ConsentEvent.given)))
