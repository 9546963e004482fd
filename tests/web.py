"""A browser without a window: signs in, keeps the CSRF word, and speaks HTTP to the pages."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from itsdangerous import URLSafeTimedSerializer

from admin_app.operations.kernel import now
from admin_app.security.sessions import fresh_token, token_hash
from models.accounts import UserSession
from models.connection import WRITES
from models.entity import db

if TYPE_CHECKING:
    from werkzeug.test import TestResponse

    from tests.conftest import House


class Browser:
    """One person's browser."""

    def __init__(self, house: House, role: str | None) -> None:
        self.house = house
        self.client = house.app.test_client()
        self.word = secrets.token_hex(20)
        with self.client.session_transaction() as session:
            session["csrf_token"] = self.word
            if role is not None:
                session["_user_id"] = self._session(house.ids[role])
                session["_fresh"] = True

    def _session(self, user: int) -> str:
        token = fresh_token()
        session = db.session()
        session.rollback()
        session.connection(execution_options={WRITES: True})
        at = now()
        session.add(
            UserSession(
                token_hash=token_hash(token),
                user_id=user,
                address="127.0.0.1",
                agent="test",
                started_at=at,
                last_seen_at=at,
            )
        )
        session.commit()
        return token

    @property
    def csrf(self) -> str:
        with self.client.session_transaction() as session:
            word = session.setdefault("csrf_token", secrets.token_hex(20))  # a fresh session: its first page gave one
        return URLSafeTimedSerializer(self.house.app.secret_key or "", salt="wtf-csrf-token").dumps(word)  # type: ignore[return-value]

    def get(self, address: str, **options: Any) -> TestResponse:
        return self._sent("GET", address, options)

    def post(
        self, address: str, data: dict[str, Any] | None = None, *, json: bool = False, **options: Any
    ) -> TestResponse:
        """A form sent as the pages send it: with the CSRF word and a key of its own."""
        values = {"csrf_token": self.csrf, "op_id": secrets.token_hex(16), **(data or {})}
        headers = {"Accept": "application/json"} if json else {}
        return self._sent("POST", address, {"data": values, "headers": headers, **options})

    def _sent(self, method: str, address: str, options: dict[str, Any]) -> TestResponse:
        with self.house.app.app_context():  # what one request keeps must not reach the next
            answer = self.client.open(address, method=method, buffered=True, **options)
        db.session.rollback()  # the test itself sees what the request has written
        return answer


def english(house: House, role: str = "owner") -> Browser:
    """The browser of someone who reads English."""
    browser = Browser(house, role)
    browser.post("/account/language", {"language": "en"})
    return browser
