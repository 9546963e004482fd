"""Stored value, cards and what stands around the till: one ledger."""

import sqlalchemy as sa
from alembic import op

from models.migrations import BIG, INSTANT, MONEY, among, as_it_stands, where

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    _card()
    _approval()
    _card_change()
    _card_item()
    _account()
    _gift_issue()
    _account_balance()
    _lot()
    _ledger_entry()
    _lot_balance()
    _reversal()
    _till()


def _card() -> None:
    op.create_table(
        "card",
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("package_id", BIG),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("sold_for", MONEY, nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date()),
        sa.Column("everywhere", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(24), nullable=False),
        sa.Column("public_id", sa.String(24), nullable=False),
        sa.Column("version", BIG, nullable=False, server_default="1"),
        sa.Column("archived_at", INSTANT),
        sa.Column("id", BIG, nullable=False),
        sa.CheckConstraint("sold_for >= 0", name=op.f("ck_card_price")),
        sa.CheckConstraint("expires_on IS NULL OR expires_on >= opened_on", name=op.f("ck_card_span")),
        sa.CheckConstraint(among("status", "live", "refunded", "reversed"), name=op.f("ck_card_status_choice")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_card_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["package_id"], ["package.id"], name=op.f("fk_card_package_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_card_store_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card")),
        sa.UniqueConstraint("public_id", name=op.f("uq_card_public_id")),
    )
    op.create_index(op.f("ix_card_customer_id"), "card", ["customer_id"])
    op.create_index(op.f("ix_card_expires_on"), "card", ["expires_on"])
    op.create_index(op.f("ix_card_name"), "card", ["name"])
    op.create_index(op.f("ix_card_opened_on"), "card", ["opened_on"])
    op.create_index(op.f("ix_card_package_id"), "card", ["package_id"])
    op.create_index(op.f("ix_card_store_id"), "card", ["store_id"])


