"""Rule files: taken up when they change, a broken one told and left; every process sees what is in force."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import pytest
from flask_babel import force_locale
from sqlalchemy import func, select, text

from admin_app import rule_files
from admin_app import rulebook as book_module
from admin_app.operations.kernel import perform
from admin_app.operations.refusals import Busy, Refused
from admin_app.operations.rules import ActivateInput
from admin_app.rule_files import path_of, watch_files
from admin_app.rulebook import access_for, refresh, rulebook, words_of
from admin_app.start import open_house
from models import triggers
from models.actor import SYSTEM
from models.connection import WRITES
from models.customers import Customer
from models.entity import db
from models.names import Name
from models.rulebook import RuleActivation, RuleVersion
from models.standing import Alert, Tag
from rules.decisions.access import Sight
from rules.documents.festivals import USUAL, LeapDay
from rules.language.conditions import comparisons
from tests.conftest import House
from tests.rules.texts import SHIPPED


def edit(house: House, document: str, old: str, new: str) -> Path:
    path = house.settings.rules_dir / f"{document}.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def versions_of(document: str) -> int:
    return db.session.scalar(select(func.count()).where(RuleVersion.document == document)) or 0


def test_nothing_changed_takes_nothing_up(house: House) -> None:
    assert watch_files() == []
    assert versions_of("roles") == 1


def test_a_changed_file_is_in_force_and_signed(house: House) -> None:
    edit(house, "tiers", "at_least: 8000", "at_least: 9000")
    assert watch_files() == ["tiers"]
    version = db.session.scalars(
        select(RuleVersion).where(RuleVersion.document == "tiers", RuleVersion.number == 2)
    ).one()
    assert version.made_by.startswith("file:")
    assert next(comparisons(rulebook().tiers.tiers[2].enter)).values == (900_000,)


def test_a_permission_taken_away_in_the_file_is_gone_at_once(house: House) -> None:
    browser = house.browser("reception")
    assert browser.get("/customer/").status_code == 200
    edit(
        house,
        "roles",
        "      customer: [view, create, edit, reveal, history]\n      customer_assignment",
        "      customer_assignment",
    )
    watch_files()
    assert browser.get("/customer/").status_code == 403


def test_a_field_opened_in_the_file_is_open(house: House) -> None:
    phone = Customer.fields()["phone"]
    assert access_for(house.actor("reception")).sight(phone) is Sight.MASKED
    edit(
        house,
        "roles",
        "    clear: [sensitive]\n    read_only: [customer.member_no]",
        "    clear: [sensitive, personal]",
    )
    watch_files()
    assert access_for(house.actor("reception")).sight(phone) is Sight.CLEAR


@pytest.mark.parametrize(
    ("document", "old", "new", "word"),
    [
        ("roles", "sees: all", "seees: all", "seees"),
        (
            "tags",
            "days_since_first_visit: {at_most: 30}",
            "days_since_frist_visit: {at_most: 30}",
            "days_since_first_visit",
        ),
        ("alerts", "to: consultant", "to: consultnat", "consultant"),
        ("tiers", "valid: 12mo", "valid: [", "少了逗号"),
    ],
)
def test_a_broken_file_is_told_once_and_the_last_good_one_stays(
    house: House, document: str, old: str, new: str, word: str
) -> None:
    path = edit(house, document, old, new)
    assert watch_files() == []
    assert watch_files() == []
    [alert] = db.session.scalars(select(Alert).where(Alert.source == "rules"))
    assert alert.to_role == "owner"
    assert word in alert.text
    assert "行" in alert.text, "the place, in the salon's language"
    assert versions_of(document) == 1
    assert house.browser("owner").get("/customer/").status_code == 200
    path.write_text(path.read_text(encoding="utf-8").replace(new, old) + "\n", encoding="utf-8")
    assert watch_files() == [document]


def test_what_another_process_activated_is_seen(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process writes an activation into the database; this one looks every two seconds."""
    text = (house.settings.rules_dir / "tiers.yaml").read_text(encoding="utf-8").replace("金卡", "黄金卡")
    perform(Name.ACTIVATE_RULES, ActivateInput(texts={"tiers": text}), actor=SYSTEM)
    assert dict(words_of("tiers"))["gold"] == "金卡", "not yet looked"
    monkeypatch.setattr(book_module.time, "monotonic", lambda: 1e12)
    assert dict(words_of("tiers"))["gold"] == "黄金卡"


def test_a_restart_takes_up_nothing_new(house: House) -> None:
    house.app.extensions.pop("peony_rules")
    refresh()
    assert watch_files() == []


