"""Room on the disk: asked of the file system, and learned from the last write of this process."""

from __future__ import annotations

import shutil
from pathlib import Path

from flask import current_app

from models.entity import db

LEAST_FREE = 16 * 2**20
"""Bytes below which the disk counts as full: a write-ahead log and a night's run need about as much."""

_WRITE_FAILED = "peony_disk_full"


def note_write(*, disk_full: bool) -> None:
    """Remember how the last write ended; a quota or a server's own disk shows in no other way."""
    current_app.extensions[_WRITE_FAILED] = disk_full


def is_full() -> bool:
    """Whether the last write found no room, or the disk of the data folder or the SQLite file has hardly any left."""
    return bool(current_app.extensions.get(_WRITE_FAILED)) or any(
        shutil.disk_usage(folder).free < LEAST_FREE for folder in _folders()
    )


def _folders() -> set[Path]:
    folders = {current_app.config["PEONY"].data_dir}
    if db.engine.dialect.name == "sqlite" and db.engine.url.database:
        folders.add(Path(db.engine.url.database).parent)
    return {folder for folder in folders if folder.is_dir()}
