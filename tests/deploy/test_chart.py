"""What the chart promises, tried with the real helm, the schemas of Kubernetes, and guestpass itself."""

import functools
import json
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import kubernetes_validate
import yaml

from chart import CHART, FOUR, GUESTPASS, HERE, ROOT, UPDATE, VALUES, Refused, helm, objects, render
from laid_out import certificate, lay_out
from readme import readme
from running import Gateway, ask, eventually

CUSTOM = ("gateway.networking.k8s.io/", "monitoring.coreos.com/", "traefik.io/")


def newest(count):
    """The newest versions of Kubernetes whose schemas are there."""
    folder = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
    found = {tuple(map(int, found.groups())) for each in folder.iterdir()
             if (found := re.match(r"v(\d+)\.(\d+)\.\d+-local-strict$", each.name))}
    return [f"{major}.{minor}" for major, minor in sorted(found)[-count:]]


def for_each(test):
    """The test, once for each file with values: with its name, and the text that comes of it."""

    @functools.wraps(test)
    def all_of_them(self):
        for file in VALUES:
            with self.subTest(file.stem):
                test(self, file.stem, rendered(file))

    return all_of_them


rendered = functools.cache(render)


class Rendered(unittest.TestCase):
    def test_lint_finds_nothing(self):
        for file in VALUES:
            with self.subTest(file.stem):
                code, said, error = helm("lint", CHART, "--strict", "--quiet", "--values", file)
                self.assertEqual(code, 0, said + error)

    @for_each
    def test_it_is_what_was_looked_at_last(self, name, text):
        snapshot = HERE / "snapshots" / f"{name}.yaml"
        if UPDATE:
            snapshot.write_text(text)
        self.assertEqual(text, snapshot.read_text(), "renew with UPDATE_SNAPSHOTS=1, and look at the difference")

    @for_each
    def test_the_three_newest_versions_of_kubernetes_take_every_object(self, _, text):
        versions = newest(3)
        self.assertEqual(len(versions), 3)
        for each in objects(text):
            if each["apiVersion"].startswith(CUSTOM):
                continue
            for version in versions:
                kubernetes_validate.validate(each, version, strict=True)

    @for_each
    def test_custom_resources_are_what_their_makers_take(self, _, text):
        lines = "\n".join(json.dumps(each) for each in objects(text) if each["apiVersion"].startswith(CUSTOM))
        done = subprocess.run(["node", HERE / "resources.mjs"], input=lines, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    @for_each
    def test_pods_are_restricted(self, _, text):
        for each in objects(text):
            spec = each["spec"] if each["kind"] == "Pod" else each.get("spec", {}).get("template", {}).get("spec")
            if not spec:
                continue
            self.assertIs(spec["automountServiceAccountToken"], False)
            self.assertTrue(spec["securityContext"]["runAsNonRoot"])
            self.assertEqual(spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault")
            for container in spec["containers"]:
                if container["name"] not in ("guestpass", "sign-in", "look"):
                    continue
                confined = container["securityContext"]
                self.assertEqual(confined["capabilities"]["drop"], ["ALL"])
                self.assertTrue(confined["readOnlyRootFilesystem"])
                self.assertFalse(confined["allowPrivilegeEscalation"])

    @for_each
    def test_guestpass_takes_the_configuration_and_the_policies(self, name, text):
        if name == "existing":
            return
        with tempfile.TemporaryDirectory() as folder:
            config = lay_out(objects(text), Path(folder))
            certificate(Path(folder), run)
            done = run(GUESTPASS, "check", "--config", config)
            self.assertEqual(done.returncode, 0, done.stderr + done.stdout)

    @for_each
    def test_no_object_holds_a_secret_and_none_is_made(self, _, text):
        self.assertNotIn("Secret", [each["kind"] for each in objects(text)])

    def test_another_configuration_restarts_nothing(self):
        def workload(**values):
            return [each for each in objects(render(**FOUR, **values)) if each["kind"] == "StatefulSet"]

        app = {"apps": {"wiki": {"host": "wiki.acme.internal", "upstream": "http://wiki:80"}}}
        policy = {"a.yaml": {"version": 1, "roles": {}}}
        self.assertEqual(workload(), workload(config=app, policies=policy))

    def test_hosts_of_apps_lead_here_and_of_others_only_the_way_in(self):
        apps = {
            "wiki": {"host": ["wiki.acme.internal:8443", "*.wiki.acme.internal"], "upstream": "http://wiki:80"},
            "board": {"host": "board.acme.internal"},
        }
        [ingress] = [each for each in objects(render(**FOUR, config={"apps": apps}, ingress={"enabled": True}))
                     if each["kind"] == "Ingress"]
        paths = {rule["host"]: rule["http"]["paths"][0]["path"] for rule in ingress["spec"]["rules"]}
        self.assertEqual(paths, {"access.acme.internal": "/", "wiki.acme.internal": "/", "*.wiki.acme.internal": "/",
                                 "board.acme.internal": "/.guestpass"})


class Refusals(unittest.TestCase):
    def refused(self, *words, without=None, **values):
        wanted = {name: value for name, value in (FOUR | values).items() if name != without}
        with self.assertRaises(Refused) as refusal:
            render(**wanted)
        for word in words:
            self.assertIn(word, str(refusal.exception))

    def test_each_of_the_four_values_is_needed(self):
        for name in FOUR:
            with self.subTest(name):
                self.refused(name, without=name)

    def test_placeholders_are_refused(self):
        for name, placeholder in [
            ("host", "access.example.com"), ("host", "guestpass.example"), ("host", "access.localhost"),
            ("issuer", "https://login.example.com"), ("issuer", "https://your-tenant.acme.internal"),
            ("clientId", "CHANGE-ME"), ("clientId", "changeme"), ("clientId", "xxx"), ("existingSecret", "change-me"),
        ]:
            with self.subTest(f"{name}={placeholder}"):
                self.refused(name, **{name: placeholder})
        self.refused("host", config={"apps": {"wiki": {"host": "wiki.example.com", "upstream": "http://wiki"}}})

    def test_what_is_misspelt_or_has_another_form_is_refused(self):
        for where, values in [
            ("hots", {"hots": "a.acme.internal"}),
            ("issuer", {"issuer": "http://login.acme.internal"}),
            ("sesion", {"config": {"sesion": {"length": "1h"}}}),
            ("length", {"config": {"session": {"length": "an hour"}}}),
            ("host", {"config": {"apps": {"wiki": {"upstream": "http://wiki"}}}}),
            ("replicas", {"replicas": "three"}),
            ("logLevel", {"logLevel": "loud"}),
        ]:
            with self.subTest(where):
                self.refused(where, **values)

    def test_sqlite_takes_no_second_replica(self):
        self.refused("SQLite takes one replica", replicas=2)
        self.refused("SQLite takes one replica", autoscaling={"enabled": True})

    def test_questions_are_answered_to_somebody_in_particular(self):
        self.refused("forwardAuth.trustedProxies", forwardAuth={"enabled": True})
        self.refused("forwardAuth.enabled", forwardAuth={"traefik": {"middleware": True}})
        self.refused("httpRoute.parentRefs", httpRoute={"enabled": True})

    def test_those_who_ask_and_those_in_front_are_trusted(self):
        text = render(**FOUR, config={"trusted-proxies": ["10.1.0.0/16"]},
                      forwardAuth={"enabled": True, "trustedProxies": ["10.2.0.0/16"]})
        [config] = [each["data"]["guestpass.yaml"] for each in objects(text)
                    if each["kind"] == "ConfigMap" and "guestpass.yaml" in each["data"]]
        self.assertEqual(yaml.safe_load(config)["trusted-proxies"], ["10.2.0.0/16", "10.1.0.0/16"])


class Agreement(unittest.TestCase):
    """What the chart says is what the rest of the repository says."""

    def test_the_readme_is_made_of_the_values(self):
        file = CHART / "README.md"
        if UPDATE:
            file.write_text(readme())
        self.assertEqual(readme(), file.read_text(), "renew with UPDATE_SNAPSHOTS=1")

    def test_versions_are_those_of_the_program(self):
        version = re.search(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        self.assertEqual([chart["version"], chart["appVersion"]], [version, version])

    def test_the_schema_knows_every_setting_of_the_reference(self):
        schema = json.loads((CHART / "values.schema.json").read_text())["definitions"]
        page = (ROOT / "docs/configuration.md").read_text()
        for name, headline in [("config", "# Configuration"), ("provider", "## A provider"), ("app", "## An app")]:
            table = re.search(rf"^{headline}\n.*?^\| key \|.*?\n\n", page, re.MULTILINE | re.DOTALL)[0]
            told = {key.split(".")[0] for row in re.findall(r"^\| (`.+?`) \|", table, re.MULTILINE)
                    for key in re.findall(r"`([a-z.-]+)`", row)}
            self.assertEqual(set(schema[name]["properties"]), told, name)

    def test_every_value_is_in_the_schema(self):
        def compare(values, schema, path=""):
            self.assertEqual(set(values) - set(schema), set(), path)
            for name, value in values.items():
                inner = schema[name].get("properties")
                if isinstance(value, dict) and inner:
                    compare(value, inner, f"{path}{name}.")

        schema = json.loads((CHART / "values.schema.json").read_text())
        compare(yaml.safe_load((CHART / "values.yaml").read_text()), schema["properties"])


class Running(unittest.TestCase):
    def test_four_values_make_a_gateway_that_is_ready_and_says_its_key(self):
        with Gateway(render(**FOUR)) as gateway:
            self.assertEqual(ask(gateway.operations, "/readyz"), "ready\n")
            keys = json.loads(ask(gateway.listen, "/.well-known/jwks.json", FOUR["host"]))
            self.assertEqual(keys["keys"][0]["alg"], "ES256")
            self.assertIn("Nobody", run(GUESTPASS, "people", "--config", gateway.config).stdout)

    def test_a_configmap_that_changes_holds_without_a_restart_and_a_mistake_keeps_what_held(self):
        def reloads(outcome):
            return f'guestpass_config_reloads_total{{outcome="{outcome}"}} 1' in ask(gateway.operations, "/metrics")

        with Gateway(render(**FOUR)) as gateway:
            text = gateway.config.read_text()
            gateway.configure(text.replace("nothing-yet:", "wiki:"))
            eventually(lambda: reloads("applied"))
            gateway.configure(text.replace("nothing-yet:", "no such name:"))
            eventually(lambda: reloads("refused"))
            self.assertEqual(ask(gateway.operations, "/readyz"), "ready\n")


def run(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)
