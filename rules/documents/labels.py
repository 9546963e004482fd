"""What each key of a document is called for whoever does not read YAML, and what there is to say of it."""

from __future__ import annotations

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from rules.documents.calls import CallsDocument
from rules.documents.festivals import Birthdays, Festival, FestivalsDocument, Weekday
from rules.documents.rules import (
    AlertsDocument,
    CampaignsDocument,
    CouponTemplate,
    LayerRow,
    Layers,
    PerCustomer,
    TagDeclaration,
    TagsDocument,
    WatchAlert,
    WatchEffect,
    WatchRule,
)
from rules.documents.security import SecurityDocument
from rules.documents.tiers import Tier, TiersDocument
from rules.documents.till import (
    CommissionsDocument,
    LevelFee,
    PointsDocument,
    RechargeDocument,
    RechargeStep,
    ServiceFee,
    TillDocument,
)
from rules.language.reading import Part

COMMON: dict[str, LazyString] = {
    "id": _l("Short name"),
    "name": _l("Name"),
    "name_en": _l("Name in English"),
    "rules": _l("Rules"),
}
LABELS: dict[type[Part], dict[str, LazyString]] = {
    TiersDocument: {
        "valid": _l("A tier is held for"),
        "downgrade": _l("When it is not kept"),
        "grace": _l("Left alone after its end for"),
        "notice": _l("Told before its end by"),
        "taken_back": _l("When the sale it was given for is taken back"),
        "notice_to": _l("Who tells the customer"),
        "tiers": _l("Tiers"),
    },
    Tier: {
        "enter": _l("Who gets it"),
        "keep": _l("Who keeps it"),
        "services": _l("Pays for services"),
        "products": _l("Pays for products"),
        "points_rate": _l("Points multiplied by"),
        "birthday": _l("Birthday privilege"),
        "exclusive": _l("Only for this tier"),
        "color": _l("Colour"),
    },
    TagsDocument: {"tags": _l("Tags"), "layers": _l("Layers")},
    TagDeclaration: {"colour": _l("Colour")},
    Layers: {"first_match": _l("Layer by layer")},
    LayerRow: {"tag": _l("Tag"), "when": _l("Who belongs to it")},
    AlertsDocument: {"watch": _l("Rules about staff, goods and what is done")},
    WatchRule: {
        "about": _l("What it is about"),
        "when": _l("When this holds"),
        "then": _l("Then"),
        "tests": _l("Tests"),
        "enabled": _l("At work"),
    },
    WatchEffect: {"alert": _l("Raise an alert")},
    WatchAlert: {
        "to": _l("For"),
        "text": _l("Text"),
        "text_en": _l("Text in English"),
        "within": _l("Due within"),
        "severity": _l("Severity"),
    },
    CallsDocument: {
        "birthdays": _l("Birthdays so long ahead"),
        "card_ends": _l("Cards that end within"),
        "card_ends_soon": _l("Urgent within"),
        "sessions_left": _l("Almost used up: sessions left"),
        "dormant": _l("Dormant after"),
        "dormant_for": _l("Called for so long after that"),
        "most": _l("Customers for each reason"),
    },
    CampaignsDocument: {
        "quiet": _l("Quiet hours"),
        "messages_per_customer": _l("Messages a customer gets at most"),
        "message_price": _l("Price of a message"),
        "coupons": _l("Coupons"),
    },
    PerCustomer: {"most": _l("So many"), "days": _l("in so many days")},
    SecurityDocument: {
        "second_factor": _l("Second factor for powerful roles"),
        "confirm_again": _l("Confirmed again after"),
        "initial_password": _l("Passwords that were handed out open for"),
        "own_words": _l("Words that no password is made of"),
    },
    FestivalsDocument: {"birthdays": _l("Birthdays that not every year has"), "festivals": _l("Festivals")},
    Birthdays: {"leap_day": _l("29 February"), "leap_month": _l("A lunar month that comes twice")},
    Festival: {
        "solar": _l("Day of the solar year"),
        "lunar": _l("Day of the lunar year"),
        "weekday": _l("A weekday of a month"),
    },
    Weekday: {"month": _l("Month"), "week": _l("Which week"), "day": _l("Weekday, Monday is 1")},
    CouponTemplate: {"worth": _l("Worth"), "from": _l("Usable from a bill of")},
    RechargeDocument: {
        "bonus_valid": _l("The bonus is good for"),
        "warn_above": _l("Warn when one customer's paid-in money exceeds"),
        "steps": _l("Steps of the bonus"),
    },
    RechargeStep: {"pay": _l("Whoever pays in at once"), "bonus": _l("is given on top")},
    PointsDocument: {
        "per_yuan": _l("Points for each yuan paid"),
        "pending": _l("Usable after"),
        "years": _l("Years until they end"),
    },
    TillDocument: {
        "floor": _l("Lowest price"),
        "approval_below": _l("Approval below"),
        "gifts_a_month": _l("Gifts a month without approval"),
        "card_days": _l("Days a card is good for"),
        "vouchers_again": _l("A voucher whose sale was taken back is taken again"),
        "step": _l("Bookings begin every"),
        "ahead": _l("Bookable ahead for"),
    },
    CommissionsDocument: {
        "named": _l("Asked for by name"),
        "assistant": _l("Share of the assistant"),
        "recharge": _l("Share of recharges"),
        "cards": _l("Share of cards sold"),
        "products": _l("Share of products sold"),
        "levels": _l("By level"),
        "fees": _l("Fees of their own"),
    },
    LevelFee: {"level": _l("Level"), "of": _l("Of the manual fee")},
    ServiceFee: {"service": _l("Service"), "fee": _l("Fee"), "level": _l("Level")},
}
HELP: dict[type[Part], dict[str, LazyString]] = {
    TiersDocument: {"tiers": _l("The highest first: a customer has the first one whose condition holds.")},
    Tier: {
        "enter": _l("Without a condition everybody has it: so it is with the last tier, and only there."),
        "keep": _l("Without a condition whoever has it keeps it by the same condition."),
        "exclusive": _l("One a line."),
    },
    TagsDocument: {
        "tags": _l("Tags that rules and layers put on; people may use them too."),
        "layers": _l("Groups of tags of which each customer has exactly one."),
    },
    Layers: {
        "first_match": _l("A customer belongs to the first layer whose condition holds; the last one takes the rest.")
    },
    LayerRow: {"when": _l("Without a condition it takes everybody who is left.")},
    AlertsDocument: {"watch": _l("Each raises an alert when a person, a product, a service or an act fulfils it.")},
    WatchRule: {"when": _l("What it asks for depends on what it is about.")},
    WatchAlert: {"text": _l("{name} and facts in braces are filled in.")},
    SecurityDocument: {
        "second_factor": _l("Powerful: who may pay out, export, change roles, reset passwords or wipe."),
        "confirm_again": _l("Before such an act, where the last proof of who it is is longer ago."),
        "own_words": _l("Names of stores and staff count without being named here."),
    },
    CallsDocument: {
        "dormant_for": _l("Whoever has something left here is called for ever."),
    },
    CampaignsDocument: {
        "quiet": _l("No message leaves in these hours, such as 21:00-09:00; a rule may have its own."),
        "messages_per_customer": _l("Of all rules together; what is beyond it is held back, and kept as such."),
        "message_price": _l("What one message costs: for the trial of a rule."),
        "coupons": _l("Rules of the campaigns give them by their name."),
    },
    Festival: {
        "solar": _l("Month and day, such as 02-14; say one of the three."),
        "lunar": _l("Month and day, such as 08-15, or 12-last."),
    },
    Weekday: {"week": _l("1, 2, 3, 4 or last.")},
    CouponTemplate: {"from": _l("Empty: with every bill.")},
    RechargeDocument: {"steps": _l("The highest step reached counts. Each asks for more and gives no less.")},
    PointsDocument: {
        "per_yuan": _l("100% is one point for each yuan."),
        "years": _l("Points end on 31 December, so many years after; 0 is the same year."),
    },
    TillDocument: {
        "floor": _l("Of the list price: no tier's discount goes below it."),
        "approval_below": _l("Of what the customer would pay: whoever takes less needs an approval."),
        "gifts_a_month": _l("What one person may give away."),
        "card_days": _l("Where its package does not say."),
    },
    CommissionsDocument: {
        "named": _l("Of the manual fee."),
        "assistant": _l("Of the treatment."),
        "fees": _l("A fee in place of the service's own: for everybody, or for one level."),
    },
    ServiceFee: {"level": _l("Empty: every level.")},
}


def label_of(part: type[Part], key: str) -> str:
    """What a key of a part is called."""
    found = LABELS.get(part, {}).get(key) or COMMON.get(key)
    return key.replace("_", " ") if found is None else str(found)


def help_of(part: type[Part], key: str) -> str:
    """What there is to say of it."""
    return str(HELP.get(part, {}).get(key, ""))
