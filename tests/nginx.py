"""An nginx for tests: with the example of the documentation, on free ports of this machine, in a folder of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from admin_app.settings import HOUSE
from tests.engines import IN_CI
from tests.limits import HANG_SECONDS

HOW = "apt-get install nginx-light"
NAME = "salon.example"
AROUND = """
worker_processes 1; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/peony.conf;
}}
"""


def program() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def needed() -> str:
    """Nginx for a test that cannot do without: told as not run, or failed with CI=true."""
    found = program()
    if found is None:
        if IN_CI:
            pytest.fail("CI=true, and there is no nginx: " + HOW)
        pytest.skip("no nginx here")
    return found


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate for a name, 127.0.0.1 too, signed by itself; and its key. Both PEM."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.DNSName("localhost")])
    day, made = timedelta(days=1), datetime.now(UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(made - day).not_valid_after(made + day).add_extension(names, critical=False)
    signed = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
        key, hashes.SHA256()
    )
    one, other = folder / f"{name}.pem", folder / f"{name}.key"
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    one.write_bytes(signed.public_bytes(pem))
    other.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    other.chmod(0o600)
    return one, other


def free_ports(count: int) -> list[int]:
    """Ports that were free at once, so that they differ."""
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@contextmanager
def in_front_of(port: int, folder: Path) -> Iterator[tuple[int, int]]:
    """``docs/nginx.conf`` before the house on a port; its own two ports, for HTTP and HTTPS."""
    nginx = needed()
    folder.mkdir()
    plain, secure = free_ports(2)
    pem, key = certificate(folder, NAME)
    config = (HOUSE / "docs" / "nginx.conf").read_text(encoding="utf-8")
    for theirs, ours in {
        "listen 80;": f"listen 127.0.0.1:{plain};",
        "listen 443 ssl;": f"listen 127.0.0.1:{secure} ssl;",
        "/etc/ssl/salon.example.pem": str(pem),
        "/etc/ssl/salon.example.key": str(key),
        "http://127.0.0.1:5000": f"http://127.0.0.1:{port}",
    }.items():
        assert config.count(theirs) == 1, theirs
        config = config.replace(theirs, ours)
    (folder / "peony.conf").write_text(config, encoding="utf-8")
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder), encoding="utf-8")
    command = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors")]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    started = subprocess.run(command, capture_output=True, text=True, check=False)  # it listens before it detaches
    assert started.returncode == 0, started.stderr
    try:
        yield plain, secure
    finally:
        subprocess.run([*command, "-s", "stop"], check=True, timeout=HANG_SECONDS)
