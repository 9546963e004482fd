"""Customers: who they are, what they like, what must not be done to them, and what was said."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

from flask_babel import lazy_gettext as _l
from flask_babel import lazy_pgettext as pgettext
from sqlalchemy import ColumnElement, Index, Select, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped

from models.entity import Event, PublicId, Record
from models.field import Choice, Privacy, Search, choice, field, reference
from models.invariants import OneStep, found_where, holds, one_where
from models.names import Name
from models.screen import Screen, Section, WrittenBy
from models.types import Big, Day, Encrypted, Flag, Instant, Items, LongText, Phone, Text


class Sex(Choice):
    """As the customer says."""

    FEMALE = "female", _l("Female")
    MALE = "male", _l("Male")


class Calendar(Choice):
    """Which calendar her birthday follows."""

    SOLAR = "solar", _l("Solar")
    LUNAR = "lunar", _l("Lunar")


class SkinType(Choice):
    """The usual five, and sensitive."""

    NEUTRAL = "neutral", _l("Neutral")
    DRY = "dry", _l("Dry")
    OILY = "oily", _l("Oily")
    MIXED = "mixed", _l("Combination")
    MIXED_OILY = "mixed_oily", _l("Combination, oily")
    SENSITIVE = "sensitive", _l("Sensitive")


class SourceChannel(Choice):
    """How she found the salon."""

    WALK_IN = "walk_in", _l("Passing by")
    FRIEND = "friend", _l("A friend")
    DIANPING = "dianping", _l("Dianping")
    MEITUAN = "meituan", _l("Meituan")
    DOUYIN = "douyin", _l("Douyin")
    XIAOHONGSHU = "xiaohongshu", _l("Xiaohongshu")
    WECHAT = "wechat", _l("WeChat")
    OTHER = "other", _l("Other")


class Stage(Choice):
    """How far the acquaintance has come."""

    LEAD = "lead", _l("Lead")
    TRIAL = "trial", _l("Trial")
    MEMBER = "member", _l("Member")
    GIVEN_UP = "given_up", _l("Given up")


class Channel(Choice):
    """A way to reach somebody."""

    PHONE = "phone", _l("Phone")
    WECHAT = "wechat", _l("WeChat")
    SMS = "sms", _l("Text message")
    VISIT = "visit", _l("In the salon")


BIRTHDAY_EXISTS = (
    "birth_month IS NULL OR birth_day <= CASE WHEN birth_calendar = 'lunar' THEN 30"
    " WHEN birth_month = 2 THEN 29 WHEN birth_month IN (4, 6, 9, 11) THEN 30 ELSE 31 END"
)


class Customer(PublicId, Record):
    """Someone the salon serves. Phone numbers are not unique: a mother and her daughter may share one."""

    label = _l("Customer")
    plural = _l("Customers")
    written_by = WrittenBy.FORM
    screen = Screen(
        Section.CUSTOMERS,
        "user",
        ("name", "member_no", "phone", "stage", "store_id"),
        "-id",
        inline=("stage", "notes"),
    )
    one_step = (OneStep("merged_into_id"),)
    __table_args__ = (
        holds(
            "(birth_month IS NULL) = (birth_day IS NULL)",
            "birthday_whole",
            "birth_day",
            _l("A birthday needs both month and day."),
        ),
        holds(BIRTHDAY_EXISTS, "birthday_exists", "birth_day", _l("There is no such day in this month.")),
        Index("ix_customer_birth_month_birth_day", "birth_month", "birth_day", "birth_calendar"),
        found_where("ix_customer_merged_into_id", "merged_into_id", condition="merged_into_id IS NOT NULL"),
        holds(
            "merged_into_id IS NULL OR merged_into_id <> id",
            "merged",
            "merged_into_id",
            _l("Nobody is merged into themselves."),
        ),
        holds("referrer_id IS NULL OR referrer_id <> id", "referrer", "referrer_id", _l("Nobody refers themselves.")),
    )

    name: Mapped[str] = field(
        Text(60),
        label=_l("Full name"),
        index=True,
        search=Search.WORDS,
        aliases=("姓名", "客户姓名", "会员姓名", "顾客姓名", "会员名"),
    )
    member_no: Mapped[str | None] = field(
        Text(40),
        label=_l("Member number"),
        unique=True,
        search=Search.WORDS,
        aliases=(
            *("会员编号", "会员号", "会员卡号", "卡号", "member no", "customer no"),
            *("客户编号", "客户ID", "client id", "customer id", "reference id"),  # what another program calls her by
        ),
    )
    phone: Mapped[str | None] = field(
        Encrypted(Phone(20)),
        label=_l("Phone"),
        privacy=Privacy.PERSONAL,
        search=Search.WHOLE_OR_LAST4,
        aliases=(
            *("手机", "手机号", "手机号码", "移动电话", "mobile number", "mobile"),
            *("联系电话", "联系方式", "电话", "电话号码", "phone number", "telephone"),
        ),
    )
    wechat: Mapped[str | None] = field(Encrypted(Text(60)), label=_l("WeChat"), privacy=Privacy.PERSONAL)
    sex: Mapped[Sex | None] = field(choice(Sex), label=_l("Sex"), aliases=("性别", "gender"))
    birth_calendar: Mapped[Calendar] = field(choice(Calendar), label=_l("Birthday by"), default=Calendar.SOLAR)
    birth_month: Mapped[int | None] = field(Big, label=_l("Birth month"), least=1, most=12)
    birth_day: Mapped[int | None] = field(Big, label=_l("Birth day"), least=1, most=31)
    birth_year: Mapped[int | None] = field(
        Big, label=_l("Birth year"), help=_l("May stay empty"), least=1_900, most=2_100
    )
    stage: Mapped[Stage] = field(choice(Stage), label=_l("Stage"), default=Stage.LEAD, index=True)
    store_id: Mapped[int] = reference("store", label=_l("Home store"), aliases=("所属门店", "门店"))
    skin_type: Mapped[SkinType | None] = field(choice(SkinType), label=_l("Skin type"), aliases=("肤质",))
    hair_type: Mapped[str | None] = field(Text(40), label=_l("Hair type"))
    goals: Mapped[list[str] | None] = field(Items, label=_l("Goals"), aliases=("美容需求", "需求"))
    interests: Mapped[list[str] | None] = field(Items, label=_l("Interests"))
    habits: Mapped[str | None] = field(LongText, label=_l("Habits"))
    job: Mapped[str | None] = field(Text(60), label=_l("Occupation"), privacy=Privacy.PERSONAL)
    address: Mapped[str | None] = field(
        Encrypted(Text(200)), label=_l("Address"), privacy=Privacy.PERSONAL, aliases=("地址",)
    )
    source_channel: Mapped[SourceChannel | None] = field(
        choice(SourceChannel), label=_l("Source"), aliases=("来源", "客户来源", "渠道", "referral source")
    )
    referrer_id: Mapped[int | None] = reference(
        "customer", label=_l("Referred by"), aliases=("推荐人", "介绍人", "转介绍人")
    )
    consult_channel: Mapped[Channel | None] = field(choice(Channel), label=_l("First asked through"))
    preferred_contact: Mapped[Channel | None] = field(choice(Channel), label=_l("Preferred contact"))
    contact_every_days: Mapped[int | None] = field(Big, label=_l("Contact at most every"), unit=_l("days"), most=3_650)
    visiting_hours: Mapped[str | None] = field(Text(60), label=_l("Usually comes"))
    first_visit_on: Mapped[date | None] = field(Day, label=_l("First visit"), index=True)
    registered_on: Mapped[date] = field(
        Day,
        label=_l("Registered on"),
        index=True,
        generated=True,
        aliases=(
            *("建档日期", "注册日期", "开卡日期", "办卡日期", "入会日期"),
            *("成为客户时间", "成为会员时间", "added"),
        ),
    )
    profile_checked_on: Mapped[date | None] = field(Day, label=_l("Profile checked on"))
    notes: Mapped[str | None] = field(LongText, label=_l("Notes"), aliases=("备注", "note", "memo"))
    merged_into_id: Mapped[int | None] = reference("customer", label=_l("Merged into"), generated=True, index=False)
    password_hash: Mapped[str | None] = field(
        Text(200), label=_l("Member password"), privacy=Privacy.SECRET, generated=True
    )
    erased_at: Mapped[datetime | None] = field(Instant, label=_l("Erased at"), generated=True)


def current_id() -> ColumnElement[int]:
    """Who a customer's record is by now: itself, or the one it was merged into."""
    return func.coalesce(Customer.merged_into_id, Customer.id)


