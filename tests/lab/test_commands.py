"""What the commands say about the lab, and the report that every race leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

FAST = ["race", "--optimizers", "sgd,adagrad", "--epochs", "1", "--seeds", "2", "--grid", "0.05,0.1", "--extend", "0"]


def command(*words, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "nukarumi", *words], capture_output=True, text=True, timeout=120, check=False, cwd=cwd
    )


def data_of(path):
    """What is in a page's slot for data."""
    text = path.read_text()
    start = text.index('id="nukarumi-data">') + len('id="nukarumi-data">')
    return json.loads(text[start : text.index("</script>", start)])


def test_help_shows_the_four_commands():
    shown = command("--help").stdout
    for name in ("race", "lab", "handout", "bench"):
        assert f"\n    {name} " in shown
    for name in ("lab", "handout"):
        assert command(name, "--help").returncode == 0


def test_every_option_tells_its_default():
    from nukarumi.cli import parser  # noqa: PLC0415

    choices = parser()._subparsers._group_actions[0].choices
    for name in ("lab", "handout"):
        silent = [
            action.dest for action in choices[name]._actions if action.dest != "help" and "default" not in action.help
        ]
        assert not silent


@pytest.mark.parametrize("words", [["--help"], ["lab", "--help"], ["handout", "--lang", "de"]])
def test_words_are_understood_before_anything_heavy_is_imported(words):
    code = (
        f"import sys; from nukarumi.cli import main; main({words!r});"
        "heavy = {'starlette', 'uvicorn', 'anywidget', 'asyncio', 'nukarumi.lab', 'nukarumi.race'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr


def test_the_lab_alone_knows_the_web():
    """The generator of the rules and the race's report run without a web server."""
    code = (
        "import sys, nukarumi.lab, nukarumi.lab.page, nukarumi.lab.reports, nukarumi.race;"
        "heavy = {'starlette', 'uvicorn', 'anywidget', 'asyncio', 'numba', 'IPython'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["lab", "--port", "70000"], "port must be"),
        (["lab", "--port", "many"], "invalid int value"),
        (["lab", "--host", "no such host"], "host must be"),
        (["lab", "--race", "nowhere"], "nowhere"),
        (["lab", "--lang", "de"], "invalid choice"),
        (["handout", "-o", "no/such/lab.html"], "a folder that exists"),
        (["handout", "somewhere"], "unrecognized arguments"),
    ],
)
def test_bad_input_is_a_sentence(words, says, tmp_path):
    ended = command(*words, cwd=tmp_path)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""


def test_a_race_leaves_its_report(tmp_path):
    ended = command(*FAST, "--out", "my race", "--jobs", "1", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == (
        "To look at it: open my race/report.html in a browser, or nukarumi lab --race 'my race'"
    )
    report = tmp_path / "my race" / "report.html"
    shown = data_of(report)
    assert shown["mode"] == "report"
    assert {standing["optimizer"] for standing in shown["report"]["result"]["standings"]} == {"SGD", "Adagrad"}
    assert report.stat().st_size < 4_000_000
    report.unlink()
    again = command(*FAST, "--resume", "my race", "--json", "--jobs", "1", cwd=tmp_path)
    assert json.loads(again.stdout)["complete"] is True
    assert data_of(report) == shown | {"report": shown["report"] | {"result": data_of(report)["report"]["result"]}}


def test_a_report_that_cannot_be_written_spoils_no_race(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.html").mkdir()
    ended = command(*FAST, "--out", "mine", "--jobs", "1", "--quiet", cwd=tmp_path)
    assert ended.returncode == 0
    assert ended.stdout.startswith("optimizer")
    assert ended.stderr.startswith("nukarumi: there is no report.html: the page needs the name of a file")


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_leaves_the_report_of_what_was_finished(tmp_path):
    words = ["race", "--optimizers", "sgd,adagrad", "--epochs", "30", "--seeds", "9", "--grid", "0.1", "--extend", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "nukarumi", *words, "--out", "part", "--jobs", "2"], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    end = time.monotonic() + 60
    while len(list((tmp_path / "part" / "runs").glob("judging-*.json"))) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "open part/report.html" in out
    shown = data_of(tmp_path / "part" / "report.html")["report"]
    assert shown["result"]["complete"] is False
    assert shown["trails"]
