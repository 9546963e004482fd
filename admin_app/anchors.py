"""Anchors: heads of the log written down outside the database, each signed and holding the one before it.

A line of ``anchors.txt``: moment, number and hash of the log's last link, SHA-256 of the line before (zeros for the
first), Ed25519 signature over those four. Releases before migration 0016 wrote the first three words only.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from flask import current_app
from flask_babel import gettext as _

from admin_app.data_folder import anchors_file, folder
from admin_app.settings import Settings
from models.cipher import keyring

KEY_FILE = "anchor.key"
PUBLIC_FILE = "anchors.pub"
SENT_FILE = "anchors.sent"
START = "0" * 64
PATIENCE = 10
"""Seconds that a second place has to answer."""


class AnchorError(Exception):
    """An anchor cannot be signed, or does not reach the second place; one sentence."""


def write_anchor(at: str, seq: int, head: str) -> str:
    """Add a signed line to the anchors; the public key, in hexadecimal.

    :raises AnchorError: there is no key to sign with, and none can be made.
    """
    key = _private_key()
    lines = anchor_lines()
    said = f"{at} {seq} {head} {digest_of(lines[-1]) if lines else START}"
    with anchors_file().open("a", encoding="ascii") as file:
        file.write(f"{said} {key.sign(said.encode()).hex()}\n")
        file.flush()
        os.fsync(file.fileno())
    return _public(key)


def anchor_lines() -> list[str]:
    """The lines of ``anchors.txt``; none where there is no such file."""
    path = anchors_file()
    return path.read_text(encoding="ascii").split("\n")[:-1] if path.exists() else []


def digest_of(line: str) -> str:
    """SHA-256 of a line, by which the next holds it."""
    return hashlib.sha256(line.encode()).hexdigest()


def faults_of(lines: Sequence[str], logged_keys: set[str]) -> list[str]:
    """What is wrong with the lines in themselves: order, signatures. ``logged_keys``: those that the log names."""
    keys = _trusted(logged_keys)
    faults: list[str] = []
    before, signed = START, False
    for number, line in enumerate(lines, 1):
        words = line.split(" ")
        if len(words) not in (3, 5):
            faults.append(_("anchor %(number)s cannot be read", number=number))
        elif len(words) == 3:
            if signed:
                faults.append(_("anchor %(number)s is not signed, though one before it is", number=number))
        else:
            signed = True
            if words[3] != before:
                faults.append(_("anchor %(number)s does not hold the one before it", number=number))
            if not any(_is_signed(words, key) for key in keys):
                faults.append(_("anchor %(number)s is not signed with the salon's key", number=number))
        before = digest_of(line)
    if logged_keys and lines and not signed:
        faults.append(_("the log says that its anchors are signed; none in the file is"))
    return faults


def _trusted(logged: set[str]) -> set[str]:
    """The public keys that count: the one that the settings name, else those in the file that the log names too."""
    named = _settings().anchor_public_key
    if named:
        return {named.lower()}
    path = folder() / PUBLIC_FILE
    kept = set(path.read_text(encoding="ascii").split()) if path.exists() else set()
    return kept & logged if logged else kept


def _is_signed(words: list[str], key: str) -> bool:
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        public.verify(bytes.fromhex(words[4]), " ".join(words[:4]).encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _settings() -> Settings:
    settings: Settings = current_app.config["PEONY"]
    return settings


def _private_key() -> Ed25519PrivateKey:
    path = _settings().anchor_key or folder() / KEY_FILE
    try:
        if not path.exists():
            _make_key(path)
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise AnchorError(
            _("%(path)s: the key that signs anchors cannot be used: %(why)s", path=path, why=error)
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise AnchorError(_("%(path)s: this is no Ed25519 key", path=path))
    _keep_public(_public(key))
    return key


def _make_key(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(pem)


def _public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def _keep_public(key: str) -> None:
    """Add a public key to the file of them; one that was used before stays, for its anchors."""
    path = folder() / PUBLIC_FILE
    known = path.read_text(encoding="ascii").split() if path.exists() else []
    if key not in known:
        with path.open("a", encoding="ascii") as file:
            file.write(f"{key}\n")


# ------------------------------------------------------------------------------------------ the second place


def send_anchors() -> int:
    """Bring the second place up to date, if the settings name one; how many anchors went there.

    :raises AnchorError: not all of them did; what is missing goes along next time.
    """
    place = _settings().anchor_copy
    if not place:
        return 0
    try:
        waiting = unsent_anchors()
        if _is_address(place):
            _post(place, waiting)
        elif waiting:
            with _copy_in(place).open("a", encoding="ascii") as file:
                file.write("".join(f"{line}\n" for line in waiting))
    except (OSError, HTTPException) as error:
        raise AnchorError(_("Anchors of the log did not reach %(place)s: %(why)s", place=place, why=error)) from error
    return len(waiting)


def unsent_anchors() -> list[str]:
    """The anchors that have not reached the second place.

    :raises AnchorError: it has others than stand here.
    :raises OSError: it cannot be read.
    """
    place, lines = _settings().anchor_copy, anchor_lines()
    if not place:
        return []
    if _is_address(place):
        sent = folder() / SENT_FILE
        last = sent.read_text(encoding="ascii").strip() if sent.exists() else ""
        known = next((number for number, line in enumerate(lines, 1) if digest_of(line) == last), 0)
        return lines[known:]
    copy = _copy_in(place)
    there = copy.read_text(encoding="ascii").splitlines() if copy.exists() else []
    if lines[: len(there)] != there:
        raise AnchorError(_("%(path)s holds anchors that are not here", path=copy))
    return lines[len(there) :]


def _is_address(place: str) -> bool:
    return place.startswith(("http://", "https://"))


def _copy_in(place: str) -> Path:
    return Path(place) / f"anchors-{keyring().fingerprint()}.txt"


class _NoRedirect(HTTPRedirectHandler):
    """An answer that names another address is a failure: that one is on no list."""

    def redirect_request(self, *given: Any, **named: Any) -> None:
        return None


def _post(address: str, lines: Sequence[str]) -> None:
    opener = build_opener(_NoRedirect)
    for line in lines:
        request = Request(address, f"{line}\n".encode(), {"Content-Type": "text/plain"}, method="POST")  # noqa: S310 - http(s) only, see the settings
        try:
            opener.open(request, timeout=PATIENCE).close()
        except URLError as error:
            raise OSError(str(error.reason)) from error
        (folder() / SENT_FILE).write_text(digest_of(line), encoding="ascii")
