"""The log holds a digest in the place of a secret value: the triggers that are made after the migrations write it."""

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Nothing but the triggers changes."""
