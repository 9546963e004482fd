"""From nodes to typed documents: pydantic checks the shape, and every fault finds its way back to its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, TypeVar, get_args
from unicodedata import normalize

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from models.numbers import fen_of
from rules.language import spellings
from rules.language.conditions import A_NUMBER, Condition, read_condition
from rules.language.facts import Subject, fact_named, no_such_fact
from rules.language.faults import MOST_FAULTS, Fault, Faults, Place, Spelling, instead, misfit, nearest, short, unknown
from rules.language.nodes import Mapping, Node, Scalar, Sequence, parse

CONDITION_KEYS = frozenset({"when", "enter", "keep"})
PLACE_KEY = "__place__"

M = TypeVar("M", bound="Part")


class Part(BaseModel):
    """A piece of a document; it knows where it stands. Unknown keys are faults."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    place: Place = Field(alias=PLACE_KEY, exclude=True, repr=False)

    def says_the_same(self, other: Part | None) -> bool:
        """Whether the other piece says the same, wherever it stands."""
        if type(self) is not type(other):
            return False
        return all(
            _same(getattr(self, name), getattr(other, name)) for name in type(self).model_fields if name != "place"
        )


def _same(mine: Any, its: Any) -> bool:
    if isinstance(mine, Part):
        return mine.says_the_same(its)
    if isinstance(mine, list) and isinstance(its, list):
        return len(mine) == len(its) and all(map(_same, mine, its))
    return bool(mine == its)


class Document(Part):
    """A whole file: the version of the language, and whether a change in the file goes live at once."""

    version: Annotated[int, Field(ge=1, le=1)]
    from_file: Annotated[str, Field(pattern="^activate$")] = "activate"


def read_document(model: type[M], text: str, file: str) -> M:
    """The typed document in ``text``.

    :raises Faults: what is wrong (the first hundred at most of each sort), each at its place.
    """
    parsed = parse(text, file)
    typed = [*parsed.faults, *parsed.doubtful]
    if parsed.root is None:
        raise Faults(typed)
    if not typed:
        return read_tree(model, parsed.root)
    lines = {fault.place.line for fault in typed}
    try:
        read_tree(model, parsed.root)
    except Faults as error:
        raise Faults([*typed, *(one for one in error.faults if one.place.line not in lines)]) from error
    raise Faults(typed)


def read_tree(model: type[M], root: Mapping) -> M:
    """The typed document of a tree of nodes.

    :raises Faults: as above.
    """
    found: list[Fault] = []
    try:
        return model.model_validate(_plain(root), context=found)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)[:MOST_FAULTS]
        shape = [_fault(detail, root, model) for detail in details if detail["type"] != "located"]
        raise Faults([*found[:MOST_FAULTS], *shape]) from error


def _plain(node: Node) -> Any:
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Sequence):
        return [_plain(item) for item in node.items]
    own = next((key for key, _ in node.pairs if key.text == PLACE_KEY), None)
    if own is not None:
        raise Faults([Fault(own.place, unknown(own.text, (), _l("key")))])
    pairs = {k.text: v if k.text in CONDITION_KEYS else _plain(v) for k, v in node.pairs}
    return {**pairs, PLACE_KEY: node.place}


# ------------------------------------------------------------------------------------------------ typed scalars


def _when(value: Any, info: ValidationInfo) -> Condition:
    if not isinstance(value, (Scalar, Sequence, Mapping)):
        tree: Condition = value
        return tree
    return _read(value, Subject.CUSTOMER, info)


def _when_about(value: Any, info: ValidationInfo) -> Condition:
    """The condition of a rule that says beforehand what it is ``about``."""
    if "about" not in info.data:  # which is a fault of its own
        raise PydanticCustomError("located", "see the faults")
    return _read(value, Subject(info.data["about"]), info)


def _read(node: Node, subject: Subject, info: ValidationInfo) -> Condition:
    try:
        return read_condition(node, subject)
    except Faults as error:
        assert info.context is not None  # read_document hands the list down
        info.context.extend(error.faults)
        raise PydanticCustomError("located", "see the faults") from error


def one_text(value: Any) -> str:
    """The text of a scalar."""
    if isinstance(value, (list, dict)):
        need = _l("A single text is needed here.")
        keys = list(_free(value)) if isinstance(value, dict) else []
        if len(keys) == 1 and value[keys[0]] == "":
            text = f"{{{short(keys[0])}}}"
            need = _l('A text that begins with a brace is put in quotation marks: "%(text)s"', text=text)
        raise PydanticCustomError("said", "text", {"message": need})
    return str(value)


def _pattern(shape: str, need: LazyString, spelling: Spelling | None = None) -> Any:
    """A scalar of this shape; ``spelling`` tells how what was typed is written here."""
    expression = re.compile(shape)

    def check(value: Any) -> str:
        match = expression.fullmatch(one_text(value))
        if match is None:
            raise _misfit(value, need, spelling)
        return match.group(1) if expression.groups else match.group()

    return BeforeValidator(check)


