"""The command line: sentences instead of tracebacks, clean JSON, exit codes that scripts can trust."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

FAST = ["race", "--optimizers", "sgd,adagrad", "--epochs", "1", "--seeds", "2", "--grid", "0.05,0.1", "--extend", "0"]


def command(*words, cwd=None, **options):
    return subprocess.run(
        [sys.executable, "-m", "nukarumi", *words], capture_output=True, text=True, timeout=120, check=False, cwd=cwd,
        **options,
    )  # fmt: skip


def test_race_prints_a_table_and_writes_its_folder(tmp_path):
    ended = command(*FAST, "--out", "mine", "--jobs", "2", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[0].startswith("optimizer")
    assert "mine" in ended.stdout.splitlines()[-1]
    assert "\x1b" not in ended.stdout + ended.stderr
    assert max(map(len, ended.stdout.splitlines())) <= 100
    assert len(list((tmp_path / "mine" / "trails").iterdir())) == 4
    again = command(*FAST, "--resume", "mine", "--json", "--jobs", "1", cwd=tmp_path)
    result = json.loads(again.stdout)
    assert result["complete"] is True
    stored = json.loads((tmp_path / "mine" / "result.json").read_text())
    assert stored["standings"] == result["standings"]


def test_json_to_a_file_and_the_default_folder(tmp_path):
    ended = command(*FAST, "--json", "r.json", "--quiet", "--jobs", "1", "--batch-size", "64", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["settings"]["options"] == {"batch_size": 64}
    assert (tmp_path / result["folder"] / "race.json").exists()
    assert result["folder"].startswith("races/digits-")
    assert "optimizer" in ended.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["race", "--optimizers", "adagradd"], "SGD, Momentum"),
        (["race", "--problem", "no/such/file.csv"], "no/such/file.csv"),
        (["race", "--epochs", "0"], "epochs must be"),
        (["race", "--grid", "1:0:3"], "lo:hi:n"),
        (["race", "--jobs", "0"], "processes must be"),
        (["race", "--resume", "nowhere"], "nowhere"),
        (["race", "--batch-size", "-3"], "batch_size"),
        (["race", "--json", "no/such/r.json"], "--json needs a folder that exists. Received: no/such. Cure: mkdir"),
        (
            ["quiz", "-o", "no/such/x"],
            "the quiz needs a folder that exists. Received: no/such. Cure: mkdir -p no/such.",
        ),
        (["quiz", "-o", "."], "the quiz needs the name of a file"),
    ],
)
def test_bad_input_is_one_sentence(words, says, tmp_path):
    ended = command(*words, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith("nukarumi: ")
    assert says in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    assert not (tmp_path / "races").exists()


@pytest.mark.parametrize("words", [["fly"], ["race", "--speed", "3"], ["race", "--seeds", "many"]])
def test_unknown_words_end_with_the_usage(words):
    ended = command(*words)
    assert ended.returncode == 2
    assert "usage: nukarumi" in ended.stderr


def test_help_and_version():
    from nukarumi import __version__  # noqa: PLC0415
    from nukarumi.cli import parser  # noqa: PLC0415

    assert command("--version").stdout == f"nukarumi {__version__}\n"
    assert "race" in command().stdout
    shown = command("race", "--help")
    assert shown.returncode == 0
    assert "examples:" in shown.stdout
    race = parser()._subparsers._group_actions[0].choices["race"]
    silent = [action.dest for action in race._actions if action.dest != "help" and "default" not in action.help]
    assert not silent, "every option tells its default"


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from nukarumi.cli import main; main(['race', '--help']);"
        "heavy = {'rich', 'numba', 'sklearn', 'pandas', 'safetensors', 'multiprocessing', 'nukarumi.race'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr


def test_race_module_is_light():
    code = (
        "import sys, nukarumi.race;"
        "heavy = {'rich', 'numba', 'sklearn', 'pandas', 'safetensors', 'concurrent.futures.process'};"
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr


def test_closed_pipe_is_no_traceback(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-m", "nukarumi", *FAST, "--jobs", "1", "--json"], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        process.stdout.close()
        stderr = process.stderr.read()
        assert process.wait(60) == 141
    assert "Traceback" not in stderr
    assert "BrokenPipe" not in stderr


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
def test_ctrl_c_keeps_what_was_finished_and_resume_ends_it(tmp_path):
    words = ["race", "--optimizers", "sgd,adagrad", "--epochs", "4", "--seeds", "2", "--grid", "0.05,0.1"]
    words += ["--extend", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "nukarumi", *words, "--out", "part", "--jobs", "2"], cwd=tmp_path, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    end = time.monotonic() + 60
    while len(list((tmp_path / "part" / "runs").glob("*.json"))) < 3:
        assert time.monotonic() < end
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "Interrupted: this is what was finished." in out
    assert "--resume part" in out
    resumed = json.loads(command(*words, "--resume", "part", "--json", "--jobs", "1", cwd=tmp_path).stdout)
    whole = json.loads(command(*words, "--out", "whole", "--json", "--jobs", "1", cwd=tmp_path).stdout)
    assert resumed["standings"] == whole["standings"]
