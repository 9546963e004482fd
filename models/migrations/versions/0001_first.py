"""The first schema: made from the models, so there is nothing to do."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """A new database is made whole and stamped with the newest revision."""
