"""The real gateway, run with what the chart renders."""

import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from chart import GUESTPASS, objects
from laid_out import configuration, lay_out, mount_files


class Gateway:
    """It runs while the block lasts: with the objects in `text`, on ports of its own on loopback.

    `instead` are texts of its configuration, and what takes their place.
    """

    def __init__(self, text, instead=None):
        self.folder = tempfile.TemporaryDirectory()
        self.config = lay_out(objects(text), Path(self.folder.name))
        self.listen, self.operations = free_port(), free_port()
        said, written = configuration(self.config), self.config.read_text()
        written = written.replace(said["listen"][0], f"127.0.0.1:{self.listen}")
        written = written.replace(said["operations"], f"127.0.0.1:{self.operations}")
        for old, new in ({"announce: 10s": "announce: 0s"} | (instead or {})).items():
            written = written.replace(old, new)
        self.configure(written)

    def configure(self, text):
        """Puts another configuration where the ConfigMap is mounted."""
        mount_files(self.config.parent, {self.config.name: text})

    def __enter__(self):
        self.process = subprocess.Popen([GUESTPASS, "serve", "--json-logs", "--config", self.config],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        host = urlsplit(configuration(self.config)["url"]).hostname
        eventually(lambda: ask(self.operations, "/readyz"))
        eventually(lambda: ask(self.listen, "/.well-known/jwks.json", host))
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        self.folder.cleanup()


def free_port():
    """A port on loopback that nobody listens on."""
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return it.getsockname()[1]


def ask(port, path, host="localhost"):
    """What is answered; an OSError where it is not 2xx."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.read().decode()


def eventually(look, seconds=20):
    """What `look` returns, once it is something and no OSError."""
    end = time.monotonic() + seconds
    while True:
        try:
            if found := look():
                return found
        except OSError:
            if time.monotonic() > end:
                raise
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} seconds")
        time.sleep(0.1)
