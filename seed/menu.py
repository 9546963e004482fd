"""The menu a salon in a second-tier city would recognise: beauty services only, nothing medical."""

from __future__ import annotations

from typing import Any

SERVICES: tuple[tuple[Any, ...], ...] = (
    # name, category, yuan, busy minutes, idle minutes, manual fee, grade, contraindicated by, follow-up days
    ("深层补水护理", "面部护理", 298, 45, 15, 25, "standard", [], ["1", "7"]),
    ("毛孔清洁护理", "面部护理", 198, 45, 0, 18, "standard", ["破损"], ["1"]),
    ("祛痘调理", "面部护理", 328, 60, 15, 28, "standard", ["果酸", "孕期"], ["1", "3", "7"]),
    ("眼部护理", "面部护理", 168, 30, 0, 15, "standard", [], ["1"]),
    ("抗衰紧致护理", "面部护理", 598, 75, 15, 45, "premium", ["孕期", "植入器械"], ["1", "7"]),
    ("肩颈舒缓", "身体护理", 198, 45, 0, 20, "standard", ["颈椎病"], ["1"]),
    ("全身 SPA", "身体护理", 598, 90, 0, 45, "premium", ["孕期", "高血压"], ["1"]),
    ("团购体验护理", "体验", 99, 45, 0, 15, "trial", [], ["1", "3"]),
)
SERVICE_KEYS = ("name", "category", "price", "busy", "idle", "fee", "grade", "contra", "follow")

PRODUCTS = (
    # name, brand, spec, yuan, cost, use, suited skin, reorder, maximum, months after opening
    ("玻尿酸保湿面膜", "水漾", "5 片", 168, 62, "both", ["干性", "中性"], 20, 120, None),
    ("舒缓修护精华", "水漾", "30 ml", 398, 150, "both", ["敏感"], 10, 60, 6),
    ("氨基酸洁面乳", "水漾", "120 g", 128, 40, "both", ["油性", "混合"], 15, 90, 12),
    ("紧致眼霜", "素颜", "15 g", 458, 180, "both", ["干性"], 8, 40, 6),
    ("清痘凝胶", "素颜", "50 ml", 268, 95, "both", ["油性"], 10, 60, 6),
    ("精油身体乳", "素颜", "200 ml", 218, 80, "both", ["干性"], 10, 60, 12),
    ("防晒乳 SPF50", "素颜", "50 ml", 298, 110, "retail", ["中性", "混合"], 12, 80, 9),
    ("逆时光精华液", "素颜", "50 ml", 1280, 520, "retail", ["干性", "中性"], 5, 30, 6),
)

STORES = (
    # name, address, telephone, days since it opened
    ("湖滨店", "湖滨路 18 号", "0571-8800 1001", 1_900),
    ("城西店", "文三路 266 号", "0571-8800 1002", 1_500),
    ("滨江店", "江南大道 588 号", "0571-8800 1003", 1_100),
)
EQUIPMENT = (
    ("小气泡清洁仪", "QP-600"),
    ("热喷蒸脸仪", "RP-20"),
    ("冷喷补水仪", "LP-12"),
    ("皮肤检测仪", "JC-8"),
    ("肩颈热敷仪", "RF-3"),
    ("紫外线消毒柜", "XD-60"),
)

SUPPLIES = (
    # service, product, thousandths of a unit for one treatment
    ("深层补水护理", "玻尿酸保湿面膜", 200),
    ("深层补水护理", "舒缓修护精华", 60),
    ("毛孔清洁护理", "氨基酸洁面乳", 40),
    ("毛孔清洁护理", "清痘凝胶", 30),
    ("祛痘调理", "氨基酸洁面乳", 40),
    ("祛痘调理", "清痘凝胶", 80),
    ("祛痘调理", "舒缓修护精华", 50),
    ("眼部护理", "紧致眼霜", 70),
    ("抗衰紧致护理", "舒缓修护精华", 100),
    ("抗衰紧致护理", "紧致眼霜", 50),
    ("抗衰紧致护理", "玻尿酸保湿面膜", 200),
    ("肩颈舒缓", "精油身体乳", 60),
    ("全身 SPA", "精油身体乳", 250),
    ("团购体验护理", "氨基酸洁面乳", 30),
    ("团购体验护理", "玻尿酸保湿面膜", 200),
)
PACKAGES = (
    # name, yuan, days valid, services and products with how many
    ("深层补水 10 次卡", 1_980, 365, (("深层补水护理", 10),)),
    ("祛痘调理 12 次卡", 2_980, 365, (("祛痘调理", 12),)),
    ("抗衰紧致 10 次卡", 4_580, 540, (("抗衰紧致护理", 10),)),
    ("肩颈舒缓 10 次卡", 1_380, 365, (("肩颈舒缓", 10),)),
    ("换季修护套装", 1_280, 180, (("深层补水护理", 3), ("舒缓修护精华", 1), ("玻尿酸保湿面膜", 1))),
)

GIFTS = (("面膜五片装", 1_500), ("眼部护理一次", 5_000), ("深层补水护理一次", 12_000))
COURSES = (("敏感肌护理", 12, 24), ("芳香疗法基础", 16, 36), ("卫生与消毒", 4, 12))
SKIN_TEST = (
    ("moisture", "水分", "%", "up"),
    ("oil", "油分", "%", "down"),
    ("sensitivity", "敏感度", "", "down"),
    ("elasticity", "弹性", "", "up"),
)


def fen(yuan: int) -> int:
    return yuan * 100


def service(number: int) -> dict[str, Any]:
    """The n-th service by name of its parts."""
    return dict(zip(SERVICE_KEYS, SERVICES[number], strict=True))
