"""Who the rows of a sheet of customers are: somebody new, somebody known, or somebody of an earlier row."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from admin_app.importing.report import RowFault, SheetReport
from admin_app.importing.rows import CHUNK, Prepared, existing, heading
from models.customers import Customer
from models.entity import db
from models.numbers import phone_number
from models.search import blind_indexes, without_title
from rules.decisions.access import Access

Identity = tuple[str | None, str]
"""Telephone and plain name."""


@dataclass
class Coming:
    """Who would be there by now if a dry run had made the rows of the sheets before.

    Names of customers by member number, and names of staff.
    """

    customers: dict[str, str] = field(default_factory=dict)
    staff: set[str] = field(default_factory=set)

    def numbers_of(self, name: str) -> list[str]:
        """The member numbers of the customers of a name."""
        return [number for number, other in self.customers.items() if without_title(other) == without_title(name)]


class People:
    """The rows of a sheet sorted by whom they mean.

    ``fresh`` are people who are new, ``known`` rows with the customers they mean. Rows with a member number come
    first, whatever their place in the sheet.
    """

    def __init__(self, prepared: list[Prepared], report: SheetReport, access: Access) -> None:
        self.report, self.access = report, access
        self.fresh: list[Prepared] = []
        self.known: list[tuple[Prepared, Customer]] = []
        self._by_number = self._numbers(prepared)
        self._by_identity = self._identities(prepared)
        self._first: dict[str | int | Identity, Prepared] = {}
        self._claimed: set[int] = set()
        for row in sorted(prepared, key=lambda row: (row.values.get("member_no") is None, row.row.number)):
            self._sort(row)

    def meant_by(self, written: str) -> list[Prepared]:
        """The new people of the sheet who have this member number, phone number or name."""
        by_number = [row for row in self.fresh if row.values.get("member_no") == written]
        if by_number:
            return by_number
        number = phone_number(written)
        return [
            row
            for row in self.fresh
            if without_title(row.values["name"]) == without_title(written)
            or (number is not None and phone_number(row.values.get("phone", "")) == number)
        ]

    def _sort(self, row: Prepared) -> None:
        number, name = row.values.get("member_no"), row.values["name"]
        identity = (phone_number(row.values.get("phone", "")), without_title(name))
        if number is not None and (owner := self._by_number.get(number)) is not None:
            if without_title(owner.name) == identity[1]:
                self._known(row, owner, identity)
            else:
                self._belongs(row, owner.name)
            return
        if number is not None and (first := self._first.get(number)) is not None:
            if without_title(first.values["name"]) == identity[1]:
                self._again(row, first)
            else:
                self._belongs(row, first.values["name"])
            return
        self._by_phone_and_name(row, number, identity)

    def _by_phone_and_name(self, row: Prepared, number: str | None, identity: Identity) -> None:
        there = self._by_identity.get(identity, [])
        joins = [c for c in there if c.id not in self._claimed and (number is None or c.member_no is None)]
        if number is None and len(there) > 1:
            reason = _("%(count)s customers have this name and phone; write the member number.", count=len(there))
            self.report.refused.append(RowFault(row.row, heading(Customer, self.report.table, "phone"), reason))
        elif number is None and there:
            self._known(row, there[0], identity)
        elif len(joins) == 1 and identity[0] is not None:
            self._known(row, joins[0], identity)
        elif number is None and (first := self._first.get(identity)) is not None:
            self._again(row, first)
        else:
            if there or identity in self._first:
                others = [c.member_no or c.name for c in there] or [self._first[identity].values.get("member_no", "")]
                reason = _("The same name and phone as %(who)s; merge the two if they are the same person.")
                column = heading(Customer, self.report.table, "phone")
                self.report.notes.append(RowFault(row.row, column, reason % {"who": "、".join(map(str, others))}))
            self._first.setdefault(identity, row)
            if number is not None:
                self._first[number] = row
            self.fresh.append(row)

    def _known(self, row: Prepared, owner: Customer, identity: Identity) -> None:
        """A row of somebody who is in the salon; a second one is compared with the first."""
        if owner.id in self._claimed:
            self._again(row, self._first[owner.id])
            return
        self._claimed.add(owner.id)
        self._first[owner.id] = row
        self._first.setdefault(identity, row)
        if (number := row.values.get("member_no")) is not None:
            self._first[number] = row
        row.values["name"] = owner.name  # the courtesy in a name is no correction
        self.known.append((row, owner))

    def _belongs(self, row: Prepared, name: str) -> None:
        reason = _("This member number belongs to %(name)s.", name=name)
        self.report.refused.append(RowFault(row.row, heading(Customer, self.report.table, "member_no"), reason))

    def _again(self, row: Prepared, first: Prepared) -> None:
        """A further row of the same person: what the first does not say is joined, what differs is told."""
        differing: list[str] = []
        joined: list[str] = []
        for name, text in row.values.items():
            if name in {"name", "store_id", "member_no"}:
                continue
            if name not in first.values:
                first.values[name] = text
                joined.append(heading(Customer, self.report.table, name))
            elif first.values[name] != text:
                differing.append(heading(Customer, self.report.table, name))
        self._join_allergies(row, first)
        who = first.values.get("member_no") or _("row %(row)s", row=first.row.number)
        reason = _("The same name and phone as %(who)s.", who=who)
        if joined:
            reason += _(" Taken over from here: %(columns)s.", columns="、".join(joined))
        if differing:
            reason += _(" Other than there, and not taken: %(columns)s.", columns="、".join(differing))
        self.report.duplicates.append(RowFault(row.row, heading(Customer, self.report.table, "phone"), reason))

    def _join_allergies(self, row: Prepared, first: Prepared) -> None:
        more = [word for word in row.more.get("allergies", []) if word not in first.more.get("allergies", [])]
        if more:
            first.more["allergies"] = [*first.more.get("allergies", []), *more]
        if row.more.get("refuses_marketing"):
            first.more["refuses_marketing"] = True

    # ---------------------------------------------------------------------------------------------- the salon

    def _numbers(self, prepared: list[Prepared]) -> dict[str, Customer]:
        """Who has the member numbers of the sheet; a merged record stands for the one it was merged into."""
        numbers = [row.values["member_no"] for row in prepared if "member_no" in row.values]
        return {str(c.member_no): _current(c) for c in existing(db.session, Customer, "member_no", numbers)}

    def _identities(self, prepared: list[Prepared]) -> dict[Identity, list[Customer]]:
        """Who is in the salon by phone and plain name, of those whose phone or name the sheet speaks of."""
        phone = Customer.fields()["phone"]
        numbers = {number for row in prepared if (number := phone_number(row.values.get("phone", "")))}
        indexes = sorted(str(blind_indexes(phone, number)["phone_index"]) for number in numbers)
        found: dict[Identity, list[Customer]] = defaultdict(list)
        for customer in existing(db.session, Customer, "phone_index", indexes):
            self._add(found, customer, (customer.phone, without_title(customer.name)))
        names = sorted({row.values["name"] for row in prepared if "phone" not in row.values})
        for start in range(0, len(names), CHUNK):
            query = select(Customer).where(Customer.name.in_(names[start : start + CHUNK]), Customer.phone.is_(None))
            for customer in db.session.scalars(query):
                self._add(found, customer, (None, without_title(customer.name)))
        return found

    @staticmethod
    def _add(found: dict[Identity, list[Customer]], customer: Customer, identity: Identity) -> None:
        person = _current(customer)
        if customer.erased_at is None and person not in found[identity]:
            found[identity].append(person)


def _current(customer: Customer) -> Any:
    """The record that stands for this one by now."""
    if customer.merged_into_id is None:
        return customer
    return db.session.get_one(Customer, customer.merged_into_id)
