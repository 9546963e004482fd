"""How rows are found: blind indexes beside encrypted numbers, and words kept as rows under a B-tree.

A name is found by any of its suffixes, by its pinyin and by its initials: trigram search finds nothing for a name of
two characters.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, column, delete, event, insert, inspect, select, table
from sqlalchemy.orm import Session, aliased

from models.cipher import keyring
from models.clock import SearchKey
from models.entity import AnySelect, Entity, table_of
from models.field import Field, Search
from models.plain_text import folded, joined, plain_digits, simplified

LONGEST_KEY = 60
MOST_KEYS = 300
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

_HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_IS_HAN = re.compile(f"[{_HAN}]")
_WORD = re.compile(f"[{_HAN}]+|[^\\W_{_HAN}]+")
SHORT_WORD = 5
"""Up to so many characters a word may be a name, and each of its characters is read in every way it can be."""
MOST_READINGS = 64

TITLES = "女士|先生|小姐|太太|阿姨|夫人|老师|老板|经理|店长|院长|医生|大姐|姐姐|姐|哥|总|姨|嫂"
_TITLED = re.compile(f"(?:(?:vip|会员|客户)(?=[{_HAN}]))?(?P<name>.+?)(?:{TITLES})?")
OTHER_READINGS = {"谌": ("shen",), "𠮷": ("ji",)}
"""Readings of names that the dictionary does not have."""


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


@lru_cache(maxsize=10_000)
def _character_readings(character: str) -> tuple[str, ...]:
    from pypinyin import Style, pinyin

    listed = pinyin(character, style=Style.NORMAL, heteronym=True)[0]
    every = [SURNAMES.get(character, ""), *listed, *OTHER_READINGS.get(character, ())]
    return tuple(dict.fromkeys(filter(None, every)))


@lru_cache(maxsize=10_000)
def readings(word: str) -> tuple[tuple[str, ...], ...]:
    """The ways to read a Chinese word aloud, the likely ones first: as a name, as a word, and with each character that
    has several readings in every one of them (李茜 is both li qian and li xi).
    """
    usual = dict.fromkeys((syllables(word), spoken(word)))
    if len(word) > SHORT_WORD:
        return tuple(usual)
    base = next(iter(usual))
    if len(base) != len(word):
        return tuple(usual)
    options = [
        dict.fromkeys((said, *_character_readings(character))) for said, character in zip(base, word, strict=True)
    ]
    for place, option in enumerate(options):
        usual |= dict.fromkeys((*base[:place], other, *base[place + 1 :]) for other in option)
    usual |= dict.fromkeys(itertools.islice(itertools.product(*options), MOST_READINGS))
    return tuple(itertools.islice(usual, MOST_READINGS))


def keys_of(text: str) -> set[str]:
    """The words under which a text is found, in simplified characters.

    The parts of a text in several scripts are words of their own (2号店王芳), also together with what follows them. A
    character that is also traditional is read in its own way too: 李乾 is both li gan and li qian.
    """
    written = folded(text)
    plain = simplified(written)
    found: list[str] = [normal(text), *_keys_of_words(_WORD.findall(plain))]
    if plain != written:
        found += (key for key in _keys_of_words(_WORD.findall(written)) if not _IS_HAN.search(key))
    distinct = dict.fromkeys(key[:LONGEST_KEY] for key in found if key)
    return set(itertools.islice(distinct, MOST_KEYS))


def _keys_of_words(words: Sequence[str]) -> list[str]:
    found: list[str] = []
    for word in words:
        found += _word_keys(word)
    for place in range(1, len(words)):
        found.append("".join(words[place:]))
    if len(words) > 1 and any(map(_IS_HAN.match, words)):
        said = ["".join(readings(word)[0]) if _IS_HAN.match(word) else word for word in words]
        found += ("".join(said[place:]) for place in range(len(said)))
    return found


def _word_keys(word: str) -> Iterator[str]:
    if not _IS_HAN.match(word):
        digits = word.lstrip("abcdefghijklmnopqrstuvwxyz")
        yield from (word, digits, digits.lstrip("0"))
        return
    yield from (word[place:] for place in range(len(word)))
    for parts in readings(word):
        yield from ("".join(parts[place:]) for place in range(len(parts)))
    for parts in readings(word):
        yield from ("".join(part[0] for part in parts[place:] if part) for place in range(len(parts)))


def is_han(text: str) -> bool:
    """Whether a text is Chinese characters and nothing else."""
    return re.fullmatch(f"[{_HAN}]+", text) is not None


def normal(query: str) -> str:
    """A query, and a whole text, as the keys are stored."""
    return simplified(joined(query))[:LONGEST_KEY]


def without_title(name: str) -> str:
    """A name as it is compared, without the courtesy that people add to it: VIP王芳女士 is 王芳."""
    plain = joined(name)
    match = _TITLED.fullmatch(plain)
    return match["name"] if match is not None else plain


def matching(entity: type[Entity], query: str) -> AnySelect:
    """The ids of the rows that have a word beginning with the query; where none has, with the query without a title."""
    word, bare = normal(query), without_title(simplified(query))[:LONGEST_KEY]
    exact = _beginning(entity, word)
    if bare == word:
        return exact
    return select(exact.union_all(_beginning(entity, bare).where(~exact.exists())).subquery().c.row_id)


def containing(entity: type[Entity], text: str) -> AnySelect | None:
    """The ids of the rows with a name that contains Chinese characters, in either form; None for any other text."""
    word = normal(text)
    return _beginning(entity, word) if is_han(word) else None


def _beginning(entity: type[Entity], word: str) -> AnySelect:
    key = aliased(SearchKey)
    return select(key.row_id).where(key.entity == entity.named(), key.key >= word, key.key < word + LAST)


def by_number(entity: type[Entity], field: Field, number: str) -> ColumnElement[bool] | None:
    """Rows whose encrypted number is, whole or in its last four digits, the one given; None when it is neither."""
    digits = re.sub(r"[^0-9]", "", plain_digits(number))
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


def key_rows(name: str, row_id: int, texts: Iterable[str | None]) -> Iterator[dict[str, Any]]:
    for key in {key for text in texts if text for key in keys_of(text)}:
        yield {"entity": name, "key": key, "row_id": row_id}


def write_keys(connection: Connection, name: str, rows: list[tuple[int, list[str | None]]]) -> None:
    """Replace the keys of rows of an entity, given as (id, texts)."""
    if not rows:
        return
    ids = [row_id for row_id, _ in rows]
    connection.execute(delete(SearchKey).where(SearchKey.entity == name, SearchKey.row_id.in_(ids)))
    keys = [key for row_id, texts in rows for key in key_rows(name, row_id, texts)]
    if keys:
        connection.execute(insert(table_of(SearchKey)), keys)


def rebuild(connection: Connection, entity: type[Entity], batch: int = 5_000) -> int:
    """Make all keys of an entity again from its rows; how many rows were read."""
    return rebuild_table(connection, entity.named(), [field.name for field in word_fields(entity)], batch)


def rebuild_table(connection: Connection, name: str, fields: Sequence[str], batch: int = 5_000) -> int:
    """The same by the names of table and columns, as a migration knows them."""
    if not fields:
        return 0
    source, done, last = table(name, column("id"), *map(column, fields)), 0, 0
    while True:
        page = connection.execute(select(source).where(source.c.id > last).order_by(source.c.id).limit(batch))
        rows = [(row[0], list(row[1:])) for row in page]
        if not rows:
            return done
        write_keys(connection, name, rows)
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
        write_keys(session.connection(), entity.named(), rows)
