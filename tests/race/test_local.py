"""Local workers: one thread each, named when they die, gone when the race is."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from race_fakes import die_at_three, double, threads

from nukarumi._errors import BadInput
from nukarumi.race import Local, RunError

SCRIPT = """
import sys
sys.path.insert(0, {here!r})
from race_fakes import Sgd, Toy
from nukarumi.race import RaceInterrupted, race

{guard}
    try:
        race(Toy, [Sgd], options={{"pause": 0.02}}, seeds=3, out={out!r})
    except RaceInterrupted as stopped:
        print(stopped.result.table())
        sys.exit(130)
"""


def script(tmp_path, guard='if __name__ == "__main__":'):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(here=str(Path(__file__).parent), out=str(tmp_path / "out"), guard=guard))
    return [sys.executable, str(path)]


def test_results_come_back_and_the_pool_is_kept():
    engine = Local(2)
    assert dict(engine.run(double, range(20))) == {number: 2 * number for number in range(20)}
    pool = engine._pool
    before = os.environ.get("OPENBLAS_NUM_THREADS")
    assert list(engine.run(threads, [0])) == [(0, ("1", "1"))]
    assert os.environ.get("OPENBLAS_NUM_THREADS") == before
    assert engine._pool is pool
    processes = engine._context.started
    engine.close()
    assert not any(process.is_alive() for process in processes)
    assert dict(engine.run(double, [4])) == {4: 8}, "a closed engine starts again"
    engine.close()


def test_guilty_task_is_named_and_its_neighbours_are_done():
    engine, done = Local(2), []
    with pytest.raises(RunError, match="the run 3 failed twice: its worker process died"):
        done.extend(task for task, _ in engine.run(die_at_three, range(8)))
    engine.close()
    assert 3 not in done
    assert {0, 1} <= set(done)


def test_abandoned_iterator_leaves_no_process():
    engine = Local(2)
    results = engine.run(double, range(50))
    next(results)
    processes = list(engine._context.started)
    results.close()
    assert processes
    assert not any(process.is_alive() for process in processes)


@pytest.mark.parametrize("processes", [0, -1, True, 1.5, "2"])
def test_bad_number_of_processes(processes):
    with pytest.raises(BadInput, match="processes must be"):
        Local(processes)


def children(pid):
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_or_killed_race_leaves_files_and_no_processes(tmp_path, how):
    process = subprocess.Popen(
        script(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_for(lambda: len(list((tmp_path / "out" / "runs").glob("*.json"))) >= 2)
    workers = children(process.pid)
    assert len(workers) >= 2
    os.killpg(process.pid, how) if how == signal.SIGINT else process.kill()
    out, err = process.communicate(timeout=30)
    if how == signal.SIGINT:
        assert process.returncode == 130, err
        assert "Interrupted: this is what was finished." in out
        assert "Traceback" not in err
        assert (tmp_path / "out" / "result.json").exists()
    wait_for(lambda: not any(alive(pid) for pid in workers))


def test_script_without_a_main_guard_ends_with_the_cure(tmp_path):
    ended = subprocess.run(script(tmp_path, "if True:"), capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert 'if __name__ == "__main__"' in ended.stderr.splitlines()[-1]
