"""The menu: services, products, packages and gifts."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from sqlalchemy import UniqueConstraint
from sqlalchemy.orm import Mapped

from models.entity import Record
from models.field import MOST_PRICE, Choice, Privacy, Range, Search, choice, field, reference
from models.invariants import holds
from models.organisation import RoomKind
from models.screen import Screen, Section, WrittenBy
from models.types import Big, Flag, Items, LongText, Money, Text


class ServiceCategory(Record):
    """A heading of the menu."""

    label = _l("Service category")
    plural = _l("Service categories")
    written_by = WrittenBy.FORM
    shared = True
    screen = Screen(Section.CATALOGUE, "list", ("name", "position"), "name")

    name: Mapped[str] = field(Text(40), label=_l("Name"), unique=True, search=Search.WORDS)
    position: Mapped[int] = field(Big, label=_l("Order"), default=0, most=100_000)


class Grade(Choice):
    """How a service is offered."""

    TRIAL = "trial", _l("Trial")
    STANDARD = "standard", _l("Standard")
    PREMIUM = "premium", _l("Premium")


class Service(Record):
    """Something the salon does for a customer."""

    label = _l("Service")
    plural = _l("Services")
    written_by = WrittenBy.FORM
    shared = True
    moves_all = ("grade",)
    screen = Screen(
        Section.CATALOGUE,
        "drop",
        ("name", "category_id", "price", "busy_minutes", "idle_minutes", "grade"),
        "name",
        inline=("price", "busy_minutes"),
    )
    name: Mapped[str] = field(Text(60), label=_l("Name"), unique=True, search=Search.WORDS, aliases=("项目",))
    category_id: Mapped[int | None] = reference("service_category", label=_l("Category"))
    grade: Mapped[Grade] = field(choice(Grade), label=_l("Grade"), default=Grade.STANDARD)
    price: Mapped[int] = field(Money, label=_l("Price"), index=True, most=MOST_PRICE)
    manual_fee: Mapped[int] = field(Money, label=_l("Manual fee"), default=0, privacy=Privacy.BUSINESS, most=MOST_PRICE)
    busy_minutes: Mapped[int] = field(
        Big, label=_l("Busy time"), unit=_l("minutes"), help=_l("The therapist is occupied"), least=1, most=1_440
    )
    idle_minutes: Mapped[int] = field(
        Big,
        label=_l("Idle time"),
        unit=_l("minutes"),
        default=0,
        help=_l("A mask sets; the therapist is free"),
        most=1_440,
    )
    buffer_minutes: Mapped[int] = field(Big, label=_l("Buffer"), unit=_l("minutes"), default=0, most=1_440)
    room_kind: Mapped[RoomKind | None] = field(choice(RoomKind), label=_l("Room needed"))
    equipment_needed: Mapped[str | None] = field(
        Text(60), label=_l("Equipment needed"), help=_l("The name of a piece of equipment in the store")
    )
    audience: Mapped[str | None] = field(Text(100), label=_l("For whom"))
    contraindicated_by: Mapped[list[str] | None] = field(Items, label=_l("Contraindicated by"))
    follow_up_days: Mapped[list[str] | None] = field(Items, label=_l("Follow up after days"), each=Range(1, 3_650))
    steps: Mapped[str | None] = field(LongText, label=_l("Steps"))
    aftercare: Mapped[str | None] = field(LongText, label=_l("Aftercare"))
    on_sale: Mapped[bool] = field(Flag, label=_l("On sale"), default=True)


class Brand(Record):
    """A maker of products."""

    label = _l("Brand")
    plural = _l("Brands")
    written_by = WrittenBy.FORM
    shared = True
    screen = Screen(Section.CATALOGUE, "tag", ("name", "country"), "name")

    name: Mapped[str] = field(Text(60), label=_l("Name"), unique=True, search=Search.WORDS)
    country: Mapped[str | None] = field(Text(40), label=_l("Country"))


class ProductUse(Choice):
    """Where a product goes."""

    RETAIL = "retail", _l("For sale")
    IN_HOUSE = "in_house", _l("Used in treatments")
    BOTH = "both", _l("Both")


class Product(Record):
    """Something the salon sells or uses up."""

    label = _l("Product")
    plural = _l("Products")
    written_by = WrittenBy.FORM
    shared = True
    screen = Screen(
        Section.CATALOGUE, "box", ("name", "brand_id", "spec", "price", "use", "barcode"), "name", inline=("price",)
    )
    __table_args__ = (
        holds(
            "maximum_level IS NULL OR reorder_level IS NULL OR maximum_level >= reorder_level",
            "levels",
            "maximum_level",
            _l("The maximum level is not below the reorder level."),
        ),
    )

    name: Mapped[str] = field(Text(80), label=_l("Name"), index=True, search=Search.WORDS, aliases=("产品",))
    barcode: Mapped[str | None] = field(Text(40), label=_l("Barcode"), unique=True)
    brand_id: Mapped[int | None] = reference("brand", label=_l("Brand"))
    spec: Mapped[str | None] = field(Text(60), label=_l("Size"))
    unit: Mapped[str] = field(Text(10), label=_l("Unit"), default="件")
    price: Mapped[int] = field(Money, label=_l("Price"), index=True, most=MOST_PRICE)
    cost: Mapped[int | None] = field(Money, label=_l("Cost"), privacy=Privacy.BUSINESS, most=MOST_PRICE)
    use: Mapped[ProductUse] = field(choice(ProductUse), label=_l("Use"), default=ProductUse.RETAIL)
    ingredients: Mapped[list[str] | None] = field(Items, label=_l("Ingredients"))
    suited_skin: Mapped[list[str] | None] = field(Items, label=_l("Suited skin"))
    efficacy: Mapped[str | None] = field(LongText, label=_l("Efficacy"))
    reorder_level: Mapped[int | None] = field(Big, label=_l("Reorder level"), most=1_000_000)
    maximum_level: Mapped[int | None] = field(Big, label=_l("Maximum level"), most=1_000_000)
    months_after_opening: Mapped[int | None] = field(
        Big, label=_l("Use within after opening"), unit=_l("months"), least=1, most=240
    )
    on_sale: Mapped[bool] = field(Flag, label=_l("On sale"), default=True)


class ServiceSupply(Record):
    """How much of a product one service uses up."""

    label = _l("Supply of a service")
    plural = _l("Supplies of services")
    written_by = WrittenBy.FORM
    shared = True
    title = ("service_id", "product_id")
    screen = Screen(Section.CATALOGUE, "drop", ("service_id", "product_id", "quantity_milli"))
    __table_args__ = (UniqueConstraint("service_id", "product_id"),)

    service_id: Mapped[int] = reference("service", label=_l("Service"))
    product_id: Mapped[int] = reference("product", label=_l("Product"))
    quantity_milli: Mapped[int] = field(
        Big, label=_l("Quantity"), unit=_l("thousandths of a unit"), least=1, most=1_000_000_000
    )


class Package(Record):
    """Several services or products sold together."""

    label = _l("Package")
    plural = _l("Packages")
    written_by = WrittenBy.FORM
    shared = True
    screen = Screen(Section.CATALOGUE, "gift", ("name", "price", "valid_days", "on_sale"), "name")
    name: Mapped[str] = field(Text(60), label=_l("Name"), unique=True, search=Search.WORDS)
    price: Mapped[int] = field(Money, label=_l("Price"), index=True, most=MOST_PRICE)
    valid_days: Mapped[int | None] = field(Big, label=_l("Valid"), unit=_l("days"), least=1, most=36_500)
    on_sale: Mapped[bool] = field(Flag, label=_l("On sale"), default=True)


class PackageItem(Record):
    """One thing in a package: a service or a product, never both."""

    label = _l("Package item")
    plural = _l("Package items")
    written_by = WrittenBy.FORM
    shared = True
    title = ("package_id", "service_id", "product_id")
    screen = Screen(Section.CATALOGUE, "gift", ("package_id", "service_id", "product_id", "quantity"))
    __table_args__ = (
        holds(
            "(service_id IS NULL) <> (product_id IS NULL)",
            "one_thing",
            "product_id",
            _l("Choose a service or a product, one of the two."),
        ),
    )

    package_id: Mapped[int] = reference("package", label=_l("Package"))
    service_id: Mapped[int | None] = reference("service", label=_l("Service"))
    product_id: Mapped[int | None] = reference("product", label=_l("Product"))
    quantity: Mapped[int] = field(Big, label=_l("Quantity"), default=1, least=1, most=9_999)


class Gift(Record):
    """Something given for points or with a sale."""

    label = _l("Gift")
    plural = _l("Gifts")
    written_by = WrittenBy.FORM
    shared = True
    screen = Screen(Section.CATALOGUE, "gift", ("name", "points", "on_offer"), "name")
    name: Mapped[str] = field(Text(60), label=_l("Name"), unique=True, search=Search.WORDS)
    points: Mapped[int] = field(Big, label=_l("Price in points"), index=True, most=1_000_000_000)
    on_offer: Mapped[bool] = field(Flag, label=_l("On offer"), default=True)
