"""An app that believes guestpass's assertion and nothing else."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# --- what to copy -------------------------------------------------------------------------------------------------------

import jwt

GUESTPASS = os.environ["GUESTPASS"]
APP = os.environ["APP"]

# Kept for five minutes; on an unknown `kid` read again, not more often than every ten seconds.
keys = jwt.PyJWKClient(f"{GUESTPASS}/.well-known/jwks.json", lifespan=300, cooldown_duration=10, timeout=5)


def who(assertion):
    """The claims of a request's assertion.

    Raises jwt.PyJWTError where it is not to be believed, or where the keys cannot be had.
    """
    if jwt.get_unverified_header(assertion).get("typ") != "guestpass+jwt":
        raise jwt.InvalidTokenError("not an assertion of guestpass")
    key = keys.get_signing_key_from_jwt(assertion)
    rules = {"require": ["iss", "aud", "sub", "iat", "exp"]}
    return jwt.decode(assertion, key, algorithms=["ES256"], issuer=GUESTPASS, audience=APP, leeway=5, options=rules)


# ------------------------------------------------------------------------------------------------------------------------


class App(BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            status, said = 200, who(self.headers.get("Guestpass-Assertion", ""))
        except jwt.PyJWTError as error:
            status, said = 401, {"error": str(error)}
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), App).serve_forever()
