"""Care: what must not be done to her, what was done, and who asks after it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from models.cards import CardItem
from models.care import FollowUp, Treatment
from models.entity import db
from models.log import Operation
from models.names import Name
from models.standing import Alert
from tests.cast import TODAY, create
from tests.salon_day import Salon, days_on

HOUSES = ("sqlite",)
"""What differs between the engines is tried in the neighbours and in ``tests/models``."""


@pytest.fixture
def care(salon: Salon) -> Salon:
    """A service that some may not have, and that is asked after."""
    salon.ids["acid"] = create(
        "service",
        name="刷酸",
        price="300",
        busy_minutes=60,
        contraindicated_by=["孕期", "果酸"],
        follow_up_days=["1", "7", "7"],
    )
    return salon


def danger(care: Salon, **values: Any) -> int:
    return create(
        "contraindication", customer_id=care.ids["anna"], **{"kind": "allergy", "substance": "果酸", **values}
    )


def given(care: Salon, service: str = "acid", **values: Any) -> dict[str, Any]:
    who = {"customer": care.ids["anna"], "service": care.ids[service], "staff": care.ids["therapist_staff"]}
    return {**who, "store": care.ids["first"], **values}


# -------------------------------------------------------------------------------------------------------- danger


CONTRAINDICATED = ("contraindicated", "override")
KNOWN: dict[str, tuple[dict[str, Any], bool]] = {
    "the substance": ({}, True),
    "part of what is written": ({"substance": "果酸 20%"}, True),
    "its kind": ({"kind": "pregnancy", "substance": None}, True),
    "another kind": ({"kind": "diet", "substance": None}, False),
    "another substance": ({"substance": "酒精"}, False),
    "over since yesterday": ({"until": date(2026, 11, 21)}, False),
    "until today": ({"until": TODAY}, True),
}


@pytest.mark.parametrize("kind", KNOWN)
def test_what_is_known_of_her_forbids_a_service(care: Salon, kind: str) -> None:
    values, forbids = KNOWN[kind]
    danger(care, **values)
    if forbids:
        assert care.refused(Name.SELL, **care.bill("acid")) == CONTRAINDICATED
    else:
        care.sell("acid")


def test_every_way_to_it_is_closed(care: Salon) -> None:
    danger(care)
    package = create("package", name="刷酸卡", price="1000")
    create("package_item", package_id=package, service_id=care.ids["acid"], quantity=4)
    care.ids["acids"] = package
    care.open_card("acids")
    redemption = care.redemption(care.rows(CardItem)[0].id)
    assert care.refused(Name.SELL, **care.bill("acid")) == CONTRAINDICATED
    assert care.refused(Name.REDEEM_SESSION, **redemption) == CONTRAINDICATED
    assert care.refused(Name.RECORD_TREATMENT, role="therapist", **given(care)) == CONTRAINDICATED


def test_other_services_and_other_customers_are_not_concerned(care: Salon) -> None:
    danger(care)
    care.sell("hydra")
    care.sell("acid", customer="berta")
    care.sell("acid", customer=None)


def test_what_is_archived_forbids_nothing(care: Salon) -> None:
    number = danger(care)
    care.do(Name.ARCHIVE_ENTITY, role="system", entity="contraindication", id=number)
    care.sell("acid")


def test_done_all_the_same_the_reason_stands_in_the_log(care: Salon) -> None:
    danger(care)
    care.sell("acid", override="医生书面同意")
    entry = db.session.query(Operation).filter_by(name="sell", result="done").one()
    assert entry.reason == "医生书面同意"
    assert entry.detail["overrides"] == ["刷酸"]
    assert entry.detail["total"] == 30_000


# ------------------------------------------------------------------------------------------------- treatments


def test_a_treatment_is_kept_with_its_visit_and_line(care: Salon) -> None:
    line = care.lines_of(care.sell("acid"))[0].id
    words = {"area": "面部", "skin_before": "干", "steps_done": "洁面", "effect": "good", "advice": "防晒"}
    number = care.do(Name.RECORD_TREATMENT, role="therapist", **given(care, line=line, products_used=["酸"], **words))
    [row] = care.rows(Treatment)
    assert (row.id, row.sale_line_id, row.visit_id is not None) == (number["id"], line, True)
    assert (row.area, row.skin_before, row.products_used, row.adverse_reaction) == ("面部", "干", ["酸"], None)


def test_a_line_is_recorded_once(care: Salon) -> None:
    line = care.lines_of(care.sell("acid"))[0].id
    care.do(Name.RECORD_TREATMENT, role="therapist", **given(care, line=line))
    assert care.refused(Name.RECORD_TREATMENT, role="therapist", **given(care, line=line)) == ("taken", "sale_line_id")


def test_somebody_asks_after_her_on_the_services_own_days(care: Salon) -> None:
    care.do(Name.RECORD_TREATMENT, role="owner", **given(care))
    due = [(row.days_after, row.due_on, row.done_at) for row in care.rows(FollowUp)]
    assert due == [(1, TODAY + timedelta(1), None), (7, TODAY + timedelta(7), None)]


def test_a_follow_up_is_finished_once(care: Salon) -> None:
    care.do(Name.RECORD_TREATMENT, role="owner", **given(care))
    first = care.rows(FollowUp)[0].id
    with days_on(1):
        care.do(Name.FINISH_FOLLOW_UP, follow_up=first, outcome="很好")
        again = care.refused(Name.FINISH_FOLLOW_UP, follow_up=first, outcome="更好")
    assert again == ("again", "follow_up")
    assert care.rows(FollowUp)[0].outcome == "很好"


def test_an_adverse_reaction_is_said_and_told_at_once(care: Salon) -> None:
    asked = given(care, "hydra", effect="adverse")
    assert care.refused(Name.RECORD_TREATMENT, role="owner", **asked) == ("empty", "adverse_reaction")
    assert care.rows(Alert, source="adverse_reaction") == []
    care.do(Name.RECORD_TREATMENT, role="owner", **asked, adverse_reaction="红肿")
    [alert] = care.rows(Alert, source="adverse_reaction")
    assert (alert.to_role, alert.severity.value, alert.customer_id) == ("manager", "urgent", care.ids["anna"])
    assert alert.due_at - alert.raised_at == timedelta(hours=2)
    assert "安娜 2026年11月22日" in alert.text, "it is read on later days too"
