"""A small menu for the tests of till and calendar: what is sold, by whom, and for how much (fen)."""

from __future__ import annotations

from tests.cast import create

FACIAL, CREAM, CARD = 29_800, 10_000, 80_000


def build_menu(ids: dict[str, int]) -> dict[str, int]:
    """A facial of an hour, a cream, a card of 3 facials and 2 massages; the therapist gives both, in both stores."""
    therapist = ids["therapist_staff"]
    made = {
        "facial": create("service", name="面部护理", price="298", busy_minutes=60),
        "massage": create("service", name="肩颈按摩", price="100", busy_minutes=30),
        "cream": create("product", name="面霜", price="100"),
        "package": create("package", name="五次卡", price="800"),
    }
    create("package_item", package_id=made["package"], service_id=made["facial"], quantity=3)
    create("package_item", package_id=made["package"], service_id=made["massage"], quantity=2)
    for service in ("facial", "massage"):
        create("staff_skill", staff_id=therapist, service_id=made[service])
    create("staff_store", staff_id=therapist, store_id=ids["second"])
    return made


def bill(ids: dict[str, int], menu: dict[str, int], service: str = "facial", **more: object) -> dict[str, object]:
    """The input of a sale of one service to Anna in the first store."""
    lines = [{"service": menu[service], "performer": ids["therapist_staff"]}]
    return {"customer": ids["anna"], "store": ids["first"], "lines": lines, **more}