def kin_of(customer_id: int) -> Select[int]:
    """The records that are this person: her own, and those merged into it."""
    return records_of([customer_id])


def records_of(customers: Collection[int]) -> Select[int]:
    """The records that are these people. What happened to her stands at the record it was written on."""
    ids = list(customers)
    return select(Customer.id).where(Customer.id.in_(ids) | Customer.merged_into_id.in_(ids)).correlate(None)


class CareRole(Choice):
    """In what way somebody looks after a customer."""

    CONSULTANT = "consultant", _l("Consultant")
    THERAPIST = "therapist", _l("Therapist")


class CustomerAssignment(Record):
    """Who looks after a customer: one consultant and one therapist at a time."""

    label = _l("Assignment")
    plural = _l("Assignments")
    written_by = WrittenBy.by(
        Name.ASSIGN_CUSTOMERS,
        Name.HAND_OVER_CUSTOMERS,
        also=(Name.CREATE_ENTITY, Name.IMPORT_ROWS, Name.MERGE_CUSTOMERS),
    )
    title = ("customer_id", "staff_id")
    screen = Screen(Section.CUSTOMERS, "link", ("customer_id", "staff_id", "care_role", "since", "until", "reason"))
    __table_args__ = (
        one_where("uq_customer_assignment_current", "customer_id", "care_role", condition="until IS NULL"),
        holds("until IS NULL OR until >= since", "span", "until", _l("The end must not come before the beginning.")),
    )

    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    staff_id: Mapped[int] = reference("staff", label=_l("Staff member"))
    care_role: Mapped[CareRole] = field(choice(CareRole), label=_l("As"), default=CareRole.CONSULTANT)
    since: Mapped[datetime] = field(Instant, label=_l("Since"))
    until: Mapped[datetime | None] = field(Instant, label=_l("Until"))
    reason: Mapped[str | None] = field(Text(200), label=_l("Reason"))


