"""The form of a backup: a zip file with the database and a manifest that says what it is.

``manifest.json`` names the release, the schema, the engine, the keys (by their fingerprint), and size and SHA-256 of
the content; a seal under the salon's own key covers it all. Before there were manifests a backup was the content alone;
such a file is still read, with the checks that are possible.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO

from flask_babel import gettext as _

from models.cipher import keyring

FORMAT = 1
MANIFEST = "manifest.json"
CONTENT = {"sqlite": "peony.db", "postgresql": "peony.dump"}
"""Name of the database in the zip file, by engine."""

_HEADS = {b"SQLite format 3\x00": "sqlite", b"PGDMP": "postgresql"}
_CHUNK = 1 << 20
_LONGEST_MANIFEST = 100_000


class BackupError(Exception):
    """A backup or a restore that could not be made; one sentence."""


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself."""

    format: int
    made_at: str
    release: str
    schema: str
    engine: str
    keys: str
    size: int
    sha256: str

    def seal(self) -> str:
        """Binds the manifest to the salon's keys: nobody else can write one."""
        return keyring().seal("backup", json.dumps(asdict(self), sort_keys=True).encode())


def write(path: Path, content: Path, manifest: Manifest) -> None:
    """Write the zip file. A dump of PostgreSQL is compressed already."""
    packed = zipfile.ZIP_DEFLATED if manifest.engine == "sqlite" else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", compression=packed, compresslevel=1) as archive:
        text = json.dumps({**asdict(manifest), "seal": manifest.seal()}, indent=1)
        archive.writestr(zipfile.ZipInfo(MANIFEST), text)
        archive.write(content, CONTENT[manifest.engine])


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def engine_of(path: Path) -> str | None:
    """The engine of a backup without a manifest, by the first bytes; None for anything else."""
    with path.open("rb") as file:
        head = file.read(16)
    return next((engine for mark, engine in _HEADS.items() if head.startswith(mark)), None)


def read_manifest(path: Path) -> Manifest | None:
    """The manifest of a backup, its seal proved; None for one that was made before there were manifests.

    :raises BackupError: no backup, one that was changed, of a newer release, or of another salon.
    """
    if not zipfile.is_zipfile(path):
        if engine_of(path) is None:
            raise BackupError(_("%(path)s: not a backup.", path=path))
        return None
    try:
        with zipfile.ZipFile(path) as archive, archive.open(MANIFEST) as file:
            said = json.loads(file.read(_LONGEST_MANIFEST))
        if said["format"] > FORMAT:
            raise BackupError(newer(path, str(said.get("release"))))
        manifest = Manifest(**{field.name: said[field.name] for field in fields(Manifest)})
        seal = str(said["seal"])
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError, OSError) as error:
        raise BackupError(_("%(path)s: not a backup, or changed since it was made.", path=path)) from error
    if manifest.keys != keyring().fingerprint():
        raise BackupError(other_keys(path))
    if manifest.seal() != seal:
        raise BackupError(changed(path))
    return manifest


def other_keys(path: Path) -> str:
    """Of another salon, as far as anybody can tell."""
    return str(
        _(
            "%(path)s was made with other keys: it is another salon's, or keys.json is not the one that belongs to it. "
            "Nothing was replaced.",
            path=path,
        )
    )


def changed(path: Path) -> str:
    return str(_("%(path)s was changed since it was made. Nothing was replaced.", path=path))


def newer(path: Path, release: str) -> str:
    return str(
        _(
            "%(path)s was made by a newer release (%(release)s); update the program. Nothing was replaced.",
            path=path,
            release=release,
        )
    )


@contextmanager
def content_of(path: Path, manifest: Manifest | None) -> Iterator[IO[bytes]]:
    """The database in a backup, to be read once."""
    if manifest is None:
        with path.open("rb") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive, archive.open(CONTENT[manifest.engine]) as packed:
        yield packed


def unpack(path: Path, manifest: Manifest | None, target: Path) -> None:
    """Write the content to a file of its owner's alone, and prove it against the manifest.

    :raises BackupError: it is not what was packed.
    """
    digest, size = hashlib.sha256(), 0
    try:
        target.unlink(missing_ok=True)
        target.touch(0o600)
        with content_of(path, manifest) as source, target.open("wb") as file:
            while part := source.read(_CHUNK):
                digest.update(part)
                size += len(part)
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError) as error:
        raise BackupError(changed(path)) from error
    if manifest is not None and (size, digest.hexdigest()) != (manifest.size, manifest.sha256):
        raise BackupError(changed(path))
