"""Fixtures of the operations' tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask_babel import force_locale


@pytest.fixture
def in_english(request: pytest.FixtureRequest) -> Iterator[None]:
    """Sentences in English, by whose words they are told apart."""
    for name in ("house", "sqlite_house", "bare"):
        if name in request.fixturenames:
            request.getfixturevalue(name)
    with force_locale("en"):
        yield
