"""Days that come round every year: festivals, and how birthdays are kept that not every year has."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from flask_babel import lazy_gettext as _l
from pydantic import BeforeValidator, model_validator
from pydantic_core import PydanticCustomError

from models.field import Choice
from rules.language.faults import Place, misfit
from rules.language.reading import PLACE_KEY, DayOfWeek, Document, LunarDay, Month, Name, Part, Week, Word, one_text
from rules.language.spellings import month_day


class LeapDay(Choice):
    """When a birthday of 29 February is kept in other years."""

    FEB_28 = "feb_28", _l("on 28 February")
    MAR_1 = "mar_1", _l("on 1 March")


class LeapMonth(Choice):
    """When a lunar birthday is kept in a year that has its month twice: in the plain one, in the leap one, or both."""

    REGULAR = "regular", _l("in the first of the two")
    LEAP = "leap", _l("in the leap month")
    BOTH = "both", _l("in both")


class Birthdays(Part):
    """``birthdays: {leap_day: feb_28, leap_month: regular}``"""

    leap_day: LeapDay = LeapDay.FEB_28
    leap_month: LeapMonth = LeapMonth.REGULAR


class Weekday(Part):
    """``{month: 5, week: 2, day: 7}``: the second Sunday of May. Monday is 1; ``week: last`` is the last one."""

    month: Month
    week: Week
    day: DayOfWeek


def _day_of_every_year(written: str) -> str | None:
    day = month_day(written)
    try:
        date.fromisoformat(f"2001-{day}")
    except ValueError:
        return None
    return day


def _solar_day(value: object) -> str:
    """A month and a day that every year has."""
    text = one_text(value)
    try:
        date.fromisoformat(f"2001-{text}")
    except ValueError as error:
        need = _l("A day that every year has is needed here: month and day, such as 02-14.")
        message = misfit(text, need, _day_of_every_year)
        raise PydanticCustomError("said", "day", {"message": message}) from error
    return text


class Festival(Part):
    """A festival: on a day of the solar year, of the lunar year, or on a certain weekday of a month.

    .. code-block:: yaml

        - {id: valentine, name: 情人节, name_en: Valentine's Day, solar: "02-14"}
        - {id: lantern_festival, name: 元宵节, name_en: Lantern Festival, lunar: "01-15"}
        - {id: new_years_eve, name: 除夕, name_en: Lunar New Year's Eve, lunar: 12-last}
        - {id: mothers_day, name: 母亲节, name_en: Mother's Day, weekday: {month: 5, week: 2, day: 7}}
    """

    id: Word
    name: Name
    name_en: str = ""
    solar: Annotated[str, BeforeValidator(_solar_day)] | None = None
    lunar: LunarDay | None = None
    weekday: Weekday | None = None

    @model_validator(mode="after")
    def _one_day(self) -> Festival:
        if sum(day is not None for day in (self.solar, self.lunar, self.weekday)) != 1:
            message = _l("Say when it is by one of: solar, lunar, weekday.")
            raise PydanticCustomError("said", "festival", {"message": message})
        return self


class FestivalsDocument(Document):
    """``rules/festivals.yaml``."""

    birthdays: Birthdays = Birthdays.model_validate({PLACE_KEY: Place("rules/festivals.yaml", 1, 1)})
    festivals: list[Festival] = []

    def festival(self, name: str) -> Festival:
        """:raises KeyError: there is none of this short name."""
        return {one.id: one for one in self.festivals}[name]


USUAL = FestivalsDocument.model_validate({PLACE_KEY: Place("rules/festivals.yaml", 1, 1), "version": 1})
"""No festivals, and birthdays as they are kept where nothing is said of them."""
