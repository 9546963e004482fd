"""Lists, search and filters at a large salon: p50 and p95 of whole pages, and how many statements each sends."""

from __future__ import annotations

from admin_app.operations.accounts import ChangePasswordInput
from admin_app.operations.kernel import perform
from admin_app.security import passwords
from models.accounts import User
from models.actor import Actor, ActorKind
from models.entity import db
from models.names import Name
from tests.bench.place import Figure, Place, spread
from tests.conftest import House
from tests.engines import sent_by
from tests.web import Browser

TIMES = 30
PAGES = {
    "customers, first page": "/customer/",
    "customers, page 50": "/customer/?page=50",
    "customers, sorted by name": "/customer/?sort=name",
    "customers, search by pinyin": "/customer/?q=wangjing",
    "customers, search by member number": "/customer/?q=P00054321",
    "customers, filter on an index": "/customer/?store_id=2&registered_on.from=2026-01-01",
    "customers, filter without an index": "/customer/?skin_type=dry",
    "sales, first page": "/sale/",
    "sales, one day": "/sale/?business_day.from=2026-10-01&business_day.to=2026-10-01",
    "one customer": "/customer/details/?id=777",
    "today": "/",
}


def run(place: Place) -> list[Figure]:
    """Whole pages through the application, without the network."""
    figures: list[Figure] = []
    with place.app.app_context():
        user = db.session.query(User.id).filter(User.login == "owner").scalar()
        _choose_a_password()
        browser = Browser(House(place.app, place.engine, {"owner": user}), "owner")
        for name, address in PAGES.items():
            answer = browser.get(address)
            assert answer.status_code == 200, (address, answer.status_code)
            middle, slow = spread(lambda: browser.get(address), TIMES)  # noqa: B023 - run at once
            count = len(sent_by(lambda: browser.get(address)))  # noqa: B023 - run at once
            figures.append(Figure(f"{name}, p50", middle, "ms", f"p95 {slow:,.0f} ms, {count} statements"))
    return figures


def _choose_a_password() -> None:
    """The owner's own, so that her pages open."""
    user = db.session.query(User).filter(User.login == "owner").one()
    actor = Actor(ActorKind.USER, name=user.name, role=user.role, id=user.id)
    data = ChangePasswordInput(password_hash=passwords.hashed("a sentence for the benchmark"))
    perform(Name.CHANGE_PASSWORD, data, actor=actor)
