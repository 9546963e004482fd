"""What was said and agreed with the demo's customers: who knows whom, conversations, consents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from random import Random
from typing import Any

from models.customers import (
    Channel,
    ConsentEvent,
    Interaction,
    Purpose,
    Relation,
    RelationKind,
    Sex,
)
from seed.people import Person
from seed.rota import Rota
from seed.team import Rows
from seed.when import When

AFTERCARE = (
    ("护理后回访：皮肤状态稳定，没有泛红，客户满意。", "提醒三天内不去角质、注意防晒", "下周再约"),
    ("询问护理后感受：补水效果明显，妆容更服帖。", "发送居家护理步骤", "客户收藏，表示会照做"),
    ("回访：第二天鼻翼略干，其他正常。", "建议早晚加用保湿面膜", "两天后已恢复"),
    ("客户反馈肩颈轻松很多，想固定每周来一次。", "说明肩颈 10 次卡的用法", "考虑后答复"),
    ("回访：对手法力度很满意，希望下次还是同一位美容师。", "已记为点客偏好", "已告知前台"),
    ("提醒护理周期，客户近期出差。", "约定出差回来再联系", "两周后再约"),
)
WIN_BACK = (
    ("久未到店，电话问候：最近工作忙，没有不满。", "介绍换季补水护理", "答应月底来看看"),
    ("微信问候，客户已搬家，到店较远。", "推荐离新家更近的门店", "愿意去试一次"),
    ("电话未接，改发微信问候。", "三天后再联系", None),
    ("客户在备孕，暂停护理。", "记录情况，送上居家护理建议", "过段时间再约"),
    ("客户说最近在家自己敷面膜，效果一般。", "邀请到店免费做皮肤检测", "约在周末"),
)
COMPLAINTS = (
    ("投诉：预约两点，到店等了二十五分钟才开始。", "店长当面致歉，赠送眼部护理一次", "客户接受"),
    ("投诉：护理中途换了美容师，没有事先说明。", "店长电话致歉，说明排班原因，下次安排原美容师", "客户表示理解"),
    ("投诉：护理后脸颊有些泛红发热。", "指导冷敷舒缓并连续三天回访，停用果酸类产品", "第二天消退，客户满意"),
    ("投诉：推销太多，影响休息。", "记入档案：护理中不推销；与当班员工谈话", "客户继续到店"),
)
WELCOME = (
    ("首次到店后问候：环境和手法都满意，对价格还在比较。", "介绍会员等级与新客体验价", "约了下次到店时间"),
    ("新客回访：主要想改善缺水和毛孔。", "发送皮肤检测结果与护理建议", "考虑疗程卡"),
)
REPLIES = (Channel.WECHAT, Channel.WECHAT, Channel.PHONE)

CONSENTS = ((Purpose.HEALTH_DATA, 1.0), (Purpose.PHOTOS, 0.7), (Purpose.MARKETING, 0.85), (Purpose.SHARING, 0.1))
"""How many of the customers agree to each at their first visit."""
NEW_TEXT_AGO = 400
"""Days since the text of the consent was last worded anew."""


def contact_rows(random: Random, when: When, everybody: list[Person], rota: Rota, visits: list[dict[str, Any]]) -> Rows:
    """Relations, interactions and consents, the events in the order of their moments."""
    said = [row for person in everybody for row in _said(random, when, person, rota)]
    agreed = list(_agreed(random, when, everybody, rota, visits))
    return [
        (Relation, _numbered(_relations(everybody))),
        (Interaction, _in_order(when, said)),
        (ConsentEvent, _in_order(when, agreed)),
    ]


def _numbered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": n, **row} for n, row in enumerate(rows, 1)]


def _in_order(when: When, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    been = [row for row in rows if when.has_been(row["at"])]
    return _numbered(sorted(been, key=lambda row: (row["at"], row["customer_id"])))


# ------------------------------------------------------------------------------------------- who knows whom


def _relations(everybody: list[Person]) -> list[dict[str, Any]]:
    """Families and colleagues among customers of one store, and everybody with the friend who sent her."""
    taken: set[int] = set()
    found = [
        _relation(person.row["referrer_id"], person.id, RelationKind.FRIEND, "介绍朋友来店")
        for person in everybody
        if person.row["referrer_id"] is not None
    ]
    for kind, notes, count, fits in (
        (RelationKind.FAMILY, "母女", 16, _mother_and_daughter),
        (RelationKind.FAMILY, "姐妹", 8, _sisters),
        (RelationKind.FAMILY, "夫妻", 6, _couple),
        (RelationKind.COLLEAGUE, "同事", 12, _of_one_age),
    ):
        pairs = islice(_pairs(everybody, taken, fits), count)
        found += [_relation(one.id, other.id, kind, notes) for one, other in pairs]
    return found


def _relation(customer: int, other: int, kind: RelationKind, notes: str) -> dict[str, Any]:
    return {"customer_id": customer, "other_id": other, "kind": kind, "notes": notes}


def _pairs(
    everybody: list[Person], taken: set[int], fits: Callable[[dict[str, Any], dict[str, Any]], bool]
) -> Iterator[tuple[Person, Person]]:
    """Two who fit and go to one store, nobody twice, nobody who came through a friend."""
    free = [person for person in everybody if person.row["referrer_id"] is None]
    for one in free:
        for other in free:
            same_store = one.id != other.id and one.row["store_id"] == other.row["store_id"]
            if same_store and not {one.id, other.id} & taken and fits(one.row, other.row):
                taken |= {one.id, other.id}
                yield one, other
                break


def _women(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return one["sex"] is other["sex"] is Sex.FEMALE


def _mother_and_daughter(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return _women(one, other) and 22 <= other["birth_year"] - one["birth_year"] <= 32


def _sisters(one: dict[str, Any], other: dict[str, Any]) -> bool:
    same_name = one["name"][0] == other["name"][0]
    return _women(one, other) and same_name and 1 <= other["birth_year"] - one["birth_year"] <= 6


def _couple(one: dict[str, Any], other: dict[str, Any]) -> bool:
    years = abs(one["birth_year"] - other["birth_year"])
    return one["sex"] is Sex.MALE and other["sex"] is Sex.FEMALE and years <= 4


def _of_one_age(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return _women(one, other) and abs(one["birth_year"] - other["birth_year"]) <= 3


# ----------------------------------------------------------------------------------------------- what was said


def _said(random: Random, when: When, person: Person, rota: Rota) -> Iterator[dict[str, Any]]:
    """A call the day after a visit, a greeting to who has long been away, and now and then a complaint."""
    last, habit = person.days_ago[-1], person.habit
    if habit.since <= 30:
        yield from _talk(random, when, person, rota, person.days_ago[0] - 1, WELCOME)
    elif person.id % 4 == 1:
        yield from _talk(random, when, person, rota, last - 1, AFTERCARE)
    if last >= 60 and person.id % 2:
        yield from _talk(random, when, person, rota, random.randint(3, 50), WIN_BACK)
    if person.id % 60 == 7:
        visit = person.days_ago[len(person.days_ago) * 3 // 4]
        yield from _talk(random, when, person, rota, visit - 1, COMPLAINTS, complaint=True)


def _talk(
    random: Random,
    when: When,
    person: Person,
    rota: Rota,
    ago: int,
    texts: tuple[tuple[str, str, str | None], ...],
    complaint: bool = False,
) -> Iterator[dict[str, Any]]:
    """One conversation with somebody who was at the desk; none on a day when nobody was, or that is yet to come."""
    day = when.day(ago)
    (digest, handling, outcome), chance = texts[int(random.random() * len(texts))], random.random()
    channel, minute = REPLIES[int(random.random() * len(REPLIES))], int(random.random() * 300)
    desk = rota.desk(person.row["store_id"], day)
    if ago >= 0 and desk:
        duty = desk[int(chance * len(desk))]
        yield {
            "customer_id": person.id,
            "staff_id": duty.staff,
            "at": when.at(day, duty.begins + 30 + minute),
            "channel": channel,
            "complaint": complaint,
            "digest": digest,
            "handling": handling,
            "outcome": outcome,
        }


# ----------------------------------------------------------------------------------------------- what was agreed


def _agreed(
    random: Random, when: When, everybody: list[Person], rota: Rota, visits: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Everybody is asked at her first visit; a few want no more messages later."""
    first: dict[int, datetime] = {}
    for visit in visits:
        first.setdefault(visit["customer_id"], visit["arrived_at"])
    for person in everybody:
        begun = when.day(person.days_ago[0])
        desk = rota.desk(person.row["store_id"], begun)
        witness = desk[0].staff if desk else None
        for place, (purpose, share) in enumerate(CONSENTS):
            at = first[person.id] + timedelta(minutes=2 + place)
            given = random.random() < share
            yield _consent(when, person, purpose, given, at, Channel.VISIT, witness)
            if given and purpose is Purpose.MARKETING and person.id % 25 == 0:
                later = when.at(when.day(person.days_ago[0] // 2), 18 * 60)
                yield _consent(when, person, purpose, False, later, Channel.SMS, None)


def _consent(
    when: When, person: Person, purpose: Purpose, given: bool, at: datetime, channel: Channel, witness: int | None
) -> dict[str, Any]:
    return {
        "customer_id": person.id,
        "purpose": purpose,
        "given": given,
        "text_version": _text_version(when, at.date()),
        "at": at,
        "channel": channel,
        "witness_id": witness,
    }


def _text_version(when: When, day: date) -> str:
    return "第 1 版" if day < when.day(NEW_TEXT_AGO) else "第 2 版"
