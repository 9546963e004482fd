"""Fixtures of the properties: the salon whose history is made up, and the customer it happens to."""

from __future__ import annotations

import pytest

from tests.conftest import House
from tests.properties.history import Salon


@pytest.fixture
def salon(house: House) -> Salon:
    return Salon(house)


@pytest.fixture
def anna(house: House) -> int:
    return house.ids["anna"]
