"""Races on a cluster of three nodes: the numbers of one process, whoever dies on the way, and nothing left behind."""

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
import ray

from nukarumi._errors import BadInput
from nukarumi.cluster import Ray, connect
from nukarumi.race import RunError, Serial, race
from nukarumi.race.progress import Quiet

sys.path.insert(0, str(Path(__file__).parents[1] / "race"))

from race_fakes import Ada, Sgd, Toy, double, threads

# Ray's own: files that its test cluster opens for logs, and advice to those who ask for no GPU.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Tip. In future versions of Ray:FutureWarning"),
]
SETTINGS = {"grid": [0.05, 0.1], "extend": 0, "seeds": 2, "progress": False}


@pytest.fixture
def alone():
    """No connection: these tests look at how one begins."""
    assert not ray.is_initialized()


@pytest.fixture(scope="module")
def cluster():
    """Three nodes with one CPU each, and this process connected to the first."""
    from ray.cluster_utils import Cluster  # noqa: PLC0415

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    for _ in range(2):
        nodes.add_node(num_cpus=1)
    ray.init(address=nodes.address, log_to_driver=False, logging_level="ERROR")
    yield nodes
    ray.shutdown()
    nodes.shutdown()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def trails(folder):
    return {path.name: path.read_bytes() for path in (folder / "trails").iterdir()}


def standings(result):
    return result.to_dict()["standings"]


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


