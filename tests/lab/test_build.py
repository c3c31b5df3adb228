"""The build hook: the page is made when it is due, and only then; and the source archive can make it."""

import importlib.util
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What stands in for npm here: it writes down that it was called, and makes outputs from the one source.
NODE = """
import pathlib, sys
web = pathlib.Path(__file__).parent
with open(web.parent / "calls", "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
if (web / "src" / "main.ts").read_text() == "bad" and sys.argv[2] == "run":
    sys.exit("main.ts(1,1): this cannot be built")
(web / "dist").mkdir(exist_ok=True)
for name in ("lab.html", "widget.js"):
    (web / "dist" / name).write_text("made from " + (web / "src" / "main.ts").read_text())
"""
BUILD = ["ci --no-audit --no-fund", "run build"]


@pytest.fixture(scope="module")
def hook():
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def house(tmp_path):
    """A small copy of the repository's shape."""
    for name, text in {
        "web/package.json": "{}",
        "web/node.py": NODE,
        "web/src/main.ts": "one",
        "src/nukarumi/rules.py": "rules",
        "src/nukarumi/cli.py": "cli",
        "src/nukarumi/lab/generate.py": "generate",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def build(hook, house):
    """Run the hook; what it called, and what it said."""
    said = []
    (house / "calls").write_text("")
    built = hook.build_page(house, said.append)
    assert built == bool(said)
    return [f"{line}" for line in (house / "calls").read_text().replace("npm ", "").splitlines()]


def test_the_page_is_made_once(hook, house):
    assert build(hook, house) == BUILD
    static = house / "src" / "nukarumi" / "lab" / "static"
    assert (static / "lab.html").read_text() == "made from one"
    assert build(hook, house) == []


@pytest.mark.parametrize(
    "source", ["web/src/main.ts", "web/package.json", "src/nukarumi/rules.py", "web/src/new.svelte"]
)
def test_a_changed_source_makes_it_again(hook, house, source):
    build(hook, house)
    (house / source).write_text("two")
    assert build(hook, house) == BUILD


@pytest.mark.parametrize(
    "other", ["src/nukarumi/cli.py", "web/README.md", "web/src/generated/generated.js", "web/node_modules/a/b.js"]
)
def test_other_files_do_not(hook, house, other):
    build(hook, house)
    (house / other).parent.mkdir(parents=True, exist_ok=True)
    (house / other).write_text("two")
    assert build(hook, house) == []


@pytest.mark.parametrize("name", ["lab.html", "widget.js", "sources.sha256"])
def test_a_missing_output_is_made_again(hook, house, name):
    build(hook, house)
    (house / "src" / "nukarumi" / "lab" / "static" / name).unlink()
    assert build(hook, house) == BUILD


def test_a_failure_says_what_failed_and_is_tried_again(hook, house):
    (house / "web" / "src" / "main.ts").write_text("bad")
    with pytest.raises(SystemExit, match=r"(?s)main\.ts\(1,1\): this cannot be built.*`npm run build` in web/"):
        build(hook, house)
    (house / "web" / "src" / "main.ts").write_text("good")
    assert build(hook, house) == BUILD


def test_without_web_the_outputs_are_taken_as_they_are(hook, house):
    (house / "web" / "package.json").unlink()
    with pytest.raises(SystemExit, match="cannot be built"):
        build(hook, house)
    static = house / "src" / "nukarumi" / "lab" / "static"
    static.mkdir()
    for name in ("lab.html", "widget.js"):
        (static / name).write_text("made elsewhere")
    assert build(hook, house) == []


def test_the_source_archive_can_make_the_page(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)], cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.iterdir()
    with tarfile.open(archive) as files:
        names = {name.partition("/")[2] for name in files.getnames()}
    assert {
        "hatch_build.py",
        "web/package.json",
        "web/package-lock.json",
        "web/node.py",
        "web/src/main.svelte.ts",
    } <= names
    assert not [name for name in names if "node_modules/" in name or name.startswith(("web/dist", "web/src/generated"))]
    assert archive.stat().st_size < 20_000_000