def test_a_document_with_faults_is_not_activated(house: House) -> None:
    with pytest.raises(Refused):
        perform(Name.ACTIVATE_RULES, ActivateInput(texts={"tiers": "version: 1"}), actor=SYSTEM)
    assert db.session.scalar(select(func.count()).where(RuleActivation.document == "tiers")) == 1


def test_declared_tags_are_made_and_renamed(house: House) -> None:
    edit(house, "tags", "name: 沉睡客户, name_en: Dormant", "name: 久未到店, name_en: Long away")
    watch_files()
    tag = db.session.scalars(select(Tag).where(Tag.slug == "dormant")).one()
    assert (tag.name, tag.name_en, tag.by_rule) == ("久未到店", "Long away", True)
    hand = db.session.scalars(select(Tag).where(Tag.slug == "do-not-contact")).one()
    assert hand.by_rule is False


def test_labels_follow_the_language(house: House) -> None:
    assert dict(words_of("roles"))["reception"] == "前台"
    with force_locale("en"):
        assert dict(words_of("roles"))["reception"] == "Reception"


def test_who_has_no_role_in_the_file_may_nothing(house: House) -> None:
    access = access_for(house.actor("stranger", id=999))
    assert not access.does("record_consent")
    assert access.role is None


# ---------------------------------------------------------------------------------------- files, one after another


def open_alerts() -> list[str]:
    db.session.rollback()
    query = select(Alert.occasion).where(Alert.source == "rules", Alert.closed_at.is_(None))
    return [occasion.split(":")[0] for occasion in db.session.scalars(query)]


def rename(house: House, document: str) -> None:
    """The tag «lost» gets another id: in one file first, in the other later."""
    path = house.settings.rules_dir / f"{document}.yaml"
    text = path.read_text(encoding="utf-8").replace("{tag: lost}", "{tag: gone}").replace("id: lost, ", "id: gone, ")
    path.write_text(text.replace("tag: lost}", "tag: gone}"), encoding="utf-8")


def without_campaigns(house: House) -> None:
    """No campaign speaks of any tag."""
    (house.settings.rules_dir / "campaigns.yaml").write_text("version: 1\n", encoding="utf-8")
    watch_files()


def test_files_that_fit_only_together_come_in_together(house: House) -> None:
    without_campaigns(house)
    rename(house, "alerts")
    assert watch_files() == []
    assert open_alerts() == ["alerts"]
    rename(house, "tags")
    assert sorted(watch_files()) == ["alerts", "tags"]
    assert open_alerts() == [], "what was told is in order again"


def test_a_third_file_that_fits_nowhere_does_not_keep_the_pair_out(house: House) -> None:
    without_campaigns(house)
    rename(house, "alerts")
    rename(house, "tags")
    edit(house, "tiers", "enter: {paid_365d: {at_least: 50000}}", "enter: {tag: nobody-knows}")
    assert sorted(watch_files()) == ["alerts", "tags"]
    assert open_alerts() == ["tiers"]


