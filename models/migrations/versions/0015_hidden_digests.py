"""The log holds a digest in the place of a secret value: the triggers that are made after the migrations write it."""

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Nothing but the triggers changes."""
