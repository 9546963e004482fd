"""How rows are found: blind indexes beside encrypted numbers, and words kept as rows under a B-tree.

A name is found by any of its suffixes, by its pinyin and by its initials: trigram search finds nothing for a name of
two characters.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, event, insert, inspect, select
from sqlalchemy.orm import Session

from models.cipher import keyring
from models.clock import SearchKey
from models.entity import AnySelect, Entity, table_of
from models.field import Field, Search

LONGEST_KEY = 60
MOST_KEYS = 40
LAST = "\U0010fffd"
"""Sorts after every letter: the end of a prefix's range."""

SURNAMES = {
    "单": "shan",
    "曾": "zeng",
    "仇": "qiu",
    "解": "xie",
    "区": "ou",
    "查": "zha",
    "任": "ren",
    "朴": "piao",
    "尉迟": "yu chi",
    "万俟": "mo qi",
    "盖": "ge",
    "盛": "sheng",
    "翟": "zhai",
    "华": "hua",
    "覃": "qin",
    "乐": "yue",
    "缪": "miao",
    "祭": "zhai",
    "折": "she",
    "隗": "wei",
    "种": "chong",
    "洗": "xian",
    "冼": "xian",
    "逄": "pang",
    "宓": "mi",
    "俞": "yu",
    "晟": "cheng",
}
"""Surnames that are read otherwise than the common word."""

_HAN = re.compile(r"[㐀-鿿]")
_WORD = re.compile(r"[㐀-鿿]+|[^\W_]+", re.UNICODE)


@lru_cache(maxsize=10_000)
def spoken(text: str) -> tuple[str, ...]:
    """A text as pinyin without tones, each character read as in a common word. Given names come again and again."""
    from pypinyin import Style, lazy_pinyin  # its dictionary takes half a second, and few commands read a name

    return tuple(lazy_pinyin(text, style=Style.NORMAL))


def syllables(name: str) -> tuple[str, ...]:
    """A Chinese name as pinyin syllables, its surname read as a surname."""
    for length in (2, 1):
        reading = SURNAMES.get(name[:length])
        if reading is not None and len(name) >= length:
            return (*reading.split(), *spoken(name[length:]))
    return spoken(name)


def keys_of(text: str) -> set[str]:
    """The words under which a text is found."""
    found: list[str] = []
    for word in _WORD.findall(text.lower()):
        if _HAN.match(word):
            found += (word[place:] for place in range(len(word)))
            for parts in (syllables(word), spoken(word)):  # read as a name, and as a word
                found += ("".join(parts[place:]) for place in range(len(parts)))
                found += ("".join(part[0] for part in parts[place:] if part) for place in range(len(parts)))
        else:
            digits = word.lstrip("abcdefghijklmnopqrstuvwxyz")
            found += (word, digits, digits.lstrip("0"))
    whole = "".join(text.lower().split())
    distinct = dict.fromkeys(key[:LONGEST_KEY] for key in (whole, *found) if key)
    return set(itertools.islice(distinct, MOST_KEYS))


def normal(query: str) -> str:
    """A query as the keys are kept."""
    return "".join(query.lower().split())[:LONGEST_KEY]


def matching(entity: type[Entity], query: str) -> AnySelect:
    """The ids of the rows that have a word beginning with the query."""
    word = normal(query)
    return select(SearchKey.row_id).where(
        SearchKey.entity == entity.named(), SearchKey.key >= word, SearchKey.key < word + LAST
    )


def by_number(entity: type[Entity], field: Field, number: str) -> ColumnElement[bool] | None:
    """Rows whose encrypted number is, whole or in its last four digits, the one given; None when it is neither."""
    digits = re.sub(r"\D", "", number)
    if len(digits) == 4:
        return table_of(entity).c[f"{field.name}_last4"] == blind_indexes(field, digits)[f"{field.name}_last4"]
    from models.numbers import phone_number

    whole = phone_number(number)
    return None if whole is None else same_number(entity, field, whole)


def same_number(entity: type[Entity], field: Field, whole: str) -> ColumnElement[bool]:
    """Rows whose encrypted number is this one."""
    return table_of(entity).c[f"{field.name}_index"] == blind_indexes(field, whole)[f"{field.name}_index"]


def blind_indexes(field: Field, number: str | None) -> dict[str, str | None]:
    """What stands in the columns by which an encrypted number is found, whole or by its last four digits."""
    ring = keyring()
    return {
        f"{field.name}_index": number and ring.blind(number, field.key),
        f"{field.name}_last4": number and ring.blind(number[-4:], f"{field.key}.last4"),
    }


def set_blind_indexes(row: Entity) -> None:
    """Bring the blind indexes of a row up to its numbers."""
    for field in row.fields().values():
        if field.info.search is Search.WHOLE_OR_LAST4:
            for name, index in blind_indexes(field, getattr(row, field.name)).items():
                setattr(row, name, index)


def word_fields(entity: type[Entity]) -> list[Field]:
    return [field for field in entity.fields().values() if field.info.search is Search.WORDS]


def key_rows(entity: type[Entity], row_id: int, texts: Iterable[str | None]) -> Iterator[dict[str, Any]]:
    for key in {key for text in texts if text for key in keys_of(text)}:
        yield {"entity": entity.named(), "key": key, "row_id": row_id}


def write_keys(connection: Connection, entity: type[Entity], rows: list[tuple[int, list[str | None]]]) -> None:
    """Replace the keys of rows given as (id, texts)."""
    if not rows:
        return
    ids = [row_id for row_id, _ in rows]
    table = table_of(SearchKey)
    connection.execute(delete(SearchKey).where(SearchKey.entity == entity.named(), SearchKey.row_id.in_(ids)))
    fresh = [key for row_id, texts in rows for key in key_rows(entity, row_id, texts)]
    if fresh:
        connection.execute(insert(table), fresh)


def rebuild(connection: Connection, entity: type[Entity], batch: int = 5_000) -> int:
    """Make all keys of an entity again from its rows; how many rows were read."""
    fields = word_fields(entity)
    if not fields:
        return 0
    table, done, last = table_of(entity), 0, 0
    columns = [table.c[field.name] for field in fields]
    while True:
        page = connection.execute(
            select(table.c.id, *columns).where(table.c.id > last).order_by(table.c.id).limit(batch)
        )
        rows = [(row[0], list(row[1:])) for row in page]
        if not rows:
            return done
        write_keys(connection, entity, rows)
        done, last = done + len(rows), rows[-1][0]


def attach(session: Any) -> None:
    """Keep indexes and keys in step with whatever this session writes."""
    event.listen(session, "before_flush", _before_flush)
    event.listen(session, "after_flush", _after_flush)


def _before_flush(session: Session, context: Any, instances: Any) -> None:
    for row in [*session.new, *session.dirty]:
        if isinstance(row, Entity):
            set_blind_indexes(row)


def _after_flush(session: Session, context: Any) -> None:
    changed: dict[type[Entity], list[tuple[int, list[str | None]]]] = {}
    for row in [*session.new, *session.dirty]:
        if not isinstance(row, Entity):
            continue
        fields = word_fields(type(row))
        history = inspect(row).attrs
        if fields and any(history[field.name].history.has_changes() for field in fields):
            changed.setdefault(type(row), []).append((row.id, [getattr(row, field.name) for field in fields]))
    for entity, rows in changed.items():
        write_keys(session.connection(), entity, rows)
