"""Bookings, care and closed days."""

import sqlalchemy as sa
from alembic import op

from models.migrations import BIG, INSTANT, MONEY, among

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _day_close()
    _till_shift()
    _closed_period()
    _waitlist()
    _appointment()
    _resource()
    _appointment_event()
    _segment()
    _booking_claim()
    _voucher()
    _treatment()
    _follow_up()
    _catalogue()


def _day_close() -> None:
    op.create_table(
        "day_close",
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("expected_cash", MONEY, nullable=False),
        sa.Column("counted_cash", MONEY, nullable=False),
        sa.Column("difference", MONEY, nullable=False),
        sa.Column("receipts", BIG, nullable=False),
        sa.Column("totals", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(200)),
        sa.Column("closed_by", sa.String(60), nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.CheckConstraint("difference = counted_cash - expected_cash", name=op.f("ck_day_close_difference")),
        sa.CheckConstraint("difference = 0 OR reason IS NOT NULL", name=op.f("ck_day_close_reason")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_day_close_store_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_day_close")),
        sa.UniqueConstraint("store_id", "business_day", name=op.f("uq_day_close_store_id_business_day")),
    )
    op.create_index(op.f("ix_day_close_business_day"), "day_close", ["business_day"])
    op.create_index(op.f("ix_day_close_store_id"), "day_close", ["store_id"])


def _till_shift() -> None:
    op.create_table(
        "till_shift",
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("opening_cash", MONEY, nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT),
        sa.Column("version", BIG, nullable=False, server_default="1"),
        sa.Column("archived_at", INSTANT),
        sa.Column("id", BIG, nullable=False),
        sa.CheckConstraint("opening_cash >= 0", name=op.f("ck_till_shift_opening_cash")),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_till_shift_store_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_till_shift")),
        sa.UniqueConstraint("store_id", "business_day", name=op.f("uq_till_shift_store_id_business_day")),
    )
    op.create_index(op.f("ix_till_shift_business_day"), "till_shift", ["business_day"])
    op.create_index(op.f("ix_till_shift_store_id"), "till_shift", ["store_id"])


def _closed_period() -> None:
    op.create_table(
        "closed_period",
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("staff_id", BIG),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("reason", sa.String(100), nullable=False),
        sa.Column("version", BIG, nullable=False, server_default="1"),
        sa.Column("archived_at", INSTANT),
        sa.Column("id", BIG, nullable=False),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_closed_period_span")),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_closed_period_staff_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["store_id"], ["store.id"], name=op.f("fk_closed_period_store_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_closed_period")),
    )
    op.create_index(op.f("ix_closed_period_staff_id"), "closed_period", ["staff_id"])
    op.create_index(op.f("ix_closed_period_starts_at"), "closed_period", ["starts_at"])
    op.create_index(op.f("ix_closed_period_store_id"), "closed_period", ["store_id"])


def _waitlist() -> None:
    op.create_table(
        "waitlist",
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("service_id", BIG, nullable=False),
        sa.Column("staff_id", BIG),
        sa.Column("wanted_on", sa.Date(), nullable=False),
        sa.Column("note", sa.String(200)),
        sa.Column("settled_at", INSTANT),
        sa.Column("version", BIG, nullable=False, server_default="1"),
        sa.Column("archived_at", INSTANT),
        sa.Column("id", BIG, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_waitlist_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("fk_waitlist_service_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_waitlist_staff_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_waitlist_store_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waitlist")),
    )
    op.create_index(op.f("ix_waitlist_customer_id"), "waitlist", ["customer_id"])
    op.create_index(op.f("ix_waitlist_service_id"), "waitlist", ["service_id"])
    op.create_index(op.f("ix_waitlist_staff_id"), "waitlist", ["staff_id"])
    op.create_index(op.f("ix_waitlist_store_id"), "waitlist", ["store_id"])
    op.create_index(op.f("ix_waitlist_wanted_on"), "waitlist", ["wanted_on"])


def _appointment() -> None:
    op.create_table(
        "appointment",
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("source", sa.String(24), nullable=False),
        sa.Column("status", sa.String(24), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("ended_on", sa.Date()),
        sa.Column("visit_id", BIG),
        sa.Column("note", sa.Text()),
        sa.Column("public_id", sa.String(24), nullable=False),
        sa.Column("version", BIG, nullable=False, server_default="1"),
        sa.Column("archived_at", INSTANT),
        sa.Column("id", BIG, nullable=False),
        sa.CheckConstraint(
            "(status <> 'cancelled' AND status <> 'no_show') OR ended_on IS NOT NULL", name=op.f("ck_appointment_ended")
        ),
        sa.CheckConstraint(
            among("source", "front_desk", "phone", "wechat", "therapist"), name=op.f("ck_appointment_source_choice")
        ),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_appointment_span")),
        sa.CheckConstraint(
            among("status", "booked", "confirmed", "arrived", "finished", "cancelled", "no_show"),
            name=op.f("ck_appointment_status_choice"),
        ),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_appointment_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_appointment_store_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_appointment_visit_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointment")),
        sa.UniqueConstraint("public_id", name=op.f("uq_appointment_public_id")),
    )
    op.create_index(op.f("ix_appointment_business_day"), "appointment", ["business_day"])
    op.create_index(op.f("ix_appointment_customer_id"), "appointment", ["customer_id"])
    op.create_index(op.f("ix_appointment_starts_at"), "appointment", ["starts_at"])
    op.create_index(op.f("ix_appointment_store_id_starts_at"), "appointment", ["store_id", "starts_at"])
    op.create_index(op.f("ix_appointment_visit_id"), "appointment", ["visit_id"])


def _resource() -> None:
    op.create_table(
        "resource",
        sa.Column("id", BIG, nullable=False),
        sa.Column("staff_id", BIG),
        sa.Column("bed_id", BIG),
        sa.Column("equipment_id", BIG),
        sa.Column("customer_id", BIG),
        sa.CheckConstraint(
            "(CASE WHEN staff_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN bed_id IS NULL THEN 0 "
            "ELSE 1 END) + (CASE WHEN equipment_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN "
            "customer_id IS NULL THEN 0 ELSE 1 END) = 1",
            name=op.f("ck_resource_one_thing"),
        ),
        sa.ForeignKeyConstraint(["bed_id"], ["bed.id"], name=op.f("fk_resource_bed_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_resource_customer_id")),
        sa.ForeignKeyConstraint(["equipment_id"], ["equipment.id"], name=op.f("fk_resource_equipment_id")),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_resource_staff_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resource")),
        sa.UniqueConstraint("bed_id", name=op.f("uq_resource_bed_id")),
        sa.UniqueConstraint("customer_id", name=op.f("uq_resource_customer_id")),
        sa.UniqueConstraint("equipment_id", name=op.f("uq_resource_equipment_id")),
        sa.UniqueConstraint("staff_id", name=op.f("uq_resource_staff_id")),
    )


def _appointment_event() -> None:
    op.create_table(
        "appointment_event",
        sa.Column("appointment_id", BIG, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("status", sa.String(24), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("by", sa.String(60), nullable=False),
        sa.Column("reason", sa.String(200)),
        sa.Column("id", BIG, nullable=False),
        sa.CheckConstraint(
            among("status", "booked", "confirmed", "arrived", "finished", "cancelled", "no_show"),
            name=op.f("ck_appointment_event_status_choice"),
        ),
        sa.ForeignKeyConstraint(
            ["appointment_id"],
            ["appointment.id"],
            name=op.f("fk_appointment_event_appointment_id"),
            ondelete="RESTRICT",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_appointment_event")),
    )
    op.create_index(op.f("ix_appointment_event_appointment_id"), "appointment_event", ["appointment_id"])


def _segment() -> None:
    op.create_table(
        "segment",
        sa.Column("appointment_id", BIG, nullable=False),
        sa.Column("service_id", BIG, nullable=False),
        sa.Column("staff_id", BIG, nullable=False),
        sa.Column("bed_id", BIG),
        sa.Column("equipment_id", BIG),
        sa.Column("asked_for", sa.Boolean(), nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("busy_until", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("version", BIG, nullable=False, server_default="1"),
        sa.Column("archived_at", INSTANT),
        sa.Column("id", BIG, nullable=False),
        sa.CheckConstraint("starts_at < busy_until AND busy_until <= ends_at", name=op.f("ck_segment_span")),
        sa.ForeignKeyConstraint(
            ["appointment_id"], ["appointment.id"], name=op.f("fk_segment_appointment_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["bed_id"], ["bed.id"], name=op.f("fk_segment_bed_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(
            ["equipment_id"], ["equipment.id"], name=op.f("fk_segment_equipment_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("fk_segment_service_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_segment_staff_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment")),
    )
    op.create_index(op.f("ix_segment_appointment_id"), "segment", ["appointment_id"])
    op.create_index(op.f("ix_segment_bed_id"), "segment", ["bed_id"])
    op.create_index(op.f("ix_segment_equipment_id"), "segment", ["equipment_id"])
    op.create_index(op.f("ix_segment_service_id"), "segment", ["service_id"])
    op.create_index(op.f("ix_segment_staff_id"), "segment", ["staff_id"])
    op.create_index(op.f("ix_segment_starts_at"), "segment", ["starts_at"])


def _booking_claim() -> None:
    op.create_table(
        "booking_claim",
        sa.Column("segment_id", BIG, nullable=False),
        sa.Column("resource_id", BIG, nullable=False),
        sa.Column("starts_at", INSTANT, nullable=False),
        sa.Column("ends_at", INSTANT, nullable=False),
        sa.Column("version", BIG, nullable=False, server_default="1"),
        sa.Column("archived_at", INSTANT),
        sa.Column("id", BIG, nullable=False),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_booking_claim_span")),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resource.id"], name=op.f("fk_booking_claim_resource_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segment.id"], name=op.f("fk_booking_claim_segment_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_booking_claim")),
    )
    op.create_index(op.f("ix_booking_claim_resource_id_ends_at"), "booking_claim", ["resource_id", "ends_at"])
    op.create_index(op.f("ix_booking_claim_segment_id"), "booking_claim", ["segment_id"])


def _voucher() -> None:
    op.create_table(
        "voucher",
        sa.Column("sale_id", BIG, nullable=False),
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("customer_id", BIG),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("platform", sa.String(24), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("amount", MONEY, nullable=False),
        sa.Column("settle_price", MONEY, nullable=False),
        sa.Column("id", BIG, nullable=False),
        sa.CheckConstraint(
            among("platform", "meituan", "dianping", "douyin", "other"), name=op.f("ck_voucher_platform_choice")
        ),
        sa.CheckConstraint("amount > 0 AND settle_price BETWEEN 0 AND amount", name=op.f("ck_voucher_settle_price")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_voucher_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["sale_id"], ["sale.id"], name=op.f("fk_voucher_sale_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_voucher_store_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_voucher")),
        sa.UniqueConstraint("platform", "code", name=op.f("uq_voucher_platform_code")),
    )
    op.create_index(op.f("ix_voucher_business_day"), "voucher", ["business_day"])
    op.create_index(op.f("ix_voucher_code"), "voucher", ["code"])
    op.create_index(op.f("ix_voucher_customer_id"), "voucher", ["customer_id"])
    op.create_index(op.f("ix_voucher_sale_id"), "voucher", ["sale_id"])
    op.create_index(op.f("ix_voucher_store_id"), "voucher", ["store_id"])


def _treatment() -> None:
    op.create_table(
        "treatment",
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("store_id", BIG, nullable=False),
        sa.Column("business_day", sa.Date(), nullable=False),
        sa.Column("visit_id", BIG),
        sa.Column("sale_line_id", BIG),
        sa.Column("service_id", BIG, nullable=False),
        sa.Column("staff_id", BIG, nullable=False),
        sa.Column("bed_id", BIG),
        sa.Column("area", sa.String(60)),
        sa.Column("steps_done", sa.Text()),
        sa.Column("products_used", sa.Text()),
        sa.Column("skin_before", sa.LargeBinary()),
        sa.Column("effect", sa.String(24)),
        sa.Column("adverse_reaction", sa.LargeBinary()),
        sa.Column("advice", sa.Text()),
        sa.Column("version", BIG, nullable=False, server_default="1"),
        sa.Column("archived_at", INSTANT),
        sa.Column("id", BIG, nullable=False),
        sa.CheckConstraint(among("effect", "good", "fair", "none", "adverse"), name=op.f("ck_treatment_effect_choice")),
        sa.ForeignKeyConstraint(["bed_id"], ["bed.id"], name=op.f("fk_treatment_bed_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_treatment_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["sale_line_id"], ["sale_line.id"], name=op.f("fk_treatment_sale_line_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(
            ["service_id"], ["service.id"], name=op.f("fk_treatment_service_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_treatment_staff_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["store_id"], ["store.id"], name=op.f("fk_treatment_store_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_treatment_visit_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_treatment")),
        sa.UniqueConstraint("sale_line_id", name=op.f("uq_treatment_sale_line_id")),
    )
    op.create_index(op.f("ix_treatment_bed_id"), "treatment", ["bed_id"])
    op.create_index(op.f("ix_treatment_business_day"), "treatment", ["business_day"])
    op.create_index(op.f("ix_treatment_customer_id"), "treatment", ["customer_id"])
    op.create_index(op.f("ix_treatment_service_id"), "treatment", ["service_id"])
    op.create_index(op.f("ix_treatment_staff_id"), "treatment", ["staff_id"])
    op.create_index(op.f("ix_treatment_store_id"), "treatment", ["store_id"])
    op.create_index(op.f("ix_treatment_visit_id"), "treatment", ["visit_id"])


def _follow_up() -> None:
    op.create_table(
        "follow_up",
        sa.Column("customer_id", BIG, nullable=False),
        sa.Column("treatment_id", BIG, nullable=False),
        sa.Column("staff_id", BIG),
        sa.Column("days_after", BIG, nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("done_at", INSTANT),
        sa.Column("outcome", sa.String(200)),
        sa.Column("version", BIG, nullable=False, server_default="1"),
        sa.Column("archived_at", INSTANT),
        sa.Column("id", BIG, nullable=False),
        sa.CheckConstraint("(done_at IS NULL) = (outcome IS NULL)", name=op.f("ck_follow_up_outcome")),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customer.id"], name=op.f("fk_follow_up_customer_id"), ondelete="RESTRICT"
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_follow_up_staff_id"), ondelete="RESTRICT"),
        sa.ForeignKeyConstraint(
            ["treatment_id"], ["treatment.id"], name=op.f("fk_follow_up_treatment_id"), ondelete="RESTRICT"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_up")),
        sa.UniqueConstraint("treatment_id", "days_after", name=op.f("uq_follow_up_treatment_id_days_after")),
    )
    op.create_index(op.f("ix_follow_up_customer_id"), "follow_up", ["customer_id"])
    op.create_index(op.f("ix_follow_up_due_on"), "follow_up", ["due_on"])
    op.create_index(op.f("ix_follow_up_staff_id"), "follow_up", ["staff_id"])
    op.create_index(op.f("ix_follow_up_treatment_id"), "follow_up", ["treatment_id"])


def _catalogue() -> None:
    op.add_column("service", sa.Column("equipment_needed", sa.String(60)))
