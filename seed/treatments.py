"""What was done in the demo's treatments of the last two months, and who asks after them."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

from models.care import Effect, FollowUp, Treatment
from models.sales import LineKind, SharePart, ShareRole
from models.standing import Alert, Severeness
from seed import menu
from seed.people import Person
from seed.team import Rows
from seed.till import Tables
from seed.when import When

DAYS = 60
AFTERNOON = 15 * 60
ROOMS_A_STORE = 4
SEEN = (
    ("两颊偏干，鼻翼毛孔粗大", "清洁、补水导入、面膜", "三天内不去角质，注意防晒"),
    ("T 区出油，下巴有少量闭口", "清洁、清痘、舒缓", "清淡饮食，按时卸妆"),
    ("眼周细纹，略浮肿", "眼部按摩、眼膜", "早睡，睡前少喝水"),
    ("肤色暗沉，弹性一般", "清洁、提拉按摩、面膜", "每晚使用精华"),
)
OF_CATEGORY = {
    "身体护理": ("肩颈", "肩颈僵硬，右侧明显", "热敷、推拿、拉伸", "少低头，每小时活动一次"),
    "头皮养护": ("头皮", "头皮偏油，发根扁塌", "洗护、按摩、导入精华", "两天内不烫染"),
    "手足护理": ("手足", "皮肤干燥，甲周有倒刺", "修形、去角质、滋润", "每晚涂护手霜"),
    "美睫美眉": ("眼周", "睫毛稀疏，眉形略散", "清洗、设计、定型", "当天不沾热水，不揉眼"),
}
"""Where, what was seen, what was done and what was advised, in all but the care of the face."""
ANSWERS = ("皮肤状态很好，客户满意", "第二天略干，已加强保湿", "没有不适，约了下次", "电话未接，微信已回复满意")
EFFECTS = (Effect.GOOD, Effect.GOOD, Effect.GOOD, Effect.FAIR, Effect.FAIR, Effect.NONE)
REACTION = "护理后两颊泛红发热，冷敷半小时后缓解"
LATE = 0.015
"""Of the follow-ups that were due, how many nobody has made yet."""


def treatment_rows(random: Random, when: When, everybody: list[Person], rows: Tables) -> Rows:
    """Treatments with their follow-ups; two were followed by a reaction, the first of them settled."""
    given = _given(when, rows)
    reacted = {len(given) // 3, len(given) - 1 - len(given) // 20}
    treatments = [
        _treatment(random, number, line, place in reacted) for place, (number, line) in enumerate(enumerate(given, 1))
    ]
    follow_ups = [row for treatment in treatments for row in _follow_ups(random, when, treatment)]
    names = {person.id: person.row["name"] for person in everybody}
    adverse = [row for row in treatments if row["effect"] is Effect.ADVERSE]
    alerts = [_alert(when, n, row, names[row["customer_id"]], settled=n == 1) for n, row in enumerate(adverse, 1)]
    return [
        (Treatment, treatments),
        (FollowUp, [{"id": n, **row} for n, row in enumerate(follow_ups, 1)]),
        (Alert, alerts),
    ]


def _given(when: When, rows: Tables) -> list[dict[str, Any]]:
    """The services of these days that were over by the moment, with their sale and who led them."""
    first, found = when.day(DAYS), []
    led = {
        share["sale_line_id"]: share["staff_id"]
        for share in rows.shares
        if share["share_role"] is ShareRole.PERFORMER and share["part"] is SharePart.LEAD
    }
    for line in rows.lines:
        sale = rows.sales[line["sale_id"] - 1]
        over = sale["sold_at"] + timedelta(minutes=45)
        if line["kind"] is LineKind.SERVICE and sale["business_day"] > first and when.has_been(over):
            found.append({"line": line, "sale": sale, "staff": led[line["id"]]})
    return found


def _treatment(random: Random, number: int, given: dict[str, Any], adverse: bool) -> dict[str, Any]:
    line, sale = given["line"], given["sale"]
    category = menu.service(line["service_id"])["category"]
    area, seen, done, advice = OF_CATEGORY.get(category) or ("面部", *random.choice(SEEN))
    room = ROOMS_A_STORE if category == "身体护理" else random.randint(1, ROOMS_A_STORE - 1)
    effect = random.choice(EFFECTS)
    return {
        "id": number,
        "customer_id": sale["customer_id"],
        "store_id": sale["store_id"],
        "business_day": sale["business_day"],
        "visit_id": sale["visit_id"],
        "sale_line_id": line["id"],
        "service_id": line["service_id"],
        "staff_id": given["staff"],
        "bed_id": (sale["store_id"] - 1) * ROOMS_A_STORE + room,
        "area": area,
        "steps_done": done,
        "skin_before": seen,
        "effect": Effect.ADVERSE if adverse else effect,
        "adverse_reaction": REACTION if adverse else None,
        "advice": advice,
    }


def _follow_ups(random: Random, when: When, treatment: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for word in menu.service(treatment["service_id"])["follow"]:
        due: date = treatment["business_day"] + timedelta(days=int(word))
        late, answer = random.random() < LATE, random.choice(ANSWERS)
        done = due < when.today and not late
        found.append(
            {
                "customer_id": treatment["customer_id"],
                "treatment_id": treatment["id"],
                "staff_id": treatment["staff_id"],
                "days_after": int(word),
                "due_on": due,
                "done_at": when.at(due, AFTERNOON) if done else None,
                "outcome": answer if done else None,
            }
        )
    return found


def _alert(when: When, number: int, treatment: dict[str, Any], name: str, *, settled: bool) -> dict[str, Any]:
    day: date = treatment["business_day"]
    at = when.at(day, AFTERNOON)
    raised = min(at, when.moment)
    return {
        "id": number,
        "source": "adverse_reaction",
        "occasion": str(treatment["id"]),
        "text": f"{name} {day.year}年{day.month}月{day.day}日护理后出现不良反应。",
        "severity": Severeness.URGENT,
        "to_role": "manager",
        "customer_id": treatment["customer_id"],
        "raised_at": raised,
        "due_at": raised + timedelta(hours=2),
        "closed_at": raised + timedelta(hours=1) if settled else None,
        "closed_by": "湖滨店店长" if settled else None,
        "outcome": "电话回访，已缓解，停用含酸产品" if settled else None,
    }
