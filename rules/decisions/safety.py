"""What must not be done to her: a service's contraindications against what is known of the customer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from models.customers import DangerKind

ALSO_CALLED: dict[DangerKind, tuple[str, ...]] = {
    DangerKind.PREGNANCY: ("孕", "妊娠", "pregnant"),
    DangerKind.DEVICE: ("植入", "起搏器", "implant"),
    DangerKind.MEDICATION: ("药物", "服药"),
}
"""How menus write what a kind of danger stands for, beside its own name."""


OF_SOMETHING = (DangerKind.ALLERGY, DangerKind.MEDICATION, DangerKind.CONDITION)
"""Kinds that say little without what it is: to be pregnant is enough, to be allergic is not."""


@dataclass(frozen=True)
class Known:
    """A contraindication in force: how its kind is called, in every language, its substance, and whether it is
    ``open``: of something that nobody has written down.
    """

    kinds: tuple[str, ...]
    substance: str | None
    open: bool = False


def dangers(forbidden_by: Sequence[str], known: Iterable[Known]) -> list[str]:
    """The words of a service's list that hold for her: a kind by its name, or a substance that the word is part of;
    and, so that what is not known stops her as well, of something unknown every word but another kind's name.
    """
    found: list[str] = []
    for word in forbidden_by:
        plain = word.strip().lower()
        if plain and any(_meets(plain, one) for one in known):
            found.append(word)
    return found


def _meets(word: str, one: Known) -> bool:
    substance = (one.substance or "").strip().lower()
    named = any(word in kind.lower() or kind.lower() in word for kind in one.kinds)
    if one.open and not substance:
        return named or not any(kind in word or word in kind for kinds in ALSO_CALLED.values() for kind in kinds)
    return named or (bool(substance) and (word in substance or substance in word))