def _misfit(value: Any, need: LazyString, spelling: Spelling | None) -> PydanticCustomError:
    """That a value is none of its kind; what to propose is told where its bounds are known."""
    return PydanticCustomError("misfit", "misfit", {"typed": str(value), "need": need, "spelling": spelling})


def _permille(value: Any) -> int:
    return int(Decimal(str(value)) * 10)


def _yuan(value: Any) -> int:
    """In yuan as it is written, in fen as it is kept."""
    fen = fen_of(one_text(value))
    if fen is None or fen < 0:
        raise _misfit(value, spellings.amount_needed(str(value)), spellings.money)
    return fen


def _flag(value: Any) -> bool:
    known = {"yes": True, "no": False, "true": True, "false": False, "是": True, "否": False}
    if str(value) not in known:
        raise _misfit(value, _l("yes or no is needed here."), spellings.flag)
    return known[str(value)]


def _free(value: Any) -> Any:
    """A mapping whose keys are the owner's own."""
    return {k: v for k, v in value.items() if k != PLACE_KEY} if isinstance(value, dict) else value


_PLACES = re.compile(r"\{([^{}]*)\}")


def _text(value: Any) -> str:
    text = one_text(value)
    if (wrong := wrong_place(text)) is not None:
        raise PydanticCustomError("said", text, {"message": wrong})
    return text


def wrong_place(text: str, subject: Subject = Subject.CUSTOMER) -> LazyString | None:
    """What is wrong with the places in braces of a text about a subject."""
    for name in _PLACES.findall(text):
        if name != "name" and fact_named(name, subject) is None:
            return no_such_fact(name, subject, ("name",))
    if "{" in _PLACES.sub("", text) or "}" in _PLACES.sub("", text):
        return _l("A brace stands alone: write a place as {name}.")
    return None


_QUIET = re.compile(r"((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d)")


def _quiet(value: Any) -> str:
    match = _QUIET.fullmatch(one_text(value))
    if match is None:
        message = misfit(value, _l("Two times of day are needed, such as 21:00-09:00."), spellings.hours)
    elif match.group(1) == match.group(2):
        message = _l("Quiet hours that end when they begin have no length: say two different times.")
    else:
        return match.group()
    raise PydanticCustomError("said", str(value), {"message": message})


@dataclass(frozen=True)
class Written:
    """How a scalar is written, for whoever offers it as a field: what it is, what stands behind a number, its unit."""

    sort: str
    suffix: str = ""
    unit: LazyString | None = None


@dataclass(frozen=True)
class Names:
    """Whose name stands here: one of the ``tags``, ``roles``, ``coupons``, ``services``, ``levels``."""

    kind: str


