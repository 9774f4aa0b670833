"""Alerts and the dashboard: of metrics that there are, each with a page, and they fire when they should."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import yaml

from chart import CHART, FOUR, HERE, ROOT, objects, render
from running import Gateway, ask

ALERTS = CHART / "files/alerts.yaml"
DASHBOARD = CHART / "files/dashboard.json"
RUNBOOKS = ROOT / "docs/runbooks"
PROMTOOL = os.environ.get("PROMTOOL") or shutil.which("promtool")


def rules():
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


class Told(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with Gateway(render(**FOUR)) as gateway:
            text = ask(gateway.operations, "/metrics")
        endings = {"counter": "_total", "info": "_info"}
        types = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
        cls.told = {name + endings.get(kind, "") for name, kind in types}
        # Only once there was a sign-in, and where traces are told.
        cls.told |= {"guestpass_sign_ins_total", "guestpass_spans_total"}
        cls.parts = {f"{name}_{part}" for name, kind in types if kind == "histogram" for part in ("bucket", "sum", "count")}

    def test_alerts_and_panels_ask_for_what_the_gateway_tells(self):
        panels = json.loads(DASHBOARD.read_text())["panels"]
        asked = [rule["expr"] for rule in rules()] + [target["expr"] for panel in panels for target in panel["targets"]]
        self.assertEqual(set(re.findall(r"guestpass_\w+", "\n".join(asked))) - self.told - self.parts, set())

    def test_the_page_of_operations_lists_what_the_gateway_tells(self):
        page = (ROOT / "docs/operations.md").read_text()
        self.assertEqual(set(re.findall(r"^\| `(guestpass_\w+)", page, re.MULTILINE)), self.told)

    def test_each_alert_has_a_page_and_each_page_an_alert(self):
        alerts = {rule["alert"] for rule in rules()}
        pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}
        self.assertEqual(alerts, pages)
        listed = set(re.findall(r"^\| \[(\w+)\]\(\1\.md\)", (RUNBOOKS / "README.md").read_text(), re.MULTILINE))
        self.assertEqual(alerts, listed)

    def test_the_chart_brings_each_with_its_page(self):
        text = render(**FOUR, prometheusRule={"enabled": True, "alertLabels": {"team": "access"}})
        [rule] = [each for each in objects(text) if each["kind"] == "PrometheusRule"]
        brought = [rule for group in rule["spec"]["groups"] for rule in group["rules"]]
        self.assertEqual([each["expr"] for each in brought], [each["expr"] for each in rules()])
        for each in brought:
            self.assertTrue(each["annotations"]["runbook_url"].endswith(f"/docs/runbooks/{each['alert']}.md"))
            self.assertEqual(each["labels"]["team"], "access")


@unittest.skipUnless(PROMTOOL, "there is no promtool")
class Fired(unittest.TestCase):
    def promtool(self, *arguments):
        done = subprocess.run([PROMTOOL, *map(str, arguments)], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_prometheus_takes_the_rules(self):
        self.promtool("check", "rules", "--lint=all", "--lint-fatal", ALERTS)

    def test_each_fires_when_it_should_and_not_before(self):
        with tempfile.TemporaryDirectory() as folder:
            cases = Path(folder) / "cases.yaml"
            cases.write_text((HERE / "alerts.yaml").read_text().replace("ALERTS", str(ALERTS)))
            self.promtool("test", "rules", cases)
        tried = set(re.findall(r"alertname: (\w+)", (HERE / "alerts.yaml").read_text()))
        self.assertEqual(tried, {rule["alert"] for rule in rules()})
