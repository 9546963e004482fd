"""Every stored number and date has a range; birthdays of a day are found by an index.

What a range says now replaces the narrower checks there were. Rows that a range does not take are named, and nothing is
changed: they are corrected with the release they are of.
"""

from alembic import op

from models.migrations import as_it_stands, refuse_rows

revision = "0012"
down_revision = "0011"

COUNT = "0", "1000000000000"
MONEY = "0", "999999999999999"
SIGNED = "-999999999999999", "999999999999999"
PRICE = "0", "10000000000"
DAY = "'1900-01-01'", "'2199-12-31'"
MOMENT = "'1900-01-01 00:00:00+00'", "'2199-12-31 23:59:59+00'"

RANGES = {
    "user": {"version": COUNT, "archived_at": MOMENT},
    "assessment_template": {"version": COUNT, "archived_at": MOMENT},
    "assessment_parameter": {
        "minimum": ("-1000000", "1000000"),
        "maximum": ("-1000000", "1000000"),
        "version": COUNT,
        "archived_at": MOMENT,
    },
    "assessment": {"assessed_on": DAY, "version": COUNT, "archived_at": MOMENT},
    "reading": {"value": ("-1000000", "1000000"), "version": COUNT, "archived_at": MOMENT},
    "appointment": {
        "starts_at": MOMENT,
        "ends_at": MOMENT,
        "business_day": DAY,
        "booked_on": DAY,
        "ended_on": DAY,
        "version": COUNT,
        "archived_at": MOMENT,
    },
    "segment": {"starts_at": MOMENT, "busy_until": MOMENT, "ends_at": MOMENT, "version": COUNT, "archived_at": MOMENT},
    "booking_claim": {"starts_at": MOMENT, "ends_at": MOMENT, "version": COUNT, "archived_at": MOMENT},
    "appointment_event": {"at": MOMENT, "starts_at": MOMENT},
    "waitlist": {"wanted_on": DAY, "settled_at": MOMENT, "version": COUNT, "archived_at": MOMENT},
    "closed_period": {"starts_at": MOMENT, "ends_at": MOMENT, "version": COUNT, "archived_at": MOMENT},
    "card": {"sold_for": MONEY, "opened_on": DAY, "expires_on": DAY, "version": COUNT, "archived_at": MOMENT},
    "card_item": {"sessions": ("1", "1000000"), "value": MONEY},
    "card_change": {"business_day": DAY, "at": MOMENT, "expires_before": DAY, "expires_after": DAY, "amount": MONEY},
    "gift_issue": {"business_day": DAY, "at": MOMENT, "quantity": ("1", "1000000"), "value": MONEY},
    "treatment": {"business_day": DAY, "version": COUNT, "archived_at": MOMENT},
    "follow_up": {
        "days_after": ("0", "3650"),
        "due_on": DAY,
        "done_at": MOMENT,
        "version": COUNT,
        "archived_at": MOMENT,
    },
    "store": {"opened_on": DAY, "version": COUNT, "archived_at": MOMENT},
    "room": {"turnover_minutes": ("0", "240"), "version": COUNT, "archived_at": MOMENT},
    "bed": {"version": COUNT, "archived_at": MOMENT},
    "equipment": {"bought_on": DAY, "version": COUNT, "archived_at": MOMENT},
    "staff": {"hired_on": DAY, "left_on": DAY, "monthly_pay": PRICE, "version": COUNT, "archived_at": MOMENT},
    "staff_store": {"version": COUNT, "archived_at": MOMENT},
    "staff_skill": {"since": DAY, "version": COUNT, "archived_at": MOMENT},
    "shift_template": {"version": COUNT, "archived_at": MOMENT},
    "shift": {"starts_at": MOMENT, "ends_at": MOMENT, "version": COUNT, "archived_at": MOMENT},
    "leave": {"starts_at": MOMENT, "ends_at": MOMENT, "version": COUNT, "archived_at": MOMENT},
    "attendance": {"at": MOMENT, "business_day": DAY},
    "course": {"hours": ("0", "10000"), "valid_months": ("1", "1200"), "version": COUNT, "archived_at": MOMENT},
    "training_result": {"taken_on": DAY, "score": ("0", "100"), "version": COUNT, "archived_at": MOMENT},
    "kpi_target": {"month": DAY, "amount": ("1", "100000000000"), "version": COUNT, "archived_at": MOMENT},
    "service_category": {"position": ("0", "100000"), "version": COUNT, "archived_at": MOMENT},
    "service": {
        "price": PRICE,
        "manual_fee": PRICE,
        "busy_minutes": ("1", "1440"),
        "idle_minutes": ("0", "1440"),
        "buffer_minutes": ("0", "1440"),
        "version": COUNT,
        "archived_at": MOMENT,
    },
    "brand": {"version": COUNT, "archived_at": MOMENT},
    "product": {
        "price": PRICE,
        "cost": PRICE,
        "reorder_level": ("0", "1000000"),
        "maximum_level": ("0", "1000000"),
        "months_after_opening": ("1", "240"),
        "version": COUNT,
        "archived_at": MOMENT,
    },
    "service_supply": {"quantity_milli": ("1", "1000000000"), "version": COUNT, "archived_at": MOMENT},
    "package": {"price": PRICE, "valid_days": ("1", "36500"), "version": COUNT, "archived_at": MOMENT},
    "package_item": {"quantity": ("1", "9999"), "version": COUNT, "archived_at": MOMENT},
    "gift": {"points": ("0", "1000000000"), "version": COUNT, "archived_at": MOMENT},
    "schedule": {"every_minutes": ("1", "1440"), "first_due_at": MOMENT, "version": COUNT, "archived_at": MOMENT},
    "schedule_run": {"due_at": MOMENT, "started_at": MOMENT, "ended_at": MOMENT, "epoch": COUNT},
    "import_run": {
        "at": MOMENT,
        "created": COUNT,
        "updated": COUNT,
        "unchanged": COUNT,
        "duplicates": COUNT,
        "refused": COUNT,
        "version": COUNT,
        "archived_at": MOMENT,
    },
    "setting": {"version": COUNT, "archived_at": MOMENT},
    "customer": {
        "birth_month": ("1", "12"),
        "birth_day": ("1", "31"),
        "birth_year": ("1900", "2100"),
        "contact_every_days": ("0", "3650"),
        "first_visit_on": DAY,
        "registered_on": DAY,
        "profile_checked_on": DAY,
        "erased_at": MOMENT,
        "version": COUNT,
        "archived_at": MOMENT,
    },
    "customer_assignment": {"since": MOMENT, "until": MOMENT, "version": COUNT, "archived_at": MOMENT},
    "relation": {"version": COUNT, "archived_at": MOMENT},
    "preference": {"version": COUNT, "archived_at": MOMENT},
    "contraindication": {"since": DAY, "until": DAY, "version": COUNT, "archived_at": MOMENT},
    "concern": {"opened_on": DAY, "resolved_on": DAY, "version": COUNT, "archived_at": MOMENT},
    "interaction": {"at": MOMENT},
    "consent_event": {"at": MOMENT},
    "rule_version": {"number": COUNT, "made_at": MOMENT},
    "rule_activation": {"at": MOMENT},
    "rule_match": {"since": DAY, "until": DAY},
    "rule_effect": {
        "place": COUNT,
        "amount": COUNT,
        "made_on": DAY,
        "valid_until": DAY,
        "not_before": MOMENT,
        "version": COUNT,
        "archived_at": MOMENT,
    },
    "visit": {"business_day": DAY, "arrived_at": MOMENT, "left_at": MOMENT, "version": COUNT, "archived_at": MOMENT},
    "sale": {
        "business_day": DAY,
        "number": ("1", "1000000000000"),
        "sold_at": MOMENT,
        "total": SIGNED,
        "version": COUNT,
        "archived_at": MOMENT,
    },
    "sale_line": {
        "position": COUNT,
        "quantity": ("1", "1000000"),
        "unit_price": SIGNED,
        "discount": MONEY,
        "amount": SIGNED,
    },
    "staff_share": {"permille": ("1", "1000")},
    "payment": {"business_day": DAY, "paid_at": MOMENT, "amount": SIGNED},
    "tag": {"version": COUNT, "archived_at": MOMENT},
    "customer_tag": {"since": MOMENT, "until": MOMENT, "version": COUNT, "archived_at": MOMENT},
    "membership": {
        "since": DAY,
        "valid_until": DAY,
        "ended_on": DAY,
        "told_on": DAY,
        "version": COUNT,
        "archived_at": MOMENT,
    },
    "tier_change": {"on": DAY},
    "alert": {"raised_at": MOMENT, "due_at": MOMENT, "closed_at": MOMENT, "version": COUNT, "archived_at": MOMENT},
    "task": {"due_on": DAY, "finished_at": MOMENT, "version": COUNT, "archived_at": MOMENT},
    "voucher": {"business_day": DAY, "amount": MONEY, "settle_price": MONEY},
    "approval": {"business_day": DAY, "at": MOMENT},
    "reversal": {"business_day": DAY, "at": MOMENT, "amount": SIGNED},
    "till_shift": {
        "business_day": DAY,
        "opening_cash": MONEY,
        "opened_at": MOMENT,
        "closed_at": MOMENT,
        "version": COUNT,
        "archived_at": MOMENT,
    },
    "day_close": {
        "business_day": DAY,
        "at": MOMENT,
        "expected_cash": SIGNED,
        "counted_cash": MONEY,
        "difference": SIGNED,
        "receipts": COUNT,
    },
    "account": {"version": COUNT, "archived_at": MOMENT},
    "lot": {"operation_id": COUNT, "granted_on": DAY, "expires_on": DAY, "pending_until": DAY},
    "ledger_entry": {"operation_id": COUNT, "amount": SIGNED, "business_day": DAY},
}

