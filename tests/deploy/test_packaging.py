"""What runs guestpass without Kubernetes: the image, the files of Compose, the unit of systemd; and how it is released."""

import base64
import json
import os
import re
import secrets
import shutil
import subprocess
import tempfile
import unittest
from ipaddress import ip_address, ip_network
from pathlib import Path

import yaml

from chart import GUESTPASS, ROOT


def run(*command):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True)


class Compose(unittest.TestCase):
    FILES = ROOT / "packaging/compose"

    def test_guestpass_takes_its_configuration(self):
        with tempfile.TemporaryDirectory() as folder:
            here = shutil.copytree(self.FILES, Path(folder) / "compose")
            (here / "secrets").mkdir()
            (here / "secrets/key").write_text(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("="))
            (here / "secrets/client-secret").write_text(secrets.token_urlsafe(24))
            done = run(GUESTPASS, "check", "--config", here / "guestpass.yaml")
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_whom_it_trusts_is_the_proxy_and_who_it_fronts_is_reached_by_nobody_else(self):
        compose = yaml.safe_load((self.FILES / "compose.yaml").read_text())
        services = compose["services"]
        config = yaml.safe_load((self.FILES / "guestpass.yaml").read_text())
        address = services["caddy"]["networks"]["front"]["ipv4_address"]
        self.assertEqual(config["trusted-proxies"], [f"{address}/32"])
        [addresses] = compose["networks"]["front"]["ipam"]["config"]
        self.assertNotIn(ip_address(address), ip_network(addresses["ip_range"]))
        self.assertEqual([name for name, each in services.items() if "ports" in each], ["caddy"])
        self.assertEqual(services["whoami"]["networks"], ["apps"])
        self.assertNotIn("apps", services["caddy"]["networks"])

    @unittest.skipUnless(shutil.which("caddy"), "there is no Caddy")
    def test_caddy_takes_its_file_and_fronts_the_hosts_of_the_configuration(self):
        file = self.FILES / "Caddyfile"
        done = run("caddy", "validate", "--adapter", "caddyfile", "--config", file)
        self.assertEqual(done.returncode, 0, done.stderr)
        config = yaml.safe_load((self.FILES / "guestpass.yaml").read_text())
        hosts = {config["url"].removeprefix("https://"), *(app["host"] for app in config["apps"].values())}
        fronted = re.search(r"^(.+) \{$", file.read_text(), re.MULTILINE)[1]
        self.assertEqual(set(fronted.split(", ")), hosts)


@unittest.skipUnless(shutil.which("systemd-analyze"), "there is no systemd")
class Systemd(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        text = (ROOT / "packaging/guestpass.service").read_text()
        self.unit = Path(folder.name) / "guestpass.service"
        self.unit.write_text(text.replace("/usr/local/bin/guestpass", GUESTPASS))

    def test_the_unit_is_right(self):
        done = run("systemd-analyze", "verify", "--man=no", self.unit)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_it_is_shut_in(self):
        done = run("systemd-analyze", "security", "--offline=true", "--threshold=20", self.unit)
        self.assertEqual(done.returncode, 0, done.stdout)


class Image(unittest.TestCase):
    def test_all_that_the_program_is_made_of_is_sent_to_the_build(self):
        sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
        used = {"Cargo.toml", "Cargo.lock", "src"}
        used |= set(re.findall(r"\./(scripts/[\w-]+)", (ROOT / "Dockerfile").read_text()))
        for file in (ROOT / "src").rglob("*.rs"):
            for path in re.findall(r'include_(?:str|bytes)!\(\s*"([^"]+)"', file.read_text()):
                used.add((file.parent / path).resolve().relative_to(ROOT).parts[0])
        described = run("cargo", "metadata", "--no-deps", "--offline", "--format-version", "1")
        for package in json.loads(described.stdout)["packages"]:
            for target in package["targets"]:
                used.add(Path(target["src_path"]).relative_to(ROOT).parts[0])
        # Cargo looks for the files of targets that it does not build, too; those of tests it finds by itself.
        self.assertEqual(used - sent - {"tests"}, set())

    def test_it_runs_as_nobody_in_particular_and_is_pinned(self):
        text = (ROOT / "Dockerfile").read_text()
        self.assertIn("\nUSER 65532:65532\n", text)
        for image in re.findall(r"^ARG (?:RUST|BASE)=(.+)$", text, re.MULTILINE):
            self.assertRegex(image, r"(:\d|-debian\d+:)")
            self.assertNotIn("latest", image)


class Release(unittest.TestCase):
    def test_its_workflow_is_one_that_can_run(self):
        done = run(os.environ.get("ACTIONLINT", "actionlint"), *(ROOT / ".github/workflows").glob("*.yaml"))
        self.assertEqual(done.returncode, 0, done.stdout)
