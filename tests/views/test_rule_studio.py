"""The rule studio: rules in words, drafts that come into force, a second person for money, faults at their field."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from flask_babel import force_locale
from sqlalchemy import func, select

from admin_app.evaluation import evaluate
from admin_app.operations.accounts import CreateUserInput
from admin_app.operations.kernel import perform
from admin_app.operations.refusals import Refused
from admin_app.rulebook import refresh, rulebook
from models.accounts import User
from models.actor import SYSTEM
from models.customers import Customer
from models.entity import db
from models.names import Name
from models.rulebook import RuleActivation, RuleVersion, WatchMatch
from models.standing import Membership, Tag
from rules.aside import read_in_force
from tests.cast import NOON, TODAY, password_of, raw_operation
from tests.conftest import ON_BOTH, House
from tests.rules.texts import SHIPPED, faults_of, replaced
from tests.views.pages import paid, sent_as_shown
from tests.web import english
from views import rule_studio, rule_versions

HOUSES = ("sqlite",)

AWAY = {
    "name": "久未到店",
    "when.kind": "all",
    "when.0.fact": "days_since_visit",
    "when.0.op": "at_least",
    "when.0.value": "60",
    "then.0.kind": "tag",
    "then.0.value": "+",
    "existing_customers": "tag_only",
    "action": "save",
}


def draft(document: str, text: str, role: str, house: House) -> int:
    data = {"document": document, "text": text}
    return int(perform(Name.DRAFT_RULES, data, actor=house.actor(role))["id"])


def activate(version: int, house: House, role: str = "owner", **more: str) -> None:
    perform(Name.ACTIVATE_VERSION, {"version_id": version, **more}, actor=house.actor(role))
    refresh()


def test_every_rule_is_said_in_words(sqlite_house: House) -> None:
    page = english(sqlite_house).get("/rules").text
    assert "When there are at least 6 visits in 90 days: tag “Active”." in page
    assert "give the coupon Basic: Birthday ¥30, Silver: Birthday ¥50, Gold: Birthday ¥100" in page


def test_rules_about_something_else_are_said_beside_them(sqlite_house: House) -> None:
    with raw_operation():
        db.session.add(WatchMatch(rule="staff-trouble", subject_id=sqlite_house.ids["therapist_staff"], since=TODAY))
    page = english(sqlite_house).get("/rules").text
    assert "Of products, when it is on sale, and what it is for is For sale or Both, and it is at least 90 days" in page
    assert "(what was done is Take back, and it was not refused, and which time that day by the same person" in page
    cells = re.findall(r"(?s)/rules/alerts/form\"[^>]*>([^<]+)</a>.*?Found now\">([^<]+)<", page)
    assert dict(cells)["Many reactions or missed bookings"] == "1"
    assert dict(cells)["Product unsold"] == "0"
    assert dict(cells)["Odd operations"] == "–"


def test_a_version_says_what_it_changes_of_them(sqlite_house: House) -> None:
    text = replaced("alerts", "- no_shows_30d: {at_least: 5}", "- no_shows_30d: {at_least: 6}")
    text = text.replace("  - {given: {adverse_reactions_30d: 0, no_shows_30d: 5}, expect: matches}\n", "")
    number = draft("alerts", text.replace("id: product-unsold", "id: unsold-product"), "owner", sqlite_house)
    page = english(sqlite_house).get(f"/rules/version/{number}").text
    assert page.count('<section class="card changed">') == 3
    assert re.search(r"<del class=\"old\">Of staff, [^<]*at least 5 bookings[^<]*: ", page)
    assert re.search(r"<p class=\"said\">Of staff, [^<]*at least 6 bookings[^<]*: ", page)
    assert "taken out" in page


def test_a_red_test_of_theirs_stops_activation_too(sqlite_house: House) -> None:
    text = replaced("alerts", "- no_shows_30d: {at_least: 5}", "- no_shows_30d: {at_least: 4}")
    number = draft("alerts", text, "owner", sqlite_house)
    with pytest.raises(Refused, match="staff-trouble"):
        activate(number, sqlite_house)


def test_a_draft_changes_nothing_until_it_is_put_in_force(house: House) -> None:
    browser = house.browser("owner")
    made = browser.post("/rules/tags/rule", AWAY)
    assert made.status_code == 302
    assert "jiu-wei-dao-dian" not in {rule.id for rule in rulebook().rules()}
    assert browser.post(made.headers["Location"], {"why": "试试"}).status_code == 302
    assert "jiu-wei-dao-dian" in {rule.id for rule in rulebook().rules()}
    assert db.session.scalars(select(Tag.name).where(Tag.slug == "jiu-wei-dao-dian")).one() == "久未到店"


def test_a_name_in_two_rules_makes_two_short_names(sqlite_house: House) -> None:
    browser = sqlite_house.browser("owner")
    for _ in range(2):
        browser.post(browser.post("/rules/tags/rule", AWAY).headers["Location"], {})
    assert {"jiu-wei-dao-dian", "jiu-wei-dao-dian-2"} <= {rule.id for rule in rulebook().rules()}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"when.0.value": "viele"}, "viele is not a number"),
        ({"when.0.value": ""}, "is not a number"),
        ({"when.0.value": "-1"}, "A number of days cannot be less than 0."),
        ({"when.0.value": "－１"}, "A number of days cannot be less than 0."),
        ({"when.0.fact": ""}, "There is no fact called"),
        ({"name": ""}, "A name of 1 to 60 letters"),
        ({"for": "soon"}, "A number of days is needed"),
        ({"most": "many"}, "A whole number is needed"),
        ({"quiet": "21-09"}, "Two times of day are needed"),
        ({"per_customer": "2"}, "So many in so many days is needed"),
        ({"holdout": "200"}, "At most 100% fits here"),
        ({"holdout": "10"}, "this rule gives no points"),
        ({"quiet": "09:00-09:00"}, "Quiet hours that end when they begin"),
        ({"daily_at": "25:00"}, "A time of day is needed"),
        ({"missed": "skip"}, "A time of day is needed"),
        ({"daily_at": "10:00", "on": "war"}, "war"),
        ({"then.0.value": "nothing-like-it"}, "There is no tag called nothing-like-it"),
    ],
)
def test_what_does_not_fit_is_told_and_nothing_is_lost(house: House, wrong: dict[str, str], words: str) -> None:
    sent = english(house).post("/rules/tags/rule", AWAY | {"name_en": "Away"} | wrong)
    assert sent.status_code == 422
    assert words in sent.text
    assert 'value="Away"' in sent.text
    assert db.session.scalars(select(RuleVersion.number).where(RuleVersion.document == "tags")).all() == [1]


def test_numbers_are_taken_however_wide_they_were_typed(sqlite_house: House) -> None:
    wide = {"when.0.value": "４５", "when.1.fact": "visits_{n}d", "when.1.n": "９０", "when.1.op": "at_least"}
    more = {
        "when.1.value": "２",
        "for": "３",
        "then.1.kind": "task",
        "then.1.to": "consultant",
        "then.1.text": "打电话",
    }
    made = english(sqlite_house).post("/rules/tags/rule", {**AWAY, **wide, **more, "then.1.within": "２"})
    assert made.status_code == 302
    text = db.session.scalars(select(RuleVersion.text).order_by(RuleVersion.id.desc())).first()
    assert text is not None
    for written in ("days_since_visit: {at_least: 45}", "visits_90d: {at_least: 2}", "for: 3d", "within: 2d"):
        assert written in text


def test_every_shipped_rule_is_the_same_after_the_form(house: House) -> None:
    """Opened and kept as it is, a rule changes nothing: the draft says what is in force."""
    browser = house.browser("owner")
    for document in ("tags", "alerts", "campaigns"):
        for rule in rulebook().rule_documents()[document].rules:
            address = f"/rules/{document}/rule?id={rule.id}"
            made = browser.post(address, sent_as_shown(browser.get(address).text) | {"action": ["save"]})
            assert made.status_code == 302, rule.id
    texts = select(RuleVersion.text).where(RuleVersion.number > 1)
    assert set(db.session.scalars(texts)) == {SHIPPED[name] for name in ("tags", "alerts", "campaigns")}


def test_trying_out_counts_and_keeps_nothing(sqlite_house: House) -> None:
    page = english(sqlite_house).post("/rules/tags/rule", AWAY | {"action": "look"})
    assert page.status_code == 200
    assert "fulfil it today" in page.text
    assert "days since the last visit 59 days: no" in page.text
    assert "days since the last visit 60 days: yes" in page.text
    assert db.session.scalars(select(RuleVersion.number).where(RuleVersion.document == "tags")).all() == [1]


# ------------------------------------------------------------------------------------------------ the gates


def test_money_needs_a_second_person(house: House) -> None:
    text = replaced("tiers", "at_least: 8000", "at_least: 9000")
    with time_machine.travel(NOON, tick=False):
        version = draft("tiers", text, "owner", house)
        with pytest.raises(Refused, match=r"password|密码"):
            activate(version, house)
        with pytest.raises(Refused, match=r"ten minutes|10 分钟|十分钟"):
            activate(version, house, password=password_of("owner"))
    with time_machine.travel(NOON + timedelta(minutes=10), tick=False):
        activate(version, house, password=password_of("owner"))
    assert "9000" in rulebook_text("tiers")


def rulebook_text(document: str) -> str:
    latest = select(RuleActivation.rule_version_id).where(RuleActivation.document == document)
    number = db.session.scalars(latest.order_by(RuleActivation.id.desc())).first()
    return db.session.get_one(RuleVersion, number).text


def test_where_there_is_another_owner_she_has_to_look_at_it(house: House) -> None:
    text = replaced("recharge", "pay: 1000, bonus: 50", "pay: 1000, bonus: 60")
    version = draft("recharge", text, "owner", house)
    perform(Name.CREATE_USER, CreateUserInput(login="second", name="二老板", role="owner"), actor=SYSTEM)
    with pytest.raises(Refused) as refused:
        activate(version, house, password=password_of("owner"))
    assert refused.value.code == "second_person"


def test_another_name_makes_nobody_a_second_person(sqlite_house: House) -> None:
    text = replaced("recharge", "pay: 1000, bonus: 50", "pay: 1000, bonus: 60")
    version = draft("recharge", text, "owner", sqlite_house)
    with raw_operation():
        db.session.get_one(User, sqlite_house.ids["owner"]).name = "换了名字"
    with pytest.raises(Refused, match=r"password|密码"):
        activate(version, sqlite_house)


def test_a_red_test_stops_it(house: House) -> None:
    text = replaced("tags", "when: {visits_90d: {at_least: 6}}", "when: {visits_90d: {at_least: 7}}")
    version = draft("tags", text, "owner", house)
    with pytest.raises(Refused) as refused:
        activate(version, house)
    assert refused.value.code == "red"
    assert "cannot come into force" in english(house).get(f"/rules/version/{version}").text


def test_rolling_back_is_one_press(house: House) -> None:
    browser = house.browser("owner")
    first = db.session.scalars(select(RuleVersion.id).where(RuleVersion.document == "tags")).one()
    activate(draft("tags", SHIPPED["tags"] + "# more\n", "owner", house), house)
    assert browser.post(f"/rules/version/{first}", {}).status_code == 302
    assert rulebook_text("tags") == SHIPPED["tags"]


def test_what_is_in_force_is_not_put_in_force_again(house: House) -> None:
    first = db.session.scalars(select(RuleVersion.id).where(RuleVersion.document == "tags")).one()
    with pytest.raises(Refused) as refused:
        activate(first, house)
    assert refused.value.code == "in_force"


def test_a_double_press_activates_once(house: House) -> None:
    browser = house.browser("owner")
    version = draft("tags", SHIPPED["tags"] + "# more\n", "owner", house)
    for _ in range(2):
        browser.post(f"/rules/version/{version}", {"op_id": "the same"})
    assert db.session.scalars(select(RuleActivation.id).where(RuleActivation.rule_version_id == version)).all() != []
    assert len(db.session.scalars(select(RuleActivation.id)).all()) == len(SHIPPED) + 1


@pytest.mark.parametrize("role", ["auditor", "manager"])
def test_who_may_look_may_not_change(sqlite_house: House, role: str) -> None:
    browser = sqlite_house.browser(role)
    assert browser.get("/rules").status_code == 200
    assert browser.get("/rules/tags/rule?id=active").status_code == 403
    assert browser.post("/rules/tags/yaml", {"text": SHIPPED["tags"] + "# x\n"}).status_code == 403
    with pytest.raises(Refused):
        draft("tags", SHIPPED["tags"] + "# x\n", role, sqlite_house)


@pytest.mark.parametrize("role", ["reception", "consultant", "therapist"])
def test_for_others_there_is_no_studio(sqlite_house: House, role: str) -> None:
    browser = sqlite_house.browser(role)
    for page in ("/rules", "/rules/tags/yaml", "/rules/tags/versions", "/rules/version/1", "/why/1"):
        assert browser.get(page).status_code == 403


def test_the_checker_names_line_and_column(sqlite_house: House) -> None:
    browser = english(sqlite_house)
    found = browser.post("/rules/tags/check", {"text": "version: 1\ntags: []\nrule: []\n"}).json
    assert found == [{"line": 3, "column": 1, "message": "There is no key called rule; did you mean rules?"}]
    assert browser.post("/rules/tags/check", {"text": SHIPPED["tags"]}).json == []


def test_a_customer_of_another_store_is_not_explained(sqlite_house: House) -> None:
    browser = sqlite_house.browser("manager")
    assert browser.get(f"/why/{sqlite_house.ids['cora']}").status_code == 404
    assert browser.get(f"/why/{sqlite_house.ids['anna']}").status_code == 200


def test_a_festival_is_chosen_and_said_by_its_name(sqlite_house: House) -> None:
    text = replaced("campaigns", "when: {paying_referrals_1d: {at_least: 1}}", "when: {days_to_qixi: {at_most: 7}}")
    text = text.replace("given: {paying_referrals_1d: 1}", "given: {days_to_qixi: 7}")
    text = text.replace("given: {paying_referrals_1d: 0}", "given: {days_to_qixi: 8}")
    activate(draft("campaigns", text, "owner", sqlite_house), sqlite_house)
    browser = english(sqlite_house)
    assert "When it is at most 7 days to Qixi:" in browser.get("/rules").text
    page = browser.get("/rules/campaigns/rule?id=thanks-for-a-friend").text
    assert '<option value="qixi" selected>Qixi</option>' in page
    assert browser.get("/rules/festivals/yaml").status_code == 200


LIMITS = {"most": "200", "quiet": "20:00-10:00", "per_customer": "2 / 30d", "holdout": "10"}
LIMITED = "    limits: {customers_per_run: 200, quiet: '20:00-10:00', per_customer: 2 / 30d, holdout: 10%}\n"
LIMITS_SAID = (
    "At most 200 customers a run. No messages in the hours 20:00-10:00. At most 2 messages to one customer in 30 days."
    " 10% of the customers are only tagged, to compare."
)


def test_limits_go_through_the_form_and_are_said(sqlite_house: House) -> None:
    """Typed in they are written; opened and kept, they are the same to the letter; each is shown in its field."""
    browser = english(sqlite_house)
    address = "/rules/campaigns/rule?id=win-back"
    sent = sent_as_shown(browser.get(address).text)
    looked = browser.post(address, sent | {name: [value] for name, value in LIMITS.items()} | {"action": ["look"]})
    assert LIMITS_SAID in looked.text
    made = browser.post(address, sent | {name: [value] for name, value in LIMITS.items()} | {"action": ["save"]})
    text = replaced("campaigns", "    limits: {customers_per_run: 200}\n", LIMITED)
    assert db.session.scalars(select(RuleVersion.text).where(RuleVersion.number == 2)).one() == text
    browser.post(made.headers["Location"], {"why": "试试"})
    sent = sent_as_shown(browser.get(address).text)
    assert {name: [value] for name, value in LIMITS.items()}.items() <= sent.items()
    browser.post(address, sent | {"action": ["save"]})
    assert db.session.scalars(select(RuleVersion.text).where(RuleVersion.number == 3)).one() == text


HOURS = {"daily_at": ["10:00"], "on": ["visit", "sale"], "missed": ["skip"]}
HOURS_WRITTEN = "    evaluate:\n      daily_at: 10:00\n      on: [visit, sale]\n      missed: skip\n"
HOURS_SAID = "Asked daily at 10:00, and at once of whoever comes or pays. An hour that was missed is left out."


def test_hours_go_through_the_form_and_are_said(sqlite_house: House) -> None:
    browser = english(sqlite_house)
    address = "/rules/campaigns/rule?id=win-back"
    sent = sent_as_shown(browser.get(address).text)
    assert HOURS_SAID in browser.post(address, sent | HOURS | {"action": ["look"]}).text
    made = browser.post(address, sent | HOURS | {"action": ["save"]})
    text = db.session.scalars(select(RuleVersion.text).where(RuleVersion.number == 2)).one()
    assert text.replace(HOURS_WRITTEN, "") == SHIPPED["campaigns"]
    assert text != SHIPPED["campaigns"]
    browser.post(made.headers["Location"], {"why": "试试"})
    sent = sent_as_shown(browser.get(address).text)
    assert HOURS.items() <= sent.items()
    browser.post(address, sent | {"action": ["save"]})
    assert db.session.scalars(select(RuleVersion.text).where(RuleVersion.number == 3)).one() == text


def test_the_page_tells_mistakes_of_typing_as_check_does(sqlite_house: House) -> None:
    text = SHIPPED["tags"].replace("    name: 新客", "    name： 新客").replace("at_least: 20000", "at_least: 2万", 1)
    told = sqlite_house.browser("owner").post("/rules/tags/check", {"text": text.replace("\n", "\r\n")}).json
    assert told == [
        {"line": 25, "column": 9, "message": "用了中文冒号 ：，请改成 :"},
        {"line": 64, "column": 33, "message": "写 20000，不要写 2万。"},
    ]
    with force_locale("en"):
        assert [(one.place.line, one.place.column) for one in faults_of("tags", text)] == [(25, 9), (64, 33)]


def test_the_page_tells_a_hundred_faults_at_most(sqlite_house: House) -> None:
    text = "version: 1\ntags:\n" + "".join(f"  - {{idd: t{number}}}\n" for number in range(5_000))
    assert len(sqlite_house.browser("owner").post("/rules/tags/check", {"text": text}).json) == 100


def test_a_draft_of_the_tiers_says_who_would_move(house: House) -> None:
    with raw_operation():
        for who in ("anna", "berta"):
            db.session.add(Membership(customer_id=house.ids[who], tier="gold", since=TODAY))
    evaluate(TODAY)
    text = replaced("tiers", "    enter: {paid_365d: {at_least: 50000}}", "    enter: {visits_total: {at_least: 0}}")
    page = english(house).get(f"/rules/version/{draft('tiers', text, 'owner', house)}").text
    assert "Gold → Diamond: 2" in page
    rows = re.findall(r'<th scope="row">(\w+)</th><td class="number">(\d+)</td><td class="number">(\d+)</td>', page)
    assert ("Gold", "2", "0") in rows
    assert {name: after for name, _before, after in rows}["Diamond"] == str(sum(int(one) for _, one, _ in rows))


def test_a_draft_of_the_tiers_says_whom_it_concerns_later(sqlite_house: House) -> None:
    house = sqlite_house
    with raw_operation():
        until = TODAY + timedelta(3_650)
        db.session.add(Membership(customer_id=house.ids["anna"], tier="gold", since=TODAY, valid_until=until))
    text = replaced("tiers", "downgrade: one_down", "downgrade: never")
    page = english(house).get(f"/rules/version/{draft('tiers', text, 'owner', house)}").text
    assert "Later, at the end of their tier, they would keep it" in page
    assert "they would lose it, if nothing changes" not in page
    assert "1 customers, the first on " in page
    assert "Gold → Silver: 1" in page
    assert f'id={house.ids["anna"]}"' in page


@ON_BOTH
def test_beside_a_row_stands_what_is_usual_here(house: House) -> None:
    """Of three who paid: half lie between."""
    for who, fen in (("anna", 10_000), ("berta", 20_000), ("cora", 60_000)):
        paid(house, TODAY, fen, customer=who)
    page = english(house).get("/rules/tags/rule?template=good-customer").text
    assert re.search(r"An amount in yuan\. Usual here: ¥\d+; half lie from ¥\d+ to ¥\d+\.", page)
    page = english(house).get("/rules/tags/rule?template=gold-away").text
    assert "A number of days." in page


GIFT = """version: 1
message_price: 0.05
coupons: [{id: eighty, name: 八十元, worth: 80}]
rules:
  - id: treat
    name: 请客
    when: {visits_total: {at_least: 0}}
    then:
      - message: {by: tier, tiers: {gold: 你好}}
      - coupon: {template: eighty}
      - points: {amount: 50}
      - gift: {item: 面膜, worth: 30}
    existing_customers: all
