"""What `helm test` looks at the installed gateway with: its own words, run here by the same shell and curl."""

import json
import os
import subprocess
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from chart import FOUR, objects, render
from running import Gateway


class FakeProvider:
    """Publishes what a provider does, and vouches for nobody. It runs while the block lasts."""

    def __enter__(self):
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        published = {
            "/.well-known/openid-configuration": {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
            },
            "/keys": {"keys": []},
        }

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(published.get(self.path, {})).encode()
                self.send_response(200 if self.path in published else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server.RequestHandlerClass = Answer
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def rendered(kind, **values):
    """The object of this kind."""
    [found] = [each for each in objects(render(**FOUR, **values)) if each["kind"] == kind]
    return found


def looker(**values):
    """The pod's container that looks at the installed gateway."""
    [container] = [each for each in rendered("Pod", **values)["spec"]["containers"] if each["name"] == "look"]
    return container


class Looks(unittest.TestCase):
    def look(self, gateway):
        """Runs what the pod's container `look` runs, with the addresses of `gateway`: exit code, and what it said."""
        container = looker()
        told = {each["name"]: each["value"] for each in container["env"]}
        told |= {"OPERATIONS": f"http://127.0.0.1:{gateway.operations}", "GATEWAY": f"127.0.0.1:{gateway.listen}"}
        done = subprocess.run([*container["command"], *container["args"]], env=os.environ | told, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def test_a_gateway_that_reaches_its_provider_passes(self):
        with FakeProvider() as provider, Gateway(render(**FOUR), {FOUR["issuer"]: provider.issuer}) as gateway:
            code, said = self.look(gateway)
            self.assertEqual(code, 0, said)
            self.assertIn(f"A sign-in leads to {provider.issuer}/authorize", said)

    def test_one_that_has_another_provider_too_is_asked_for_the_way_to_its_own(self):
        other = {"issuer": "https://id.partner.acme.internal", "client": {"id": "acme", "secret": "for-partners"}}
        text = render(**FOUR, config={"providers": {"partners": other}})
        with FakeProvider() as provider, Gateway(text, {FOUR["issuer"]: provider.issuer}) as gateway:
            code, said = self.look(gateway)
            self.assertEqual(code, 0, said)
            self.assertIn(f"A sign-in leads to {provider.issuer}/authorize", said)

    def test_who_takes_the_proxy_protocol_is_asked_by_it(self):
        trusted = {"trusted-proxies": ["10.0.0.0/8"]}
        for listen, by_it in (
            ([{"at": "0.0.0.0:8080", "proxy-protocol": True}], True),
            (["0.0.0.0:8080", {"at": "0.0.0.0:8443", "proxy-protocol": True}], False),
        ):
            [words] = looker(config={"listen": listen, **trusted})["args"]
            self.assertEqual("--haproxy-protocol" in words, by_it, listen)

    def test_its_pod_is_let_in(self):
        policy = rendered("NetworkPolicy", networkPolicy={"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]})
        labels = rendered("Pod")["metadata"]["labels"]
        selectors = [(sender.get("podSelector", {}).get("matchLabels"), rule["ports"])
                     for rule in policy["spec"]["ingress"] for sender in rule["from"]]
        [ports] = [ports for selector, ports in selectors if selector and selector.items() <= labels.items()]
        self.assertEqual([port["port"] for port in ports], ["http", "operations"])

    def test_one_that_does_not_fails(self):
        with Gateway(render(**FOUR)) as gateway:
            code, said = self.look(gateway)
            self.assertNotEqual(code, 0)
            self.assertIn("503", said)
