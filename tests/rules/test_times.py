"""Free times as pure arithmetic: where a service fits, what stands in its way, what is nearest; and safety's words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.decisions.safety import Known, dangers
from rules.decisions.times import Blocked, Day, Need, Placed, Span, nearest, overlap, place, starts

OPENS = datetime(2026, 11, 22, 2, tzinfo=UTC)
HER, AMY, BEA, BED, OTHER_BED, DEVICE = range(6)


def span(begins: int, ends: int) -> Span:
    """Minutes after opening."""
    return OPENS + timedelta(minutes=begins), OPENS + timedelta(minutes=ends)


def day(taken: dict[int, list[Span]] | None = None, on_duty: dict[int, list[Span]] | None = None) -> Day:
    return Day(taken or {}, on_duty or {AMY: [span(0, 600)], BEA: [span(0, 600)]})


def need(busy: int = 60, idle: int = 0, buffer: int = 0, **values: object) -> Need:
    return Need(busy, idle, buffer, **{"staff": (AMY,), **values})  # type: ignore[arg-type]


def at(minutes: int) -> datetime:
    return OPENS + timedelta(minutes=minutes)


def placed(known: Day, minutes: int, *needs: Need) -> Placed:
    found = place(known, HER, needs or [need()], at(minutes))
    assert not isinstance(found, Blocked), found
    return found[0]


def blocked(known: Day, minutes: int, *needs: Need) -> Blocked:
    found = place(known, HER, needs or [need()], at(minutes))
    assert isinstance(found, Blocked)
    return found


@pytest.mark.parametrize(
    ("other", "meets"),
    [((0, 60), True), ((59, 90), True), ((60, 90), False), ((-30, 0), False), ((-30, 1), True), ((10, 20), True)],
)
def test_a_span_holds_its_beginning_and_not_its_end(other: tuple[int, int], meets: bool) -> None:
    assert overlap(span(0, 60), span(*other)) is meets
    assert overlap(span(*other), span(0, 60)) is meets


def test_what_is_placed_claims_everything_for_as_long_as_it_is_needed() -> None:
    wanted = need(30, 20, 10, beds=(BED,), equipment=(DEVICE,), turnover={BED: 15})
    found = placed(day(), 0, wanted)
    assert (found.starts_at, found.busy_until, found.ends_at) == (at(0), at(30), at(50))
    assert dict(found.claims) == {HER: span(0, 50), AMY: span(0, 40), BED: span(0, 65), DEVICE: span(0, 50)}


TAKEN: dict[str, tuple[dict[int, list[Span]], Need, Blocked | None]] = {
    "she is elsewhere": ({HER: [span(59, 99)]}, need(), Blocked("customer")),
    "she is free by then": ({HER: [span(60, 99)]}, need(), None),
    "she lies there while the mask sets": ({HER: [span(40, 99)]}, need(30, 30), Blocked("customer")),
    "the therapist is busy": ({AMY: [span(-9, 1)]}, need(), Blocked("staff", (AMY,))),
    "the therapist is free while the mask sets": ({AMY: [span(30, 99)]}, need(30, 30), None),
    "the therapist's buffer": ({AMY: [span(60, 99)]}, need(60, 0, 1), Blocked("staff", (AMY,))),
    "another therapist": ({AMY: [span(0, 9)]}, need(staff=(AMY, BEA)), None),
    "both busy": ({AMY: [span(0, 9)], BEA: [span(0, 9)]}, need(staff=(AMY, BEA)), Blocked("staff", (AMY, BEA))),
    "the bed is being made": ({BED: [span(60, 99)]}, need(beds=(BED,), turnover={BED: 1}), Blocked("bed", (BED,))),
    "another bed": ({BED: [span(0, 9)]}, need(beds=(BED, OTHER_BED)), None),
    "the device": ({DEVICE: [span(0, 9)]}, need(equipment=(DEVICE,)), Blocked("equipment", (DEVICE,))),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_stands_in_the_way(case: str) -> None:
    taken, wanted, answer = TAKEN[case]
    found = place(day(taken), HER, [wanted], at(0))
    assert (found if isinstance(found, Blocked) else None) == answer


@pytest.mark.parametrize(("minutes", "works"), [(0, False), (10, True), (50, True), (51, False)])
def test_her_work_lies_within_her_hours_and_what_sets_may_not(minutes: int, works: bool) -> None:
    known = day(on_duty={AMY: [span(10, 80)]})
    found = place(known, HER, [need(30, 30, 30)], at(minutes))
    assert isinstance(found, Blocked) is not works


def test_one_follows_the_other_and_the_second_may_stand_in_the_way() -> None:
    two = (need(60), need(60, staff=(BEA,)))
    assert blocked(day({BEA: [span(60, 70)]}), 0, *two) == Blocked("staff", (BEA,))
    found = place(day(), HER, [need(60), need(30, staff=(BEA,))], at(0))
    assert not isinstance(found, Blocked)
    assert [(one.starts_at, one.ends_at, one.staff) for one in found] == [(at(0), at(60), AMY), (at(60), at(90), BEA)]


def claims_of(known: Day, *needs: Need) -> list[dict[int, Span]]:
    found = place(known, HER, needs, at(0))
    assert not isinstance(found, Blocked), found
    return [dict(one.claims) for one in found]


def test_nothing_is_made_ready_between_two_services_of_one_visit() -> None:
    """The therapist's buffer and the bed's turnover come once, at the end."""
    bed = {"beds": (BED,), "turnover": {BED: 15}}
    first, second = claims_of(day(), need(60, 0, 30, **bed), need(45, 0, 20, **bed))
    assert first == {HER: span(0, 60), AMY: span(0, 60), BED: span(0, 60)}
    assert second == {HER: span(60, 105), AMY: span(60, 125), BED: span(60, 120)}


def test_a_visit_stays_on_one_bed_and_with_one_therapist_where_it_can() -> None:
    either = {"beds": (BED, OTHER_BED), "staff": (AMY, BEA), "turnover": {BED: 10, OTHER_BED: 10}}
    busy_later = day({BED: [span(80, 200)], AMY: [span(80, 200)]})
    first, second = claims_of(busy_later, need(60, **either), need(60, **either))
    assert [set(one) for one in (first, second)] == [{HER, BEA, OTHER_BED}] * 2


def test_a_visit_changes_beds_where_it_must_and_the_one_left_is_made_ready() -> None:
    either = {"beds": (BED, OTHER_BED), "turnover": {BED: 10, OTHER_BED: 20}}
    known = day({BED: [span(75, 200)], OTHER_BED: [span(0, 60)]})
    first, second = claims_of(known, need(60, **either), need(60, **either))
    assert (first[BED], second[OTHER_BED]) == (span(0, 70), span(60, 140))
    known = day({BED: [span(65, 200)], OTHER_BED: [span(0, 60)]})
    assert blocked(known, 0, need(60, **either), need(60, **either)) == Blocked("bed", (BED, OTHER_BED))


def test_a_bed_used_again_in_the_same_visit_is_not_claimed_twice() -> None:
    there, elsewhere = need(30, beds=(BED,), turnover={BED: 60}), need(30, beds=(OTHER_BED,))
    first, _, third = claims_of(day(), there, elsewhere, there)
    assert (first[BED], third[BED]) == (span(0, 60), span(60, 150))


SPANS = st.tuples(st.integers(0, 500), st.integers(5, 120)).map(lambda pair: span(pair[0], pair[0] + pair[1]))
NEEDS = st.builds(
    Need,
    busy=st.integers(5, 90),
    idle=st.integers(0, 60),
    buffer=st.integers(0, 30),
    staff=st.sampled_from([(AMY,), (BEA,), (AMY, BEA)]),
    beds=st.sampled_from([(), (BED,), (BED, OTHER_BED)]),
    equipment=st.sampled_from([(), (DEVICE,)]),
    turnover=st.just({BED: 10, OTHER_BED: 20}),
)


@given(
    st.dictionaries(st.integers(0, 5), st.lists(SPANS, max_size=4), max_size=6),
    st.lists(NEEDS, min_size=1, max_size=4),
    st.integers(0, 500),
)
def test_what_is_placed_never_overlaps(taken: dict[int, list[Span]], needs: list[Need], minutes: int) -> None:
    found = place(day(taken), HER, needs, at(minutes))
    if isinstance(found, Blocked):
        return
    claims = [claim for one in found for claim in one.claims]
    assert not [
        pair for pair in combinations(claims, 2) if pair[0][0] == pair[1][0] and overlap(pair[0][1], pair[1][1])
    ]
    assert not [one for one, whole in claims for other in taken.get(one, ()) if overlap(whole, other)]


def test_starts_are_at_full_steps_up_to_closing() -> None:
    assert list(starts(at(0), at(50), 15)) == [at(0), at(15), at(30), at(45)]
    assert list(starts(at(0), at(45), 15)) == [at(0), at(15), at(30)]
    assert list(starts(at(0), at(0), 15)) == []


def test_the_nearest_that_fit_are_told_in_their_order() -> None:
    known = day({AMY: [span(120, 180)]})
    candidates = list(starts(at(0), at(600), 15))
    assert nearest(known, HER, [need()], at(120), candidates) == [at(45), at(60), at(180)]
    assert nearest(known, HER, [need()], at(120), candidates, most=1) == [at(60)], "the earlier of two as near"
    assert nearest(day({AMY: [span(0, 600)]}), HER, [need()], at(120), candidates) == []


# -------------------------------------------------------------------------------------------------------- safety

ALLERGY = ("过敏", "Allergy")


@pytest.mark.parametrize(
    ("words", "known", "found"),
    [
        (["过敏"], [Known(ALLERGY, None)], ["过敏"]),
        (["allergy"], [Known(ALLERGY, None)], ["allergy"]),
        (["果酸"], [Known(ALLERGY, "果酸 20%")], ["果酸"]),
        (["果酸 20%"], [Known(ALLERGY, "果酸")], ["果酸 20%"]),
        ([" 果酸 "], [Known(ALLERGY, "果酸")], [" 果酸 "]),
        (["对果酸过敏"], [Known(ALLERGY, None)], ["对果酸过敏"]),
        (["果酸"], [Known(ALLERGY, "酒精")], []),
        (["果酸"], [Known(ALLERGY, None)], []),
        (["果酸"], [Known(ALLERGY, " ")], []),
        (["果酸", "孕期", "植入器械", "过敏"], [Known(ALLERGY, None, open=True)], ["果酸", "过敏"]),
        (["", "  "], [Known(ALLERGY, "果酸")], []),
        (["孕期", "果酸"], [Known(("孕期", "Pregnancy"), None), Known(ALLERGY, "果酸")], ["孕期", "果酸"]),
        (["果酸"], [], []),
        ([], [Known(ALLERGY, "果酸")], []),
    ],
)
def test_a_word_holds_for_a_kind_or_a_substance(words: list[str], known: list[Known], found: list[str]) -> None:
    assert dangers(words, known) == found
