"""The pages: their links lead somewhere, and what they say of providers is a configuration."""

import base64
import re
import secrets
import subprocess
import tempfile
import unittest
from pathlib import Path
from urllib.parse import unquote

from chart import GUESTPASS, ROOT

ELSEWHERE = {"target", "node_modules", ".git"}
PAGES = sorted(page for page in ROOT.rglob("*.md") if not ELSEWHERE & set(page.relative_to(ROOT).parts))


def without_code(text):
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors(page):
    """The fragments by which its headlines are found, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
            for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}


class Links(unittest.TestCase):
    def test_each_leads_to_a_page_and_a_headline_that_are_there(self):
        for page in PAGES:
            for link in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text())):
                if re.match(r"[a-z]+:", link):
                    continue
                path, _, fragment = unquote(link).partition("#")
                to = (page.parent / path).resolve() if path else page
                with self.subTest(page=str(page.relative_to(ROOT)), link=link):
                    self.assertTrue(to.exists())
                    if fragment:
                        self.assertIn(fragment, anchors(to))


class Providers(unittest.TestCase):
    def test_each_is_written_as_guestpass_reads_it(self):
        page = (ROOT / "docs/providers.md").read_text()
        blocks = re.findall(r"```yaml\n(providers:\n.*?)```", page, re.DOTALL)
        self.assertEqual(len(blocks), page.count("\n## "))
        for block in blocks:
            with self.subTest(block), tempfile.TemporaryDirectory() as folder:
                here = Path(folder)
                for name in ("secrets", "policies"):
                    (here / name).mkdir()
                (here / "secrets/key").write_text(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("="))
                (here / "secrets/oidc").write_text(secrets.token_urlsafe(24))
                (here / "policies/a.yaml").write_text("version: 1\nroles: { r: { who: { provider: staff }, gets: { wiki: {} } } }\n")
                (here / "guestpass.yaml").write_text(
                    'url: https://access.acme.internal\nstore: sqlite:guestpass.db\nkey: "${file:secrets/key}"\n'
                    "apps: { wiki: { host: wiki.acme.internal, upstream: http://wiki } }\npolicies: policies/\n" + block)
                done = subprocess.run([GUESTPASS, "check", "--config", here / "guestpass.yaml"], capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr)
