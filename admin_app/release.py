"""Which release this program is."""

RELEASE = "0.1.0"