"""


def test_a_trial_tells_what_goes_out_and_what_it_costs(house: House) -> None:
    with raw_operation():
        day = NOON.date()
        db.session.add(Membership(customer_id=house.ids["anna"], tier="gold", since=day, valid_until=day))
    many = db.session.scalar(select(func.count()).select_from(Customer)) or 0
    page = english(house).get(f"/rules/version/{draft('campaigns', GIFT, 'owner', house)}").text
    assert "1 messages, about ¥0.05" in page
    assert f"{many} coupons, ¥{80 * many:,}.00 at most" in page
    assert f"points for {many}, {50 * many:,} in all" in page
    assert f"{many} gifts, ¥{30 * many:,}.00 at most" in page


def test_a_rule_that_spares_those_it_finds_says_that_nothing_goes_out(house: House) -> None:
    text = GIFT.replace("    existing_customers: all\n", "")
    page = english(house).get(f"/rules/version/{draft('campaigns', text, 'owner', house)}").text
    assert "nothing is given or sent to them" in page
    assert "coupons, ¥" not in page


def test_what_moves_many_is_put_in_force_only_by_somebody_who_is_sure(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_versions, "MANY", 1)
    browser, number = english(house), draft("campaigns", GIFT, "owner", house)
    asked = browser.post(f"/rules/version/{number}", {"why": ""})
    assert asked.status_code == 422
    assert "say that you are sure" in asked.text
    assert "treat" not in {rule.id for rule in rulebook().rules()}
    assert browser.post(f"/rules/version/{number}", {"why": "", "sure": "yes"}).status_code == 302
    refresh()
    assert "treat" in {rule.id for rule in rulebook().rules()}


def test_the_studio_says_what_the_last_run_did(house: House) -> None:
    assert "Last run" not in english(house).get("/rules").text
    evaluate(NOON.date())
    page = english(house).get("/rules").text
    assert f"as of {NOON.date()}: 3 customers looked at" in page


def test_the_studio_says_what_this_release_cannot_read(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    text = SHIPPED["tags"].replace("days_since_visit: {at_least: 180}", "days_since_seen: {at_least: 180}")
    book = read_in_force((SHIPPED | {"tags": text}).__getitem__)
    monkeypatch.setattr(rule_studio, "rulebook", lambda: book)
    page = english(sqlite_house).get("/rules").text
    told = re.search(r'role="alert">(.*?)</p>', page, re.DOTALL)
    assert told is not None
    assert "The rule lost cannot be read" in told[1]
    assert "days_since_seen" in told[1]
    assert "did you mean days_since_" in told[1]
    assert 'href="/rules/tags/yaml"' in told[1]
