"""What a row's page offers to do: the buttons, those folded behind «more», and the dangerous ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from admin_app.operations.registry import Spec
from models.customers import Customer
from models.entity import Entity
from models.names import Name

MAIN_ACTS = (Name.SELL, Name.RECHARGE, Name.OPEN_CARD, Name.REDEEM_SESSION, Name.BOOK, Name.RECORD_TREATMENT)
"""What is done with a customer all day: buttons of their own, in this order."""


@dataclass(frozen=True)
class Acts:
    """The operations that a row offers."""

    main: list[Spec]
    folded: list[Spec]
    dangerous: list[Spec]

    @property
    def any(self) -> bool:
        return bool(self.main or self.folded or self.dangerous)

    def offers(self, name: str) -> bool:
        """Whether an operation is among them."""
        return any(one.name == name for one in (*self.main, *self.folded, *self.dangerous))


def acts_with(entity: type[Entity], specs: Sequence[Spec]) -> Acts:
    """These operations in their places: of a customer only what is done all day is a button."""
    usual, dangerous = ([one for one in specs if one.danger is danger] for danger in (False, True))
    if entity is not Customer:
        return Acts(usual, [], dangerous)
    main = sorted((one for one in usual if one.name in MAIN_ACTS), key=lambda one: MAIN_ACTS.index(Name(one.name)))
    return Acts(main, [one for one in usual if one.name not in MAIN_ACTS], dangerous)
