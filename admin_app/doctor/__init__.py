"""Proof of the books: what the database should make impossible is looked for all the same."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from admin_app.database_tls import check_tls
from admin_app.doctor.books import book_checks
from admin_app.doctor.chain import check_anchors, check_chain
from admin_app.doctor.rows import check_rows
from admin_app.doctor.sessions import check_sessions
from admin_app.doctor.standing import check_references, check_schema
from admin_app.file_modes import check_modes


@dataclass(frozen=True)
class Finding:
    """One check: what it looked at, how much, how long, and what is wrong."""

    name: str
    label: LazyString
    looked_at: int
    seconds: float
    faults: list[str]

    def as_json(self) -> dict[str, Any]:
        return {"looked_at": self.looked_at, "seconds": round(self.seconds, 3), "faults": self.faults}


Check = Callable[[], tuple[int, list[str]]]
"""A check answers how many rows it looked at, and what is wrong, a sentence each."""


def checks() -> dict[str, tuple[LazyString, Check]]:
    """Every check by the name it keeps in JSON, with how it is called on the console."""
    return {
        "schema": (_l("schema"), check_schema),
        "references": (_l("references"), check_references),
        "log chain": (_l("log chain"), check_chain),
        "log anchors": (_l("log anchors"), check_anchors),
        "file modes": (_l("file modes"), check_modes),
        "database TLS": (_l("TLS to the database"), check_tls),
        "rows": (_l("rows against the log"), check_rows),
        "sessions": (_l("sessions against the log"), check_sessions),
        **book_checks(),
    }


def examine(told: Callable[[Finding], None] | None = None, without: Collection[str] = ()) -> list[Finding]:
    """Every check, in order, but those named; ``told`` hears of each as it ends."""
    found: list[Finding] = []
    for name, (label, check) in checks().items():
        if name in without:
            continue
        begun = perf_counter()
        looked_at, faults = check()
        found.append(Finding(name, label, looked_at, perf_counter() - begun, faults))
        if told is not None:
            told(found[-1])
    return found
