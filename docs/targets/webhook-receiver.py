"""A receiver for guestpass's webhook that keeps accounts in memory: what to start from. Python 3.11, no packages."""

import base64, hashlib, hmac, json, os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
accounts = {}  # by external id


def signed(headers, body):
    message = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    ours = "v1," + base64.b64encode(hmac.digest(KEY, message, hashlib.sha256)).decode()
    fresh = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    return fresh and any(hmac.compare_digest(ours, theirs) for theirs in headers["webhook-signature"].split())


def take(kind, data):
    """Says what is there; does one thing, and does no harm if it comes twice."""
    mark = data["external_id"]
    if kind == "account.look":
        return 200, {"account": accounts.get(mark)}
    if kind == "account.create":
        name = data["account"]["user_name"]
        if mark not in accounts and any(other["user_name"] == name for other in accounts.values()):
            return 409, {"message": f"{name} is somebody else's"}
        accounts.setdefault(mark, {"id": mark, "external_id": mark, "active": True, "groups": [], "roles": []})
        accounts[mark] |= data["account"]
        return 200, {"id": mark}
    if mark not in accounts:
        return 404, {"message": "no such account"}
    account = accounts[mark]
    if kind == "account.update":
        account |= {name: value for name, value in data["account"].items() if name == "expires" or value is not None}
    elif kind in ("account.give", "account.take"):
        [(what, name)] = data["entitlement"].items()
        held = set(account[f"{what}s"]) - {name} | ({name} if kind == "account.give" else set())
        account[f"{what}s"] = sorted(held)
    elif kind == "account.delete":
        del accounts[mark]
    else:
        account["active"] = {"account.enable": True, "account.disable": False}.get(kind, account["active"])
    return 200, {}


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if signed(self.headers, body):
            message = json.loads(body)
            status, answer = take(message["type"], message["data"])
        else:
            status, answer = 401, {"message": "not signed by guestpass"}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