class RelationKind(Choice):
    """How two customers know each other."""

    FAMILY = "family", _l("Family")
    FRIEND = "friend", _l("Friend")
    COLLEAGUE = "colleague", _l("Colleague")


class Relation(Record):
    """Two customers who know each other."""

    label = _l("Relation")
    plural = _l("Relations")
    written_by = WrittenBy.FORM
    title = ("customer_id", "other_id")
    screen = Screen(Section.CUSTOMERS, "people", ("customer_id", "other_id", "kind", "notes"))
    __table_args__ = (
        UniqueConstraint("customer_id", "other_id"),
        holds("customer_id <> other_id", "two", "other_id", _l("Choose another customer.")),
    )

    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    other_id: Mapped[int] = reference("customer", label=_l("Knows"))
    kind: Mapped[RelationKind] = field(choice(RelationKind), label=_l("Kind"))
    notes: Mapped[str | None] = field(Text(200), label=_l("Notes"))


class PreferenceKind(Choice):
    """What a preference is about."""

    SERVICE = "service", _l("Service")
    PRODUCT = "product", _l("Product")
    BRAND = "brand", _l("Brand")
    TECHNIQUE = "technique", _l("Technique")
    THERAPIST = "therapist", _l("Therapist")
    MUSIC = "music", _l("Music")
    SCENT = "scent", _l("Scent")
    TEMPERATURE = "temperature", _l("Room temperature")
    DRINK = "drink", _l("Drink")
    TOUCH = "touch", _l("Touch")
    TIME_OF_DAY = "time_of_day", _l("Time of day")
    MANNER = "manner", _l("Way of service")


class Preference(Record):
    """What a customer likes, or does not."""

    label = _l("Preference")
    plural = _l("Preferences")
    written_by = WrittenBy.FORM
    title = ("kind", "value")
    screen = Screen(Section.CUSTOMERS, "heart", ("customer_id", "kind", "value", "liked"))

    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    kind: Mapped[PreferenceKind] = field(choice(PreferenceKind), label=_l("About"))
    value: Mapped[str] = field(Text(100), label=_l("What"))
    liked: Mapped[bool] = field(Flag, label=_l("Likes it"), default=True)


class DangerKind(Choice):
    """What may make a treatment dangerous."""

    ALLERGY = "allergy", _l("Allergy")
    PREGNANCY = "pregnancy", _l("Pregnancy")
    MEDICATION = "medication", _l("Medication")
    DEVICE = "device", _l("Implanted device")
    CONDITION = "condition", _l("Condition")
    DIET = "diet", _l("Diet")


class Severity(Choice):
    """How bad it would be."""

    MILD = "mild", _l("Mild")
    MODERATE = "moderate", _l("Moderate")
    SEVERE = "severe", _l("Severe")
    UNKNOWN = "unknown", _l("Unknown")


