"""A file made for one answer: written, sent, and gone from the disk before the answer leaves."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from flask import Response, send_file

IN_MEMORY = 4 * 1024 * 1024


def download(name: str, write: Callable[[Path], object]) -> Response:
    """Let ``write`` make the file, and send it under ``name``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        spool = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the answer closes it
        with path.open("rb") as file:
            shutil.copyfileobj(file, spool)
    spool.seek(0)
    return send_file(spool, as_attachment=True, download_name=name, max_age=0)
