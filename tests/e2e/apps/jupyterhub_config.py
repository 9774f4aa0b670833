"""JupyterHub as the end-to-end run has it: the hub alone, without the proxy in front and without notebooks."""

import os
import socket
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "../../../docs/targets"))
from guestpass_authenticator import GuestpassAuthenticator
from jupyterhub.proxy import Proxy
from jupyterhub.spawner import SimpleLocalProcessSpawner


# Not every resolver knows names that end in .localhost.
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: resolve(
    "127.0.0.1" if str(host).endswith(".localhost") else host, *rest, **more
)


class NoProxy(Proxy):
    """The gateway speaks to the hub itself."""

    should_start = False

    async def add_route(self, routespec, target, data):
        pass

    async def delete_route(self, routespec):
        pass

    async def get_all_routes(self):
        return {}


c = get_config()  # noqa: F821
c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{os.environ['HUB_PORT']}"
c.JupyterHub.db_url = "sqlite:///:memory:"
c.JupyterHub.cookie_secret = os.urandom(32)
c.JupyterHub.authenticator_class = GuestpassAuthenticator
c.GuestpassAuthenticator.gateway = os.environ["GATEWAY"]
c.JupyterHub.spawner_class = SimpleLocalProcessSpawner
c.Spawner.cmd = [sys.executable, os.path.join(here, "jupyterhub_server.py")]
c.JupyterHub.services = [
    {"name": "guestpass", "api_token": os.environ["HUB_TOKEN"]},
    {"name": "operator", "api_token": os.environ["OPERATOR_TOKEN"]},
]
c.JupyterHub.load_roles = [
    {"name": "operator", "services": ["operator"], "scopes": ["servers"]},
    {
        "name": "guestpass",
        "services": ["guestpass"],
        "scopes": ["admin:users", "delete:users", "admin:groups", "delete:groups", "tokens", "delete:servers"],
    }
]
