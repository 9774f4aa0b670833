"""What a pod would find in its file system, laid out in a folder, so that the real program can be run with it."""

import base64
import re
import secrets as random
import tempfile
from pathlib import Path

import yaml


def lay_out(objects, folder: Path):
    """Writes what the pod of `objects` mounts below `folder`; returns the configuration's path.

    What the chart only names is made up: secrets with every key that the configuration asks for.
    """
    kinds = {}
    for each in objects:
        kinds.setdefault(each["kind"], {})[each["metadata"]["name"]] = each
    workload = next(iter((kinds.get("StatefulSet") or kinds["Deployment"]).values()))
    pod = workload["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    here = {}
    for mount in pod["containers"][0]["volumeMounts"]:
        here[mount["mountPath"]] = at = folder / mount["mountPath"].lstrip("/")
        at.mkdir(parents=True, exist_ok=True)
        named = volumes.get(mount["name"], {}).get("configMap", {}).get("name")
        # What somebody else makes is not there.
        files = kinds["ConfigMap"].get(named, {}).get("data", {})
        mount_files(at, {name: moved(text, folder) for name, text in files.items()})
    config = folder / "etc/guestpass/config/guestpass.yaml"
    for path in re.findall(r"\$\{file:([^}]+)\}", config.read_text()):
        assert any(path.startswith(f"{folder}{mount}/") for mount in here), f"{path} is mounted nowhere"
        Path(path).write_text(made_up(path, folder))
    return config


def mount_files(at: Path, files):
    """Puts files where a ConfigMap is mounted, as Kubernetes does it: all at once, by turning a link."""
    if not files:
        return
    version = Path(tempfile.mkdtemp(prefix="..", dir=at))
    for name, text in files.items():
        (version / name).write_text(text)
        if not (at / name).is_symlink():
            (at / name).symlink_to(f"..data/{name}")
    (at / "..next").symlink_to(version.name)
    (at / "..next").rename(at / "..data")


def moved(text, folder):
    """The same text, with paths below `folder`."""
    text = re.sub(r"(?<![\w.:/])/(etc|run|var/lib)/guestpass", rf"{folder}/\1/guestpass", text)
    text = re.sub(r"(sqlite:|file:)/(etc|var/lib)/guestpass", rf"\1{folder}/\2/guestpass", text)
    return text


def made_up(path, folder):
    if path.endswith("/guestpass/key"):
        return base64.urlsafe_b64encode(random.token_bytes(32)).decode().rstrip("=")
    if "/secrets/postgresql/" in path:
        # No database is there for this; what the file says besides does not hang on it.
        return f"sqlite:{folder}/guestpass.db"
    return random.token_urlsafe(24)


def certificate(folder: Path, run):
    """A certificate where the chart mounts one, made by `run`."""
    at = folder / "etc/guestpass/tls"
    if at.is_dir():
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "9",
            "-subj", "/CN=access", "-addext", "subjectAltName=DNS:access.acme.internal",
            "-keyout", at / "tls.key", "-out", at / "tls.crt")


def configuration(config: Path):
    """What it says."""
    return yaml.safe_load(config.read_text())
