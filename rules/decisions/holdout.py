"""Who gets nothing by a rule, so that what it brings can be measured."""

from __future__ import annotations

from hashlib import sha256


def is_held_out(rule: str, customer: str, permille: int) -> bool:
    """Whether a customer, by her public id, is of the share: always the same ones of a rule, others of another."""
    digest = sha256(f"{rule}:{customer}".encode()).digest()
    return int.from_bytes(digest[:8]) % 1000 < permille