def test_a_file_that_could_not_be_taken_up_just_now_is_taken_up_at_the_next_look(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(house, "tiers", "at_least: 8000", "at_least: 9000")
    with monkeypatch.context() as busy:
        busy.setattr(rule_files, "perform", Mock(side_effect=Busy("locked")))  # type: ignore[arg-type]
        with pytest.raises(Busy):
            watch_files()
    assert watch_files() == ["tiers"]


def test_a_file_that_is_gone_is_told_each_time_it_goes(house: House) -> None:
    path = house.settings.rules_dir / "alerts.yaml"
    text = path.read_text(encoding="utf-8")
    for _ in range(2):
        path.unlink()
        assert watch_files() == []
        assert open_alerts() == ["alerts"]
        path.write_text(text, encoding="utf-8")
        watch_files()
        assert open_alerts() == []


def test_a_file_in_another_encoding_is_told(house: House) -> None:
    path = house.settings.rules_dir / "tags.yaml"
    path.write_bytes(path.read_text(encoding="utf-8").encode("gb18030"))
    assert watch_files() == []
    [alert] = db.session.scalars(select(Alert).where(Alert.source == "rules"))
    assert "UTF-8" in alert.text


# --------------------------------------------------------------------------------- what a page put in force


def put_in_force(document: str, text: str) -> int:
    """As a page does it: a draft, then its activation."""
    version = perform(Name.DRAFT_RULES, {"document": document, "text": text}, actor=SYSTEM)["id"]
    perform(Name.ACTIVATE_VERSION, {"version_id": version}, actor=SYSTEM)
    refresh()
    return int(version)


def file_of(house: House, document: str) -> Path:
    return Path(house.settings.rules_dir / f"{document}.yaml")


def changed(house: House, document: str = "tiers") -> str:
    return file_of(house, document).read_text("utf-8").replace("at_least: 8000", "at_least: 9000")


def test_what_came_into_force_on_a_page_is_written_into_its_file_with_its_comments(house: House) -> None:
    text = changed(house)
    put_in_force("tiers", text)
    assert watch_files() == []
    assert file_of(house, "tiers").read_text("utf-8") == text
    assert text.startswith("# ")
    assert versions_of("tiers") == 2
    assert watch_files() == []


def test_killed_before_it_was_written_it_is_written_by_whoever_looks_next(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = changed(house)
    with monkeypatch.context() as dying:
        dying.setattr(rule_files, "_replace", Mock(side_effect=KeyboardInterrupt))
        put_in_force("tiers", text)
        with pytest.raises(KeyboardInterrupt):
            watch_files()
    db.session.rollback()
    assert "8000" in file_of(house, "tiers").read_text("utf-8")
    watch_files()
    assert file_of(house, "tiers").read_text("utf-8") == text
    assert versions_of("tiers") == 2


def test_killed_after_it_was_written_nothing_is_taken_up_again(house: House) -> None:
    text = changed(house)
    put_in_force("tiers", text)
    file_of(house, "tiers").write_text(text, encoding="utf-8")
    assert watch_files() == []
    assert versions_of("tiers") == 2
    assert open_alerts() == []


def test_where_file_and_page_both_moved_nothing_is_adopted_and_nothing_overwritten(house: House) -> None:
    put_in_force("tiers", changed(house))
    by_hand = file_of(house, "tiers").read_text("utf-8").replace("at_least: 8000", "at_least: 7000")
    file_of(house, "tiers").write_text(by_hand, encoding="utf-8")
    assert watch_files() == []
    assert watch_files() == []
    assert open_alerts() == ["tiers"]
    assert file_of(house, "tiers").read_text("utf-8") == by_hand
    assert next(comparisons(rulebook().tiers.tiers[2].enter)).values == (900_000,)


def test_a_conflict_is_over_when_the_file_says_what_is_in_force(house: House) -> None:
    text = changed(house)
    put_in_force("tiers", text)
    file_of(house, "tiers").write_text(text + "# by hand\n", encoding="utf-8")
    watch_files()
    file_of(house, "tiers").write_text(text, encoding="utf-8")
    assert watch_files() == []
    assert open_alerts() == []


def test_a_folder_that_cannot_be_written_is_told_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_files, "_replace", Mock(side_effect=PermissionError("read only")))
    put_in_force("tiers", changed(house))
    watch_files()
    watch_files()
    told = db.session.scalars(select(Alert.text)).all()
    assert len(told) == 1
    assert "read only" in told[0]


def test_an_older_process_does_not_write_an_older_version(house: House) -> None:
    """One that learned of the second version writes it, whatever another still believes to be in force."""
    first = changed(house)
    put_in_force("tiers", first)
    second = first.replace("at_least: 9000", "at_least: 9500")
    perform(Name.ACTIVATE_RULES, ActivateInput(texts={"tiers": second}), actor=SYSTEM)
    rule_files.write_back()
    assert file_of(house, "tiers").read_text("utf-8") == second


# ------------------------------------------------------------------------------- a file that came with a later release


def older(house: House, document: str) -> None:
    """As if the salon had begun with a release that had no such file, nor a version of it."""
    path_of(document).unlink()
    db.session.rollback()
    with db.engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        triggers.uninstall(connection)
        for table in ("rule_activation", "rule_version", "rule_file"):
            connection.execute(text(f"DELETE FROM {table} WHERE document = :document"), {"document": document})
        triggers.install(connection)
    house.app.extensions.pop("peony_rules")
    house.app.extensions.pop("peony_rule_files", None)


def test_a_salon_without_the_file_starts_and_keeps_birthdays_as_before(house: House) -> None:
    older(house, "festivals")
    assert open_house() is False
    assert rulebook().festivals.birthdays.says_the_same(USUAL.birthdays)
    assert rulebook().festivals.festival("qixi").lunar == "07-07"
    assert watch_files() == []
    assert open_alerts() == ["festivals"]


def test_the_file_comes_into_force_as_soon_as_it_is_there(house: House) -> None:
    older(house, "festivals")
    watch_files()
    path_of("festivals").write_text(SHIPPED["festivals"].replace("feb_28  ", "mar_1  "), encoding="utf-8")
    assert watch_files() == ["festivals"]
    assert rulebook().festivals.birthdays.leap_day is LeapDay.MAR_1
    assert open_alerts() == []