@pytest.mark.usefixtures("alone")
class TestBeforeConnecting:
    @pytest.mark.parametrize(
        ("address", "says"),
        [
            ("127.0.0.1:1", "refused"),
            ("nowhere.invalid:6379", "running Ray cluster"),
            ("127.0.0.1", "host:port"),
            ("127.0.0.1:many", "host:port"),
            ("127.0.0.1:99999999", "running Ray cluster"),
            ("ray://127.0.0.1:10001", "ray start"),
            (6379, "host:port"),
        ],
    )
    def test_address_that_cannot_be_reached(self, address, says):
        with pytest.raises(BadInput, match=says):
            list(Ray(address).run(double, [1]))

    def test_address_that_accepts_and_never_answers(self):
        with socket.create_server(("127.0.0.1", 0)) as mute:
            address = f"127.0.0.1:{mute.getsockname()[1]}"
            with pytest.raises(BadInput, match="no answer within 2 s"):
                list(Ray(address, seconds=2).run(double, [1]))

    def test_without_ray(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "ray", None)
        with pytest.raises(BadInput, match=r"pip install 'nukarumi\[cluster\]'"):
            list(Ray().run(double, [1]))

    @pytest.mark.parametrize("wrong", [{"cpus": 0}, {"cpus": True}, {"cpus": 1.5}, {"seconds": 0}, {"seconds": "2"}])
    def test_numbers_out_of_range(self, wrong):
        with pytest.raises(BadInput, match=f"{next(iter(wrong))} must be"):
            Ray(**wrong)

    def test_an_unused_engine_closes_and_nothing_to_do_starts_nothing(self):
        engine = Ray()
        assert list(engine.run(double, [])) == []
        engine.close()
        assert not ray.is_initialized()

    def test_ray_is_imported_when_it_is_wanted_and_not_before(self):
        look = "import sys; from nukarumi.cluster import Ray; engine = Ray(); print('ray' in sys.modules)"
        seen = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
        assert seen.stdout == "False\n"

    def test_address_without_the_engine(self, tmp_path):
        ended = subprocess.run(
            [sys.executable, "-m", "nukarumi", "race", "--address", "auto"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 2
        assert "--engine ray" in ended.stderr

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
    def test_ctrl_c_and_resume_through_the_shell(self, tmp_path):
        short = Path("/tmp") / f"nk{os.getpid()}"  # Ray's sockets need short names
        short.mkdir()
        words = [sys.executable, "-m", "nukarumi", "race", "--optimizers", "sgd,adagrad", "--epochs", "1",
                 "--seeds", "30", "--grid", "0.05,0.1", "--extend", "0", "--quiet"]  # fmt: skip

        def ours():
            found = []
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes().replace(b"\0", b" ").decode()
                except OSError:
                    continue
                if f"{short}/nkr-" in line:
                    found.append(line)
            return found

        first = subprocess.Popen(
            [*words, "--engine", "ray", "--jobs", "1", "--out", "mine"], cwd=tmp_path, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"TMPDIR": str(short)},
        )  # fmt: skip
        wait_for(lambda: len(list((tmp_path / "mine" / "runs").glob("*.json"))) >= 2)
        heads = [line for line in ours() if "gcs_server" in line]
        first.send_signal(signal.SIGINT)
        out, err = first.communicate(timeout=60)
        assert first.returncode == 130, err
        assert "Interrupted: this is what was finished." in out
        assert "Traceback" not in err
        assert len(heads) == 1
        assert "--node-ip-address=127.0.0.1" in heads[0], "it must not listen on the network"
        wait_for(lambda: not ours(), 20)
        assert list(short.iterdir()) == []
        short.rmdir()
        done = len(list((tmp_path / "mine" / "runs").glob("*.json")))
        assert 2 <= done < 72
        for more in (["--resume", "mine"], ["--out", "undisturbed"]):
            ended = subprocess.run(
                [*words, *more, "--jobs", "1"], cwd=tmp_path, capture_output=True, text=True, check=False
            )
            assert ended.returncode == 0, ended.stderr
        for part in ("runs", "trails"):
            files = {path.name: path.read_bytes() for path in (tmp_path / "mine" / part).iterdir()}
            assert files == {path.name: path.read_bytes() for path in (tmp_path / "undisturbed" / part).iterdir()}


def test_equal_bits_and_trails_and_the_session_is_left_alone(cluster, tmp_path):
    problem = Toy(size=5000)  # its data are large enough to be stored once on the cluster
    engine = Ray()
    there = race(problem, [Sgd, Ada], engine=engine, out=tmp_path / "ray", **SETTINGS)
    engine.close()
    assert ray.is_initialized()
    here = race(problem, [Sgd, Ada], engine=Serial(), out=tmp_path / "serial", **SETTINGS)
    assert standings(there) == standings(here)
    assert trails(tmp_path / "ray") == trails(tmp_path / "serial")
    assert len(trails(tmp_path / "ray")) == 4


def test_one_thread_a_worker_and_classes_of_the_script_travel(cluster):
    engine = Ray()
    assert dict(engine.run(threads, [0])) == {0: ("1", "1")}
    assert sorted(engine.run(lambda number: number + 1, range(5))) == [(n, n + 1) for n in range(5)]


def test_large_problem_travels_once(cluster):
    problem, stored = Toy(size=5000), []
    put = ray.put
    ray.put = lambda value: stored.append(value) or put(value)
    try:
        results = list(Ray().run(lambda pair: len(pair[1].y), [(n, problem) for n in range(8)]))
    finally:
        ray.put = put
    assert [result for _, result in results] == [25000] * 8
    assert sum(isinstance(value, bytes) and len(value) > 100_000 for value in stored) == 1


def test_killed_worker_is_replaced(cluster, tmp_path):
    flag = tmp_path / "flag"

    def die_once(number):
        if number == 3 and not flag.exists():
            flag.touch()
            os._exit(1)
        return number

    assert sorted(Ray().run(die_once, range(6))) == [(n, n) for n in range(6)]
    assert flag.exists()


def test_task_that_kills_every_worker_is_named(cluster):
    def die_at_three(number):
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    with pytest.raises(RunError, match=r"the run 3 lost its worker process 4 times, the last time with"):
        list(Ray().run(die_at_three, range(3, 5)))


def test_task_that_raises_is_done_once_more_and_then_named(cluster, tmp_path):
    def stumble(name):
        path = tmp_path / name
        path.write_text(path.read_text() + "x" if path.exists() else "x")
        if name == "always" or path.read_text() == "x":
            raise ZeroDivisionError("on purpose")
        return path.read_text()

    assert list(Ray().run(stumble, ["once"])) == [("once", "xx")]
    with pytest.raises(RunError, match="the run always failed twice: ZeroDivisionError: on purpose") as caught:
        list(Ray().run(stumble, ["always"]))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert (tmp_path / "always").read_text() == "xx"


def test_refusal_passes_at_once(cluster, tmp_path):
    def refuse(number):
        (tmp_path / f"{time.time_ns()}").touch()
        raise BadInput("a rule", number, "a cure")

    with pytest.raises(BadInput, match=r"a rule. Received: 7. Cure: a cure."):
        list(Ray().run(refuse, [7]))
    assert len(list(tmp_path.iterdir())) == 1


def test_error_that_cannot_travel_leaves_its_words(cluster):
    def awkward(number):
        error = ValueError("unhappy")
        error.file = sys.stdout
        raise error

    with pytest.raises(RunError, match="ValueError: unhappy"):
        list(Ray().run(awkward, [1]))


def test_abandoned_iterator_leaves_no_work(cluster):
    def slow(number):
        time.sleep(0.0 if number == 0 else 600.0)
        return number

    total = ray.cluster_resources()["CPU"]
    for _ in range(8):  # with warm workers, about every third time a cancellation meets its task on the way out
        results = Ray().run(slow, range(6))
        assert next(results) == (0, 0)
        results.close()
        wait_for(lambda: ray.available_resources().get("CPU") == total, 30)


def test_versions_that_differ_are_refused(cluster, monkeypatch):
    monkeypatch.setattr(connect, "own_versions", lambda: {"Python": "3.11.7", "NumPy": "1.0.0", "nukarumi": "9.9"})
    with pytest.raises(BadInput, match=r"every node must have the driver's versions. Received: node .* has .*NumPy "):
        list(Ray().run(double, [1]))


def test_head_that_stops_answering_is_named_within_the_limit():
    """The real one takes its time, and Ray ends a process that has lost its head; so a mute one stands in."""
    never = threading.Event()
    mute = SimpleNamespace(
        get_runtime_context=lambda: SimpleNamespace(gcs_address="10.0.0.1:6379"), nodes=never.wait, shutdown=never.wait
    )
    session = connect.Session(mute, owned=False, folder=None, seconds=0.1)
    with pytest.raises(connect.ClusterError, match=r"head \(10.0.0.1:6379\) did not answer within 0.1 s"):
        session.cpus()
    assert session.lost
    never.set()
    session.close()


def test_missing_package_is_named():
    with pytest.raises(BadInput, match=r"nukarumi missing in place of 9.9.* pip install nukarumi==9.9"):
        connect.compare({"nukarumi": "9.9"}, {"nukarumi": None}, "node 10.0.0.7")


def test_another_cluster_than_the_connected_one_is_refused(cluster):
    with pytest.raises(BadInput, match="can be connected to one cluster only"):
        list(Ray("127.0.0.1:1").run(double, [1]))


def test_node_removed_in_the_middle_and_another_that_comes(cluster):
    """The last test with the cluster, because it changes it."""

    class Remover(Quiet):
        runs = 0

        def done(self, label, best):
            self.runs += 1
            if self.runs == 2:
                cluster.remove_node(cluster.list_all_nodes()[-1])
            if self.runs == 5:
                cluster.add_node(num_cpus=1)

    progress = Remover()
    given = {**SETTINGS, "options": {"pause": 0.02}, "out": False, "progress": progress}
    there = race(Toy, [Sgd, Ada], engine=Ray(), **given)
    assert progress.runs == 16
    wait_for(lambda: sum(not node["Alive"] for node in ray.nodes()) == 1)
    here = race(Toy, [Sgd, Ada], engine=Serial(), **{**given, "progress": False, "options": {"pause": 0.0}})
    assert standings(there) == standings(here)
