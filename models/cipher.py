"""Keys that live outside the database, and what is done with them.

Layout of a ciphertext: one byte format (1), one byte key number, 12 bytes nonce, AES-256-GCM of the UTF-8 text.
The context (``table.column``) is the associated data: a value moved to another column does not decrypt.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORMAT = 1
NONCE_BYTES = 12
KEY_BYTES = 32
KEY_FILE = "keys.json"


@dataclass(frozen=True)
class Keyring:
    """``field_keys`` by number (the highest encrypts), one key each for blind indexes, log chain and cookies."""

    field_keys: dict[int, bytes]
    index_key: bytes
    chain_key: bytes
    cookie_key: bytes

    @classmethod
    def fresh(cls) -> Keyring:
        return cls({1: secrets.token_bytes(KEY_BYTES)}, *(secrets.token_bytes(KEY_BYTES) for _ in range(3)))

    @classmethod
    def load(cls, path: Path) -> Keyring | None:
        """The keys in ``path``; None where there is no such file.

        :raises OSError: the file cannot be read.
        :raises ValueError: the file is not a key file.
        """
        try:
            return cls.parse(path.read_text(encoding="ascii"))
        except FileNotFoundError:
            return None

    def save(self, path: Path) -> None:
        """Write the keys, readable by the owner alone.

        :raises FileExistsError: there are keys already; they are never overwritten.
        """
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(self.dump())
            file.flush()
            os.fsync(file.fileno())

    def dump(self) -> str:
        keys = {str(number): key.hex() for number, key in self.field_keys.items()}
        rest = {"index": self.index_key.hex(), "chain": self.chain_key.hex(), "cookie": self.cookie_key.hex()}
        return json.dumps({"fields": keys, **rest}, indent=1)

    @classmethod
    def parse(cls, text: str) -> Keyring:
        try:
            data = json.loads(text)
            keys = {int(number): bytes.fromhex(key) for number, key in data["fields"].items()}
            ring = cls(keys, *(bytes.fromhex(data[name]) for name in ("index", "chain", "cookie")))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError("not a Peony key file") from error
        every = (*keys.values(), ring.index_key, ring.chain_key, ring.cookie_key)
        if not keys or not all(0 < number < 256 for number in keys) or any(len(key) != KEY_BYTES for key in every):
            raise ValueError("not a Peony key file")
        return ring

    def fingerprint(self) -> str:
        """By which the keys of one database are told from another's; says nothing of them."""
        return hmac.digest(self.chain_key, b"peony keys" + self.index_key, "sha256").hex()[:16]

    def encrypt(self, text: str, context: str) -> bytes:
        number = max(self.field_keys)
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(self.field_keys[number]).encrypt(nonce, text.encode(), context.encode())
        return bytes((FORMAT, number)) + nonce + sealed

    def decrypt(self, data: bytes, context: str) -> str:
        """:raises cryptography.exceptions.InvalidTag: altered, moved to another column, or another key."""
        key = self.field_keys.get(data[1]) if len(data) > 2 + NONCE_BYTES and data[0] == FORMAT else None
        if key is None:
            raise InvalidTag
        nonce, sealed = data[2 : 2 + NONCE_BYTES], data[2 + NONCE_BYTES :]
        return AESGCM(key).decrypt(nonce, sealed, context.encode()).decode()

    def blind(self, text: str, context: str) -> str:
        """A keyed digest (32 hex digits) by which equal values of one column are found."""
        return hmac.digest(self.index_key, f"{context}\0{text}".encode(), "sha256").hex()[:32]

    def chain(self, previous: str, content: bytes) -> str:
        """The next link of the operation log: HMAC-SHA256 over the previous link and the content's digest."""
        return hmac.digest(self.chain_key, previous.encode() + hashlib.sha256(content).digest(), "sha256").hex()

    def seal(self, purpose: str, content: bytes) -> str:
        """A keyed digest of something that leaves the database; ``purpose`` keeps one kind from passing as another."""
        return hmac.digest(self.chain_key, b"peony seal " + purpose.encode() + b"\0" + content, "sha256").hex()


_current: Keyring | None = None


def use_keyring(ring: Keyring) -> None:
    """Hand the keys down, once, when the application starts."""
    global _current
    _current = ring


def keyring() -> Keyring:
    """:raises RuntimeError: no application has started."""
    if _current is None:
        raise RuntimeError("no keys: start through admin_app.create_app()")
    return _current
