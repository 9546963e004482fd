"""The documented names of operations: what people and rules do to the salon's data.

``verb_object`` in snake case, alphabetical within a group. A permission is the name of the operation it permits.
"""

from __future__ import annotations

from enum import StrEnum


class Name(StrEnum):
    """One name an operation; `docs/operations.md` is generated from the registry."""

    # any entity
    ARCHIVE_ENTITY = "archive_entity"
    CREATE_ENTITY = "create_entity"
    EDIT_ENTITY = "edit_entity"
    EXPORT_ROWS = "export_rows"
    IMPORT_ROWS = "import_rows"
    NOTE_IMPORT = "note_import"
    RESTORE_ENTITY = "restore_entity"
    REVEAL_FIELD = "reveal_field"
    # customers
    ASSIGN_CUSTOMERS = "assign_customers"
    ERASE_CUSTOMER = "erase_customer"
    HAND_OVER_CUSTOMERS = "hand_over_customers"
    LOOK_UP_CUSTOMER = "look_up_customer"
    MERGE_CUSTOMERS = "merge_customers"
    RECORD_ASSESSMENT = "record_assessment"
    RECORD_CONSENT = "record_consent"
    RECORD_INTERACTION = "record_interaction"
    SEARCH_NUMBER = "search_number"
    SET_MEMBER_PASSWORD = "set_member_password"  # noqa: S105 - the name of an operation
    TAG_CUSTOMERS = "tag_customers"
    UNTAG_CUSTOMERS = "untag_customers"
    # bookings
    ARRIVE = "arrive"
    BOOK = "book"
    CANCEL_BOOKING = "cancel_booking"
    CONFIRM_BOOKING = "confirm_booking"
    FINISH_VISIT = "finish_visit"
    MOVE_BOOKING = "move_booking"
    NO_SHOW = "no_show"
    WAIT_FOR_TIME = "wait_for_time"
    # care
    FINISH_FOLLOW_UP = "finish_follow_up"
    RECORD_TREATMENT = "record_treatment"
    # the till
    ALLOW = "allow"
    ANSWER_REQUEST = "answer_request"
    ASK_APPROVAL = "ask_approval"
    CLOSE_DAY = "close_day"
    GIVE_GIFT = "give_gift"
    IMPORT_SALES = "import_sales"
    OPEN_TILL = "open_till"
    PAY_DEBT = "pay_debt"
    RECHARGE = "recharge"
    REVERSE_SALE = "reverse_sale"
    SELL = "sell"
    TAKE_DEPOSIT = "take_deposit"
    # cards and balances
    EXTEND_CARD = "extend_card"
    OPEN_BALANCES = "open_balances"
    OPEN_CARD = "open_card"
    REDEEM_SESSION = "redeem_session"
    REFUND_CARD = "refund_card"
    TRANSFER_CARD = "transfer_card"
    UNDO_BALANCES = "undo_balances"
    # staff
    PLAN_SHIFT = "plan_shift"
    RECORD_ATTENDANCE = "record_attendance"
    RECORD_LEAVE = "record_leave"
    RECORD_TRAINING = "record_training"
    # rules
    ACTIVATE_RULES = "activate_rules"
    ACTIVATE_VERSION = "activate_version"
    APPLY_RULES = "apply_rules"
    CLOSE_ALERT = "close_alert"
    DELIVER_EFFECTS = "deliver_effects"
    DRAFT_RULES = "draft_rules"
    FINISH_TASK = "finish_task"
    RAISE_ALERT = "raise_alert"
    SETTLE_ALERTS = "settle_alerts"
    WATCH = "watch"
    # accounts
    ADD_SECOND_FACTOR = "add_second_factor"
    CHANGE_LANGUAGE = "change_language"
    CHANGE_PASSWORD = "change_password"  # noqa: S105 - the name of an operation
    CONFIRM_IDENTITY = "confirm_identity"
    CREATE_USER = "create_user"
    END_SESSION = "end_session"
    REMOVE_SECOND_FACTOR = "remove_second_factor"
    RENEW_RECOVERY_CODES = "renew_recovery_codes"
    RESET_PASSWORD = "reset_password"  # noqa: S105 - the name of an operation
    RESET_SECOND_FACTORS = "reset_second_factors"
    SET_PIN = "set_pin"
    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    # the house
    ANCHOR_LOG = "anchor_log"
    BACK_UP = "back_up"
    CORRECT_CLOCK = "correct_clock"
    EXPORT_LOG = "export_log"
    LOAD = "load"
    OPEN_PAGE = "open_page"
    OPEN_SALON = "open_salon"
    READ_LOG = "read_log"
    READ_RECORD = "read_record"
    RESTORE_BACKUP = "restore_backup"
    RUN_SCHEDULE = "run_schedule"
    START = "start"
    UPGRADE = "upgrade"


TAKES_BACK = (Name.REVERSE_SALE, Name.REFUND_CARD)
"""The operations that take a sale back: with it falls what rules gave for it."""

OPERATIONS: set[str] = {str(name) for name in Name}
"""Every name a role may be given in ``does``; registering an operation of another name adds it."""

OWNER = "owner"
"""The role that must always be there: nobody else could give rights back."""
