"""What signing in asks for: second factors, confirming who one is, passwords that are handed out."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from models.field import Choice
from rules.language.reading import Days, Document, Minutes


class FactorPolicy(Choice):
    """Whether whoever may pay out, export, change roles, reset passwords or wipe signs in with a second factor."""

    REQUIRED = "required", _l("required")
    OFFERED = "offered", _l("offered")


class SecurityDocument(Document):
    """``rules/security.yaml``: how people prove who they are.

    .. code-block:: yaml

        version: 1
        second_factor: required    # of roles that pay out, export, change roles, reset or wipe: required, offered
        confirm_again: 10min       # before such an act, where the last proof is longer ago
        initial_password: 7d       # so long a password opens that was handed out and not changed
        own_words: [牡丹, mudan]   # no password is made of these, beside the names of stores and people
    """

    second_factor: FactorPolicy = FactorPolicy.REQUIRED
    confirm_again: Minutes
    initial_password: Days
    own_words: list[str] = []
