"""Who is acting: named at the edge (page, command, scheduler) and handed down."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class ActorKind(StrEnum):
    """What sort of actor."""

    USER = "user"
    SYSTEM = "system"
    COMMAND = "command"
    LINK = "link"  # a customer's one-time link
    TOKEN = "token"  # noqa: S105 - a kind of actor


@dataclass(frozen=True)
class Actor:
    """Somebody or something that performs operations.

    ``role`` is an id in ``rules/roles.yaml``; ``stores`` are the ids of the stores she works in;
    ``staff_id`` ties a user to the person on the rota, for rows that are assigned to her or were served by her.
    ``confirmed_at`` is when whoever is signed in last proved who they are.
    """

    kind: ActorKind
    name: str
    role: str
    id: int | None = None
    staff_id: int | None = None
    stores: frozenset[int] = field(default_factory=frozenset)
    address: str = ""
    agent: str = ""
    session_id: int | None = None
    confirmed_at: datetime | None = None

    @property
    def unrestricted(self) -> bool:
        """The machine itself: commands at the console and the scheduler stand above roles."""
        return self.kind in (ActorKind.SYSTEM, ActorKind.COMMAND)


SYSTEM = Actor(ActorKind.SYSTEM, name="system", role="system")


def command_actor(user: str) -> Actor:
    """Whoever types at the console, by the operating system's name."""
    return Actor(ActorKind.COMMAND, name=user, role="command")
