"""What rows are called: one statement per entity referred to, however many rows there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flask import current_app
from sqlalchemy import select

from admin_app.i18n import in_her_language, join_words
from admin_app.rulebook import words_of
from admin_app.values import show_value
from admin_app.word_lists import ACTOR_WORDS
from models.entity import Base, Entity, db, entities, entity_named, table_of
from models.field import Field, Kind
from models.value import Account, Commodity, LedgerEntry
from rules.decisions.access import MASK, Access, Sight

DEPTH = 2
"""A title may itself refer (a reading to its assessment to its customer); deeper ones show their number."""


def titles_of(rows: Iterable[Entity], fields: Sequence[Field], access: Access) -> dict[tuple[str, int], str]:
    """The titles of everything the rows refer to in these fields: (entity, id) → text. Unseen rows show a mask."""
    wanted: dict[str, set[int]] = {}
    for row in rows:
        for field in fields:
            value = getattr(row, field.name)
            if field.kind is Kind.REFERENCE and value is not None:
                wanted.setdefault(field.target, set()).add(value)
    return titles_by(wanted, access)


def titles_by(wanted: dict[str, set[int]], access: Access) -> dict[tuple[str, int], str]:
    """The titles of rows by entity and id; one that is not hers to see shows a mask."""
    return _resolve(wanted, access, DEPTH)


def _resolve(wanted: dict[str, set[int]], access: Access, depth: int) -> dict[tuple[str, int], str]:
    found: dict[tuple[str, int], str] = {}
    entity_names = {entity.named() for entity in entities()}
    for name, ids in wanted.items():
        if name not in entity_names:
            found |= _stand_ins(name, ids, access, depth)
            continue
        entity = entity_named(name)
        parts = [entity.fields()[part] for part in entity.title]
        visible = access.rows(entity)
        table = table_of(entity)
        query = select(table.c.id, *(part.column for part in parts)).where(table.c.id.in_(ids), visible)
        rows = db.session.execute(query).all()
        deeper = _deeper(rows, parts, access, depth)
        for row in rows:
            words = [_word(part, value, access, deeper) for part, value in zip(parts, row[1:], strict=True)]
            found[name, row[0]] = " ".join(word for word in words if word) or f"#{row[0]}"
        found |= {(name, missing): MASK for missing in ids - {row[0] for row in rows}}
    return found


def _stand_ins(name: str, ids: set[int], access: Access, depth: int) -> dict[tuple[str, int], str]:
    """The titles of rows of a derived table: each is called what the row that it stands for is called."""
    table = Base.metadata.tables[name]
    references = {column.name: next(iter(column.foreign_keys)) for column in table.columns if column.foreign_keys}
    columns = [table.c[column] for column in references]
    rows = db.session.execute(select(table.c.id, *columns).where(table.c.id.in_(ids))).all()
    target_of: dict[int, tuple[str, int]] = {}
    wanted: dict[str, set[int]] = {}
    for row_id, *values in rows:
        for key, value in zip(references.values(), values, strict=True):
            if value is not None:
                target_of[row_id] = (key.column.table.name, value)
                wanted.setdefault(key.column.table.name, set()).add(value)
    titles = _resolve(wanted, access, depth - 1) if wanted and depth else {}
    return {(name, row_id): titles.get(target_of.get(row_id, ("", 0)), f"#{row_id}") for row_id in ids}


def _deeper(rows: Sequence[Any], parts: list[Field], access: Access, depth: int) -> dict[tuple[str, int], str]:
    if depth == 0:
        return {}
    wanted: dict[str, set[int]] = {}
    for row in rows:
        for part, value in zip(parts, row[1:], strict=True):
            if part.kind is Kind.REFERENCE and value is not None:
                wanted.setdefault(part.target, set()).add(value)
    return _resolve(wanted, access, depth - 1) if wanted else {}


def _word(part: Field, value: Any, access: Access, deeper: dict[tuple[str, int], str]) -> str:
    if value is None:
        return ""
    if access.sight(part) is not Sight.CLEAR:
        return MASK
    if part.kind is Kind.REFERENCE:
        return deeper.get((part.target, value), f"#{value}")
    return said(part, value)


def said(field: Field, value: Any) -> str:
    """A value in words: closed lists by their labels, and the house by a word where somebody's name would stand."""
    if field.kind is Kind.TEXT and (field.name == "by" or field.name.endswith("_by")):
        return str(ACTOR_WORDS.get(value, value))
    if field.info.words and isinstance(value, (str, list)):
        words = dict(words_of(field.info.words))
        return join_words(words.get(one, one) for one in ([value] if isinstance(value, str) else value))
    return show_value(field.kind, value, current_app.config["PEONY"].zone)


def resolve(entity: type[Entity], row_id: int, access: Access) -> str:
    """What a row is called, by its number."""
    return titles_by({entity.named(): {row_id}}, access)[entity.named(), row_id]


def called(rows: Sequence[Entity], access: Access) -> list[str]:
    """What rows of one entity are called, in their order; in English by their English name or text if there is one."""
    if not rows:
        return []
    name = rows[0].named()
    titles = titles_by({name: {row.id for row in rows}}, access)
    return [_of_row(row, titles[name, row.id]) for row in rows]


def _of_row(row: Entity, title: str) -> str:
    english = getattr(row, "name_en", None) or getattr(row, "text_en", None)
    return title if title == MASK else in_her_language(title, english)


def title_of(row: Entity, access: Access) -> str:
    """What one row is called."""
    return called([row], access)[0]


def money_accounts(rows: Sequence[Entity]) -> set[int]:
    """The accounts of ledger entries that count money: others count points or sessions."""
    accounts = {row.account_id for row in rows if isinstance(row, LedgerEntry)}
    if not accounts:
        return set()
    counted = select(Account.id).where(Account.id.in_(accounts), Account.commodity == Commodity.CNY)
    return set(db.session.scalars(counted))
