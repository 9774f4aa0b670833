"""The image as buildah builds it, from stand-ins for what a registry would give: no registry is asked.

BUILDAH names the program. What a release does is done: its program takes the place of the stage that builds one.
"""

import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
import unittest
from pathlib import Path

from chart import ROOT

BUILDAH = os.environ.get("BUILDAH")
NOBODY = 65532


@unittest.skipUnless(BUILDAH, "only with buildah (./scripts/test --long)")
class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = Path(folder.name)
        cls.image("rust", cls.tools)
        cls.image("base", lambda root: (root / "etc").mkdir(parents=True))
        program = cls.folder / "programs/amd64/guestpass"
        program.parent.mkdir(parents=True)
        # As an artifact of a workflow comes back: nobody may run it.
        program.write_text("a program")
        program.chmod(0o644)
        cls.buildah(
            "bud", "--build-arg=RUST=localhost/rust", "--build-arg=BASE=localhost/base", "--build-arg=TARGETARCH=amd64",
            f"--build-context=build={cls.folder / 'programs'}", "--tag=guestpass", ROOT,
        )
        cls.container = cls.buildah("from", "guestpass")
        cls.root = Path(cls.buildah("mount", cls.container))

    @classmethod
    def tools(cls, root):
        """What the build asks for besides Rust, with the libraries that each needs."""
        for tool in map(Path, ("/bin/sh", "/bin/chmod", "/usr/bin/install")):
            needed = subprocess.run(["ldd", tool], check=True, capture_output=True, text=True).stdout
            for file in [tool, *map(Path, re.findall(r"(?:^|\s)(/\S+)", needed))]:
                copy = root / file.relative_to("/")
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, copy)

    @classmethod
    def image(cls, name, fill):
        root = cls.folder / name
        fill(root)
        container = cls.buildah("from", "scratch")
        cls.buildah("copy", container, root, "/")
        cls.buildah("commit", container, f"localhost/{name}")

    @classmethod
    def buildah(cls, *args):
        """What it says; it keeps all that it makes in our folder."""
        kept = [f"--root={cls.folder / 'kept'}", f"--runroot={cls.folder / 'run'}", "--storage-driver=vfs"]
        done = subprocess.run(
            [BUILDAH, *kept, *map(str, args)], env={**os.environ, "BUILDAH_ISOLATION": "chroot"}, capture_output=True, text=True
        )
        if done.returncode:
            raise AssertionError(f"buildah {args[0]}: {done.stderr}")
        return done.stdout.strip()

    def test_it_holds_the_program_and_two_folders_that_are_closed_to_others(self):
        def told(path):
            found = path.lstat()
            return stat.filemode(found.st_mode), found.st_uid, found.st_gid

        files = {f"/{path.relative_to(self.root)}" for path in self.root.rglob("*") if not path.is_dir()}
        self.assertEqual(files, {"/usr/local/bin/guestpass"})
        self.assertEqual(told(self.root / "usr/local/bin/guestpass"), ("-rwxr-xr-x", 0, 0))
        for folder in ("var/lib/guestpass", "run/guestpass"):
            self.assertEqual(told(self.root / folder), ("drwx------", NOBODY, NOBODY), folder)

    def test_it_serves_as_nobody_in_particular(self):
        config = json.loads(self.buildah("inspect", "--type=image", "guestpass"))["OCIv1"]["config"]
        self.assertEqual(config["User"], f"{NOBODY}:{NOBODY}")
        self.assertEqual([*config["Entrypoint"], *config["Cmd"]], ["/usr/local/bin/guestpass", "serve", "--json-logs"])
        self.assertIn("GUESTPASS_CONFIG=/etc/guestpass/guestpass.yaml", config["Env"])
        self.assertEqual((config["WorkingDir"], list(config["Volumes"])), ("/etc/guestpass", ["/var/lib/guestpass"]))
