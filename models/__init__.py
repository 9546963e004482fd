"""ENTITIES: what the salon knows, and what must always be true of it. The lowest floor: imports nothing above."""

from models import (
    accounts,
    assessments,
    catalogue,
    clock,
    customers,
    log,
    organisation,
    rulebook,
    sales,
    standing,
)
from models.entity import Base, Entity, check_declarations, db, entities, entity_named

__all__ = [
    "Base",
    "Entity",
    "accounts",
    "assessments",
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
]
