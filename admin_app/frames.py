"""What the rules look at: a day and some customers, in the salon as it is."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from admin_app.rulebook import rulebook
from models.customers import Customer
from rules.book import Rulebook
from rules.evaluation.dialect import Among
from rules.evaluation.frame import Frame


def frame_of(session: Session, as_of: date, among: Among | None = None) -> Frame:
    """The frame of everybody, or of those whose id ``among`` lets through."""
    return frame_by(rulebook(session), as_of, are_merged(session), among)


def frame_by(book: Rulebook, as_of: date, merges: bool, among: Among | None = None) -> Frame:
    """The same, where the book and whether any customers have been merged are known."""
    return Frame(as_of, among, merges, calendar=book.festivals)


def are_merged(session: Session) -> bool:
    """Whether any customers have been merged."""
    return session.scalar(select(Customer.id).where(Customer.merged_into_id.is_not(None)).limit(1)) is not None
