"""The chart in a real cluster's API server, which admits only what pod security calls restricted.

ETCD and KUBE_APISERVER name the programs. There is no kubelet: nothing runs, everything is admitted or refused.
"""

import json
import os
import ssl
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request
from pathlib import Path

import yaml

from chart import CHART, HELM, VALUES, objects, render
from running import eventually, free_port

PROGRAMS = [os.environ.get(name) for name in ("ETCD", "KUBE_APISERVER")]
EXAMPLES = CHART / "examples"

#: Where the chart is rendered for, and where it is installed.
RENDERED, INSTALLED = "access", "installed"


class Api:
    """A cluster's API, by its address and an administrator's token."""

    def __init__(self, url, token):
        self.url, self.token = url, token
        # Its certificate is its own, made when it started.
        self.tls = ssl._create_unverified_context()

    def ask(self, path, method="GET", body=None, kind="application/json"):
        """What it answers; a Refused where it does not agree."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        request = urllib.request.Request(self.url + path, method=method, headers=headers, data=body and body.encode())
        try:
            with urllib.request.urlopen(request, timeout=30, context=self.tls) as answer:
                text = answer.read().decode()
                return json.loads(text) if text.startswith("{") else text
        except urllib.error.HTTPError as error:
            said = error.read().decode()
            raise Refused(json.loads(said)["message"] if said.startswith("{") else said) from error

    def path(self, each):
        """Where objects of this one's kind are, for which it is rendered; None where the cluster does not know the kind."""
        version = each["apiVersion"]
        group = f"/apis/{version}" if "/" in version else f"/api/{version}"
        try:
            kinds = self.ask(group)["resources"]
        except Refused:
            return None
        [kind] = [kind for kind in kinds if kind["kind"] == each["kind"] and "/" not in kind["name"]]
        return f"{group}/namespaces/{RENDERED}/{kind['name']}" if kind["namespaced"] else f"{group}/{kind['name']}"

    def post(self, path, each):
        """Makes an object there."""
        return self.ask(path, "POST", json.dumps(each))

    def names(self, kind, group="/api/v1"):
        """The names of the objects of a kind that are installed, such as `services`."""
        return {item["metadata"]["name"] for item in self.ask(f"{group}/namespaces/{INSTALLED}/{kind}")["items"]}


class Refused(OSError):
    """The API server does not agree: why."""