When = Annotated[Any, BeforeValidator(_when), Written("condition")]
WhenAbout = Annotated[Any, BeforeValidator(_when_about), Written("condition")]
Slug = Annotated[
    str,
    _pattern(
        r"[a-z][a-z0-9-]{0,39}",
        _l("A short name has only a-z, 0-9 and -, and begins with a letter."),
        spellings.short_name,
    ),
]
Word = Annotated[
    str, _pattern(r"[a-z][a-z0-9_]{0,29}", _l("This becomes part of a fact: only a-z, 0-9 and _, a letter first."))
]
Ref = Annotated[str, _pattern(r"(?s)(.{1,60})", _l("A short name has only a-z, 0-9 and -, and begins with a letter."))]
"""The short name of something declared elsewhere: whether there is such a one, the whole book knows."""
Name = Annotated[str, _pattern(r"(?s)(.{1,60})", _l("A name of 1 to 60 letters is needed here."))]
Days = Annotated[
    int,
    _pattern(r"(\d{1,4})d", _l("A number of days is needed, such as 30d."), spellings.length("d")),
    Written("number", "d", _l("days")),
]
Hours = Annotated[
    int,
    _pattern(r"(\d{1,4})h", _l("A number of hours is needed, such as 24h."), spellings.length("h")),
    Written("number", "h", _l("hours")),
]
Months = Annotated[
    int,
    _pattern(r"(\d{1,3})mo", _l("A number of months is needed, such as 12mo."), spellings.length("mo")),
    Written("number", "mo", _l("months")),
]
Minutes = Annotated[
    int,
    _pattern(r"(\d{1,3})min", _l("A number of minutes is needed, such as 15min."), spellings.length("min")),
    Written("number", "min", _l("minutes")),
]
LunarDay = Annotated[
    str,
    _pattern(
        r"(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|30|last)",
        _l("A day of the lunar year is needed: month and day, such as 08-15, or 12-last."),
        spellings.month_day,
    ),
]
Clock = Annotated[
    str,
    _pattern(
        r"(?:[01]\d|2[0-3]):[0-5]\d",
        _l("A time of day is needed, such as 10:00, from 00:00 to 23:59."),
        spellings.clock,
    ),
]
Week = Annotated[str, _pattern(r"[1-4]|last", _l("Which week is one of: 1, 2, 3, 4, last."))]
Whole = Annotated[int, _pattern(r"(\d{1,7})", A_NUMBER, spellings.number), Written("number")]
Count = Annotated[int, Field(ge=1, le=999)]
Rate = Annotated[
    str,
    _pattern(
        r"[1-9]\d{0,2} ?/ ?[1-9]\d{0,3}d", _l("So many in so many days is needed, such as 2 / 30d."), spellings.rate
    ),
]
Yuan = Annotated[int, BeforeValidator(_yuan), Written("yuan", unit=_l("yuan"))]
_A_PERCENT = (r"(\d{1,3}(?:\.\d)?)%", _l("A percentage is needed, such as 95%."))
_PERCENT_SIGN = Written("percent", "%", LazyString(str, "%"))
Permille = Annotated[int, BeforeValidator(_permille), _pattern(*_A_PERCENT, spellings.percent), _PERCENT_SIGN]
Share = Annotated[Permille, Field(le=1000)]
PriceShare = Annotated[
    int, BeforeValidator(_permille), _pattern(*_A_PERCENT, spellings.price), _PERCENT_SIGN, Field(le=1000)
]
"""What is left of a price: people write it in tenths too."""
DayCount = Annotated[
    int,
    Field(ge=1, le=3660),
    _pattern(r"([0-9]{1,9})", _l("A number of days is needed, such as 30."), spellings.days),
]
Years = Annotated[
    int,
    Field(ge=0, le=9),
    _pattern(r"([0-9]{1,9})", _l("A number of years is needed, such as 1."), spellings.counted("y")),
]
Month = Annotated[
    int,
    Field(ge=1, le=12),
    _pattern(r"([0-9]{1,9})", _l("A month is needed, from 1 to 12."), spellings.month),
]
DayOfWeek = Annotated[
    int,
    Field(ge=1, le=7),
    _pattern(r"([0-9]{1,9})", _l("A day of the week is needed, from 1 (Monday) to 7 (Sunday)."), spellings.weekday),
]
Quiet = Annotated[str, BeforeValidator(_quiet)]
Free = BeforeValidator(_free)
Flag = Annotated[bool, BeforeValidator(_flag), Written("flag")]
Template = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=300), Written("template")]
TemplateAbout = Annotated[str, BeforeValidator(one_text), Field(min_length=1, max_length=300), Written("template")]
"""A text whose places are looked at where it is known what it is about."""


def places_in(template: str) -> list[str]:
    """The names in braces of a text, in their order."""
    return _PLACES.findall(template)


def filled(template: str, values: dict[str, str]) -> str:
    """The text with each ``{name}`` replaced by its value; a place without a value shows «–»."""
    return _PLACES.sub(lambda match: values.get(match.group(1), "–"), template)


# -------------------------------------------------------------------------------------- back to the place


def _fault(detail: ErrorDetails, root: Mapping, model: type[Part]) -> Fault:
    loc = [part for part in detail["loc"] if part != PLACE_KEY]
    node = _walk(root, loc)
    match detail["type"]:
        case "extra_forbidden":
            return Fault(_key_place(root, loc), _no_such_key(str(loc[-1]), _keys_at(model, loc[:-1])))
        case "missing":
            return Fault(node.place, _l("The key %(key)s is missing.", key=str(loc[-1])))
        case "said":
            return Fault(node.place, detail["ctx"]["message"])
        case "misfit":
            said = detail["ctx"]
            return Fault(node.place, misfit(said["typed"], said["need"], said["spelling"], _fits(model, loc)))
    return Fault(node.place, _message(detail, node, _fits(model, loc)))


def _fits(model: type[Part], loc: list[Any]) -> Callable[[str], bool] | None:
    """Whether a word would be taken at this location; nothing where that is not known."""
    part = model
    for key in loc[:-1]:
        part = _part_at(part, key) or part
    info = _field(part, loc[-1]) if loc else None
    if info is None:
        return None

    def fits(word: str) -> bool:
        try:
            _adapter(part, str(loc[-1])).validate_python(word)
        except ValidationError:
            return False
        return True

    return fits


@cache
def _adapter(part: type[Part], key: str) -> TypeAdapter[Any]:
    info = _field(part, key)
    assert info is not None
    kind: Any = info.annotation
    for said in info.metadata:
        kind = Annotated[kind, said]
    return TypeAdapter(kind)


def _field(part: type[Part], key: Any) -> FieldInfo | None:
    return next((info for name, info in part.model_fields.items() if (info.alias or name) == key), None)


