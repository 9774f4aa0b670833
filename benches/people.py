"""Puts people into a store: people.py FILE COUNT [--host HOST] [--apps A,B] [--until MICROSECONDS] [--wanted]
[--group NAME].

Each is one person who has signed in and holds a role in every app, which ends at --until; with an account in the target
of every app, settled and open, or, if --wanted, yet to be made, in a group if one is named. With --host, each has one session there, whose cookie
value is "t" and the person's number. Their part of the record cannot be read, as if they had been forgotten.
"""

import argparse
import hashlib
import itertools
import json
import sqlite3
import uuid

FAR = 4_000_000_000_000_000
BATCH = 10_000

options = argparse.ArgumentParser()
options.add_argument("file")
options.add_argument("count", type=int)
options.add_argument("--host")
options.add_argument("--apps", default="app")
options.add_argument("--until", type=int, default=FAR)
options.add_argument("--wanted", action="store_true")
options.add_argument("--group", action="append", default=[])
asked = options.parse_args()
apps = asked.apps.split(",")


numbers = itertools.count(1)


def new_id():
    """In the order of time, as UUIDs of version 7 are."""
    return str(uuid.UUID(int=(0x0198F0E00000 << 80) | (7 << 76) | (2 << 62) | next(numbers)))


def token(value):
    """As `store::token_hash`: SHA-256 over parts, each preceded by its length."""
    parts = [b"session", value.encode()]
    return hashlib.sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


def text(value):
    return json.dumps(value, separators=(",", ":"))


def person(number):
    user, vault, identity, sign_in = (new_id() for _ in range(4))
    name, email = f"Erika Mustermann {number}", f"erika.mustermann.{number}@example.com"
    yield "vaults", {"id": vault, "lookup": user.encode(), "key": None}
    yield "users", {"id": user, "vault": vault, "created": 0, "revoked": None}
    yield "identities", {
        "id": identity, "owner": user, "provider": "bench", "issuer": "https://login.example.com/tenant",
        "subject": f"00u{number:017}", "display_name": name, "email": email, "claims": "{}", "confirmed": 0,
    }
    for app in apps:
        terms = {"role": "reader", "app": app, "groups": asked.group, "attributes": {}, "ttl": None, "until": None}
        yield "grants", {
            "id": new_id(), "identity": identity, "role": "reader", "app": app, "terms": text(terms),
            "policy": "0" * 12, "first_granted": 0, "confirmed": 0, "until": asked.until,
            "because": text({"claim": "contract_end"}), "ended": 0,
        }
        profile = {"user_name": email, "display_name": name, "email": email, "entitlements": asked.group, "attributes": {}}
        seen = {"is": "present", "native_id": f"{app}-{number}", "active": True, **profile}
        account = {
            "id": new_id(), "owner": user, "target": app, "external_id": f"external-{number}",
            "origin": "created", "desired": text({"state": "active", **profile}), "given": text(asked.group), "version": 1,
        }
        settled = {"settled": 1, "open": 1, "seen": text(seen), "looked": FAR, "due": None}
        wanted = {"settled": 0, "open": 0, "seen": text({"is": "absent"}), "looked": None, "due": 0}
        yield "accounts", {**account, **(wanted if asked.wanted else settled)}
    if asked.host:
        yield "sign_ins", {"id": sign_in, "identity": identity, "created": 0, "until": FAR}
        yield "sessions", {
            "id": new_id(), "sign_in": sign_in, "host": asked.host, "token": token(f"t{number}"), "created": 0,
        }


store = sqlite3.connect(asked.file)
store.execute("PRAGMA synchronous = OFF")
for begin in range(0, asked.count, BATCH):
    rows = {}
    for number in range(begin, min(begin + BATCH, asked.count)):
        for table, row in person(number):
            rows.setdefault(table, []).append(row)
    for table, values in rows.items():
        columns = values[0]
        names, places = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        store.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", values)
    store.commit()