def _approval() -> None:
    op.create_table(
        "approval",
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("operation", sa.String(40), nullable=False),
        sa.Column("asked_by", BIG, nullable=False),
        sa.Column("allowed_by", BIG, nullable=False),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.ForeignKeyConstraint(["allowed_by"], ["user.id"], name=op.f("fk_approval_allowed_by"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["asked_by"], ["user.id"], name=op.f("fk_approval_asked_by"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_approval_store_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_approval")),
    )
    op.create_index(op.f("ix_approval_allowed_by"), "approval", ["allowed_by"])
    op.create_index(op.f("ix_approval_asked_by"), "approval", ["asked_by"])
    op.create_index(op.f("ix_approval_business_day"), "approval", ["business_day"])
    op.create_index(op.f("ix_approval_store_id"), "approval", ["store_id"])


def _card_change() -> None:
    op.create_table(
        "card_change",
        sa.Column("card_id", BIG, nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("expires_before", sa.Date()),
        sa.Column("expires_after", sa.Date()),
        sa.Column("to_customer_id", BIG),
        sa.Column("amount", MONEY),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.CheckConstraint("amount IS NULL OR amount >= 0", name=op.f("ck_card_change_amount")),
        sa.CheckConstraint(
            among("kind", "extended", "transferred", "refunded"), name=op.f("ck_card_change_kind_choice")
        ),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_card_change_card_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_card_change_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_card_change_store_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(
            ["to_customer_id"], ["customer.id"], name=op.f("fk_card_change_to_customer_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_change")),
    )
    op.create_index(op.f("ix_card_change_business_day"), "card_change", ["business_day"])
    op.create_index(op.f("ix_card_change_card_id"), "card_change", ["card_id"])
    op.create_index(op.f("ix_card_change_customer_id"), "card_change", ["customer_id"])
    op.create_index(op.f("ix_card_change_store_id"), "card_change", ["store_id"])
    op.create_index(op.f("ix_card_change_to_customer_id"), "card_change", ["to_customer_id"])


def _card_item() -> None:
    op.create_table(
        "card_item",
        sa.Column("card_id", BIG, nullable=False),
        sa.Column("service_id", BIG, nullable=False),
        sa.Column("sessions", BIG, nullable=False),
        sa.Column("value", MONEY, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.CheckConstraint("sessions > 0 AND value >= 0", name=op.f("ck_card_item_sessions")),
        sa.ForeignKeyConstraint(["card_id"], ["card.id"], name=op.f("fk_card_item_card_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("fk_card_item_service_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_card_item")),
        sa.UniqueConstraint("card_id", "service_id", name=op.f("uq_card_item_card_id_service_id")),
    )
    op.create_index(op.f("ix_card_item_card_id"), "card_item", ["card_id"])
    op.create_index(op.f("ix_card_item_service_id"), "card_item", ["service_id"])


def _account() -> None:
    op.create_table(
        "account",
        sa.Column("customer_id", BIG),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("commodity", sa.String(24), nullable=False),
        sa.Column("card_item_id", BIG),
        sa.Column("version", BIG, nullable=False, server_default="1"),
        sa.Column("archived_at", INSTANT),
        sa.Column("id", BIG, nullable=False),
        sa.CheckConstraint(
            "(card_item_id IS NOT NULL) = (kind = 'card' OR kind = 'sessions')", name=op.f("ck_account_card_item")
        ),
        sa.CheckConstraint(
            "(kind = 'principal' AND commodity = 'cny') OR (kind = 'bonus' AND commodity = 'cny')"
            " OR (kind = 'card' AND commodity = 'cny') OR (kind = 'sessions' AND commodity = "
            "'sessions') OR (kind = 'points' AND commodity = 'points') OR (kind = 'deposit' AND "
            "commodity = 'cny') OR (kind = 'receivable' AND commodity = 'cny') OR (kind = "
            "'points_owed' AND commodity = 'points') OR (kind = 'cash' AND commodity = 'cny') OR "
            "(kind = 'wechat' AND commodity = 'cny') OR (kind = 'alipay' AND commodity = 'cny') "
            "OR (kind = 'bank_card' AND commodity = 'cny') OR (kind = 'vouchers' AND commodity = "
            "'cny') OR (kind = 'revenue' AND commodity = 'cny') OR (kind = 'bonus_granted' AND "
            "commodity = 'cny') OR (kind = 'between_stores' AND commodity = 'cny') OR (kind = "
            "'points_issued' AND commodity = 'points') OR (kind = 'sessions_issued' AND commodity"
            " = 'sessions') OR (kind = 'opening' AND commodity = 'cny')",
            name=op.f("ck_account_commodity"),
        ),
        sa.CheckConstraint(among("commodity", "cny", "points", "sessions"), name=op.f("ck_account_commodity_choice")),
        sa.CheckConstraint(
            among(
                "kind",
                "principal",
                "bonus",
                "card",
                "sessions",
                "points",
                "deposit",
                "receivable",
                "points_owed",
                "cash",
                "wechat",
                "alipay",
                "bank_card",
                "vouchers",
                "revenue",
                "bonus_granted",
                "between_stores",
                "points_issued",
                "sessions_issued",
                "opening",
            ),
            name=op.f("ck_account_kind_choice"),
        ),
        sa.CheckConstraint(
            "(customer_id IS NOT NULL) = (kind = 'principal' OR kind = 'bonus' OR kind = 'card' "
            "OR kind = 'sessions' OR kind = 'points' OR kind = 'deposit' OR kind = 'receivable' "
            "OR kind = 'points_owed')",
            name=op.f("ck_account_owner"),
        ),
        sa.ForeignKeyConstraint(
            ["card_item_id"], ["card_item.id"], name=op.f("fk_account_card_item_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_account_customer_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
    )
    op.create_index(op.f("ix_account_card_item_id"), "account", ["card_item_id"])
    op.create_index(op.f("ix_account_customer_id"), "account", ["customer_id"])
    op.create_index(
        op.f("uq_account_card_item"),
        "account",
        ["card_item_id", "kind", "customer_id"],
        unique=True,
        **where("card_item_id IS NOT NULL"),
    )
    op.create_index(
        op.f("uq_account_customer"),
        "account",
        ["customer_id", "kind"],
        unique=True,
        **where("customer_id IS NOT NULL AND card_item_id IS NULL"),
    )
    op.create_index(op.f("uq_account_house"), "account", ["kind"], unique=True, **where("customer_id IS NULL"))


def _gift_issue() -> None:
    op.create_table(
        "gift_issue",
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("service_id", BIG),
        sa.Column("product_id", BIG),
        sa.Column("item", sa.String(80), nullable=False),
        sa.Column("quantity", BIG, nullable=False),
        sa.Column("value", MONEY, nullable=False),
        sa.Column("given_by", sa.String(60), nullable=False),
        sa.Column("approval_id", BIG),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.CheckConstraint("(service_id IS NULL) <> (product_id IS NULL)", name=op.f("ck_gift_issue_one_thing")),
        sa.CheckConstraint("quantity > 0 AND value >= 0", name=op.f("ck_gift_issue_quantity")),
        sa.ForeignKeyConstraint(
            ["approval_id"], ["approval.id"], name=op.f("fk_gift_issue_approval_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_gift_issue_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["product.id"], name=op.f("fk_gift_issue_product_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("fk_gift_issue_service_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_gift_issue_store_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gift_issue")),
        sa.UniqueConstraint("approval_id", name=op.f("uq_gift_issue_approval_id")),
    )
    op.create_index(op.f("ix_gift_issue_business_day"), "gift_issue", ["business_day"])
    op.create_index(op.f("ix_gift_issue_customer_id"), "gift_issue", ["customer_id"])
    op.create_index(op.f("ix_gift_issue_product_id"), "gift_issue", ["product_id"])
    op.create_index(op.f("ix_gift_issue_service_id"), "gift_issue", ["service_id"])
    op.create_index(op.f("ix_gift_issue_store_id"), "gift_issue", ["store_id"])


def _account_balance() -> None:
    op.create_table(
        "account_balance",
        sa.Column("account_id", BIG, autoincrement=False, nullable=False),
        sa.Column("balance", BIG, nullable=False),
        sa.Column("owes", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "(owes AND balance <= 0) OR (NOT owes AND balance >= 0)", name=op.f("ck_account_balance_not_overdrawn")
        ),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_account_balance_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_account_balance")),
    )


def _lot() -> None:
    op.create_table(
        "lot",
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("operation_id", BIG, nullable=False),
        sa.Column("granted_on", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date()),
        sa.Column("pending_until", sa.Date()),
        sa.Column("beside_id", BIG),
        sa.Column("id", BIG, nullable=False),
        sa.CheckConstraint("expires_on IS NULL OR expires_on >= granted_on", name=op.f("ck_lot_span")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_lot_account_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["beside_id"], ["lot.id"], name=op.f("fk_lot_beside_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_lot_customer_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_lot_store_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lot")),
    )
    op.create_index(op.f("ix_lot_account_id"), "lot", ["account_id"])
    op.create_index(op.f("ix_lot_beside_id"), "lot", ["beside_id"])
    op.create_index(op.f("ix_lot_customer_id"), "lot", ["customer_id"])
    op.create_index(op.f("ix_lot_operation_id"), "lot", ["operation_id"])
    op.create_index(op.f("ix_lot_store_id"), "lot", ["store_id"])


def _ledger_entry() -> None:
    op.create_table(
        "ledger_entry",
        sa.Column("operation_id", BIG, nullable=False),
        sa.Column("account_id", BIG, nullable=False),
        sa.Column("customer_id", BIG),
        sa.Column("amount", BIG, nullable=False),
        sa.Column("lot_id", BIG),
        sa.Column("sale_line_id", BIG),
        sa.Column("reverses_id", BIG),
        sa.Column("rule_version_id", BIG),
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_ledger_entry_amount")),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_ledger_entry_account_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_ledger_entry_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["lot_id"], ["lot.id"], name=op.f("fk_ledger_entry_lot_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(
            ["reverses_id"], ["ledger_entry.id"], name=op.f("fk_ledger_entry_reverses_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["rule_version_id"], ["rule_version.id"], name=op.f("fk_ledger_entry_rule_version_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["sale_line_id"], ["sale_line.id"], name=op.f("fk_ledger_entry_sale_line_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_ledger_entry_store_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_entry")),
    )
    op.create_index(op.f("ix_ledger_entry_account_id"), "ledger_entry", ["account_id"])
    op.create_index(op.f("ix_ledger_entry_business_day"), "ledger_entry", ["business_day"])
    op.create_index(op.f("ix_ledger_entry_customer_id_business_day"), "ledger_entry", ["customer_id", "business_day"])
    op.create_index(op.f("ix_ledger_entry_lot_id"), "ledger_entry", ["lot_id"])
    op.create_index(op.f("ix_ledger_entry_operation_id"), "ledger_entry", ["operation_id"])
    op.create_index(op.f("ix_ledger_entry_sale_line_id"), "ledger_entry", ["sale_line_id"])
    op.create_index(op.f("ix_ledger_entry_store_id_business_day"), "ledger_entry", ["store_id", "business_day"])
    op.create_index(
        op.f("uq_ledger_entry_reverses"),
        "ledger_entry",
        ["reverses_id"],
        unique=True,
        **where("reverses_id IS NOT NULL"),
    )


def _lot_balance() -> None:
    op.create_table(
        "lot_balance",
        sa.Column("lot_id", BIG, autoincrement=False, nullable=False),
        sa.Column("remaining", BIG, nullable=False),
        sa.CheckConstraint("remaining >= 0", name=op.f("ck_lot_balance_not_overdrawn")),
        sa.ForeignKeyConstraint(["lot_id"], ["lot.id"], name=op.f("fk_lot_balance_lot_id")),
        sa.PrimaryKeyConstraint("lot_id", name=op.f("pk_lot_balance")),
    )


def _reversal() -> None:
    op.create_table(
        "reversal",
        sa.Column("sale_id", BIG, nullable=False),
        sa.Column("sale_line_id", BIG, nullable=False),
        sa.Column("customer_id", BIG),
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("reason", sa.String(200), nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_reversal_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["sale_id"], ["sale.id"], name=op.f("fk_reversal_sale_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(
            ["sale_line_id"], ["sale_line.id"], name=op.f("fk_reversal_sale_line_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_reversal_store_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reversal")),
        sa.UniqueConstraint("sale_line_id", name=op.f("uq_reversal_sale_line_id")),
    )
    op.create_index(op.f("ix_reversal_business_day"), "reversal", ["business_day"])
    op.create_index(op.f("ix_reversal_customer_id"), "reversal", ["customer_id"])
    op.create_index(op.f("ix_reversal_sale_id"), "reversal", ["sale_id"])
    op.create_index(op.f("ix_reversal_store_id"), "reversal", ["store_id"])


def _till() -> None:
    """As the till writes them now; what was sold before moved no value, like what was imported."""
    bind = op.get_bind()
    op.execute(sa.text("UPDATE sale SET imported = true"))
    with op.batch_alter_table("sale", copy_from=as_it_stands(bind, "sale")) as batch:
        batch.add_column(sa.Column("confirmed_by", sa.String(24)))
        batch.add_column(sa.Column("approval_id", BIG))
        batch.add_column(sa.Column("rule_version_id", BIG))
        batch.create_unique_constraint(op.f("uq_sale_approval_id"), ["approval_id"])
        batch.create_foreign_key(op.f("fk_sale_approval_id"), "approval", ["approval_id"], ["id"], ondelete="RESTRICT")
        batch.create_foreign_key(
            op.f("fk_sale_rule_version_id"), "rule_version", ["rule_version_id"], ["id"], ondelete="RESTRICT"
        )
        batch.create_check_constraint(
            op.f("ck_sale_confirmed_by_choice"), among("confirmed_by", "signature", "password")
        )
    with op.batch_alter_table("sale_line", copy_from=as_it_stands(bind, "sale_line")) as batch:
        batch.add_column(sa.Column("card_id", BIG))
        batch.add_column(sa.Column("card_item_id", BIG))
        batch.create_index(op.f("ix_sale_line_card_id"), ["card_id"])
        batch.create_index(op.f("ix_sale_line_card_item_id"), ["card_item_id"])
        batch.create_foreign_key(op.f("fk_sale_line_card_id"), "card", ["card_id"], ["id"], ondelete="RESTRICT")
        batch.create_foreign_key(
            op.f("fk_sale_line_card_item_id"), "card_item", ["card_item_id"], ["id"], ondelete="RESTRICT"
        )
        batch.drop_constraint(op.f("ck_sale_line_kind_choice"), type_="check")
        batch.create_check_constraint(
            op.f("ck_sale_line_kind_choice"), among("kind", "service", "product", "card", "recharge", "deposit")
        )
        batch.create_check_constraint(
            op.f("ck_sale_line_card"),
            "(kind = 'card') = (card_id IS NOT NULL) AND (card_item_id IS NULL OR kind = 'service')",
        )
    with op.batch_alter_table("payment", copy_from=as_it_stands(bind, "payment")) as batch:
        batch.drop_constraint(op.f("ck_payment_method_choice"), type_="check")
        methods = ("cash", "wechat", "alipay", "bank_card", "unknown", "stored_value", "voucher")
        batch.create_check_constraint(
            op.f("ck_payment_method_choice"), among("method", *methods, "session", "deposit", "on_account")
        )
    op.add_column("customer", sa.Column("password_hash", sa.String(200)))