def _part_at(part: type[Part], key: Any) -> type[Part] | None:
    info = _field(part, key)
    return None if info is None else _part_in(info.annotation)


def _no_such_key(key: str, fitting: tuple[str, ...]) -> LazyString:
    plain = normalize("NFKC", key).strip("\u200b\ufeff “”‘’\"'").split(":")[0].strip()
    if plain != key and plain in fitting:
        return instead(f"{plain}:", key)
    if nearest(key, fitting) is not None:
        return unknown(key, fitting, _l("key"))
    if key in _known_keys():
        return _l("%(key)s does not belong here.", key=key)
    return unknown(key, _known_keys(), _l("key"))


def _keys_at(model: type[Part], loc: list[Any]) -> tuple[str, ...]:
    """The keys of the part at this location of a document."""
    part = model
    for key in loc:
        part = _part_at(part, key) or part
    return _keys_of(part)


def _part_in(annotation: Any) -> type[Part] | None:
    """The part that an annotation such as ``list[Rule] | None`` holds."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    return next((part for inner in get_args(annotation) if (part := _part_in(inner)) is not None), None)


def _keys_of(part: type[Part]) -> tuple[str, ...]:
    return tuple(info.alias or name for name, info in part.model_fields.items() if name != "place")


def _walk(root: Mapping, loc: list[Any]) -> Node:
    """The deepest node on the way; what pydantic adds to the way (names of union members) is passed over."""
    node: Node = root
    for part in loc:
        following: Node | None = None
        if isinstance(node, Mapping):
            following = node.get(str(part))
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            following = node.items[part]
        node = following or node
    return node


def _key_place(root: Mapping, loc: list[Any]) -> Place:
    parent = _walk(root, loc[:-1])
    if isinstance(parent, Mapping):
        for key, _value in parent.pairs:
            if key.text == str(loc[-1]):
                return key.place
    return parent.place


@cache
def _known_keys() -> tuple[str, ...]:
    """Every key of the language: near enough for «did you mean»."""
    waiting: list[type[Part]] = [Part]
    keys: set[str] = set()
    while waiting:
        part = waiting.pop()
        keys.update(_keys_of(part))
        waiting.extend(part.__subclasses__())
    return tuple(sorted(keys))


def _message(detail: ErrorDetails, node: Node, fits: Callable[[str], bool] | None) -> LazyString:
    context = detail.get("ctx", {})
    typed = node.text if isinstance(node, Scalar) else ""
    match detail["type"]:
        case "dict_type" | "model_type" | "model_attributes_type":
            return _no_keys(typed)
        case "list_type":
            return misfit(typed, _l("A list is needed here."), _in_brackets)
        case "string_type":
            return _l("A single text is needed here.")
        case "int_parsing" | "int_type":
            return misfit(typed, A_NUMBER, spellings.number, fits)
        case "literal_error" | "enum":
            values = str(context.get("expected", "")).replace(" or ", ", ").replace("'", "")
            return misfit(typed, _l("One of these is needed: %(values)s.", values=values), _one_of(values.split(", ")))
        case "greater_than_equal":
            return _l("At least %(least)s is needed here.", least=_as_typed(context["ge"], typed))
        case "less_than_equal":
            return _l("At most %(most)s fits here.", most=_as_typed(context["le"], typed))
        case "too_short" | "string_too_short":
            return _l("This must not be empty.")
        case "too_long":
            return _l("There are too many here: at most %(most)s.", most=context.get("max_length", ""))
    return _l("This does not fit here: %(problem)s.", problem=detail["msg"])


def _as_typed(limit: int, typed: str) -> str:
    """A bound in the unit in which somebody wrote: shares are kept in thousandths, lengths by their number."""
    unit = re.search(r"[%a-z]+$", typed)
    if unit is None:
        return str(limit)
    return f"{limit / 10:g}%" if unit[0] == "%" else f"{limit}{unit[0]}"


def _no_keys(typed: str) -> LazyString:
    """A text where keys with values should stand: mostly for want of a colon that is one."""
    need = _l("Keys with values are needed here.")
    match = re.match(r"([A-Za-z_][\w-]*) *(：|:(?=\S))[ \u3000]*(.*)", typed, re.DOTALL)
    return instead(f"{match[1]}: {match[3]}", typed) if match else misfit(typed, need)


def _in_brackets(typed: str) -> str | None:
    return f"[{', '.join(re.split('[,，、] *', typed.strip('[]［］【】 ')))}]" if typed.strip() else None


def _one_of(values: list[str]) -> Spelling:
    def spelled(typed: str) -> str | None:
        word = re.sub(r"[\s-]+", "_", normalize("NFKC", typed).strip("“”‘’\"' ").lower())
        return word if word in values else spellings.choice(typed, values) or nearest(word, values)

    return spelled
