"""What an entry of the log holds beside its fields is said in the reader's words."""

from __future__ import annotations

from typing import Any

import pytest
from flask_babel import force_locale

from admin_app.i18n import join_clauses, join_words
from admin_app.rule_trials import words
from models.entity import db
from rules.language.facts import fact_named
from rules.language.sentences import fact_said
from tests.cast import create
from tests.conftest import House
from tests.views.pages import main_part
from tests.views.pages import words as words_on
from views.log_details import details_of

HOUSES = ("sqlite",)


@pytest.mark.parametrize(
    ("detail", "told"),
    [
        ({"as_of": "2026-11-22", "gained": {"layer:layer-a": 3}}, [("As of", "2026-11-22"), ("Gained", "Layer A 3")]),
        ({"field": "odd_papers"}, [("Field", "Odd papers")]),
        ({"field": "lot.create_view"}, [("Field", "Lot · New")]),
        ({"entity": "customer", "fields": ["phone", "name"]}, [("Entity", "Customer"), ("Fields", "Phone, Full name")]),
        ({"total": 29_800, "whole": True}, [("Total", "¥298.00"), ("Whole number", "yes")]),
        (
            {"versions": {"campaigns": 2}, "moved": {"gold": 1}},
            [("Versions", "Campaigns 2"), ("Tiers moved", "Gold 1")],
        ),
        ({"lines": []}, [("Lines", "–")]),
    ],
)
def test_each_detail_has_a_label_and_a_value(house: House, detail: dict[str, Any], told: list[tuple[str, str]]) -> None:
    with force_locale("en"):
        said, raw = details_of(detail)
    assert (said, raw) == (told, {})


def test_what_has_no_label_stays_raw(house: House) -> None:
    assert details_of({"sha256": "ab"}) == ([], {"sha256": "ab"})


def test_a_list_is_parted_as_the_reader_does(house: House) -> None:
    for language, told in (("en", ("a, b", "a; b")), ("zh_Hans_CN", ("a、b", "a；b"))):
        with force_locale(language):
            assert (join_words("ab"), join_clauses("ab")) == told


def test_a_measurement_goes_by_its_name(house: House) -> None:
    template = create("assessment_template", name="皮肤检测")
    create("assessment_parameter", template_id=template, slug="sensitivity", name="敏感度")
    fact = fact_named("reading_sensitivity")
    assert fact is not None
    with force_locale("zh_Hans_CN"):
        assert fact_said(fact, words(db.session())) == "敏感度 的最近检测读数"


def test_the_studio_names_who_made_a_version_and_an_entry_shows_no_keys(house: House) -> None:
    browser = house.browser("owner")
    assert "system" not in words_on(main_part(browser.get("/rules").text))
    assert "&#34;" not in browser.get("/log/1").text.partition("<summary>")[0]
