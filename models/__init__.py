"""ENTITIES: what the salon knows, and what must always be true of it. The lowest floor: imports nothing above."""

from models import (
    accounts,
    assessments,
    booking,
    cards,
    care,
    catalogue,
    clock,
    customers,
    log,
    organisation,
    rulebook,
    sales,
    standing,
    till,
    value,
)
from models.entity import Base, Entity, check_declarations, db, entities, entity_named

__all__ = [
    "Base",
    "Entity",
    "accounts",
    "assessments",
    "booking",
    "cards",
    "care",
    "catalogue",
    "check_declarations",
    "clock",
    "customers",
    "db",
    "entities",
    "entity_named",
    "log",
    "organisation",
    "rulebook",
    "sales",
    "standing",
    "till",
    "value",
]