@unittest.skipUnless(all(PROGRAMS), "ETCD and KUBE_APISERVER name no programs")
class Cluster(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        here = Path(cls.folder.name)
        cls.addClassCleanup(cls.folder.cleanup)
        client, peer, secure = free_port(), free_port(), free_port()
        subprocess.run(["openssl", "genrsa", "-out", here / "accounts.key", "2048"], check=True, capture_output=True)
        (here / "tokens").write_text("token,admin,1,system:masters\n")
        etcd, apiserver = PROGRAMS
        cls.start(etcd, f"--data-dir={here}/etcd", f"--listen-client-urls=http://127.0.0.1:{client}",
                  f"--advertise-client-urls=http://127.0.0.1:{client}", f"--listen-peer-urls=http://127.0.0.1:{peer}")
        cls.start(apiserver, f"--etcd-servers=http://127.0.0.1:{client}", "--service-cluster-ip-range=10.0.0.0/24",
                  "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={here}/accounts.key",
                  f"--service-account-signing-key-file={here}/accounts.key", "--authorization-mode=RBAC",
                  "--bind-address=127.0.0.1", "--endpoint-reconciler-type=none", f"--secure-port={secure}",
                  f"--cert-dir={here}/certificates", f"--token-auth-file={here}/tokens")
        cls.api = Api(f"https://127.0.0.1:{secure}", "token")
        eventually(lambda: cls.api.ask("/readyz"), 120)
        for namespace in (RENDERED, INSTALLED):
            labels = {"pod-security.kubernetes.io/enforce": "restricted"}
            cls.api.post("/api/v1/namespaces", {"metadata": {"name": namespace, "labels": labels}})
        # Whom pods name: of the chart's own, of its values, and what a controller would make.
        for account in ("default", "guestpass", "ours"):
            cls.api.post(f"/api/v1/namespaces/{RENDERED}/serviceaccounts", {"metadata": {"name": account}})
        cls.config = here / "kubeconfig"
        cls.config.write_text(yaml.safe_dump({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "it", "cluster": {"server": cls.api.url, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "admin", "user": {"token": "token"}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "admin", "namespace": INSTALLED}}],
            "current-context": "it",
        }))

    @classmethod
    def start(cls, *words):
        log = (Path(cls.folder.name) / Path(words[0]).name).with_suffix(".log").open("w")
        process = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT)
        cls.addClassCleanup(log.close)
        cls.addClassCleanup(process.wait)
        cls.addClassCleanup(process.kill)

    def helm(self, *words):
        done = subprocess.run([HELM, *map(str, words)], capture_output=True, text=True, check=False,
                              env={**os.environ, "KUBECONFIG": str(self.config)})
        self.assertEqual(done.returncode, 0, f"helm {' '.join(map(str, words))}: {done.stderr}")

    def test_it_is_installed_upgraded_to_several_replicas_and_back_and_leaves_nothing(self):
        one = ["upgrade", "--install", "guestpass", CHART, "--values", EXAMPLES / "four.yaml"]
        several = ["--set", "store.postgresql.existingSecret=guestpass-store,replicas=2,autoscaling.enabled=true"]

        def sets():
            return tuple(self.api.names(kind, "/apis/apps/v1") for kind in ("statefulsets", "deployments"))

        for words, there in ((one, ({"guestpass"}, set())), (one + several, (set(), {"guestpass"})), (one, ({"guestpass"}, set()))):
            self.helm(*words)
            self.assertEqual(sets(), there)
        self.helm("uninstall", "guestpass")
        self.assertEqual(sets(), (set(), set()))
        for kind, group in (("services", "/api/v1"), ("secrets", "/api/v1"), ("serviceaccounts", "/api/v1"),
                            ("poddisruptionbudgets", "/apis/policy/v1"), ("networkpolicies", "/apis/networking.k8s.io/v1"),
                            ("horizontalpodautoscalers", "/apis/autoscaling/v2")):
            self.assertEqual(self.api.names(kind, group), set(), kind)

    def each_object(self, check):
        """Checks every object of all values, each as a test of its own: how many it had to do with."""
        checked = 0
        for values in VALUES:
            for each in objects(render(values)):
                with self.subTest(values=values.name, kind=each["kind"], name=each["metadata"]["name"]):
                    checked += check(each)
        return checked

    def test_every_object_is_taken_as_it_is_written(self):
        def is_taken(each):
            path = self.api.path(each)
            # Whoever has the other kinds brings them: Prometheus, the Gateway API, Traefik.
            if path is None:
                return False
            at = f"{path}/{each['metadata']['name']}?fieldManager=it&force=true&dryRun=All&fieldValidation=Strict"
            self.api.ask(at, "PATCH", json.dumps(each), "application/apply-patch+yaml")
            return True

        self.assertGreater(self.each_object(is_taken), 50)

    def test_its_pods_are_admitted_where_only_restricted_ones_are(self):
        pods = f"/api/v1/namespaces/{RENDERED}/pods?dryRun=All&fieldValidation=Strict"

        def is_admitted(each):
            if each["kind"] not in ("StatefulSet", "Deployment", "Job"):
                return False
            spec = each["spec"]["template"]["spec"]
            # The set makes these.
            claims = [claim["metadata"]["name"] for claim in each["spec"].get("volumeClaimTemplates", [])]
            spec.setdefault("volumes", []).extend({"name": name, "emptyDir": {}} for name in claims)
            self.api.post(pods, {"metadata": {"name": "probe"}, "spec": spec})
            return True

        self.assertGreaterEqual(self.each_object(is_admitted), len(VALUES))
        with self.assertRaisesRegex(Refused, "violates PodSecurity"):
            self.api.post(pods, {"metadata": {"name": "probe"}, "spec": {"containers": [{"name": "it", "image": "it"}]}})


if __name__ == "__main__":
    unittest.main()
