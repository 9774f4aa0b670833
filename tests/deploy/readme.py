"""The README of the chart, made of the comments in its values. Run by itself, it writes it."""

import json
import re

import yaml

from chart import CHART

HEAD = """# The chart

<!-- Made of values.yaml by tests/deploy/readme.py; UPDATE_SNAPSHOTS=1 ./scripts/test --deploy renews it. -->

Installs [guestpass](../../README.md) on Kubernetes 1.31 or later; it is tried with Helm 4, and against the schemas of the three
newest versions of Kubernetes. Four values will do:

```sh
kubectl create secret generic guestpass \\
  --from-literal=client-secret='what the provider showed' \\
  --from-literal=key="$(openssl rand 32 | basenc --base64url | tr -d =)"

helm install guestpass oci://ghcr.io/guestpass/guestpass/charts/guestpass \\
  --set host=access.acme.internal --set issuer=https://login.acme.internal \\
  --set clientId=guestpass --set existingSecret=guestpass

helm test guestpass
```

That is one pod with SQLite on a volume. [First ten minutes](../../docs/first-ten-minutes.md#on-kubernetes) goes on from here.

| to begin with | |
|---|---|
| [four.yaml](examples/four.yaml) | the four values |
| [app.yaml](examples/app.yaml) | an app, its accounts, a policy, an Ingress |
| [postgresql.yaml](examples/postgresql.yaml) | several replicas, a Gateway, alerts, the dashboard |
| [sidecar.yaml](examples/sidecar.yaml) | the app in guestpass's own pod |
| [ingress-nginx.yaml](examples/ingress-nginx.yaml), [traefik.yaml](examples/traefik.yaml) | others carry the requests, and ask |

**SQLite or PostgreSQL.** With SQLite it is a StatefulSet of one: Kubernetes starts no second pod before the first is known
to be gone, also when a node is lost, and one process alone may use the store. An upgrade is a few seconds without it. With
`store.postgresql.existingSecret` it is a Deployment with as many replicas as you like, replaced one by one.

**Files are read again.** A changed ConfigMap or Secret holds within about a minute, without a restart; nothing here restarts
pods for it. A mistake keeps what held, and `GuestpassConfigInvalid` tells. What [takes a restart](../../docs/configuration.md)
takes `kubectl rollout restart`.

**Secrets stay yours.** The chart makes none and puts none into an object; it names yours. Whatever the configuration needs
besides goes into `secrets`, and is read as `${file:/etc/guestpass/secrets/NAME/KEY}`.

**Placeholders are refused**: hosts of `example.com`, `CHANGE-ME` and the like render nothing.

**Uninstalling keeps the volume** of SQLite: it says who had what until when.

`helm test` signs a person in at the demo's provider, with the image of the release and as confined as it, and asks the
installed gateway whether it is ready, for its keys, and for the way to its provider. A listener for
the PROXY protocol answers its pod only where `trusted-proxies` names it.

## Values
"""


def readme():
    """The whole text."""
    return HEAD + "".join(sections())


def sections():
    title = None
    for part, rows in parts():
        if part != title:
            title = part
            yield f"\n### {title}\n\n| value | unless said | |\n|---|---|---|\n"
        yield from rows


def parts():
    """Each key with a comment, below the headline that it stands under."""
    lines = (CHART / "values.yaml").read_text().splitlines()
    defaults = yaml.safe_load("\n".join(lines))
    title, comment, path = None, [], []
    for line in lines:
        if line.startswith("## "):
            title = line[3:]
        elif found := re.match(r" *# (.*)", line):
            comment.append(found[1])
        elif found := re.match(r"( *)([A-Za-z]+):", line):
            path = [*path[: len(found[1]) // 2], found[2]]
            if comment:
                yield title, [f"| `{'.'.join(path)}` | {shown(value(defaults, path))} | {' '.join(comment).replace('|', chr(92) + '|')} |\n"]
            comment = []


def value(defaults, path):
    for name in path:
        defaults = defaults[name]
    return defaults


def shown(default):
    if default in ("", None, [], {}):
        return ""
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


if __name__ == "__main__":
    (CHART / "README.md").write_text(readme())
