"""What a check has found wrong, as far as it is told: a broken chain, or a table edited whole, has no end of it."""

from __future__ import annotations

FEW, MANY = 20, 100


class FirstFaults(list[str]):
    """The first faults of a check, ``most`` of them; what is told afterwards is left out."""

    def __init__(self, most: int = FEW) -> None:
        super().__init__()
        self.most = most

    def tell(self, fault: str) -> None:
        if len(self) < self.most:
            self.append(fault)
