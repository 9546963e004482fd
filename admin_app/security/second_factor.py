"""Second factors: authenticator apps (TOTP, RFC 6238), passkeys (WebAuthn level 2) and recovery codes."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyotp
from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from models.accounts import FactorKind, RecoveryCode, SecondFactor, User
from models.cipher import keyring

STEP = 30
"""Seconds that one code of an app is shown."""

DRIFT = 1
"""Steps that the clock of a phone may be off, either way."""

CODES = 10
CODE_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
CODE_LENGTH = 12
"""Of a recovery code, in letters: about 59 bits."""

ISSUER = "Peony 牡丹"


@dataclass(frozen=True)
class Use:
    """A second factor that was shown to be at hand: which one, and the counter that it has reached.

    ``recovery`` is the number of a recovery code instead.
    """

    factor: int | None = None
    counter: int = 0
    recovery: int | None = None


def has_factor(user_id: Any) -> ColumnElement[bool]:
    """Whether a user has a second factor, as a condition; ``user_id`` is a number or a column."""
    return exists().where(SecondFactor.user_id == user_id, SecondFactor.archived_at.is_(None))


def factors_of(session: Session, user_id: int) -> Sequence[SecondFactor]:
    """The second factors that a user has now, the oldest first."""
    query = select(SecondFactor).where(SecondFactor.user_id == user_id, SecondFactor.archived_at.is_(None))
    return session.scalars(query.order_by(SecondFactor.id)).all()


def codes_left(session: Session, user_id: int) -> int:
    """How many recovery codes are unused."""
    unused = (RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    return session.scalar(select(func.count()).select_from(RecoveryCode).where(*unused)) or 0


# -------------------------------------------------------------------------------------------------- apps and codes


def new_seed() -> str:
    """The seed of an authenticator app: 160 random bits in base32."""
    return pyotp.random_base32()


def address_of(seed: str, login: str) -> str:
    """The ``otpauth://`` address that an app reads from a QR code."""
    return pyotp.TOTP(seed).provisioning_uri(name=login, issuer_name=ISSUER)


def step_of(seed: str, code: str, at: datetime) -> int | None:
    """The time step whose code this is, within the drift allowed; None where it is the code of none of them."""
    typed, totp = "".join(code.split()), pyotp.TOTP(seed)
    now = int(at.timestamp()) // STEP
    for step in range(now - DRIFT, now + DRIFT + 1):
        if secrets.compare_digest(totp.generate_otp(step).encode(), typed.encode()):
            return step
    return None


def new_codes() -> list[str]:
    """Fresh recovery codes, in groups of four letters."""
    letters = ["".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH)) for _ in range(CODES)]
    return ["-".join(one[start : start + 4] for start in range(0, CODE_LENGTH, 4)) for one in letters]


def digest_of(code: str, user_id: int) -> str:
    """The keyed digest (32 hex digits) under which a recovery code is kept."""
    plain = "".join(letter for letter in code.lower() if letter in CODE_LETTERS)
    return keyring().blind(f"{user_id}:{plain}", "recovery_code.digest")


def use_of_code(session: Session, user_id: int, code: str, at: datetime) -> Use | None:
    """Which app or recovery code of the user a typed code belongs to; None for none, or one that was used before."""
    for factor in factors_of(session, user_id):
        step = step_of(factor.secret, code, at) if factor.kind is FactorKind.APP else None
        if step is not None:
            return Use(factor.id, step) if step > factor.counter else None
    if len(code) < CODE_LENGTH:
        return None
    unused = (RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None))
    digest = digest_of(code, user_id)
    found = session.scalar(select(RecoveryCode.id).where(*unused, RecoveryCode.digest == digest))
    return None if found is None else Use(recovery=found)


def take(session: Session, user_id: int, use: Use, at: datetime) -> bool:
    """Mark a second factor as used; False where it is no longer the user's, or somebody was faster with it."""
    if use.recovery is not None:
        code = session.scalar(select(RecoveryCode).where(RecoveryCode.id == use.recovery).with_for_update())
        if code is None or code.user_id != user_id or code.used_at is not None:
            return False
        code.used_at = at
        return True
    factor = session.scalar(select(SecondFactor).where(SecondFactor.id == use.factor).with_for_update())
    if factor is None or factor.user_id != user_id or factor.archived_at is not None:
        return False
    counts = factor.kind is FactorKind.APP or use.counter or factor.counter  # many passkeys always say nought
    if counts and use.counter <= factor.counter:
        return False
    factor.counter = use.counter
    return True


# -------------------------------------------------------------------------------------------------------- passkeys


@dataclass(frozen=True)
class Site:
    """Where passkeys belong: the name of the host (``localhost``, ``salon.example``) and the origin of its pages."""

    host: str
    origin: str


def _descriptor(factor: SecondFactor) -> PublicKeyCredentialDescriptor:
    return PublicKeyCredentialDescriptor(id=base64url_to_bytes(json.loads(factor.secret)["id"]))


def _passkeys(factors: Sequence[SecondFactor]) -> list[SecondFactor]:
    return [factor for factor in factors if factor.kind is FactorKind.PASSKEY]


def registration_options(site: Site, user: User, factors: Sequence[SecondFactor], challenge: bytes) -> dict[str, Any]:
    """What a browser needs to make a passkey, as ``navigator.credentials.create`` takes it (JSON)."""
    options = generate_registration_options(
        rp_id=site.host,
        rp_name=ISSUER,
        user_id=f"peony-user-{user.id}".encode(),
        user_name=user.login,
        user_display_name=user.name,
        challenge=challenge,
        exclude_credentials=[_descriptor(one) for one in _passkeys(factors)],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=UserVerificationRequirement.PREFERRED
        ),
    )
    return dict(json.loads(options_to_json(options)))


def authentication_options(site: Site, factors: Sequence[SecondFactor], challenge: bytes) -> dict[str, Any] | None:
    """What a browser needs to use a passkey, as ``navigator.credentials.get`` takes it; None where there is none."""
    passkeys = _passkeys(factors)
    if not passkeys:
        return None
    options = generate_authentication_options(
        rp_id=site.host,
        challenge=challenge,
        allow_credentials=[_descriptor(one) for one in passkeys],
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    return dict(json.loads(options_to_json(options)))


def registered(site: Site, answer: str, challenge: bytes) -> tuple[str, int] | None:
    """The secret and counter of a passkey that a browser has made; None where its answer does not hold."""
    try:
        made = verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=site.origin,
        )
    except (WebAuthnException, ValueError, KeyError, TypeError):
        return None
    secret = {
        "id": bytes_to_base64url(made.credential_id),
        "key": bytes_to_base64url(made.credential_public_key),
    }
    return json.dumps(secret), made.sign_count


def use_of_passkey(factors: Sequence[SecondFactor], site: Site, answer: str, challenge: bytes) -> Use | None:
    """Which passkey has signed the challenge; None where its answer does not hold."""
    try:
        number = str(json.loads(answer)["id"])
    except (ValueError, KeyError, TypeError):
        return None
    for factor in _passkeys(factors):
        secret = json.loads(factor.secret)
        if secret["id"] != number:
            continue
        try:
            proof = verify_authentication_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=site.host,
                expected_origin=site.origin,
                credential_public_key=base64url_to_bytes(secret["key"]),
                credential_current_sign_count=factor.counter,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError):
            return None
        return Use(factor.id, proof.new_sign_count)
    return None
