"""What the rules look at: a day and some customers, in the salon as it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from admin_app.rulebook import rulebook
from models.customers import Customer
from rules.evaluation.frame import Frame


def frame_of(session: Session, as_of: date, among: Callable[[Any], ColumnElement[bool]] | None = None) -> Frame:
    """The frame of everybody, or of those whose id ``among`` lets through."""
    merged = select(Customer.id).where(Customer.merged_into_id.is_not(None)).limit(1)
    return Frame(as_of, among, session.scalar(merged) is not None, calendar=rulebook(session).festivals)
