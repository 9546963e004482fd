"""A document's text with other values in it: what says the same keeps its bytes, and a comment keeps its place.

Values are plain: dicts, lists and texts. An item of a list that is ``Kept`` is one that was there, wherever it stands
now; of a list without them, equal items are found again and the others taken in their order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import yaml

from rules.language.faults import Faults
from rules.language.nodes import BOM, Mapping, Node, Scalar, Sequence, read_nodes
from rules.language.writing import Lines, PlainDumper, emit, plain_of

NO_END = 10**6


@dataclass(frozen=True)
class Kept:
    """An item of a list that was there: which one it was, and what it says now."""

    was: int
    plain: Any


def rewritten(text: str, plain: dict[str, Any]) -> str:
    """The document saying ``plain``, every line of what did not change as it was.

    :raises Faults: the text is no document.
    """
    root = read_nodes(text, "")
    if _same(root, plain):
        return text
    if not text.endswith("\n"):
        text += "\n"
        root = read_nodes(text, "")
    body = text.removeprefix(BOM)
    fresh = _Rewriter(body).span(root, plain, 0, len(body), flow=False) if root.pairs else body + emit(bare(plain))
    if fresh is None or not _says(fresh, bare(plain)):  # lines that end as only YAML knows
        fresh = emit(Lines(bare(plain)))
    return text[: len(text) - len(body)] + fresh


def _says(text: str, plain: dict[str, Any]) -> bool:
    try:
        return bool(plain_of(read_nodes(text, "")) == plain)
    except Faults:
        return False


def with_item(text: str, key: str, item_id: str | None, plain: dict[str, Any] | None) -> str:
    """The document with one item of the list ``key`` exchanged, added (no id) or taken out (no value).

    :raises Faults: the text is no document.
    :raises KeyError: there is no such item.
    """
    root = plain_of(read_nodes(text, ""))
    listed = root.get(key) if isinstance(root.get(key), list) else []
    items: list[Any] = [Kept(was, item) for was, item in enumerate(listed)]
    if item_id is None:
        return rewritten(text, {**root, key: [*items, plain]})
    at = next((was for was, item in enumerate(listed) if isinstance(item, dict) and item.get("id") == item_id), None)
    if at is None:
        raise KeyError(item_id)
    items[at : at + 1] = [] if plain is None else [Kept(at, plain)]
    return rewritten(text, {**root, key: items})


def bare(plain: Any) -> Any:
    """Plain values without a word on what was where."""
    if isinstance(plain, Kept):
        return bare(plain.plain)
    if isinstance(plain, dict):
        return type(plain)((key, bare(value)) for key, value in plain.items())
    return [bare(item) for item in plain] if isinstance(plain, list) else plain


def _same(node: Node, plain: Any) -> bool:
    """Whether a node says this already, its items in their places."""
    if isinstance(plain, list) and isinstance(node, Sequence):
        if len(plain) != len(node.items):
            return False
        places = all(item.was == place for place, item in enumerate(plain) if isinstance(item, Kept))
        return places and all(map(_same, node.items, (i.plain if isinstance(i, Kept) else i for i in plain)))
    if isinstance(plain, dict) and isinstance(node, Mapping):
        known = {key.text: value for key, value in node.pairs}
        return known.keys() == plain.keys() and all(_same(known[key], plain[key]) for key in plain)
    return isinstance(node, Scalar) and node.text == plain


class _Rewriter:
    """Pieces of one text; each answers None where what is wanted has another shape than what is there."""

    def __init__(self, text: str) -> None:
        self.text = text

    def span(self, node: Node, plain: Any, begin: int, end: int, *, flow: bool) -> str | None:
        """The text from ``begin`` to ``end``, in which the node stands, with the node saying ``plain``."""
        if _same(node, plain):
            return self.text[begin:end]
        if isinstance(node, Scalar) and isinstance(plain, str):
            if node.span.block or node.span.start == node.span.end:
                return None
            word = _word(plain, flow=flow)
            return self.text[begin : node.span.start] + word + self.text[node.span.end : end]
        if isinstance(node, Mapping) and isinstance(plain, dict) and any(key.text in plain for key, _ in node.pairs):
            return self.mapping(node, plain, begin, end, flow=flow)
        if isinstance(node, Sequence) and isinstance(plain, list) and node.items and plain:
            return self.sequence(node, plain, begin, end, flow=flow)
        return None

    # ------------------------------------------------------------------------------------------ keys and values

    def mapping(self, node: Mapping, plain: dict[str, Any], begin: int, end: int, *, flow: bool) -> str | None:
        if node.span.flow:
            return self.flow_mapping(node, plain, begin, end)
        if flow or node.pairs[0][0].text not in plain:
            return None
        indent = " " * (node.pairs[0][0].place.column - 1)
        pieces: list[str] = []
        at = begin
        for place, (key, value) in enumerate(node.pairs):
            start = self.line_start(key.span.start) if place else key.span.start
            stop = self.line_end(end_of(value))
            pieces.append(self.text[at:start])
            if key.text in plain:
                said = plain[key.text]
                fresh = self.span(value, said, start, stop, flow=False)
                if fresh is None:
                    fresh = _on_lines({key.text: said}, indent)[0 if place else len(indent) :]
                pieces.append(fresh)
            pieces += [self.added(one, indent) for one in _added_after(node, plain, key.text)]
            at = stop
        return "".join([*pieces, self.text[at:end]])

    def added(self, pair: dict[str, Any], indent: str) -> str:
        """A key that is new; in the outermost mapping, what takes several lines stands apart."""
        lines = _on_lines(pair, indent)
        return lines if indent or lines.count("\n") == 1 else "\n" + lines

    def flow_mapping(self, node: Mapping, plain: dict[str, Any], begin: int, end: int) -> str:
        pieces: list[str] = []
        at = node.pairs[0][0].span.start
        first, last = at, at
        for key, value in node.pairs:
            start, last = key.span.start, end_of(value)
            if key.text in plain:
                pieces.append((self.text[at:start] if pieces else "") + self.flow_pair(key, value, plain[key.text]))
            at = last
            for one in _added_after(node, plain, key.text):
                pieces.append((", " if pieces else "") + _flow(one)[1:-1])
        return self.text[begin:first] + "".join(pieces) + self.text[last:end]

    def flow_pair(self, key: Scalar, value: Node, plain: Any) -> str:
        fresh = self.span(value, plain, key.span.start, end_of(value), flow=True)
        return _flow({key.text: plain})[1:-1] if fresh is None else fresh

    # -------------------------------------------------------------------------------------------------- lists

    def sequence(self, node: Sequence, plain: list[Any], begin: int, end: int, *, flow: bool) -> str | None:
        items = list(_found_again(node, plain))
        if node.span.flow:
            return self.flow_sequence(node, items, begin, end)
        bodies = [(self.line_start(item.span.start), self.line_end(end_of(item))) for item in node.items]
        dashes = (self.text[start : item.span.start] for (start, _), item in zip(bodies, node.items, strict=True))
        if flow or any(before.strip() != "-" for before in dashes):
            return None
        return self.text[begin : bodies[0][0]] + self.listed(node, items, bodies) + self.text[bodies[-1][1] : end]

    def listed(self, node: Sequence, items: list[Any], bodies: list[tuple[int, int]]) -> str:
        """The items in their new order, each with the empty lines and the comment above it."""
        gaps = [("", ""), *(_parted(self.text[a:b]) for (_, a), (b, _) in pairwise(bodies))]
        like = self.text[slice(*bodies[0])]
        usual = gaps[-1][0] if len(gaps) > 1 else "\n" * (like.count("\n") > 1)
        gone = [was for was in range(len(bodies)) if was not in {i.was for i in items if isinstance(i, Kept)}]
        pieces: list[str] = []
        for place, item in enumerate(items):
            while gone and isinstance(item, Kept) and gone[0] < item.was:
                pieces.append(_comment_left(gaps[gone.pop(0)]))
            own = item.was if isinstance(item, Kept) else len(gaps)
            above = own or place  # what was first had nothing above it
            pieces.append((gaps[above][0] if above < len(gaps) else usual) if place else "")
            if isinstance(item, Kept):
                start, stop = bodies[item.was]
                fresh = self.span(node.items[item.was], item.plain, start, stop, flow=False)
                pieces += [gaps[item.was][1], _item(item.plain, like) if fresh is None else fresh]
            else:
                pieces.append(_item(item, like))
        return "".join([*pieces, *(_comment_left(gaps[was]) for was in gone)])

    def flow_sequence(self, node: Sequence, items: list[Any], begin: int, end: int) -> str:
        spans = [(item.span.start, end_of(item)) for item in node.items]
        words = []
        for item in items:
            fresh = None
            if isinstance(item, Kept):
                fresh = self.span(node.items[item.was], item.plain, *spans[item.was], flow=True)
            words.append(_flow(bare(item)) if fresh is None else fresh)
        between = [self.text[a:b] for (_, a), (b, _) in pairwise(spans)]
        if [item.was if isinstance(item, Kept) else None for item in items] != list(range(len(spans))):
            between = [", "] * (len(items) - 1)
        joined = "".join(word + gap for word, gap in zip(words, [*between, ""], strict=True))
        return self.text[begin : spans[0][0]] + joined + self.text[spans[-1][1] : end]

    def line_start(self, at: int) -> int:
        return self.text.rfind("\n", 0, at) + 1

    def line_end(self, at: int) -> int:
        return self.text.find("\n", at) + 1 or len(self.text)


def end_of(node: Node) -> int:
    """Where a node ends, without the lines that YAML counts to it because nothing else follows."""
    if node.span.flow or isinstance(node, Scalar):
        return node.span.end - (1 if isinstance(node, Scalar) and node.span.block else 0)
    last = node.items[-1] if isinstance(node, Sequence) and node.items else None
    if isinstance(node, Mapping) and node.pairs:
        last = node.pairs[-1][1]
    return node.span.start if last is None else end_of(last)


def _added_after(node: Mapping, plain: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The new keys that follow this one, each as a mapping of its own; those before all known ones follow the first."""
    known = [name.text for name, _ in node.pairs]
    after = next(name for name in known if name in plain)
    found: list[dict[str, Any]] = []
    for name, value in plain.items():
        if name in known:
            after = name
        elif after == key:
            found.append({name: value})
    return found


