"""What the rules look at: a day and some customers, in the salon as it is."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from admin_app.rulebook import rulebook
from models.customers import Customer
from rules.book import Rulebook
from rules.evaluation.dialect import Among
from rules.evaluation.frame import Frame


class Look(NamedTuple):
    """What a frame is made of. Whatever statements are made for it can be kept with it: to make them anew takes as long
    as to execute them for a few customers.
    """

    book: Rulebook
    as_of: date
    merges: bool
    among: Among | None = None

    def frame(self) -> Frame:
        return Frame(self.as_of, self.among, self.merges, calendar=self.book.festivals)


def look_of(session: Session, as_of: date, among: Among | None = None) -> Look:
    """A look at everybody, or at those whose id ``among`` lets through, by the book in force."""
    return Look(rulebook(session), as_of, are_merged(session), among)


def frame_of(session: Session, as_of: date, among: Among | None = None) -> Frame:
    """The frame of such a look."""
    return look_of(session, as_of, among).frame()


def are_merged(session: Session) -> bool:
    """Whether any customers have been merged."""
    return session.scalar(select(Customer.id).where(Customer.merged_into_id.is_not(None)).limit(1)) is not None
