"""What ``rules/roles.yaml`` says, read with a plain YAML reader: an opinion of its own, to hold the pages against."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from admin_app.settings import HOUSE
from models.entity import Entity

PLACED = {"store_id", "customer_id"}


@cache
def roles() -> dict[str, dict[str, Any]]:
    text = (HOUSE / "rules" / "roles.yaml").read_text(encoding="utf-8")
    return {role["id"]: role for role in yaml.safe_load(text)["roles"]}


def may(role: str, action: str, entity: str) -> bool:
    said = roles()[role]["may"]
    return action in said.get(entity, said.get("*", []))


def does(role: str, name: str) -> bool:
    return name in roles()[role]["does"] or "*" in roles()[role]["does"]


def exists_for(role: str, entity: type[Entity], side: str) -> bool:
    """Whether the row of that side exists for the role (the cast works in the first store, Anna is theirs)."""
    if not may(role, "view", entity.named()):
        return False
    sees = roles()[role]["sees"]
    hears = roles()[role].get("hears", [])
    if entity.named() in {"alert", "task"} and role != "reception" and "*" not in hears:
        return False  # the rows of the factory are for reception
    return sees == "all" or entity.shared or side == "own"


def sight(role: str, key: str, privacy: str) -> str:
    """hidden, masked or clear."""
    said = roles()[role]
    if privacy == "secret" or key in said.get("hidden", []):
        return "hidden"
    if key in said.get("masked", []):
        return "masked"
    if privacy == "open" or privacy in said.get("clear", []):
        return "clear"
    if privacy == "personal":
        return "masked"
    return "masked" if privacy == "sensitive" and may(role, "reveal", key.split(".", maxsplit=1)[0]) else "hidden"
