"""The chart, as the real helm renders it."""

import json
import os
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "guestpass"
HERE = ROOT / "tests" / "deploy"
HELM = os.environ.get("HELM", "helm")
GUESTPASS = os.environ.get("GUESTPASS", str(ROOT / "target" / "debug" / "guestpass"))
UPDATE = os.environ.get("UPDATE_SNAPSHOTS") == "1"

#: What the chart is rendered with: the examples that it comes with, and what they do not say.
VALUES = sorted([*(CHART / "examples").glob("*.yaml"), *(HERE / "values").glob("*.yaml")])

FOUR = {
    "host": "access.acme.internal",
    "issuer": "https://login.acme.internal",
    "clientId": "guestpass",
    "existingSecret": "guestpass",
}


def helm(*arguments):
    """Runs helm: its exit code, and what it said."""
    done = subprocess.run([HELM, *map(str, arguments)], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def render(*files, **values):
    """The text of all objects, for files with values, and values that count more."""
    flags = [flag for file in files for flag in ("--values", file)]
    flags += [flag for name, value in values.items() for flag in ("--set-json", f"{name}={json.dumps(value)}")]
    code, text, error = helm("template", "guestpass", CHART, "--namespace", "access", *flags)
    if code:
        raise Refused(error)
    return text


def objects(text):
    """The objects in a text."""
    return [each for each in yaml.safe_load_all(text) if each]


class Refused(Exception):
    """Helm renders nothing: why."""
