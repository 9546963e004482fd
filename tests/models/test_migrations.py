"""Committed migrations are never edited: a database that has run one would never get what was added to it."""

from __future__ import annotations

import hashlib

from admin_app.upgrade import SCRIPTS

HASHES = {
    "0001_first.py": "d0430ba6c01a3613dc5e9a68a914d34029d993b297a5b1052069456286175212",
    "0002_value.py": "6e199ae335912ce489e2aa7562c2b0fe8fd366e07c2dd417d97cece9540293cd",
    "0003_bookings.py": "94d6cb3fb75ef45583b388143d998dcb0523a001d20de91a8c9f9db0d4ec480c",
    "0004_rules.py": "1e72da4ab269b4b86b872dad8831a8d64ea2a0f919f8bd0b252ea3faf442819e",
    "0005_runs.py": "edb2f7e28078614411d8ecaa3e7943fe7c6a90b2c769dd439328d65e543170bc",
    "0006_watch.py": "cc0491ed3ac11d4a0d7d84989213b493ae31a342c798357c3dd512fd019887fe",
    "0007_effects.py": "55516de9640d385f32da0642893921a14ab798684741fd82febce445bf49122a",
    "0008_hours.py": "f7bfaf2a404e899f3240209396f55889303aeeb1487369920970ea49357aaee1",
    "0009_asked_at_once.py": "fdf817c947afca995767a6de212f1cf4587756c7e42a2c919ecac1df8be4df06",
    "0010_what_waits.py": "a22943feac02180501a1aabae23d48b570a3cd73f72dab87269537001cb29285",
    "0011_search_keys.py": "321997a650b3ffdb4a76351ed3a8375cbea8dff7c79d90483a09854ae3ae1e19",
    "0012_ranges.py": "7a88d84c484bcc037035e4ef02993323a37a14195f2f9330a5830c6973332689",
    "0013_taken_back.py": "7aacb0b3f7f4baf09613a66067bf67670d9dbd90eb0068c98a757f1901e4db29",
    "0014_search_keys.py": "9a62d17c959296e09713747440780d136b37ecb9bf542a6334ef896ca72704db",
    "0015_second_factors.py": "f04c45f9a737be7817e0bfec25e05de96b4b444b3219d2caa5a693ed256bfed2",
    "0016_hidden_digests.py": "e59e18297c43eb4fd9925b39896295560357ab8e1a9dd018c20e61ce10361a4a",
}
"""SHA-256 of each migration. A new one adds its line; no line is ever changed."""


def test_committed_migrations_are_as_they_were_committed() -> None:
    files = sorted((SCRIPTS / "versions").glob("[0-9]*.py"))
    found = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    edited = [name for name, digest in HASHES.items() if found.get(name) != digest]
    assert edited == [], "put these back as they were, and write a new migration"
    assert sorted(found.keys() - HASHES.keys()) == [], "add the hash of a new migration here"