class Contraindication(Record):
    """Something that must be known before anybody touches her."""

    label = _l("Contraindication")
    plural = _l("Contraindications")
    written_by = WrittenBy.FORM
    title = ("kind",)
    screen = Screen(Section.CUSTOMERS, "warning", ("customer_id", "kind", "substance", "severity", "since", "until"))
    __table_args__ = (
        holds(
            "until IS NULL OR since IS NULL OR until >= since",
            "span",
            "until",
            _l("The end must not come before the beginning."),
        ),
    )

    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    kind: Mapped[DangerKind] = field(choice(DangerKind), label=_l("Kind"))
    substance: Mapped[str | None] = field(
        Encrypted(Text(100)), label=_l("Substance"), privacy=Privacy.SENSITIVE, aliases=("过敏史",)
    )
    severity: Mapped[Severity] = field(choice(Severity), label=_l("Severity"), default=Severity.UNKNOWN)
    since: Mapped[date | None] = field(Day, label=_l("Start"))
    until: Mapped[date | None] = field(Day, label=_l("Until"))
    notes: Mapped[str | None] = field(Encrypted(LongText()), label=_l("Notes"), privacy=Privacy.SENSITIVE)


class ConcernKind(Choice):
    """What a customer wants done about her skin or body."""

    ACNE = "acne", _l("Acne")
    PIGMENT = "pigment", _l("Pigmentation")
    DRYNESS = "dryness", _l("Dryness")
    WRINKLES = "wrinkles", _l("Wrinkles")
    REDNESS = "redness", _l("Redness")
    PORES = "pores", _l("Pores")
    TENSION = "tension", _l("Tension")
    FIGURE = "figure", pgettext("body", "Figure")


class Concern(Record):
    """A concern, open until it is resolved."""

    label = _l("Concern")
    plural = _l("Concerns")
    written_by = WrittenBy.FORM
    title = ("kind", "area")
    screen = Screen(Section.CUSTOMERS, "drop", ("customer_id", "kind", "area", "severity", "opened_on", "resolved_on"))
    __table_args__ = (
        holds(
            "resolved_on IS NULL OR resolved_on >= opened_on",
            "span",
            "resolved_on",
            _l("The end must not come before the beginning."),
        ),
    )

    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    kind: Mapped[ConcernKind] = field(choice(ConcernKind), label=_l("Kind"))
    area: Mapped[str | None] = field(Text(40), label=_l("Area"))
    severity: Mapped[Severity] = field(choice(Severity), label=_l("Severity"), default=Severity.UNKNOWN)
    opened_on: Mapped[date] = field(Day, label=_l("Opened on"))
    resolved_on: Mapped[date | None] = field(Day, label=_l("Resolved on"))


class Interaction(Event):
    """A conversation with a customer, digested. It is never changed; a later one corrects it."""

    label = _l("Interaction")
    plural = _l("Interactions")
    written_by = WrittenBy.by(Name.RECORD_INTERACTION)
    title = ("channel", "at")
    screen = Screen(Section.CUSTOMERS, "chat", ("customer_id", "at", "channel", "complaint", "digest"), "-at")

    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    staff_id: Mapped[int | None] = reference("staff", label=_l("Staff member"))
    at: Mapped[datetime] = field(Instant, label=_l("At"), index=True)
    channel: Mapped[Channel] = field(choice(Channel), label=_l("Channel"))
    complaint: Mapped[bool] = field(Flag, label=_l("Complaint"), default=False)
    digest: Mapped[str | None] = field(Encrypted(LongText()), label=_l("What was said"), privacy=Privacy.SENSITIVE)
    handling: Mapped[str | None] = field(Encrypted(LongText()), label=_l("Handling"), privacy=Privacy.SENSITIVE)
    outcome: Mapped[str | None] = field(Encrypted(Text(200)), label=_l("Outcome"), privacy=Privacy.SENSITIVE)


class Purpose(Choice):
    """What a customer agrees to, each apart (个人信息保护法 art. 29)."""

    HEALTH_DATA = "health_data", _l("Keeping health data")
    PHOTOS = "photos", _l("Taking photos")
    MARKETING = "marketing", _l("Marketing messages")
    SHARING = "sharing", _l("Showing pictures of the customer")


class ConsentEvent(Event):
    """Consent given or withdrawn; the latest one of a purpose holds."""

    label = _l("Consent")
    plural = _l("Consents")
    written_by = WrittenBy.by(Name.RECORD_CONSENT, also=(Name.IMPORT_ROWS,))
    title = ("purpose",)
    screen = Screen(
        Section.CUSTOMERS, "check", ("customer_id", "purpose", "given", "at", "channel", "text_version"), "-at"
    )

    customer_id: Mapped[int] = reference("customer", label=_l("Customer"))
    purpose: Mapped[Purpose] = field(choice(Purpose), label=_l("Purpose"))
    given: Mapped[bool] = field(Flag, label=_l("Given"))
    text_version: Mapped[str] = field(Text(40), label=_l("Version of the text"))
    at: Mapped[datetime] = field(Instant, label=_l("At"), index=True)
    channel: Mapped[Channel] = field(choice(Channel), label=_l("Channel"))
    witness_id: Mapped[int | None] = reference("staff", label=_l("Witness"))