REPLACED = {
    "card": ("price",),
    "card_item": ("sessions",),
    "card_change": ("amount",),
    "gift_issue": ("quantity",),
    "room": ("turnover",),
    "course": ("length",),
    "training_result": ("score",),
    "kpi_target": ("amount",),
    "service": ("minutes", "price"),
    "product": ("opening", "price"),
    "service_supply": ("quantity",),
    "package": ("price",),
    "package_item": ("quantity",),
    "gift": ("points",),
    "schedule": ("every_minutes",),
    "customer": ("birth_day", "birth_month", "birth_year", "contact_every_days"),
    "rule_effect": ("amount",),
    "sale": ("number",),
    "sale_line": ("quantity",),
    "staff_share": ("permille",),
    "till_shift": ("opening_cash",),
}


def upgrade() -> None:
    conditions = {
        table: {column: f'"{column}" >= {least} AND "{column}" <= {most}' for column, (least, most) in columns.items()}
        for table, columns in RANGES.items()
    }
    refuse_rows(op.get_bind(), conditions)
    for table, columns in conditions.items():
        with op.batch_alter_table(table, copy_from=as_it_stands(op.get_bind(), table)) as batch:
            for name in REPLACED.get(table, ()):
                batch.drop_constraint(op.f(f"ck_{table}_{name}"), type_="check")
            for column, condition in columns.items():
                batch.create_check_constraint(op.f(f"ck_{table}_{column}_range"), condition)
    op.create_index(
        op.f("ix_customer_birth_month_birth_day"), "customer", ["birth_month", "birth_day", "birth_calendar"]
    )
