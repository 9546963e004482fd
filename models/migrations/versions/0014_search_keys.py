"""The keys by which names are found are made again: in simplified characters, and in every mix of readings."""

from alembic import op

from models.search import rebuild_table

revision = "0014"
down_revision = "0013"

WORDS = {
    "assessment_parameter": ("name",),
    "assessment_template": ("name",),
    "bed": ("name",),
    "brand": ("name",),
    "course": ("name",),
    "customer": (
        "name",
        "member_no",
    ),
    "equipment": ("name",),
    "gift": ("name",),
    "package": ("name",),
    "product": ("name",),
    "room": ("name",),
    "service": ("name",),
    "service_category": ("name",),
    "shift_template": ("name",),
    "staff": ("name",),
    "store": ("name",),
    "tag": ("name",),
    "user": (
        "login",
        "name",
    ),
}


def upgrade() -> None:
    for table, columns in WORDS.items():
        rebuild_table(op.get_bind(), table, columns)
