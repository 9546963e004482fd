"""References in files: written as names that a person can read, and read back as the rows they mean.

A cell that refers to a row holds its title (a name), for a customer also her member number or telephone. A number in a
cell is a member number or a barcode; it is never read as the number of a database row.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from admin_app.titles import titles_by
from admin_app.values import Unreadable
from models.customers import Customer
from models.entity import Entity, db, entities, entity_named, table_of
from models.field import Field, Kind
from models.numbers import phone_number
from models.screen import WrittenBy
from models.search import blind_indexes, without_title
from rules.decisions.access import MASK, Access

BATCH = 500
MOST_PROPOSED = 6
_QUALIFIED = re.compile(r"(.+?)\s*[（(](.+)[)）]", re.DOTALL)


# ----------------------------------------------------------------------------------------------- writing


def reference_names(wanted: dict[str, set[int]], access: Access) -> dict[tuple[str, int], str]:
    """What files call rows: their titles, and where several rows have the same title, what tells them apart."""
    titles = titles_by(wanted, access)
    declared = {entity.named(): entity for entity in entities()}
    for target, ids in wanted.items():
        if target not in declared:  # a derived table: its rows are called what they stand for
            continue
        entity = declared[target]
        if len(entity.title) == 1 and (shared := _shared_titles(entity, {titles[target, row] for row in ids})):
            told_apart = _qualifiers(entity, [row for row in ids if titles[target, row] in shared], access)
            for row, qualifier in told_apart.items():
                titles[target, row] = f"{titles[target, row]}（{qualifier}）"
    return titles


def _shared_titles(entity: type[Entity], titles: set[str]) -> set[str]:
    """Those of the titles that more than one row has."""
    title = entity.fields()[entity.title[0]]
    if title.kind is not Kind.TEXT or title.column.unique:
        return set()
    column = title.column
    shared: set[str] = set()
    for part in batches(sorted(titles - {MASK})):
        query = select(column).where(column.in_(part)).group_by(column).having(func.count() > 1)
        shared.update(db.session.scalars(query))
    return shared


def _qualifiers(entity: type[Entity], ids: Sequence[int], access: Access) -> dict[int, str]:
    """What tells rows of one title apart: a number of their own, or else their store."""
    field = _qualifier(entity)
    if field is None or not ids:
        return {}
    rows = db.session.execute(select(table_of(entity).c.id, field.column).where(table_of(entity).c.id.in_(ids))).all()
    if field.kind is not Kind.REFERENCE:
        return {row: str(value) for row, value in rows if value is not None}
    names = titles_by({field.target: {value for _, value in rows if value is not None}}, access)
    return {row: names[field.target, value] for row, value in rows if value is not None}


def _qualifier(entity: type[Entity]) -> Field | None:
    fields = entity.fields()
    own = (f for f in fields.values() if f.column.unique and not f.info.generated and f.name not in entity.title)
    return next(own, fields.get("store_id"))


# ----------------------------------------------------------------------------------------------- reading


def several_meant(written: str, count: int) -> LazyString:
    """Why a reference that means several rows is not read."""
    return _l("%(count)s have this name or number: %(name)s. Write which.", name=written, count=count)


class References:
    """Finds the rows that the cells of a sheet mean, among those the actor may see."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._rows: dict[str, dict[str, set[int]]] = {}
        self._names: dict[str, list[str]] = {}

    def load(self, target: str, written: Iterable[str]) -> None:
        """Read whatever these texts may mean, in few statements."""
        texts = {text for text in written if text}
        if target == Customer.named():
            self._load_customers(texts)
        elif target not in self._rows:
            self._load_all(target)

    def find(self, target: str, written: str) -> int:
        """The row that is meant.

        :raises Unreadable: there is none, or more than one.
        """
        ids = self._rows.get(target, {}).get(written, set())
        if len(ids) == 1:
            return next(iter(ids))
        label = entity_named(target).label
        if ids:
            raise Unreadable(several_meant(written, len(ids)))
        names = self._names.get(target, [])
        if not names:
            raise Unreadable(_l("%(entity)s not found: %(name)s.", entity=label, name=written))
        proposed = "、".join(_nearest(written, names))
        raise Unreadable(
            _l("%(entity)s not found: %(name)s; there are: %(known)s.", entity=label, name=written, known=proposed)
        )

    def all(self, target: str, written: str) -> list[int]:
        """Every row that may be meant."""
        return sorted(self._rows.get(target, {}).get(written, ()))

    def _load_all(self, target: str) -> None:
        entity = entity_named(target)
        table = table_of(entity)
        unique = [f for f in entity.fields().values() if f.column.unique and f.kind is Kind.TEXT and not f.encrypted]
        own = [field for field in unique if not field.info.generated]
        query = select(table.c.id, *(field.column for field in own)).where(self.access.rows(entity))
        rows = db.session.execute(query).all()
        ids = {row[0] for row in rows}
        found: dict[str, set[int]] = defaultdict(set)
        titles = titles_by({target: ids}, self.access)
        exact = reference_names({target: ids}, self.access)
        for row in rows:
            names = {titles[target, row[0]], exact[target, row[0]], *(str(value) for value in row[1:] if value)}
            for name in names - {f"#{row[0]}"}:  # a row without a title has no name that means anything elsewhere
                found[name].add(row[0])
        self._rows[target] = found
        self._names[target] = sorted(set(titles.values()))

    def _load_customers(self, texts: set[str]) -> None:
        """Customers by member number, telephone or name; a merged record stands for the one it was merged into."""
        found = self._rows.setdefault(Customer.named(), {})
        numbers, names = self._customers_by(texts)
        for text in texts:
            parts = _QUALIFIED.fullmatch(text)
            both = names.get(without_title(parts[1]), set()) & numbers.get(parts[2], set()) if parts else set()
            found[text] = both or numbers.get(text, set()) | names.get(without_title(text), set())

    def _customers_by(self, texts: set[str]) -> tuple[dict[str, set[int]], dict[str, set[int]]]:
        """The customers by number and by plain name, of those that the texts may mean."""
        parts = [match for text in texts if (match := _QUALIFIED.fullmatch(text))]
        number_texts = texts | {match[2] for match in parts}
        name_texts = texts | {without_title(text) for text in texts} | {match[1] for match in parts}
        by_index = {index: text for text in texts if (index := _phone_index(text)) is not None}
        person = func.coalesce(Customer.merged_into_id, Customer.id)
        seen = (self.access.rows(Customer), Customer.erased_at.is_(None))
        numbers: dict[str, set[int]] = defaultdict(set)
        names: dict[str, set[int]] = defaultdict(set)
        for part in batches(sorted(number_texts)):
            query = select(Customer.member_no, person).where(Customer.member_no.in_(part), *seen)
            for number, row in db.session.execute(query):
                numbers[str(number)].add(row)
        for part in batches(sorted(by_index)):
            query = select(Customer.phone_index, person).where(Customer.phone_index.in_(part), *seen)  # type: ignore[attr-defined]  # a blind index
            for index, row in db.session.execute(query):
                numbers[by_index[str(index)]].add(row)
        for part in batches(sorted(name_texts)):
            for name, row in db.session.execute(select(Customer.name, person).where(Customer.name.in_(part), *seen)):
                names[without_title(name)].add(row)
        return numbers, names


def batches(items: Sequence[str]) -> Iterable[Sequence[str]]:
    """The items in parts that fit into one statement."""
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))


def _phone_index(text: str) -> str | None:
    number = phone_number(text)
    return None if number is None else blind_indexes(Customer.fields()["phone"], number)["phone_index"]


def _nearest(written: str, names: Sequence[str]) -> list[str]:
    """The names that share most letters with what was written."""
    letters = set(unicodedata.normalize("NFKC", written).lower())
    return sorted(names, key=lambda name: (-len(letters & set(name.lower())), name))[:MOST_PROPOSED]


def made_by_name(target: str) -> bool:
    """Whether a row that a sheet names can be made from the name alone: a heading of the menu, a brand."""
    entity = entity_named(target)
    needed = [field.name for field in entity.fields().values() if field.required and not field.info.generated]
    return entity.shared and entity.written_by == WrittenBy.FORM and needed == ["name"]
