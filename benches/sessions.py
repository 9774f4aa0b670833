"""Puts people with sessions into a store: sessions.py FILE HOST COUNT.

Each is one person who has signed in, holds two roles in one app and one in another, has an account in both, and has
one session, whose cookie value is "t" and the person's number.
"""

import hashlib
import json
import sqlite3
import sys
import uuid

file, host, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
FAR = 4_000_000_000_000_000
BATCH = 10_000


def token(value):
    """As `store::token_hash`: SHA-256 over parts, each preceded by its length."""
    parts = [b"session", value.encode()]
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


def text(value):
    return json.dumps(value, separators=(",", ":"))


def person(number):
    user, vault, identity, sign_in = (str(uuid.uuid4()) for _ in range(4))
    name, email = f"Erika Mustermann {number}", f"erika.mustermann.{number}@example.com"
    yield "vaults", (vault, user.encode(), None)
    yield "users", (user, vault, 0, None)
    yield "identities", (
        identity, user, "bench", "https://login.example.com/tenant", f"00u{number:017}", name, email, "{}", 0,
    )
    ends = {"ttl": "PT720H"}, {"claim": "contract_end"}, {"lapse": "PT720H"}
    for (role, app), because in zip((("reader", "app"), ("editor", "app"), ("reader", "other")), ends):
        terms = {"role": role, "app": app, "groups": [], "attributes": {}, "ttl": None, "until": None}
        yield "grants", (
            str(uuid.uuid4()), identity, role, app, text(terms), "0" * 12, 0, 0, None, FAR, text(because), 0,
            0, 0, None,
        )
    for target in "app", "other":
        profile = {"user_name": email, "display_name": name, "email": email, "groups": [], "attributes": {}}
        seen = {"is": "present", "native_id": str(uuid.uuid4()), "active": True, **profile}
        yield "accounts", (
            str(uuid.uuid4()), user, target, user, "created", text({"state": "active", **profile}), "[]", 1, 1, 1,
            text(seen), 0, None, 0, 0, 0, 0, None, None, 0,
        )
    yield "sign_ins", (sign_in, identity, None, None, 0, FAR, None, None, "[]", None)
    yield "sessions", (str(uuid.uuid4()), sign_in, host, token(f"t{number}"), 0)


store = sqlite3.connect(file)
store.execute("PRAGMA synchronous = OFF")
for begin in range(0, count, BATCH):
    rows = {}
    for number in range(begin, min(begin + BATCH, count)):
        for table, row in person(number):
            rows.setdefault(table, []).append(row)
    for table, values in rows.items():
        store.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(values[0]))})", values)
    store.commit()