def _found_again(node: Sequence, plain: list[Any]) -> Iterable[Any]:
    """The items, each that was there as ``Kept``."""
    if any(isinstance(item, Kept) for item in plain):
        return plain
    if len(plain) == len(node.items):
        return [Kept(place, item) for place, item in enumerate(plain)]
    left = list(range(len(node.items)))
    found: list[Any] = []
    for item in plain:
        was = next((one for one in left if _same(node.items[one], item)), None)
        if was is not None:
            left.remove(was)
        found.append(item if was is None else Kept(was, item))
    return found


def _parted(gap: str) -> tuple[str, str]:
    """What stands between two items: empty lines, then comments."""
    lines = gap.splitlines(keepends=True)
    empty = next((place for place, line in enumerate(lines) if line.strip()), len(lines))
    return "".join(lines[:empty]), "".join(lines[empty:])


def _comment_left(gap: tuple[str, str]) -> str:
    return "".join(gap) if gap[1] else ""


def _item(plain: Any, like: str) -> str:
    """The lines of a whole item, written and indented as another one of its list."""
    indent = like[: len(like) - len(like.lstrip())]
    plain = bare(plain)
    if not isinstance(plain, dict):
        return f"{indent}- {_word(plain, flow=False) if isinstance(plain, str) else _flow(plain)}\n"
    if like.lstrip().startswith("- {"):
        return f"{indent}- {_flow(plain)}\n"
    return f"{indent}- " + _on_lines(plain, f"{indent}  ")[len(indent) + 2 :]


def _on_lines(plain: dict[str, Any], indent: str) -> str:
    return "".join(indent + row for row in emit(Lines(bare(plain))).splitlines(keepends=True))


def _flow(plain: Any) -> str:
    options: dict[str, Any] = {"default_style": '"'} if "\n" in str(plain) else {}
    dumped: str = yaml.dump(
        [bare(plain)],
        Dumper=PlainDumper,
        allow_unicode=True,
        sort_keys=False,
        width=NO_END,
        default_flow_style=True,
        **options,
    )
    return dumped.rstrip("\n")[1:-1]


def _word(text: str, *, flow: bool) -> str:
    """One text as it stands beside its key, on one line."""
    if flow or "\n" in text:
        return _flow(text)
    dumped: str = yaml.dump({"k": text}, Dumper=PlainDumper, allow_unicode=True, width=NO_END, default_flow_style=False)
    return dumped[3:].rstrip("\n")
