"""Builds the lab's page into the package, so that whoever installs a wheel needs no Node.

The outputs lie in ``src/nukarumi/lab/static``, which git ignores: ``lab.html``, ``widget.js``, and ``sources.sha256``,
the fingerprint of what they were made from. They are made again only when the fingerprint has changed. Without ``web/``
(somebody has packed the sources with the outputs) they are taken as they are.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

OUTPUTS = ("lab.html", "widget.js")
STATIC = Path("src", "nukarumi", "lab", "static")
# What the page is made of. The Python sources are those that nukarumi.lab.generate and nukarumi.lessons.build read: the
# rules, their translation, the optimizers' settings and conventions, the terrains, the chapters and what proves them.
SOURCES = (
    "web/*.*",
    "web/src/**/*",
    "web/scripts/*",
    "src/nukarumi/*.py",
    "src/nukarumi/translate/*.py",
    "src/nukarumi/optim/**/*.py",
    "src/nukarumi/problems/terrains.py",
    "src/nukarumi/lab/generate.py",
    "src/nukarumi/lab/walks.py",
    "src/nukarumi/lessons/**/*",
)
LEFT_OUT = (
    "src/nukarumi/cli.py",
    "web/README.md",
    "web/node.py",
    "web/src/generated/",
    "src/nukarumi/lessons/__pycache__/",
)


class PageHook(BuildHookInterface[Any]):
    """Hatchling calls this before it packs a wheel or an editable install."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the page if it is missing or older than its sources."""
        if self.target_name == "wheel":
            build_page(Path(self.root), say=self.app.display_info)


def build_page(root: Path, say: Any = print) -> bool:
    """Make the page where that is due; whether it was.

    Raises
    ------
    SystemExit
        If it cannot be made, with a sentence that says why and what to do.
    """
    static = root / STATIC
    if not (root / "web" / "package.json").exists():
        missing = [name for name in OUTPUTS if not (static / name).exists()]
        if missing:
            raise SystemExit(f"The lab's page cannot be built: neither web/ nor {STATIC / missing[0]} is here.")
        return False
    sources = fingerprint(root)
    stamp = static / "sources.sha256"
    if stamp.exists() and stamp.read_text() == sources and all((static / name).exists() for name in OUTPUTS):
        return False
    began = time.perf_counter()
    for words in (["npm", "ci", "--no-audit", "--no-fund"], ["npm", "run", "build"]):
        done = subprocess.run(
            [sys.executable, str(root / "web" / "node.py"), *words],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(
                f"{done.stdout}\nThe lab's page could not be built: `{' '.join(words)}` in web/ ended with code "
                f"{done.returncode}; its words are above. It needs the npm registry once, to fetch what "
                "web/package-lock.json names. Where that cannot be reached, install a wheel that was built elsewhere."
            )
    static.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    for name in OUTPUTS:
        shutil.copyfile(root / "web" / "dist" / name, static / name)
    stamp.write_text(sources)
    say(f"nukarumi: the lab's page was built in {time.perf_counter() - began:.0f} s")
    return True


def fingerprint(root: Path) -> str:
    """Hash the names and contents of all that the page is made of."""
    files = {path for pattern in SOURCES for path in root.glob(pattern) if path.is_file()}
    digest = hashlib.sha256()
    for path in sorted(files):
        name = path.relative_to(root).as_posix()
        if not name.startswith(LEFT_OUT):
            digest.update(f"{name}\0{path.stat().st_size}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.stdout.write("built\n" if build_page(Path(__file__).parent) else "nothing to do\n")
