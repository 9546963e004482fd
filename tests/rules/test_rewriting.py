"""Values exchanged in a text: it says what is wanted, and what says the same stays to the byte with its comments."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.language.nodes import read_nodes
from rules.language.rewriting import Kept, bare, rewritten
from rules.language.writing import plain_of
from tests.rules.texts import SHIPPED

ODD = """\ufeff# head
a: 1   # one
b:
  # above
  - x: "quoted"   # why
    y: [1, 2,
        3]
    z: {k: v, 'l': w}

  # second
  - {x: two, n: {m: 1}}
  - three

# between
c: |
  several
  # no comment

d:
- one
- "two"   # aside
e: {f: [], g: {}}
h:
i: ''
"""
TEXTS = {
    "tiers": SHIPPED["tiers"],
    "tags": SHIPPED["tags"],
    "odd": ODD,
    "brackets": "{a: [1, {b: c}], d: e}\n",
    "empty": "# nothing yet\n",
    "one": "a: 1",
}

words = st.text(st.sampled_from("ab 1:#-{}[],'\"\n%&*!|>?@牡丹"), max_size=8)
values: st.SearchStrategy[Any] = st.recursive(
    words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["k", "l", "m: n"]), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def changed(draw: st.DrawFn, plain: Any) -> Any:
    """Something like ``plain``: parts of it exchanged, taken out, added and moved."""
    what = draw(st.integers(0, 5))
    if what == 0:
        return draw(values)
    if isinstance(plain, dict) and plain:
        found = {key: draw(changed(value)) if draw(st.booleans()) else value for key, value in plain.items()}
        if what == 1:
            del found[draw(st.sampled_from(list(found)))]
        return found | ({draw(st.sampled_from(["new", "x-1"])): draw(values)} if what == 2 else {})
    if isinstance(plain, list) and plain:
        items = [Kept(was, draw(changed(one)) if draw(st.booleans()) else one) for was, one in enumerate(plain)]
        items = list(draw(st.permutations(items))) if what == 3 else items
        items = items[: draw(st.integers(0, len(items)))] if what == 1 else items
        items += [draw(values)] if what == 2 else []
        return [bare(one) for one in items] if what == 4 else items
    return plain


@pytest.mark.parametrize("name", sorted(TEXTS))
@given(data=st.data())
def test_it_says_what_is_wanted(name: str, data: st.DataObject) -> None:
    wanted = data.draw(changed(plain_of(read_nodes(TEXTS[name], ""))))
    if isinstance(wanted, dict):
        assert plain_of(read_nodes(rewritten(TEXTS[name], wanted), "")) == bare(wanted)


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_what_says_the_same_is_left_alone(name: str) -> None:
    assert rewritten(TEXTS[name], plain_of(read_nodes(TEXTS[name], ""))) == TEXTS[name]


def odd(**said: Any) -> str:
    return rewritten(ODD, {**plain_of(read_nodes(ODD, "")), **said})


def test_a_comment_goes_with_the_item_below_it_and_empty_lines_stay() -> None:
    first, second, third = plain_of(read_nodes(ODD, ""))["b"]
    text = odd(b=[Kept(1, {**second, "x": "2"}), Kept(0, first), Kept(2, third)])
    assert 'b:\n  # above\n  # second\n  - {x: 2, n: {m: 1}}\n\n  - x: "quoted"   # why\n    y: [1, 2,' in text


def test_what_is_taken_out_leaves_the_comments_around_it() -> None:
    first, _second, third = plain_of(read_nodes(ODD, ""))["b"]
    text = odd(b=[Kept(0, {key: first[key] for key in "xz"}), Kept(2, third)])
    assert "    z: {k: v, 'l': w}\n\n  # second\n  - three\n\n# between\n" in text
    assert "    y: [1, 2," not in text


def test_new_items_and_keys_are_written_as_their_neighbours_are() -> None:
    text = odd(d=["zero: 0", Kept(1, "two"), "last"], e={"f": ["1"], "g": {}, "h": "i, j"}, a="a\nb")
    assert "d:\n- 'zero: 0'\n- \"two\"   # aside\n- last\ne: {f: [1], g: {}, h: 'i, j'}\n" in text
    assert text.startswith('\ufeff# head\na: "a\\nb"   # one\nb:\n')


def test_a_text_that_ends_its_lines_in_a_way_of_its_own_still_says_what_is_wanted() -> None:
    text = rewritten("a: 1\x85b: 2\x85", {"a": "3", "b": "2", "c": "4"})
    assert plain_of(read_nodes(text, "")) == {"a": "3", "b": "2", "c": "4"}
