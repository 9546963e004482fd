"""Fixtures of the operations' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import time_machine
from flask_babel import force_locale

from tests.cast import NOON
from tests.conftest import House
from tests.salon_day import Salon


@pytest.fixture
def in_english(request: pytest.FixtureRequest) -> Iterator[None]:
    """Sentences in English, by whose words they are told apart."""
    for name in ("house", "sqlite_house", "bare"):
        if name in request.fixturenames:
            request.getfixturevalue(name)
    with force_locale("en"):
        yield


@pytest.fixture
def salon(house: House) -> Iterator[Salon]:
    """The house with a menu, at noon of its day. However a test leaves them, its books hold."""
    with time_machine.travel(NOON):
        found = Salon(house)
        yield found
        assert found.faults() == {}
